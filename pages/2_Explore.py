"""Explore: the data in charts, each with its question and its finding."""

from __future__ import annotations

import streamlit as st

from core.eda.views import VIEWS
from core.wording import count
from pages._ui import frame
from pages._ui.cache import card_of, chart_frame, sessions_chosen, top_products
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

wanted = st.query_params.get("view", "")
view = st.segmented_control(
    "View",
    list(VIEWS),
    default=wanted if wanted in VIEWS else next(iter(VIEWS)),
    required=True,
    key="view",
    label_visibility="collapsed",
)
st.query_params["view"] = view
for chart in VIEWS[view]:
    data = chart_frame(chart.name, folder, query)
    st.subheader(chart.title, anchor=False)
    st.markdown(chart.finding(data))
    st.altair_chart(chart.figure(data), key=chart.name)
    st.download_button(
        "Data as CSV",
        data.write_csv,
        file_name=f"{chart.name}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        key=f"{chart.name}-csv",
        type="tertiary",
    )
if view == "Products":
    st.subheader("Which products are most frequent?", anchor=False)
    product_table(top_products(folder, query))
