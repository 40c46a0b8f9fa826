"""Ways to combine the learners, and the choice of the best one.

| combination | weights |
|---|---|
| `mean` | equal weights of the learners |
| `ridge` | the meta-model (core.training.stacking) |
| `non_negative` | non-negative weights of the learners and of their start that sum to 1 |
| `best_learner` | the best learner alone |
| `prices` | the start alone, which is the value at recovered prices; see core.training.start |

On few sessions, intercept and scale of the meta-model fit noise. Where values are sums of prices, learners add noise to
the start. The choice is part of the fit: it is made by cross-validation over the folds that are fitted on. The
nested predictions of a fold come from a choice that did not see the fold, so their error is not too low.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, get_args

import numpy as np

from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.folds import Folds
from core.training.learners import Matrix, Vector
from core.training.stacking import Combination, Stack, combine, fit_meta_model, fit_reweighted, fold_rows

MEAN: Final = "mean"
COMBINATIONS: tuple[Combination, ...] = get_args(Combination)
_FoldNumbers = Sequence[int]


@dataclass(frozen=True)
class _Fit:
    """A fitted combination. The weight of the start follows those of the learners; for the others, see Stack."""

    combination: Combination
    weights: Vector
    intercept: float = 0.0
    alpha: float | None = None


class Combinations:
    """The combinations of some learners, with the nested predictions of each.

    Args:
        oof: (rows, learners) out-of-fold predictions of the learners, in value units.
        metric: metric whose errors are minimized.
        start: (rows,) out-of-fold start values of the learners; None if they start from 0.
        non_negative: whether the meta-model may not have negative weights.
    """

    def __init__(
        self,
        oof: Matrix,
        y: Vector,
        folds: Folds,
        metric: Metric = MEAN_SQUARED_ERROR,
        *,
        start: Vector | None = None,
        non_negative: bool = True,
    ) -> None:
        self._y, self._folds, self._metric, self._non_negative = y, folds, metric, non_negative
        self._n_learners, self._has_start = oof.shape[1], start is not None
        self._oof = oof if start is None else np.column_stack([oof, start])
        self._learners_by_fold = fold_rows(oof, y, folds, metric)
        self._by_fold = fold_rows(self._oof, y, folds, metric)

    @property
    def names(self) -> tuple[Combination, ...]:
        """The available combinations. Without a start, `prices` is not one of them."""
        return COMBINATIONS if self._has_start else tuple(name for name in COMBINATIONS if name != "prices")

    def best(self) -> Stack:
        """Choose and fit a combination."""
        return self._stack(self._choose)

    def only(self, name: Combination) -> Stack:
        """Fit one combination."""
        return self._stack(partial(self._fit, name))

    def _stack(self, fit_on: Callable[[_FoldNumbers], _Fit]) -> Stack:
        fit, n_learners = fit_on(range(len(self._by_fold))), self._n_learners
        return Stack(
            fit.weights[:n_learners],
            fit.intercept,
            fit.alpha,
            self._nested(fit_on),
            self._metric,
            combination=fit.combination,
            start_weight=float(fit.weights[n_learners]) if self._has_start else 0.0,
        )

    def nested(self) -> dict[Combination, Vector]:
        """Return the nested predictions of each combination without a choice; NaN as in `Stack.oof`."""
        return {name: self._nested(partial(self._fit, name)) for name in self.names}

    def _choose(self, folds: _FoldNumbers) -> _Fit:
        """Fit the mean, or the combination with the lowest error if it is lower by more than a standard error.

        The error in each fold is that of a fit on the others. The standard error is that of the difference over the
        folds, as in the rule for the penalty of the meta-model.
        """
        if len(folds) < 2:
            return self._fit(MEAN, folds)
        losses = {
            name: np.array([self._loss(self._fit(name, _without(folds, fold)), fold) for fold in folds])
            for name in self.names
        }
        best = min(self.names, key=lambda name: losses[name].sum())
        gain = losses[MEAN] - losses[best]
        is_better = gain.sum() > np.std(gain, ddof=1) * np.sqrt(len(folds))
        return self._fit(best if is_better else MEAN, folds)

    def _nested(self, fit: Callable[[_FoldNumbers], _Fit]) -> Vector:
        every_fold = range(len(self._by_fold))
        return self._folds.out_of_fold(
            lambda fold, rows: self._predict(fit(_without(every_fold, fold)), self._oof[rows])
        )

    def _predict(self, fit: _Fit, columns: Matrix) -> Vector:
        return combine(columns, fit.weights, fit.intercept, self._metric)

    def _loss(self, fit: _Fit, fold: int) -> float:
        rows = self._by_fold[fold].rows
        return float(self._metric.losses(self._predict(fit, self._oof[rows]), self._y[rows]).sum())

    def _fit(self, name: Combination, folds: _FoldNumbers) -> _Fit:
        n_learners, metric = self._n_learners, self._metric
        of_start = np.zeros(int(self._has_start))
        if name == "ridge":
            parts = [self._learners_by_fold[fold] for fold in folds]
            weights, intercept, alpha = fit_meta_model(parts, metric, non_negative=self._non_negative)
            return _Fit(name, np.append(weights, of_start), intercept, alpha)
        if name == "mean":
            return _Fit(name, np.append(np.full(n_learners, 1.0 / n_learners), of_start))
        if name == "non_negative":
            parts = [self._by_fold[fold] for fold in folds]
            return _Fit(name, fit_reweighted(parts, metric, lambda products: (products.convex(), 0.0))[0])
        if name == "prices":
            return _Fit(name, np.append(np.zeros(n_learners), of_start + 1.0))
        alone = [_Fit(name, np.append(weights, of_start)) for weights in np.eye(n_learners)]
        losses = [sum(self._loss(fit, fold) for fold in folds) for fit in alone]
        return alone[int(np.argmin(losses))]


def _without(folds: _FoldNumbers, fold: int) -> list[int]:
    return [each for each in folds if each != fold]
