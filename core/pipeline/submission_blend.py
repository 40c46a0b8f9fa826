"""Blends of submission files: find the weights, and write, check and record the weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.files import remove_hidden_first
from core.base.text import listed
from core.base.workspace import Workspace
from core.errors import RunError
from core.metric import metric_named
from core.pipeline.submission_desk import DeskFile, complete_predictions, log_fields, open_file
from core.runs import Run, list_runs
from core.runs.store import OOF_FILE
from core.schema import STACK, UNIT, VALUE
from core.submission import SubmissionTarget, log
from core.submission.blend import (
    checked_scores,
    checked_weights,
    equal_weights,
    expected_of_blend,
    refuse_contradiction,
    unusable_weights,
    weights_from_scores,
    weights_from_values,
)
from core.submission.blend_store import Blend, BlendMethod, Member, store_blend
from core.submission.file import write_packed
from core.submission.target import TEXT

Vector = NDArray[np.float64]

_TO_MSE: Final[dict[str, Callable[[float], float]]] = {
    metric_named("mse").label: float,
    metric_named("rmse").label: lambda score: score**2,
}
"""Label of a metric -> function that turns its score into a mean squared error."""


@dataclass(frozen=True)
class Weights:
    """The weights of a blend, and its mean squared error on the scored sessions; None if no scores are known."""

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


def returned_errors(files: Sequence[DeskFile], workspace: Workspace) -> list[float | None]:
    """Return the mean squared error that the host returned last for each file; None if the log has none.

    Raises:
        RunError: the log cannot be read.
    """
    errors: dict[str, float] = {}
    for entry in log.entries(workspace):  # newest first
        if entry.returned is not None and entry.metric in _TO_MSE:
            errors.setdefault(entry.sha256, _TO_MSE[entry.metric](entry.returned))
    return [errors.get(file.sha256) for file in files]


def blend_files(
    files: Sequence[DeskFile],
    weights: Vector,
    method: BlendMethod,
    workspace: Workspace,
    run: Run | None = None,
    *,
    copy_to: Path | None = None,
) -> tuple[Blend, DeskFile]:
    """Write the blend of files, each times its weight, record it in the log, and return it with its checks.

    If a step fails, such as the copy, the files of the blend are deleted.

    Args:
        files: at least one, all with the same target.
        weights: (files,) the weight of each file.
        method: how the weights were found; see `Blend`.
        run: the run that the files were checked against.
        copy_to: path of a copy of the file, packed if the ending of its name says so; None for no copy.

    Raises:
        InputError: a file has no number for some session.
        RunError: the copy or the log cannot be written.
    """
    target = files[0].case.target
    source = {} if run is None else {"run": run.manifest.run_id, "dataset": run.manifest.dataset}
    values = _weighted_sum(files, weights, target)
    with ExitStack() as undo:
        blend = store_blend(workspace, target, values, _members(files, weights), method=method, **source)
        undo.callback(remove_hidden_first, blend.folder)
        checked = open_file(blend.submission, workspace, target, run)
        if copy_to is not None:
            _copy(blend.submission, copy_to)
            undo.callback(copy_to.unlink, missing_ok=True)
        log.record(workspace, "blended", **log_fields(checked, run))
        undo.pop_all()
    return blend, checked


def _copy(source: Path, path: Path) -> None:
    try:
        write_packed(path, source.read_bytes())
    except OSError as error:
        raise RunError.not_writable(path, error.strerror or str(error)) from error


def _weighted_sum(files: Sequence[DeskFile], weights: Vector, target: SubmissionTarget) -> Vector:
    """Return the blended value of each session to predict. No weight changes a value that is known from train."""
    values = np.sum([weight * complete_predictions(file) for weight, file in zip(weights, files, strict=True)], axis=0)
    known = target.sessions.to_frame().join(target.known, on=TEXT, how="left", maintain_order="left")["value"]
    return np.where(known.is_not_null(), known.fill_null(0.0), values)


def _members(files: Sequence[DeskFile], weights: Vector) -> list[Member]:
    return [
        Member(name=file.name, sha256=file.sha256, weight=float(weight), made_by=file.made_by)
        for weight, file in zip(weights, files, strict=True)
    ]


def _out_of_fold_weights(files: Sequence[DeskFile], workspace: Workspace) -> Vector:
    """Return the weights with the lowest squared error out of fold, of files that runs on one dataset wrote.

    They are found on the train sessions that all of the runs predicted out of fold.

    Raises:
        InputError: a file is not that of a run, the runs are on different datasets, or they have no such session.
    """
    run_of = {run.manifest.run_id: run for run in list_runs(workspace)}
    if others := [file.name for file in files if file.made_by not in run_of]:
        problem = f"No run of the workspace wrote {listed(others, 3)}, so there are no out-of-fold predictions for it."
        raise unusable_weights(problem, "Choose equal weights, weights by hand, or weights from returned scores.")
    runs = [run_of[file.made_by] for file in files]
    if len({run.manifest.dataset for run in runs}) > 1:
        problem = "The runs are on different datasets, so their out-of-fold predictions cannot be combined."
        raise unusable_weights(problem, "Choose runs on one dataset.")
    rows = runs[0].table(OOF_FILE).select(UNIT, VALUE).collect()
    names = [str(index) for index in range(len(runs))]
    for name, run in zip(names, runs, strict=True):
        predictions = run.table(OOF_FILE).select(UNIT, pl.col(STACK).alias(name)).filter(pl.col(name).is_not_nan())
        rows = rows.join(predictions.collect(), on=UNIT, how="inner", maintain_order="left")
    if rows.is_empty():
        problem = "There is no train session for which all of the runs have an out-of-fold prediction."
        raise unusable_weights(problem, "Choose equal weights, or runs with the same folds.")
    return weights_from_values(rows.select(names).to_numpy(), rows[VALUE].to_numpy())
