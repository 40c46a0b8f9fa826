"""Feature columns that are learned from values: fitted inside each fold, and cross-fitted there for its training rows.

What a fold's models learn from and what they are then asked must look alike. In fold k the rows to validate, and the
test rows, get columns fitted on all training rows of the fold. A training row of the fold, if it stood in fold j, gets
columns fitted without j as well as without k: never on its own value, and with no value of fold k anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.features.prices import PRICE_FEATURES, Baskets, PriceModel, Prices, price_features
from core.training.folds import Folds, make_folds
from core.training.learners import Matrix, Vector

_FEWEST_FOLDS = 3
"""With two folds nothing is left when both are taken out; the training rows are then split in two once more."""


@dataclass(frozen=True)
class FoldColumns:
    """One matrix a fold: (training rows, columns) and (test rows, columns); see the module. `names` are the columns'.

    `prices` are those recovered from all training rows.
    """

    names: tuple[str, ...]
    train: tuple[Matrix, ...]
    test: tuple[Matrix, ...]
    prices: Prices


def price_columns(
    baskets: Baskets,
    y: Vector,
    users: NDArray[np.int64],
    folds: Folds,
    report: Callable[[int, int], None] = lambda part, parts: None,
) -> FoldColumns:
    """Recovered prices of every fold. The first len(y) rows of the baskets train, the others are the test rows.

    `report` hears of price tables fitted and price tables in all.
    """
    inner = folds if folds.count >= _FEWEST_FOLDS else make_folds(users, 2, seed=0)
    model, known = PriceModel(baskets), _Fitted(y, folds, inner, report)
    train, test = [], []
    for fold in range(folds.count):
        columns = price_features(baskets, known.prices(model, fold, None))
        test.append(columns[len(y) :])
        columns = columns[: len(y)].copy()
        for other in range(inner.count):
            rows = (inner.fold_of == other) & (folds.fold_of != fold)
            if rows.any():
                columns[rows] = price_features(baskets, known.prices(model, fold, other))[: len(y)][rows]
        train.append(columns)
    names = tuple(feature.name for feature in PRICE_FEATURES)
    return FoldColumns(names, tuple(train), tuple(test), model.fit(np.arange(len(y)), y))


class _Fitted:
    """Price tables by the folds that were left out; if inner and outer folds are the same, each pair serves twice."""

    def __init__(self, y: Vector, folds: Folds, inner: Folds, report: Callable[[int, int], None]) -> None:
        self._y, self._folds, self._inner, self._report = y, folds, inner, report
        self._known: dict[tuple[int, ...], Prices] = {}
        pairs = folds.count * (folds.count - 1) // 2 if inner is folds else folds.count * inner.count
        self._parts = folds.count + pairs

    def prices(self, model: PriceModel, fold: int, other: int | None) -> Prices:
        """Fitted without a fold, and without an inner one."""
        left_out: tuple[int, ...] = (fold,) if other is None else (fold, other)
        key = tuple(sorted(left_out)) if self._inner is self._folds else left_out
        if key not in self._known:
            self._report(len(self._known), self._parts)
            rows = self._folds.fold_of != fold
            if other is not None:
                rows &= self._inner.fold_of != other
            self._known[key] = model.fit(np.flatnonzero(rows), self._y[rows])
        return self._known[key]
