"""The verbs check, compare and blend, on submission files."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.base.amounts import value_text
from core.base.text import count, listed, number, shorten
from core.base.workspace import Workspace
from core.check_result import CheckResult
from core.cli.inputs import mapping_of
from core.cli.output import EXIT_CHECK_FAILED, EXIT_DONE, Outcome, check_line
from core.cli.output_files import require_new_file, writing_to
from core.cli.run_options import program_name, refuse_combination, wrong_usage
from core.cli.stored import run_named
from core.errors import InputError, SettingError
from core.metric import score_in_words, score_interval
from core.pipeline import submission_desk as desk
from core.pipeline.submission_blend import blend_files, find_weights, returned_errors
from core.pipeline.submission_comparison import compare_files
from core.pipeline.submission_target import dataset_of, target_of_files, target_of_run
from core.runs import Run
from core.submission import SubmissionTarget
from core.submission.blend_store import BlendMethod
from core.submission.file import ENDINGS
from core.submission.repair import Change, Repair, repair
from core.submission.repair_columns import ColumnChoice, column_position

_MIN_FILES = 2
_N_DISAGREEMENTS = 5
"""Sessions on which files differ most that `compare` shows."""


def check(options: argparse.Namespace) -> Outcome:
    """Check a submission against event files or the dataset of a run, and repair it on request."""
    workspace = Workspace.from_environment()
    if (options.id_column is not None or options.value_column is not None) and not (
        options.repair or options.preview_repair
    ):
        raise wrong_usage(options, "--id-column and --value-column need --repair or --preview-repair")
    if options.repair is not None:
        _require_new_submission("--repair", options.repair)
    target, run = _target(options, workspace)
    path = desk.path_of_submission(workspace, options.submission)
    file = desk.open_file(path, workspace, target, run, options.marks)
    lines = [check_line(result) for result in file.checks]
    content = {
        "submission": options.submission,
        "sha256": file.sha256,
        "made_by": file.made_by or None,
        "passed": sum(result.outcome == "passed" for result in file.checks),
        "failed": len(file.blocking),
        "warnings": len(file.advisory),
        "checks": [result.graded_record() for result in file.checks],
        "expected_score": None if file.estimate.score is None else asdict(file.estimate.score),
    }
    if run is not None:
        desk.record_check(workspace, file, run)
        lines.append(_estimate_line(file.estimate, run))
        content["metric"] = run.manifest.scores.metric_scores.metric
    if options.repair is not None or options.preview_repair:
        lines += _repair(file, options, content)
    return Outcome(content, "\n".join(lines), EXIT_CHECK_FAILED if file.blocking else EXIT_DONE)


def _repair(file: desk.DeskFile, options: argparse.Namespace, content: dict[str, Any]) -> list[str]:
    """Write or preview the repaired file, add its changes to the content, and return the lines to print."""
    table = file.case.table
    names = (options.id_column, options.value_column) if table.header else (None, None)
    chosen = ColumnChoice(*(None if name is None else column_position(table, name) for name in names))
    try:
        repaired = repair(file.case, chosen)
    except InputError as error:  # the report of the checks is printed all the same
        content["repair_error"] = str(error)
        return [str(error)]
    content["changes"] = [asdict(change) for change in repaired.changes]
    lines = [line for change in repaired.changes for line in _change_lines(change)]
    if options.repair is not None:
        with writing_to(options.repair):
            repaired.write(options.repair)
        content["repaired"] = str(options.repair)
    failed = [result for result in repaired.checks(file.case.target) if result.outcome == "failed"]
    known = {result.code for result in file.advisory}
    content["repaired_checks"] = [result.graded_record() for result in failed]
    return [*lines, *_remaining_lines(failed, known, repaired, options.repair)]


def _remaining_lines(
    failed: Sequence[CheckResult], known: Collection[str], repaired: Repair, path: Path | None
) -> list[str]:
    """Return one line per failed check of a repaired file, and a last line on whether it passes all blocking checks.

    Args:
        failed: failed checks, the blocking ones first.
        known: codes of warnings that the file had before the repair; they are not repeated.
        path: path of the repaired file; None if it was not written.
    """
    lines = [f"REMAINS {result.title}: {result.explanation}" for result in failed if result.code not in known]
    subject = "After this repair, the file"
    if not repaired.changes:
        lines, subject = ["There is nothing that a repair can change."], "The file"
    subject = subject if path is None else f"The repaired file {path}"
    if n_blocking := sum(result.blocks for result in failed):
        advice = "A repair makes up no prediction, so correct what remains by hand."
        return [*lines, f"{subject} still fails {count(n_blocking, 'blocking check')}. {advice}"]
    warnings = f", with {count(len(failed), 'warning')}" if failed else ""
    return [*lines, f"{subject} passes all blocking checks{warnings}."]


def _change_lines(change: Change) -> list[str]:
    """Return a sentence on the change, and a line for each example."""
    lines = [f"REPAIR  {change.text}"]
    for example in change.examples:
        place = "new row" if example.line is None else f"line {example.line:,}"
        lines.append(f"        {place}: {shorten(example.before) or 'none'} -> {shorten(example.after) or 'none'}")
    return lines


def compare(options: argparse.Namespace) -> Outcome:
    """Compare the predictions of files."""
    workspace = Workspace.from_environment()
    files, run = _files(options, workspace)
    comparison = compare_files(files, None if run is None else dataset_of(workspace, run))
    lines = _failed_lines(files)
    for pair in comparison.pairs.iter_rows(named=True):
        lines.append(
            f"{pair['file']} and {pair['other']}: correlation {number(pair['correlation'])}, rank correlation "
            f"{number(pair['rank_correlation'])}, distance {value_text(pair['distance'])} (root mean square), average "
            f"difference {value_text(pair['difference'])}"
        )
    lines.append("The sessions on which the files differ most:")
    for row in comparison.disagreements.head(_N_DISAGREEMENTS).iter_rows(named=True):
        lines.append(f"{row['user_session']}: {', '.join(map(value_text, row['predictions']))}")
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
        raise wrong_usage(options, "--score-of-zeros needs --scores")
    if options.out is not None:
        _require_new_submission("--out", options.out)
    files, run = _files(options, workspace)
    method, numbers = _method(options, files, workspace)
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
        "expected_score": None if checked.estimate.score is None else asdict(checked.estimate.score),
        "score_by_returned_scores": weights.score,
    }
    lines = [str(blended.submission), *_failed_lines(files)]
    lines += [f"{member.weight:8.4f}  {member.name}" for member in blended.members]
    if weights.score is not None:
        lines.append(f"On the sessions that were scored, this blend has an MSE of about {number(weights.score)}.")
    if run is not None:
        lines.append(_estimate_line(checked.estimate, run))
    lines += [check_line(result) for result in (*checked.blocking, *checked.advisory)]
    if options.out is not None:
        content["out"] = str(options.out)
    return Outcome(content, "\n".join(lines), EXIT_CHECK_FAILED if checked.blocking else EXIT_DONE)


def _method(
    options: argparse.Namespace, files: Sequence[desk.DeskFile], workspace: Workspace
) -> tuple[BlendMethod, Sequence[float]]:
    """Return how the weights are found, and the weights or returned scores that the options give."""
    if options.equal:
        return "equal", ()
    if options.out_of_fold:
        return "out_of_fold", ()
    if options.weights is not None:
        return "chosen", options.weights
    return "returned_scores", options.scores or _scores_in_log(files, workspace)


def _scores_in_log(files: Sequence[desk.DeskFile], workspace: Workspace) -> list[float]:
    scores = returned_errors(files, workspace)
    if missing := [file.name for file, score in zip(files, scores, strict=True) if score is None]:
        raise InputError(
            f"The log has no returned score of {listed(missing, 3)}.",
            f"Give one score for each file after --scores, or add it with `{program_name()} submissions score`.",
            code="no_returned_score",
        )
    return [score for score in scores if score is not None]


def _require_new_submission(option: str, path: Path) -> None:
    """Refuse a path for a submission that exists, cannot be written, or promises another format than CSV."""
    if path.suffix.lower() not in ENDINGS:
        raise SettingError.not_allowed(
            option, str(path), "a name that ends in .csv, .gz or .zip, because a submission is CSV"
        )
    require_new_file(path)


def _target(options: argparse.Namespace, workspace: Workspace) -> tuple[SubmissionTarget, Run | None]:
    """Return the sessions to predict, and the run that the options name."""
    if options.run is None:
        return target_of_files(options.test, options.sample_submission, mapping_of(options)), None
    explanation = "The dataset of a run has the expected sessions."
    refuse_combination(options, "--run", ["sample_submission", "mapping"], explanation)
    run = run_named(workspace, options.run)
    return target_of_run(workspace, run), run


def _files(options: argparse.Namespace, workspace: Workspace) -> tuple[list[desk.DeskFile], Run | None]:
    if len(options.submissions) < _MIN_FILES:
        raise wrong_usage(options, "at least two files are needed")
    marks = options.marks or [None]
    if len(marks) not in {1, len(options.submissions)}:
        raise wrong_usage(options, "--marks takes one example for all files, or one for each")
    marks = marks if len(marks) > 1 else marks * len(options.submissions)
    target, run = _target(options, workspace)
    paths = [desk.path_of_submission(workspace, name) for name in options.submissions]
    files = [desk.open_file(path, workspace, target, run, mark) for path, mark in zip(paths, marks, strict=True)]
    if run is not None:
        for file in files:
            desk.record_check(workspace, file, run)
    return files, run


def _failed_lines(files: Sequence[desk.DeskFile]) -> list[str]:
    """Return one warning line per file that fails a blocking check, because its values may have been read wrongly."""
    return [
        f"WARNING  {file.name} fails {listed(check.code for check in file.blocking)}; see "
        f"`{program_name()} check`. Of several rows of a session, the first counts."
        for file in files
        if file.blocking
    ]


def _file_content(file: desk.DeskFile) -> dict[str, Any]:
    score = file.estimate.score
    return {
        "file": file.name,
        "sha256": file.sha256,
        "made_by": file.made_by or None,
        "failed": [check.code for check in file.blocking],
        "warnings": [check.code for check in file.advisory],
        "expected_score": None if score is None else asdict(score),
    }


def _estimate_line(estimate: desk.ScoreEstimate, run: Run) -> str:
    score = estimate.score
    if score is None:
        return f"Expected score: {estimate.reason}"
    label = run.manifest.scores.metric_scores.label
    return (
        f"Expected {label}: {score_in_words(label, score.value)}, 90% interval "
        f"{score_interval(label, score.low, score.high)}. This assumes that the file has no information about the "
        "values beyond the predictions of the run."
    )
