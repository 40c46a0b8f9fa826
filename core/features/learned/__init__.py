"""Feature columns that are learned from session values, always inside the fold."""
