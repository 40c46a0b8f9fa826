"""The probability that an open session has any purchase by its end.

A session that has a purchase already has probability 1. For the others, LightGBM classifiers predict the log odds, one
per fit of the folds. A logistic regression on the out-of-fold log odds and the number of events corrects log odds that
are too extreme or too timid, so that probabilities are right at every length (Platt 1999, Probabilistic outputs for
support vector machines).
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from core.training.cross_fitting import FoldMatrices
from core.training.folds import Rows
from core.training.learners import FitContext, Model, Settings, Task, Vector
from core.training.learners.lightgbm import LIGHTGBM

_SETTINGS: Settings = {
    "rounds": 300,
    "learning_rate": 0.02,
    "num_leaves": 6,
    "feature_fraction": 0.3,
    "lambda_l2": 30.0,
    "min_data_in_leaf": 100,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
}
"""Strongly regularized, because few sessions have a purchase. On the demo, the PR-AUC out of fold is 0.279; with 16
leaves and no other penalties it is 0.252."""
_MIN_OF_EACH = 20
"""Minimum number of rows with a purchase, and of rows without one, to learn the difference."""
_WEAK_PENALTY = 1e6
"""Inverse strength of the penalty of the logistic regression, which has three coefficients and needs none."""
_SUMMARY, _MODEL = "buy.json", "buy-fold{}"


@dataclass(frozen=True)
class BuyHead:
    """Classifiers of rows without a purchase so far.

    Attributes:
        models: one per fit, whose output are log odds. Empty if too few rows could be learned from.
        slope, length_slope, intercept: correction of the log odds.
    """

    models: tuple[Model, ...]
    slope: float
    length_slope: float
    intercept: float

    def probability(self, log_odds: Vector, events: Vector, n_bought: Vector) -> Vector:
        """Return the probability of any purchase by the end of each session.

        Args:
            log_odds: average output of the models; 0 without models.
            events: number of events so far.
            n_bought: number of purchases so far.
        """
        corrected = self.slope * log_odds + self.length_slope * np.log(events) + self.intercept
        return np.where(n_bought > 0, 1.0, expit(corrected))

    def save(self, folder: Path) -> None:
        """Write the models and the correction into a folder."""
        for fit, model in enumerate(self.models):
            model.save(folder, _MODEL.format(fit))
        summary = {"fits": len(self.models), "slope": self.slope}
        summary |= {"length_slope": self.length_slope, "intercept": self.intercept}
        (folder / _SUMMARY).write_text(json.dumps(summary), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, context: FitContext) -> BuyHead:
        """Read a head that `save` wrote."""
        summary = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        models = tuple(LIGHTGBM.load(folder, _MODEL.format(fit), context) for fit in range(int(summary["fits"])))
        return cls(models, *(float(summary[name]) for name in ("slope", "length_slope", "intercept")))


def fit_buy_head(
    matrices: FoldMatrices, context: FitContext, *, events: Vector, n_bought: Vector, bought: Vector
) -> tuple[BuyHead, Vector]:
    """Fit classifiers on every fold, and return them with the out-of-fold probability of each training row.

    Args:
        matrices: training rows, which are whole sessions and prefixes.
        context: parameters of the fits.
        events: (rows,) number of events so far.
        n_bought: (rows,) number of purchases so far.
        bought: (rows,) 1 if the whole session has a purchase, else 0.

    Returns:
        The head, and the probabilities; NaN in rows without a purchase so far that no fold validates.
    """
    folds = matrices.folds
    is_open = n_bought == 0
    masks = [folds.validated_mask, *(folds.train_mask(fit) for fit in range(folds.fit_count))]
    if min(_rarer_label(bought[mask & is_open]) for mask in masks) < _MIN_OF_EACH:
        head = _constant_head(bought[is_open])
        log_odds = np.where(folds.validated_mask, 0.0, np.nan)
        return head, head.probability(log_odds, events, n_bought)
    rows = [train[is_open[train]] for train, _ in folds.fits()]
    fit_one = partial(_fit, matrices, bought=bought, context=replace(context, threads=1))
    with ThreadPoolExecutor(context.threads) as pool:  # one core per fit, as in cross_fit
        models = list(pool.map(fit_one, range(folds.fit_count), rows))
    log_odds = folds.out_of_fold(lambda fold, rows: models[fold].raw(matrices.train_rows(fold, rows)))
    used = np.flatnonzero(is_open & folds.validated_mask)
    predictors = np.column_stack([log_odds, np.log(events)])
    platt = LogisticRegression(C=_WEAK_PENALTY).fit(predictors[used], bought[used], matrices.normalized_weights(used))
    slope, length_slope = map(float, platt.coef_[0])
    head = BuyHead(tuple(models), slope, length_slope, float(platt.intercept_[0]))
    return head, head.probability(log_odds, events, n_bought)


def _rarer_label(labels: Vector) -> float:
    """Return the number of ones or of zeros, whichever are fewer."""
    n_ones = float(labels.sum())
    return min(n_ones, len(labels) - n_ones)


def _constant_head(labels: Vector) -> BuyHead:
    """Return a head whose probability is the share of ones, with one more row of each label (Laplace smoothing)."""
    share = (float(labels.sum()) + 1.0) / (float(len(labels)) + 2.0)
    return BuyHead((), 0.0, 0.0, float(np.log(share / (1.0 - share))))


def _fit(matrices: FoldMatrices, fit: int, rows: Rows, bought: Vector, context: FitContext) -> Model:
    X = matrices.train_rows(fit, rows)
    task = Task("binary", bought[rows], None, matrices.normalized_weights(rows))
    return LIGHTGBM.bin(lambda: X, context).fit(task, _SETTINGS, context)
