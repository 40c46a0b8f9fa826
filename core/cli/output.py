"""Outcomes of verbs, progress bars, and errors of files that exist or cannot be written."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import polars as pl
from tqdm import tqdm

from core.base.progress import ProgressUpdate, Report
from core.base.text import duration, printable
from core.check_result import CheckResult
from core.errors import RunError

EXIT_DONE, EXIT_CHECK_FAILED = 0, 1
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_BAR_FORMAT = "{desc:32} {percentage:3.0f} % |{bar}| {elapsed}, {remaining} left"
_RUN_BAR_FORMAT = "{desc:32} {percentage:3.0f} % |{bar}| {elapsed}{postfix}"
"""The bar of a run shows the run's own estimate of the time left, which knows how long its steps usually take."""


class Outcome(NamedTuple):
    """Outcome of a verb. With --json, `content` is printed as a JSON object; without it, `text` is printed."""

    content: dict[str, Any]
    text: str
    exit_code: int = EXIT_DONE


def show(text: str, stream: TextIO | None = None) -> None:
    """Print a text on a stream (default: standard output). Texts from files cannot control the terminal."""
    print(printable(text), file=stream, flush=True)


def check_line(result: CheckResult) -> str:
    """Return the line of a check: its outcome, title and explanation."""
    if result.outcome == "failed":
        mark = "WARNING" if result.severity == "warning" else "FAILED"
    else:
        mark = "passed" if result.outcome == "passed" else "-"
    return f"{mark:7} {result.title}: {result.explanation}".removesuffix(": ")


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
        match = _OS_ERROR.search(str(error))  # the errors of Polars have the number in their text only
        if match:
            reason = os.strerror(int(match[1]))
        elif isinstance(error, OSError):
            reason = error.strerror or str(error)
        else:
            raise
        raise RunError.not_writable(path, reason) from error


@contextlib.contextmanager
def progress_bar(
    title: str, options: argparse.Namespace, bar_format: str = _BAR_FORMAT
) -> Iterator[Callable[..., None]]:
    """Show a progress bar on a terminal, and yield a function that advances it.

    The function takes the finished share, an optional new title and an optional note for the end of the line.

    There is no bar with --json, or with another --progress than bar.
    """
    is_wanted = not options.json and getattr(options, "progress", "bar") == "bar"
    disable = None if is_wanted else True  # None: disabled unless the error stream is a terminal
    with tqdm(total=1.0, desc=printable(title), disable=disable, leave=False, bar_format=bar_format) as bar:

        def advance(fraction: float, new_title: str | None = None, note: str | None = None) -> None:
            if note is not None:
                bar.set_postfix_str(note, refresh=False)
            if new_title is not None:
                bar.set_description_str(printable(new_title), refresh=False)
            bar.update(max(fraction - bar.n, 0.0))

        yield advance


@contextlib.contextmanager
def step_progress(title: str, options: argparse.Namespace) -> Iterator[Report]:
    """Show the progress of one step as a bar, and yield the callback that the step calls."""
    with progress_bar(title, options) as advance:
        yield lambda part, parts, text: advance(part / max(parts, 1), text)


@contextlib.contextmanager
def run_progress(options: argparse.Namespace) -> Iterator[Callable[[ProgressUpdate], None]]:
    """Yield a function that shows the progress of a run as a bar, as JSON lines, or not at all (`--progress`)."""
    if options.progress == "json":
        yield lambda update: show(json.dumps({"progress": asdict(update)}, ensure_ascii=False))
        return
    with progress_bar("Run", options, _RUN_BAR_FORMAT) as advance:
        yield lambda update: advance(update.fraction, update.detail or update.label, _time_left(update))


def _time_left(update: ProgressUpdate) -> str:
    return "" if update.seconds_left is None else f"about {duration(update.seconds_left)} left"
