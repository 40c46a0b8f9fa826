"""Types of the arguments of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.base.files import path_of


def text_argument(text: str) -> str:
    """Return the text of an argument, which must not be empty.

    Raises:
        argparse.ArgumentTypeError: the text is empty, for example because a shell variable is not set.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def path_argument(text: str) -> Path:
    """Return a path, with a leading `~` expanded; see `text_argument`."""
    return path_of(text_argument(text))
