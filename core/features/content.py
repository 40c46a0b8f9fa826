"""What the session looked at: how many different products and categories, and how evenly it spread over them."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.exact_sums import ONE, as_whole
from core.features.history import DONE, done_to
from core.features.per_unit import beside, per_unit
from core.schema import ADD_CART, BUY, CATEGORY, PRODUCT, UNIT

_DONE_TO = {ADD_CART: "products_added", BUY: "products_bought"}
_THINGS = {PRODUCT: "products", CATEGORY: "categories"}


def _compute(log: SessionLog) -> Frame:
    products, categories = _spread(log, PRODUCT), _spread(log, CATEGORY)
    both = beside(products, categories)
    return both.with_columns((nw.col("n_products") / nw.col("n_categories")).alias("products_per_category"))


def _spread(log: SessionLog, key: str) -> Frame:
    """How the events of each unit spread over the values of `key`, and over how many of them each of _DONE_TO did."""
    count = nw.sum_horizontal(*(nw.col(name) for name in DONE.values()))
    done = {name: (nw.col(DONE[word]) > 0) for word, name in _DONE_TO.items()} if key == PRODUCT else {}
    over = per_unit(
        done_to(log, key),
        count=f"n_{_THINGS[key]}",
        sums={
            "_events": count,
            "_n_log_n": as_whole(count * count.log()),
            **done,
        },
        highs={"_most": count},
    )
    events = nw.col("_events")
    # the entropy of shares n/N is log N less the sum of n log n, divided by N
    entropy = events.log() - nw.col("_n_log_n") / ONE / events
    return over.select(
        UNIT,
        f"n_{_THINGS[key]}",
        *done,
        (nw.col("_most") / events).alias(f"{key}_share_top"),
        entropy.clip(0.0).alias(f"{key}_entropy"),
    )


CONTENT = FeatureGroup(
    name="content",
    features=(
        Feature("n_products", "products", "How many different products the session met."),
        Feature("n_categories", "categories", "How many different categories the session met."),
        Feature("products_added", "products", "How many different products went into the cart."),
        Feature("products_bought", "products", "How many different products were bought."),
        Feature("products_per_category", "ratio", "How deep the session went: products for each category."),
        Feature("product_share_top", "share", "Part of the events that are on the product with most of them."),
        Feature("category_share_top", "share", "Part of the events that are in the category with most of them."),
        Feature("product_entropy", "nats", "How evenly the events spread over products; 0 for a single one."),
        Feature("category_entropy", "nats", "How evenly the events spread over categories; 0 for a single one."),
    ),
    compute=_compute,
)
