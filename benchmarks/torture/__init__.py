"""Stress tests that take too long for the test suite; one module per part."""
