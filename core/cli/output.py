"""Output of verbs: their outcome, progress bars, and errors of files that cannot be written."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from core.base.progress import ProgressUpdate
from core.errors import RunError

EXIT_DONE, EXIT_CHECK_FAILED = 0, 1
Outcome = tuple[int, dict[str, Any], str]
"""Outcome of a verb: exit code, JSON object, and text."""
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_BAR = "{desc:32} {percentage:3.0f} % |{bar}| {elapsed}, {remaining} left"


@contextlib.contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Raise a `RunError` that names the path if the block cannot write its files."""
    try:
        yield
    except OSError as error:
        raise RunError.not_writable(path, error.strerror or str(error)) from error
    except pl.exceptions.ComputeError as error:  # Polars reports a full disk so
        match = _OS_ERROR.search(str(error))
        if not match:
            raise
        raise RunError.not_writable(path, os.strerror(int(match[1]))) from error


@contextlib.contextmanager
def bar(title: str, *, shown: bool) -> Iterator[Callable[..., None]]:
    """Show a progress bar if the output is a terminal, and yield a function of the fraction done and a text."""
    with tqdm(total=1.0, desc=title, disable=None if shown else True, leave=False, bar_format=_BAR) as bar:

        def advance(fraction: float, text: str | None = None) -> None:
            if text is not None:
                bar.set_description_str(text, refresh=False)
            bar.update(max(fraction - bar.n, 0.0))

        yield advance


@contextlib.contextmanager
def run_progress(options: argparse.Namespace) -> Iterator[Callable[[ProgressUpdate], None]]:
    """Yield a function that shows the progress of a run as a bar, as JSON lines, or not at all (`--progress`)."""
    if options.progress == "json":
        yield lambda update: print(json.dumps({"progress": asdict(update)}, ensure_ascii=False), flush=True)  # noqa: T201
        return
    with bar("Run", shown=not options.json and options.progress != "none") as advance:
        yield lambda update: advance(update.fraction, update.detail or update.label)
