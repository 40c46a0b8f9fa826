"""Assemble sessions from rows: partition and sort them, remove duplicates, number units, and compute values."""
