"""Submission: is the file right, and the file itself."""

from __future__ import annotations

import streamlit as st

from core.base.text import count
from core.errors import RunError
from core.runs.store import CHECKS_FILE, SUBMISSION_FILE
from pages._ui import frame
from pages._ui.frame import Figure
from pages._ui.scores import expected_figure, show_warning
from pages._ui.tables import check_table

page = frame.open_page(frame.SUBMISSION)
if page.run is None:
    frame.title("Is the submission right?", "There is no submission for this dataset yet.")
    frame.nothing_yet(
        "submission.csv and its checks will stand here.",
        "Every run writes one: start a run, it takes about a minute.",
        frame.TRAIN,
        "Go to Train",
    )
    st.stop()

run, manifest = page.run, page.run.manifest
try:
    checks = run.records(CHECKS_FILE)
    for name in (CHECKS_FILE, SUBMISSION_FILE):
        run.verified_bytes(name)
except RunError as error:
    frame.title("Is the submission right?", "**Nobody can tell:** the run's files are not those that were checked.")
    st.error(str(error), icon=":material/error:")
    st.stop()
failed = [check for check in checks if check["outcome"] == "failed"]
errors = [check for check in failed if check["severity"] == "error"]
if errors:
    frame.title("Is the submission right?", f"**No: {count(len(errors), 'check')} failed.** Read below what to mend.")
elif failed:
    frame.title("Is the submission right?", f"**Yes, but look twice:** {count(len(failed), 'warning')} below.")
else:
    frame.title("Is the submission right?", f"**Yes:** all {manifest.checks.passed} checks that apply passed.")
show_warning(run)
frame.figures(
    [
        Figure("Sessions", f"{manifest.sessions.test:,}", "One row for each session to predict."),
        Figure("Known from train", f"{manifest.sessions.known:,}", "Sessions that took the value they have in train."),
        Figure("Summed over users", f"{manifest.sessions.composite:,}", "Session ids that several users share."),
        expected_figure(run),
    ]
)
st.download_button(
    "Download submission.csv",
    data=lambda: run.verified_bytes(SUBMISSION_FILE),  # asked when it is clicked: until then it may change
    file_name="submission.csv",
    mime="text/csv",
    type="primary",
    icon=":material/download:",
    on_click="ignore",
)
if manifest.synthetic:
    st.caption("Predictions for synthetic data: a simulated shop.")
st.subheader("The checks", anchor=False)
check_table(checks)
