"""Foundations: atomic files, the workspace, checkpoints, processes, progress and text."""
