"""What everything else rests on: atomic files, the workspace, checkpoints, processes, progress, text."""
