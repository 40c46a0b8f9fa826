"""What a job came by so far: trials, folds, and the end of its log, while it works."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.base.text import duration, number
from core.base.workspace import Workspace
from core.eda.run_charts import fold_scores, search_history, search_space, setting_importance
from core.jobs import Job, Jobs, log_file
from core.jobs.interim_results import fits_by_learner, importances_by_learner, trial_frame
from core.schema import LEARNER_LABELS

_LOOK_SECONDS = 2.0
"""Charts are drawn anew this often; the progress above them every second."""
_LAST_TRIALS = 10
_LAST_LINES = 40
_RIGHT = st.column_config.TextColumn(alignment="right")


def show_live(workspace: Workspace, job: Job) -> None:
    """Draw it, and draw it again while the job works."""
    st.fragment(_live, run_every=_LOOK_SECONDS if job.active else None)(workspace, job.id)


def _live(workspace: Workspace, job_id: str) -> None:
    results = Jobs(workspace).results(job_id)
    trials = trial_frame(results)
    if trials.height:
        _show_trials(trials)
    if importances := importances_by_learner(results):
        data = setting_importance.frame(importances)
        if data.height:
            with st.expander(setting_importance.TITLE, icon=":material/bar_chart:"):
                st.markdown(setting_importance.finding(data))
                st.altair_chart(setting_importance.figure(data))
    if fits := fits_by_learner(results):
        data = fold_scores.frame(fits)
        st.markdown(f"**{fold_scores.TITLE}** {fold_scores.finding(data)}")
        st.altair_chart(fold_scores.figure(data), key="live-folds")
    _show_log(workspace, job_id)


def _show_trials(trials: Any) -> None:  # noqa: ANN401 (core's frame)
    data = search_history.frame(trials)
    st.markdown(f"**Best so far.** {search_history.finding(data)}")
    st.altair_chart(search_history.figure(data, "out-of-fold loss"), key="live-search")
    with st.expander("The last trials", icon=":material/list:"):
        trial_table(trials.tail(_LAST_TRIALS).reverse())
    with st.expander(search_space.TITLE, icon=":material/tune:"):
        space(trials, "live")


def trial_table(trials: Any) -> None:  # noqa: ANN401 (core's frame)
    """One row a trial, in the order that is given."""
    rows = [
        {
            "Learner": LEARNER_LABELS[row["learner"]],
            "Trial": str(row["trial"]),
            "Loss": number(row["loss"]),
            "Outcome": "through all folds" if row["complete"] else f"given up after fold {row['folds']}",
            "Time": duration(row["seconds"]),
        }
        for row in trials.iter_rows(named=True)
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config=dict.fromkeys(("Trial", "Loss", "Time"), _RIGHT),
        alt="Trials with their loss, outcome and time",
    )


def space(trials: Any, key: str) -> None:  # noqa: ANN401 (core's frame)
    """Parallel coordinates of one learner's trials."""
    learners = list(dict.fromkeys(trials.get_column("learner")))
    chosen = st.segmented_control(
        "Learner",
        learners,
        default=learners[0],
        required=True,
        format_func=LEARNER_LABELS.get,
        key=f"space-{key}",
        label_visibility="collapsed",
    )
    data = search_space.frame(trials, chosen)
    st.markdown(search_space.finding(data, chosen))
    st.altair_chart(search_space.figure(data, chosen), key=f"space-chart-{key}")


def _show_log(workspace: Workspace, job_id: str) -> None:
    log = log_file(workspace, job_id)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:] if log.is_file() else []
    if lines:
        with st.expander("The end of its log", icon=":material/article:"):
            st.code("\n".join(lines), language=None)
