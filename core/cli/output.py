"""What a verb tells: how far it is, how it ended, and why a file could not be written."""

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
"""Exit code, the JSON object, and the same in words."""
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_BAR = "{desc:32} {percentage:3.0f} % |{bar}| {elapsed}, {remaining} left"


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError.not_writable(folder, error.strerror or str(error)) from error
    except pl.exceptions.ComputeError as error:  # how Polars tells that a disk is full
        found = _OS_ERROR.search(str(error))
        if not found:
            raise
        raise RunError.not_writable(folder, os.strerror(int(found[1]))) from error


@contextlib.contextmanager
def bar(title: str, *, shown: bool) -> Iterator[Callable[..., None]]:
    """A progress bar on a terminal, nothing elsewhere; gives the function that takes the fraction done."""
    with tqdm(total=1.0, desc=title, disable=None if shown else True, leave=False, bar_format=_BAR) as bar:

        def advance(fraction: float, text: str | None = None) -> None:
            if text is not None:
                bar.set_description_str(text, refresh=False)
            bar.update(max(fraction - bar.n, 0.0))

        yield advance


def watching(advance: Callable[[float, str], None]) -> Callable[[ProgressUpdate], None]:
    def watch(moment: ProgressUpdate) -> None:
        advance(moment.fraction, moment.detail or moment.label)

    return watch


@contextlib.contextmanager
def progress_of(options: argparse.Namespace) -> Iterator[Callable[[ProgressUpdate], None]]:
    """A run's progress as it was asked for: a bar on a terminal, or one JSON object a line."""
    if options.progress == "json":
        yield lambda moment: print(json.dumps({"progress": asdict(moment)}, ensure_ascii=False), flush=True)  # noqa: T201
        return
    with bar("Run", shown=not options.json and options.progress != "none") as advance:
        yield watching(advance)
