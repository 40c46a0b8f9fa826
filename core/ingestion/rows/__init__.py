"""What rows mean: cells become codes, epoch seconds and numbers, and unusable rows go to the quarantine."""
