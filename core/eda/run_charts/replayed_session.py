"""The predicted final value of an open session after each of its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import altair as alt
import polars as pl

from core.base.amounts import money, value_unit
from core.base.text import count, difference
from core.eda.parts.theme import ACCENT, Figure, Hover, event_scale, finished, short_axis

_SCHEMA = {
    "events_seen": pl.Int64,
    "second": pl.Int64,
    "event_type": pl.String,
    "product_id": pl.String,
    **dict.fromkeys(("value", "low", "high", "p_buy", "secured"), pl.Float64),
}


def frame(steps: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """Return one row per event of a session, in order of time.

    Args:
        steps: the columns below by name; `high` may be infinite.

    Returns:
        events_seen: number of events so far.
        second: seconds since the first event.
        event_type, product_id: the last event.
        value, low, high: estimate of the final value and its 80% interval, in value units; `high` is null if the
            interval has no upper end.
        p_buy: probability of a purchase by the end of the session.
        secured: value of the purchases so far, in value units.
    """
    rows = pl.DataFrame([{name: step[name] for name in _SCHEMA} for step in steps], schema=_SCHEMA)
    return rows.with_columns(pl.when(pl.col("high").is_finite()).then("high").alias("high"))


def finding(data: pl.DataFrame, seen: int) -> str:
    """Say what the session is expected to be worth after some events, compared with the first one.

    Args:
        seen: number of events, from 1 to all of the session.
    """
    first, value = (float(data.item(row, "value")) for row in (0, seen - 1))
    text = f"After {count(seen, 'event')}, the session is expected to be worth {money(value)}"
    compared = difference(value, first, lower="less", higher="more", equal="") if first else ""
    return f"{text}, {compared} than after the first event." if compared else f"{text}."


def figure(data: pl.DataFrame, seen: int, n_places: int = 1) -> Figure:
    """Draw the estimates after the first events. The axes are those of the whole session.

    Args:
        seen: number of events to draw, as for `finding`.
        n_places: minimum number of events that fit on the axis.
    """
    n_places = max(data.height, n_places)
    top = max(float(data.select(pl.max_horizontal("value", "high").max()).item()), 1.0)
    title = f"predicted final value ({value_unit()})"
    base = alt.Chart(data.head(seen)).encode(
        x=alt.X(
            "events_seen:Q",
            title="events so far",
            scale=alt.Scale(domain=[0.5, n_places + 0.5], nice=False),
            axis=alt.Axis(format="d", tickCount=min(n_places, 10), tickMinStep=1),
        ),
        tooltip=[
            *Hover.texts(event_type="event type", product_id="product"),
            *Hover.counts(events_seen="events so far"),
            *Hover.amounts(value="predicted final value", low="80% interval from", high="to"),
            *Hover.shares(p_buy="purchase"),
        ],
    )
    intervals = (
        base.transform_filter("isValid(datum.high)")
        .mark_rule(strokeWidth=8, opacity=0.3, color=ACCENT)
        .encode(y=alt.Y("low:Q", title=title, axis=short_axis(5), scale=alt.Scale(domain=[0, top])), y2="high:Q")
    )
    line = base.mark_line(strokeWidth=2, color=ACCENT).encode(y=alt.Y("value:Q", title=title))
    points = base.mark_circle(size=90, opacity=1).encode(
        y=alt.Y("value:Q", title=title), color=alt.Color("event_type:N", scale=event_scale())
    )
    return finished(intervals + line + points, f"Predicted final value by events so far. {finding(data, seen)}")
