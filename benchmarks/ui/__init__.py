"""Measured in a real Chromium: how long a person waits."""
