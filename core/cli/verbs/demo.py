"""Verbs that write event files: demo, journey."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from core import ingestion
from core.base.text import listed
from core.base.workspace import Workspace
from core.cli.output import Outcome, progress_bar, refuse_existing, writing_to
from core.demo import write_demo
from core.demo.files import MAPPING_FILE
from core.demo.journey import write_journey

_DEMO_FILES = ("train.csv", "test.csv", "sample_submission.csv", "truth.csv")


def demo(options: argparse.Namespace) -> Outcome:
    """Write synthetic event files."""
    refuse_existing(*(options.out / name for name in _DEMO_FILES))
    with progress_bar("Simulating a shop", options) as advance, writing_to(options.out):
        summary = write_demo(
            options.out,
            sessions=options.sessions,
            seed=options.seed,
            own_columns=options.own_columns,
            progress=advance,
        )
    ingestion.remember(Workspace.from_environment(), options.out / "train.csv")
    text = f"Synthetic event files are in {options.out}: {listed(_DEMO_FILES)}.{_mapping_text(options)}"
    return Outcome(asdict(summary) | {"out": str(options.out)}, text)


def journey(options: argparse.Namespace) -> Outcome:
    """Write event files of real baskets."""
    refuse_existing(*(options.out / name for name in _DEMO_FILES))
    with writing_to(options.out):
        summary = write_journey(
            options.out,
            sessions=options.sessions,
            seed=options.seed,
            prefix=options.prefix,
            own_columns=options.own_columns,
        )
    text = f"Event files of real baskets are in {options.out}: {listed(_DEMO_FILES)}.{_mapping_text(options)}"
    return Outcome(asdict(summary) | {"out": str(options.out)}, text)


def _mapping_text(options: argparse.Namespace) -> str:
    if not options.own_columns:
        return ""
    return f" To use their own columns, add --mapping {options.out / MAPPING_FILE} when you read them."
