"""Feature columns that are learned from values: fitted inside each fold, and cross-fitted there for its training rows.

What a fold's models learn from and what they are then asked must look alike. In fold k the rows to validate, and the
test rows, get columns fitted on all training rows of the fold. A training row of the fold, if it stood in fold j, gets
columns fitted without j as well as without k: never on its own value, and with no value of fold k anywhere. What is
chosen here (how much the errors of dear sessions count, how far ratios are shrunk) is chosen by these training rows,
so without fold k, too.

The one exception are the values of a user's own earlier sessions, which are known when a session is to be told; see
core.features.learned.user_values. As all sessions of a user share a fold, no model is fitted on those that it
validates.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.features.learned.catalogue import learned_features
from core.features.learned.prices import Baskets, PriceModel, Prices, price_features
from core.features.learned.user_values import (
    PRIORS,
    History,
    Sessions,
    ValuedSessions,
    user_value_features,
    value_history,
)
from core.features.learned.value_statistics import ValueStatistics
from core.training.folds import NOBODY, Folds, make_folds
from core.training.learners import Matrix, Vector

_FEWEST_FOLDS = 3
"""With two folds nothing is left when both are taken out; the training rows are then split in two once more."""
_TOLD = "told.json"
_POWERS = (0.5, 1.0)
"""Powers of a session's expected value that the variance of its value may grow with; see PriceModel.fit. On real
baskets 1 is the better by far, on clicks 1/2 is."""


@dataclass(frozen=True)
class FoldColumns:
    """One matrix a fit: (training rows, columns) and (test rows, columns); see the module. `names` are the columns'.

    `prices` are those recovered from all training rows. `prices_without` are those without the users of each fold in
    turn, which tell how far they can be trusted; none where folds leave out rows by time.
    """

    names: tuple[str, ...]
    train: tuple[Matrix, ...]
    test: tuple[Matrix, ...]
    prices: Prices
    prices_without: tuple[Prices, ...] = ()

    def save(self, folder: Path) -> None:
        """Write all of it into a folder, for `load`."""
        for fold, parts in enumerate(zip(self.train, self.test, strict=True)):
            np.savez(folder / f"fold{fold}.npz", train=parts[0], test=parts[1])
        for number, prices in enumerate((self.prices, *self.prices_without)):
            np.savez(folder / f"prices{number}.npz", **asdict(prices))
        told = {"names": self.names, "folds": len(self.train), "prices": 1 + len(self.prices_without)}
        (folder / _TOLD).write_text(json.dumps(told), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> FoldColumns:
        """What `save` wrote."""
        told = json.loads((folder / _TOLD).read_text(encoding="utf-8"))
        train, test = [], []
        for fold in range(told["folds"]):
            with np.load(folder / f"fold{fold}.npz", allow_pickle=False) as found:
                train.append(found["train"])
                test.append(found["test"])
        prices = []
        for number in range(told["prices"]):
            with np.load(folder / f"prices{number}.npz", allow_pickle=False) as found:
                prices.append(Prices(**{name: found[name] for name in found.files}))
        first, *others = (replace(each, base=float(each.base)) for each in prices)
        return cls(tuple(told["names"]), tuple(train), tuple(test), first, tuple(others))


def start_of(columns: FoldColumns | None, matrix: Matrix) -> Vector | None:
    """What the learners start from in rows as `in_fold` gives them: the last of the learned columns; else nothing."""
    return None if columns is None else matrix[:, -1]


@dataclass(frozen=True)
class Times:
    """Whose sessions the training and the test rows are, and when.

    `whenever`: a test row may know all values of its user, also those of later sessions.
    """

    train: Sessions
    test: Sessions
    whenever: bool = False

    def part(self, rows: NDArray[np.int64]) -> Times:
        """Some of the training rows, and no test row."""
        return Times(self.train.part(rows), self.test.part(rows[:0]), self.whenever)

    def histories(self, y: Vector, worth: Vector) -> tuple[History, History]:
        """Of training and test rows; `worth` are the training rows' recovered values, `y` their values."""
        valued = ValuedSessions(self.train, y, np.maximum(worth, 0.0))
        return value_history(valued, self.train), value_history(valued, self.test, include_later=self.whenever)


def learn_columns(
    baskets: Baskets,
    y: Vector,
    folds: Folds,
    *,
    times: Times | None = None,
    report: Callable[[int, int], None] = lambda part, parts: None,
) -> FoldColumns:
    """The learned columns of every fold. The first len(y) rows of the baskets train, the others are the test rows.

    Without `times` nothing is made of the users' earlier values. `report` hears of price tables fitted and in all.
    """
    out = _LeaveOut.of(folds)
    tables, statistics = _PriceTables(baskets, y, out, report), _Statistics(baskets, y, out)
    made, errors = [], []
    for fold in range(folds.fit_count):
        mine = folds.trains(fold)
        options = [
            option
            for power in _POWERS
            for option in _options(power, out.cross_fit(fold, partial(tables.worth, power=power)), y, mine, times)
        ]
        errors.append([option.squared_error(y, mine) for option in options])
        best = options[int(np.argmin(errors[-1]))]
        prices = out.cross_fit(fold, partial(tables.features, power=best.power))
        made.append(np.column_stack([prices, out.cross_fit(fold, statistics.features), best.columns()]))
    power = options[int(np.argmin(np.sum(errors, axis=0)))].power
    return FoldColumns(
        names=tuple(each.feature.name for each in learned_features()),
        train=tuple(columns[: len(y)] for columns in made),
        test=tuple(columns[len(y) :] for columns in made),
        prices=tables.of_all(power),
        prices_without=() if folds.kind == "forward" else tables.without_each(folds.fit_count, power),
    )


