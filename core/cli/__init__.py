"""The command line, `python -m core VERB`: everything the dashboard does, without a browser."""

from core.cli.main import main

__all__ = ["main"]
