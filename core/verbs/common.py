"""What verbs share: where they write, what they are given, how far they are."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from core import ingestion
from core.dataset import Dataset, list_datasets
from core.errors import RunError, SettingError
from core.ingestion.mapping import Mapping, load_mapping
from core.progress import Moment
from core.workspace import Workspace

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


def required(value: object, name: str, allowed: str) -> None:
    if value is None:
        raise SettingError.missing(name, allowed)


def input_files(options: argparse.Namespace) -> ingestion.InputFiles:
    for name in ("train", "test"):
        required(getattr(options, name), f"--{name}", "the path of an event file, or the address of a database")
    return ingestion.InputFiles(
        ingestion.source_of(options.train, options.train_query, "--train-query"),
        ingestion.source_of(options.test, options.test_query, "--test-query"),
        options.sample_submission,
        mapping=mapping_of(options),
    )


def mapping_of(options: argparse.Namespace) -> Mapping:
    return load_mapping(options.mapping) if options.mapping else Mapping()


def dataset_named(workspace: Workspace, name: str) -> Dataset:
    known = list_datasets(workspace)
    matches = [dataset for dataset in known if dataset.fingerprint.startswith(name)]
    if len(matches) != 1:
        raise RunError.unknown("dataset", name, [dataset.fingerprint[:12] for dataset in known])
    return matches[0]


@contextlib.contextmanager
def bar(title: str, *, shown: bool) -> Iterator[Callable[..., None]]:
    """A progress bar on a terminal, nothing elsewhere; gives the function that takes the fraction done."""
    with tqdm(total=1.0, desc=title, disable=None if shown else True, leave=False, bar_format=_BAR) as bar:

        def advance(fraction: float, text: str | None = None) -> None:
            if text is not None:
                bar.set_description_str(text, refresh=False)
            bar.update(max(fraction - bar.n, 0.0))

        yield advance


def watching(advance: Callable[[float, str], None]) -> Callable[[Moment], None]:
    def watch(moment: Moment) -> None:
        advance(moment.fraction, moment.detail or moment.label)

    return watch
