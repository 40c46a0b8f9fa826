"""Explanation of the latest change in the value of an open session, by group of features.

The features of the last estimate are replaced by the current ones, group by group. The effect of a group is the change
of the value when it is replaced, averaged over two orders, one the reverse of the other. So the effects add up to the
change. The first estimate of a session is compared with a typical first event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import value_text
from core.features.columns import EVENTS_SEEN
from core.features.learned.catalogue import START, learned_features
from core.model import SessionValueModel
from core.model.history import whole_history
from core.model.rows import prefix_rows
from core.own_columns import PREFIX
from core.schema import UNIT

Array = NDArray[np.float64]
Reasons = tuple[tuple[str, float], ...]
_TYPICAL_SESSIONS = 500
"""Sessions whose first events are averaged; their medians hardly change with more."""
_PRICES = "recovered_prices"
_HISTORY = "_history"
"""End of the name of the group that compares an own column with other sessions."""
GROUP_LABELS = {
    "activity": "Number and types of events",
    "timing": "Time and pace",
    "content": "Variety of products",
    "sequence": "Order of events",
    "context": "Traffic in the shop",
    "user_history": "Earlier visits of the user",
    "user_values": "Value of the user's earlier sessions",
    "product_history": "Popularity of the products",
    "category_history": "Popularity of the categories",
    "value_statistics": "Value of sessions with these products",
    _PRICES: "Prices of the products",
}
"""Group of features -> its name in a sentence."""


class Explainer:
    """Explains changes of the value.

    Args:
        model: the model.
        value: function from a row (features, then the learned columns of each fit) to the value.
    """

    def __init__(self, model: SessionValueModel, value: Callable[[Array], float]) -> None:
        self._value, self._columns = value, _columns_by_group(model)
        self.typical = _typical_row(model)

    def reasons(self, before: Array, after: Array) -> Reasons:
        """Return group of features -> change of the value, in value units; the largest first, without zeros."""
        changed = {
            group: columns
            for group, columns in self._columns.items()
            if not np.array_equal(before[columns], after[columns], equal_nan=True)
        }
        effects = dict.fromkeys(changed, 0.0)
        first = self._value(before)
        for order in (list(changed), list(changed)[::-1]):
            row, value = before.copy(), first
            for group in order:
                row[changed[group]] = after[changed[group]]
                moved = self._value(row)
                effects[group] += (moved - value) / 2
                value = moved
        ranked = sorted(effects.items(), key=lambda pair: -abs(pair[1]))
        return tuple((group, effect) for group, effect in ranked if effect)


def strongest_reason(reasons: Reasons) -> str:
    """Return the group with the largest effect, in words, and its effect in value units; empty without reasons.

    >>> strongest_reason((("activity", -12.345), ("timing", 3.0))), strongest_reason(())
    ('Number and types of events (-12.3)', '')
    """
    if not reasons:
        return ""
    group, effect = reasons[0]
    return f"{group_label(group)} ({'+' if effect > 0 else ''}{value_text(effect)})"


def group_label(group: str) -> str:
    """Return the name of a group of features in a sentence. That of an own column is its name in the mapping.

    >>> group_label("timing"), group_label("own_list_price"), group_label("own_price_history")
    ('Time and pace', 'List price', 'Price compared with the usual one')
    """
    if group in GROUP_LABELS:
        return GROUP_LABELS[group]
    name = group.removeprefix(PREFIX).removesuffix(_HISTORY).replace("_", " ")
    return f"{name[:1].upper()}{name[1:]}{' compared with the usual one' if group.endswith(_HISTORY) else ''}"


def _columns_by_group(model: SessionValueModel) -> Mapping[str, NDArray[np.int64]]:
    """Return group of features -> its columns in a row. The start value belongs to the recovered prices."""
    spec = model.spec
    group_of = {feature.name: group.name for group in spec.groups for feature in group.features}
    group_of |= {entry.feature.name: entry.group for entry in learned_features(spec.own)}
    group_of[START.name] = _PRICES
    names = [*spec.features, *spec.learned * len(spec.fits_for_test)]
    groups = np.array([group_of[name] for name in names])
    return {group: np.flatnonzero(groups == group) for group in dict.fromkeys(groups.tolist())}


def _typical_row(model: SessionValueModel) -> Array:
    """Return the median of each column over the first events of sessions of the history."""
    n_units = model.history.units.height
    units = np.unique(np.linspace(0, n_units - 1, min(n_units, _TYPICAL_SESSIONS)).astype(np.int64))
    with_events = np.intersect1d(units, model.history.events.get_column(UNIT).unique().to_numpy())
    prefixes = pl.DataFrame({UNIT: with_events, EVENTS_SEEN: np.ones(len(with_events), np.int64)})
    rows = prefix_rows(whole_history(model.history), model.spec, model.fitted.catalogue, prefixes)
    by_fit = model.fitted.matrices(rows, model.spec.fits_for_test)
    learned = [matrix[:, rows.X.shape[1] :] for _, matrix, _, _ in by_fit]
    both = np.hstack([rows.X, *learned])
    is_known = ~np.isnan(both).all(axis=0)
    typical = np.full(both.shape[1], np.nan)
    typical[is_known] = np.nanmedian(both[:, is_known], axis=0)
    return typical
