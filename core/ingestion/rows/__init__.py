"""Parse the cells of rows to codes, epoch seconds and numbers, and quarantine rows that cannot be used."""
