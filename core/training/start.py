"""Start values of the learners of a fold: the value at recovered prices, times the factor of the user.

How prices are recovered, and how users are compared with them, is chosen on the training rows of each fold:

- the settings of the prices by the error in one inner fold, because each candidate takes a fit. The search starts from
  the defaults and moves to the best neighbour while the error falls.
- the user's factor by the error in all training rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.base.arrays import Matrix, Vector
from core.features.learned.baskets import Baskets
from core.features.learned.price_features import price_features
from core.features.learned.prices import PriceModel, Prices, PriceSettings
from core.features.learned.user_values import (
    History,
    Sessions,
    UserFactor,
    ValuedSessions,
    user_value_features,
    value_history,
)
from core.training.nested_folds import Key, NestedFolds

POWERS = (0.0, 0.5, 1.0)
SHRINKAGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ascending settings of the prices to choose from; see PriceSettings. Where values are sums of prices, 0 and the lowest
shrinkage are best; on clicks 0.5 and 3, on baskets 0.5 or 1 and 3 (docs/benchmarks.md)."""


@dataclass(frozen=True)
class Times:
    """Users and times of the sessions.

    Attributes:
        train: those of the training sessions.
        test: those of the test sessions.
        include_later: whether a test session may use the values of later sessions of its user.
        valued: number of the first training rows that are whole sessions, whose values count as history; None for all.
    """

    train: Sessions
    test: Sessions
    include_later: bool = False
    valued: int | None = None

    def part(self, rows: NDArray[np.int64]) -> Times:
        """Return some of the training sessions, all as whole sessions, and no test session."""
        return replace(self, train=self.train.part(rows), test=self.test.part(rows[:0]), valued=None)

    def histories(self, y: Vector, recovered: Vector) -> tuple[History, History]:
        """Return the user histories of training and test sessions.

        Args:
            y: (training sessions,) their values.
            recovered: (training sessions,) their values at recovered prices.
        """
        rows = np.arange(len(y) if self.valued is None else self.valued)
        valued = ValuedSessions(self.train.part(rows), y[rows], np.maximum(recovered[rows], 0.0))
        return value_history(valued, self.train), value_history(valued, self.test, include_later=self.include_later)


class PriceTables:
    """Prices recovered without the rows of a key; fitted once, or twice if two threads need them at the same time."""

    def __init__(self, baskets: Baskets, y: Vector, nested: NestedFolds) -> None:
        self._baskets, self._y, self._nested = baskets, y, nested
        self._model = PriceModel(baskets)
        self._prices: dict[tuple[Key, PriceSettings], Prices] = {}
        self._expected: dict[Key, Vector] = {}

    def recovered_values(self, key: Key, settings: PriceSettings) -> Vector:
        """Return the value of every session at recovered prices."""
        return self.fit(key, settings).of_sessions(self._baskets)

    def features(self, key: Key, settings: PriceSettings) -> Matrix:
        """Return PRICE_FEATURES, shape (all rows, features)."""
        return price_features(self._baskets, self.fit(key, settings))

    def fit(self, key: Key, settings: PriceSettings) -> Prices:
        """Return the prices recovered without the rows of a key; the empty key leaves out no row."""
        prices = self._prices.get((key, settings))
        if prices is None:
            rows = self._nested.rows(key)
            y = self._y[rows]
            expected = self._expected.get(key)
            if expected is None:
                expected = self._expected[key] = self._model.expected_values(rows, y)
            prices = self._prices[key, settings] = self._model.fit(rows, y, settings, expected)
        return prices

    def forget(self, key: Key, *, except_for: PriceSettings) -> None:
        """Free the prices of a key that were recovered with other settings. They are rarely needed again."""
        for entry in list(self._prices):
            if entry[0] == key and entry[1] != except_for:
                self._prices.pop(entry, None)


