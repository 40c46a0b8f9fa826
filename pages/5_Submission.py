"""Submission: download submission.csv, and see its checks."""

from __future__ import annotations

import streamlit as st

from core.base.text import count
from core.errors import RunError
from core.runs.store import CHECKS_FILE, SUBMISSION_FILE
from pages._ui import frame
from pages._ui.frame import Metric
from pages._ui.run_tables import check_table
from pages._ui.scores import expected_metric, show_open_session_warning, show_warning
from pages._ui.table import offer_file
from pages._ui.text import plain

QUESTION = "Is the submission file valid?"

page = frame.open_page(frame.SUBMISSION)
if page.run is None:
    frame.show_title(QUESTION, page.no_run)
    frame.show_empty_state("submission.csv and its checks will be shown here.", "run", page.waiting)
    st.stop()

run, manifest = page.run, page.run.manifest
try:
    checks = run.records(CHECKS_FILE)
    for name in (CHECKS_FILE, SUBMISSION_FILE):
        run.verified_bytes(name)
except RunError as error:
    frame.show_title(QUESTION, "**Unknown:** the run's files have changed since they were checked.")
    frame.show_better_run(page)
    st.error(plain(error), icon=":material/error:")
    st.stop()
failed_severities = [check["severity"] for check in checks if check["outcome"] == "failed"]
if n_errors := failed_severities.count("error"):
    finding = f"**No:** {count(n_errors, 'check')} failed. The list below says what to fix."
elif failed_severities:
    finding = f"**Yes, with {count(len(failed_severities), 'warning')}:** review the failed checks below."
else:
    finding = f"**Yes:** all {manifest.checks.passed} checks that apply passed."
frame.show_title(QUESTION, finding)
frame.show_better_run(page)
show_warning(run)
show_open_session_warning(run)
frame.show_metrics(
    [
        Metric("Sessions", f"{manifest.sessions.test:,}", "One row per session to predict."),
        Metric("Known from train", f"{manifest.sessions.known:,}", "Sessions with their value from the train file."),
        Metric("Shared ids", f"{manifest.sessions.composite:,}", "Ids of several users, whose predictions are summed."),
        expected_metric(run),
    ]
)
offer_file(
    "Download submission.csv",
    "submission.csv",
    lambda: run.verified_bytes(SUBMISSION_FILE),  # verified again at the click, because the file may change
    kind="primary",
)
if manifest.synthetic:
    st.caption("These are predictions for synthetic data from a simulated shop.")
st.header("Which checks passed?", anchor=False)
check_table(checks)
