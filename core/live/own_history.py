"""Usual amounts of money: cells of own columns in the events before an open session began.

They are added up by user, category and product, as in core.features.engines.sorted_arrays.sums.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.engines.sorted_arrays.event_arrays import EventArrays
from core.features.engines.sorted_arrays.sums import time_order
from core.features.groups.own import PER_SCALE, cell_in_millionths
from core.features.groups.own_descriptions import own_history_features, usual_totals
from core.live.own_features import Features, average, counted_events, rounded
from core.live.past import Past
from core.live.session_features import LiveEvent
from core.own_columns import OwnColumn
from core.schema import CATEGORY, EVENT_CODE, PRODUCT, USER

_KEYS = (USER, CATEGORY, PRODUCT)


class Usual(NamedTuple):
    """Sum of the filled cells on a value before a moment, in millionths, and their number."""

    total: int
    filled: int

    @property
    def mean(self) -> float | None:
        """Their average in millionths; None without a filled cell."""
        return average(self.total, self.filled) if self.filled else None


@dataclass(frozen=True, slots=True)
class OwnBefore:
    """What is known of a session's amounts of money from the time before it began.

    Attributes:
        user: for each column of money, the cells of its user.
        items: key -> code of a category or product -> the same.
    """

    user: tuple[Usual, ...]
    items: Mapping[str, dict[int, tuple[Usual, ...]]]


_NOTHING = OwnBefore((), {})
"""For all sessions of a model without amounts of money; its tables stay empty."""


class OwnHistory:
    """The past of all columns of money that features compare with other sessions.

    Args:
        past: the positions of events, by key.
        log: the log of the model.
    """

    def __init__(self, columns: Sequence[OwnColumn], past: Mapping[str, Past], log: EventArrays) -> None:
        self._money = [(index, each) for index, each in enumerate(columns) if own_history_features(each)]
        needs_products = not all(column.with_purchases for _, column in self._money)
        keys = [key for key in _KEYS if key != PRODUCT or needs_products] if self._money else []
        self._sums = {key: [_Sums.of(past[key], log, key, column) for _, column in self._money] for key in keys}
        self._item_keys = [key for key in keys if key != USER]

    def before(self, user: int, moment: int) -> OwnBefore:
        """Return what is known of a user before a moment, without categories and products."""
        if not self._money:
            return _NOTHING
        return OwnBefore(self._usual(USER, user, moment), {key: {} for key in self._item_keys})

    def look_up(self, before: OwnBefore, event: LiveEvent, moment: int) -> None:
        """Look up the category and the product of an event, unless they are known."""
        for key in self._item_keys:
            code, items = event.category if key == CATEGORY else event.product, before.items[key]
            if code not in items:
                items[code] = self._usual(key, code, moment)

    def add(self, user: int, event: LiveEvent) -> None:
        """Add an event to the history of the sessions that begin after it."""
        codes = {USER: user, CATEGORY: event.category, PRODUCT: event.product}
        for key, sums in self._sums.items():
            for (index, _), each in zip(self._money, sums, strict=True):
                if (cell := event.cells[index]) is not None:
                    each.add(codes[key], event.time, cell)

    def features(self, before: OwnBefore, events: Sequence[LiveEvent]) -> Features:
        """Return the history features of all columns of money."""
        features: Features = {}
        for place, (index, column) in enumerate(self._money):
            name, counted = column.stored, counted_events(column, events)
            cells = [(event.category, cell) for event in counted if (cell := event.cells[index]) is not None]
            mean = None if not cells else average(sum(cell for _, cell in cells), len(cells)) * PER_SCALE
            usual = before.user[place].mean
            user_mean = None if usual is None else usual * PER_SCALE
            features[f"{name}_user_mean"] = math.nan if user_mean is None else user_mean
            features[f"{name}_per_user_mean"] = _relative(mean, user_mean)
            of_categories = {code: usuals[place] for code, usuals in before.items[CATEGORY].items()}
            features[f"{name}_per_category_mean"] = _per_category_mean(cells, of_categories)
            for event_type, feature in usual_totals(column).items():
                products = Counter(event.product for event in events if event.type == EVENT_CODE[event_type])
                means = [(before.items[PRODUCT][code][place].mean, n_events) for code, n_events in products.items()]
                total = sum(rounded(each * n_events) for each, n_events in means if each is not None)
                features[feature] = total * PER_SCALE
        return features

    def _usual(self, key: str, code: int, moment: int) -> tuple[Usual, ...]:
        return tuple(sums.before(code, moment) for sums in self._sums.get(key, ()))


def _per_category_mean(cells: Sequence[tuple[int, int]], usual: Mapping[int, Usual]) -> float:
    """Return the cells of a session, as pairs of category and cell, relative to those of other sessions."""
    by_category: dict[int, list[int]] = {}
    for category, cell in cells:
        by_category.setdefault(category, []).append(cell)
    actual, expected = 0, 0
    for category, own in by_category.items():
        if (mean := usual[category].mean) is not None:
            actual += sum(own)
            expected += rounded(mean * len(own))
    return _relative(float(actual), float(expected))


def _relative(numerator: float | None, denominator: float | None) -> float:
    if numerator is None or denominator is None or denominator <= 0:
        return math.nan
    return numerator / denominator


@dataclass
class _Added:
    """Filled cells on a value that are not in the model's history: sorted times, and the sums until each of them."""

    times: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)


class _Sums:
    """Sums of the cells of a column on the values of a key."""

    def __init__(self, past: Past, totals: NDArray[np.int64], filled: NDArray[np.int64] | None) -> None:
        self._past, self._totals, self._filled = past, totals, filled
        self._added: dict[int, _Added] = {}

    @classmethod
    def of(cls, past: Past, log: EventArrays, key: str, column: OwnColumn) -> _Sums:
        """Return the sums of a log. Those until a position are of the events before it, sorted by value and time."""
        events = nw.from_native(log.events.lazy())
        cells = nw.to_native(events.select(cell_in_millionths(column).alias("cell"))).collect().get_column("cell")
        cells = cells.gather(time_order(log, key).events)
        filled = _running(cells.is_not_null()) if cells.null_count() else None
        return cls(past, _running(cells.fill_null(0)), filled)

    def before(self, code: int, moment: int) -> Usual:
        """Return the sum of the cells on a value before a moment, in epoch seconds, and their number."""
        begin, until = self._past.span(code, moment)
        total = int(self._totals[until] - self._totals[begin])
        filled = until - begin if self._filled is None else int(self._filled[until] - self._filled[begin])
        added = self._added.get(code)
        if added is not None and (n_before := bisect_left(added.times, moment)):
            return Usual(total + added.sums[n_before - 1], filled + n_before)
        return Usual(total, filled)

    def add(self, code: int, time: int, cell: int) -> None:
        """Add a cell."""
        added = self._added.setdefault(code, _Added())
        place = bisect_right(added.times, time)
        added.times.insert(place, time)
        added.sums.insert(place, added.sums[place - 1] if place else 0)
        for later in range(place, len(added.sums)):
            added.sums[later] += cell


def _running(numbers: pl.Series) -> NDArray[np.int64]:
    sums = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers.to_numpy(), out=sums[1:])
    return sums
