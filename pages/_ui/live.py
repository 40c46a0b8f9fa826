"""Interim results of a running job: trials, folds and the latest log lines."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.base.stored_files import read_stored_end
from core.base.text import count, duration, number
from core.base.workspace import Workspace
from core.eda.run_charts import fold_scores, search_figures, search_history
from core.jobs import Job, Jobs, log_file
from core.jobs.interim_results import fits_by_learner, space_by_learner, trial_frame
from core.schema import LEARNER_LABELS
from pages._ui.chart import show_chart, visitor_theme
from pages._ui.number_format import in_page_format
from pages._ui.serving.privacy import for_visitors
from pages._ui.table import Frame, show_table
from pages._ui.text import plain

_REFRESH_SECONDS = 2.0
"""Charts take longer to draw than the progress bar above them, which is refreshed every second."""
_MAX_TRIALS = 10
_MAX_LOG_LINES = 40
_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def show_live(workspace: Workspace, job: Job) -> None:
    """Show the results so far, refreshed while the job is running."""
    st.fragment(in_page_format(_draw_results), run_every=_REFRESH_SECONDS if job.active else None)(workspace, job.id)


def _draw_results(workspace: Workspace, job_id: str) -> None:
    results = Jobs(workspace).results(job_id)
    trials = trial_frame(results)
    if trials.height:
        _show_trials(trials, space_by_learner(results))
    if fits := fits_by_learner(results):
        data = fold_scores.frame(fits)
        show_chart(fold_scores.finding(data), fold_scores.figure(data), lead=fold_scores.TITLE, key="live-folds")
    lines = read_stored_end(log_file(workspace, job_id)).splitlines()[-_MAX_LOG_LINES:]
    if lines:
        with st.expander("Latest log lines", icon=":material/article:"):
            st.code(for_visitors("\n".join(lines)), language=None)


def _show_trials(trials: Frame, spaces: Mapping[str, search_figures.Space]) -> None:
    data = search_history.frame(trials)
    show_chart(
        search_history.finding(data),
        search_history.figure(data, "out-of-fold loss"),
        lead="Best so far.",
        key="live-search",
    )
    show_search(trials, spaces, "live")
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


def show_search(trials: Frame, spaces: Mapping[str, search_figures.Space], key: str) -> None:
    """Show Optuna's figures of the search of one learner.

    Args:
        spaces: learner -> its search space.
        key: distinguishes the search of a job from that of a run.
    """
    learners = list(dict.fromkeys(trials.get_column("learner").to_list()))
    st.subheader(search_figures.TITLE, anchor=False)
    with st.container(horizontal=True):
        learner = st.segmented_control(
            "Learner",
            learners,
            default=learners[0],
            required=True,
            format_func=LEARNER_LABELS.__getitem__,
            key=f"search-learner-{key}",
            label_visibility="collapsed",
        )
        view = st.segmented_control(
            "Figure",
            search_figures.VIEWS,
            default=search_figures.PARALLEL,
            required=True,
            key=f"search-view-{key}",
            label_visibility="collapsed",
        )
    space = spaces.get(learner, {})
    finding = search_figures.finding(trials, learner, space)
    st.markdown(plain(finding))
    figure = search_figures.figure(trials, learner, space, view, visitor_theme())
    if figure is None:
        st.caption("There are too few trials for this figure.")
        return
    st.plotly_chart(
        figure, theme=None, key=f"search-figure-{key}", alt=f"{view} of the trials. {finding}", config=_CONFIG
    )
    st.caption(search_figures.NOTES[view])
