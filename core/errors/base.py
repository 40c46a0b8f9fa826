"""What all errors that a person can mend have in common, and how things are named in a sentence."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[object], most: int = 8) -> str:
    """Name things for a sentence: `a, b and 3 more`."""
    items = [str(name) for name in names]
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"


class StudioError(Exception):
    """Base of all errors that a person can mend. `exit_code` is what the command line returns."""

    exit_code = 2


class Cancelled(StudioError):
    """A person asked the work to stop; nothing is wrong."""

    exit_code = 130
