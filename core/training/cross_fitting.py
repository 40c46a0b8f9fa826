"""Cross-fitting: every learner is fitted on every fold and predicts the rows that it was not trained on.

Fits run in parallel threads with one core each, instead of one after the other on all cores. The models are the same.
On a busy machine this is much faster, because the threads of one fit would wait for each other (docs/benchmarks.md,
"Cores"). The libraries release Python's global lock while they fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.base.arrays import load_arrays, save_arrays
from core.base.checkpoint import LoadOrCompute, always_compute
from core.base.ids import short_digest
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
        X: (training rows, features) features of the feature table.
        y: (training rows,) session values.
        X_test: (test rows, features).
        folds: the folds of the training rows.
        columns: columns learned from values, appended to X; None if the rows have no events. One of them is the start:
            an estimate of the session's value, from which the trees learn the difference.
        weights: weight of each training row's loss; None for equal weights.
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
        return None if self.columns is None else matrix[:, self.X.shape[1] + self.columns.start_index]

    def train_start(self, fold: int, rows: NDArray[np.int64]) -> Vector | None:
        """Return the start of training rows without building their features."""
        return None if self.columns is None else self.columns.train_start(fold, rows)

    def first_rows(self, n_rows: int) -> FoldMatrices:
        """Return the matrices of the first training rows and of the test rows."""
        columns = None if self.columns is None else self.columns.first_rows(n_rows)
        weights = None if self.weights is None else self.weights[:n_rows]
        folds = self.folds.part(np.arange(n_rows))
        return FoldMatrices(self.X[:n_rows], self.y[:n_rows], self.X_test, folds, columns, weights)

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
        learner: name of the learner.
        settings: settings of all fits.
        models: one model per fit (see Folds.fits); model k was trained on no user of fold k. With several seeds, the
            models of one seed follow those of the previous one.
        oof: out-of-fold predictions of the training rows; NaN (never 0) for a row that no fold validates.
        test: mean prediction of the models for the test rows.
        fold_mse: mean squared error of the validated rows of each fold.
    """

    learner: str
    settings: Settings
    models: tuple[FittedLearner, ...]
    oof: Vector
    test: Vector
    fold_mse: tuple[float, ...]

    def first_rows(self, n_rows: int, y: Vector, folds: Folds) -> CrossFit:
        """Return the same fits with the predictions of the first training rows, whose values and folds are given."""
        oof = self.oof[:n_rows]
        return replace(self, oof=oof, fold_mse=_fold_mse(oof, y, folds))


@dataclass(frozen=True)
class _FoldFit:
    """One model, and its predictions for the validated rows of its fold and for the test rows."""

    model: FittedLearner
    validated: Vector
    test: Vector

    def save(self, folder: Path) -> None:
        self.model.model.save(folder, _MODEL)
        (folder / _LINK).write_text(json.dumps(self.model.link.as_record()), encoding="utf-8")
        save_arrays(folder / _PREDICTIONS, {"validated": self.validated, "test": self.test})

    @classmethod
    def load(cls, folder: Path, learner: Learner, context: FitContext) -> _FoldFit:
        link = Link(**json.loads((folder / _LINK).read_text(encoding="utf-8")))
        arrays = load_arrays(folder / _PREDICTIONS)
        return cls(FittedLearner(learner.load(folder, _MODEL, context), link), arrays["validated"], arrays["test"])


