"""Submission: is a file ready, which score is expected, how do files compare, and what was submitted?"""

from __future__ import annotations

import streamlit as st

from core.base.text import whole
from core.errors import RunError
from core.runs.store import CHECKS_FILE, SUBMISSION_FILE
from pages._ui import desk, frame
from pages._ui.desk_log import show_log
from pages._ui.desk_views import show_comparison
from pages._ui.frame import Metric
from pages._ui.scores import expected_metric, show_open_session_warning, show_warning
from pages._ui.submission_views import (
    choose_file,
    show_any_file,
    show_checks,
    show_content,
    show_downloads,
    verdict,
)
from pages._ui.text import plain
from pages._ui.view_selector import select_view

QUESTION = "Is the submission ready?"
OWN, ANY, COMPARE, LOG = "This run", "Check a file", "Compare and blend", "Log"

page = frame.open_page(frame.SUBMISSION)
if page.run is None:
    frame.show_title(QUESTION, page.no_run)
    frame.show_empty_state("submission.csv and its checks will be shown here.", "run", page.waiting)
    st.stop()

run, manifest = page.run, page.run.manifest
try:
    for name in (CHECKS_FILE, SUBMISSION_FILE):
        run.verified_bytes(name)
except RunError as error:
    frame.show_title(QUESTION, "**Unknown:** the run's files have changed since they were checked.")
    frame.show_better_run(page)
    st.error(plain(error), icon=":material/error:")
    st.stop()
head = st.container()
with head:
    st.title(QUESTION, anchor=False)
    finding = st.empty()
    frame.show_better_run(page)
view = select_view(frame.SUBMISSION.label, [OWN, ANY, COMPARE, LOG])
choices = desk.choices(page.workspace, run)
if view == OWN:
    with frame.showing_errors(stop=True):
        own = desk.opened(run.submission, run)
    finding.markdown(verdict(own, run))
    show_warning(run)
    show_open_session_warning(run)
    frame.show_metrics(
        [
            expected_metric(run),
            Metric("Sessions", whole(manifest.sessions.test), "Sessions to predict. The file has one row for each."),
            Metric(
                "Values from train file",
                whole(manifest.sessions.known),
                "Sessions in both files whose value is taken from the train file instead of predicted.",
            ),
            Metric(
                "Shared session ids",
                whole(manifest.sessions.composite),
                "Session ids that several users share. The predictions for these users are added up.",
            ),
        ]
    )
    # verified again at the click, because the file may change
    show_downloads(page, run, own, lambda: run.verified_bytes(SUBMISSION_FILE))
    if manifest.synthetic:
        st.caption("These are predictions for synthetic data from a simulated shop.")
    show_checks(own)
    show_content(run, own)
elif view == ANY:
    path = choose_file(page, choices)
    if path is None:
        finding.markdown(
            "Upload a submission file from any tool, or choose a stored one. It is checked against the sessions of "
            "this run."
        )
        st.stop()
    with frame.showing_errors(stop=True):
        file = desk.opened(path, run)
    finding.markdown(f"{plain(file.name)}: {verdict(file, run)}")
    show_any_file(page, run, path, file)
elif view == COMPARE:
    show_comparison(page, run, choices, finding)
else:
    show_log(page, run, finding)
