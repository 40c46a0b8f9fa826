"""The strongest drivers of the value, with their effect in value units and its interval."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import money, value_text
from core.base.text import number
from core.eda.parts.interval_bars import effect_bars
from core.eda.parts.theme import Figure, Hover, finished
from core.eda.parts.wrapped_labels import WRAPPED_LABEL, wrapped

TITLE = "What drives the value of a session?"
_PIXELS_PER_DRIVER = 44


def frame(drivers: pl.DataFrame, n_drivers: int = 10) -> pl.DataFrame:
    """Return the strongest drivers.

    Args:
        drivers: see `core.importance.drivers`.

    Returns:
        One row per driver, the strongest first:
        rank: rank of the driver, from 1.
        label: display name.
        theme: part of the session that it belongs to.
        size, low, high: mean absolute effect and its 90% interval, in value units.
        share: share of the sessions with a large effect, 0 to 1.
    """
    return drivers.head(n_drivers).select("rank", "label", "theme", "size", "low", "high", "share")


def finding(data: pl.DataFrame) -> str:
    """Compare the strongest driver with the next one."""
    if data.is_empty():
        return "No feature moves the predictions."
    top, *others = data.iter_rows(named=True)
    sentence = f"{top['label']} moves a prediction by {money(top['size'])} on average"
    if not others or not others[0]["size"]:
        return f"{sentence}."
    if value_text(top["size"]) == value_text(others[0]["size"]):
        return f"{sentence}, as much as the next driver, {others[0]['label']}."
    times = top["size"] / others[0]["size"]
    return f"{sentence}, {number(times)} times as much as the next driver, {others[0]['label']}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw a bar per driver, with the interval of its mean over folds."""
    shown = data.with_columns(pl.Series("name", [wrapped(label) for label in data.get_column("label")]))
    order = shown.get_column("name").to_list()
    base = alt.Chart(shown).encode(
        y=alt.Y(
            "name:N", sort=order, title=None, axis=alt.Axis(labelExpr=WRAPPED_LABEL, labelLimit=200, labelOverlap=False)
        ),
        tooltip=[
            *Hover.texts(label="driver", theme="part of the session"),
            *Hover.amounts(size="mean effect", low="90% from", high="to"),
            *Hover.shares(share="sessions with a clear effect"),
        ],
    )
    height = 50 + _PIXELS_PER_DRIVER * max(data.height, 1)
    return finished(effect_bars(base, "size"), f"Strongest drivers with 90% intervals. {finding(data)}", height)
