"""One run from event files to a checked submission, and what is done with a stored run."""
