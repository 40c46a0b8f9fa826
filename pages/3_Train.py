"""Train: start a run, follow it, and see how well it predicts."""

from __future__ import annotations

import streamlit as st

from core.base.text import count, duration, listed, number
from core.config import RunConfig, available_cores
from core.dataset import Dataset, DatasetCard
from core.jobs import Job, Jobs, start_run
from core.pipeline.time_estimate import estimate_time
from core.runs import Run, expected_error, expected_interval, list_runs
from core.runs.store import CERTIFICATE_FILE
from core.schema import LEARNER_LABELS
from pages._ui import frame, scores
from pages._ui.cache import damaged_files
from pages._ui.frame import Metric
from pages._ui.job import show_history, show_outcome, show_progress, show_queue, watch_for_jobs
from pages._ui.live import show_live
from pages._ui.run_list import show_runs
from pages._ui.run_tables import check_table
from pages._ui.setting_input import setting_input
from pages._ui.state import get_param, page_state, set_param
from pages._ui.text import plain

QUESTION = "How well can we predict?"
# Other settings are options of the command line only. (Streamlit would show a string below the constant on the page.)
FORM_SETTINGS = (
    "purpose",
    "learners",
    "metric",
    "folds",
    "fold_kind",
    "seed",
    "history",
    "use_known_values",
    "split_composite_sessions",
)

page = frame.open_page(frame.TRAIN)


def watched_job() -> Job | None:
    """Return the open job in the URL, else the running job, else the latest job if its end must still be reported."""
    job_in_url = next((job for job in Jobs(page.workspace).open() if job.id == get_param("job")), None)
    if (job := job_in_url or page.job) is not None:
        return job
    ended = Jobs(page.workspace).unacknowledged_end()
    return ended if ended is not None and ended.id == get_param("job") else frame.ended_without_run(page)


def choose_settings(n_sessions: int) -> RunConfig:
    """Show the form for a run's settings and return the configuration."""
    runs = list_runs(page.workspace)
    presets = RunConfig.setting("preset")
    estimates = {name: estimate_time(RunConfig.checked(preset=name), n_sessions, runs) for name in presets.choices}
    preset = st.segmented_control(
        presets.title,
        list(presets.choices),
        default=presets.default,
        required=True,
        format_func=lambda name: f"{presets.choices[name]} · {estimates[name].text}",
        key="preset",
    )
    defaults = RunConfig.checked(preset=preset)
    settings = {"preset": preset}
    if defaults.tunes:
        settings["minutes"] = setting_input("minutes", defaults.budget_minutes, key=f"minutes-{preset}", width=180)
        settings["trials"] = setting_input("trials", placeholder="no limit", width=180)
    with st.expander("Settings", icon=":material/tune:", key="settings"):
        settings |= {name: setting_input(name) for name in FORM_SETTINGS}
    return RunConfig.checked(**settings)


def describe_run(config: RunConfig, card: DatasetCard) -> str:
    """Say what the run will do, and how long it takes on this machine."""
    learners = f"{count(len(config.learners), 'learner')} ({listed(LEARNER_LABELS[name] for name in config.learners)})"
    resources = f"{count(config.folds, 'fold')} and {count(available_cores(), 'core')}"
    sessions = f"{count(card.train.sessions, 'train session')} and {card.to_predict:,} to predict"
    estimate = estimate_time(config, card.train.sessions + card.to_predict, list_runs(page.workspace))
    evidence = (
        f"about {estimate.text}" if estimate.is_sure else f"{estimate.text}, as no similar run has been timed yet"
    )
    if not config.tunes:
        return (
            f"A **quick** run fits {learners} with default hyperparameters on {resources}, and combines them in the "
            f"way that is best in cross-validation. For {sessions}, it should take {evidence}."
        )
    minutes = config.budget_minutes
    if minutes is None:
        time = f"It has no time limit, and should take {evidence}"
    elif estimate.over_budget:
        time = (
            f"Its time budget is {minutes:g} minutes, but without any tuning it should already take "
            f"{evidence}, because there are {sessions}"
        )
    else:
        time = f"It takes {minutes:g} {'minute' if minutes == 1 else 'minutes'}"
    return (
        f"A **{config.preset}** run tunes {learners} on {resources}, fits them with their best hyperparameters and "
        f"several seeds, and combines them in the way that is best in cross-validation. {time}. You can end the tuning "
        "early and finish with the best hyperparameters so far."
    )


