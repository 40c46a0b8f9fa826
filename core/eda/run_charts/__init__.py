"""Charts of a run, on the Train and Importance pages, one module per chart."""
