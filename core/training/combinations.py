"""Ways to combine the learners, of which the best is used.

Besides the meta-model (core.training.stacking) there are the plain mean, a mean with non-negative weights that sum to
1, and the best learner alone. On few sessions, intercept and scale of the meta-model fit noise, and one of these is
often better. The choice is part of the fit: it is made by cross-validation over the folds that are fitted on.
The nested predictions of a fold come from a choice that did not see the fold, so their error is not too low.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, get_args

import numpy as np

from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.folds import Folds
from core.training.learners import Matrix, Vector
from core.training.stacking import (
    Combination,
    FoldRows,
    Stack,
    combine,
    fit_meta_model,
    fit_reweighted,
    fold_rows,
)

MEAN: Final = "mean"
COMBINATIONS: tuple[Combination, ...] = get_args(Combination)


@dataclass(frozen=True)
class _Fit:
    """A fitted combination; see Stack."""

    combination: Combination
    weights: Vector
    intercept: float = 0.0
    alpha: float | None = None


class Combinations:
    """The combinations of some learners, with the nested predictions of each.

    Args:
        oof: (rows, learners) out-of-fold predictions of the learners, in value units.
        metric: metric whose errors are minimized.
        non_negative: whether the meta-model may not have negative weights.
    """

    def __init__(
        self, oof: Matrix, y: Vector, folds: Folds, metric: Metric = MEAN_SQUARED_ERROR, *, non_negative: bool = True
    ) -> None:
        self._oof, self._y, self._folds, self._metric, self._non_negative = oof, y, folds, metric, non_negative
        self._parts = fold_rows(oof, y, folds, metric)

    def best(self) -> Stack:
        """Choose and fit a combination."""
        fit = self._choose(self._parts)
        nested = self._nested(self._choose)
        return Stack(fit.weights, fit.intercept, fit.alpha, nested, self._metric, combination=fit.combination)

    def nested(self) -> dict[Combination, Vector]:
        """Return the nested predictions of each combination without a choice; NaN as in `Stack.oof`."""
        return {name: self._nested(partial(self._fit, name)) for name in COMBINATIONS}

    def _choose(self, parts: list[FoldRows]) -> _Fit:
        """Fit the mean, or the combination with the lowest error if it is lower by more than a standard error.

        The error in each fold is that of a fit on the others. The standard error is that of the difference over the
        folds, as in the rule for the penalty of the meta-model.
        """
        if len(parts) < 2:
            return self._fit(MEAN, parts)
        losses = {
            name: np.array(
                [
                    self._loss(self._fit(name, parts[:number] + parts[number + 1 :]), part)
                    for number, part in enumerate(parts)
                ]
            )
            for name in COMBINATIONS
        }
        best = min(COMBINATIONS, key=lambda name: losses[name].sum())
        gain = losses[MEAN] - losses[best]
        is_better = gain.sum() > np.std(gain, ddof=1) * np.sqrt(len(parts))
        return self._fit(best if is_better else MEAN, parts)

    def _nested(self, fit: Callable[[list[FoldRows]], _Fit]) -> Vector:
        return self._folds.out_of_fold(
            lambda fold, rows: self._predict(fit(self._parts[:fold] + self._parts[fold + 1 :]), self._oof[rows])
        )

    def _predict(self, fit: _Fit, columns: Matrix) -> Vector:
        return combine(columns, fit.weights, fit.intercept, self._metric)

    def _loss(self, fit: _Fit, part: FoldRows) -> float:
        return float(self._metric.losses(self._predict(fit, self._oof[part.rows]), self._y[part.rows]).sum())

    def _fit(self, name: Combination, parts: list[FoldRows]) -> _Fit:
        n_learners = self._oof.shape[1]
        if name == "ridge":
            return _Fit(name, *fit_meta_model(parts, self._metric, non_negative=self._non_negative))
        if name == "mean":
            return _Fit(name, np.full(n_learners, 1.0 / n_learners))
        if name == "non_negative":
            return _Fit(name, fit_reweighted(parts, self._metric, lambda products: (products.convex(), 0.0))[0])
        alone = [_Fit(name, weights) for weights in np.eye(n_learners)]
        losses = [sum(self._loss(fit, part) for part in parts) for fit in alone]
        return alone[int(np.argmin(losses))]
