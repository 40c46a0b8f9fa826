"""One row a product and category: what the charts about products and categories are counted from."""

from __future__ import annotations

import polars as pl

from core.dataset import Dataset
from core.schema import BUY, CATEGORY, CATEGORY_ID, EVENT_CODE, PRODUCT, PRODUCT_ID, ROLES, TYPE

EVENTS, BUYS = "events", "buys"


def product_table(dataset: Dataset) -> pl.DataFrame:
    """One row a product and category that stand together in an event of either file, by their ids: product_id,
    category_id, events, buys (purchases among them). In no order.
    """
    both = pl.concat([dataset.events(role).select(PRODUCT, CATEGORY, TYPE) for role in ROLES])
    counted = both.group_by(PRODUCT, CATEGORY).agg(
        pl.len().cast(pl.Int64).alias(EVENTS), (pl.col(TYPE) == EVENT_CODE[BUY]).sum().cast(pl.Int64).alias(BUYS)
    )
    for column, name in ((PRODUCT, PRODUCT_ID), (CATEGORY, CATEGORY_ID)):
        counted = counted.join(dataset.dictionary(name).select(column, name), on=column, how="left")
    # the streaming engine groups by two keys of many values in three quarters of the time
    return counted.select(PRODUCT_ID, CATEGORY_ID, EVENTS, BUYS).collect(engine="streaming")
