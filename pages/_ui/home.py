"""Home: the best run on the selected dataset, and where to go next."""

from __future__ import annotations

import streamlit as st

from core.base.text import duration, percent
from core.metric import typical_error
from core.runs import expected_error
from pages._ui import frame
from pages._ui.frame import Metric
from pages._ui.job import show_outcome, show_progress, watch_for_jobs
from pages._ui.scores import expected_metric, show_actual, show_learner_scores, show_warning, train_sessions_help
from pages._ui.text import plain

QUESTION = "What will a session be worth?"
NEXT_PAGES = {
    frame.DATA: "read event files and see what is unusual about them",
    frame.EXPLORE: "see sessions, users and products in charts",
    frame.TRAIN: "start a run, follow it and see its scores",
    frame.IMPORTANCE: "see which features drive the value of a session",
    frame.SUBMISSION: "check and download submission.csv",
    frame.SCORE: "predict the values of the sessions of a later event file",
    frame.BACKTEST: "compare the expected score with the actual one",
    frame.LIVE: "see how early a value is known, and replay a session event by event",
}


def show_home() -> None:
    """Show the page."""
    page = frame.open_page(frame.HOME)
    run = page.run
    if run is None:
        frame.show_title(QUESTION, page.no_run)
    else:
        manifest, metric_scores = run.manifest, run.manifest.scores.metric_scores
        frame.show_title(
            QUESTION,
            f"{expected_error(manifest, page.run_name)}. "
            f"A constant guess has an error of {typical_error(metric_scores.metric, metric_scores.baseline)}.",
        )
    frame.show_better_run(page)
    if page.job is not None:
        show_progress(page.workspace, page.job.id)
    else:
        if (ended_job := frame.ended_without_run(page)) is not None:
            show_outcome(page.workspace, ended_job)
        watch_for_jobs(page.workspace)
    if run is not None:
        show_warning(run)
        n_passed = manifest.checks.passed + manifest.certificate.passed
        n_checks = n_passed + manifest.checks.failed + manifest.certificate.failed
        frame.show_metrics(
            [
                expected_metric(run),
                Metric(
                    "Skill",
                    percent(metric_scores.skill),
                    f"How much lower the stack's {metric_scores.label} is than that of the best constant, out of fold.",
                ),
                Metric("Train sessions", f"{manifest.sessions.train:,}", train_sessions_help(run)),
                Metric("To predict", f"{manifest.sessions.test:,}", "Sessions in the submission: one row each."),
                Metric("Checks passed", f"{n_passed} of {n_checks}", "Submission checks and leakage checks."),
            ]
        )
        show_actual(run, page.dataset)
        show_learner_scores(run)
        st.caption(
            f"Run {plain(manifest.run_id)} on {plain(manifest.dataset_name)}"
            f"{' (synthetic data)' if manifest.synthetic else ''}, {duration(manifest.seconds)}."
        )
    elif page.job is None:
        frame.show_empty_state("The best run's expected score and its learners will be shown here.", "run")

    st.header("Where to go next", anchor=False)
    for entry, description in NEXT_PAGES.items():
        st.page_link(entry.path, label=f"**{entry.label}**: {description}", icon=entry.icon)
