"""How much each part of a session, such as what was bought, moves the predictions."""

from __future__ import annotations

import altair as alt
import polars as pl
from scipy.stats import t as students_t

from core.base.amounts import money, value_text, value_unit
from core.eda.parts.interval_bars import effect_bars
from core.eda.parts.theme import Figure, Hover, finished
from core.schema import STACK

TITLE = "Which part of a session matters most?"
_CODE = "group_shapley"
_CONFIDENCE = 0.9
_PIXELS_PER_THEME = 34


def frame(methods: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the effect of each theme on the stack's predictions, the largest first; one row per theme.

    Args:
        methods: rows of `core.importance.methods`.
        sessions: the explained sessions with their fold, see `core.importance.Explanation`.

    Returns:
        theme: part of the session.
        effect: average effect, in value units.
        low, high: ends of the 90% interval of the mean over folds; null with one fold.
    """
    rows = methods.filter(method=_CODE, learner=STACK)
    n_folds = sessions.get_column("fold").n_unique()
    margin = float(students_t.ppf((1 + _CONFIDENCE) / 2, n_folds - 1)) * pl.col("spread")
    return rows.select(
        pl.col("group").alias("theme"),
        pl.col("value").alias("effect"),
        (pl.col("value") - margin).clip(0.0).alias("low"),
        (pl.col("value") + margin).alias("high"),
    ).sort("effect", descending=True)


def finding(data: pl.DataFrame) -> str:
    """Name the strongest and the weakest theme."""
    if data.is_empty():
        return "No part of a session moves the predictions."
    top, last = data.row(0, named=True), data.row(-1, named=True)
    sentence = f"“{top['theme']}” moves a prediction by {money(top['effect'])} on average"
    return f"{sentence}." if data.height == 1 else f"{sentence}, “{last['theme']}” by {value_text(last['effect'])}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw a bar per theme with its interval."""
    base = alt.Chart(data).encode(
        y=alt.Y("theme:N", sort=data.get_column("theme").to_list(), title=None, axis=alt.Axis(labelLimit=180)),
        tooltip=[
            *Hover.texts(theme="part of the session"),
            *Hover.amounts(effect=f"average effect ({value_unit()})", low="90% from", high="to"),
        ],
    )
    height = 50 + _PIXELS_PER_THEME * max(data.height, 1)
    return finished(effect_bars(base, "effect"), f"Effect of the parts of a session. {finding(data)}", height)
