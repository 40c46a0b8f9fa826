"""Boxes of values: quartiles and median, whiskers from the 5th to the 95th percentile, a dot at the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from core.eda.parts.theme import MUTED, event_scale, short_axis
from core.schema import VALUE, VALUE_UNIT

_SHARES = {"p5": 0.05, "low": 0.25, "median": 0.5, "high": 0.75, "p95": 0.95}
_BAND = 44
"""Pixels of a box with the room around it."""
SCHEMA = {"sessions": pl.Int64, "mean": pl.Float64} | dict.fromkeys(_SHARES, pl.Float64)


def numbers() -> list[pl.Expr]:
    """What a box is drawn from: sessions, mean, and the quantiles p5, low (first quartile), median, high (third
    quartile), p95; in value units.
    """
    value = pl.col(VALUE)
    return [
        pl.len().cast(pl.Int64).alias("sessions"),
        value.mean().alias("mean"),
        *(value.quantile(share, "linear").alias(name) for name, share in _SHARES.items()),
    ]


def height(boxes: int) -> int:
    """Pixels of a chart of so many."""
    return _BAND * max(boxes, 1) + 54


def drawn(data: pl.DataFrame, labels: Sequence[str]) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """A box a row of data: event_type (its colour), label (what it is of, in the order of `labels`), and `numbers`."""
    there = [label for label in labels if label in data.get_column("label")]
    base = alt.Chart(data).encode(
        y=alt.Y(
            "label:N",
            sort=there,
            title=None,
            axis=alt.Axis(labelLimit=260, grid=False, labelExpr="split(datum.label, ', ')"),
        ),
        tooltip=[
            alt.Tooltip("label:N", title="sessions"),
            alt.Tooltip("sessions:Q", title="how many", format=","),
            *(
                alt.Tooltip(f"{name}:Q", title=title, format=",.3~r")
                for name, title in (
                    ("p5", "5th percentile"),
                    ("low", "first quartile"),
                    ("median", "median"),
                    ("mean", "mean"),
                    ("high", "third quartile"),
                    ("p95", "95th percentile"),
                )
            ),
        ],
    )
    axis = short_axis(6, grid=True, gridOpacity=0.35)
    title = [f"session value ({VALUE_UNIT})", "box: quartiles, line: 5% to 95%, dot: mean"]
    whisker = base.mark_rule(color=MUTED).encode(x=alt.X("p5:Q", title=title, axis=axis), x2="p95:Q")
    box = base.mark_bar(height=26, opacity=0.85).encode(
        x="low:Q", x2="high:Q", color=alt.Color("event_type:N", scale=event_scale(), legend=None)
    )
    median = base.mark_tick(color="white", thickness=2.5, size=26).encode(x="median:Q")
    mean = base.mark_point(filled=True, size=55, color="white", stroke=MUTED, strokeWidth=1, opacity=1).encode(
        x="mean:Q"
    )
    return whisker + box + median + mean
