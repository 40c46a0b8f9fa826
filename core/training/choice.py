"""What choosing flatters: settings are chosen by the same out-of-fold losses that tell how good they are.

The choice is made again without each fold, by the losses of the other folds, and the chosen trial is asked about the
fold that had no say (nested cross-validation over the trials made: Cawley and Talbot 2010, On over-fitting in model
selection). By how much the stack of these is worse than the stack of the trials chosen by all folds is the factor.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.metric import Metric
from core.training.folds import Folds
from core.training.learners import Vector
from core.training.stacking import fit_stack
from core.training.tuning import Searched


def choice_factor(
    searched: Mapping[str, Searched], y: Vector, folds: Folds, metric: Metric, *, non_negative: bool = True
) -> float:
    """Factor of at least 1 by which losses are to be raised; 1 where nothing was chosen."""
    if not searched:
        return 1.0
    nested = [_chosen_without_each_fold(each, y, folds, metric) for each in searched.values()]
    chosen = [each.predictions(each.best) for each in searched.values()]
    honest, flattered = (
        _stacked_loss(columns, y, folds, metric, non_negative=non_negative) for columns in (nested, chosen)
    )
    return max(honest / flattered, 1.0) if flattered > 0 else 1.0


def _chosen_without_each_fold(searched: Searched, y: Vector, folds: Folds, metric: Metric) -> Vector:
    """Out-of-fold predictions of the trials that the other folds choose."""
    splits = [rows for _, rows in folds.splits()]
    sums = np.empty((len(searched.complete), len(splits)))
    for place, trial in enumerate(searched.complete):
        losses = metric.losses(searched.predictions(trial), y)
        sums[place] = [losses[rows].sum() for rows in splits]
    others = sums.sum(axis=1, keepdims=True) - sums
    oof = np.full(len(y), np.nan)
    for fold, rows in enumerate(splits):
        oof[rows] = searched.predictions(searched.complete[int(np.argmin(others[:, fold]))])[rows]
    return oof


def _stacked_loss(columns: list[Vector], y: Vector, folds: Folds, metric: Metric, *, non_negative: bool) -> float:
    stack = fit_stack(np.column_stack(columns), y, folds, metric, non_negative=non_negative)
    rows = folds.validated
    return float(metric.losses(stack.oof[rows], y[rows]).mean())
