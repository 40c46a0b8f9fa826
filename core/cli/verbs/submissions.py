"""The verbs check, compare, blend and submissions, on submission files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Any

from core import runs as run_store
from core.base.text import interval_text, listed, number, shorten
from core.base.workspace import Workspace
from core.cli.inputs import mapping_of
from core.cli.output import (
    EXIT_CHECK_FAILED,
    EXIT_DONE,
    Outcome,
    check_line,
    refuse_existing,
    writing_to,
)
from core.cli.run_options import refuse_combination, require
from core.errors import InputError, SettingError
from core.pipeline import submission_desk as desk
from core.pipeline.submission_blend import blend_files, find_weights, returned_errors
from core.pipeline.submission_comparison import compare_files
from core.pipeline.submission_ranking import ranked_files
from core.pipeline.submission_target import dataset_of, target_of_files, target_of_run
from core.runs import Run
from core.submission import SubmissionTarget, host, log
from core.submission.blend_store import BlendMethod
from core.submission.repair import Change, repair
from core.submission.repair_columns import ColumnChoice, column_position

_MIN_FILES = 2


def check(options: argparse.Namespace) -> Outcome:
    """Check a submission against event files or the dataset of a run, and repair it on request."""
    workspace = Workspace.from_environment()
    if (options.id_column is not None or options.value_column is not None) and not (
        options.repair or options.preview_repair
    ):
        raise SettingError.usage("--id-column and --value-column need --repair or --preview-repair", "check")
    if options.repair is not None:
        refuse_existing(options.repair)
    target, run = _target(options, workspace)
    file = desk.open_file(desk.path_of_submission(workspace, options.submission), workspace, target, run)
    lines = [check_line(result) for result in file.checks]
    content = {
        "submission": options.submission,
        "sha256": file.sha256,
        "made_by": file.made_by or None,
        "passed": sum(result.outcome == "passed" for result in file.checks),
        "failed": len(file.blocking),
        "warnings": len(file.advisory),
        "checks": [result.graded_record() for result in file.checks],
        "expected_score": None if file.foreseen.score is None else asdict(file.foreseen.score),
    }
    if run is not None:
        desk.record_check(workspace, file, run)
        lines.append(_foreseen_line(file.foreseen, run))
        content["metric"] = run.manifest.scores.metric_scores.metric
    if options.repair is not None or options.preview_repair:
        lines += _repair(file, options, content)
    return Outcome(content, "\n".join(lines), EXIT_CHECK_FAILED if file.blocking else EXIT_DONE)


def _repair(file: desk.DeskFile, options: argparse.Namespace, content: dict[str, Any]) -> list[str]:
    """Write or preview the repaired file, add its changes to the content, and return the lines to print."""
    table = file.case.table
    names = options.id_column, options.value_column
    try:
        positions = [column_position(table, name) if name is not None and table.header else None for name in names]
        repaired = repair(file.case, ColumnChoice(*positions))
    except InputError as error:  # the report of the checks is printed all the same
        content["repair_error"] = str(error)
        return [str(error)]
    content["changes"] = [asdict(change) for change in repaired.changes]
    lines = [line for change in repaired.changes for line in _change_lines(change)] or ["There is nothing to repair."]
    if options.repair is None:
        return lines
    with writing_to(options.repair):
        repaired.write(options.repair)
    content["repaired"] = str(options.repair)
    return [*lines, f"The repaired file is {options.repair}. Check it, because not every fault can be repaired."]


def _change_lines(change: Change) -> list[str]:
    """Return a sentence on the change, and a line for each example."""
    lines = [f"REPAIR  {change.text}"]
    for line, before, after in map(astuple, change.examples):
        place = "new row" if line is None else f"line {line:,}"
        lines.append(f"        {place}: {shorten(before) or 'none'} -> {shorten(after) or 'none'}")
    return lines


def compare(options: argparse.Namespace) -> Outcome:
    """Compare the predictions of files."""
    workspace = Workspace.from_environment()
    files, run = _files(options, workspace)
    comparison = compare_files(files, None if run is None else dataset_of(workspace, run))
    lines = []
    for pair in comparison.pairs.iter_rows(named=True):
        lines.append(
            f"{pair['file']} and {pair['other']}: correlation {number(pair['correlation'])}, rank correlation "
            f"{number(pair['rank_correlation'])}, distance {number(pair['distance'])} (root mean square), mean "
            f"difference {number(pair['difference'])}"
        )
    lines.append("The sessions on which the files differ most:")
    for row in comparison.disagreements.head(5).iter_rows(named=True):
        session, *values, _ = row.values()
        lines.append(f"{session}: {', '.join(number(value) for value in values)}")
    content: dict[str, Any] = {
        "files": [_file_content(file) for file in files],
        "pairs": comparison.pairs.to_dicts(),
        "segments": comparison.segments.to_dicts(),
        "disagreements": comparison.disagreements.to_dicts(),
    }
    return Outcome(content, "\n".join(lines))


def blend(options: argparse.Namespace) -> Outcome:
    """Write the weighted sum of files."""
    workspace = Workspace.from_environment()
    if options.score_of_zeros is not None and options.scores is None:
        raise SettingError.usage("--score-of-zeros needs --scores", "blend")
    if options.out is not None:
        refuse_existing(options.out)
    files, run = _files(options, workspace)
    given: dict[BlendMethod, bool] = {
        "equal": options.equal,
        "out_of_fold": options.out_of_fold,
        "chosen": options.weights is not None,
        "returned_scores": options.scores is not None,
    }
    method = next(name for name, is_given in given.items() if is_given)
    numbers = options.weights or options.scores or []
    if options.scores == []:
        numbers = _scores_in_log(files, workspace)
    weights = find_weights(method, files, workspace, numbers, options.score_of_zeros)
    blended, checked = blend_files(files, weights.values, method, workspace, run, copy_to=options.out)
    content: dict[str, Any] = {
        "blend": blended.blend,
        "submission": str(blended.submission),
        "method": method,
        "weights": [member.model_dump() for member in blended.members],
        "failed": len(checked.blocking),
        "warnings": len(checked.advisory),
        "checks": [result.graded_record() for result in checked.checks],
        "expected_score": None if checked.foreseen.score is None else asdict(checked.foreseen.score),
        "score_by_returned_scores": weights.score,
    }
    lines = [str(blended.submission), *(f"{member.weight:8.4f}  {member.name}" for member in blended.members)]
    if weights.score is not None:
        lines.append(f"On the sessions that were scored, this blend has an MSE of about {number(weights.score)}.")
    if run is not None:
        lines.append(_foreseen_line(checked.foreseen, run))
    lines += [check_line(result) for result in (*checked.blocking, *checked.advisory)]
    if options.out is not None:
        content["out"] = str(options.out)
    return Outcome(content, "\n".join(lines), EXIT_CHECK_FAILED if checked.blocking else EXIT_DONE)


def _scores_in_log(files: Sequence[desk.DeskFile], workspace: Workspace) -> list[float]:
    scores = returned_errors(files, workspace)
    if missing := [file.name for file, score in zip(files, scores, strict=True) if score is None]:
        raise InputError(
            f"The log has no returned score of {listed(missing, 3)}.",
            "Give one score for each file after --scores, or add it with `submissions score`.",
            code="no_returned_score",
        )
    return [score for score in scores if score is not None]


def submissions(options: argparse.Namespace) -> Outcome:
    """List the log of submissions, or add to it."""
    workspace = Workspace.from_environment()
    if options.action == "list":
        found = log.entries(workspace)
        lines = [_entry_line(entry) for entry in found]
        content = {"submissions": [entry.model_dump(mode="json") for entry in found]}
        return Outcome(content, "\n".join(lines) or "There is no submission yet.")
    if options.action == "rank":
        return _rank(options, workspace)
    require(options.name, "NAME", "a file, or the id of a run, a blend or an entry")
    if options.action == "score":
        require(options.returned, "--returned", "the score that the host returned")
        entry = log.set_returned(workspace, options.name, options.returned, options.note)
    else:
        entry = _hand_in(options, workspace)
    return Outcome(entry.model_dump(mode="json"), _entry_line(entry))


def _rank(options: argparse.Namespace, workspace: Workspace) -> Outcome:
    """List the files on the dataset of a run, best first."""
    require(options.run, "--run", "the id of a run on the dataset")
    run = run_store.find_run(workspace, options.run)
    ranked = ranked_files(workspace, run)
    label = run.manifest.scores.metric_scores.label
    lines = [
        f"{place:3}  expected {label} {_score_text(file.expected, file.low, file.high)}  returned "
        f"{number(file.returned)}  {file.time[:16]}  {file.name}{' (cannot be handed in)' if file.failed else ''}"
        for place, file in enumerate(ranked, start=1)
    ]
    return Outcome(
        {"metric": label, "files": [asdict(file) for file in ranked]}, "\n".join(lines) or "There is no file."
    )


def _score_text(value: float | None, low: float | None, high: float | None) -> str:
    return number(value) if low is None else f"{number(value)} ({interval_text(low, high)})"


def _hand_in(options: argparse.Namespace, workspace: Workspace) -> log.Entry:
    """Record a file, and submit it before if that is asked for."""
    require(options.run, "--run", "the id of the run to check the file against")
    run = run_store.find_run(workspace, options.run)
    path = desk.path_of_submission(workspace, options.name)
    file = desk.open_file(path, workspace, target_of_run(workspace, run), run)
    if file.case.read_error is not None:
        raise file.case.read_error
    if file.blocking and not options.all_the_same:
        desk.refuse_blocked(file)
    fields = desk.log_fields(file, run) | {"returned": options.returned, "note": options.note}
    if options.action == "record":
        return log.record(workspace, "submitted", **fields)
    require(options.competition, "--competition", "the name of the competition")
    message = f"{file.name} {file.sha256[:12]}"
    log.require_writable(workspace)  # a file that was handed in cannot be taken back
    said = host.hand_in(path, options.competition, message)
    entry = log.record(workspace, "submitted", **(fields | {"note": options.note or said.strip()[:200]}))
    if options.wait:
        returned = host.wait_for_score(options.competition, message)
        if returned.score is not None:
            return log.set_returned(workspace, entry.entry, returned.score)
    return entry


def _target(options: argparse.Namespace, workspace: Workspace) -> tuple[SubmissionTarget, Run | None]:
    """Return the sessions to predict, and the run that the options name."""
    if options.run is None:
        return target_of_files(options.test, options.sample_submission, mapping_of(options)), None
    explanation = "The dataset of a run has the expected sessions."
    refuse_combination(options, "--run", ["sample_submission", "mapping"], explanation)
    run = run_store.find_run(workspace, options.run)
    return target_of_run(workspace, run), run


def _files(options: argparse.Namespace, workspace: Workspace) -> tuple[list[desk.DeskFile], Run | None]:
    if len(options.submissions) < _MIN_FILES:
        raise SettingError.usage("at least two files are needed", options.verb_name)
    target, run = _target(options, workspace)
    paths = [desk.path_of_submission(workspace, name) for name in options.submissions]
    return [desk.open_file(path, workspace, target, run) for path in paths], run


def _file_content(file: desk.DeskFile) -> dict[str, Any]:
    score = file.foreseen.score
    return {
        "file": file.name,
        "sha256": file.sha256,
        "made_by": file.made_by or None,
        "failed": [check.code for check in file.blocking],
        "warnings": [check.code for check in file.advisory],
        "expected_score": None if score is None else asdict(score),
    }


def _foreseen_line(foreseen: desk.Foreseen, run: Run) -> str:
    if foreseen.score is None:
        return f"Expected score: {foreseen.reason}"
    score, label = foreseen.score, run.manifest.scores.metric_scores.label
    return (
        f"Expected {label}: {number(score.value)}, 90% interval {interval_text(score.low, score.high)}. A file that "
        "knows more of the values than the run is better than that."
    )


def _entry_line(entry: log.Entry) -> str:
    foreseen = "" if entry.foreseen is None else f"  foreseen {entry.metric} {number(entry.foreseen)}"
    returned = "" if entry.returned is None else f"  returned {number(entry.returned)}"
    return f"{entry.entry}  {entry.time[:16]}  {entry.action:10}  {entry.made_by or entry.file}{foreseen}{returned}"
