"""Selection bias: settings are chosen by the same out-of-fold losses that are reported for them.

For each fold, a trial is chosen by the losses of the other folds and evaluated on this fold: nested cross-validation
over the finished trials (Cawley and Talbot 2010, On over-fitting in model selection). The bias is the loss of a stack
of these predictions relative to the loss of a stack of each learner's best trial over all folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from core.metric import Metric
from core.training.folds import Folds
from core.training.learners import Matrix, Vector
from core.training.stacking import Stack
from core.training.tuning import SearchResult


def selection_bias(
    search_results: Mapping[str, SearchResult],
    y: Vector,
    folds: Folds,
    metric: Metric,
    stack_of: Callable[[Matrix], Stack],
) -> float:
    """Return the factor, at least 1, by which losses should be raised; 1 if nothing was tuned.

    Args:
        stack_of: function that fits the stack to out-of-fold predictions, shape (rows, learners).
    """
    if not search_results:
        return 1.0

    def stacked_loss(columns: list[Vector]) -> float:
        stack = stack_of(np.column_stack(columns))
        rows = folds.validated_mask
        return float(metric.losses(stack.oof[rows], y[rows]).mean())

    results = search_results.values()
    nested = stacked_loss([_nested_choice(result, y, folds, metric) for result in results])
    best = stacked_loss([result.predictions(result.best) for result in results])
    return max(nested / best, 1.0) if best > 0 else 1.0


def _nested_choice(result: SearchResult, y: Vector, folds: Folds, metric: Metric) -> Vector:
    """Return out-of-fold predictions in which each fold's trial was chosen by the other folds."""
    validated = [rows for _, rows in folds.splits()]
    fold_losses = np.empty((len(result.complete), len(validated)))
    for index, trial in enumerate(result.complete):
        losses = metric.losses(result.predictions(trial), y)
        fold_losses[index] = [losses[rows].sum() for rows in validated]
    other_losses = fold_losses.sum(axis=1, keepdims=True) - fold_losses
    chosen = [result.complete[index] for index in np.argmin(other_losses, axis=0)]
    return folds.out_of_fold(lambda fold, rows: result.predictions(chosen[fold])[rows])
