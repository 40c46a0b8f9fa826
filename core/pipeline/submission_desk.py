"""The submission desk: open any submission file, check it, and estimate its score."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.ids import matching_ids
from core.base.number_format import Marks
from core.base.text import count, whole
from core.base.workspace import Workspace
from core.check_result import CheckResult
from core.eda.run_charts import file_values
from core.errors import InputError, RunError, SourceError
from core.metric import metric_named
from core.runs import Run, list_runs
from core.runs.store import ANSWERS_FILE, OOF_FILE, SUBMISSION_FILE
from core.schema import LARGEST_VALUE, SESSION_VALUE, STACK, USER_SESSION, VALUE
from core.submission import CheckedSubmission, SubmissionTarget, log, run_checks
from core.submission.blend_store import list_blends
from core.submission.content import MAX_BYTES
from core.submission.expected_score import FileScore, PossibleValues, expected_score
from core.submission.target import PREDICTED, TEXT

Vector = NDArray[np.float64]

_KNOWN: Final = "known"


@dataclass(frozen=True)
class ScoreEstimate:
    """The expected score of a file, or the reason why it cannot be estimated.

    Attributes:
        score: None if there is a reason.
        reason: a sentence; empty with a score.
    """

    score: FileScore | None
    reason: str = ""


@dataclass(frozen=True)
class DeskFile:
    """A checked file.

    Attributes:
        name: display name: the name of the file, or the id of the run that wrote it.
        sha256: hash of its bytes; empty if it is missing or too large to be read.
        case: the file and the sessions to predict.
        checks: results of all checks.
        estimate: expected score of the file.
        made_by: id of the run or blend of the workspace that wrote exactly this file; empty for other files.
    """

    name: str
    sha256: str
    case: CheckedSubmission
    checks: tuple[CheckResult, ...]
    estimate: ScoreEstimate
    made_by: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the file can be read as text."""
        return self.case.read_error is None and not self.case.table.form.typed_format

    @property
    def blocking(self) -> list[CheckResult]:
        """The failed checks because of which the file cannot be submitted."""
        return [check for check in self.checks if check.blocks]

    @property
    def advisory(self) -> list[CheckResult]:
        """The failed checks that a person should review."""
        return [check for check in self.checks if check.advises]


def path_of_submission(workspace: Workspace, name: str) -> Path:
    """Return the path of a file, or of the submission of a run or blend.

    Args:
        name: path, or id of a run or blend, or the first characters of one.

    Raises:
        InputError: there is no such file, run or blend.
        RunError: more than one id begins with the characters, or the submission changed.
    """
    path = Path(name)
    try:
        if path.is_file():
            return path
    except OSError as error:  # such as a name that is too long
        raise SourceError.cannot_open(path, error.strerror or str(error)) from error
    runs = {run.manifest.run_id: run for run in list_runs(workspace)}
    blends = {blend.blend: blend for blend in list_blends(workspace)}
    matches = matching_ids(name, [*runs, *blends])
    if not matches and path.exists():  # a folder or a device, which the reader refuses
        return path
    if not matches:
        raise SourceError.not_found(path)
    if len(matches) > 1:
        raise RunError.ambiguous("run or blend", name, matches)
    if blend := blends.get(matches[0]):
        blend.require_whole()
        return blend.submission
    runs[matches[0]].verified_bytes(SUBMISSION_FILE)
    return runs[matches[0]].submission


def open_file(
    path: Path, workspace: Workspace, target: SubmissionTarget, run: Run | None = None, marks: Marks | None = None
) -> DeskFile:
    """Check a file and, with a run, estimate its score.

    Args:
        target: the sessions to predict; those of the run if there is one.
        marks: what the marks in its numbers mean, by example; None to find out. Files of runs and blends have a decimal
            point and no other mark, so it is ignored for them.
    """
    is_readable = path.is_file() and path.stat().st_size <= MAX_BYTES
    sha256 = hash_of(path) if is_readable else ""
    made_by = _maker(workspace, path, sha256)
    case = CheckedSubmission.open(path, target, None if made_by else marks)
    name = made_by if made_by and path.name == SUBMISSION_FILE else path.name
    if run is None:
        estimate = ScoreEstimate(None, "There is no run to estimate the score with.")
    else:
        estimate = estimate_score(case, run)
    return DeskFile(
        name=name,
        sha256=sha256,
        case=case,
        checks=tuple(run_checks(case)),
        estimate=estimate,
        made_by=made_by,
    )


