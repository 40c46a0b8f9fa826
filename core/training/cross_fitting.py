"""Fits the learners on every fold: out-of-fold predictions for train, the mean of the fold models for test.

Fits run in parallel threads with one core each, instead of one after the other on all cores. The models are the same.
On a busy machine this is much faster, because the threads of one fit would wait for each other (docs/benchmarks.md,
"Cores"). The libraries release Python's global lock while they fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.base.checkpoint import LoadOrCompute, always_compute
from core.base.progress import InterimResult, OnResult, Report, ignore_result, no_report
from core.metric import MEAN_SQUARED_ERROR, Metric
from core.schema import LEARNER_LABELS
from core.training.fitting import FittedLearner, default_settings, fit_learner
from core.training.folds import Folds
from core.training.learned_columns import FoldColumns
from core.training.learners import FitContext, Learner, Matrix, Settings, Vector
from core.training.targets import Link

_MODEL, _LINK, _PREDICTIONS = "model", "link.json", "predicted.npz"
"""Names of the files of a checkpoint of one fit."""


@dataclass(frozen=True)
class FoldMatrices:
    """The rows as the models of each fold see them: the same features, and columns learned fold by fold.

    Attributes:
        X: Features of the training rows.
        y: Session values.
        X_test: Features of the test rows.
        folds: The folds of the training rows.
        columns: Columns learned from values, appended to X. The last one is the start: an estimate of the session's
            value, from which the trees learn the difference. None if the rows have no events.
        weights: Weight of each training row's loss; None for equal weights.
    """

    X: Matrix
    y: Vector
    X_test: Matrix
    folds: Folds
    columns: FoldColumns | None = None
    weights: Vector | None = None

    def train_rows(self, fold: int, rows: NDArray[np.int64]) -> Matrix:
        """Return some of the training rows with all their features."""
        return self.X[rows] if self.columns is None else np.hstack([self.X[rows], self.columns.train[fold][rows]])

    def test_rows(self, fold: int) -> Matrix:
        """Return the test rows with all their features."""
        return self.X_test if self.columns is None else np.hstack([self.X_test, self.columns.test[fold]])

    def start(self, matrix: Matrix) -> Vector | None:
        """Return the start of rows from `train_rows` or `test_rows`; None without learned columns."""
        return None if self.columns is None else matrix[:, -1]

    def train_start(self, fold: int, rows: NDArray[np.int64]) -> Vector | None:
        """Return the start of training rows without building their features."""
        return None if self.columns is None else self.columns.train[fold][rows, -1]

    def normalized_weights(self, rows: NDArray[np.int64]) -> Vector | None:
        """Return the weights of training rows, scaled to a mean of 1; all 1 if the weights are 0.

        The learners compare sums of weights with settings such as the minimum weight of a leaf.
        """
        if self.weights is None:
            return None
        weights = self.weights[rows]
        mean = float(weights.mean()) if len(weights) else 0.0
        return weights / mean if mean > 0 else np.ones(len(weights))


@dataclass(frozen=True)
class CrossFit:
    """The fold models of one learner and their predictions.

    Attributes:
        learner: Name of the learner.
        settings: Settings of all its fits.
        models: One model per fit (see Folds.fits); model k was trained on no user of fold k. With several seeds, the
            models of one seed follow those of the previous one.
        oof: Out-of-fold predictions of the training rows; NaN (never 0) for a row that no fold validates.
        test: Mean prediction of the models for the test rows.
        fold_mse: Mean squared error of the validated rows of each fold.
    """

    learner: str
    settings: Settings
    models: tuple[FittedLearner, ...]
    oof: Vector
    test: Vector
    fold_mse: tuple[float, ...]


@dataclass(frozen=True)
class _FoldFit:
    """One model, and its predictions for the validated rows of its fold and for the test rows."""

    model: FittedLearner
    validated: Vector
    test: Vector

    def save(self, folder: Path) -> None:
        self.model.model.save(folder, _MODEL)
        (folder / _LINK).write_text(json.dumps(self.model.link.as_record()), encoding="utf-8")
        np.savez(folder / _PREDICTIONS, validated=self.validated, test=self.test)

    @classmethod
    def load(cls, folder: Path, learner: Learner, context: FitContext) -> _FoldFit:
        link = Link(**json.loads((folder / _LINK).read_text(encoding="utf-8")))
        with np.load(folder / _PREDICTIONS, allow_pickle=False) as arrays:
            return cls(FittedLearner(learner.load(folder, _MODEL, context), link), arrays["validated"], arrays["test"])


def cross_fit(
    learners: Sequence[Learner],
    matrices: FoldMatrices,
    *,
    context: FitContext,
    metric: Metric | None = None,
    settings: Mapping[str, Settings] | None = None,
    report: Report = no_report,
    on_result: OnResult = ignore_result,
    load_or_compute: LoadOrCompute = always_compute,
) -> tuple[CrossFit, ...]:
    """Fit each learner on every fold, on `context.threads` cores. The result does not depend on the number of cores.

    There is no early stopping: stopping on the validated fold would make its out-of-fold predictions too optimistic.

    `settings` are by name of the learner; the others get default settings. `report` receives the number of finished
    fits, and `on_result` each fit's learner, fold and mean squared error (None if the fit validates no rows).
    `load_or_compute` restores fits of an interrupted run.
    """
    metric = metric or MEAN_SQUARED_ERROR
    settings_of = {
        learner.name: (settings or {}).get(learner.name) or default_settings(learner, metric, matrices.y)
        for learner in learners
    }
    splits = list(matrices.folds.fits())
    tasks = [(learner, fold) for learner in learners for fold in range(len(splits))]
    single = replace(context, threads=max(1, context.threads // len(tasks)))

    def restore_or_fit(learner: Learner, fold: int) -> _FoldFit:
        fit_settings = settings_of[learner.name]
        key = hashlib.sha256(json.dumps([fit_settings, single.seed], sort_keys=True).encode()).hexdigest()[:12]
        return load_or_compute(
            f"fits/{learner.name}-{fold}-{key}",
            lambda: _fit_fold(learner, fold, matrices, settings=fit_settings, context=single, metric=metric),
            _FoldFit.save,
            lambda folder: _FoldFit.load(folder, learner, single),
        )

    report(0, len(tasks), _progress_text(learners[0], 0, len(splits)))
    n_done = dict.fromkeys((learner.name for learner in learners), 0)
    pool = ThreadPoolExecutor(min(context.threads, len(tasks)))
    try:
        futures = {pool.submit(restore_or_fit, *task): task for task in tasks}
        for future in as_completed(futures):
            fitted = future.result()
            learner, fold = futures[future]
            mse = None
            if fold < matrices.folds.count:
                mse = float(np.mean((fitted.validated - matrices.y[splits[fold][1]]) ** 2))
            on_result(InterimResult("fit", {"learner": learner.name, "fold": fold, "mse": mse}))
            n_done[learner.name] += 1
            report(sum(n_done.values()), len(tasks), _progress_text(learner, n_done[learner.name], len(splits)))
        results = dict(zip(tasks, (future.result() for future in futures), strict=True))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after an interruption no further fit starts
    return tuple(
        _gather(learner, settings_of[learner.name], [results[learner, fold] for fold in range(len(splits))], matrices)
        for learner in learners
    )


def mean_of_seeds(fits: Sequence[CrossFit], y: Vector, folds: Folds) -> CrossFit:
    """Combine the fits of one learner with several seeds: all models, and the mean of the predictions."""
    oof = np.mean([fit.oof for fit in fits], axis=0)
    return CrossFit(
        learner=fits[0].learner,
        settings=fits[0].settings,
        models=tuple(model for fit in fits for model in fit.models),
        oof=oof,
        test=np.mean([fit.test for fit in fits], axis=0),
        fold_mse=_fold_mse(oof, y, folds),
    )


def _fit_fold(
    learner: Learner,
    fold: int,
    matrices: FoldMatrices,
    *,
    settings: Settings,
    context: FitContext,
    metric: Metric,
) -> _FoldFit:
    train, validated = list(matrices.folds.fits())[fold]
    X_train = matrices.train_rows(fold, train)
    model = fit_learner(
        learner.bin(lambda: X_train, context),
        settings,
        context,
        y=matrices.y[train],
        start=matrices.start(X_train),
        metric=metric,
        matrix=lambda: X_train,
        weights=matrices.normalized_weights(train),
    )
    X_validated = matrices.train_rows(fold, validated)
    X_test = matrices.test_rows(fold) if fold in matrices.folds.fits_for_test else X_validated[:0]
    return _FoldFit(model, *(model.predict(X, matrices.start(X)) for X in (X_validated, X_test)))


def _progress_text(learner: Learner, n_done: int, n_folds: int) -> str:
    return f"{LEARNER_LABELS[learner.name]}, {n_done} of {n_folds} folds"


def _gather(learner: Learner, settings: Settings, fits: Sequence[_FoldFit], matrices: FoldMatrices) -> CrossFit:
    folds, y = matrices.folds, matrices.y
    oof = np.full(len(y), np.nan)
    for (_, validated), fit in zip(folds.fits(), fits, strict=True):
        oof[validated] = fit.validated
    test = np.mean([fits[fold].test for fold in folds.fits_for_test], axis=0)
    return CrossFit(learner.name, settings, tuple(fit.model for fit in fits), oof, test, _fold_mse(oof, y, folds))


def _fold_mse(oof: Vector, y: Vector, folds: Folds) -> tuple[float, ...]:
    return tuple(float(np.mean((oof[rows] - y[rows]) ** 2)) for _, rows in folds.splits())
