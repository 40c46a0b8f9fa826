"""Explore: charts of the data, each with its question and its finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import streamlit as st

from core.base.text import count
from core.eda import column_summary
from core.eda.charts import drift, feature_value, long_tail, one_feature, overview, own_value, session_line
from core.eda.parts import export
from core.eda.parts.common_axes import with_common_axes
from core.eda.parts.picking import own_clicks
from core.eda.parts.split import SPLITS, SplitName
from core.eda.views import CHARTS, VIEWS, Chart
from core.schema import SESSION_VALUE
from pages._ui import explore_cache, frame, run_cache
from pages._ui.chart import draw_chart, pick_in_chart
from pages._ui.data_tables import column_table, product_table
from pages._ui.downloads import offer_chart, offer_page
from pages._ui.filter_chips import describe, show_chips, show_comparison
from pages._ui.filters import filter_by_pick, show_filter
from pages._ui.run_tables import price_table
from pages._ui.serving.privacy import for_visitors
from pages._ui.session_choice import ONE_SESSION, choose_session
from pages._ui.table import Frame, show_table
from pages._ui.text import plain
from pages._ui.user_sessions import show_other_sessions, show_prediction
from pages._ui.view_selector import select_param, select_view

QUESTION = "What do sessions look like?"
EXTRA_COLUMNS = "Extra columns"
N_PRODUCTS = 20

page = frame.open_page(frame.EXPLORE)
dataset = frame.dataset_or_stop(page, QUESTION, "Charts of values, events and times will be shown here.")
folder = str(dataset.folder)
card = dataset.card()
dataset_name = for_visitors(dataset.name)
frame.show_title(QUESTION, f"**{count(card.train.kept + card.test.kept, 'event')}** in two files.")
with frame.showing_errors(stop=True):  # the dataset may be deleted while the page is drawn
    labels = explore_cache.category_labels(folder)
    controls = st.container(horizontal=True, vertical_alignment="center", key="controls")
    with controls:
        selection = show_filter(
            card, explore_cache.frequent_categories(folder), explore_cache.own_cells(folder), labels
        )
        query = tuple(selection.as_query().items())
        note = show_chips(selection, *explore_cache.session_counts(folder, query), labels)
        other = show_comparison(selection, labels)
other_query = None if other is None else tuple(other.as_query().items())
context = f"{dataset_name}. {note}{' Synthetic data from a simulated shop.' if card.synthetic else ''}"
if not explore_cache.session_counts(folder, query)[0]:
    st.info("No session matches the filter. Widen or clear it.", icon=":material/filter_alt_off:")
    st.stop()
if other_query and not explore_cache.session_counts(folder, other_query)[0]:
    st.info("No session matches the other filter, so nothing is compared.", icon=":material/filter_alt_off:")
    other = other_query = None


def choose_split(charts: tuple[Chart, ...]) -> SplitName | None:
    """Show what can split the charts of a view into groups, and return the choice."""
    names = [name for name in SPLITS if any(name in chart.splits for chart in charts)]
    if not card.has_users:
        names = [name for name in names if name != "users"]
    if not names:
        return None
    options = {"": "Do not group"} | {name: f"Group by {SPLITS[name]}" for name in names}
    chosen = select_param("by", options)
    return next((name for name in names if name == chosen), None)


def shown_chart(name: str, of: explore_cache.Query, split: SplitName | None = None) -> tuple[Frame, export.PageChart]:
    """Return the numbers of a chart, and the chart as the page shows it; without a figure if there are no numbers."""
    chart = CHARTS[name]
    data = explore_cache.chart_frame(name, folder, of, split if split in chart.splits else None)
    return data, export.PageChart(chart.title, chart.finding(data), None if data.is_empty() else chart.figure(data))


def only_type(chart: Chart) -> str:
    """Return the event type of a log of one type, if the chart compares event types; empty otherwise."""
    types = explore_cache.event_types(folder)
    return types[0] if chart.needs_types and len(types) == 1 else ""


def show_charts(charts: tuple[Chart, ...], split: SplitName | None) -> None:
    """Show the charts of a view, and in one line per reason those without anything to draw."""
    missing: dict[str, list[str]] = {}
    for chart in charts:
        if event_type := only_type(chart):
            missing.setdefault(f"All events of this log are {event_type}.", []).append(chart.title)
            continue
        data, shown = shown_chart(chart.name, query, split)
        if shown.figure is None:
            missing.setdefault(shown.finding, []).append(chart.title)
            continue
        with st.container():
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.header(chart.title, anchor=False, width="stretch")
                offer_chart(chart.name, data, shown, context)
            show_chart_of_view(chart, shown, split)
    for reason, titles in missing.items():
        with st.container():
            st.caption(plain(f"{reason} Not shown: {' '.join(titles)}"))


def drawn_charts(charts: tuple[Chart, ...]) -> list[export.PageChart]:
    """Return the charts that apply to the log, without a split."""
    return [shown_chart(chart.name, query)[1] for chart in charts if not only_type(chart)]


def show_chart_of_view(chart: Chart, shown: export.PageChart, split: SplitName | None) -> None:
    """Show the answer and the drawing of a chart; of two filters, if they are compared."""
    if other is None or other_query is None:
        show_drawing(chart, shown)
        return
    _, other_shown = shown_chart(chart.name, other_query, split)
    if shown.figure is not None and other_shown.figure is not None:
        figures = with_common_axes(shown.figure, other_shown.figure)
        shown, other_shown = (
            replace(each, figure=figure) for each, figure in zip((shown, other_shown), figures, strict=True)
        )
    with st.container(key=f"pair-{chart.name}"):
        with st.container():
            st.markdown(f"**{plain(describe(selection, labels))}**")
            show_drawing(chart, shown)
        with st.container():
            st.markdown(f"**{plain(describe(other, labels))}**")
            st.markdown(plain(other_shown.finding))
            if other_shown.figure is not None:
                draw_chart(other_shown.figure, key=f"{chart.name}-other")


def show_drawing(chart: Chart, shown: export.PageChart) -> None:
    """Show the finding of a chart, and its drawing, which may filter the page."""
    st.markdown(plain(shown.finding))
    if shown.figure is None:
        return
    if chart.pick is None:
        draw_chart(shown.figure, key=chart.name)
        return
    # with a new key, a dragged span disappears when the filter changes instead of covering the whole chart
    key = f"{chart.name}-{query}" if chart.pick.is_span else chart.name
    picked = pick_in_chart(chart.pick.add_to(shown.figure), key=key)
    filter_by_pick(chart.name, chart.pick, picked, selection)
    st.caption(chart.pick.hint)


def show_products() -> None:
    """Show the products that rank first in the chosen order."""
    st.header("Which products stand out?", anchor=False)
    orders: dict[Literal["events", "buy_rate", "price"], str] = {
        "events": "Most events",
        "buy_rate": f"Most purchases per event (at least {long_tail.FEWEST_EVENTS} events)",
    }
    prices = None
    with frame.showing_errors():
        if page.run is not None:
            prices = run_cache.recovered_prices(str(page.run.folder), N_PRODUCTS, "price", dataset_folder=folder)
    if prices is not None:
        orders["price"] = "Highest estimated purchase price"
    order = st.segmented_control(
        "Products", list(orders), required=True, default="events", format_func=orders.__getitem__, key="products-by"
    )
    if order != "price":
        product_table(explore_cache.top_products(folder, query, order))
    elif prices is not None and page.run is not None:
        st.caption("The filter does not apply to this table.")
        price_table(prices.products, page.run, "with the highest estimated purchase price in the selected run")


def show_session() -> None:
    """Show the events of one session, which is selected by its id or at random."""
    st.header(session_line.TITLE, anchor=False)
    session_id = choose_session(
        lambda draw: explore_cache.draw_session(folder, query, draw),
        key="draw-session",
        placeholder="an id from the event files",
        hint="Enter a session id, or draw a random session from those that match the filter.",
    )
    if not session_id:
        return
    events = explore_cache.session_events(folder, session_id)
    st.markdown(plain(session_line.finding(events)))
    if events.height:
        sessions = None
        with frame.showing_errors():
            sessions = run_cache.user_sessions(folder, None if page.run is None else str(page.run.folder), session_id)
            show_prediction(sessions, session_id)
        figure = session_line.figure(events)
        draw_chart(figure, key="session-line")
        shown = export.PageChart(session_line.TITLE, session_line.finding(events), figure)
        offer_chart("session", events, shown, context)
        columns = [name for name in events.columns if not name.startswith("all_") and name != SESSION_VALUE]
        show_table(events.select(columns), scrolls=True, alt="The events of the session")
        if page.run is not None:
            label = "Explain this prediction"
            st.page_link(
                frame.IMPORTANCE.path, label=label, icon=frame.IMPORTANCE.icon, query_params={"session": session_id}
            )
        if card.has_users and sessions is not None:
            show_other_sessions(sessions, session_id)


def show_own_column() -> None:
    """Show how the value of sessions depends on the selected extra column."""
    columns = {own.name: own for own in card.own}
    name = st.selectbox(
        "Column", list(columns), format_func=lambda name: columns[name].label, key="own-column", width=300
    )
    own = columns[name]
    if own.excluded is not None:
        st.caption(plain(f"No feature uses {own.label}, because {own.excluded.clause}. {own.finding}"))
    data = explore_cache.own_value_frame(name, folder, query)
    st.header(plain(own_value.title(own)), anchor=False)
    finding = own_value.finding(data, own)
    st.markdown(plain(finding))
    if data.is_empty():
        return
    figure = own_value.figure(data, own)
    pick = own_clicks(name, "cell")
    with_cells = data.get_column("cell").count() > 0
    if with_cells:
        key = f"own-{name}"
        filter_by_pick(key, pick, pick_in_chart(pick.add_to(figure), key=key), selection)
    else:
        draw_chart(figure, key=f"own-{name}")
    with st.container(horizontal=True, vertical_alignment="center"):
        offer_chart(f"own-{name}", data, export.PageChart(own_value.title(own), finding, figure), context)
        if with_cells:
            st.caption(pick.hint, width="content")


def show_one_feature() -> None:
    """Show how the value of sessions depends on the selected feature; the strongest one is the default."""
    ranked, _ = shown_chart(feature_value.__name__.rpartition(".")[2], query)
    if ranked.is_empty():
        return
    labels = dict(ranked.select("feature", "label").iter_rows())
    name = st.selectbox("Feature", list(labels), format_func=labels.__getitem__, key="one-feature", width=400)
    data, label = explore_cache.feature_frame(name, folder, query), labels[name]
    st.header(plain(one_feature.title(label)), anchor=False)
    finding, figure = one_feature.finding(data, label), one_feature.figure(data, label)
    st.markdown(plain(finding))
    draw_chart(figure, key="one-feature-chart")
    offer_chart(f"feature-{name}", data, export.PageChart(one_feature.title(label), finding, figure), context)


view = select_view(frame.EXPLORE.label, [*VIEWS, *([EXTRA_COLUMNS] if card.own else []), ONE_SESSION])
with controls:
    split = choose_split(VIEWS.get(view, ()))
with frame.showing_errors(stop=True):
    if view in ("Features", "Drift"):
        st.caption(plain(explore_cache.describe_sample(folder, query, both=view == "Drift")))
    if view == "Drift":
        if (selection.least_value, selection.most_value) != (None, None):
            st.caption("A filter on values excludes all test sessions, because their values are unknown.")
        if (scores := explore_cache.classifier_scores(folder)) is not None:
            st.markdown(plain(drift.classifier_finding(*scores)))
    with st.container(key="grid-charts" if other is None else "charts"):
        show_charts(VIEWS.get(view, ()), split)
        if view == "Features":
            with st.container():
                show_one_feature()
    if view == "Overview":
        st.markdown(plain(overview.quality(card)))
        columns = st.expander(column_summary.TITLE, icon=":material/table:", key="columns", on_change="rerun")
        if columns.open:
            with columns:
                column_table(explore_cache.column_summaries(folder, query))
    elif view == "Products":
        if selection.categories:
            st.caption("The charts count all events of the matching sessions, including those in other categories.")
        show_products()
    elif view == EXTRA_COLUMNS:
        show_own_column()
    elif view == ONE_SESSION:
        show_session()
    st.divider()
    with st.container(horizontal=True):
        if view in VIEWS:
            offer_page(view, "this view", f"{dataset_name}: {view}", context, lambda: drawn_charts(VIEWS[view]))
        offer_page("All views", "all views", dataset_name, context, lambda: drawn_charts(tuple(CHARTS.values())))
