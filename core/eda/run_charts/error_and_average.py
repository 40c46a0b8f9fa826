"""The expected error of one session, next to that of predicting the average for every session."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import value_text
from core.base.text import number, percent
from core.eda.parts.theme import ACCENT, MUTED, NEGATIVE, Figure, Hover, finished, short_axis

TITLE = "How far off is a prediction?"
_SCHEMA = {"label": pl.String, "error": pl.Float64, "low": pl.Float64, "high": pl.Float64, "text": pl.String}


def frame(
    error: float,
    low: float | None,
    high: float | None,
    constant: float,
    *,
    is_median: bool = False,
    is_log: bool = False,
) -> pl.DataFrame:
    """Return one row for the baseline (the best constant) and one for the run.

    Args:
        error, low, high: typical error of one session and its 90% interval; without ends, the score is withheld.
        constant: typical error of the baseline, out of fold.
        is_median: whether the best constant is the median.
        is_log: whether errors are on the log scale and not in value units.

    Returns:
        label: name of the predictor.
        error, text: its typical error as a number and as text.
        low, high: ends of the interval; null if there is none.
    """
    show = number if is_log else value_text
    rows = [
        ("The median" if is_median else "The average", constant, None, None, show(constant)),
        ("This run", error, low, high, show(error)),
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """Compare both errors."""
    baseline, run = data.rows(named=True)
    constant, error = baseline["error"], run["error"]
    if constant <= 0:
        return "All sessions have the same value, so there is nothing to predict."
    if error > constant:
        return f"The predictions are worse than {baseline['label'].lower()} for every session."
    return f"{percent(1 - error / constant)} closer than {baseline['label'].lower()} for every session."


def figure(data: pl.DataFrame, unit: str) -> Figure:
    """Draw one bar per predictor, with the interval as a line."""
    order = data.get_column("label").to_list()
    base = alt.Chart(data).encode(y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=120)))
    colours = alt.Scale(domain=order, range=[MUTED, ACCENT])
    tooltip = [*Hover.texts(label="predictor"), *Hover.amounts(error=f"typical error ({unit})", low="from", high="to")]
    axis = alt.X("error:Q", title=f"typical error of one session ({unit})", axis=short_axis(5))
    bars = base.mark_bar(height={"band": 0.6}).encode(
        x=axis, color=alt.Color("label:N", scale=colours, legend=None), tooltip=tooltip
    )
    interval = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=3, color=NEGATIVE)
        .encode(x="low:Q", x2="high:Q", tooltip=tooltip)
    )
    ends = base.transform_calculate(end="isValid(datum.high) ? max(datum.error, datum.high) : datum.error")
    labels = ends.mark_text(align="left", dx=6, fontSize=12).encode(x="end:Q", text="text:N")
    return finished(bars + interval + labels, f"Typical error of one session. {finding(data)}", height=140)
