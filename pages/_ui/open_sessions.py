"""The open sessions of a shop at a moment: their total over time, and the ones that rank first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from core.base.amounts import value_interval, value_text, value_unit
from core.base.text import count, number, percent, short_duration, whole
from core.eda.run_charts import shop_line
from core.live.shop_day import LinePoint, ShopMoment
from pages._ui.chart import draw_changing_chart, visitor_theme
from pages._ui.frame import Metric, show_metrics
from pages._ui.live_cache import shop_line_spec
from pages._ui.session_choice import SESSION_IN_LINK, session_link
from pages._ui.table import show_table
from pages._ui.text import plain


def show_open_sessions(
    now: ShopMoment, points: Sequence[LinePoint], *, span: tuple[int, int] | None, with_links: bool
) -> None:
    """Show the open sessions at a moment.

    Args:
        points: the total until then.
        span: epoch seconds at the ends of the time axis; None for those of the points.
        with_links: whether the sessions can be opened in their own view.
    """
    _show_metrics(now)
    total = now.total
    chart, sessions = st.columns([2, 3])
    with chart:
        if total is None:
            st.markdown(
                "The service cannot compute the total, because it was started from a model file. Start it with "
                "`svs serve --run RUN`."
            )
        else:
            st.markdown(plain(shop_line.finding(now.n_open, total.value, total.low, total.high, now.final)))
            spec = shop_line_spec(span, visitor_theme())
            draw_changing_chart(shop_line.frame(points), spec, key="shop-line")
    with sessions:
        _show_table(now, with_links=with_links)
    st.caption(_notes(now))


def _show_metrics(now: ShopMoment) -> None:
    total = now.total
    metrics = [
        Metric("Time (UTC)", f"{datetime.fromtimestamp(now.moment, UTC):%H:%M:%S}", "Time in the shop."),
        Metric(
            "Open sessions", whole(now.n_open), "Sessions whose last event is more recent than the session timeout."
        ),
        Metric(
            "Predicted final value",
            value_text(total and total.value),
            f"Total of all open sessions when they have ended, in {value_unit()}.",
        ),
        Metric(
            "Still to come",
            value_text(total and total.to_come),
            "The predicted final value minus what was bought so far.",
        ),
    ]
    if now.final is not None:
        metrics.append(Metric("Final value", value_text(now.final), "Sum of the final values of the open sessions."))
    show_metrics(metrics)


def _show_table(now: ShopMoment, *, with_links: bool) -> None:
    rows = [
        {
            "Session": session_link(row.session) if with_links else row.session,
            "Predicted value": value_text(row.estimate.value),
            "80% interval": value_interval(row.estimate.low, row.estimate.high),
            "Still to come": value_text(row.estimate.to_come),
            "Purchase probability": percent(row.estimate.p_buy),
            "Events": whole(row.estimate.events_seen),
            "Idle": number(None) if row.idle is None else short_duration(row.idle),
        }
        for row in now.sessions
    ]
    if rows:
        show_table(
            rows,
            numbers=(
                "Predicted value",
                "80% interval",
                "Still to come",
                "Purchase probability",
                "Events",
                "Idle",
            ),
            links={"Session": SESSION_IN_LINK} if with_links else {},
            alt="The open sessions that rank first",
            scrolls=True,
        )


def _notes(now: ShopMoment) -> str:
    """Explain the table, and say what is missing."""
    text = (
        "Idle is the time since the last event. Most sessions that count as open are in fact over. The longer a "
        "session is idle, the less of the value still to come is counted in the total."
    )
    if now.n_waiting:
        text += f" The predictions of {count(now.n_waiting, 'session')} are still being computed."
    return text
