"""Importance: which features each learner used, side by side."""

from __future__ import annotations

import streamlit as st

from core.base.text import number
from core.eda.run_charts import importance
from core.schema import LEARNER_LABELS
from pages._ui import frame
from pages._ui.cache import importance_frame, recovered_prices
from pages._ui.tables import price_table

MOST = 12
MOST_PRODUCTS = 50

page = frame.open_page(frame.IMPORTANCE)
if page.run is None:
    frame.title(importance.TITLE, "There is no finished run on this dataset yet.")
    frame.nothing_yet(
        "The features that each learner used will stand here.",
        "They come out of a run: start one, it takes about a minute.",
        frame.TRAIN,
        "Go to Train",
    )
    st.stop()

folder = str(page.run.folder)
heading = st.container()
measure = st.segmented_control(
    "Measure", list(importance.MEASURES), default="mean_abs_shap", required=True, format_func=importance.MEASURES.get
)
with frame.sentences(stop=True):
    data = importance_frame(folder, measure, MOST)
sentence = importance.finding(data, measure)
with heading:
    frame.title(importance.TITLE, sentence)
st.caption(importance.EXPLAINED[measure])
st.altair_chart(importance.figure(data, measure), key=f"importance-{measure}")

st.subheader("What the features mean", anchor=False)
columns = [LEARNER_LABELS[name] for name in page.run.manifest.scores.learners]
rows: dict[str, dict[str, object]] = {}
for row in data.sort("place").iter_rows(named=True):
    told = rows.setdefault(row["feature"], {"Place": row["place"], "Feature": row["feature"]} | dict.fromkeys(columns))
    told[row["label"]] = number(row["value"])
    told |= {"Unit": row["unit"], "Meaning": row["meaning"]}
right = st.column_config.TextColumn(alignment="right")
st.dataframe(
    list(rows.values()),
    hide_index=True,
    height="content",
    column_config=dict.fromkeys(columns, right),
    alt="The most important features, their importance by learner and their meaning",
)

with frame.sentences(stop=True):
    prices = recovered_prices(folder, MOST_PRODUCTS)
if prices is not None:
    st.subheader("What an event is worth", anchor=False)
    st.markdown(prices[0])
    price_table(prices[1], page.run)
