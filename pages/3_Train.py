"""Train: start a run with one click, watch it, see how well it does."""

from __future__ import annotations

import streamlit as st

from core.config import RunConfig, available_cores
from core.eda import learner_scores
from core.runs import Job, Jobs, Run, start_run
from core.runs.store import CERTIFICATE_FILE
from core.schema import LEARNER_LABELS
from core.wording import count, duration, number
from pages._ui import frame
from pages._ui.frame import Figure
from pages._ui.job import show_end, show_progress
from pages._ui.tables import certificate_table, fold_table, user_table

HISTORY = {
    "as_of": "Only what happened before the session began",
    "all_rows": "All rows of both files but the session's own",
}

page = frame.open_page(frame.TRAIN)


def watched_job() -> Job | None:
    """The job at work, else the one that the address names (a reload, a shared link), else one that went wrong."""
    if page.job is not None:
        return page.job
    jobs = Jobs(page.workspace).all()
    name = st.query_params.get("job")
    named = next((job for job in jobs if job.id == name), None)
    return named or frame.unfinished(jobs)


def settings() -> RunConfig:
    """What the visitor wants, in a sentence and behind it the expert settings."""
    with st.expander("Settings", icon=":material/tune:"):
        folds = st.number_input("Folds", 2, 20, 5, help="Groups of users for cross-validation.")
        seed = st.number_input("Seed", 0, 2**31 - 1, 7, help="Same seed, same files: the same bytes.")
        history = st.selectbox(
            "History features may use",
            list(HISTORY),
            format_func=HISTORY.__getitem__,
            help="Only the first also holds for sessions that are still open.",
        )
        known = st.toggle("Sessions known from train take their known value", value=True)
        split = st.toggle("Session ids shared by several users are predicted user by user", value=True)
    return RunConfig.checked(
        folds=int(folds), seed=int(seed), history=history, use_known_values=known, split_composite_sessions=split
    )


def start(config: RunConfig) -> None:
    """Start the run, or find the one that is at work already."""
    assert page.dataset is not None  # noqa: S101 (the button is shown with a dataset only)
    job, fresh = start_run(page.workspace, page.dataset, config)
    st.query_params["job"] = job.id
    if not fresh:
        st.session_state["told"] = "A run is at work already; here it is. Start yours when it has ended."
    st.rerun()


def show_scores(run: Run) -> None:
    """What came of the chosen run."""
    manifest, scores = run.manifest, run.manifest.scores
    expected = scores.expected_test_mse
    frame.figures(
        [
            Figure(
                "Expected test MSE",
                number(expected.value),
                "Mean squared error to expect on the test file, weighted to its mix of sessions.",
            ),
            Figure(
                "90% interval", f"{number(expected.low)} – {number(expected.high)}", "Where the test score will be."
            ),
            Figure("Cross-validated MSE", number(scores.cv_mse), "Of the final prediction, out of fold."),
            Figure("Guessing the mean", number(scores.baseline_mse), "MSE of predicting the mean for every session."),
            Figure("Time", duration(manifest.seconds), f"On {count(manifest.threads, 'core')}."),
        ]
    )
    data = learner_scores.frame(scores.learners, scores.cv_mse, scores.baseline_mse, scores.prices_mse)
    st.subheader(learner_scores.TITLE, anchor=False)
    st.markdown(learner_scores.finding(data))
    st.altair_chart(learner_scores.figure(data))
    st.subheader("Mean squared error by fold", anchor=False)
    fold_table(run)
    weights = ", ".join(f"{LEARNER_LABELS[name]} {number(weight)}" for name, weight in manifest.meta.weights.items())
    st.caption(f"The Ridge meta-model adds up the learners with these weights: {weights}.")
    show_users(run)
    st.subheader("Can the score be believed?", anchor=False)
    st.markdown(
        f"{manifest.certificate.passed} of {manifest.certificate.passed + manifest.certificate.failed} "
        "checks against leaks passed."
    )
    certificate_table(run.records(CERTIFICATE_FILE))


def show_users(run: Run) -> None:
    """New and known users apart."""
    users = run.manifest.scores.users
    if not users:
        return
    st.subheader("New users and known ones", anchor=False)
    st.markdown(
        "What a user's earlier sessions were worth, against what they held, says how dear the next one will be. "
        "A new user has no such past."
    )
    user_table(run)


job = watched_job()
if page.run is None:
    frame.title("How well can we predict?", "There is no finished run on this dataset yet.")
else:
    error = page.run.manifest.scores.expected_test_mse.value**0.5
    frame.title(
        "How well can we predict?",
        f"The chosen run is expected to err by **{number(error)} value units** on the test file (root mean square).",
    )
if told := st.session_state.pop("told", None):
    st.info(told, icon=":material/info:")
with frame.sentences():
    if job is not None and job.active:
        st.query_params["job"] = job.id
        show_progress(page.workspace, job.id)
    elif page.dataset is None:
        frame.nothing_yet(
            "A run's progress and scores will stand here.",
            "A run needs a dataset: bring two event files, or take the demo data.",
            frame.DATA,
            "Go to Data",
        )
    else:
        if job is not None:
            show_end(job)
        config = settings()
        learners = ", ".join(LEARNER_LABELS.values())
        st.markdown(
            f"A **quick** run fits {len(LEARNER_LABELS)} learners ({learners}) with their defaults on {config.folds} "
            f"folds of users, on {count(available_cores(), 'core')}, and stacks them with a Ridge meta-model. It takes "
            "seconds for 10,000 sessions and about a minute for 100,000."
        )
        if st.button("Start training", type="primary", icon=":material/play_arrow:"):
            start(config)
if page.run is not None:
    st.subheader("The chosen run", anchor=False)
    with frame.sentences():
        show_scores(page.run)
