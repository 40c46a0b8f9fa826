"""Comparison with AutoML tools, each installed in its own environment."""
