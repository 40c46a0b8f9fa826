"""The effect of each driver in single sessions, coloured by the value of the driver."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from core.base.amounts import money, unit_text, value_text, value_unit
from core.eda.parts.labels import texts_of
from core.eda.parts.theme import ACCENT, MUTED, NEGATIVE, Figure, Hover, finished, short_axis, zero_line
from core.eda.parts.wrapped_labels import WRAPPED_LABEL, wrapped

TITLE = "How does each driver move single sessions?"
_PIXELS_PER_DRIVER = 56
_BINS = 60
"""Bins of the effect, in which the points are stacked."""
_SEED = 0


def frame(effects: pl.DataFrame) -> pl.DataFrame:
    """Add where the points of a swarm are drawn.

    Args:
        effects: see `core.importance.driver_effects`.

    Returns:
        The same rows with `offset`: distance from the middle of the driver's line, -1 to 1; larger where more sessions
        have about the same effect.
    """
    rng = np.random.default_rng(_SEED)
    parts = []
    for part in effects.partition_by("place", maintain_order=True):
        values = part.get_column("effect").to_numpy()
        counts, edges = np.histogram(values, _BINS)
        place = np.clip(np.searchsorted(edges, values, "right") - 1, 0, _BINS - 1)
        width = np.sqrt(counts[place] / max(counts.max(), 1))
        parts.append(part.with_columns(pl.Series("offset", rng.uniform(-1, 1, len(values)) * width)))
    return pl.concat(parts)


def finding(data: pl.DataFrame) -> str:
    """State the range of the effects of the strongest driver."""
    top = data.filter(pl.col("place") == 1)
    low, high = (float(top.get_column("effect").quantile(share) or 0.0) for share in (0.05, 0.95))
    return (
        f"{top.item(0, 'label')} moves nine of ten sessions by {value_text(low)} to {money(high)}, compared "
        "with an average session."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one point per session and driver."""
    units = texts_of(data.get_column("unit"), unit_text)
    shown = data.with_columns(units, pl.Series("name", [wrapped(label) for label in data.get_column("label")]))
    order = shown.get_column("name").unique(maintain_order=True).to_list()
    legend = alt.Legend(orient="top", gradientLength=120, gradientThickness=8, values=[0, 1], labelExpr=_LEVELS)
    points = (
        alt.Chart(shown)
        .mark_circle(size=22, opacity=0.75)
        .encode(
            x=alt.X("effect:Q", title=f"effect on the prediction ({value_unit()})", axis=short_axis(6)),
            y=alt.Y(
                "name:N",
                sort=order,
                title=None,
                axis=alt.Axis(labelExpr=WRAPPED_LABEL, labelLimit=200, labelOverlap=False),
            ),
            yOffset=alt.YOffset("offset:Q", scale=alt.Scale(domain=[-1.2, 1.2])),
            color=alt.Color(
                "level:Q",
                scale=alt.Scale(domain=[0, 0.5, 1], range=[ACCENT, MUTED, NEGATIVE], interpolate="rgb"),
                legend=legend,
            ),
            tooltip=[
                *Hover.texts(label="driver", unit="unit"),
                *Hover.amounts(cell="value of the driver", effect=f"effect ({value_unit()})"),
            ],
        )
    )
    height = 60 + _PIXELS_PER_DRIVER * len(order)
    return finished(zero_line("x") + points, f"Effects of drivers in single sessions. {finding(data)}", height)


_LEVELS = "datum.value == 0 ? 'low' : 'high'"
