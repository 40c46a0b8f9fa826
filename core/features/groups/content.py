"""The number of products and categories in the session, and how evenly its events spread over them."""

from __future__ import annotations

import narwhals as nw

from core.features.columns import OWN
from core.features.definition import Feature, FeatureGroup
from core.features.fixed_point import ONE, to_fixed_point
from core.features.session_log import Frame, SessionLog
from core.schema import ADD_CART, BUY, CATEGORY, PRODUCT, UNIT

_N_DISTINCT = {PRODUCT: "n_products", CATEGORY: "n_categories"}
_PRODUCTS_WITH = {ADD_CART: "products_added", BUY: "products_bought"}


def _compute(log: SessionLog) -> Frame:
    both = log.join_by_unit(_spread(log, PRODUCT), _spread(log, CATEGORY))
    return both.with_columns((nw.col("n_products") / nw.col("n_categories")).alias("products_per_category"))


def _spread(log: SessionLog, key: str) -> Frame:
    """Return the number of products or categories per unit, and the features of how evenly its events spread over them.

    For products, also return the number of products added to the cart and of products bought.
    """
    n_events = nw.sum_horizontal(*(nw.col(name) for name in OWN.values()))
    products_with = _PRODUCTS_WITH if key == PRODUCT else {}
    n_products_with = {name: nw.col(OWN[event_type]) > 0 for event_type, name in products_with.items()}
    totals = log.aggregate(
        log.own_counts(key),
        count=_N_DISTINCT[key],
        sums={"_events": n_events, "_n_log_n": to_fixed_point(n_events * n_events.log()), **n_products_with},
        maxima={"_most": n_events},
    )
    events = nw.col("_events")
    # The entropy of the shares n/N is log N - (sum of n log n) / N.
    entropy = events.log() - nw.col("_n_log_n") / ONE / events
    return totals.select(
        UNIT,
        _N_DISTINCT[key],
        *n_products_with,
        (nw.col("_most") / events).alias(f"{key}_share_top"),
        entropy.clip(0.0).alias(f"{key}_entropy"),
    )


CONTENT = FeatureGroup(
    name="content",
    features=(
        Feature("n_products", "products", "Number of different products in the session.", "Number of products"),
        Feature("n_categories", "categories", "Number of different categories in the session.", "Number of categories"),
        Feature(
            "products_added",
            "products",
            "Number of different products added to the cart.",
            "Products added to the cart",
        ),
        Feature("products_bought", "products", "Number of different products bought.", "Products bought"),
        Feature(
            "products_per_category", "ratio", "Number of different products per category.", "Products per category"
        ),
        Feature(
            "product_share_top",
            "share",
            "Share of the events that are on the session's most frequent product.",
            "Focus on one product",
        ),
        Feature(
            "category_share_top",
            "share",
            "Share of the events that are in the session's most frequent category.",
            "Focus on one category",
        ),
        Feature(
            "product_entropy",
            "nats",
            "How evenly the events spread over products (entropy); 0 for a single one.",
            "Spread over products",
        ),
        Feature(
            "category_entropy",
            "nats",
            "How evenly the events spread over categories (entropy); 0 for a single one.",
            "Spread over categories",
        ),
    ),
    compute=_compute,
)