@dataclass(frozen=True)
class Start:
    """Start values of the learners of a fold, and how they are computed.

    Attributes:
        settings: settings of the recovered prices.
        factor: parameters of the user's ratio, by which values at recovered prices are multiplied.
        recovered: value of every row at recovered prices, cross-fitted.
        history: the valued sessions of each row's user; `predicted` sums up `recovered`.
    """

    settings: PriceSettings
    factor: UserFactor
    recovered: Vector
    history: History

    def columns(self) -> Matrix:
        """Return USER_VALUE_FEATURES and the start, shape (all rows, columns)."""
        start = self.factor.start(self.recovered, self.history)
        return np.column_stack([user_value_features(self.history, self.factor), start])


class StartSearch:
    """Chooses the start of each fold.

    Args:
        times: users and times of the sessions; None if earlier values of the users are not used.
        y: values of the training rows.
    """

    def __init__(self, tables: PriceTables, nested: NestedFolds, times: Times | None, y: Vector) -> None:
        self._tables, self._nested, self._times, self._y = tables, nested, times, y

    def choose(self, fold: int) -> Start:
        """Return the start with the lowest squared error in the training rows of a fold."""
        rows = self._nested.rows((fold,))
        settings = lowest(partial(self._held_out_error, fold))
        self._tables.forget(self._nested.held_out(fold)[0], except_for=settings)
        recovered = self._nested.cross_fit(fold, partial(self._tables.recovered_values, settings=settings))
        history = self._history(recovered)
        factors = self._factors(fold)
        errors = _squared_errors(factors, recovered[rows], history.part(rows), self._y[rows])
        return Start(settings, factors[int(np.argmin(errors))], recovered, history)

    def _factors(self, fold: int) -> list[UserFactor]:
        if self._times is None:
            return [UserFactor()]
        return UserFactor.candidates(float(self._y[self._nested.rows((fold,))].mean()))

    def _history(self, recovered: Vector) -> History:
        if self._times is None:
            return History.empty(len(recovered))
        return History.joined(*self._times.histories(self._y, recovered[: len(self._y)]))

    def _held_out_error(self, fold: int, settings: PriceSettings) -> float:
        """Return the lowest squared error in an inner fold, which has all sessions of its users."""
        key, rows = self._nested.held_out(fold)
        recovered, y = self._tables.recovered_values(key, settings)[rows], self._y[rows]
        history = History.empty(len(rows))
        if self._times is not None:
            history, _ = self._times.part(rows).histories(y, recovered)
        return min(_squared_errors(self._factors(fold), recovered, history, y))


def _squared_errors(factors: list[UserFactor], recovered: Vector, history: History, y: Vector) -> list[float]:
    """Return the sum of squared errors with each of the factors."""
    return [float(np.sum((factor.start(recovered, history) - y) ** 2)) for factor in factors]


def lowest(error: Callable[[PriceSettings], float]) -> PriceSettings:
    """Return the settings with the lowest error that a search from the defaults finds.

    The search moves to the best neighbour on the grid of SHRINKAGES and POWERS until none is better. Each error is
    computed once.
    """
    defaults = PriceSettings()
    best = _Place(SHRINKAGES.index(defaults.shrinkage), POWERS.index(defaults.power))
    error_at = cache(lambda place: error(place.settings))
    while True:
        better = min([best, *best.neighbours()], key=error_at)  # of equal ones the first, so that the search ends
        if better == best:
            return best.settings
        best = better


class _Place(NamedTuple):
    """A point of the grid of settings, by its indices in SHRINKAGES and POWERS."""

    shrinkage: int
    power: int

    @property
    def settings(self) -> PriceSettings:
        return PriceSettings(SHRINKAGES[self.shrinkage], POWERS[self.power])

    def neighbours(self) -> list[_Place]:
        """Return the places that differ by one step in one of the settings."""
        steps = ((0, -1), (0, 1), (-1, 0), (1, 0))
        places = [_Place(self.shrinkage + down, self.power + right) for down, right in steps]
        return [each for each in places if 0 <= each.shrinkage < len(SHRINKAGES) and 0 <= each.power < len(POWERS)]
