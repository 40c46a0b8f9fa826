"""How the prediction changes with one driver, as an accumulated local effect with its interval."""

from __future__ import annotations

from typing import Final

import altair as alt
import numpy as np
import polars as pl

from core.base.amounts import money, unit_text, value_text, value_unit
from core.base.number_format import UNIT
from core.base.text import count, listed, number
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, short_axis, zero_line

TITLE = "How does the prediction change with a driver?"
_LONG_TAIL: Final = 8.0
"""Ratio of the largest x to the median x of the curve from which the axis is logarithmic."""
_LEAST_MEDIAN: Final = 1e-3
"""Smallest median x, in the unit of x, that a logarithmic axis is scaled by. It must be above 0."""
_CLEARLY_BEYOND: Final = 0.15
"""Share of the height of a curve by which a turning point is above or below both ends."""
_UNITS_NOT_SHOWN: Final = ("", "0 or 1")
"""Units that the axis of a feature does not name."""
_AXIS_TICKS: Final = {"x": 6, "y": 5}


def frame(curves: pl.DataFrame, feature: str) -> pl.DataFrame:
    """Return the curve of one feature; one row per x, ascending.

    Args:
        curves: see `core.importance.effects.effect_curves`.
        feature: name of the feature.

    Returns:
        x: value of the feature.
        effect: change of the prediction, in value units.
        low, high: ends of the 90% interval of the effect.
        sessions: number of sessions around x.

        Empty if the feature does not vary.
    """
    return curves.filter(pl.col("feature") == feature).drop("feature").sort("x")


def finding(data: pl.DataFrame, label: str, unit: str) -> str:
    """State the effects at both ends of a curve, and at its highest and lowest point if they are clearly beyond both.

    Args:
        data: see `frame`.
        label: display name of the feature.
        unit: unit of the feature; empty without one.

    >>> curve = pl.DataFrame({"x": [0.0, 5.0], "effect": [-2.0, 6.0], "sessions": [30, 12]})
    >>> finding(curve, "Views", "events")
    'Views: the prediction is 2.00 value units below an average session at 0 and 6.00 value units above it at 5.00, \
over 42 sessions.'
    """
    if data.is_empty():
        return f"{label} does not vary."
    first, *others = _points_to_state(data).iter_rows(named=True)
    points = [_point_text(first, "an average session", unit), *(_point_text(row, "it", unit) for row in others)]
    return f"{label}: the prediction is {listed(points)}, over {count(int(data['sessions'].sum()), 'session')}."


def _point_text(row: dict[str, float], compared_with: str, unit: str) -> str:
    effect, x = row["effect"], row["x"]
    side = "above" if effect >= 0 else "below"
    return f"{money(abs(effect))} {side} {compared_with} at {value_text(x) if unit == UNIT else number(x)}"


def _points_to_state(data: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of both ends, and of the highest and lowest point where these are clearly beyond both ends."""
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
    """Draw the curve with its 90% interval, and a line at 0; arguments as for `finding`."""
    x_title = label if unit in _UNITS_NOT_SHOWN else f"{label} ({unit_text(unit)})"
    y_title = f"change of the prediction ({value_unit()})"
    base = alt.Chart(data).encode(
        x=alt.X("x:Q", title=x_title, scale=_x_scale(data), axis=short_axis(_AXIS_TICKS["x"], labelOverlap=True)),
        tooltip=[
            *Hover.amounts(x=label, effect=f"effect ({value_unit()})", low="90% from", high="to"),
            *Hover.counts("sessions"),
        ],
    )
    band = base.mark_area(color=ACCENT, opacity=0.22).encode(
        y=alt.Y("low:Q", title=y_title, axis=short_axis(_AXIS_TICKS["y"])), y2="high:Q"
    )
    line = base.mark_line(color=ACCENT, strokeWidth=2.5, point={"size": 28, "filled": True, "color": ACCENT})
    return finished(
        zero_line("y") + band + line.encode(y=alt.Y("effect:Q", title=y_title)),
        f"Effect curve with 90% interval. {finding(data, label, unit)}",
    )


def _x_scale(data: pl.DataFrame) -> alt.Scale:
    """Return a logarithmic scale for a long tail of numbers of at least 0, otherwise a linear one."""
    x = data.get_column("x").to_numpy()
    if x.size and x.min() >= 0:
        median = max(float(np.median(x)), _LEAST_MEDIAN)
        if x.max() > _LONG_TAIL * median:
            return alt.Scale(type="symlog", constant=median, nice=False)
    return alt.Scale(zero=False, nice=False)
