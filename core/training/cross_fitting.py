"""Fits learners on every fold: out-of-fold predictions for train, the mean of the fold models for test.

Fits run side by side, each on one core, not one after the other on all cores: the same models come out, a little sooner
on an idle machine, and without the collapse that threads waiting for each other cause on a busy one
(docs/benchmarks.md, "Cores"). The libraries compute outside Python's lock, so threads do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.schema import LEARNER_LABELS
from core.training.fold_columns import FoldColumns, start_of
from core.training.folds import Folds
from core.training.learners import FitContext, Learner, Matrix, Model, Vector

Report = Callable[[int, int, str], None]
"""Called with fits done, fits in all, and what is being done."""


@dataclass(frozen=True)
class CrossFit:
    """One learner's models and what they predict.

    Attributes:
        learner: its name.
        models: one a fold; model k never saw a user of fold k.
        oof: out-of-fold predictions of the training rows, NaN for a row that no fold validated, never 0.
        test: the mean prediction of the fold models for the test rows.
        fold_mse: mean squared error of each fold's validated rows.
    """

    learner: str
    models: tuple[Model, ...]
    oof: Vector
    test: Vector
    fold_mse: tuple[float, ...]


@dataclass(frozen=True)
class _FoldFit:
    model: Model
    validated: Vector
    test: Vector


def cross_fit(
    learners: Sequence[Learner],
    X: Matrix,
    y: Vector,
    *,
    X_test: Matrix,
    folds: Folds,
    context: FitContext,
    columns: FoldColumns | None = None,
    report: Report = lambda part, parts, text: None,
) -> tuple[CrossFit, ...]:
    """Fit each learner once a fold, on `context.threads` cores together; the result does not depend on their number.

    `columns` are learned from values, other ones in every fold; they stand behind those of X. The last of them is what
    a session is worth before any tree: models learn what is missing to the value, and `models` predict only that.

    There is no early stopping: stopping on the fold that makes the out-of-fold prediction would flatter it.
    """
    splits = list(folds.splits())
    tasks = [(learner, fold) for learner in learners for fold in range(folds.count)]
    workers = min(context.threads, len(tasks))
    single = replace(context, threads=max(1, context.threads // len(tasks)))

    def fit(learner: Learner, fold: int) -> _FoldFit:
        train, validate = splits[fold]
        known = in_fold(X, columns, fold, train)
        model = learner.fit(known, y[train] - start_of(columns, known), single)
        asked = in_fold(X, columns, fold, validate)
        wanted = _test_in_fold(X_test, columns, fold) if len(X_test) else asked[:0]
        validated, test = (_told_by(model, columns, rows) for rows in (asked, wanted))
        return _FoldFit(model, validated, test)

    report(0, len(tasks), _told(learners[0], 0, folds.count))
    done = dict.fromkeys((learner.name for learner in learners), 0)
    pool = ThreadPoolExecutor(workers)
    try:
        futures = {pool.submit(fit, learner, fold): learner for learner, fold in tasks}
        for future in as_completed(futures):
            future.result()  # raises here, at once, what went wrong there
            learner = futures[future]
            done[learner.name] += 1
            report(sum(done.values()), len(tasks), _told(learner, done[learner.name], folds.count))
        results = dict(zip(tasks, (future.result() for future in futures), strict=True))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after an interruption no further fit starts
    return tuple(
        _gather(learner, [results[learner, fold] for fold in range(folds.count)], y, folds) for learner in learners
    )


def in_fold(X: Matrix, columns: FoldColumns | None, fold: int, rows: NDArray[np.int64]) -> Matrix:
    """Training rows as the models of a fold see them."""
    return X[rows] if columns is None else np.hstack([X[rows], columns.train[fold][rows]])


def _told_by(model: Model, columns: FoldColumns | None, rows: Matrix) -> Vector:
    """What a model makes of rows with all their columns."""
    return start_of(columns, rows) + model.predict(rows) if len(rows) else np.empty(0)


def _test_in_fold(X_test: Matrix, columns: FoldColumns | None, fold: int) -> Matrix:
    return X_test if columns is None else np.hstack([X_test, columns.test[fold]])


def _told(learner: Learner, done: int, folds: int) -> str:
    return f"{LEARNER_LABELS[learner.name]}, {done} of {folds} folds"


def _gather(learner: Learner, fits: Sequence[_FoldFit], y: Vector, folds: Folds) -> CrossFit:
    oof = np.full(len(y), np.nan)
    errors = []
    for (_, validate), fit in zip(folds.splits(), fits, strict=True):
        oof[validate] = fit.validated
        errors.append(float(np.mean((fit.validated - y[validate]) ** 2)))
    test = np.mean([fit.test for fit in fits], axis=0)
    return CrossFit(learner.name, tuple(fit.model for fit in fits), oof, test, tuple(errors))
