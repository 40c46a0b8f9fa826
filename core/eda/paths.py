"""The ways through the shop that people take most often."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.dataset import Dataset
from core.eda.theme import ACCENT, MUTED, finished
from core.schema import EVENT_TYPES, TYPE, UNIT, VALUE, VALUE_UNIT
from core.wording import number, percent

TITLE = "Which paths do people take?"
_STEPS = 5
"""Changes of event type that a path is told by; what follows is an ellipsis."""
_MOST = 15
_ARROW = " → "
_SCHEMA = {"path": pl.String, "sessions": pl.Int64, "share": pl.Float64, "mean": pl.Float64}


def steps_of_train(dataset: Dataset) -> pl.LazyFrame:
    """The changes of event type of each unit of train, in order: UNIT and TYPE; repeats of the same are one step."""
    changed = pl.col(TYPE) != pl.col(TYPE).shift(1).over(UNIT)
    return dataset.events("train").filter(changed.fill_null(value=True)).select(UNIT, TYPE)


def frame(dataset: Dataset) -> pl.DataFrame:
    """The most frequent paths of train, at most 15: path (event types in order, repeats of the same told once, cut
    after five), sessions (by user), share, mean (session value, value units; null where none is known).
    """
    word = pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), return_dtype=pl.String)
    paths = (
        steps_of_train(dataset)
        .group_by(UNIT, maintain_order=True)
        .agg(word.head(_STEPS).alias("words"), pl.len().alias("steps"))
        .select(
            UNIT,
            pl.col("words").list.join(_ARROW)
            + pl.when(pl.col("steps") > _STEPS).then(pl.lit(f"{_ARROW}…")).otherwise(pl.lit("")),
        )
    )
    values = dataset.units().select(UNIT, pl.when(~pl.col("composite")).then(VALUE).alias(VALUE))
    counted = (
        paths.join(values, on=UNIT, how="left")
        .group_by(pl.col("words").alias("path"))
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(VALUE).mean().alias("mean"))
        .collect()
    )
    if counted.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    share = (pl.col("sessions") / pl.col("sessions").sum()).alias("share")
    order = counted.with_columns(share).sort("sessions", "path", descending=[True, False])
    return order.head(_MOST).select(*_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """The most frequent path, and how much the shown ones cover, in a sentence."""
    if data.is_empty():
        return "The train file has no event."
    first = data.row(0, named=True)
    held = percent(float(data.get_column("share").sum()))
    rest = f"the {data.height:,} most frequent paths are those of {held}"
    return f"{percent(first['share'])} of the sessions go {first['path']}; {rest}."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a path; the label carries the mean value."""
    told = pl.col("mean").map_elements(number, return_dtype=pl.String).fill_null("–")
    base = alt.Chart(data.with_columns(told.alias("told"))).encode(
        x=alt.X(
            "share:Q", title="share of the train sessions (label: mean value)", axis=alt.Axis(format="%", tickCount=5)
        ),
        y=alt.Y("path:N", sort=data.get_column("path").to_list(), title=None, axis=alt.Axis(labelLimit=330)),
        tooltip=[
            alt.Tooltip("path:N"),
            alt.Tooltip("sessions:Q", format=","),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("mean:Q", title=f"mean value ({VALUE_UNIT})", format=",.3~r"),
        ],
    )
    bars = base.mark_bar(color=ACCENT, height=14)
    labels = base.mark_text(align="left", dx=4, fontSize=11, color=MUTED).encode(text="told:N")
    return finished(bars + labels, f"Most frequent paths of event types. {finding(data)}", height=24 * _MOST + 40)
