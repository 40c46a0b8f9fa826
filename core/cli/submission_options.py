"""Options of the verbs about submission files: check, compare, blend and submissions."""

from __future__ import annotations

import argparse

from core.base.number_format import MARKS
from core.cli.argument_types import path_argument, text_argument

_ACTIONS = {
    "list": "all entries, newest first",
    "rank": "all files on the dataset of a run, with the best expected score first",
    "record": "add a file that you submitted",
    "score": "set the score that the host returned for an entry",
    "submit": "submit a file with the competition's command-line client, and record it",
}


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the sessions to predict: a run, or event files."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--test", type=path_argument, help="Event file with the sessions that the submission predicts.")
    source.add_argument(
        "--run",
        type=text_argument,
        help="Id, its first characters, or folder of a run on the dataset whose sessions the submission predicts.",
    )
    parser.add_argument(
        "--sample-submission", type=path_argument, help="File with the expected sessions, in the expected order."
    )
    parser.add_argument(
        "--mapping",
        help="Mapping of the test file (only with --test): a TOML file, or the name of an included mapping.",
    )


def add_check_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb check."""
    parser.add_argument(
        "submission",
        type=text_argument,
        help="The submission file, or the id of a run or blend, or its first characters.",
    )
    add_target(parser)
    repairs = parser.add_mutually_exclusive_group()
    repairs.add_argument(
        "--repair",
        type=path_argument,
        metavar="FILE",
        help="Write a repaired file: what is safe to change, such as separators, order and known values.",
    )
    repairs.add_argument(
        "--preview-repair", action="store_true", help="Show what a repair would change, without writing a file."
    )
    for column, what in (("id", "session ids"), ("value", "values")):
        parser.add_argument(
            f"--{column}-column",
            metavar="COLUMN",
            help=f"Name or number (from 1) of the column of the {what}, if a repair cannot find it.",
        )
    _add_marks(parser)


def add_compare_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb compare."""
    _add_files(parser)


def add_blend_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb blend."""
    _add_files(parser)
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--equal", action="store_true", help="Give each file the same weight.")
    weights.add_argument("--weights", type=float, nargs="+", metavar="W", help="One weight for each file, 0 or more.")
    weights.add_argument(
        "--out-of-fold",
        action="store_true",
        help="Find the weights on the out-of-fold predictions of the runs that wrote the files.",
    )
    weights.add_argument(
        "--scores",
        type=float,
        nargs="*",
        metavar="MSE",
        help="Find the weights from the mean squared error that the host returned for each file; without numbers, from "
        "the returned scores in the log. If the host scores only a part of the test file, the weights fit that part. "
        "The rules of a competition may forbid this.",
    )
    parser.add_argument(
        "--score-of-zeros",
        type=float,
        metavar="MSE",
        help="Mean squared error that the host returned for a file of zeros (only with --scores). Without it, the "
        "weights add up to 1.",
    )
    parser.add_argument("--out", type=path_argument, help="Path of a copy of the blended file.")


def _add_files(parser: argparse.ArgumentParser) -> None:
    """Add several submissions, the sessions that they predict, and their marks."""
    parser.add_argument(
        "submissions",
        type=text_argument,
        nargs="+",
        help="Two or more files, or ids of runs or blends, or their first characters.",
    )
    add_target(parser)
    _add_marks(parser, nargs="+", addition=" One for all files, or one for each.")


def _add_marks(parser: argparse.ArgumentParser, nargs: str | None = None, addition: str = "") -> None:
    parser.add_argument(
        "--marks",
        choices=MARKS,
        nargs=nargs,
        metavar="EXAMPLE",
        help="What the marks in the values mean, by example, if the file does not show it: one of "
        f"{'; '.join(MARKS)}. Files of runs and blends are read as they were written.{addition}",
    )


def add_submissions_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb submissions."""
    text = "; ".join(f"{name}: {description}" for name, description in _ACTIONS.items())
    parser.add_argument("action", nargs="?", default="list", choices=list(_ACTIONS), help=f"{text}. Default: list.")
    parser.add_argument(
        "name",
        type=text_argument,
        nargs="?",
        help="The file, or the id of a run or blend (record, submit); the id of an entry (score).",
    )
    parser.add_argument(
        "--run",
        type=text_argument,
        help="Id, its first characters, or folder of the run to check the file against (record, submit) or "
        "whose dataset is meant (rank).",
    )
    parser.add_argument("--returned", type=float, metavar="SCORE", help="The score that the host returned.")
    parser.add_argument("--note", default="", help="A remark.")
    parser.add_argument("--competition", help="Name of the competition (submit).")
    parser.add_argument("--wait", action="store_true", help="Wait for the returned score (submit).")
    parser.add_argument("--all-the-same", action="store_true", help="Submit a file although a blocking check failed.")
