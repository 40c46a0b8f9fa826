"""The command line, `python -m core VERB`, which does everything that the dashboard does, without a browser."""

from core.base.allocator import keep_freed_memory

keep_freed_memory()  # before Polars is loaded

from core.cli.main import main  # noqa: E402

__all__ = ["main"]
