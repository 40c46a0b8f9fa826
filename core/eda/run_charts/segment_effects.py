"""How groups of sessions, such as buyers and browsers, differ in what drives their predictions."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import money, value_text, value_unit
from core.base.text import percent
from core.eda.parts.theme import ACCENT, MUTED, NEGATIVE, Figure, Hover, finished, short_axis

TITLE = "How do groups of sessions differ?"
_COLOURS = [ACCENT, NEGATIVE, "#079268", "#C2659B", "#CE8300"]
"""Colours of at most five segments, which colour-blind readers can distinguish."""
_PIXELS_PER_BAR = 13
_OTHERS = ("kind", "segment", "sessions", "share", "value", "predicted", "error")


def frame(segments: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return the average effects of the themes in the segments of one kind.

    Args:
        segments: see `core.importance.segments`.

    Returns:
        One row per (segment, theme):
        segment, sessions, value, predicted, error: see `core.importance.segments`.
        theme: part of the session.
        effect: average effect of the theme on the predictions, in value units.
    """
    rows = segments.filter(kind=kind).drop("kind", "share")
    themes = [name for name in segments.columns if name not in _OTHERS]
    index = [name for name in rows.columns if name not in themes]
    return rows.unpivot(themes, index=index, variable_name="theme", value_name="effect")


def finding(data: pl.DataFrame) -> str:
    """Name the segments with the highest value, and with the largest error in percent of their value."""
    rows = data.select("segment", "value", "error").unique(maintain_order=True)
    if rows.height < 2:
        return "There are too few sessions to compare groups."
    best = rows.sort("value", descending=True).row(0, named=True)
    highest = f"The value is highest in the group “{best['segment']}”, {money(best['value'])} on average."
    worth = rows.filter(pl.col("value") > 0)
    if worth.is_empty():
        return highest
    worst = worth.sort(pl.col("error") / pl.col("value"), descending=True).row(0, named=True)
    return (
        f"{highest} In percent of the value, the typical error is largest for “{worst['segment']}”: "
        f"{percent(worst['error'] / worst['value'])}, {value_text(worst['error'])} of {value_text(worst['value'])}."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the effects of each theme side by side for the segments."""
    segments = data.get_column("segment").unique(maintain_order=True).to_list()
    themes = data.get_column("theme").unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=segments, range=_COLOURS[: len(segments)])
    bars = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X("effect:Q", title=f"average effect on the prediction ({value_unit()})", axis=short_axis(6)),
            y=alt.Y("theme:N", sort=themes, title=None, axis=alt.Axis(labelLimit=160)),
            yOffset=alt.YOffset("segment:N", sort=segments),
            color=alt.Color("segment:N", scale=scale, sort=segments),
            tooltip=[
                *Hover.texts("segment", theme="part of the session"),
                *Hover.amounts(effect=f"effect ({value_unit()})", value="average value"),
                *Hover.counts("sessions"),
            ],
        )
    )
    zero = alt.Chart(pl.DataFrame({"at": [0.0]})).mark_rule(color=MUTED, aria=False).encode(x="at:Q")
    height = 60 + len(themes) * (14 + _PIXELS_PER_BAR * max(len(segments), 1))
    return finished(bars + zero, f"Effects by segment. {finding(data)}", height)
