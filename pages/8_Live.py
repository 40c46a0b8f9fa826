"""Live: one open session event by event, all open sessions of a shop, rules, and how accurate the predictions are."""

from __future__ import annotations

import streamlit as st

from core.config import RunConfig
from core.dataset import Dataset
from core.eda.run_charts import earliness
from pages._ui import frame
from pages._ui.live_cache import live_errors
from pages._ui.live_quality import show_quality
from pages._ui.live_rules import show_rules
from pages._ui.open_session import show_open_session
from pages._ui.selectors import runs_of, select_run
from pages._ui.shop import show_shop
from pages._ui.text import plain
from pages._ui.view_selector import select_view

QUESTION = "What is an open session worth?"
ONE_SESSION, WHOLE_SHOP, RULES, ACCURACY = "One session", "Whole shop", "Rules", "Accuracy"
PROMISE = "The final values of open sessions will be predicted here, event by event."

page = frame.open_page(frame.LIVE)


def show_how_to_start(dataset: Dataset) -> None:
    """Say how to start a run for open sessions, or offer the newest one on this dataset."""
    live_runs = [run for run in runs_of(page.workspace, dataset) if run.manifest.config.is_live]
    with st.container(border=True):
        if live_runs:
            st.markdown(f"**{PROMISE}**\n\nAnother run on this dataset can predict open sessions.")
            if st.button("Show the latest run for open sessions", icon=":material/sensors:"):
                select_run(live_runs[0])
            return
        purpose = RunConfig.setting("purpose").choices["live"]
        st.markdown(
            f"**{PROMISE}**\n\nOn the Train page, start a run with the purpose *{purpose}*. On the command line:"
        )
        st.code(f"svs run --dataset {dataset.fingerprint[:12]} --purpose live", language="sh")
        st.page_link(frame.TRAIN.path, label=f"Go to {frame.TRAIN.label}", icon=frame.TRAIN.icon)


selected_dataset = frame.dataset_or_stop(page, QUESTION, PROMISE)
selected_run = frame.run_or_stop(page, QUESTION, PROMISE)
if not selected_run.manifest.config.is_live:
    frame.show_title(QUESTION, f"{page.run_name} predicts finished sessions only.")
    show_how_to_start(selected_dataset)
    st.stop()

folder = str(selected_run.folder)
with frame.showing_errors(stop=True):
    errors = live_errors(folder, "events").errors
frame.show_title(QUESTION, plain(earliness.finding(errors)))
view = select_view(frame.LIVE.label, [ONE_SESSION, WHOLE_SHOP, RULES, ACCURACY])
with frame.showing_errors():
    if view == ONE_SESSION:
        show_open_session(selected_run, selected_dataset)
    elif view == WHOLE_SHOP:
        show_shop(selected_run, selected_dataset)
    elif view == RULES:
        show_rules(selected_run)
    else:
        show_quality(folder)
