"""The verb `submissions`, which lists and extends the log of submissions, ranks files, and submits a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from core.base.ids import short_digest
from core.base.text import MISSING
from core.base.workspace import Workspace
from core.cli.output import Outcome
from core.cli.run_options import refuse_unused, require
from core.cli.stored import run_named
from core.errors import RunError, StudioError
from core.metric import score_interval, score_text
from core.pipeline.submission_desk import DeskFile, log_fields, open_file, path_of_submission, refuse_blocked
from core.pipeline.submission_ranking import RankedFile, ranked_files
from core.pipeline.submission_target import target_of_run
from core.runs import Run
from core.submission import host
from core.submission import log as submission_log
from core.submission.log import Entry

_RUN_TO_CHECK: Final = "the id of the run to check the file against"
_MAX_ANSWER: Final = 200
"""Characters of the host's answer that are kept as a note."""
_UP_TO_MINUTES: Final = len("2026-01-31T12:34")


def submissions(options: argparse.Namespace) -> Outcome:
    """List the log of submissions, rank files, or record, score or submit a file."""
    refuse_unused(options, {name: action.used for name, action in _ACTIONS.items()})
    return _ACTIONS[options.action].handle(options, Workspace.from_environment())


def _list(_: argparse.Namespace, workspace: Workspace) -> Outcome:
    entries = submission_log.entries(workspace)
    lines = [_entry_line(entry) for entry in entries]
    content = {"submissions": [entry.model_dump(mode="json") for entry in entries]}
    return Outcome(content, "\n".join(lines) or "There is no submission yet.")


def _rank(options: argparse.Namespace, workspace: Workspace) -> Outcome:
    """List the files on the dataset of a run, best first."""
    require(options.run, "--run", "the id of a run on the dataset")
    run = run_named(workspace, options.run)
    ranked = ranked_files(workspace, run)
    label = run.manifest.scores.metric_scores.label
    lines = [_ranked_line(file, label) for file in ranked]
    content = {"metric": label, "files": [asdict(file) for file in ranked]}
    return Outcome(content, "\n".join(lines) or "There is no file.")


def _score(options: argparse.Namespace, workspace: Workspace) -> Outcome:
    """Set the score that the host returned for an entry of the log."""
    _require_name(options)
    require(options.returned, "--returned", "the score that the host returned")
    return _entry_outcome(submission_log.set_returned(workspace, options.name, options.returned, options.note))


def _record(options: argparse.Namespace, workspace: Workspace) -> Outcome:
    """Record a file that was submitted without this program."""
    checked = _checked_file(options, workspace)
    fields = log_fields(checked.file, checked.run)
    entry = submission_log.record(workspace, "submitted", **fields, returned=options.returned, note=options.note)
    return _entry_outcome(entry)


def _submit(options: argparse.Namespace, workspace: Workspace) -> Outcome:
    """Submit a file to the host and record it; on request, wait for its score.

    The file is submitted before it is recorded, so a crash in between loses the entry. The opposite order would leave
    entries of files that the host refused.
    """
    _require_name(options)
    require(options.run, "--run", _RUN_TO_CHECK)
    require(options.competition, "--competition", "the name of the competition")
    checked = _checked_file(options, workspace)
    submission_log.require_writable(workspace)  # a submission cannot be taken back, so it must not go unrecorded
    label = f"{checked.file.name} {short_digest(checked.file.sha256)}"
    answer = host.submit(checked.path, options.competition, label)
    note = options.note or answer.strip()[:_MAX_ANSWER]
    entry = submission_log.record(workspace, "submitted", **log_fields(checked.file, checked.run), note=note)
    return _entry_outcome(_with_score(entry, workspace, options.competition, label) if options.wait else entry)


def _with_score(entry: Entry, workspace: Workspace, competition: str, label: str) -> Entry:
    """Wait for the score of a submission and record it; return the entry as it is if the host has none.

    Args:
        label: the text by which the host lists the submission.

    Raises:
        RunError: the host does not answer, or the score cannot be recorded. The error says that the file is submitted.
    """
    try:
        returned = host.wait_for_score(competition, label)
        return entry if returned.score is None else submission_log.set_returned(workspace, entry.entry, returned.score)
    except StudioError as error:
        raise RunError(
            f"{entry.file} was submitted and recorded as {entry.entry}, but its score is not known. {error.problem}",
            f"Do not submit it again. Look up its score, and record it with `submissions score {entry.entry} "
            "--returned SCORE`.",
            code="score_unknown",
            actual=entry.entry,
        ) from error


@dataclass(frozen=True)
class _CheckedFile:
    """A file that may be submitted, and the run that it was checked against."""

    path: Path
    file: DeskFile
    run: Run


def _checked_file(options: argparse.Namespace, workspace: Workspace) -> _CheckedFile:
    """Open and check the file that the options name.

    Raises:
        InputError: it cannot be read, or a blocking check failed and was not overridden.
    """
    _require_name(options)
    require(options.run, "--run", _RUN_TO_CHECK)
    run = run_named(workspace, options.run)
    path = path_of_submission(workspace, options.name)
    file = open_file(path, workspace, target_of_run(workspace, run), run)
    if file.case.read_error is not None:
        raise file.case.read_error
    if file.blocking and not options.all_the_same:
        refuse_blocked(file)
    return _CheckedFile(path, file, run)


def _require_name(options: argparse.Namespace) -> None:
    require(options.name, "NAME", "a file, or the id of a run, a blend or an entry")


def _ranked_line(file: RankedFile, label: str) -> str:
    place = MISSING if file.place is None else file.place
    expected = score_text(label, file.expected)
    if file.low is not None:
        expected += f" ({score_interval(label, file.low, file.high)})"
    returned = score_text(label, file.returned)
    failed = " (fails a blocking check)" if file.failed else ""
    return (
        f"{place:>3}  expected {label} {expected}  returned {returned}  {file.time[:_UP_TO_MINUTES]}  "
        f"{file.name}{failed}"
    )


def _entry_outcome(entry: Entry) -> Outcome:
    return Outcome(entry.model_dump(mode="json"), _entry_line(entry))


def _entry_line(entry: Entry) -> str:
    foreseen = "" if entry.foreseen is None else f"  expected {entry.metric} {score_text(entry.metric, entry.foreseen)}"
    returned = "" if entry.returned is None else f"  returned {score_text(entry.metric, entry.returned)}"
    note = f"  {' '.join(entry.note.split())}" if entry.note else ""
    file = entry.made_by or entry.file
    return f"{entry.entry}  {entry.time[:_UP_TO_MINUTES]}  {entry.action:10}  {file}{foreseen}{returned}{note}"


@dataclass(frozen=True)
class _Action:
    """An action of the verb: the function that does it, and the arguments that it uses."""

    handle: Callable[[argparse.Namespace, Workspace], Outcome]
    used: tuple[str, ...]


_ACTIONS: Final = {
    "list": _Action(_list, ()),
    "rank": _Action(_rank, ("--run",)),
    "record": _Action(_record, ("NAME", "--run", "--returned", "--note", "--all-the-same")),
    "score": _Action(_score, ("NAME", "--returned", "--note")),
    "submit": _Action(_submit, ("NAME", "--run", "--note", "--competition", "--wait", "--all-the-same")),
}
