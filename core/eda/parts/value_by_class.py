"""What sessions are worth by a class that they belong to: quartiles and mean, computed and drawn alike everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from core.eda.parts.theme import FILE_COLOURS, MUTED
from core.schema import VALUE, VALUE_UNIT


def summary(sessions: pl.DataFrame, place: pl.Expr) -> pl.DataFrame:
    """One row a class of the sessions that have a value, by `place`, which is a column by its own name: sessions, mean,
    median, low and high (quartiles), in value units.
    """
    value = pl.col(VALUE)
    return (
        sessions.filter(value.is_not_null())
        .group_by(place)
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            value.mean().alias("mean"),
            value.median().alias("median"),
            value.quantile(0.25).alias("low"),
            value.quantile(0.75).alias("high"),
        )
        .sort(place.meta.output_name())
    )


def drawn(data: pl.DataFrame, title: str, labels: Sequence[str], *, tooltip: str) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """A summary as bars with a line and a dot, one a `label` (a column of `data`), in the order of `labels`."""
    colour = FILE_COLOURS["train"]
    base = alt.Chart(data).encode(
        x=alt.X(
            "label:N",
            title=[title, "bar: middle half of the values, line: median, dot: mean"],
            sort=[*labels],
            axis=alt.Axis(labelAngle=0),
        ),
        tooltip=[
            alt.Tooltip("label:N", title=tooltip),
            alt.Tooltip("sessions:Q", format=","),
            alt.Tooltip("mean:Q", format=",.3~r"),
            alt.Tooltip("median:Q", format=",.3~r"),
            alt.Tooltip("low:Q", title="a quarter is below", format=",.3~r"),
            alt.Tooltip("high:Q", title="a quarter is above", format=",.3~r"),
        ],
    )
    spread = base.mark_bar(color=colour, opacity=0.3, width={"band": 0.5}).encode(
        y=alt.Y("low:Q", title=f"session value ({VALUE_UNIT})", axis=alt.Axis(tickCount=5)), y2="high:Q"
    )
    middle = base.mark_tick(color=colour, thickness=2, width={"band": 0.5}).encode(y="median:Q")
    mean = base.mark_point(filled=True, size=45, color=MUTED, opacity=1).encode(y="mean:Q")
    return spread + middle + mean
