"""The findings of the audit as cards, most serious first, with a chart where it helps."""

from __future__ import annotations

from types import ModuleType

import streamlit as st

from core.audit import Finding, audit, stored_audit
from core.base.text import count
from core.dataset import Dataset
from core.eda.charts import drift, log_span
from core.eda.run_charts import tail
from pages._ui.chart import show_chart

MAX_ROWS_UNASKED = 1_000_000
"""Larger datasets are audited on request only; one of this size takes about a dozen seconds."""
_ICONS = {"serious": ":material/error:", "warning": ":material/warning:", "note": ":material/info:"}
_COLOURS = {"serious": "red", "warning": "orange", "note": "gray"}
_TABLE_CHARTS: dict[str, ModuleType] = {"drift": drift, "tail": tail}
"""Charts that are drawn from the finding's own table."""


def show_findings(dataset: Dataset, n_rows: int) -> None:
    """Show the findings on a dataset; audit it first if that has not been done."""
    st.subheader("What is unusual?", anchor=False)
    if stored_audit(dataset) is None and n_rows > MAX_ROWS_UNASKED:
        st.markdown(
            "The findings of the audit will be shown here: shared session ids, sessions known from train, drift, bots "
            f"and more. With {n_rows:,} rows the audit takes a while."
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
        _card(dataset, finding)
    if notes:
        with st.expander(count(len(notes), "note"), icon=_ICONS["note"]):
            for finding in notes:
                _card(dataset, finding)
    quiet = [outcome for outcome in report.outcomes if outcome.outcome != "found"]
    with st.expander(f"{count(len(quiet), 'check')} without a finding", icon=":material/check:"):
        for outcome in quiet:
            st.markdown(f"- {outcome.title}" + (f": does not apply, {outcome.reason}" if outcome.reason else ""))


def _card(dataset: Dataset, finding: Finding) -> None:
    with st.container(border=True):
        colour = _COLOURS[finding.severity]
        st.markdown(f"{_ICONS[finding.severity]} **{finding.title}** :{colour}-badge[{finding.severity}]")
        st.markdown(finding.explanation)
        st.caption(finding.advice)
        if finding.examples:
            st.caption(f"Examples: {'; '.join(f'`{example}`' for example in finding.examples)}")
        if finding.chart is None:
            return
        # many notes share one closed box, so their charts are drawn on request
        key = f"chart/{dataset.fingerprint}/{finding.code}"
        if finding.severity != "note" or st.toggle("Show the chart", key=key):
            if finding.chart in _TABLE_CHARTS:
                chart = _TABLE_CHARTS[finding.chart]
                data = chart.frame(finding.table)
                show_chart(chart.finding(data), chart.figure(data))
            else:
                span = log_span.frame(dataset)
                show_chart(log_span.finding(span), log_span.figure(span))
