"""The week of the shop: hour by weekday."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import number, percent
from core.dataset import Dataset
from core.eda.parts.session_table import START
from core.eda.parts.theme import ACCENT, EVENT_COLOURS, finished
from core.schema import BUY, EVENT_CODE, ROLES, TIME, TYPE, VALUE, VALUE_UNIT

TITLE = "Which hours of the week are busy?"
BUYS_TITLE = "When do people buy?"
VALUE_TITLE = "When do valuable sessions begin?"
_HOUR, _HOURS_A_WEEK = 3_600, 168
_THURSDAY = 3
"""The first of January 1970, where epoch seconds begin; weeks begin on Monday."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row an hour of the week (UTC, all 168 present, both files together): weekday, hour, times (how often it came
    between the first and the last event), events, mean (events each time; null for an hour that never came), buy_share
    (part of the hour's events that are purchases, null for an hour without events).
    """
    counted = (
        pl.concat([dataset.events(role).select(TIME, TYPE) for role in ROLES])
        .group_by((pl.col(TIME) // _HOUR).cast(pl.Int64).alias("number"))
        .agg(pl.len().cast(pl.Int64).alias("events"), (pl.col(TYPE) == EVENT_CODE[BUY]).sum().alias("buys"))
        .collect()
    )
    first, last = counted.select(pl.col("number").min(), pl.col("number").max().alias("last")).row(0)
    hours = range(first, last + 1) if counted.height else range(0)
    span = pl.DataFrame({"number": hours}, schema={"number": pl.Int64})
    place = ((pl.col("number") + 24 * _THURSDAY) % _HOURS_A_WEEK).alias("place")
    by_place = (
        span.join(counted, on="number", how="left")
        .group_by(place)
        .agg(pl.len().cast(pl.Int64).alias("times"), pl.col("events", "buys").sum())
    )
    every = pl.DataFrame({"place": range(_HOURS_A_WEEK)}, schema={"place": pl.Int64})
    whole = (
        every.join(by_place, on="place", how="left")
        .sort("place")
        .with_columns(pl.col("times", "events", "buys").fill_null(0))
    )
    return whole.select(
        pl.Series("weekday", [WEEKDAYS[place // 24] for place in range(_HOURS_A_WEEK)]),
        (pl.col("place") % 24).alias("hour"),
        "times",
        "events",
        pl.when(pl.col("times") > 0).then(pl.col("events") / pl.col("times")).alias("mean"),
        pl.when(pl.col("events") > 0).then(pl.col("buys") / pl.col("events")).alias("buy_share"),
    )


def finding(data: pl.DataFrame) -> str:
    """The busiest hour of the week, in a sentence."""
    if not data.get_column("events").sum():
        return "There is no event."
    busiest = data.sort("mean", descending=True, nulls_last=True).row(0, named=True)
    weekend = data.filter(pl.col("weekday").is_in(WEEKDAYS[5:]))
    events, hours = (
        float(weekend.get_column(each).sum()) / float(data.get_column(each).sum()) for each in ("events", "times")
    )
    return (
        f"The busiest hour of the week begins on {busiest['weekday']} at {busiest['hour']:02d}:00 UTC, with "
        f"{number(busiest['mean'])} events each time; {percent(events)} of the events are on weekends, which are "
        f"{percent(hours)} of the time."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map."""
    told = [
        alt.Tooltip("mean:Q", title="events each time", format=",.3~r"),
        alt.Tooltip("events:Q", title="events in all", format=","),
        alt.Tooltip("times:Q", title="such hours in the data", format=","),
        alt.Tooltip("buy_share:Q", title="of them purchases", format=".1%"),
    ]
    return _heat(data, "mean", told, ACCENT, f"Events by weekday and hour. {finding(data)}")


def buys_finding(data: pl.DataFrame) -> str:
    """On which weekdays most and least of what happens is a purchase, in a sentence."""
    told = data.filter(pl.col("events") > 0).select(
        "weekday", "events", (pl.col("events") * pl.col("buy_share")).alias("buys")
    )
    if told.is_empty():
        return "There is no event."
    rate = (pl.col("buys").sum() / pl.col("events").sum()).alias("rate")
    every = float(told.select(rate).item())
    if not every:
        return "Nothing is bought."
    by_day = told.group_by("weekday", maintain_order=True).agg(rate).sort("rate", descending=True, maintain_order=True)
    sentence = f"{percent(every)} of all events are purchases"
    if by_day.height == 1:
        return f"{sentence}; all are on {by_day.item(0, 'weekday')}."
    (most, high), (least, low) = by_day.row(0), by_day.row(-1)
    if percent(high) == percent(low):
        return f"{sentence}, on one weekday as on another."
    return f"{sentence}: most on {most} ({percent(high)} of its events), least on {least} ({percent(low)})."


def buys_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map of the share of purchases among an hour's events."""
    told = [
        alt.Tooltip("buy_share:Q", title="purchases among the events", format=".1%"),
        alt.Tooltip("events:Q", format=","),
    ]
    return _heat(data, "buy_share", told, EVENT_COLOURS[BUY], f"Purchases by weekday and hour. {buys_finding(data)}")


def value_frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row an hour of the week (UTC) in which train sessions with a value begin: weekday, hour, sessions, mean
    (session value, value units). `sessions` is the session table.
    """
    hour = ((pl.col(START) // _HOUR + 24 * _THURSDAY) % _HOURS_A_WEEK).cast(pl.Int64)
    return (
        sessions.select(START, VALUE)
        .filter(pl.col(VALUE).is_not_null())
        .group_by(hour.alias("place"))
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(VALUE).mean().alias("mean"))
        .sort("place")
        .select(
            (pl.col("place") // 24).replace_strict(dict(enumerate(WEEKDAYS)), return_dtype=pl.String).alias("weekday"),
            (pl.col("place") % 24).alias("hour"),
            "sessions",
            "mean",
        )
    )


def value_finding(data: pl.DataFrame) -> str:
    """Which day begins the most valuable sessions, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    total = (pl.col("mean") * pl.col("sessions")).sum() / pl.col("sessions").sum()
    by_day = data.group_by("weekday", maintain_order=True).agg(total.alias("mean")).sort("mean", descending=True)
    if by_day.height == 1:
        return f"All begin on {by_day.item(0, 'weekday')}, and are worth {number(by_day.item(0, 'mean'))} on average."
    most, least = number(by_day.item(0, "mean")), number(by_day.item(-1, "mean"))
    if most == least:
        return f"Sessions are worth {most} on average, whichever weekday they begin on."
    return (
        f"Sessions that begin on {by_day.item(0, 'weekday')} are worth most, {most} on average, those of "
        f"{by_day.item(-1, 'weekday')} least, {least}."
    )


def value_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map of mean values. Hours of few sessions differ by chance; the tooltip has their number."""
    told = [
        alt.Tooltip("mean:Q", title=f"mean value ({VALUE_UNIT})", format=",.3~r"),
        alt.Tooltip("sessions:Q", format=","),
    ]
    return _heat(data, "mean", told, ACCENT, f"Mean session value by weekday and hour. {value_finding(data)}")


def _heat(data: pl.DataFrame, field: str, told: list[Any], colour: str, description: str) -> Any:  # noqa: ANN401
    """Darker where there is more."""
    chart = (
        alt.Chart(data)
        .mark_rect(color=colour)
        .encode(
            x=alt.X("hour:O", title="hour of the day (UTC)", axis=alt.Axis(labelAngle=0, values=list(range(0, 24, 3)))),
            y=alt.Y("weekday:O", title=None, sort=list(WEEKDAYS), axis=alt.Axis(grid=False)),
            opacity=alt.Opacity(f"{field}:Q", scale=alt.Scale(range=[0.08, 1]), legend=None),
            tooltip=["weekday:N", alt.Tooltip("hour:O", title="hour (UTC)"), *told],
        )
    )
    return finished(chart, description, height=240)
