"""Explore: the data in charts, each with its question and its finding."""

from __future__ import annotations

import streamlit as st

from core.eda import export, session_line
from core.eda.views import VIEWS
from core.wording import count
from pages._ui import frame
from pages._ui.cache import (
    card_of,
    chart_frame,
    session_drawn,
    session_events,
    sessions_chosen,
    top_products,
)
from pages._ui.downloads import downloads, whole_page
from pages._ui.filters import selection_of, shown
from pages._ui.tables import product_table

page = frame.open_page(frame.EXPLORE)
if page.dataset is None:
    frame.title("What do sessions look like?", "There is nothing to look at yet.")
    frame.nothing_yet(
        "Values, events and hours will stand here.",
        "They are counted from a dataset: bring two event files, or take the demo data.",
        frame.DATA,
        "Go to Data",
    )
    st.stop()

folder = str(page.dataset.folder)
card = card_of(folder)
events = count(card.train.kept + card.test.kept, "event")
frame.title("What do sessions look like?", f"**{events}** in two files.")
chosen = selection_of(card)
query = tuple(chosen.as_query().items())
st.markdown(shown(chosen, sessions_chosen(folder, query)))

ONE_SESSION = "One session"
views = [*VIEWS, ONE_SESSION]
wanted = st.query_params.get("view", "")
view = st.segmented_control(
    "View",
    views,
    default=wanted if wanted in views else views[0],
    required=True,
    key="view",
    label_visibility="collapsed",
)
st.query_params["view"] = view
if view == "Features":
    st.caption("Of up to 20,000 train sessions drawn from all of them: the filter does not narrow this view.")
drawn: list[export.Shown] = []
for chart in VIEWS.get(view, ()):
    data = chart_frame(chart.name, folder, query)
    shown_chart = export.Shown(chart.title, chart.finding(data), chart.figure(data))
    drawn.append(shown_chart)
    st.subheader(chart.title, anchor=False)
    st.markdown(shown_chart.finding)
    st.altair_chart(shown_chart.figure, key=chart.name)
    downloads(chart.name, data, shown_chart)
if drawn:
    whole_page(view, f"{page.dataset.card().name}: {view}", shown(chosen, sessions_chosen(folder, query)), drawn)
if view == "Products":
    st.subheader("Which products are most frequent?", anchor=False)
    product_table(top_products(folder, query))
if view == ONE_SESSION:
    st.subheader(session_line.TITLE, anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Draw one of those shown", icon=":material/casino:", key="draw-session"):
            st.session_state["draw"] = st.session_state.get("draw", 0) + 1
            st.query_params["session"] = session_drawn(folder, query, st.session_state["draw"]) or ""
        session = st.text_input(
            "Session id", st.query_params.get("session", ""), placeholder="user_session as in the files", width=420
        )
    if session:
        st.query_params["session"] = session
        line = session_events(folder, session)
        st.markdown(session_line.finding(line))
        if line.height:
            st.altair_chart(session_line.figure(line), key="session-line")
            st.dataframe(line, hide_index=True, alt="The events of the session")
    else:
        st.markdown("Type an id, or draw a session at random from those that the filter shows.")
