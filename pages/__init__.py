"""The pages of the dashboard. They show what `core` computes."""