_Key = tuple[int, ...]
"""What is left out: a fold, or a fold and an inner one."""


@dataclass(frozen=True)
class _LeaveOut:
    """Training rows without a fold and an inner fold; where the folds serve as inner ones, a pair serves twice.

    Attributes:
        inner: of each fit, inner folds of the rows that it trains on; None: the other folds.
    """

    folds: Folds
    inner: tuple[Folds, ...] | None

    @classmethod
    def of(cls, folds: Folds) -> _LeaveOut:
        """Two folds leave no other, and what a stretch's models learned from is split by user."""
        if folds.kind != "forward" and folds.count >= _FEWEST_FOLDS:
            return cls(folds, None)
        count = _FEWEST_FOLDS if folds.kind == "forward" else 2
        return cls(folds, tuple(_inner_folds(folds, fit, count) for fit in range(folds.fit_count)))

    @property
    def keys(self) -> int:
        """How many choices of rows there are."""
        count = self.folds.fit_count
        return count + (count * (count - 1) // 2 if self.inner is None else sum(each.count for each in self.inner))

    def rows(self, key: _Key) -> NDArray[np.int64]:
        """The training rows that are left."""
        left = self.folds.trains(key[0])
        for other in key[1:]:
            left &= self._of(key[0]).fold_of != other
        return np.flatnonzero(left)

    def cross_fit(self, fold: int, made: Callable[[_Key], Matrix]) -> Matrix:
        """Put together, for the models of a fold, what is `made` for all rows without a key's rows; see the module."""
        columns, inner = made((fold,)).copy(), self._of(fold)
        for other in range(inner.count):
            rows = np.flatnonzero((inner.fold_of == other) & self.folds.trains(fold))
            if len(rows):
                pair = (min(fold, other), max(fold, other)) if self.inner is None else (fold, other)
                columns[rows] = made(pair)[rows]
        return columns

    def _of(self, fit: int) -> Folds:
        return self.folds if self.inner is None else self.inner[fit]


def _inner_folds(folds: Folds, fit: int, count: int) -> Folds:
    """The users that a fit learns from, two at least, dealt to folds: each leaves some of them."""
    rows = np.flatnonzero(folds.trains(fit))
    dealt = make_folds(folds.users[rows], count, seed=0, users_per_fold=1)
    fold_of = np.full(len(folds.users), NOBODY, dtype=np.int64)
    fold_of[rows] = dealt.fold_of
    return Folds(fold_of, count, folds.users)


class _PriceTables:
    """Prices by what was left out of the rows that they were recovered from, and by the power of the variance."""

    def __init__(self, baskets: Baskets, y: Vector, out: _LeaveOut, report: Callable[[int, int], None]) -> None:
        self._baskets, self._y, self._out, self._report = baskets, y, out, report
        self._model = PriceModel(baskets)
        self._known: dict[tuple[_Key, float], Prices] = {}

    def worth(self, key: _Key, power: float) -> Vector:
        """Of every session, in value units."""
        return self._prices(key, power).of_sessions(self._baskets)

    def features(self, key: _Key, power: float) -> Matrix:
        """(all rows, PRICE_FEATURES)"""
        return price_features(self._baskets, self._prices(key, power))

    def of_all(self, power: float) -> Prices:
        """Recovered from all training rows."""
        return self._model.fit(np.arange(len(self._y)), self._y, power)

    def without_each(self, folds: int, power: float) -> tuple[Prices, ...]:
        """Recovered from the training rows of all folds but one, for each."""
        return tuple(self._prices((fold,), power) for fold in range(folds))

    def _prices(self, key: _Key, power: float) -> Prices:
        if (key, power) not in self._known:
            self._report(len(self._known), self._out.keys * len(_POWERS))
            rows = self._out.rows(key)
            self._known[key, power] = self._model.fit(rows, self._y[rows], power)
        return self._known[key, power]


class _Statistics:
    """Target statistics by what was left out of the rows that they were learned from."""

    def __init__(self, baskets: Baskets, y: Vector, out: _LeaveOut) -> None:
        self._statistics, self._y, self._out = ValueStatistics(baskets), y, out
        self._known: dict[_Key, Matrix] = {}

    def features(self, key: _Key) -> Matrix:
        """(all rows, VALUE_STATISTICS)"""
        if key not in self._known:
            rows = self._out.rows(key)
            self._known[key] = self._statistics.features(rows, self._y[rows])
        return self._known[key]


@dataclass(frozen=True)
class _Option:
    """One way to tell a session's worth before any tree: recovered prices, times the user's ratio.

    Attributes:
        power: of the variance behind the prices.
        prior: value units with which ratios are shrunk.
        worth: of all rows, by recovered prices.
        history: of all rows.
    """

    power: float
    prior: float
    worth: Vector
    history: History

    def start(self) -> Vector:
        return np.maximum(self.worth, 0.0) * self.history.ratio(self.prior)

    def squared_error(self, y: Vector, rows: NDArray[np.bool_]) -> float:
        """Over some of the training rows."""
        return float(np.sum((self.start()[: len(y)] - y)[rows] ** 2))

    def columns(self) -> Matrix:
        """(all rows, USER_VALUE_FEATURES and where the learners start from)"""
        return np.column_stack([user_value_features(self.history, self.prior), self.start()])


def _options(power: float, worth: Vector, y: Vector, mine: NDArray[np.bool_], times: Times | None) -> list[_Option]:
    """One a prior; `mine` are the training rows of the fold, whose mean value is the unit of priors."""
    if times is None:
        return [_Option(power, np.inf, worth, History.empty(len(worth)))]
    history = History.joined(*times.histories(y, worth[: len(y)]))
    return [_Option(power, prior * float(y[mine].mean()), worth, history) for prior in PRIORS]
