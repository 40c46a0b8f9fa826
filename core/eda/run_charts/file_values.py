"""How the values of a submission file are distributed, compared with out-of-fold predictions and actual values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import value_text, value_unit
from core.eda.parts.density import log_edges
from core.eda.parts.theme import ACCENT, MUTED, NEGATIVE, Figure, Hover, finished, share_axis, short_axis

TITLE = "Do its values look like predictions of this shop?"
FILE: Final = "this file"
OUT_OF_FOLD: Final = "out-of-fold predictions"
TRAIN: Final = "values of the train file"
_COLOURS = {FILE: ACCENT, OUT_OF_FOLD: NEGATIVE, TRAIN: MUTED}
_BINS = 40
_SCHEMA = {"series": pl.String, "low": pl.Float64, "high": pl.Float64, "share": pl.Float64, "median": pl.Float64}


def frame(values: Mapping[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Return the shares of the sessions by value, on a common logarithmic scale; one row per series and bin.

    Args:
        values: series -> finite values. Values of 0 and below count in the lowest bin.

    Returns:
        series: name of the series.
        low, high: ends of the bin, in value units.
        share: share of the sessions of the series, 0 to 1.
        median: median of the series; the same in all of its rows.
        The table is empty if no value is above 0.
    """
    series = {name: amounts for name, amounts in values.items() if len(amounts)}
    everything = np.concatenate(list(series.values())) if series else np.empty(0)
    positive = np.sort(everything[everything > 0])
    if not len(positive):
        return pl.DataFrame(schema=_SCHEMA)
    edges = log_edges(positive, _BINS)
    parts = []
    for name, amounts in series.items():
        counts, _ = np.histogram(np.clip(amounts, edges[0], edges[-1]), bins=edges)
        columns = {"low": edges[:-1], "high": edges[1:], "share": counts / len(amounts)}
        median = pl.lit(float(np.median(amounts))).alias("median")
        parts.append(pl.DataFrame(columns).with_columns(pl.lit(name).alias("series"), median).select(*_SCHEMA))
    return pl.concat(parts)


def finding(data: pl.DataFrame) -> str:
    """Compare the medians of the series."""
    if data.is_empty():
        return "No value is above 0."
    medians = dict(data.select("series", "median").unique(maintain_order=True).iter_rows())
    others = [f"that of {name} {value_text(median)}" for name, median in medians.items() if name != FILE]
    sentence = f"The median of this file is {value_text(medians.get(FILE))}"
    return f"{sentence}; {' and '.join(others)}." if others else f"{sentence}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one line of shares per series."""
    scale = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    chart = (
        alt.Chart(data)
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X(
                "low:Q", title=f"value ({value_unit()}, log scale)", scale=alt.Scale(type="log"), axis=short_axis(6)
            ),
            y=alt.Y("share:Q", title="share of the sessions", axis=share_axis()),
            color=alt.Color("series:N", scale=scale, legend=alt.Legend(symbolType="stroke", symbolSize=100)),
            tooltip=[
                *Hover.texts("series"),
                *Hover.amounts(low="value from", high="to"),
                *Hover.shares(share="share of the sessions"),
            ],
        )
    )
    return finished(chart, f"Distribution of the values of a file. {finding(data)}")
