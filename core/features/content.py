"""What the session looked at: how many different products and categories, and how evenly it spread over them."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.exact_sums import ONE, as_whole
from core.schema import ADD_CART, BUY, CATEGORY, EVENT_CODE, PRODUCT, TYPE, UNIT

_DONE_TO = {ADD_CART: "products_added", BUY: "products_bought"}
_THINGS = {PRODUCT: "products", CATEGORY: "categories"}


def _compute(log: SessionLog) -> Frame:
    done = [(nw.col(TYPE) == EVENT_CODE[word]).cast(nw.Int64).alias(name) for word, name in _DONE_TO.items()]
    products = _spread(log.events.with_columns(*done), PRODUCT, list(_DONE_TO.values()))
    categories = _spread(log.events, CATEGORY)
    both = products.join(categories, on=UNIT, how="left")
    return both.with_columns((nw.col("n_products") / nw.col("n_categories")).alias("products_per_category"))


def _spread(events: Frame, key: str, done: list[str] | None = None) -> Frame:
    """How the events of each unit spread over the values of `key`, and over how many of them each of `done` did."""
    done = done or []
    each = events.group_by(UNIT, key).agg(nw.len().cast(nw.Int64).alias("_n"), *(nw.col(name).max() for name in done))
    count = nw.col("_n")
    over = (
        each.with_columns(as_whole(count * count.log()).alias("_n_log_n"))
        .group_by(UNIT)
        .agg(
            nw.len().cast(nw.Int64).alias(f"n_{_THINGS[key]}"),
            count.sum().alias("_events"),
            count.max().alias("_most"),
            nw.col("_n_log_n").sum(),
            *(nw.col(name).sum() for name in done),
        )
    )
    events_in_all = nw.col("_events")
    # the entropy of shares n/N is log N less the sum of n log n, divided by N
    entropy = events_in_all.log() - nw.col("_n_log_n") / ONE / events_in_all
    return over.select(
        UNIT,
        f"n_{_THINGS[key]}",
        *done,
        (nw.col("_most") / events_in_all).alias(f"{key}_share_top"),
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
