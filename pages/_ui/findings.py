"""What the audit found, as cards, the worst first; a plot where it helps."""

from __future__ import annotations

from types import ModuleType

import streamlit as st

from core.audit import Finding, audit, stored_audit
from core.base.text import count
from core.dataset import Dataset
from core.eda.charts import drift, log_span
from core.eda.run_charts import tail
from pages._ui.frame import AT_ONCE

_ICONS = {"serious": ":material/error:", "warning": ":material/warning:", "note": ":material/info:"}
_COLOURS = {"serious": "red", "warning": "orange", "note": "gray"}
_OF_RECORDS: dict[str, ModuleType] = {"drift": drift, "tail": tail}
"""Charts drawn from the finding's own table."""


def show_findings(dataset: Dataset, rows: int) -> None:
    """The findings on a dataset; where there are none yet, they are looked for."""
    st.subheader("What is odd about it", anchor=False)
    if stored_audit(dataset) is None and rows > AT_ONCE:
        st.markdown("Nobody has looked yet: composite and known sessions, drift, bots, odd rows and the like.")
        if not st.button("Look for what is odd", type="primary", icon=":material/search:"):
            return
    with st.spinner("Looking for what is odd", show_time=True):
        report = audit(dataset)
    loud = [finding for finding in report.findings if finding.severity != "note"]
    notes = [finding for finding in report.findings if finding.severity == "note"]
    if not loud:
        st.success("Nothing that needs your attention.", icon=":material/check_circle:")
    for finding in loud:
        _card(dataset, finding)
    if notes:
        with st.expander(f"{count(len(notes), 'note')}, good to know", icon=_ICONS["note"]):
            for finding in notes:
                _card(dataset, finding)
    quiet = [outcome for outcome in report.outcomes if outcome.outcome != "found"]
    with st.expander(f"{count(len(quiet), 'other thing')} looked at, nothing odd there", icon=":material/check:"):
        for outcome in quiet:
            st.markdown(f"- {outcome.title}" + (f": does not apply, {outcome.reason}" if outcome.reason else ""))


def _card(dataset: Dataset, finding: Finding) -> None:
    with st.container(border=True):
        colour = _COLOURS[finding.severity]
        st.markdown(f"{_ICONS[finding.severity]} **{finding.title}** :{colour}-badge[{finding.severity}]")
        st.markdown(finding.explanation)
        st.caption(finding.advice)
        if finding.examples:
            st.caption(f"For example {'; '.join(f'`{example}`' for example in finding.examples)}")
        if finding.chart is None:
            return
        # a note stands in a closed box with many others: its chart is drawn when it is asked for
        key = f"chart/{dataset.fingerprint}/{finding.code}"
        if finding.severity != "note" or st.toggle("Show the chart", key=key):
            _chart(dataset, finding)


def _chart(dataset: Dataset, finding: Finding) -> None:
    if finding.chart in _OF_RECORDS:
        chart = _OF_RECORDS[finding.chart]
        data = chart.frame(finding.table)
    else:
        chart, data = log_span, log_span.frame(dataset)
    st.markdown(chart.finding(data))
    st.altair_chart(chart.figure(data))
