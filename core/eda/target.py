"""How the session values of train are spread."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl

from core.dataset import Dataset
from core.eda import picking
from core.eda.theme import FILE_COLOURS, finished, short_axis
from core.schema import ROLE, SESSION, TRAIN_ROLE, VALUE, VALUE_UNIT
from core.wording import number, percent

TITLE = "How much are sessions worth?"
PICK = picking.values("low")
_BINS = 48  # narrow enough to show a second hump, wide enough to be no noise from some thousand sessions on


def frame(dataset: Dataset) -> pl.DataFrame:
    """Histogram on a log scale: one row a bin with low, high (value units) and sessions; plus what the finding needs.

    Columns beside: median, top_share (share of all value in the most valuable 1 % of sessions), the same in every
    row. Values of 0 stand in the lowest bin. Empty when no session has a value.
    """
    values = (
        dataset.units()
        .filter((pl.col(ROLE) == TRAIN_ROLE) & pl.col(VALUE).is_not_null())
        .group_by(SESSION)
        .agg(pl.col(VALUE).first())
        .select(pl.col(VALUE).sort())
        .collect()
        .get_column(VALUE)
        .to_numpy()
    )
    schema = {
        "low": pl.Float64,
        "high": pl.Float64,
        "sessions": pl.Int64,
        "median": pl.Float64,
        "top_share": pl.Float64,
    }
    if not len(values):
        return pl.DataFrame(schema=schema)
    positive = values[values > 0]
    low, high = (positive[0], positive[-1]) if len(positive) else (1.0, 1.0)
    # Values that differ by a rounding error would give bins that are no wider than one.
    edges = np.geomspace(low, max(high, low * 1.01), _BINS + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    top = values[-max(1, len(values) // 100) :].sum() / values.sum() if values.sum() > 0 else 0.0
    return pl.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "sessions": counts}, schema_overrides={"sessions": pl.Int64}
    ).with_columns(pl.lit(float(np.median(values))).alias("median"), pl.lit(float(top)).alias("top_share"))


def finding(data: pl.DataFrame) -> str:
    """What the histogram shows, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    row = data.row(0, named=True)
    return (
        f"Half of the sessions are worth at most {number(row['median'])}; "
        f"the most valuable 1% hold {percent(row['top_share'])} of all value."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the histogram; the value axis is logarithmic."""
    axis = short_axis(6)
    chart = (
        alt.Chart(data)
        .mark_bar(color=FILE_COLOURS["train"], orient="vertical", binSpacing=1)
        .encode(
            x=alt.X(
                "low:Q",
                title=f"session value ({VALUE_UNIT}, log scale)",
                scale=alt.Scale(type="log", nice=False),
                axis=axis,
            ),
            x2="high:Q",
            y=alt.Y("sessions:Q", title="sessions", scale=alt.Scale(zero=True)),
            y2=alt.value("height"),
            tooltip=[
                alt.Tooltip("low:Q", title="value from", format=",.4~r"),
                alt.Tooltip("high:Q", title="to", format=",.4~r"),
                alt.Tooltip("sessions:Q", format=","),
            ],
        )
    )
    return finished(chart, f"Histogram of session values. {finding(data)}")
