"""Labels: the names of products and categories that are shown instead of their ids, if a log has names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from core.dataset import LABEL, Dataset


def labels_of(dataset: Dataset, ids: pl.Series) -> pl.Series | None:
    """Return the label of each id; None if the log has no such names.

    Args:
        ids: ids of products or categories. The name of the series is product_id or category_id.
    """
    labels = dataset.labels(ids.name)
    if labels.head(1).collect().is_empty():
        return None
    joined = ids.to_frame().lazy().join(labels, on=ids.name, how="left", maintain_order="left").collect()
    return joined.select(pl.coalesce(LABEL, ids.name).alias(LABEL)).to_series()


def shown_column(data: pl.DataFrame, id_column: str) -> str:
    """Return the column of a table that is shown to people: the label if there is one, otherwise the id."""
    return LABEL if LABEL in data.columns else id_column


def texts_of(column: pl.Series, write: Callable[[Any], str], *, missing: str = "") -> pl.Series:
    """Return the cells of a column as texts; null as `missing`.

    Polars' own `map_elements` runs in other threads, which do not have the number format of the reader.
    """
    return pl.Series(column.name, [missing if cell is None else write(cell) for cell in column], dtype=pl.String)
