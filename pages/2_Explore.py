"""Explore: the data in three charts, each with its finding."""

from __future__ import annotations

import streamlit as st

from core.wording import count
from pages._ui import frame
from pages._ui.cache import CHARTS, card_of, chart_frame

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
sessions = count(card.train.sessions + card.test.sessions, "session")
frame.title("What do sessions look like?", f"**{events}** in {sessions} of both files, in three questions.")
for name, chart in CHARTS.items():
    data = chart_frame(name, folder)
    sentence = chart.finding(data)
    st.subheader(chart.TITLE, anchor=False)
    st.markdown(sentence)
    st.altair_chart(chart.figure(data), key=name)
