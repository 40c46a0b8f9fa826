"""How much higher the scores of several predictors are than that of a reference, with 95% intervals.

The reference is the predictor with the best expected score. Differences are taken between out-of-fold scores where
possible, so another predictor may still have a lower score out of fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

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


class LabelledDifference(TypedDict):
    """A `core.runs.Difference` with the name of its predictor; `clear` is its `is_clear`."""

    label: str
    basis: str
    value: float | None
    low: float | None
    high: float | None
    clear: bool


def frame(differences: Sequence[LabelledDifference]) -> pl.DataFrame:
    """Return one row per predictor that can be compared, in the given order.

    Returns:
        label: name of the predictor.
        difference, low, high: difference to the reference and its 95% interval, in the unit of the score; 0 for the
            reference itself.
        clear: whether the interval leaves out 0.
        basis: "reference", "paired" or "expected".
    """
    rows = [{**each, "difference": each["value"]} for each in differences if each["basis"] != "none"]
    return pl.DataFrame(rows, schema=_SCHEMA)


def finding(data: pl.DataFrame, metric: str) -> str:
    """Say which predictors are clearly worse than the reference, and which may be as good."""
    others = data.filter(pl.col("basis") != "reference")
    if others.is_empty():
        return "These runs cannot be compared: they used different data or minimized different metrics."
    reference = data.row(by_predicate=pl.col("basis") == "reference", named=True)["label"]
    is_clear, is_higher = pl.col("clear"), pl.col("difference") > 0
    groups = {
        f"clearly worse than {reference}": others.filter(is_clear & is_higher),
        f"clearly better out of fold than {reference}": others.filter(is_clear & ~is_higher),
        f"not clearly different from {reference}": others.filter(~is_clear),
    }
    return " ".join(_sentence(rows, text, metric) for text, rows in groups.items() if rows.height)


def _sentence(rows: pl.DataFrame, text: str, metric: str) -> str:
    """Say what the predictors are compared with the reference, and by how much each of them differs."""
    names = rows.get_column("label").to_list()
    sizes = [
        f"{score_text(metric, difference)} ({score_text(metric, low)} to {score_text(metric, high)})"
        for difference, low, high in rows.select("difference", "low", "high").iter_rows()
    ]
    if len(names) > 1:
        sizes = [f"{size} for {name}" for size, name in zip(sizes, names, strict=True)]
    return f"{listed(names, 3)} {verb(len(names), 'is', 'are')} {text}: the {metric} differs by {listed(sizes, 3)}."


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
