"""The view of the Importance page that explains one session."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import money, value_interval, value_text, value_unit
from core.base.text import count
from core.dataset import Dataset
from core.eda.charts import session_line
from core.eda.parts.export import PageChart
from core.eda.run_charts import session_waterfall
from core.model import ChangedEvent
from core.pipeline.one_session import SessionExplanation
from core.runs import Run
from core.schema import EVENT_TYPES
from pages._ui import explore_cache
from pages._ui.chart import draw_chart, show_chart
from pages._ui.downloads import offer_chart
from pages._ui.frame import Metric, show_metrics, showing_errors
from pages._ui.importance_cache import explained_session
from pages._ui.session_choice import SESSION_IN_LINK, choose_session, session_link
from pages._ui.table import Frame, show_table
from pages._ui.text import plain, without_formulas

_SECOND, _EVENT, _PRODUCT = "Second", "Event", "Product id"


def show_session(run: Run, dataset: Dataset) -> None:
    """Let the visitor choose a session, and show why it has its predicted value."""
    folder = str(dataset.folder)
    session_id = choose_session(
        lambda draw: explore_cache.draw_session(folder, (), draw),
        key="explain-random",
        placeholder="an id from the event files",
        hint="Enter a session id, or draw a random session.",
    )
    if not session_id:
        return
    found = explained_session(str(run.folder), folder, session_id)
    if found is None:
        st.markdown(plain(f"There is no session {session_id} in this dataset."))
        return
    _show_metrics(found)
    data = session_waterfall.frame(found.steps)
    shown = PageChart(session_waterfall.TITLE, session_waterfall.finding(data), session_waterfall.figure(data))
    show_chart(shown.finding, shown.figure, title=shown.title, key="waterfall")
    offer_chart("one_session", data, shown, f"Session {session_id}.")
    st.caption(plain(_origin(found)))
    events = explore_cache.session_events(folder, session_id)
    if events.height:
        st.header("What happened in this session?", anchor=False)
        st.markdown(plain(session_line.finding(events)))
        draw_chart(session_line.figure(events), key="session-events")
        is_whole = events.item(0, "all_events") == events.height
        if found.users == 1 and is_whole and events.get_column("file").n_unique() == 1:
            _show_what_if(run, folder, session_id, events, found)
    _show_similar(found)


def _show_similar(found: SessionExplanation) -> None:
    """Show the explained sessions in which the drivers have the most similar effects."""
    st.header("Which sessions are similar?", anchor=False)
    show_table(
        [
            {
                "Session": session_link(row["user_session"]),
                "Actual value": value_text(row["value"]),
                "Predicted value": value_text(row["predicted"]),
            }
            for row in found.similar.iter_rows(named=True)
        ],
        numbers=("Actual value", "Predicted value"),
        links={"Session": SESSION_IN_LINK},
        alt="Sessions with the most similar effects of the drivers",
    )
    st.caption(
        "The explained sessions in which the drivers have the most similar effects. Values are in "
        f"{plain(value_unit())}."
    )


def _show_what_if(run: Run, folder: str, session_id: str, events: Frame, found: SessionExplanation) -> None:
    """Let the visitor change the events, and show what the model would predict then."""
    st.header("What would the model predict with other events?", anchor=False)
    st.caption("Change, add or delete rows. This shows how the model works, not what a shop would earn.")
    rows = [
        {_SECOND: row["second"], _EVENT: row["event_type"], _PRODUCT: row["product_id"]}
        for row in events.iter_rows(named=True)
    ]
    edited = st.data_editor(
        rows,
        key=f"what-if-{session_id}",
        num_rows="dynamic",
        column_config={
            _SECOND: st.column_config.NumberColumn(step=1, required=True, help="Since the first event."),
            _EVENT: st.column_config.SelectboxColumn(options=list(EVENT_TYPES), required=True),
            _PRODUCT: st.column_config.TextColumn(required=True, help="Product id from the log."),
        },
    )
    if edited == rows:
        return
    changed = tuple(
        ChangedEvent(int(row[_SECOND] or 0), row[_EVENT], str(row[_PRODUCT]))
        for row in edited
        if row.get(_EVENT) and row.get(_PRODUCT)
    )
    if not changed:
        st.markdown("A session needs at least one event.")
        return
    with showing_errors():
        other = explained_session(str(run.folder), folder, session_id, changed)
        if other is not None:
            st.markdown(
                without_formulas(
                    f"The prediction would be **{money(other.predicted)}** instead of {value_text(found.predicted)}; "
                    f"80% interval: {value_interval(other.low, other.high)}."
                )
            )
            data = session_waterfall.frame(other.steps)
            draw_chart(session_waterfall.figure(data), key="what-if-waterfall")


def _show_metrics(found: SessionExplanation) -> None:
    show_metrics(
        [
            Metric("Predicted value", value_text(found.predicted), f"In {value_unit()}."),
            Metric(
                "80% interval",
                value_interval(found.low, found.high),
                f"80% of such sessions have a value in this interval. In {value_unit()}.",
            ),
            Metric("Actual value", value_text(found.value), "A dash means that it is unknown, as in the test file."),
        ]
    )


def _origin(found: SessionExplanation) -> str:
    """Say which models predict the session."""
    text = (
        "The models that predict this session were trained without its user."
        if found.out_of_fold
        else "It is predicted like a new session, by the average of the models for new sessions."
    )
    if found.users > 1:
        text += f" {count(found.users, 'user')} share its id. Only the first one is explained."
    return f"{text} Effects are what the model uses, not what would change the value."
