"""Home: the best run on the selected dataset, and where to go next."""

from __future__ import annotations

import streamlit as st

from core.base.text import duration, percent
from core.jobs import Jobs
from core.metric import typical_error
from core.runs import best_run, expected_error
from pages._ui import frame
from pages._ui.frame import Metric
from pages._ui.job import show_outcome, show_progress, watch_for_jobs
from pages._ui.scores import expected_metric, show_learner_scores, show_warning
from pages._ui.serving.privacy import for_visitors

QUESTION = "What will a session be worth?"
NEXT_PAGES = {
    frame.DATA: "read event files and see what is unusual about them",
    frame.EXPLORE: "see sessions, users and products in charts",
    frame.TRAIN: "start a run, follow it and see its scores",
    frame.IMPORTANCE: "see which features drive the value of a session",
    frame.SUBMISSION: "check and download submission.csv",
}

page = frame.open_page(frame.HOME)
best = None if page.dataset is None else best_run(frame.runs_of(page.workspace, page.dataset))
if best is None:
    frame.show_title(QUESTION, "There is no finished run on this dataset yet.")
else:
    manifest, metric_scores = best.manifest, best.manifest.scores.metric_scores
    frame.show_title(
        QUESTION,
        f"{expected_error(manifest, 'The best run')}. "
        f"A constant guess has an error of {typical_error(metric_scores.metric, metric_scores.baseline)}.",
    )
if page.job is not None:
    show_progress(page.workspace, page.job.id)
else:
    if (failed_job := frame.latest_job_without_run(Jobs(page.workspace).all(), page.dataset)) is not None:
        show_outcome(page.workspace, failed_job)
    watch_for_jobs(page.workspace)
if best is not None:
    show_warning(best)
    n_passed = manifest.checks.passed + manifest.certificate.passed
    n_checks = n_passed + manifest.checks.failed + manifest.certificate.failed
    frame.show_metrics(
        [
            expected_metric(best),
            Metric(
                "Skill",
                percent(metric_scores.skill),
                f"How much lower the stack's {metric_scores.label} is than that of the best constant, out of fold.",
            ),
            Metric("Train sessions", f"{manifest.sessions.train:,}", "Sessions in the train file."),
            Metric("Test sessions", f"{manifest.sessions.test:,}", "Sessions in the test file."),
            Metric("Checks passed", f"{n_passed} of {n_checks}", "Submission checks and leakage checks."),
        ]
    )
    show_learner_scores(best)
    st.caption(
        f"Run {manifest.run_id} on {for_visitors(manifest.dataset_name)}"
        f"{' (synthetic data)' if manifest.synthetic else ''}, {duration(manifest.seconds)}."
    )
elif page.job is None:
    frame.show_empty_state("The best run's expected score and its learners will be shown here.", "run")

st.subheader("Where to go next", anchor=False)
for entry, description in NEXT_PAGES.items():
    st.page_link(entry.path, label=f"**{entry.label}**: {description}", icon=entry.icon)
