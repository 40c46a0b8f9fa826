"""The feature groups, one file each: which features there are and how each is computed from a `SessionLog`."""
