"""Progress bars of verbs."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Protocol

from tqdm import tqdm

from core.base.progress import ProgressUpdate, Report
from core.base.text import duration, printable
from core.cli.output import show

_BAR_FORMAT = "{desc:32} {percentage:3.0f} % |{bar}| {elapsed}, {remaining} left"
_RUN_BAR_FORMAT = "{desc:32} {percentage:3.0f} % |{bar}| {elapsed}{postfix}"
"""The bar of a run shows the run's own estimate of the time left, which knows how long its steps usually take."""


class Advance(Protocol):
    """Function that advances a progress bar, see `__call__`."""

    def __call__(self, fraction: float, title: str | None = None, note: str | None = None) -> None:
        """Advance the bar.

        Args:
            fraction: share of the work that is done, 0 to 1.
            title: new title of the bar; None to keep it.
            note: text at the end of the line; None for no text.
        """


@contextlib.contextmanager
def progress_bar(title: str, options: argparse.Namespace, bar_format: str = _BAR_FORMAT) -> Iterator[Advance]:
    """Show a progress bar on a terminal, and yield the function that advances it.

    No bar is shown with --json, or if --progress is not "bar".
    """
    is_wanted = not options.json and getattr(options, "progress", "bar") == "bar"
    disable = None if is_wanted else True  # None: disabled unless the error stream is a terminal
    with tqdm(total=1.0, desc=printable(title), disable=disable, leave=False, bar_format=bar_format) as bar:

        def advance(fraction: float, title: str | None = None, note: str | None = None) -> None:
            if note is not None:
                bar.set_postfix_str(note, refresh=False)
            if title is not None:
                bar.set_description_str(printable(title), refresh=False)
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
