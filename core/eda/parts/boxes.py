"""Box plots of session values: quartiles, median, average, and whiskers from the 5th to the 95th percentile."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from core.base.amounts import value_unit
from core.eda.parts.theme import MUTED, Figure, Hover, event_scale, finished, short_axis
from core.schema import VALUE

_QUANTILES = {"p5": 0.05, "low": 0.25, "median": 0.5, "high": 0.75, "p95": 0.95}
_TITLES = {
    "p5": "5th percentile",
    "low": "first quartile",
    "median": "median",
    "mean": "average",
    "high": "third quartile",
    "p95": "95th percentile",
}
_PIXELS_PER_BOX = 44
_AXIS_PIXELS = 54
SCHEMA = {"sessions": pl.Int64, "mean": pl.Float64} | dict.fromkeys(_QUANTILES, pl.Float64)
"""Columns that a box is drawn from."""


def box_statistics() -> list[pl.Expr]:
    """Return the aggregations that give the columns of `SCHEMA`.

    They are the number of sessions (sessions), and in value units the average (mean), the quartiles (low, median, high)
    and the 5th and 95th percentile (p5, p95).
    """
    value = pl.col(VALUE)
    return [
        pl.len().cast(pl.Int64).alias("sessions"),
        value.mean().alias("mean"),
        *(value.quantile(share, "linear").alias(name) for name, share in _QUANTILES.items()),
    ]


def draw_boxes(data: pl.DataFrame, labels: Sequence[str], description: str) -> Figure:
    """Draw one box per row.

    Args:
        data: event_type (gives the colour), label, and the columns of `SCHEMA`.
        labels: all possible labels, from top to bottom; they give the height.
    """
    present = [label for label in labels if label in data.get_column("label")]
    # labels are broken into two lines at a comma
    axis = alt.Axis(labelLimit=260, grid=False, labelExpr="split(datum.label, ', ')")
    base = alt.Chart(data).encode(
        y=alt.Y("label:N", sort=present, title=None, axis=axis),
        tooltip=[*Hover.texts(label="kind"), *Hover.counts("sessions"), *Hover.amounts(**_TITLES)],
    )
    title = [f"session value ({value_unit()})", "box: quartiles, line: 5% to 95%, dot: average"]
    values = alt.X("p5:Q", title=title, axis=short_axis(6, grid=True, gridOpacity=0.35))
    whiskers = base.mark_rule(color=MUTED).encode(x=values, x2="p95:Q")
    boxes = base.mark_bar(height=26, opacity=0.85).encode(
        x="low:Q", x2="high:Q", color=alt.Color("event_type:N", scale=event_scale(), legend=None)
    )
    medians = base.mark_tick(color="white", thickness=2.5, size=26).encode(x="median:Q")
    means = base.mark_point(filled=True, size=55, color="white", stroke=MUTED, strokeWidth=1, opacity=1).encode(
        x="mean:Q"
    )
    height = _PIXELS_PER_BOX * max(len(labels), 1) + _AXIS_PIXELS
    return finished(whiskers + boxes + medians + means, description, height)