def show_run_form(dataset: Dataset) -> None:
    """Show the settings, what a run with them does, and the button that starts it."""
    card = dataset.card()
    config = choose_settings(card.train.sessions + card.to_predict)
    st.markdown(describe_run(config, card))
    if st.button("Start training", type="primary", icon=":material/play_arrow:"):
        job, is_new = start_run(page.workspace, dataset, config)
        set_param("job", job.id)
        if not is_new:
            page_state().leave_message("This run was already started. It is shown here.")
        elif job.state == "queued":
            page_state().leave_message("Another run is in progress. Yours is queued and will start automatically.")
        st.rerun()


def show_job(job: Job | None) -> None:
    """Show the progress of an open job, or how the last one ended."""
    if job is not None and job.open:
        set_param("job", job.id)
        shown = job if job.active or page.job is None else page.job  # a queued job is in the queue below
        show_progress(page.workspace, shown.id)
        if shown.active:
            show_live(page.workspace, shown)
        return
    if job is not None:
        show_outcome(page.workspace, job, page.run)
    watch_for_jobs(page.workspace)


def show_scores(run: Run) -> None:
    """Show the results of a run, unless its files were changed or lost."""
    if damage := damaged_files(str(run.folder)):
        st.error(
            f"Files of this run have changed since it finished ({plain(listed(damage, 3))}), so its results are not "
            "shown. Train again with the same settings, then delete this run below.",
            icon=":material/error:",
        )
        return
    manifest, metric_scores = run.manifest, run.manifest.scores.metric_scores
    scores.show_warning(run)
    frame.show_metrics(
        [
            scores.expected_metric(run),
            Metric("90% interval", expected_interval(manifest), "Expected to contain the score on the test file."),
            Metric(f"Cross-validated {metric_scores.label}", number(metric_scores.stack), "Of the stack, out of fold."),
            Metric("Constant guess", number(metric_scores.baseline), f"{metric_scores.label} of the best constant."),
            Metric("Time", duration(manifest.seconds), f"Duration of the run on {count(manifest.threads, 'core')}."),
        ]
    )
    scores.show_actual(run, page.dataset)
    scores.show_learner_scores(run)
    scores.show_search(run)
    scores.show_blends(run)
    scores.show_folds(run)
    scores.show_errors(run, page.dataset)
    scores.show_users(run)
    scores.show_coverage(run)
    certificate = manifest.certificate
    st.header("Can the score be trusted?", anchor=False)
    st.markdown(f"{certificate.passed} of {count(certificate.passed + certificate.failed, 'leakage check')} passed.")
    check_table(run.records(CERTIFICATE_FILE))


job = watched_job()
if page.run is None:
    frame.show_title(QUESTION, page.no_run)
else:
    frame.show_title(QUESTION, f"{expected_error(page.run.manifest, page.run_name)}.")
frame.show_better_run(page)
with st.container():  # always drawn, so that nothing below moves when the message disappears
    if message := page_state().take_message():
        st.info(plain(message), icon=":material/info:")
with frame.showing_errors():
    show_job(job)
    show_queue(page.workspace)
    if page.dataset is None:
        frame.show_empty_state("A run's progress and scores will be shown here.", "dataset")
    elif job is not None and job.open:
        with st.expander("Start another run", icon=":material/add:", key="another-run"):
            show_run_form(page.dataset)
    else:
        show_run_form(page.dataset)
if page.run is not None:
    st.header("Results of the selected run", anchor=False)
    with frame.showing_errors():
        show_scores(page.run)
    with frame.showing_errors():
        show_runs(page.workspace, page.dataset)
with frame.showing_errors():
    show_history(page.workspace)
