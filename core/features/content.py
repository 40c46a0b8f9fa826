"""What the session looked at: how many different products and categories."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.schema import CATEGORY, EVENT_CODE, PRODUCT, TYPE, UNIT

_DONE_TO = {"ADD_CART": "products_added", "BUY": "products_bought"}


def _compute(log: SessionLog) -> Frame:
    distinct = log.events.group_by(UNIT).agg(
        nw.col(PRODUCT).n_unique().cast(nw.Int64).alias("n_products"),
        nw.col(CATEGORY).n_unique().cast(nw.Int64).alias("n_categories"),
    )
    for word, name in _DONE_TO.items():
        of_type = (
            log.events.filter(nw.col(TYPE) == EVENT_CODE[word])
            .group_by(UNIT)
            .agg(nw.col(PRODUCT).n_unique().cast(nw.Int64).alias(name))
        )
        distinct = distinct.join(of_type, on=UNIT, how="left").with_columns(nw.col(name).fill_null(0))
    return distinct.with_columns((nw.col("n_products") / nw.col("n_categories")).alias("products_per_category"))


CONTENT = FeatureGroup(
    name="content",
    features=(
        Feature("n_products", "products", "How many different products the session met."),
        Feature("n_categories", "categories", "How many different categories the session met."),
        Feature("products_added", "products", "How many different products went into the cart."),
        Feature("products_bought", "products", "How many different products were bought."),
        Feature("products_per_category", "ratio", "How deep the session went: products for each category."),
    ),
    compute=_compute,
)
