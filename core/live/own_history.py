"""Usual amounts of money: what a session's user, categories and products had on average before it began.

An own column of money, such as a price, has a cell in each event. Cells are whole millionths; an empty one is None. The
cells before a moment are added up by user, category and product, as in core.features.engines.sorted_arrays.sums. A code
is that of a user, category or product in the log.
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


class CellSum(NamedTuple):
    """Sum of the filled cells on a code before a moment, in millionths, and their number."""

    total: int
    n_filled: int

    @property
    def mean(self) -> float | None:
        """Their average in millionths; None without a filled cell."""
        return average(self.total, self.n_filled) if self.n_filled else None


CellSums = tuple[CellSum, ...]
"""One sum per column of money."""


@dataclass(slots=True)
class OwnBefore:
    """The amounts of money in the events before a session began.

    Attributes:
        user: the cells of its user.
        items: key -> code of a category or product -> the cells on it. `OwnHistory.look_up` adds the codes.
    """

    user: CellSums
    items: Mapping[str, dict[int, CellSums]]


class _MoneyColumn(NamedTuple):
    """A column of money.

    Attributes:
        place: its position among the columns of money.
        cell_index: its position among all own columns, as in `LiveEvent.cells`.
        totals: code of an event type -> feature with the usual total of its products.
    """

    place: int
    cell_index: int
    column: OwnColumn
    totals: Mapping[int, str]


class OwnHistory:
    """The past of all columns of money that features compare with other sessions.

    Args:
        columns: the own columns of the model.
        past: the positions of events, by key.
        log: the log of the model.
    """

    def __init__(self, columns: Sequence[OwnColumn], past: Mapping[str, Past], log: EventArrays) -> None:
        indices = [index for index, column in enumerate(columns) if own_history_features(column)]
        self._money = [_money_column(place, index, columns[index]) for place, index in enumerate(indices)]
        needs_products = any(money.totals for money in self._money)
        keys = [key for key in _KEYS if key != PRODUCT or needs_products] if self._money else []
        self._past = {key: [_CellPast(past[key], log, key, each.column) for each in self._money] for key in keys}
        self._item_keys = [key for key in keys if key != USER]

    def before(self, user: int, moment: int) -> OwnBefore:
        """Return the cells of a user before a moment, in epoch seconds, without those of categories and products."""
        return OwnBefore(self._sums(USER, user, moment), {key: {} for key in self._item_keys})

    def look_up(self, before: OwnBefore, event: LiveEvent, moment: int) -> None:
        """Add the category and the product of an event, unless they are known.

        Args:
            moment: that of `before`.
        """
        for key in self._item_keys:
            code, items = event.category if key == CATEGORY else event.product, before.items[key]
            if code not in items:
                items[code] = self._sums(key, code, moment)

    def add(self, user: int, event: LiveEvent) -> None:
        """Add an event to the history of the sessions that begin after it."""
        codes = {USER: user, CATEGORY: event.category, PRODUCT: event.product}
        for key, pasts in self._past.items():
            for money, past in zip(self._money, pasts, strict=True):
                if (cell := event.cells[money.cell_index]) is not None:
                    past.add(codes[key], event.time, cell)

    def features(self, before: OwnBefore, events: Sequence[LiveEvent]) -> Features:
        """Return the history features of all columns of money.

        Args:
            before: the cells before the session, after `look_up` of each of its events.
            events: its events.

        Raises:
            KeyError: an event was not looked up.
        """
        features: Features = {}
        for place, index, column, totals in self._money:
            cells = [
                (event.category, cell)
                for event in counted_events(column, events)
                if (cell := event.cells[index]) is not None
            ]
            features |= _compared_with_user(column.stored, [cell for _, cell in cells], before.user[place])
            ratio = _compared_with_categories(cells, before.items[CATEGORY], place)
            features[f"{column.stored}_per_category_mean"] = ratio
            for event_type, feature in totals.items():
                products = Counter(event.product for event in events if event.type == event_type)
                features[feature] = _usual_total(products, before.items[PRODUCT], place)
        return features

    def _sums(self, key: str, code: int, moment: int) -> CellSums:
        return tuple(past.before(code, moment) for past in self._past.get(key, ()))


def _money_column(place: int, index: int, column: OwnColumn) -> _MoneyColumn:
    totals = {EVENT_CODE[event_type]: feature for event_type, feature in usual_totals(column).items()}
    return _MoneyColumn(place, index, column, totals)


def _compared_with_user(name: str, cells: Sequence[int], of_user: CellSum) -> Features:
    """Return the usual amount of a user, and the average cell of a session relative to it."""
    mean = average(sum(cells), len(cells)) * PER_SCALE if cells else None
    usual = None if of_user.mean is None else of_user.mean * PER_SCALE
    return {
        f"{name}_user_mean": math.nan if usual is None else usual,
        f"{name}_per_user_mean": _relative(mean, usual),
    }


def _compared_with_categories(cells: Sequence[tuple[int, int]], before: Mapping[int, CellSums], place: int) -> float:
    """Return the sum of a session's cells relative to the usual cells of the same categories, where these are known.

    Args:
        cells: pairs of category and cell.
        before: category -> its cells in other sessions.
        place: position of the column among those of money.
    """
    by_category: dict[int, list[int]] = {}
    for category, cell in cells:
        by_category.setdefault(category, []).append(cell)
    actual = expected = 0
    for category, category_cells in by_category.items():
        if (mean := before[category][place].mean) is not None:
            actual += sum(category_cells)
            expected += rounded(mean * len(category_cells))
    return _relative(float(actual), float(expected))


def _usual_total(products: Mapping[int, int], before: Mapping[int, CellSums], place: int) -> float:
    """Return the sum over events of what their products have on average in other sessions.

    Args:
        products: product -> number of events.
        before, place: as in `_compared_with_categories`, by product.
    """
    means = ((before[product][place].mean, n_events) for product, n_events in products.items())
    return sum(rounded(mean * n_events) for mean, n_events in means if mean is not None) * PER_SCALE


def _relative(numerator: float | None, denominator: float | None) -> float:
    """Return a ratio; NaN without a numerator, or unless the denominator is positive."""
    if numerator is None or denominator is None or denominator <= 0:
        return math.nan
    return numerator / denominator


@dataclass
class _LaterCells:
    """Filled cells on a code that came after the log of the model.

    Attributes:
        times: their sorted times, in epoch seconds.
        sums: sum of the cells up to and including each.
    """

    times: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)


class _CellPast:
    """The cells of a column on the codes of a key: those of the log as running sums, and later ones as lists."""

    def __init__(self, past: Past, log: EventArrays, key: str, column: OwnColumn) -> None:
        events = nw.from_native(log.events.lazy())
        cells = nw.to_native(events.select(cell_in_millionths(column).alias("cell"))).collect().get_column("cell")
        cells = cells.gather(time_order(log, key).events)  # the order of the positions in `past`
        self._past, self._later = past, dict[int, _LaterCells]()
        self._totals = _running(cells.fill_null(0))
        self._filled = _running(cells.is_not_null()) if cells.null_count() else None

    def before(self, code: int, moment: int) -> CellSum:
        """Return the sum of the cells on a code before a moment, in epoch seconds, and their number."""
        begin, until = self._past.span(code, moment)
        total = int(self._totals[until] - self._totals[begin])
        n_filled = until - begin if self._filled is None else int(self._filled[until] - self._filled[begin])
        later = self._later.get(code)
        if later is not None and (n_before := bisect_left(later.times, moment)):
            return CellSum(total + later.sums[n_before - 1], n_filled + n_before)
        return CellSum(total, n_filled)

    def add(self, code: int, time: int, cell: int) -> None:
        """Add a cell. Cells with a later time are moved, but events arrive mostly in order, so there are few."""
        later = self._later.setdefault(code, _LaterCells())
        place = bisect_right(later.times, time)
        later.times.insert(place, time)
        later.sums.insert(place, later.sums[place - 1] if place else 0)
        for following in range(place, len(later.sums)):
            later.sums[following] += cell


def _running(numbers: pl.Series) -> NDArray[np.int64]:
    """Return the sum of the numbers before each position, and of all."""
    sums = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers.to_numpy(), out=sums[1:])
    return sums
