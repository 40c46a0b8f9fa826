"""Feature columns that are learned from session values: fitted inside each fold, and cross-fitted there.

A model must see columns of the same kind when it is fitted and when it predicts. For fold k, the columns are learned
from:

- all training rows of the fold, for the rows that fold k validates and for the test rows;
- the training rows of the fold without fold j, for training rows in fold j.

So no row's columns depend on its own value, and none of a fold's columns on the values that the fold validates. How
prices are recovered is chosen in the same way (core.training.start).

The one exception is the values of a user's own earlier sessions, which are available when a session is predicted; see
core.features.learned.user_values. No model is fitted on sessions of the users that it validates, because all sessions
of a user are in one fold.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.base.arrays import load_arrays, save_arrays
from core.base.cores import available_cores
from core.base.thread_pool import GeneratorPool
from core.features.learned.baskets import Baskets
from core.features.learned.catalogue import START, learned_features
from core.features.learned.fold_transform import FoldTransform
from core.features.learned.prices import Prices, PriceSettings
from core.features.learned.value_statistics import TargetStatistics, ValueStatistics
from core.training.folds import Folds
from core.training.learners import Matrix, Vector
from core.training.nested_folds import Key, NestedFolds
from core.training.start import PriceTables, Start, StartSearch, Times

_SUMMARY, _PRICES = "summary.json", "prices.npz"
_COLUMNS, _TRANSFORM = "fold{}.npz", "transform{}.npz"
"""Files of a fold in a checkpoint."""


@dataclass(frozen=True)
class FoldColumns:
    """The learned columns of each fit.

    Attributes:
        names: names of the columns.
        train, test: one matrix per fit, of shapes (training rows, columns) and (test rows, columns).
        transforms: one per fit, whose output are the columns of the test rows and of the rows that the fit validates.
        prices: prices recovered from all training rows.
        price_settings: settings with which these prices are recovered.
    """

    names: tuple[str, ...]
    train: tuple[Matrix, ...]
    test: tuple[Matrix, ...]
    transforms: tuple[FoldTransform, ...]
    prices: Prices
    price_settings: PriceSettings

    @property
    def start_index(self) -> int:
        """Index of the column with the start values of the learners."""
        return self.names.index(START.name)

    def train_start(self, fold: int, rows: NDArray[np.int64]) -> Vector:
        """Return the start values of the learners of a fold for training rows, in value units."""
        return np.asarray(self.train[fold][rows, self.start_index])

    def test_start(self, fit: int) -> Vector:
        """Return the start values of the learners of a fit for the test rows, in value units."""
        return np.asarray(self.test[fit][:, self.start_index])

    def first_rows(self, n_rows: int) -> FoldColumns:
        """Return the columns of the first training rows and of the test rows."""
        return replace(self, train=tuple(matrix[:n_rows] for matrix in self.train))

    def save(self, folder: Path) -> None:
        """Write all attributes into a folder."""
        for fold, (train, test, transform) in enumerate(zip(self.train, self.test, self.transforms, strict=True)):
            save_arrays(folder / _COLUMNS.format(fold), {"train": train, "test": test})
            save_arrays(folder / _TRANSFORM.format(fold), transform.arrays())
        save_arrays(folder / _PRICES, self.prices.arrays())
        summary = {"names": self.names, "folds": len(self.train), "price_settings": asdict(self.price_settings)}
        (folder / _SUMMARY).write_text(json.dumps(summary), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> FoldColumns:
        """Read columns that `save` wrote."""
        summary = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        columns = [load_arrays(folder / _COLUMNS.format(fold)) for fold in range(summary["folds"])]
        transforms = [load_arrays(folder / _TRANSFORM.format(fold)) for fold in range(summary["folds"])]
        return cls(
            names=tuple(summary["names"]),
            train=tuple(arrays["train"] for arrays in columns),
            test=tuple(arrays["test"] for arrays in columns),
            transforms=tuple(map(FoldTransform.of_arrays, transforms)),
            prices=Prices.of_arrays(load_arrays(folder / _PRICES)),
            price_settings=PriceSettings(**summary["price_settings"]),
        )


def learn_columns(
    baskets: Baskets,
    y: Vector,
    folds: Folds,
    *,
    times: Times | None = None,
    n_whole: int | None = None,
    report: Callable[[int, int], None] = lambda part, parts: None,
) -> FoldColumns:
    """Return the learned columns of every fold.

    Args:
        baskets: events of the sessions: first the len(y) training rows, then the test rows.
        y: values of the training rows.
        times: users and times of the sessions; None if earlier values of the users are not used.
        n_whole: number of the first training rows to learn from, if the others are prefixes of them; None for all.
        report: receives the number of folds whose prices are recovered, and their total.
    """
    nested = NestedFolds(folds, n_whole)
    tables, statistics = PriceTables(baskets, y, nested), _StatisticTables(baskets, y, nested)
    starts = _choose_starts(StartSearch(tables, nested, times, y), folds.fit_count, report)
    names = tuple(learned.feature.name for learned in learned_features(baskets.catalogue.own))
    n_own = len(names) - len(learned_features())
    columns, transforms = [], []
    for fold, start in enumerate(starts):
        own, of_items = np.hsplit(nested.cross_fit(fold, statistics.features), [n_own])
        of_prices = nested.cross_fit(fold, partial(tables.features, settings=start.settings))
        columns.append(np.column_stack([own, of_prices, of_items, start.columns()]))
        recovered = np.maximum(start.recovered[: nested.n_whole], 0.0)
        prices = tables.fit((fold,), start.settings)
        transforms.append(FoldTransform(prices, statistics.learn((fold,)), start.factor, recovered))
    settings = Counter(start.settings for start in starts).most_common(1)[0][0]
    return FoldColumns(
        names=names,
        train=tuple(matrix[: len(y)] for matrix in columns),
        test=tuple(matrix[len(y) :] for matrix in columns),
        transforms=tuple(transforms),
        prices=tables.fit((), settings),
        price_settings=settings,
    )


class _StatisticTables:
    """Target statistics learned without the rows of a key; learned once, because several folds share a key."""

    def __init__(self, baskets: Baskets, y: Vector, nested: NestedFolds) -> None:
        self._statistics, self._y, self._nested = ValueStatistics(baskets), y, nested
        self._learned: dict[Key, TargetStatistics] = {}
        self._features: dict[Key, Matrix] = {}

    def learn(self, key: Key) -> TargetStatistics:
        """Return the statistics of the rows that a key does not leave out."""
        if key not in self._learned:
            rows = self._nested.rows(key)
            self._learned[key] = self._statistics.learn(rows, self._y[rows])
        return self._learned[key]

    def features(self, key: Key) -> Matrix:
        """Return the columns of the statistics, shape (all rows, columns): those of own columns first."""
        if key not in self._features:
            self._features[key] = self._statistics.features(self.learn(key))
        return self._features[key]


def _choose_starts(search: StartSearch, n_folds: int, report: Callable[[int, int], None]) -> list[Start]:
    """Return the start of each fold. The folds are searched in parallel, with one core each."""
    starts = []
    with threadpool_limits(1), GeneratorPool(min(available_cores(), n_folds)) as pool:
        for start in pool.map(search.choose, range(n_folds)):
            starts.append(start)
            report(len(starts), n_folds)
    return starts
