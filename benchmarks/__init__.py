"""Measurements behind docs/benchmarks.md. Each module is a program: `python -m benchmarks.NAME --help`."""
