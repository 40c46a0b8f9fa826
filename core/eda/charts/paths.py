"""The ways through the shop that people take most often."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import number, percent
from core.eda.parts.session_table import FILE, STEPS, WAY, WAY_STEPS, way_words
from core.eda.parts.theme import ACCENT, MUTED, finished
from core.schema import VALUE, VALUE_UNIT

TITLE = "Which paths do people take?"
_MOST = 15
_ARROW = " → "
_SCHEMA = {"path": pl.String, "sessions": pl.Int64, "share": pl.Float64, "mean": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """The most frequent paths of train, at most 15: path (event types in order, repeats of the same told once, cut
    after five), sessions (by user), share, mean (session value, value units; null where none is known). `sessions` is
    the session table.
    """
    counted = (
        sessions.select(FILE, STEPS, WAY, VALUE)
        .filter(pl.col(FILE) == "train", pl.col(STEPS) > 0)
        .group_by(WAY, (pl.col(STEPS) > WAY_STEPS).alias("cut"))
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(VALUE).mean().alias("mean"))
    )
    if counted.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    told = [_ARROW.join([*way_words(way), *(["…"] if cut else [])]) for way, cut in counted.select(WAY, "cut").rows()]
    return (
        counted.with_columns(pl.Series("path", told), (pl.col("sessions") / pl.col("sessions").sum()).alias("share"))
        .sort("sessions", "path", descending=[True, False])
        .head(_MOST)
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """The most frequent path, and how much the shown ones cover, in a sentence."""
    if data.is_empty():
        return "There is no event of train here."
    first = data.row(0, named=True)
    held = percent(float(data.get_column("share").sum()))
    rest = f"the {data.height:,} most frequent paths are those of {held}"
    return f"{percent(first['share'])} of the sessions go {first['path']}; {rest}."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a path; the label carries the mean value."""
    told = pl.col("mean").map_elements(number, return_dtype=pl.String).fill_null("–")
    base = alt.Chart(data.with_columns(told.alias("told"))).encode(
        x=alt.X(
            "share:Q",
            title=["share of the train sessions", "label: mean value"],
            axis=alt.Axis(format="%", tickCount=5),
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
