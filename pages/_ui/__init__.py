"""What pages share: the frame around them, cached questions to core, a job's progress."""
