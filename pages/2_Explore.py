"""Explore: the data in charts, each with its question and its finding."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.base.text import count
from core.eda import column_summary
from core.eda.charts import drift, long_tail, overview, session_line
from core.eda.parts import export
from core.eda.views import CHARTS, VIEWS
from pages._ui import frame
from pages._ui.cache import (
    card_of,
    chart_frame,
    columns_described,
    files_told_apart,
    frequent_categories,
    recovered_prices,
    sampled_sessions,
    session_drawn,
    session_events,
    sessions_chosen,
    top_products,
)
from pages._ui.downloads import downloads, whole_page
from pages._ui.filters import follow, selection_of, show
from pages._ui.tables import column_table, price_table, product_table

PRICE = "price"
_MOST_PRODUCTS = 20

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
chosen = selection_of(card, frequent_categories(folder))
query = tuple(chosen.as_query().items())
note = show(chosen, sessions_chosen(folder, query))
context = f"{card.name}. {note}{' Synthetic data: simulated, not of a real shop.' if card.synthetic else ''}"

if not sessions_chosen(folder, query)[0]:
    st.info("No session fits the filter: widen it, or clear it.", icon=":material/filter_alt_off:")
    st.stop()

ONE_SESSION = "One session"
views = [*VIEWS, ONE_SESSION]
frame.follow_address("view", views)
view = st.segmented_control("View", views, required=True, key="view", label_visibility="collapsed")
frame.write_address("view", view)
if view in ("Features", "Drift"):
    st.caption(sampled_sessions(folder, query, both=view == "Drift"))
    if view == "Drift" and (chosen.least_value, chosen.most_value) != (None, None):
        st.caption("Sessions of test have no known value: a filter by value leaves them out.")
if view == "Drift" and (apart := files_told_apart(folder)) is not None:
    st.markdown(drift.classifier_finding(*apart))


def as_shown(name: str) -> tuple[Any, export.Shown]:
    """The numbers of a chart, and the chart."""
    chart, data = CHARTS[name], chart_frame(name, folder, query)
    return data, export.Shown(chart.title, chart.finding(data), None if data.is_empty() else chart.figure(data))


for chart in VIEWS.get(view, ()):
    data, drawn = as_shown(chart.name)
    st.subheader(chart.title, anchor=False)
    st.markdown(drawn.finding)
    if data.is_empty():
        continue
    if chart.pick is None:
        st.altair_chart(drawn.figure, key=chart.name)
    else:
        # a span that was drawn is gone with the next filter: it would lie over the whole chart, and only be moved
        key = f"{chart.name}-{query}" if chart.pick.is_span else chart.name
        told = st.altair_chart(chart.pick.add_to(drawn.figure), key=key, on_select="rerun")
        follow(chart.name, chart.pick, dict(told.selection), chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads(chart.name, data, drawn, context)
        if chart.pick is not None:
            st.caption(chart.pick.hint, width="content")
if view == "Products" and chosen.categories:
    st.caption("Of sessions with an event in one of the categories all events count, those in other categories, too.")
if view == "Overview":
    st.markdown(overview.quality(card))
    columns = st.expander(column_summary.TITLE, icon=":material/table:", key="columns", on_change="rerun")
    if columns.open:
        with columns:
            column_table(columns_described(folder, query))
if view == "Products":
    st.subheader("Which products stand out?", anchor=False)
    orders = {
        "events": "Most events",
        "buy_rate": f"Most purchases an event (of those with {long_tail.FEWEST_EVENTS} events or more)",
    }
    with frame.sentences():
        prices = None if page.run is None else recovered_prices(str(page.run.folder), _MOST_PRODUCTS, PRICE)
    if prices is not None:
        orders[PRICE] = "Highest recovered price of a purchase"
    by = st.segmented_control(
        "Products", list(orders), required=True, default="events", format_func=orders.__getitem__, key="products-by"
    )
    if by == PRICE and prices is not None and page.run is not None:
        price_table(prices[1], page.run, "whose purchase is worth most by the chosen run, whatever the filter shows")
    else:
        product_table(top_products(folder, query, by))
if view == ONE_SESSION:
    st.subheader(session_line.TITLE, anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Draw one of those shown", icon=":material/casino:", key="draw-session"):
            st.session_state["draw"] = st.session_state.get("draw", 0) + 1
            st.query_params["session"] = session_drawn(folder, query, st.session_state["draw"]) or ""
        session = st.text_input(
            "Session id", st.query_params.get("session", ""), placeholder="user_session as in the files", width=420
        )
    if session := session.strip():
        st.query_params["session"] = session
        line = session_events(folder, session)
        st.markdown(session_line.finding(line))
        if line.height:
            drawn = export.Shown(session_line.TITLE, session_line.finding(line), session_line.figure(line))
            st.altair_chart(drawn.figure, key="session-line")
            downloads("session", line, drawn, context)
            shown = [name for name in line.columns if not name.startswith("all_")]
            st.dataframe(line, hide_index=True, column_order=shown, alt="The events of the session")
    else:
        st.markdown("Type an id, or draw a session at random from those that the filter shows.")
st.divider()
name = page.dataset.card().name
with st.container(horizontal=True):
    if view in VIEWS:
        whole_page(view, f"{name}: {view}", context, lambda: [as_shown(chart.name)[1] for chart in VIEWS[view]])
    whole_page("All views", name, context, lambda: [as_shown(each)[1] for each in CHARTS])
