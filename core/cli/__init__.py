"""The command line, `python -m core VERB`, which does everything that the dashboard does, without a browser."""

from core.cli.main import main

__all__ = ["main"]
