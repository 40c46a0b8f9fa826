"""The findings of the audit as cards with charts, the most serious first."""

from __future__ import annotations

from types import ModuleType

import streamlit as st

from core.audit import COUNTS_NOTE, Finding, audit, stored_audit
from core.base.text import count, whole
from core.dataset import Dataset
from core.eda.charts import drift, log_span
from core.eda.run_charts import tail
from pages._ui.chart import show_chart
from pages._ui.text import plain

MAX_ROWS_AUTO_AUDIT = 1_000_000
"""Larger datasets are audited on request only. The audit of this many rows takes about a dozen seconds."""
_ICONS = {"serious": ":material/error:", "warning": ":material/warning:", "note": ":material/info:"}
_COLOURS = {"serious": "red", "warning": "orange", "note": "gray"}
_CHARTS: dict[str, ModuleType] = {"drift": drift, "log_span": log_span, "tail": tail}


def show_findings(dataset: Dataset, n_rows: int) -> None:
    """Show the findings of the audit; a dataset that was not audited yet is audited first, a large one on request."""
    st.header("What is unusual?", anchor=False)
    if stored_audit(dataset) is None and n_rows > MAX_ROWS_AUTO_AUDIT:
        st.markdown(
            "The audit looks for drift, bots, shared session ids, test sessions that are also in the train file, and "
            f"more. With {whole(n_rows)} rows, it takes a while."
        )
        if not st.button("Audit the data", type="primary", icon=":material/search:"):
            return
    with st.spinner("Auditing the data", show_time=True):
        report = audit(dataset)
    notes = [finding for finding in report.findings if finding.severity == "note"]
    important = [finding for finding in report.findings if finding.severity != "note"]
    if not important:
        st.success("Nothing needs your attention.", icon=":material/check_circle:")
    for finding in important:
        _show_finding(dataset, finding)
    if notes:
        with st.expander(count(len(notes), "note"), icon=_ICONS["note"]):
            for finding in notes:
                _show_finding(dataset, finding)
    others = [outcome for outcome in report.outcomes if outcome.outcome != "found"]
    with st.expander(f"{count(len(others), 'rule')} without a finding", icon=":material/check:"):
        for outcome in others:
            reason = f": does not apply because {outcome.reason}" if outcome.reason else ""
            st.markdown(f"- {plain(outcome.title + reason)}")
    st.caption(COUNTS_NOTE)


def _show_finding(dataset: Dataset, finding: Finding) -> None:
    with st.container(border=True):
        colour = _COLOURS[finding.severity]
        st.markdown(f"{_ICONS[finding.severity]} **{plain(finding.title)}** :{colour}-badge[{finding.severity}]")
        st.markdown(plain(finding.explanation))
        st.caption(plain(finding.advice))
        if finding.examples:
            st.caption(f"Examples: {plain('; '.join(finding.examples))}")
        if finding.chart is None:
            return
        # all notes are in one closed expander, so their charts are drawn on request
        key = f"chart/{dataset.fingerprint}/{finding.code}"
        if finding.severity != "note" or st.toggle("Show the chart", key=key):
            chart = _CHARTS[finding.chart]
            data = chart.frame(dataset if chart is log_span else finding.table)
            show_chart(chart.finding(data), chart.figure(data))
