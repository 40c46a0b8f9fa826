"""Verbs that write event files: demo, journey."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from core import ingestion
from core.base.text import listed
from core.base.workspace import Workspace
from core.cli.output import Outcome
from core.cli.output_files import refuse_existing, writing_to
from core.cli.progress_bars import progress_bar
from core.demo import write_demo
from core.demo.files import MAPPING_FILE
from core.demo.journey import PRODUCTS_FILE, USERS_FILE, write_journey

_DEMO_FILES = ("train.csv", "test.csv", "sample_submission.csv", "truth.csv")


def demo(options: argparse.Namespace) -> Outcome:
    """Write synthetic event files."""
    _refuse_existing(options, MAPPING_FILE)
    with progress_bar("Simulating a shop", options) as advance, writing_to(options.out):
        summary = write_demo(
            options.out,
            sessions=options.sessions,
            seed=options.seed,
            own_columns=options.own_columns,
            progress=advance,
        )
    ingestion.remember(Workspace.from_environment(), options.out / "train.csv")
    text = f"Synthetic event files are in {options.out}: {listed(_DEMO_FILES)}.{_own_text(options)}"
    return Outcome(asdict(summary) | {"out": str(options.out)}, text)


def journey(options: argparse.Namespace) -> Outcome:
    """Write event files of real baskets."""
    _refuse_existing(options, MAPPING_FILE, PRODUCTS_FILE, USERS_FILE)
    with writing_to(options.out):
        summary = write_journey(
            options.out,
            sessions=options.sessions,
            seed=options.seed,
            prefix=options.prefix,
            own_columns=options.own_columns,
        )
    tables = f"--products {options.out / PRODUCTS_FILE} --users {options.out / USERS_FILE}"
    text = f"Event files of real baskets are in {options.out}: {listed(_DEMO_FILES)}.{_own_text(options, tables)}"
    return Outcome(asdict(summary) | {"out": str(options.out)}, text)


def _refuse_existing(options: argparse.Namespace, *own_files: str) -> None:
    """Raise a `RunError` if a file that will be written exists; `own_files` are those of the own columns."""
    names = (*_DEMO_FILES, *own_files) if options.own_columns else _DEMO_FILES
    refuse_existing(*(options.out / name for name in names))


def _own_text(options: argparse.Namespace, tables: str = "") -> str:
    """Return a sentence on how to use the own columns; `tables` are the options for tables, if there are any."""
    if not options.own_columns:
        return ""
    arguments = f"--mapping {options.out / MAPPING_FILE}{f' {tables}' if tables else ''}"
    return f" To use their extra columns, add {arguments} when you read them."