def cross_fit(
    learners: Sequence[Learner],
    matrices: FoldMatrices,
    *,
    context: FitContext,
    metric: Metric = MEAN_SQUARED_ERROR,
    settings: Mapping[str, Settings] | None = None,
    report: Report = no_report,
    on_result: OnResult = ignore_result,
    load_or_compute: LoadOrCompute = always_compute,
) -> tuple[CrossFit, ...]:
    """Fit each learner on every fold, on `context.threads` cores. The result does not depend on the number of cores.

    There is no early stopping: stopping on the validated fold would make its out-of-fold predictions too optimistic.

    Args:
        settings: learner -> its settings; learners without an entry get default settings.
        on_result: receives the learner, fold and mean squared error of each fit (None if it validates no rows).
        load_or_compute: restores the fits of an interrupted run.
    """
    folds, y = matrices.folds, matrices.y
    settings_of = {
        learner.name: (settings or {}).get(learner.name) or default_settings(learner, metric, y) for learner in learners
    }
    # Fold by fold, so that CatBoost, which fits one model at a time, is rarely fitted by two threads at once.
    tasks = [(learner, fold) for fold in range(folds.fit_count) for learner in learners]
    context_of_fit = replace(context, threads=max(1, context.threads // len(tasks)))
    fits: dict[str, dict[int, _FoldFit]] = {learner.name: {} for learner in learners}

    def restore_or_fit(learner: Learner, fold: int) -> _FoldFit:
        fit_settings = settings_of[learner.name]
        return load_or_compute(
            _checkpoint_name(learner, fold, fit_settings, context_of_fit.seed),
            lambda: _fit_fold(learner, fold, matrices, settings=fit_settings, context=context_of_fit, metric=metric),
            _FoldFit.save,
            lambda folder: _FoldFit.load(folder, learner, context_of_fit),
        )

    def collect(learner: Learner, fold: int, fit: _FoldFit) -> None:
        fits[learner.name][fold] = fit
        values = y[folds.fold_of == fold]
        mse = float(np.mean((fit.validated - values) ** 2)) if len(values) else None
        on_result(InterimResult("fit", {"learner": learner.name, "fold": fold, "mse": mse}))
        n_finished = sum(map(len, fits.values()))
        report(n_finished, len(tasks), _progress_text(learner, len(fits[learner.name]), folds.fit_count))

    report(0, len(tasks), _progress_text(learners[0], 0, folds.fit_count))
    _run_in_threads(restore_or_fit, tasks, context.threads, collect)
    return tuple(_gather(name, settings_of[name], learner_fits, matrices) for name, learner_fits in fits.items())


def _checkpoint_name(learner: Learner, fold: int, settings: Settings, seed: int) -> str:
    settings_digest = hashlib.sha256(json.dumps([settings, seed], sort_keys=True).encode()).hexdigest()
    return f"fits/{learner.name}-{fold}-{short_digest(settings_digest)}"


def _run_in_threads(
    fit: Callable[[Learner, int], _FoldFit],
    tasks: Sequence[tuple[Learner, int]],
    threads: int,
    collect: Callable[[Learner, int, _FoldFit], None],
) -> None:
    """Fit each task, and pass it to `collect` in this thread when it is finished.

    After an error or an interruption, no further fit starts, and those that run are not waited for.
    """
    pool = ThreadPoolExecutor(min(threads, len(tasks)))
    with threadpool_limits(1, user_api="blas"):  # the sums of a linear model must not depend on the number of cores
        try:
            futures = {pool.submit(fit, *task): task for task in tasks}
            for future in as_completed(futures):
                collect(*futures[future], future.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def mean_of_seeds(fits: Sequence[CrossFit], y: Vector, folds: Folds) -> CrossFit:
    """Combine the fits of one learner with several seeds: all models, and the mean of the predictions."""
    oof = np.mean([fit.oof for fit in fits], axis=0)
    return replace(
        fits[0],
        models=tuple(model for fit in fits for model in fit.models),
        oof=oof,
        test=np.mean([fit.test for fit in fits], axis=0),
        fold_mse=_fold_mse(oof, y, folds),
    )


def _fit_fold(
    learner: Learner, fold: int, matrices: FoldMatrices, *, settings: Settings, context: FitContext, metric: Metric
) -> _FoldFit:
    train, validated = matrices.folds.split(fold)
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


def _gather(learner: str, settings: Settings, fits: Mapping[int, _FoldFit], matrices: FoldMatrices) -> CrossFit:
    """Combine the fits of one learner, by fold, into its out-of-fold predictions and mean test predictions."""
    folds, y = matrices.folds, matrices.y
    oof = np.full(len(y), np.nan)
    for fold, fit in fits.items():
        oof[folds.fold_of == fold] = fit.validated
    test = np.mean([fits[fold].test for fold in folds.fits_for_test], axis=0)
    models = tuple(fits[fold].model for fold in range(folds.fit_count))
    return CrossFit(learner, settings, models, oof, test, _fold_mse(oof, y, folds))


def _fold_mse(oof: Vector, y: Vector, folds: Folds) -> tuple[float, ...]:
    return tuple(float(np.mean((oof - y)[folds.fold_of == fold] ** 2)) for fold in range(folds.count))
