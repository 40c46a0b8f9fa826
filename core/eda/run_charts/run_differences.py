"""How much higher the scores of several predictors are than that of the best of them, with 95% intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import altair as alt
import polars as pl

from core.base.amounts import unit_text
from core.base.text import listed, verb
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished, short_axis, zero_line
from core.metric import score_text

TITLE = "Is the difference more than chance?"
_SCHEMA = {
    "label": pl.String,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "clear": pl.Boolean,
    "basis": pl.String,
}


def frame(differences: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one row per predictor that can be compared, in the given order.

    Args:
        differences: rows with label, basis, value, low, high and clear; see `core.runs.Difference`.

    Returns:
        label: name of the predictor.
        difference, low, high: difference to the reference and its 95% interval, in the unit of the score; 0 for the
            reference itself.
        clear: whether the interval leaves out 0.
        basis: "reference", "paired" or "expected".
    """
    rows = [
        {"difference": each["value"], **{name: each[name] for name in _SCHEMA if name != "difference"}}
        for each in differences
        if each["basis"] != "none"
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def finding(data: pl.DataFrame, metric: str) -> str:
    """Say which predictors are clearly worse than the reference, and which may be as good."""
    others = data.filter(pl.col("basis") != "reference")
    if others.is_empty():
        return "These runs cannot be compared: they used different data or minimized different metrics."
    reference = data.row(0, named=True)["label"]
    sentences, show = [], partial(score_text, metric)
    for rows, text in (
        (others.filter("clear", pl.col("difference") > 0), "clearly worse than"),
        (others.filter("clear", pl.col("difference") < 0), "clearly better out of fold than"),
        (others.filter(~pl.col("clear")), "not clearly different from"),
    ):
        if rows.height:
            names = rows.get_column("label").to_list()
            sizes = [
                f"{show(row['difference'])} ({show(row['low'])} to {show(row['high'])})"
                for row in rows.iter_rows(named=True)
            ]
            sentences.append(
                f"{listed(names, 3)} {verb(len(names), 'is', 'are')} {text} {reference}: the {metric} differs by "
                f"{listed(sizes, 3)}."
            )
    return " ".join(sentences)


def figure(data: pl.DataFrame, metric: str, unit: str) -> Figure:
    """Draw one point with its interval per predictor; the line at 0 is the reference."""
    order = data.get_column("label").to_list()
    base = alt.Chart(data).encode(
        y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=220)),
        color=alt.condition("datum.clear", alt.value(ACCENT), alt.value(MUTED)),
        tooltip=[*Hover.texts(label="predictor"), *Hover.amounts(difference="difference", low="from", high="to")],
    )
    axis = alt.X("low:Q", title=f"difference in {metric} ({unit_text(unit)}); right of 0 is worse", axis=short_axis(5))
    bars = base.mark_rule(strokeWidth=2.5).encode(x=axis, x2="high:Q")
    points = base.mark_circle(size=90, opacity=1).encode(x="difference:Q")
    return finished(
        zero_line("x") + bars + points, f"Differences in score. {finding(data, metric)}", height=36 * len(order) + 60
    )
