"""What pages share: the frame around them, cached results of `core`, forms, tables, and the progress of jobs."""
