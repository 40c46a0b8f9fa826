"""What predictions are worth is seen beside simple ones: the mean, and a straight line through the features."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from core.metric import Metric
from core.training.cross_fitting import FoldMatrices
from core.training.learners import Vector

_PENALTY = 10.0
"""Of standardised features: keeps twins among them from taking huge weights of opposite sign, and does no more."""


def constant(matrices: FoldMatrices, metric: Metric) -> Vector:
    """Return out-of-fold predictions of the best constant under the metric, e.g. the mean under squared errors."""
    y, oof = matrices.y, np.full(len(matrices.y), np.nan)
    for learned, validated in matrices.folds.splits():
        oof[validated] = metric.best_constant(y[learned])
    return oof


def linear(matrices: FoldMatrices, metric: Metric) -> Vector:
    """Out-of-fold predictions of a ridge regression on all features, those learned in the folds with them.

    Features are standardised; what is not known is at the mean. Values of less than 0 are not predicted.
    """
    oof = np.full(len(matrices.y), np.nan)
    for fold, (learned, validated) in enumerate(matrices.folds.splits()):
        scaler, line = StandardScaler(), Ridge(_PENALTY, solver="cholesky")
        known = matrices.rows(fold, learned)
        told = ~np.isnan(known).all(axis=0)
        known = np.nan_to_num(scaler.fit_transform(known[:, told]), copy=False)
        line.fit(known, metric.scaled(matrices.y[learned]))
        asked = np.nan_to_num(scaler.transform(matrices.rows(fold, validated)[:, told]), copy=False)
        oof[validated] = np.maximum(metric.unscaled(line.predict(asked)), 0.0)
    return oof
