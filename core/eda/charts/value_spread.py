"""How much values differ between sessions that reach the same step."""

from __future__ import annotations

import polars as pl

from core.base.amounts import value_text
from core.base.text import span
from core.eda.parts.boxes import SCHEMA, box_statistics, draw_boxes
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.session_table import COUNT_COLUMNS, valued_sessions
from core.eda.parts.theme import Figure
from core.schema import ADD_CART, BUY, REMOVE_CART, VIEW

TITLE = "How much does value differ between sessions that reach the same step?"
NEEDS_TYPES = True
_LABELS = {
    VIEW: "views only",
    ADD_CART: "added to cart, no purchase",
    REMOVE_CART: "removed from cart, no purchase",
    BUY: "purchase",
}
"""Steps in the order in which a session reaches them."""
_SCHEMA = {"event_type": pl.String, "label": pl.String, **SCHEMA}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Summarize the value of train sessions by the last step that they reach; one row per step that occurs.

    Returns:
        event_type, label: the step (VIEW, ADD_CART, REMOVE_CART or BUY) and its label.
        sessions, mean, p5, low, median, high, p95: see `core.eda.parts.boxes.box_statistics`.
    """
    step = pl.lit(VIEW)
    for event_type in _LABELS:
        step = pl.when(pl.col(COUNT_COLUMNS[event_type]) > 0).then(pl.lit(event_type)).otherwise(step)
    return (
        valued_sessions(sessions, *COUNT_COLUMNS.values())
        .group_by(step.alias("event_type"))
        .agg(box_statistics())
        .with_columns(pl.col("event_type").replace_strict(_LABELS, return_dtype=pl.String).alias("label"))
        .sort(pl.col("event_type").cast(pl.Enum(list(_LABELS))))
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """Compare the middle half of the values at the last and at the first step."""
    if data.is_empty():
        return NO_VALUES
    last, first = data.row(-1, named=True), data.row(0, named=True)
    sentence = (
        f"Among sessions with “{last['label']}”, the middle half is worth "
        f"{span(value_text(last['low']), value_text(last['high']))} and the top 5% more than {value_text(last['p95'])}"
    )
    if data.height == 1:
        return f"{sentence}."
    middle = span(value_text(first["low"]), value_text(first["high"]))
    return f"{sentence}; with “{first['label']}”, the middle half is worth {middle}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one box per step."""
    return draw_boxes(data, list(_LABELS.values()), f"Spread of values by last step. {finding(data)}")
