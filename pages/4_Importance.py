"""Importance: which features each learner uses, and what an event is worth."""

from __future__ import annotations

import streamlit as st

from core.base.text import number
from core.eda.run_charts import importance
from core.schema import LEARNER_LABELS
from pages._ui import frame
from pages._ui.cache import importance_frame, recovered_prices
from pages._ui.chart import draw_chart
from pages._ui.run_tables import price_table
from pages._ui.table import show_table
from pages._ui.text import plain

N_FEATURES = 12
N_PRODUCTS = 50

page = frame.open_page(frame.IMPORTANCE)
if page.run is None:
    frame.show_title(importance.TITLE, page.no_run)
    frame.show_empty_state("The most important features of each learner will be shown here.", "run", page.waiting)
    st.stop()

folder = str(page.run.folder)
heading = st.container()  # filled in when the measure below it is known
measure = st.segmented_control(
    "Measure",
    list(importance.MEASURES),
    default="mean_abs_shap",
    required=True,
    format_func=importance.MEASURES.__getitem__,
)
with frame.showing_errors(stop=True):
    data = importance_frame(folder, measure, N_FEATURES)
with heading:
    frame.show_title(importance.TITLE, importance.finding(data, measure))
    frame.show_better_run(page)
st.caption(importance.EXPLAINED[measure])
draw_chart(importance.figure(data, measure), key=f"importance-{measure}")

st.header("What do the features mean?", anchor=False)
learners = [LEARNER_LABELS[name] for name in page.run.manifest.scores.learners]
rows: dict[str, dict[str, object]] = {}
for cell in data.sort("place").iter_rows(named=True):
    row = {"Rank": cell["place"], "Feature": cell["name"], **dict.fromkeys(learners)}
    row |= {"Unit": cell["unit"], "Meaning": cell["meaning"]}
    rows.setdefault(cell["feature"], row)[cell["label"]] = number(cell["value"])
show_table(list(rows.values()), numbers=learners, alt="The top features with their importance by learner and meaning")

with frame.showing_errors(stop=True):
    dataset_folder = None if page.dataset is None else str(page.dataset.folder)
    prices = recovered_prices(folder, N_PRODUCTS, dataset_folder=dataset_folder)
if prices is not None:
    st.header("What is an event worth?", anchor=False)
    st.markdown(plain(prices.finding))
    price_table(prices.products, page.run)
