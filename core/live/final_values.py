"""The final values of the sessions of the test file, for comparison with forecasts of open sessions."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.dataset import Dataset
from core.features.learned.catalogue import START
from core.model import SessionValueModel
from core.schema import SESSION, UNIT, VALUE


def final_values(model: SessionValueModel, dataset: Dataset, units: pl.Series) -> pl.DataFrame:
    """Return the final values of units of the test file, one row each.

    Of a dataset that was split from one log, they are the actual values; the users of a shared session have equal parts
    of it. Others are the values of all events at recovered prices, which are right on average rather than in each
    session.

    Args:
        model: the model of a run on the dataset.
        units: unit numbers in the history of the model, ascending.

    Returns:
        unit: as in `units`, in the same order.
        value: in value units.
        is_actual: whether it is the actual value.
    """
    column = model.fitted.names.index(START.name)
    at_prices = []
    for rows in model.rows_of(units):
        by_fit = model.fitted.matrices(rows, model.spec.fits_for_test)
        prices = np.mean([matrix[:, column] for _, matrix, _, _ in by_fit], axis=0)
        at_prices.append(rows.units.select(UNIT, SESSION, pl.Series("at_prices", np.maximum(prices, 0.0))))
    actual = dataset.actual_values().select(SESSION, VALUE)
    shares = pl.col(VALUE) / pl.len().over(SESSION)
    return (
        pl.concat(at_prices)
        .join(actual, on=SESSION, how="left", maintain_order="left")
        .select(UNIT, shares.alias(VALUE), "at_prices", pl.col(VALUE).is_not_null().alias("is_actual"))
        .select(UNIT, pl.col(VALUE).fill_null(pl.col("at_prices")), "is_actual")
    )
