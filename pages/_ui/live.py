"""Interim results of a running job: trials, folds and the latest log lines."""

from __future__ import annotations

import streamlit as st

from core.base.stored_files import read_stored_end
from core.base.text import count, duration, number
from core.base.workspace import Workspace
from core.eda.run_charts import fold_scores, search_history, search_space, setting_importance
from core.jobs import Job, Jobs, log_file
from core.jobs.interim_results import fits_by_learner, importances_by_learner, trial_frame
from core.schema import LEARNER_LABELS
from pages._ui.chart import show_chart
from pages._ui.serving.privacy import for_visitors
from pages._ui.table import Frame, show_table

_REFRESH_SECONDS = 2.0
"""Charts take longer to draw than the progress bar above them, which is refreshed every second."""
_MAX_TRIALS = 10
_MAX_LOG_LINES = 40


def show_live(workspace: Workspace, job: Job) -> None:
    """Show the results so far, refreshed while the job is running."""
    st.fragment(_draw_results, run_every=_REFRESH_SECONDS if job.active else None)(workspace, job.id)


def _draw_results(workspace: Workspace, job_id: str) -> None:
    results = Jobs(workspace).results(job_id)
    trials = trial_frame(results)
    if trials.height:
        _show_trials(trials)
    show_setting_importance(importances_by_learner(results))
    if fits := fits_by_learner(results):
        data = fold_scores.frame(fits)
        show_chart(fold_scores.finding(data), fold_scores.figure(data), lead=fold_scores.TITLE, key="live-folds")
    lines = read_stored_end(log_file(workspace, job_id)).splitlines()[-_MAX_LOG_LINES:]
    if lines:
        with st.expander("Latest log lines", icon=":material/article:"):
            st.code(for_visitors("\n".join(lines)), language=None)


def _show_trials(trials: Frame) -> None:
    data = search_history.frame(trials)
    show_chart(
        search_history.finding(data),
        search_history.figure(data, "out-of-fold loss"),
        lead="Best so far.",
        key="live-search",
    )
    with st.expander("Latest trials", icon=":material/list:"):
        show_table(
            [
                {
                    "Learner": LEARNER_LABELS[row["learner"]],
                    "Trial": str(row["trial"]),
                    "Loss": number(row["loss"]),
                    "Outcome": "completed" if row["complete"] else f"pruned after {count(row['folds'], 'fold')}",
                    "Time": duration(row["seconds"]),
                }
                for row in trials.tail(_MAX_TRIALS).reverse().iter_rows(named=True)
            ],
            numbers=("Trial", "Loss", "Time"),
            alt="The latest trials with their loss, outcome and time",
        )
    show_search_space(trials, "live")


def show_setting_importance(shares: dict[str, dict[str, float]]) -> None:
    """Show the importance of each learner's hyperparameters; nothing if there are too few trials to compute it."""
    data = setting_importance.frame(shares)
    if data.height:
        with st.expander(setting_importance.TITLE, icon=":material/bar_chart:"):
            show_chart(setting_importance.finding(data), setting_importance.figure(data))


def show_search_space(trials: Frame, key: str) -> None:
    """Show the hyperparameters of one learner's trials as parallel coordinates."""
    learners = list(dict.fromkeys(trials.get_column("learner").to_list()))
    with st.expander(search_space.TITLE, icon=":material/tune:"):
        learner = st.segmented_control(
            "Learner",
            learners,
            default=learners[0],
            required=True,
            format_func=LEARNER_LABELS.__getitem__,
            key=f"space-{key}",
            label_visibility="collapsed",
        )
        data = search_space.frame(trials, learner)
        show_chart(search_space.finding(data, learner), search_space.figure(data, learner), key=f"space-chart-{key}")
