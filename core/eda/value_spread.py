"""How widely values spread among sessions that go equally far."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.eda.session_table import OF_TYPE
from core.eda.theme import EVENT_COLOURS, MUTED, finished, short_axis
from core.schema import ADD_CART, BUY, EVENT_TYPES, REMOVE_CART, VALUE, VALUE_UNIT, VIEW
from core.wording import number

TITLE = "How much does value differ between sessions that go equally far?"
_STEPS = (VIEW, ADD_CART, REMOVE_CART, BUY)
_LABELS = {
    VIEW: "views only",
    ADD_CART: "cart filled, nothing bought",
    REMOVE_CART: "something put back, nothing bought",
    BUY: "bought",
}
_SHARES = {"p5": 0.05, "low": 0.25, "median": 0.5, "high": 0.75, "p95": 0.95}
_SCHEMA = {"step": pl.String, "label": pl.String, "sessions": pl.Int64, "mean": pl.Float64} | dict.fromkeys(
    _SHARES, pl.Float64
)


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """A box a furthest step of train sessions (VIEW only, ADD_CART, REMOVE_CART, BUY): step, label, sessions, mean, and
    quantiles p5, low (first quartile), median, high (third quartile), p95; in value units. `sessions` is the session
    table.
    """
    value = pl.col(VALUE)
    step = pl.lit(VIEW)
    for word in _STEPS[1:]:
        step = pl.when(pl.col(OF_TYPE[word]) > 0).then(pl.lit(word)).otherwise(step)
    return (
        sessions.select(VALUE, *OF_TYPE.values())
        .filter(value.is_not_null(), pl.sum_horizontal(*OF_TYPE.values()) > 0)
        .group_by(step.alias("step"))
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            value.mean().alias("mean"),
            *(value.quantile(share, "linear").alias(name) for name, share in _SHARES.items()),
        )
        .with_columns(pl.col("step").replace_strict(_LABELS, return_dtype=pl.String).alias("label"))
        .sort(pl.col("step").cast(pl.Enum(_STEPS)))
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
    """Draw a box a step: quartiles and median, whiskers from the 5th to the 95th percentile, a dot at the mean."""
    base = alt.Chart(data).encode(
        y=alt.Y(
            "label:N", sort=[_LABELS[word] for word in _STEPS], title=None, axis=alt.Axis(labelLimit=230, grid=False)
        ),
        tooltip=[
            alt.Tooltip("label:N", title="sessions"),
            alt.Tooltip("sessions:Q", title="how many", format=","),
            *(
                alt.Tooltip(f"{name}:Q", title=title, format=",.3~r")
                for name, title in (
                    ("p5", "5th percentile"),
                    ("low", "first quartile"),
                    ("median", "median"),
                    ("mean", "mean"),
                    ("high", "third quartile"),
                    ("p95", "95th percentile"),
                )
            ),
        ],
    )
    axis = short_axis(6, grid=True, gridOpacity=0.35)
    x = alt.X("p5:Q", title=f"session value ({VALUE_UNIT}); box: quartiles, line: 5% to 95%, dot: mean", axis=axis)
    whisker = base.mark_rule(color=MUTED).encode(x=x, x2="p95:Q")
    colours = alt.Scale(domain=list(EVENT_TYPES), range=[EVENT_COLOURS[word] for word in EVENT_TYPES])
    box = base.mark_bar(height=26, opacity=0.85).encode(
        x="low:Q", x2="high:Q", color=alt.Color("step:N", scale=colours, legend=None)
    )
    median = base.mark_tick(color="white", thickness=2.5, size=26).encode(x="median:Q")
    mean = base.mark_point(filled=True, size=55, color="white", stroke=MUTED, strokeWidth=1, opacity=1).encode(
        x="mean:Q"
    )
    return finished(whisker + box + median + mean, f"Spread of values by furthest step. {finding(data)}", height=230)
