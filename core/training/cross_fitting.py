"""Fits learners on every fold: out-of-fold predictions for train, the mean of the fold models for test.

Fits run side by side, each on one core, not one after the other on all cores: the same models come out, a little sooner
on an idle machine, and without the collapse that threads waiting for each other cause on a busy one
(docs/benchmarks.md, "Cores"). The libraries compute outside Python's lock, so threads do.
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
from core.base.progress import InterimResult, OnResult, Report
from core.metric import MEAN_SQUARED_ERROR, Metric
from core.schema import LEARNER_LABELS
from core.training.fitting import FittedLearner, default_settings, fit_learner
from core.training.folds import Folds
from core.training.learned_columns import FoldColumns, start_of
from core.training.learners import FitContext, Learner, Matrix, Settings, Vector
from core.training.targets import Link

_MODEL, _LINK, _PREDICTED = "model", "link.json", "predicted.npz"
"""Names of what is kept of a fit."""


@dataclass(frozen=True)
class FoldMatrices:
    """The rows as the models of each fold see them: the same features, and columns learned fold by fold.

    Attributes:
        X, X_test: features of training rows and of rows to predict.
        columns: learned from values, other ones in every fold; they stand behind those of X. The last of them is what
            a session is worth before any tree: models learn what is missing to the value.
        weights: of the training rows' losses; None: all alike.
    """

    X: Matrix
    y: Vector
    X_test: Matrix
    folds: Folds
    columns: FoldColumns | None = None
    weights: Vector | None = None

    def rows(self, fold: int, rows: NDArray[np.int64]) -> Matrix:
        """Training rows."""
        return self.X[rows] if self.columns is None else np.hstack([self.X[rows], self.columns.train[fold][rows]])

    def test(self, fold: int) -> Matrix:
        """Rows to predict."""
        return self.X_test if self.columns is None else np.hstack([self.X_test, self.columns.test[fold]])

    def start(self, matrix: Matrix) -> Vector | None:
        """Where models start from in rows that one of the above gave."""
        return start_of(self.columns, matrix)

    def start_of_rows(self, fold: int, rows: NDArray[np.int64]) -> Vector | None:
        """The same without making the rows."""
        return None if self.columns is None else start_of(self.columns, self.columns.train[fold][rows])

    def weights_of(self, rows: NDArray[np.int64]) -> Vector | None:
        """With a mean of 1: what keeps trees small counts in weights. Where all have faded to 0, all are alike."""
        if self.weights is None:
            return None
        found = self.weights[rows]
        mean = float(found.mean()) if len(found) else 0.0
        return found / mean if mean > 0 else np.ones(len(found))


@dataclass(frozen=True)
class CrossFit:
    """One learner's models and what they predict.

    Attributes:
        learner: its name.
        settings: that it was fitted with.
        models: one a fit of the folds (see Folds.fits); model k never saw a user of fold k. With several seeds one
            tuple after the other.
        oof: out-of-fold predictions of the training rows, NaN for a row that no fold validated, never 0.
        test: the mean prediction of the models for the test rows.
        fold_mse: mean squared error of each fold's validated rows.
    """

    learner: str
    settings: Settings
    models: tuple[FittedLearner, ...]
    oof: Vector
    test: Vector
    fold_mse: tuple[float, ...]


@dataclass(frozen=True)
class _FoldFit:
    model: FittedLearner
    validated: Vector
    test: Vector

    def save(self, folder: Path) -> None:
        """Write model, link and predictions."""
        self.model.model.save(folder, _MODEL)
        (folder / _LINK).write_text(json.dumps(self.model.link.as_record()), encoding="utf-8")
        np.savez(folder / _PREDICTED, validated=self.validated, test=self.test)

    @classmethod
    def load(cls, folder: Path, learner: Learner, context: FitContext) -> _FoldFit:
        """What `save` wrote."""
        link = Link(**json.loads((folder / _LINK).read_text(encoding="utf-8")))
        with np.load(folder / _PREDICTED, allow_pickle=False) as found:
            return cls(FittedLearner(learner.load(folder, _MODEL, context), link), found["validated"], found["test"])


def cross_fit(
    learners: Sequence[Learner],
    matrices: FoldMatrices,
    *,
    context: FitContext,
    metric: Metric | None = None,
    settings: Mapping[str, Settings] | None = None,
    report: Report = lambda part, parts, text: None,
    tell: OnResult = lambda news: None,
    kept: LoadOrCompute = always_compute,
) -> tuple[CrossFit, ...]:
    """Fit each learner once a fold, on `context.threads` cores together; the result does not depend on their number.

    `settings` by learner; who has none gets its defaults. Fits that were `kept` are not done again. `tell` hears
    of each fit: learner, fold, and the mean squared error of the rows that it validates (None: it validates none).

    There is no early stopping: stopping on the fold that makes the out-of-fold prediction would flatter it.
    """
    metric = metric or MEAN_SQUARED_ERROR
    chosen = {
        learner.name: (settings or {}).get(learner.name) or default_settings(learner, metric, matrices.y)
        for learner in learners
    }
    folds = matrices.folds
    splits = list(folds.fits())
    tasks = [(learner, fold) for learner in learners for fold in range(len(splits))]
    workers = min(context.threads, len(tasks))
    single = replace(context, threads=max(1, context.threads // len(tasks)))

    def fit(learner: Learner, fold: int) -> _FoldFit:
        train, validate = splits[fold]
        known = matrices.rows(fold, train)
        model = fit_learner(
            learner.bin(lambda: known, single),
            chosen[learner.name],
            single,
            y=matrices.y[train],
            start=matrices.start(known),
            metric=metric,
            matrix=lambda: known,
            weights=matrices.weights_of(train),
        )
        asked = matrices.rows(fold, validate)
        wanted = matrices.test(fold) if fold in folds.fits_for_test else asked[:0]
        validated, test = (model.predict(each, matrices.start(each)) for each in (asked, wanted))
        return _FoldFit(model, validated, test)

    def kept_or_fit(learner: Learner, fold: int) -> _FoldFit:
        told = json.dumps([chosen[learner.name], single.seed], sort_keys=True)
        name = f"{learner.name}-{fold}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        return kept(
            f"fits/{name}",
            lambda: fit(learner, fold),
            _FoldFit.save,
            lambda folder: _FoldFit.load(folder, learner, single),
        )

    report(0, len(tasks), _told(learners[0], 0, len(splits)))
    done = dict.fromkeys((learner.name for learner in learners), 0)
    pool = ThreadPoolExecutor(workers)
    try:
        futures = {pool.submit(kept_or_fit, *task): task for task in tasks}
        for future in as_completed(futures):
            fitted = future.result()  # raises here, at once, what went wrong there
            learner, fold = futures[future]
            error = (
                float(np.mean((fitted.validated - matrices.y[splits[fold][1]]) ** 2)) if fold < folds.count else None
            )
            tell(InterimResult("fit", {"learner": learner.name, "fold": fold, "mse": error}))
            done[learner.name] += 1
            report(sum(done.values()), len(tasks), _told(learner, done[learner.name], len(splits)))
        results = dict(zip(tasks, (future.result() for future in futures), strict=True))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after an interruption no further fit starts
    return tuple(
        _gather(learner, chosen[learner.name], [results[learner, fold] for fold in range(len(splits))], matrices)
        for learner in learners
    )


def mean_of_seeds(fits: Sequence[CrossFit], y: Vector, folds: Folds) -> CrossFit:
    """One learner fitted with several seeds, as one: predictions are means, models stand one seed after the other."""
    oof = np.mean([fit.oof for fit in fits], axis=0)
    return CrossFit(
        learner=fits[0].learner,
        settings=fits[0].settings,
        models=tuple(model for fit in fits for model in fit.models),
        oof=oof,
        test=np.mean([fit.test for fit in fits], axis=0),
        fold_mse=_fold_mse(oof, y, folds),
    )


def _told(learner: Learner, done: int, folds: int) -> str:
    return f"{LEARNER_LABELS[learner.name]}, {done} of {folds} folds"


def _gather(learner: Learner, settings: Settings, fits: Sequence[_FoldFit], matrices: FoldMatrices) -> CrossFit:
    folds, y = matrices.folds, matrices.y
    oof = np.full(len(y), np.nan)
    for (_, validate), fit in zip(folds.fits(), fits, strict=True):
        oof[validate] = fit.validated
    test = np.mean([fits[fold].test for fold in folds.fits_for_test], axis=0)
    return CrossFit(learner.name, settings, tuple(fit.model for fit in fits), oof, test, _fold_mse(oof, y, folds))


def _fold_mse(oof: Vector, y: Vector, folds: Folds) -> tuple[float, ...]:
    return tuple(float(np.mean((oof[rows] - y[rows]) ** 2)) for _, rows in folds.splits())
