"""Simple predictions for comparison: the best constant, and a ridge regression."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from core.metric import Metric
from core.training.cross_fitting import FoldMatrices
from core.training.folds import Rows
from core.training.learners import Vector

_ALPHA = 10.0
"""Small for standardised features: it only keeps collinear ones from getting huge weights of opposite sign."""


def constant(matrices: FoldMatrices, metric: Metric) -> Vector:
    """Return out-of-fold predictions of the best constant under the metric, e.g. the mean under squared errors."""
    y, folds = matrices.y, matrices.folds
    return folds.out_of_fold(lambda fold, rows: np.full(len(rows), metric.best_constant(y[folds.train_mask(fold)])))


def linear(matrices: FoldMatrices, metric: Metric) -> Vector:
    """Return out-of-fold predictions of a ridge regression on all standardised features, at least 0.

    A missing feature gets its mean. A feature that is missing in all training rows of a fold is left out.
    """

    def predict(fold: int, rows: Rows) -> Vector:
        train, _ = matrices.folds.split(fold)
        X_train = matrices.train_rows(fold, train)
        columns = ~np.isnan(X_train).all(axis=0)
        scaler, ridge = StandardScaler(), Ridge(_ALPHA, solver="cholesky")
        X_train = np.nan_to_num(scaler.fit_transform(X_train[:, columns]), copy=False)
        ridge.fit(X_train, metric.transform(matrices.y[train]))
        X = np.nan_to_num(scaler.transform(matrices.train_rows(fold, rows)[:, columns]), copy=False)
        return np.asarray(np.maximum(metric.inverse_transform(ridge.predict(X)), 0.0))

    return matrices.folds.out_of_fold(predict)
