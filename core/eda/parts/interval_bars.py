"""Horizontal bars of mean effects with the intervals of the means."""

from __future__ import annotations

import altair as alt

from core.base.amounts import value_unit
from core.eda.parts.theme import ACCENT, MUTED, Figure, short_axis


def effect_bars(base: alt.Chart, effect: str) -> Figure:
    """Return one bar per row, with a line from the column `low` to the column `high`.

    Args:
        base: chart of the rows, with their names on the y axis.
        effect: column with the mean effect, in value units.
    """
    title = f"average effect on the prediction ({value_unit()})"
    bars = base.mark_bar(color=ACCENT, height=16).encode(x=alt.X(f"{effect}:Q", title=title, axis=short_axis(6)))
    intervals = base.mark_rule(color=MUTED, strokeWidth=2.5).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    layers: Figure = bars + intervals
    return layers
