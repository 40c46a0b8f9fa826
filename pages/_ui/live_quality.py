"""The view of the Live page that shows how well open sessions are valued."""

from __future__ import annotations

import streamlit as st

from core.base.text import whole
from core.eda.run_charts import coverage_by_events, earliness, purchase_reliability
from pages._ui.chart import show_chart
from pages._ui.live_cache import live_errors
from pages._ui.run_tables import PRICES_ARE_ESTIMATES

_BY: dict[earliness.By, str] = {"events": "Events so far", "seconds": "Time since the start"}


def show_quality(run_folder: str) -> None:
    """Show errors, widths and coverage of the intervals, and whether the purchase probabilities are right."""
    by = st.segmented_control(
        "By", list(_BY), default="events", required=True, format_func=_BY.__getitem__, key="quality-by"
    )
    data = live_errors(run_folder, by)
    show_chart(
        earliness.finding(data.errors, by),
        earliness.figure(data.errors, by),
        title=earliness.TITLES["error"],
        key="earliness",
    )
    growth = earliness.growth(data.errors) if by == "events" else ""
    st.caption(
        f"Out-of-fold errors on the train sessions.{growth and f' {growth}'} “{earliness.SO_FAR.capitalize()}” is the "
        f"sum of the estimated prices of the events so far. {PRICES_ARE_ESTIMATES} “{earliness.WHOLE.capitalize()}” is "
        "the run's first learner, trained on finished sessions only."
    )
    show_chart(
        earliness.finding(data.widths, by, "width"),
        earliness.figure(data.widths, by, "width"),
        title=earliness.TITLES["width"],
        key="widths",
    )
    st.caption(
        "The other lines are simple predictions. The width of their intervals was chosen in hindsight, separately for "
        "each point, so that 80% of the values are inside. The width of the model's intervals differs from session to "
        "session."
    )
    show_chart(
        coverage_by_events.finding(data.coverage, by),
        coverage_by_events.figure(data.coverage, by),
        title=coverage_by_events.TITLE,
        key="coverage",
    )
    st.caption("The bars are 95% confidence intervals of the share. They treat open sessions as independent.")
    show_chart(
        purchase_reliability.finding(data.purchases),
        purchase_reliability.figure(data.purchases) if data.purchases.height else None,
        title=purchase_reliability.TITLE,
        key="reliability",
    )
    if data.purchases.height:
        sizes = data.purchases.get_column("prefixes")
        st.caption(
            f"Each point is a group of {whole(sizes.min())} to {whole(sizes.max())} open sessions with similar "
            "probabilities. Points on the dashed line are perfectly calibrated. The bars are 95% confidence intervals."
        )
