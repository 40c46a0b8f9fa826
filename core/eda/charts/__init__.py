"""Charts of the Explore page, one module per chart."""
