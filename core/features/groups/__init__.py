"""The feature groups, one file each: their features, and how these are computed from a `SessionLog`."""
