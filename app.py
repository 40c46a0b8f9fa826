"""Home: the best run on the chosen dataset, and where to go next."""

from __future__ import annotations

import streamlit as st

from core.base.text import duration, percent, typical_error
from core.jobs import Jobs
from core.runs import best_run, expected_error, expected_interval
from pages._ui import frame
from pages._ui.frame import Metric
from pages._ui.job import show_outcome, show_progress, watch_for_jobs
from pages._ui.scores import expected_metric, show_learner_scores, show_warning

QUESTION = "What will a session be worth?"
NEXT_PAGES = {
    frame.DATA: "read your own event files and review what is in them",
    frame.EXPLORE: "see values, events and times in charts",
    frame.TRAIN: "start a run, follow it, and compare its learners",
    frame.IMPORTANCE: "review with stakeholders which features the learners use",
    frame.SUBMISSION: "check and download submission.csv",
}

page = frame.open_page(frame.HOME)
best = None if page.dataset is None else best_run(frame.runs_of(page.workspace, page.dataset))
if best is None:
    frame.show_title(QUESTION, "There is no finished run on this dataset yet.")
else:
    judged = best.manifest.scores.judged
    frame.show_title(
        QUESTION,
        f"{expected_error(best.manifest, 'The best run')}. "
        f"The error of a constant guess is {typical_error(judged.metric, judged.baseline)}.",
    )
if page.job is not None:
    show_progress(page.workspace, page.job.id)
else:
    if (ended := frame.latest_job_without_run(Jobs(page.workspace).all(), page.dataset)) is not None:
        show_outcome(page.workspace, ended)
    watch_for_jobs(page.workspace)
if best is not None:
    show_warning(best)
    manifest = best.manifest
    passed = manifest.checks.passed + manifest.certificate.passed
    frame.show_metrics(
        [
            expected_metric(
                best,
                f"; 90% interval {expected_interval(manifest)}. From nested out-of-fold errors, weighted to the test "
                "file's sessions",
            ),
            Metric(
                "Skill",
                percent(judged.skill),
                f"How much lower the stack's {judged.label} is than that of the best constant guess, out of fold.",
            ),
            Metric("Train sessions", f"{manifest.sessions.train:,}", "Sessions in the train file."),
            Metric("Test sessions", f"{manifest.sessions.test:,}", "Sessions in the test file."),
            Metric(
                "Checks passed",
                f"{passed} of {passed + manifest.checks.failed + manifest.certificate.failed}",
                "Checks of the submission file, and of the certificate against leakage.",
            ),
        ]
    )
    show_learner_scores(best)
    st.caption(
        f"Run {manifest.run_id} on {manifest.dataset_name}"
        f"{' (synthetic data)' if manifest.synthetic else ''}, {duration(manifest.seconds)}."
    )
elif page.job is None:
    frame.show_empty_state("The best run's expected score and its learners will be shown here.", "run")

st.subheader("Where to go next", anchor=False)
for entry, description in NEXT_PAGES.items():
    st.page_link(entry.path, label=f"**{entry.label}**: {description}", icon=entry.icon)
