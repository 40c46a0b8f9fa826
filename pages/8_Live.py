"""Live: how early the value of an open session is known, and a session replayed event by event."""

from __future__ import annotations

import streamlit as st

from core.dataset import Dataset
from core.eda.run_charts import coverage_by_events, earliness
from pages._ui import frame
from pages._ui.chart import show_chart
from pages._ui.live_cache import errors_by_events
from pages._ui.replay import show_replay
from pages._ui.selectors import runs_of, select_run

QUESTION = "What is an open session worth?"
PROMISE = "Open sessions will be valued here, event by event."

page = frame.open_page(frame.LIVE)


def show_how_to_start(dataset: Dataset) -> None:
    """Say how to make a run for open sessions, or offer the newest one on this dataset."""
    live_runs = [run for run in runs_of(page.workspace, dataset) if run.manifest.config.is_live]
    with st.container(border=True):
        if live_runs:
            st.markdown(f"**{PROMISE}**\n\nAnother run on this dataset can value them.")
            if st.button("Show the latest run for open sessions", icon=":material/sensors:"):
                select_run(live_runs[0])
            return
        st.markdown(
            f"**{PROMISE}**\n\nOn the Train page, start a run with the purpose *Sessions that are still open*. On the "
            "command line:"
        )
        st.code(f"svs run --dataset {dataset.fingerprint[:12]} --purpose live", language="sh")
        st.page_link(frame.TRAIN.path, label=f"Go to {frame.TRAIN.label}", icon=frame.TRAIN.icon)


def show_errors(run_folder: str) -> None:
    """Show errors and coverage by events seen."""
    data = errors_by_events(run_folder)
    show_chart(earliness.finding(data.errors), earliness.figure(data.errors), title=earliness.TITLE, key="earliness")
    st.caption(
        "Out-of-fold errors on the train sessions. The errors grow with the events, because longer sessions are worth "
        "more. The value so far is that of the events at recovered prices. *Whole sessions* is the run's first "
        "learner, trained without prefixes."
    )
    show_chart(
        coverage_by_events.finding(data.coverage),
        coverage_by_events.figure(data.coverage),
        title=coverage_by_events.TITLE,
        key="coverage",
    )
    st.caption("The bars are 95% confidence intervals of the share. They treat open sessions as independent.")


if page.dataset is None:
    frame.show_title(QUESTION, "There is no dataset yet.")
    frame.show_empty_state(PROMISE, "dataset")
    st.stop()
if page.run is None:
    frame.show_title(QUESTION, page.no_run)
    frame.show_empty_state(PROMISE, "run", page.waiting)
    st.stop()
if not page.run.manifest.config.is_live:
    frame.show_title(QUESTION, f"{page.run_name} values whole sessions only.")
    show_how_to_start(page.dataset)
    st.stop()

frame.show_title(
    QUESTION, "The model values a session after **each event**, with an interval and a purchase probability."
)
with frame.showing_errors():
    show_errors(str(page.run.folder))
with frame.showing_errors():
    show_replay(page.run)
