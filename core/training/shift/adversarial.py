"""Adversarial validation: how well a small classifier distinguishes the sessions of two samples."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from core.base.cores import available_cores
from core.training.learners import Matrix, Vector

Users = NDArray[np.int64] | NDArray[np.uint64]
Mask = NDArray[np.bool_]

_FOLDS = 5
_ROUNDS = 60
_PARAMS = {
    # Small on purpose: a difference that matters shows in a few shallow trees, which take about a second.
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "seed": 7,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    # One thread per fit gives the same result on every machine. The folds are fitted at the same time. LightGBM has one
    # number of threads for the whole process: a call with another number crashes the fits of other threads.
    "num_threads": 1,
}


@dataclass(frozen=True)
class AdversarialValidation:
    """How well the classifier recognizes the sample of a session.

    Attributes:
        auc: area under the ROC curve on held-out users; 0.5 is guessing, or means that no fold could be scored.
        gain: (features,) total gain of the splits on each feature, summed over the folds.
    """

    auc: float
    gain: Vector


def validate_adversarially(
    first: Matrix, second: Matrix, users: Users, weights: Vector | None = None
) -> AdversarialValidation:
    """Train a classifier to distinguish two samples, cross-validated by user.

    Args:
        first: (sessions, features) of one sample; NaN where a feature is missing.
        second: (sessions, features) of the other sample.
        users: (sessions of both,) non-negative numbers, first's sessions before second's; the folds are users modulo 5.
        weights: (sessions of both,) weights of the sessions; None for equal ones.
    """
    X, y = np.concatenate([first, second]), np.repeat([0.0, 1.0], [len(first), len(second)])
    weights = np.ones(len(y)) if weights is None else weights
    fold_of = users % users.dtype.type(_FOLDS)
    held_out_rows = [fold_of == fold for fold in range(_FOLDS)]
    folds = [held_out for held_out in held_out_rows if held_out.any() and len(np.unique(y[~held_out])) == 2]

    def fit(held_out: Mask) -> tuple[Vector, Vector]:
        """Return the predictions for the held-out sessions, and the gain of each feature."""
        data = lgb.Dataset(X[~held_out], y[~held_out], weight=weights[~held_out])
        model = lgb.train(_PARAMS, data, num_boost_round=_ROUNDS)
        predictions = np.asarray(model.predict(X[held_out], num_threads=_PARAMS["num_threads"]))
        return predictions, model.feature_importance(importance_type="gain")

    predicted, gain = np.full(len(y), np.nan), np.zeros(X.shape[1])
    with ThreadPoolExecutor(available_cores()) as pool:
        for held_out, (predictions, gain_in_fold) in zip(folds, pool.map(fit, folds), strict=True):
            predicted[held_out] = predictions
            gain += gain_in_fold
    scored = ~np.isnan(predicted)
    if len(np.unique(y[scored])) < 2:
        return AdversarialValidation(0.5, gain)
    auc = roc_auc_score(y[scored], predicted[scored], sample_weight=weights[scored])
    return AdversarialValidation(float(auc), gain)
