"""How the prediction changes with one driver, as an accumulated local effect with its interval."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from core.base.amounts import money, unit_text, value_text, value_unit
from core.base.number_format import UNIT
from core.base.text import count, listed, number
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, short_axis, zero_line

TITLE = "How does the prediction change with a driver?"
_LONG_TAIL = 8.0
"""From this ratio of the highest value to the middle of the curve, the axis is drawn on a logarithmic scale."""

_CLEARLY_BEYOND = 0.15
"""Share of the height of a curve by which a turning point is beyond both ends."""


def frame(curves: pl.DataFrame, feature: str) -> pl.DataFrame:
    """Return the curve of one feature; one row per x, ascending.

    Args:
        curves: see `core.importance.effects.effect_curves`.

    Returns:
        x: value of the feature.
        effect: change of the prediction, in value units.
        low, high: ends of the 90% interval of the effect.
        sessions: number of sessions around x.

        Empty if the feature does not vary.
    """
    return curves.filter(pl.col("feature") == feature).drop("feature").sort("x")


def finding(data: pl.DataFrame, label: str, unit: str = "") -> str:
    """State the effects at both ends of the curve, and at its highest or lowest point if that is in between."""
    if data.is_empty():
        return f"{label} does not vary."
    show = value_text if unit == UNIT else number
    average = ("an average session", *["it"] * data.height)
    points = listed(
        f"{money(abs(row['effect']))} {'above' if row['effect'] >= 0 else 'below'} {other} at {show(row['x'])}"
        for row, other in zip(_turning_points(data).iter_rows(named=True), average, strict=False)
    )
    return f"{label}: the prediction is {points}, over {count(int(data['sessions'].sum()), 'session')}."


def _turning_points(data: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of both ends, and of the highest and lowest point if it is clearly beyond both."""
    effects = data.get_column("effect").to_numpy()
    margin = _CLEARLY_BEYOND * float(np.ptp(effects))
    ends = effects[[0, -1]]
    rows = {0, data.height - 1}
    if effects.max() > ends.max() + margin:
        rows.add(int(effects.argmax()))
    if effects.min() < ends.min() - margin:
        rows.add(int(effects.argmin()))
    return data[sorted(rows)]


def figure(data: pl.DataFrame, label: str, unit: str) -> Figure:
    """Draw the curve with its 90% interval, and a line at 0."""
    x = data.get_column("x")
    middle = float(x.median() or 0.0)  # type: ignore[arg-type]
    is_long = len(x) > 0 and float(x.min()) >= 0 and float(x.max()) > _LONG_TAIL * max(middle, 1e-9)  # type: ignore[arg-type]
    scale = (
        alt.Scale(type="symlog", constant=max(middle, 1e-3), nice=False)
        if is_long
        else alt.Scale(zero=False, nice=False)
    )
    title = label if unit in ("", "0 or 1") else f"{label} ({unit_text(unit)})"
    base = alt.Chart(data).encode(
        x=alt.X("x:Q", title=title, scale=scale, axis=short_axis(6, labelOverlap=True)),
        tooltip=[
            *Hover.amounts(x=label, effect=f"effect ({value_unit()})", low="90% from", high="to"),
            *Hover.counts("sessions"),
        ],
    )
    y_title = f"change of the prediction ({value_unit()})"
    band = base.mark_area(color=ACCENT, opacity=0.22).encode(
        y=alt.Y("low:Q", title=y_title, axis=short_axis(5)), y2="high:Q"
    )
    line = base.mark_line(color=ACCENT, strokeWidth=2.5, point={"size": 28, "filled": True, "color": ACCENT})
    return finished(
        zero_line("y") + band + line.encode(y=alt.Y("effect:Q", title=y_title)),
        f"Effect curve with 90% interval. {finding(data, label)}",
    )
