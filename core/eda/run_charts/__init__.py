"""One file per chart of a run, on the Train and Importance pages."""
