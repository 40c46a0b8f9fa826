"""The pipeline: one run from event files to a checked submission, and the verification of a stored run."""
