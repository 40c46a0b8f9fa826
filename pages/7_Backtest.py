"""Backtest: compare the expected score with the actual one, by day and by split."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import unit_text
from core.base.text import count, time_text, whole
from core.dataset import split_lines
from core.eda.run_charts import backtest_cuts, backtest_days
from core.jobs import start_run
from core.metric import score_text
from core.pipeline.backtest import Cut, coverage_sentence, cuts_of_log
from core.runs import Run, expected_interval, expected_score, list_runs
from pages._ui import frame
from pages._ui.chart import show_chart
from pages._ui.frame import Metric
from pages._ui.run_cache import comparison_with_actual, daily_totals
from pages._ui.scores import show_warning
from pages._ui.state import page_state
from pages._ui.table import show_table
from pages._ui.text import plain

QUESTION = "Does the expected score hold?"
PROMISE = "Expected and actual scores will be compared here."

page = frame.open_page(frame.BACKTEST)


def show_days(run: Run, dataset_folder: str) -> None:
    """Show the expected and the actual totals by day."""
    data = daily_totals(str(run.folder), dataset_folder)
    show_chart(backtest_days.finding(data), backtest_days.figure(data), title=backtest_days.TITLE)
    text = (
        "Each day is a period of 24 hours, counted from the start of the test file. Its totals are those of the "
        "sessions that begin in it."
    )
    if backtest_days.has_intervals(data):
        text += (
            " The bars are 90% intervals. They are computed from out-of-fold errors on the train days, so they hold "
            "only if the test days are similar."
        )
    st.caption(text)


def show_cuts(cuts: list[Cut], run: Run) -> None:
    """Show the scores of all splits of the log, and offer to run the settings of a run on the others."""
    st.header("Does it hold at other dates?", anchor=False)
    if len(cuts) == 1:
        st.markdown("There is one split of this log. To see more, read it again with several backtests.")
        st.page_link(frame.DATA.path, label=f"Go to {frame.DATA.label}", icon=frame.DATA.icon)
        return
    data = backtest_cuts.frame([cut.record() for cut in cuts])
    label = run.manifest.scores.metric_scores.label
    if data.height:
        show_chart(coverage_sentence(cuts), backtest_cuts.figure(data, label))
    show_table(
        [cut_row(cut, label) for cut in cuts],
        numbers=("Train sessions", "Test sessions", f"Expected {label}", "Actual"),
        alt="Expected and actual score of each split of the log",
    )
    st.caption("Runs with the same settings as the selected run, each on its own split of the log.")
    missing = [cut for cut in cuts if cut.run is None]
    if missing and st.button(f"Run {count(len(missing), 'more split')}", icon=":material/play_arrow:"):
        for cut in missing:
            start_run(page.workspace, cut.dataset, run.manifest.config)
        page_state().leave_message(
            f"{count(len(missing), 'run')} started or queued. The Train page shows the progress."
        )
        st.rerun()


def cut_row(cut: Cut, label: str) -> dict[str, str]:
    """Return the row of a split in the table; `label` is the name of the metric."""
    row = {
        "Test from": time_text(cut.start),
        "Train sessions": whole(cut.card.train.sessions),
        "Test sessions": whole(cut.card.test.sessions),
    }
    if cut.run is None or cut.comparison is None:
        return row | {f"Expected {label}": "–", "90% interval": "–", "Actual": "–", "In interval": "no run yet"}
    inside = "yes" if cut.comparison.is_inside else "no"
    return row | {
        f"Expected {label}": expected_score(cut.run.manifest),
        "90% interval": expected_interval(cut.run.manifest),
        "Actual": score_text(cut.comparison.metric, cut.comparison.actual),
        "In interval": "–" if cut.comparison.is_withheld else inside,
    }


selected_dataset = frame.dataset_or_stop(page, QUESTION, PROMISE)
card = selected_dataset.card()
if card.split is None:
    frame.show_title(
        QUESTION, "The values of this test file are **unknown**, so there is nothing to compare the predictions with."
    )
    with st.container(border=True):
        st.markdown(
            f"**{PROMISE}**\n\nRead one log with session values and split it by date. The last days are then held out "
            "of training, and their values are compared with the predictions."
        )
        st.page_link(frame.DATA.path, label=f"Go to {frame.DATA.label}", icon=frame.DATA.icon)
    st.stop()
selected_run = frame.run_or_stop(page, QUESTION, PROMISE)
with frame.showing_errors(stop=True):
    comparison = comparison_with_actual(selected_run, selected_dataset)
if comparison is None:
    frame.show_title(QUESTION, "No actual value of this test file is known.")
    st.stop()
frame.show_title(QUESTION, plain(comparison.sentence))
frame.show_better_run(page)
if message := page_state().take_message():
    st.info(plain(message), icon=":material/info:")
show_warning(selected_run)
frame.show_metrics(
    [
        Metric(
            f"Expected {comparison.label}",
            expected_score(selected_run.manifest),
            "Estimated from the train file by cross-validation.",
        ),
        Metric("90% interval", expected_interval(selected_run.manifest), "Expected to contain the actual score."),
        Metric(
            f"Actual {comparison.label}",
            score_text(comparison.metric, comparison.actual),
            f"In {unit_text(comparison.unit)}, on the test file.",
        ),
        Metric("Sessions", whole(comparison.sessions), "Test sessions whose actual value is known."),
        Metric("Unknown", whole(comparison.unknown), "Test sessions whose actual value is unknown."),
    ]
)
st.caption(plain(" ".join(split_lines(card))))
with frame.showing_errors():
    show_days(selected_run, str(selected_dataset.folder))
with frame.showing_errors():
    runs = list_runs(page.workspace)
    show_cuts(
        cuts_of_log(page.workspace, selected_dataset, runs, selected_run.manifest.config, comparison_with_actual),
        selected_run,
    )
