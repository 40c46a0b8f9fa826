"""Types of the arguments of the command line."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from core.base.files import path_of

_MAX_ROWS = 1_000_000
"""More rows are written to a file rather than printed."""
_MAX_PORT = 65_535


def text_argument(text: str) -> str:
    """Return the text of an argument, which must not be empty.

    Raises:
        argparse.ArgumentTypeError: the text is empty, for example because a shell variable is not set.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def rows_argument(text: str) -> int:
    """Return a number of rows to show, from 0 to `_MAX_ROWS`; see `_whole_number`."""
    return _whole_number(text, _MAX_ROWS)


def port_argument(text: str) -> int:
    """Return a port, from 0 to 65535; see `_whole_number`."""
    return _whole_number(text, _MAX_PORT)


def _whole_number(text: str, largest: int) -> int:
    """Return a number from 0 to `largest`.

    Raises:
        argparse.ArgumentTypeError: the text is no such number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(largest)) and int(text) <= largest):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {largest:,}")
    return int(text)


def rate_argument(text: str) -> float:
    """Return a number of events a second.

    Raises:
        argparse.ArgumentTypeError: it is not a finite number of 0 or more.
    """
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate >= 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number of 0 or more")
    return rate


def path_argument(text: str) -> Path:
    """Return a path, with a leading `~` expanded; see `text_argument`."""
    return path_of(text_argument(text))
