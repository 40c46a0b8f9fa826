"""Response times of the dashboard in a real Chromium."""
