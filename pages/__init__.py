"""The pages of the dashboard. Each asks core and shows; none computes."""
