"""Home: a briefing on the shown run and its data, and what to do next."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import value_unit
from core.base.text import duration, whole
from core.eda.run_charts import error_and_average
from core.metric import error_of_one_session
from core.pipeline.briefing import BriefFinding
from core.pipeline.next_step import next_step
from core.runs import Run, error_sentence
from pages._ui import frame
from pages._ui.briefing_cache import audit_line, findings
from pages._ui.chart import draw_chart
from pages._ui.frame import Page
from pages._ui.job import show_outcome, show_progress, watch_for_jobs
from pages._ui.scores import show_actual, show_warning
from pages._ui.text import plain

QUESTION = "What will a session be worth?"
_ICONS = {"data": ":material/bar_chart:", "model": ":material/insights:"}
_PLACES = {"Explore": "Chart", "Importance": "Drivers", "Train": "Errors"}


def show_home() -> None:
    """Show the page."""
    page = frame.open_page(frame.HOME)
    run = page.run
    finding = page.no_run if run is None else error_sentence(run.manifest, page.run_name)
    frame.show_title(QUESTION, finding)
    frame.show_better_run(page)
    _show_job(page)
    if run is None:
        if page.job is None:
            frame.show_empty_state("The best run's expected error will be shown here.", "run", page.waiting)
    else:
        show_warning(run)
    left, right = st.columns([3, 2], gap="large")
    with right:
        _show_next_step(page)
    with left:
        if run is not None:
            _show_error(run)
    _show_findings(page)
    if run is not None:
        show_actual(run, page.dataset)
        manifest = run.manifest
        name = page.dataset.name if page.dataset is not None else manifest.dataset_name
        n_passed = manifest.checks.passed + manifest.certificate.passed
        n_checks = n_passed + manifest.checks.failed + manifest.certificate.failed
        st.caption(
            f"Run {plain(manifest.run_id)} on {plain(name)}{' (synthetic data)' if manifest.synthetic else ''}: "
            f"{whole(manifest.sessions.train)} train sessions, {whole(manifest.sessions.test)} to predict, "
            f"{n_passed} of {n_checks} checks passed, {duration(manifest.seconds)}."
        )


def _show_job(page: Page) -> None:
    """Show the running job with its settings, metric and time left, or how the last one ended."""
    if page.job is not None:
        show_progress(page.workspace, page.job.id)
        return
    if (ended_job := frame.ended_without_run(page)) is not None:
        show_outcome(page.workspace, ended_job)
    watch_for_jobs(page.workspace)


def _show_next_step(page: Page) -> None:
    step = next_step(page.dataset, page.run, page.best, waiting=page.waiting is not None)
    entry = frame.PAGES[step.place]
    with st.container(border=True):
        st.markdown("**Next**")
        st.markdown(plain(step.reason))
        if st.button(step.label, type="primary", icon=entry.icon, key="next-step"):
            st.switch_page(entry.path, query_params={"view": step.view} if step.view else None)


def _show_error(run: Run) -> None:
    """Show the expected error next to that of the average."""
    scores, is_withheld = run.manifest.scores.metric_scores, run.manifest.scores.expected_withheld
    score = scores.stack if is_withheld else scores.expected.value
    ends = (None, None) if is_withheld else (scores.expected.low, scores.expected.high)
    error, low, high, constant = (
        None if each is None else error_of_one_session(scores.metric, each) for each in (score, *ends, scores.baseline)
    )
    data = error_and_average.frame(
        error or 0.0, low, high, constant or 0.0, is_median=scores.metric == "mae", is_log=scores.metric == "rmsle"
    )
    unit = "log scale" if scores.metric == "rmsle" else value_unit()
    st.markdown(f"**{plain(error_and_average.TITLE)}** {plain(error_and_average.finding(data))}")
    draw_chart(error_and_average.figure(data, unit))


def _show_findings(page: Page) -> None:
    """Show what is surprising in the data and in the model, each with a link to its chart."""
    if page.dataset is None:
        return
    st.header("What stands out?", anchor=False)
    with frame.showing_errors():
        found = findings(str(page.dataset.folder), None if page.run is None else str(page.run.folder))
        if not found:
            st.markdown("No group of sessions differs in value by more than chance.")
        for each in found:
            _show_finding(each)
        if found:
            st.caption(
                "Sorted by effect size in standard deviations, minus three standard errors. Findings that chance "
                "could explain are left out. What the model uses is not necessarily what would change the value."
            )
    if line := audit_line(str(page.dataset.folder)):
        st.page_link(frame.DATA.path, label=line, icon=":material/fact_check:")


def _show_finding(finding: BriefFinding) -> None:
    entry = frame.PAGES[finding.place]
    query = {**({"view": finding.view} if finding.view else {}), **dict(finding.query)}
    text, link = st.columns([6, 1], vertical_alignment="center")
    text.markdown(f"{_ICONS[finding.kind]} {plain(finding.text)}")
    link.page_link(entry.path, label=_PLACES[finding.place], icon=entry.icon, query_params=query)
