"""Labels: texts that are shown instead of ids and numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import polars as pl

from core.base.text import fixed, number
from core.dataset import LABEL, Dataset

_MORE_DECIMALS = tuple(partial(fixed, decimals=decimals) for decimals in range(1, 13))


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


def distinct_texts(values: Iterable[float], writers: Sequence[Callable[[float], str]] = ()) -> dict[float, str]:
    """Return each number as text, by the first writer whose texts of different numbers are different.

    Classes whose labels are the same would be drawn on each other.

    Args:
        writers: functions from short to long texts; the last is used if none will do. By default, numbers have three
            significant digits, or as many decimals as needed.

    >>> distinct_texts([1.0, 1000.25])
    {1.0: '1.00', 1000.25: '1,000'}
    >>> distinct_texts([1000.25, 1000.5])
    {1000.25: '1,000.2', 1000.5: '1,000.5'}
    """
    numbers = list(dict.fromkeys(values))
    texts: dict[float, str] = {}
    for write in writers or (number, *_MORE_DECIMALS):
        texts = {value: write(value) for value in numbers}
        if len(set(texts.values())) == len(numbers):
            break
    return texts
