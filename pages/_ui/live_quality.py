"""The view of the Live page that shows how well open sessions are valued."""

from __future__ import annotations

import streamlit as st

from core.eda.run_charts import coverage_by_events, earliness
from pages._ui.chart import show_chart
from pages._ui.live_cache import LiveErrors


def show_quality(data: LiveErrors) -> None:
    """Show errors and coverage of the intervals by events seen."""
    show_chart(earliness.finding(data.errors), earliness.figure(data.errors), title=earliness.TITLE, key="earliness")
    st.caption(
        "Out-of-fold errors on the train sessions. The errors grow with the events, because longer sessions are worth "
        "more. The value so far is that of the events at recovered prices. *Whole sessions* is the run's first "
        "learner, trained without prefixes."
    )
    show_chart(
        coverage_by_events.finding(data.coverage),
        coverage_by_events.figure(data.coverage),
        title=coverage_by_events.TITLE,
        key="coverage",
    )
    st.caption("The bars are 95% confidence intervals of the share. They treat open sessions as independent.")
