"""A session event by event: its prediction as a line, the events, and the strongest driver of each step."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import value_interval, value_text, value_unit
from core.base.text import count, duration, percent, verb, whole
from core.eda.run_charts import replayed_session
from core.live.reasons import strongest_reason
from core.live.replay import MAX_EVENTS
from pages._ui.chart import show_chart
from pages._ui.frame import Metric, show_metrics
from pages._ui.live_cache import ReplayedSession
from pages._ui.run_tables import PRICES_ARE_ESTIMATES
from pages._ui.table import show_table


def show_steps(found: ReplayedSession, seen: int, *, n_places: int = 1) -> None:
    """Show the estimate after the first `seen` events as figures, as a line, and with the reasons of each step.

    Args:
        n_places: least number of events that the chart has room for.
    """
    _show_estimate(found, seen)
    chart, events = st.columns([2, 3])
    with chart:
        show_chart(
            replayed_session.finding(found.data, seen),
            replayed_session.figure(found.data, seen, n_places),
            key="replay-chart",
        )
    with events:
        _show_events(found, seen)
    st.caption(_notes(found))


def _show_estimate(found: ReplayedSession, seen: int) -> None:
    _, estimate = found.replay.steps[seen - 1]
    interval = value_interval(estimate.low, estimate.high)
    show_metrics(
        [
            Metric(
                "Predicted final value",
                value_text(estimate.value),
                f"Value of the finished session, in {value_unit()}.",
            ),
            Metric(
                "80% interval", interval, f"80% of such sessions end with a value in this interval. In {value_unit()}."
            ),
            Metric(
                "Purchase probability",
                percent(estimate.p_buy),
                "Probability that the session has a purchase by its end.",
            ),
            Metric("Bought so far", value_text(estimate.secured), f"At estimated prices, in {value_unit()}."),
            Metric(
                "Still to come", value_text(estimate.to_come), "The predicted final value minus what was bought so far."
            ),
        ]
    )


def _show_events(found: ReplayedSession, seen: int) -> None:
    """Show the events so far, the last one first, so that the newest one is always in view."""
    steps = found.replay.steps[:seen]
    rows = [
        {
            "Events": f"{estimate.events_seen}",
            "Event": event.type,
            **{label: value_text(amount) for label, amount in found.replay.amounts_of(event).items()},
            "Predicted value": value_text(estimate.value),
            "Purchase probability": percent(estimate.p_buy),
            "Strongest driver": strongest_reason(estimate.reasons),
            "80% interval": value_interval(estimate.low, estimate.high),
            "Product": event.product,
            "After": duration(event.time - steps[0][0].time),
        }
        for event, estimate in reversed(steps)
    ]
    amounts = [label for _, label in found.replay.amounts]
    show_table(
        rows,
        numbers=("Events", "After", "Predicted value", "Purchase probability", *amounts),
        alt="Events, and the predictions after them",
        scrolls=True,
    )


def _notes(found: ReplayedSession) -> str:
    """Explain the table, and say which part of the session is replayed."""
    text = (
        "The latest event comes first. The driver is the group of features that changed the prediction most since the "
        f"previous event. The first event is compared with a typical first event. {PRICES_ARE_ESTIMATES}"
    )
    if found.replay.n_events > MAX_EVENTS:
        text += f" Of {whole(found.replay.n_events)} events, the first {MAX_EVENTS} are replayed."
    if found.replay.n_users > 1:
        text += f" {count(found.replay.n_users, 'user')} share its id. Only the first one is replayed."
    if found.replay.n_invented == len(found.replay.steps):
        text += " This session was built here: its user is new, and it begins at the end of the log."
    elif found.replay.n_invented:
        n_invented = found.replay.n_invented
        last = "last event was" if n_invented == 1 else f"last {n_invented} events were"
        text += f" The {last} added here and {verb(n_invented, 'is', 'are')} not in the log."
    return text
