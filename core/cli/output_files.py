"""Errors of files that a verb writes: they exist already, or cannot be written."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from core.errors import RunError

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
"""Polars has the number of an error of the operating system only in its text."""


def refuse_existing(*paths: Path) -> None:
    """Raise a `RunError` if one of the paths exists, or cannot be a path at all, such as a name that is too long."""
    for path in paths:
        with writing_to(path):
            exists = path.exists()
        if exists:
            raise RunError.file_exists(path)


def require_new_file(path: Path) -> None:
    """Raise a `RunError` if the path exists or no file can be written there. Call it before the work for the file."""
    refuse_existing(path)
    with writing_to(path), tempfile.TemporaryFile(dir=path.parent):
        pass


@contextlib.contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Raise a `RunError` that names the path if the block cannot write its files."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:  # Polars reports a full disk as the second
        match = _OS_ERROR.search(str(error))
        if match:
            reason = os.strerror(int(match[1]))
        elif isinstance(error, OSError):
            reason = error.strerror or str(error)
        else:
            raise
        raise RunError.not_writable(path, reason) from error
