"""Simple predictions for comparison: the best constant, and a ridge regression."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from core.metric import Metric
from core.training.cross_fitting import FoldMatrices
from core.training.learners import Vector

_ALPHA = 10.0
"""Small for standardised features: it only keeps collinear ones from getting huge weights of opposite sign."""


def constant(matrices: FoldMatrices, metric: Metric) -> Vector:
    """Return out-of-fold predictions of the best constant under the metric, e.g. the mean under squared errors."""
    y, oof = matrices.y, np.full(len(matrices.y), np.nan)
    for train, validated in matrices.folds.splits():
        oof[validated] = metric.best_constant(y[train])
    return oof


def linear(matrices: FoldMatrices, metric: Metric) -> Vector:
    """Return out-of-fold predictions of a ridge regression on all standardised features, at least 0.

    A missing feature gets its mean. A feature that is missing in all training rows of a fold is left out.
    """
    oof = np.full(len(matrices.y), np.nan)
    for fold, (train, validated) in enumerate(matrices.folds.splits()):
        scaler, ridge = StandardScaler(), Ridge(_ALPHA, solver="cholesky")
        X_train = matrices.train_rows(fold, train)
        columns = ~np.isnan(X_train).all(axis=0)
        X_train = np.nan_to_num(scaler.fit_transform(X_train[:, columns]), copy=False)
        ridge.fit(X_train, metric.scaled(matrices.y[train]))
        X_validated = scaler.transform(matrices.train_rows(fold, validated)[:, columns])
        predicted = ridge.predict(np.nan_to_num(X_validated, copy=False))
        oof[validated] = np.maximum(metric.unscaled(predicted), 0.0)
    return oof
