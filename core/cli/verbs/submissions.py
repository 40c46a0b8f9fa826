"""The verb submissions: shows the log of submissions, ranks files, and submits a file."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Final

from core.base.text import MISSING
from core.base.workspace import Workspace
from core.cli.inputs import run_named
from core.cli.output import Outcome
from core.cli.run_options import refuse_unused, require
from core.metric import score_interval, score_text
from core.pipeline import submission_desk as desk
from core.pipeline.submission_ranking import ranked_files
from core.pipeline.submission_target import target_of_run
from core.submission import host, log

_USED: Final[dict[str, tuple[str, ...]]] = {
    "list": (),
    "rank": ("--run",),
    "record": ("NAME", "--run", "--returned", "--note", "--all-the-same"),
    "score": ("NAME", "--returned", "--note"),
    "submit": ("NAME", "--run", "--note", "--competition", "--wait", "--all-the-same"),
}
"""Action -> the arguments that it uses."""


def submissions(options: argparse.Namespace) -> Outcome:
    """List the log of submissions, or add to it."""
    workspace = Workspace.from_environment()
    refuse_unused(options, _USED)
    if options.action == "list":
        entries = log.entries(workspace)
        lines = [_entry_line(entry) for entry in entries]
        content = {"submissions": [entry.model_dump(mode="json") for entry in entries]}
        return Outcome(content, "\n".join(lines) or "There is no submission yet.")
    if options.action == "rank":
        return _rank(options, workspace)
    require(options.name, "NAME", "a file, or the id of a run, a blend or an entry")
    if options.action == "score":
        require(options.returned, "--returned", "the score that the host returned")
        entry = log.set_returned(workspace, options.name, options.returned, options.note)
    else:
        entry = _submit(options, workspace)
    return Outcome(entry.model_dump(mode="json"), _entry_line(entry))


def _rank(options: argparse.Namespace, workspace: Workspace) -> Outcome:
    """List the files on the dataset of a run, best first."""
    require(options.run, "--run", "the id of a run on the dataset")
    run = run_named(workspace, options.run)
    ranked = ranked_files(workspace, run)
    label = run.manifest.scores.metric_scores.label
    lines = [
        f"{MISSING if file.place is None else file.place:>3}  "
        f"expected {label} {_with_interval(label, file.expected, file.low, file.high)}  "
        f"returned {score_text(label, file.returned)}  {file.time[:16]}  "
        f"{file.name}{' (fails a blocking check)' if file.failed else ''}"
        for file in ranked
    ]
    return Outcome(
        {"metric": label, "files": [asdict(file) for file in ranked]}, "\n".join(lines) or "There is no file."
    )


def _with_interval(label: str, value: float | None, low: float | None, high: float | None) -> str:
    text = score_text(label, value)
    return text if low is None else f"{text} ({score_interval(label, low, high)})"


def _submit(options: argparse.Namespace, workspace: Workspace) -> log.Entry:
    """Record a submission in the log. The action submit sends the file to the host first."""
    require(options.run, "--run", "the id of the run to check the file against")
    if options.action == "submit":
        require(options.competition, "--competition", "the name of the competition")
    run = run_named(workspace, options.run)
    path = desk.path_of_submission(workspace, options.name)
    file = desk.open_file(path, workspace, target_of_run(workspace, run), run)
    if file.case.read_error is not None:
        raise file.case.read_error
    if file.blocking and not options.all_the_same:
        desk.refuse_blocked(file)
    fields = desk.log_fields(file, run) | {"returned": options.returned, "note": options.note}
    if options.action == "record":
        return log.record(workspace, "submitted", **fields)
    message = f"{file.name} {file.sha256[:12]}"
    log.require_writable(workspace)  # a file that was handed in cannot be taken back
    answer = host.submit(path, options.competition, message)
    entry = log.record(workspace, "submitted", **(fields | {"note": options.note or answer.strip()[:200]}))
    if options.wait:
        returned = host.wait_for_score(options.competition, message)
        if returned.score is not None:
            return log.set_returned(workspace, entry.entry, returned.score)
    return entry


def _entry_line(entry: log.Entry) -> str:
    foreseen = "" if entry.foreseen is None else f"  expected {entry.metric} {score_text(entry.metric, entry.foreseen)}"
    returned = "" if entry.returned is None else f"  returned {score_text(entry.metric, entry.returned)}"
    note = f"  {' '.join(entry.note.split())}" if entry.note else ""
    return (
        f"{entry.entry}  {entry.time[:16]}  {entry.action:10}  {entry.made_by or entry.file}{foreseen}{returned}{note}"
    )
