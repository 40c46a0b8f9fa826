"""The submission desk: any file checked, its score foreseen, compared with others and blended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.text import count, listed
from core.base.workspace import Workspace
from core.check_result import CheckResult
from core.dataset import Dataset
from core.eda.run_charts import file_values
from core.errors import InputError
from core.metric import metric_named
from core.runs import Run, find_run, list_runs
from core.runs.store import ANSWERS_FILE, OOF_FILE, SUBMISSION_FILE
from core.schema import LARGEST_VALUE, SESSION, STACK, UNIT, USER, USER_SESSION, VALUE
from core.submission import CheckedSubmission, SubmissionTarget, run_checks
from core.submission.blend import (
    checked_scores,
    checked_weights,
    equal_weights,
    expected_of_blend,
    refuse_contradiction,
    weights_from_scores,
    weights_from_values,
)
from core.submission.blend_store import Blend, BlendMethod, Member, list_blends, store_blend
from core.submission.compare import Comparison, Division, compare
from core.submission.foreseen import ForeseenScore, PossibleValues, foreseen_score
from core.submission.target import PREDICTED, TEXT

Vector = NDArray[np.float64]

_CHUNK: Final = 1 << 20
_KNOWN: Final = "known"
_LENGTHS, _LENGTH_ENDS = ("1 event", "2 events", "3 to 5 events", "6 to 10 events", "more events"), (1, 2, 5, 10)


@dataclass(frozen=True)
class Foreseen:
    """The score that a file can expect, or why it cannot be foreseen.

    Attributes:
        score: None if there is a reason.
        reason: a sentence; empty with a score.
    """

    score: ForeseenScore | None
    reason: str = ""


@dataclass(frozen=True)
class DeskFile:
    """A checked file.

    Attributes:
        name: what people see: the name of the file, or the id of the run that wrote it.
        sha256: hash of its bytes.
        case: the file and the sessions to predict.
        checks: results of all checks.
        foreseen: the score that it can expect.
        made_by: id of the run that wrote exactly this file; empty if none of the workspace did.
    """

    name: str
    sha256: str
    case: CheckedSubmission
    checks: tuple[CheckResult, ...]
    foreseen: Foreseen
    made_by: str = ""

    @property
    def blocking(self) -> list[CheckResult]:
        """The failed checks because of which the file cannot be submitted."""
        return [check for check in self.checks if check.blocks]

    @property
    def advisory(self) -> list[CheckResult]:
        """The failed checks that a person should review."""
        return [check for check in self.checks if check.advises]


def path_of_submission(workspace: Workspace, name: str) -> Path:
    """Return the path of a file, or of the submission of a run or blend with this id.

    Raises:
        InputError: there is no such file, run or blend.
    """
    path = Path(name)
    if not path.exists():
        for run in list_runs(workspace):
            if run.manifest.run_id == name:
                run.verified_bytes(SUBMISSION_FILE)
                return run.submission
        for blend in list_blends(workspace):
            if blend.blend == name:
                blend.require_whole()
                return blend.submission
        raise InputError.not_found(path)
    return path


def open_file(path: Path, workspace: Workspace, target: SubmissionTarget, run: Run | None = None) -> DeskFile:
    """Check a file and, with a run, foresee its score.

    Args:
        target: the sessions to predict; those of the run if there is one.
    """
    case = CheckedSubmission.open(path, target)
    sha256 = hash_of(path) if path.is_file() else ""
    made_by = _maker(workspace, sha256)
    name = made_by if made_by and path.name == SUBMISSION_FILE else path.name
    foreseen = Foreseen(None, "There is no run to foresee the score with.") if run is None else foresee(case, run)
    return DeskFile(name, sha256, case, tuple(run_checks(case)), foreseen, made_by)


def foresee(case: CheckedSubmission, run: Run) -> Foreseen:
    """Foresee the score of a file on the sessions of a run; see `core.submission.foreseen`."""
    manifest = run.manifest
    if manifest.config.is_live:
        return Foreseen(None, "The run predicts open sessions, so it cannot foresee the score of finished ones.")
    if manifest.scores.expected_withheld:
        return Foreseen(None, "The test file is unlike the train file, so no score can be foreseen.")
    answers = run.table(ANSWERS_FILE).select(USER_SESSION, "source", "session_value").collect()
    predictions = pl.DataFrame({TEXT: case.target.sessions, "file": case.predictions})
    if float(predictions["file"].abs().max() or 0.0) > LARGEST_VALUE:  # type: ignore[arg-type]
        return Foreseen(None, f"A value of the file is above {LARGEST_VALUE:,.0f}.")
    if missing := predictions["file"].null_count():
        return Foreseen(None, f"{count(missing, 'session')} of the file {'has' if missing == 1 else 'have'} no number.")
    rows = _beside(predictions, answers.rename({USER_SESSION: TEXT, "session_value": PREDICTED}))
    rows = rows.filter(pl.col("source") != "default")
    known, unknown = rows.filter(pl.col("source") == _KNOWN), rows.filter(pl.col("source") != _KNOWN)
    oof = run.table(OOF_FILE).select("fold", VALUE, STACK).filter(pl.col(STACK).is_not_nan()).collect()
    scores = manifest.scores.metric_scores
    return Foreseen(
        foreseen_score(
            unknown["file"].to_numpy(),
            unknown[PREDICTED].to_numpy(),
            PossibleValues.fit(*(oof[name].to_numpy() for name in (STACK, VALUE, "fold"))),
            ForeseenScore(scores.expected.value, scores.expected.low, scores.expected.high),
            metric_named(scores.metric),
            known=(known["file"].to_numpy(), known[PREDICTED].to_numpy()),
            seed=manifest.config.seed,
        )
    )


def compare_files(files: Sequence[DeskFile], dataset: Dataset | None, names: Sequence[str] | None = None) -> Comparison:
    """Compare files on the sessions to predict.

    Args:
        files: at least two, with the same target.
        dataset: gives the segments by known user and number of events; None without them.
        names: different names of the files; by default their own.

    Raises:
        InputError: a file has no number for some session.
    """
    names = names or _different_names([file.name for file in files])
    predictions = {name: complete_predictions(file) for name, file in zip(names, files, strict=True)}
    sessions = files[0].case.target.sessions
    return compare(sessions, predictions, {} if dataset is None else _divisions(sessions, dataset))


def complete_predictions(file: DeskFile) -> Vector:
    """Return the number of each session to predict, in their order.

    Raises:
        InputError: a session has no number.
    """
    predictions = file.case.predictions
    if missing := predictions.null_count():
        raise InputError(
            f"{file.name} has no number for {missing:,} of {count(predictions.len(), 'session')}.",
            "Repair the file or leave it out. `python -m core check` says what is missing.",
            code="missing_sessions",
        )
    if float(predictions.abs().max() or 0.0) > LARGEST_VALUE:  # type: ignore[arg-type]
        raise InputError(
            f"{file.name} has a value above {LARGEST_VALUE:,.0f}.",
            "Correct or leave out the file.",
            code="infinite_values",
        )
    return predictions.to_numpy()


def value_series(file: DeskFile, run: Run) -> dict[str, Vector]:
    """Return what the values of a file are shown with: series of `core.eda.run_charts.file_values` -> values."""
    oof = run.table(OOF_FILE).select(VALUE, STACK).collect()
    return {
        file_values.FILE: file.case.numbers.to_numpy(),
        file_values.OUT_OF_FOLD: oof[STACK].drop_nans().to_numpy(),
        file_values.TRAIN: oof[VALUE].to_numpy(),
    }


def log_fields(file: DeskFile, run: Run | None) -> dict[str, Any]:
    """Return what the log of submissions says about a file."""
    fields: dict[str, Any] = {
        "file": file.name,
        "sha256": file.sha256,
        "made_by": file.made_by,
        "overridden": tuple(check.code for check in file.blocking),
    }
    if run is not None:
        metric = run.manifest.scores.metric_scores.label
        fields |= {"run": run.manifest.run_id, "dataset": run.manifest.dataset, "metric": metric}
    if file.foreseen.score is not None:
        score = file.foreseen.score
        fields |= {"foreseen": score.value, "low": score.low, "high": score.high}
    return fields


def refuse_blocked(file: DeskFile) -> None:
    """Refuse a file with failed blocking checks.

    Raises:
        InputError: always, with the first of them.
    """
    first = file.blocking[0]
    raise InputError(
        f"{count(len(file.blocking), 'blocking check')} of {file.name} failed. {first.title}: {first.explanation}",
        "Repair the file with `check --repair`, or add --all-the-same.",
        code=first.code,
    )


def _different_names(names: Sequence[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names, start=1)]


def _divisions(sessions: pl.Series, dataset: Dataset) -> dict[str, Division]:
    """Return the divisions of the sessions by number of events and by known user."""
    ids = dataset.dictionary(USER_SESSION).select(SESSION, pl.col(USER_SESSION).alias(TEXT)).collect()
    train_users = dataset.events("train").select(USER).unique().collect()[USER]
    of_session = (
        dataset.events("test")
        .group_by(SESSION)
        .agg(pl.len().alias("events"), pl.col(USER).is_in(train_users.implode()).any().alias("known"))
        .collect()
        .join(ids, on=SESSION)
    )
    rows = sessions.to_frame().join(of_session, on=TEXT, how="left", maintain_order="left")
    length = np.searchsorted(_LENGTH_ENDS, rows["events"].fill_null(0).to_numpy())
    known = rows["known"].fill_null(value=False).cast(pl.Int64).to_numpy()
    return {"number of events": Division(_LENGTHS, length), "user": Division(("new user", "known user"), known)}


def _beside(predictions: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    if predictions[TEXT].equals(answers[TEXT]):  # saves a costly join
        return predictions.hstack(answers.drop(TEXT))
    return predictions.join(answers.unique(TEXT), on=TEXT, maintain_order="left")


@dataclass(frozen=True)
class Weights:
    """The weights of a blend, and the mean squared error that it had on the scored sessions, if scores are known."""

    values: Vector
    score: float | None = None


def find_weights(
    method: BlendMethod,
    files: Sequence[DeskFile],
    workspace: Workspace,
    numbers: Sequence[float] = (),
    score_of_zeros: float | None = None,
) -> Weights:
    """Return the weights of a blend.

    Args:
        numbers: the weights (chosen), or the mean squared error that the host returned for each file (returned_scores).
        score_of_zeros: the mean squared error that the host returned for a file of zeros (returned_scores).

    Raises:
        InputError: a file has no number for some session, or the numbers do not fit the files.
    """
    if method == "equal":
        return Weights(equal_weights(len(files)))
    if method == "chosen":
        return Weights(checked_weights(numbers, len(files)))
    if method == "out_of_fold":
        return Weights(_out_of_fold_weights(files, workspace))
    scores = checked_scores(numbers, len(files))
    if score_of_zeros is not None:
        checked_scores([score_of_zeros], 1)
    predictions = np.column_stack([complete_predictions(file) for file in files])
    weights = weights_from_scores(predictions, scores, score_of_zeros)
    score = expected_of_blend(predictions, weights, scores, score_of_zeros)
    refuse_contradiction(score)
    return Weights(weights, max(score, 0.0))


def blend_files(
    files: Sequence[DeskFile], weights: Vector, method: BlendMethod, workspace: Workspace, run: Run | None = None
) -> Blend:
    """Write the blend of files, each times its weight.

    Args:
        method: how the weights were found; see `Blend`.
        run: the run that the files were checked against.

    Raises:
        InputError: a file has no number for some session.
    """
    values = np.sum([weight * complete_predictions(file) for weight, file in zip(weights, files, strict=True)], axis=0)
    target = files[0].case.target
    known = target.sessions.to_frame().join(target.known, on=TEXT, how="left", maintain_order="left")["value"]
    values = np.where(known.is_not_null(), known.fill_null(0.0), values)  # no weight changes what is known
    members = [
        Member(name=file.name, sha256=file.sha256, weight=float(weight), made_by=file.made_by)
        for weight, file in zip(weights, files, strict=True)
    ]
    source = {} if run is None else {"run": run.manifest.run_id, "dataset": run.manifest.dataset}
    return store_blend(workspace, target, values, members, method=method, **source)


def _out_of_fold_weights(files: Sequence[DeskFile], workspace: Workspace) -> Vector:
    """Return the weights with the lowest squared error out of fold, of files that runs on one dataset wrote.

    Raises:
        InputError: a file is not that of a run, or the runs have different datasets or train sessions.
    """
    runs = [find_run(workspace, file.made_by) for file in files if file.made_by.count("blend") == 0 and file.made_by]
    if len(runs) < len(files):
        others = [file.name for file in files if not file.made_by or "blend" in file.made_by]
        raise InputError(
            f"No run of the workspace wrote {listed(others, 3)}, so there are no out-of-fold predictions for it.",
            "Choose equal weights, weights by hand, or weights from returned scores.",
            code="blend_weights",
        )
    if len({run.manifest.dataset for run in runs}) > 1:
        raise InputError(
            "The runs are on different datasets, so their out-of-fold predictions cannot be combined.",
            "Choose runs on one dataset.",
            code="blend_weights",
        )
    rows = runs[0].table(OOF_FILE).select(UNIT, VALUE, pl.col(STACK).alias("0")).collect()
    for index, run in enumerate(runs[1:], start=1):
        other = run.table(OOF_FILE).select(UNIT, pl.col(STACK).alias(str(index))).collect()
        rows = rows.join(other, on=UNIT, maintain_order="left")
    predictions = rows.select(str(index) for index in range(len(runs)))
    rows = rows.filter(pl.all_horizontal(pl.col(name).is_not_nan() for name in predictions.columns))
    return weights_from_values(rows.select(predictions.columns).to_numpy(), rows[VALUE].to_numpy())


def _maker(workspace: Workspace, sha256: str) -> str:
    """Return the id of the run or blend of the workspace that wrote a file with this hash; empty if there is none."""
    if not sha256:
        return ""
    runs = (run.manifest for run in list_runs(workspace))
    made = [manifest.run_id for manifest in runs if manifest.sha256.get(SUBMISSION_FILE) == sha256]
    made += [blend.blend for blend in list_blends(workspace) if blend.sha256 == sha256]
    return made[0] if made else ""


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
