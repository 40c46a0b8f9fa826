"""Baseline for open sessions: a learner trained on finished sessions, which predicts as if the session ended now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from core.training.fitting import fit_learner
from core.training.learners import Vector
from core.training.train import Training


def whole_session_model(training: Training) -> Vector:
    """Return out-of-fold predictions of all rows by the first learner of a run, trained on finished sessions only.

    Returns:
        (rows,) one prediction per training row, finished sessions and prefixes alike, in value units.
    """
    learner, fit = training.learners[0], training.fits[0]
    matrices, n_whole, context = training.matrices, training.data.n_whole, replace(training.context, threads=1)

    def predict(fold: int) -> Vector:
        train, rows = training.folds.split(fold)
        X = matrices.train_rows(fold, train[train < n_whole])
        model = fit_learner(
            learner.bin(lambda: X, context),
            fit.settings,
            context,
            y=matrices.y[train[train < n_whole]],
            start=matrices.start(X),
            metric=training.metric,
            matrix=lambda: X,
        )
        matrix = matrices.train_rows(fold, rows)
        return np.maximum(model.predict(matrix, matrices.start(matrix)), 0.0)

    with ThreadPoolExecutor(training.context.threads) as pool:  # one core per fit, as in cross_fit
        predicted = list(pool.map(predict, range(training.folds.count)))
    return training.folds.out_of_fold(lambda fold, _: predicted[fold])
