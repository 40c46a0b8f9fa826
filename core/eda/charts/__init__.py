"""One file per chart of the Explore page."""
