"""How widely values spread among sessions that go equally far."""

from __future__ import annotations

from typing import Any

import polars as pl

from core.base.text import number
from core.eda.parts.boxes import SCHEMA, drawn, height, numbers
from core.eda.parts.session_table import OF_TYPE
from core.eda.parts.theme import finished
from core.schema import ADD_CART, BUY, REMOVE_CART, VALUE, VIEW

TITLE = "How much does value differ between sessions that go equally far?"
_STEPS = (VIEW, ADD_CART, REMOVE_CART, BUY)
_LABELS = {
    VIEW: "views only",
    ADD_CART: "cart filled, nothing bought",
    REMOVE_CART: "something put back, nothing bought",
    BUY: "bought",
}
_SCHEMA = {"event_type": pl.String, "label": pl.String, **SCHEMA}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """A box a furthest step of train sessions (VIEW only, ADD_CART, REMOVE_CART, BUY): event_type, label, sessions,
    mean and quantiles of their value (see core.eda.parts.boxes). `sessions` is the session table.
    """
    value = pl.col(VALUE)
    step = pl.lit(VIEW)
    for word in _STEPS[1:]:
        step = pl.when(pl.col(OF_TYPE[word]) > 0).then(pl.lit(word)).otherwise(step)
    return (
        sessions.select(VALUE, *OF_TYPE.values())
        .filter(value.is_not_null(), pl.sum_horizontal(*OF_TYPE.values()) > 0)
        .group_by(step.alias("event_type"))
        .agg(numbers())
        .with_columns(pl.col("event_type").replace_strict(_LABELS, return_dtype=pl.String).alias("label"))
        .sort(pl.col("event_type").cast(pl.Enum(_STEPS)))
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """Where the middle half of those that go furthest lies, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    far, near = data.row(-1, named=True), data.row(0, named=True)
    told = (
        f"The middle half of the sessions “{far['label']}” is worth {number(far['low'])} to {number(far['high'])}, "
        f"one in twenty more than {number(far['p95'])}"
    )
    return (
        f"{told}; of those “{near['label']}” the middle half {number(near['low'])} to {number(near['high'])}."
        if (data.height > 1)
        else f"{told}."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a box a step."""
    chart = drawn(data, [_LABELS[word] for word in _STEPS])
    return finished(chart, f"Spread of values by furthest step. {finding(data)}", height=height(len(_STEPS)))
