"""Feature columns that are learned from session values: fitted inside each fold, and cross-fitted there.

A model must see columns of the same kind when it is fitted and when it predicts. For fold k, the columns are learned
from:

- all training rows of the fold, for the rows that fold k validates and for the test rows;
- the training rows of the fold without fold j, for training rows in fold j.

So no row's columns depend on its own value, and none of a fold's columns on the values that the fold validates. The two
hyperparameters (how the variance of values grows, and how far user ratios are shrunk) are chosen on the training rows
of each fold, too.

The one exception is the values of a user's own earlier sessions, which are available when a session is predicted; see
core.features.learned.user_values. No model is fitted on sessions of the users that it validates, because all sessions
of a user are in one fold.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.base.arrays import load_arrays, save_arrays
from core.features.learned.catalogue import START, learned_features
from core.features.learned.fold_transform import FoldTransform, start_values
from core.features.learned.prices import Baskets, PriceModel, Prices, price_features
from core.features.learned.user_values import (
    PRIORS,
    History,
    Sessions,
    ValuedSessions,
    user_value_features,
    value_history,
)
from core.features.learned.value_statistics import TargetStatistics, ValueStatistics
from core.training.folds import Folds
from core.training.learners import Matrix, Vector
from core.training.nested_folds import Key, NestedFolds

_SUMMARY = "summary.json"
_POWERS = (0.5, 1.0)
"""Powers of the expected value that the variance of a value may grow with; see PriceModel.fit. 1 is far better on real
baskets, 0.5 on clicks."""


@dataclass(frozen=True)
class FoldColumns:
    """The learned columns of each fit.

    Attributes:
        train, test: one matrix per fit, of shapes (training rows, columns) and (test rows, columns).
        transforms: one per fit, whose output are the columns of the test rows and of the rows that the fit validates.
        prices: prices recovered from all training rows.
        prices_without: prices recovered without the users of each fold, which show how reliable they are. Empty for
            folds forward in time.
    """

    names: tuple[str, ...]
    train: tuple[Matrix, ...]
    test: tuple[Matrix, ...]
    transforms: tuple[FoldTransform, ...]
    prices: Prices
    prices_without: tuple[Prices, ...] = ()

    @property
    def start_index(self) -> int:
        """Index of the column with the estimate that the learners start from."""
        return self.names.index(START.name)

    def train_start(self, fold: int, rows: NDArray[np.int64]) -> Vector:
        """Return the start of training rows."""
        return np.asarray(self.train[fold][rows, self.start_index])

    def save(self, folder: Path) -> None:
        """Write all attributes into a folder."""
        for fold, (train, test, transform) in enumerate(zip(self.train, self.test, self.transforms, strict=True)):
            save_arrays(folder / f"fold{fold}.npz", {"train": train, "test": test})
            save_arrays(folder / f"transform{fold}.npz", transform.arrays())
        for number, prices in enumerate((self.prices, *self.prices_without)):
            save_arrays(folder / f"prices{number}.npz", prices.arrays())
        summary = {"names": self.names, "folds": len(self.train), "prices": 1 + len(self.prices_without)}
        (folder / _SUMMARY).write_text(json.dumps(summary), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> FoldColumns:
        """Read columns that `save` wrote."""
        summary = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        folds, transforms = (
            [load_arrays(folder / f"{name}{fold}.npz") for fold in range(summary["folds"])]
            for name in ("fold", "transform")
        )
        prices, *prices_without = (
            Prices.of_arrays(load_arrays(folder / f"prices{n}.npz")) for n in range(summary["prices"])
        )
        return cls(
            names=tuple(summary["names"]),
            train=tuple(arrays["train"] for arrays in folds),
            test=tuple(arrays["test"] for arrays in folds),
            transforms=tuple(map(FoldTransform.of_arrays, transforms)),
            prices=prices,
            prices_without=tuple(prices_without),
        )


@dataclass(frozen=True)
class Times:
    """Users and times of the training sessions and of the test sessions.

    With `include_later`, a test session may use the values of later sessions of its user.
    """

    train: Sessions
    test: Sessions
    include_later: bool = False

    def part(self, rows: NDArray[np.int64]) -> Times:
        """Return some of the training sessions, and no test session."""
        return replace(self, train=self.train.part(rows), test=self.test.part(rows[:0]))

    def histories(self, y: Vector, recovered: Vector) -> tuple[History, History]:
        """Return the user histories of training and test sessions.

        `y` are the values of the training sessions, `recovered` their values at recovered prices.
        """
        valued = ValuedSessions(self.train, y, np.maximum(recovered, 0.0))
        return value_history(valued, self.train), value_history(valued, self.test, include_later=self.include_later)


def learn_columns(
    baskets: Baskets,
    y: Vector,
    folds: Folds,
    *,
    times: Times | None = None,
    report: Callable[[int, int], None] = lambda part, parts: None,
) -> FoldColumns:
    """Return the learned columns of every fold.

    Args:
        baskets: events of the sessions: first the len(y) training rows, then the test rows.
        times: users and times of the sessions; None if earlier values of the users are not used.
        report: receives the number of finished price tables, and their total.
    """
    nested = NestedFolds(folds)
    tables, statistics = _PriceTables(baskets, y, nested, report), ValueStatistics(baskets)

    @cache
    def learned_statistics(key: Key) -> TargetStatistics:
        rows = nested.rows(key)
        return statistics.learn(rows, y[rows])

    @cache
    def statistic_columns(key: Key) -> Matrix:
        return statistics.features(learned_statistics(key))

    names = tuple(learned.feature.name for learned in learned_features(baskets.catalogue.own))
    n_own = len(names) - len(learned_features())
    columns, transforms, errors = [], [], []
    for fold in range(folds.fit_count):
        mask = folds.train_mask(fold)
        candidates: list[_StartCandidate] = []
        for power in _POWERS:
            recovered = nested.cross_fit(fold, partial(tables.recovered_values, power=power))
            candidates += _start_candidates(power, recovered, y, mask, times)
        errors.append([candidate.squared_error(y, mask) for candidate in candidates])
        best = candidates[int(np.argmin(errors[-1]))]
        price_columns = nested.cross_fit(fold, partial(tables.features, power=best.power))
        own, of_items = np.hsplit(nested.cross_fit(fold, statistic_columns), [n_own])
        columns.append(np.column_stack([own, price_columns, of_items, best.columns()]))
        prices, learned = tables.fit((fold,), best.power), learned_statistics((fold,))
        transforms.append(FoldTransform(prices, learned, best.prior, np.maximum(best.recovered[: len(y)], 0.0)))
    # the candidates of all folds have the same order, so their errors can be added up
    power = candidates[int(np.argmin(np.sum(errors, axis=0)))].power
    n_without = 0 if folds.kind == "forward" else folds.count
    return FoldColumns(
        names=names,
        train=tuple(matrix[: len(y)] for matrix in columns),
        test=tuple(matrix[len(y) :] for matrix in columns),
        transforms=tuple(transforms),
        prices=tables.model.fit(np.arange(len(y)), y, power),
        prices_without=tuple(tables.fit((fold,), power) for fold in range(n_without)),
    )


class _PriceTables:
    """Prices recovered without the rows of a key; each table is fitted once."""

    def __init__(self, baskets: Baskets, y: Vector, nested: NestedFolds, report: Callable[[int, int], None]) -> None:
        self._baskets, self._y, self._nested, self._report = baskets, y, nested, report
        self.model = PriceModel(baskets)
        self._prices: dict[tuple[Key, float], Prices] = {}

    def recovered_values(self, key: Key, power: float) -> Vector:
        """Return the value of every session at recovered prices."""
        return self.fit(key, power).of_sessions(self._baskets)

    def features(self, key: Key, power: float) -> Matrix:
        """Return PRICE_FEATURES, shape (all rows, features)."""
        return price_features(self._baskets, self.fit(key, power))

    def fit(self, key: Key, power: float) -> Prices:
        if (key, power) not in self._prices:
            self._report(len(self._prices), self._nested.n_keys * len(_POWERS))
            rows = self._nested.rows(key)
            self._prices[key, power] = self.model.fit(rows, self._y[rows], power)
        return self._prices[key, power]


@dataclass(frozen=True)
class _StartCandidate:
    """A possible start of the learners: the value at recovered prices, times the user's ratio.

    Attributes:
        power: power of the variance that the prices were recovered with.
        prior: weight of a ratio of 1, in value units.
        recovered: value of every row at recovered prices.
    """

    power: float
    prior: float
    recovered: Vector
    history: History

    def start(self) -> Vector:
        return start_values(self.recovered, self.history, self.prior)

    def squared_error(self, y: Vector, mask: NDArray[np.bool_]) -> float:
        """Return the sum of squared errors over the masked training rows."""
        return float(np.sum((self.start()[: len(y)] - y)[mask] ** 2))

    def columns(self) -> Matrix:
        """Return USER_VALUE_FEATURES and the start, shape (all rows, columns)."""
        return np.column_stack([user_value_features(self.history, self.prior), self.start()])


def _start_candidates(
    power: float, recovered: Vector, y: Vector, mask: NDArray[np.bool_], times: Times | None
) -> list[_StartCandidate]:
    """Return one candidate per prior, which are multiples of the mean value of the fold's training rows."""
    if times is None:
        return [_StartCandidate(power, np.inf, recovered, History.empty(len(recovered)))]
    history = History.joined(*times.histories(y, recovered[: len(y)]))
    return [_StartCandidate(power, prior * float(y[mask].mean()), recovered, history) for prior in PRIORS]
