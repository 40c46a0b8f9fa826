"""Importance: what drives the value of a session, in words, in charts, and in detail."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.base.text import count
from core.eda.run_charts import drivers
from core.features import display_names
from core.importance import text
from core.pipeline.explain import explain_further
from core.pipeline.report import known_users, model_limits, report_page
from pages._ui import frame
from pages._ui.importance_cache import explained
from pages._ui.importance_views import (
    run_with_progress,
    show_effects,
    show_learners,
    show_prices,
    show_segments,
    show_slow_methods,
    show_summary,
)
from pages._ui.one_session import show_session
from pages._ui.state import get_param
from pages._ui.table import offer_file
from pages._ui.text import plain

SUMMARY, EFFECTS, SEGMENTS, PRICES, ONE, DETAILS = "Summary", "Effects", "Segments", "Prices", "One session", "Details"

page = frame.open_page(frame.IMPORTANCE)
if page.run is None:
    frame.show_title(drivers.TITLE, page.no_run)
    frame.show_empty_state("What drives the value of a session will be shown here, in words.", "run", page.waiting)
    st.stop()

run, dataset = page.run, page.dataset
dataset_folder = None if dataset is None else str(dataset.folder)
with frame.showing_errors(stop=True):
    found = explained(str(run.folder), dataset_folder)
if found is None:
    frame.show_title(drivers.TITLE, f"{page.run_name} was made by an earlier version and has no stored explanation.")
    frame.show_better_run(page)
    if run.manifest.version == 1:
        st.markdown("It has no stored model. To see what drives values, train again with the same settings.")
    elif st.button("Explain this run", type="primary", icon=":material/calculate:"):
        with frame.showing_errors(stop=True):
            run_with_progress(lambda report: explain_further(run, report))
    with frame.showing_errors(stop=True):
        show_learners(run, "")
        show_prices(run, dataset_folder)
    st.stop()

note = f"Based on {count(found.sessions.height, 'session')} that the models were not trained on."
frame.show_title(drivers.TITLE, plain(text.headline(found.drivers)))
frame.show_better_run(page)
with st.container(horizontal=True, vertical_alignment="center"):
    st.badge("Shows what the model uses", color="blue", icon=":material/visibility:")
    st.badge("Does not show causes", color="gray", icon=":material/science:")
    if dataset is not None:
        offer_file(
            "Report for stakeholders",
            f"report_{run.manifest.run_id}.html",
            partial(report_page, run, dataset),
            mime="text/html",
            icon=":material/description:",
        )
    st.caption(note, width="content")
views = [SUMMARY, EFFECTS, SEGMENTS, PRICES, *([] if dataset is None else [ONE]), DETAILS]
first_view = ONE if dataset is not None and get_param("session") else SUMMARY
view = st.segmented_control("View", views, default=first_view, required=True, label_visibility="collapsed")
with frame.showing_errors(stop=True):
    if view == SUMMARY:
        show_summary(found, model_limits(run, known_users(found.segments)), note)
    elif view == EFFECTS:
        show_effects(found, note)
    elif view == SEGMENTS:
        show_segments(found, note, run, dataset)
    elif view == PRICES:
        show_prices(run, dataset_folder)
    elif view == ONE and dataset is not None:
        show_session(run, dataset)
    else:
        show_learners(run, note)
        show_slow_methods(run, display_names() | dict(found.drivers.select("feature", "label").iter_rows()))
