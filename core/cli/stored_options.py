"""Options of the verbs that list and manage stored datasets, uploads, runs and jobs."""

from __future__ import annotations

import argparse

from core.base.number_format import MARKS

DATASET_HELP = "Fingerprint of a stored dataset, or its first characters (see `datasets list`)."
_DATASET_ACTIONS = {
    "list": "all datasets with their size",
    "note": "show or change a dataset's name and note",
    "pin": "list it before the others in the dashboard",
    "unpin": "list it by its age again",
    "currency": "show or change the currency and the marks in numbers",
    "delete": "delete a dataset; its runs are kept",
}
_UPLOAD_ACTIONS = {"list": "uploads that did not become a dataset", "delete": "delete an upload"}
_RUN_ACTIONS = {
    "list": "all runs",
    "show": "scores and settings of one run",
    "compare": "settings, fold scores, features and timings of two runs",
    "verify": "check hashes and versions, and predict again with the stored models",
    "note": "show or change a run's name and note",
    "pin": "list it before the others in the dashboard",
    "unpin": "list it by its age again",
    "delete": "delete a run",
}
JOB_ACTIONS = {
    "list": "all jobs",
    "show": "one job with its log",
    "stop": "end tuning and finish with the best parameters so far",
    "cancel": "end the job and delete its work",
    "resume": "continue a failed, cancelled or lost job",
    "first": "move it to the front of the queue",
    "up": "move it one place forward",
    "down": "move it one place back",
}


def add_action(parser: argparse.ArgumentParser, actions: dict[str, str]) -> None:
    """Add the argument that names what to do; `actions` is action -> description."""
    text = "; ".join(f"{name}: {description}" for name, description in actions.items())
    parser.add_argument("action", choices=list(actions), help=f"{text}.")


def add_datasets_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb datasets."""
    _add_deletable(parser, _DATASET_ACTIONS, "dataset", DATASET_HELP)
    _add_note_options(parser)
    _add_currency_options(parser)


def add_uploads_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb uploads."""
    _add_deletable(parser, _UPLOAD_ACTIONS, "upload", "Id of an upload, or its first characters (see `uploads list`).")


def add_runs_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb runs."""
    add_action(parser, _RUN_ACTIONS)
    parser.add_argument(
        "run", nargs="?", help="Id, its first characters, or folder of a run; required by all actions except list."
    )
    parser.add_argument(
        "other", nargs="?", help="Id, its first characters, or folder of the run to compare it with (compare)."
    )
    _add_note_options(parser)
    parser.add_argument("--yes", action="store_true", help="Confirm the deletion (delete).")


def add_jobs_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb jobs."""
    add_action(parser, JOB_ACTIONS)
    parser.add_argument("job", nargs="?", help="Id of a job; required by all actions except list.")


def _add_deletable(parser: argparse.ArgumentParser, actions: dict[str, str], name: str, text: str) -> None:
    add_action(parser, actions)
    parser.add_argument(name, nargs="?", help=f"{text} Required by delete.")
    parser.add_argument("--yes", action="store_true", help="Confirm the deletion (delete).")


def _add_note_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="New name (note).")
    parser.add_argument("--text", help="New text of the note (note).")


def _add_currency_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how numbers are written (currency)")
    text = "Sign or code of the currency, such as € or EUR; an empty text for none."
    group.add_argument("--symbol", help=f"{text} Pages, reports and texts then name it instead of value units.")
    group.add_argument("--place", choices=("before", "after"), help="Place of the currency.")
    group.add_argument("--decimals", help="Decimals of amounts, or auto for three significant digits.")
    group.add_argument("--marks", choices=MARKS, help="Thousands and decimal mark of all numbers, by example.")
