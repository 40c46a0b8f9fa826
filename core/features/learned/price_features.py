"""The features of recovered prices: their descriptions and their columns."""

from __future__ import annotations

import numpy as np

from core.base.arrays import Matrix, extended, maxima_by_row, ratios
from core.features.columns import names_by_type
from core.features.definition import Feature, features_by_type
from core.features.learned.baskets import Baskets
from core.features.learned.prices import Prices
from core.schema import EVENT_TYPES

VALUE_FEATURE = Feature(
    "recovered_value", "value units", "Session value at estimated prices.", "Value at estimated prices"
)
_SUMS = names_by_type("recovered_{}_sum")
SUM_FEATURES = features_by_type(
    _SUMS, "value units", "Total estimated price of the session's {many}.", "Value of {many} in this session"
)
_MAXIMA = names_by_type("recovered_{}_max")
PRICE_FEATURES: tuple[Feature, ...] = (
    VALUE_FEATURE,
    Feature(
        "recovered_mean",
        "value units",
        "Average estimated price of the session's events.",
        "Average estimated price of all events",
    ),
    Feature(
        "recovered_max",
        "value units",
        "Highest estimated price of the session's events.",
        "Highest estimated price of all events",
    ),
    *SUM_FEATURES,
    *features_by_type(
        _MAXIMA,
        "value units",
        "Highest estimated price of the session's {many}; empty if there are none.",
        "Highest estimated price of the {many}",
    ),
    Feature(
        "recovered_known_share",
        "share",
        "Share of the session's events whose product and type occur in train sessions.",
        "Share of events with an estimated price of their own",
    ),
)
"""In the column order of `price_features`."""


def price_features(baskets: Baskets, prices: Prices) -> Matrix:
    """Return PRICE_FEATURES as a matrix (sessions, features).

    Without an event of a type, its sum is 0 and its maximum is NaN. Without any event, means and shares are NaN, too.
    """
    price, row, n_rows = prices.of_events(baskets), baskets.row, baskets.rows
    is_seen = extended(prices.seen, baskets.items.height)[baskets.item]
    type_masks = [baskets.kind == code for code in range(len(EVENT_TYPES))]
    n_events, total = np.bincount(row, minlength=n_rows), np.bincount(row, price, n_rows)
    columns = [
        prices.base + total,
        ratios(total, n_events),
        maxima_by_row(row, price, n_rows),
        *(np.bincount(row[mask], price[mask], n_rows) for mask in type_masks),
        *(maxima_by_row(row[mask], price[mask], n_rows) for mask in type_masks),
        ratios(np.bincount(row, is_seen, n_rows), n_events),
    ]
    return np.column_stack(columns)
