"""Foundations: atomic files, the workspace, checkpoints, processes, cores, progress and text."""