def estimate_score(case: CheckedSubmission, run: Run) -> ScoreEstimate:
    """Return the expected score of a file on the sessions of a run; see `core.submission.expected_score`."""
    manifest = run.manifest
    if manifest.config.is_live:
        return ScoreEstimate(
            None, "The run predicts open sessions, so the score on finished sessions cannot be estimated."
        )
    if manifest.scores.expected_withheld:
        return ScoreEstimate(None, "The test file differs from the train file, so the score cannot be estimated.")
    if gap := _gap(case):
        return ScoreEstimate(None, f"The file {gap[1]}.")
    answers = run.table(ANSWERS_FILE).select(
        pl.col(USER_SESSION).alias(TEXT), "source", pl.col(SESSION_VALUE).alias(PREDICTED)
    )
    rows = _with_answers(pl.DataFrame({TEXT: case.target.sessions, "file": case.predictions}), answers.collect())
    is_known = pl.col("source") == _KNOWN
    known = rows.filter(is_known)
    unknown = rows.filter(~is_known, pl.col("source") != "default")
    oof = run.table(OOF_FILE).select("fold", VALUE, STACK).filter(pl.col(STACK).is_not_nan()).collect()
    scores = manifest.scores.metric_scores
    return ScoreEstimate(
        expected_score(
            unknown["file"].to_numpy(),
            unknown[PREDICTED].to_numpy(),
            PossibleValues.fit(*(oof[name].to_numpy() for name in (STACK, VALUE, "fold"))),
            FileScore(scores.expected.value, scores.expected.low, scores.expected.high),
            metric_named(scores.metric),
            known=(known["file"].to_numpy(), known[PREDICTED].to_numpy()),
            seed=manifest.config.seed,
        )
    )


def complete_predictions(file: DeskFile) -> Vector:
    """Return the number of each session to predict, in their order.

    Raises:
        InputError: a session has no number, or a value is too large to compute with.
    """
    if gap := _gap(file.case):
        code, clause = gap
        remedy = "Repair the file or leave it out. `python -m core check` says what is wrong."
        raise InputError(f"{file.name} {clause}.", remedy, code=code)
    return file.case.predictions.to_numpy()


def _gap(case: CheckedSubmission) -> tuple[str, str] | None:
    """Return why a session has no usable number: the code of the check, and a clause. None if all sessions have one."""
    if case.read_error is not None:
        return case.read_error.code, "cannot be read"
    predictions = case.predictions
    if missing := predictions.null_count():
        return "missing_sessions", f"has no number for {whole(missing)} of {count(predictions.len(), 'session')}"
    if float(predictions.abs().max() or 0.0) > LARGEST_VALUE:  # type: ignore[arg-type]
        return "infinite_values", f"has a value above {LARGEST_VALUE:,.0f}"
    return None


def value_series(file: DeskFile, run: Run) -> dict[str, Vector]:
    """Return name of a series -> values, for the chart `core.eda.run_charts.file_values` of a file."""
    oof = run.table(OOF_FILE).select(VALUE, STACK).collect()
    return {
        file_values.FILE: file.case.numbers.to_numpy(),
        file_values.OUT_OF_FOLD: oof[STACK].drop_nans().to_numpy(),
        file_values.TRAIN: oof[VALUE].to_numpy(),
    }


def log_fields(file: DeskFile, run: Run | None) -> dict[str, Any]:
    """Return the fields of the entry for a file in the log of submissions; see `core.submission.log.Entry`."""
    fields: dict[str, Any] = {
        "file": file.name,
        "sha256": file.sha256,
        "made_by": file.made_by,
        "overridden": tuple(check.code for check in file.blocking),
    }
    if run is not None:
        metric = run.manifest.scores.metric_scores.label
        fields |= {"run": run.manifest.run_id, "dataset": run.manifest.dataset, "metric": metric}
    if file.estimate.score is not None:
        score = file.estimate.score
        fields |= {"foreseen": score.value, "low": score.low, "high": score.high}
    return fields


def record_check(workspace: Workspace, file: DeskFile, run: Run) -> None:
    """Record once in the log that a file was checked against a run. If the log cannot be written, nothing is recorded.

    Files of runs and files that cannot be read are not recorded.
    """
    fields = log_fields(file, run)
    with contextlib.suppress(RunError):
        recorded = {(entry.sha256, entry.run) for entry in log.entries(workspace)}
        is_of_run = any(one.manifest.run_id == file.made_by for one in list_runs(workspace))
        if file.case.read_error is None and not is_of_run and (file.sha256, fields["run"]) not in recorded:
            log.record(workspace, "checked", **fields)


def refuse_blocked(file: DeskFile) -> None:
    """Refuse a file with failed blocking checks.

    Raises:
        InputError: always, with the first of them.
    """
    first = file.blocking[0]
    raise InputError(
        f"{count(len(file.blocking), 'blocking check')} of {file.name} failed. {first.title}: {first.explanation}",
        "Repair the file with `python -m core check --repair`, or add --all-the-same.",
        code=first.code,
    )


def _with_answers(predictions: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of the answers of a run to the predictions of a file, by session."""
    if predictions[TEXT].equals(answers[TEXT]):  # saves a costly join
        return predictions.hstack(answers.drop(TEXT))
    return predictions.join(answers.unique(TEXT), on=TEXT, maintain_order="left")


def _maker(workspace: Workspace, path: Path, sha256: str) -> str:
    """Return the id of the run or blend of the workspace that wrote a file; empty if none did.

    A copy is known by its hash. Of several runs or blends with equal files, the first one counts as its maker.
    """
    if not sha256:
        return ""
    runs = [
        (run.manifest.run_id, run.submission, run.manifest.sha256.get(SUBMISSION_FILE)) for run in list_runs(workspace)
    ]
    blends = [(blend.blend, blend.submission, blend.sha256) for blend in list_blends(workspace)]
    submissions = {name: submission for name, submission, digest in runs + blends if digest == sha256}
    at_path = [name for name, submission in submissions.items() if submission.resolve() == path.resolve()]
    return next(iter([*at_path, *submissions]), "")


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
