"""The runs on a dataset as a leaderboard: choose one to use it, or several to compare them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.base.text import MISSING, count, duration, span
from core.config import RunConfig
from core.dataset import Dataset
from core.eda.run_charts import run_differences as chart
from core.metric import error_text, score_interval, score_text
from core.runs import Difference, Entry, Run, differing_settings, expected_score, leaderboard, setting_value
from core.schema import LEARNER_LABELS, STACK, STACK_LABEL
from pages._ui.chart import show_chart
from pages._ui.manage import edit_run
from pages._ui.run_comparison import show_two_runs
from pages._ui.run_names import BEST_MARK, distinct_names, run_name
from pages._ui.selectors import select_run
from pages._ui.table import pick_rows, show_table
from pages._ui.text import plain
from pages._ui.train_cache import run_differences

_LABELS = LEARNER_LABELS | {STACK: STACK_LABEL}
_MAX_ROWS = 200


def show_board(runs: list[Run], selected: Run | None, dataset: Dataset | None) -> None:
    """Show the leaderboard; below it, what can be done with the chosen rows.

    Args:
        runs: finished runs on one dataset.
        selected: the run that all pages show.
    """
    with_learners = len(runs) == 1
    if len(runs) > 1:
        with_learners = st.toggle("Show single learners", value=True, key="board-learners")
    entries = leaderboard(runs, learners=with_learners)[:_MAX_ROWS]
    st.markdown(_finding(runs, entries))
    names = distinct_names({run.manifest.run_id: run_name(run) for run in runs})
    positions = pick_rows(
        [_row(entry, names[entry.run.manifest.run_id], selected) for entry in entries],
        numbers=("Expected", "90% interval", "Typical error", "Cross-validated", "Time"),
        key=f"board-{len(entries)}",
        alt="Runs and learners, the lowest expected score first",
        scrolls=len(entries) > 12,
    )
    chosen = [entries[position] for position in sorted(positions)]
    if len(chosen) == 1:
        _offer(chosen[0].run, selected)
    elif chosen:
        _compare(chosen, names, selected, dataset)


def _finding(runs: list[Run], entries: list[Entry]) -> str:
    best = next(entry for entry in entries if entry.is_best)
    scores = best.run.manifest.scores.metric_scores
    score = f"an expected test {scores.label} of **{plain(expected_score(best.run.manifest))}**"
    if best.expected is not None:
        interval = score_interval(scores.metric, best.expected.low, best.expected.high)
        score += f" (90% interval: {plain(interval)})"
    lead = f"{BEST_MARK} **{plain(run_name(best.run))}** has {score}"
    if len(runs) == 1:
        return f"{lead}. It is the only run on this dataset so far."
    return (
        f"{lead}, the lowest of {count(len(runs), 'run')}. Select one row to use or rename its run, or several rows to "
        "compare them."
    )


def _row(entry: Entry, name: str, selected: Run | None) -> dict[str, str]:
    manifest, expected = entry.run.manifest, entry.expected
    metric = manifest.scores.metric_scores.metric
    marks = f"{BEST_MARK} " if entry.is_best else ""
    is_selected = selected is not None and entry.run.folder == selected.folder
    shown = " (shown)" if is_selected and entry.predictor == STACK else ""
    return {
        "Run": f"{marks}{name}{shown}",
        "Model": _LABELS[entry.predictor],
        "Metric": manifest.scores.metric_scores.label,
        "Expected": MISSING if expected is None else score_text(metric, expected.value),
        "90% interval": MISSING if expected is None else score_interval(metric, expected.low, expected.high),
        "Typical error": MISSING if expected is None else error_text(metric, expected.value),
        "Cross-validated": score_text(metric, entry.cross_validated),
        "Preset": manifest.config.preset,
        "Time": duration(manifest.seconds),
    }


def _offer(run: Run, selected: Run | None) -> None:
    """Show the button that selects a run on all pages, and the form for its name."""
    with st.container(border=True):
        _offer_use(run, selected, run_name(run))
        edit_run(run, key="board")


def _offer_use(run: Run, selected: Run | None, name: str) -> None:
    if selected is not None and run.folder == selected.folder:
        st.caption(f"{plain(name)} is shown on all pages.")
    elif st.button(f"Use {plain(name)}", icon=":material/check:", type="primary", key=f"use-{run.manifest.run_id}"):
        select_run(run)


def _compare(entries: list[Entry], names: dict[str, str], selected: Run | None, dataset: Dataset | None) -> None:
    """Compare two or more predictors with the best of them, which comes first in the leaderboard."""
    folder = None if dataset is None else str(dataset.folder)
    differences = run_differences(tuple((str(entry.run.folder), entry.predictor) for entry in entries), folder)
    labels = _entry_labels(entries, names)
    scores = entries[0].run.manifest.scores.metric_scores
    data = chart.frame(
        [
            chart.LabelledDifference(
                label=label, basis=each.basis, value=each.value, low=each.low, high=each.high, clear=each.is_clear
            )
            for each, label in zip(differences, labels, strict=True)
        ]
    )
    has_chart = data.height > 1
    show_chart(
        chart.finding(data, scores.label),
        chart.figure(data, scores.label, scores.unit) if has_chart else None,
        title=chart.TITLE,
    )
    show_table(
        [_difference_row(each, label) for each, label in zip(differences, labels, strict=True)],
        numbers=("Expected", "Cross-validated", "Difference", "95% interval"),
        alt="The chosen models, and how their scores differ from that of the first",
    )
    st.caption(
        "Paired differences compare the out-of-fold losses on the same sessions. Their intervals account for users "
        "with several sessions. If two runs have no predictions for the same sessions, their expected scores are "
        "compared as if their errors were independent, which makes the interval too wide."
    )
    runs = list({entry.run.manifest.run_id: entry.run for entry in entries}.values())
    with st.container(horizontal=True):
        for run in runs:
            _offer_use(run, selected, names[run.manifest.run_id])
    _show_settings(runs, names)
    if len(runs) == 2:
        first, second = runs
        show_two_runs(first, second, [names[run.manifest.run_id] for run in runs], folder)


def _entry_labels(entries: Sequence[Entry], names: dict[str, str]) -> list[str]:
    """Return distinct names: that of the run, and the learner if it is not the stack."""
    return [
        names[entry.run.manifest.run_id] + ("" if entry.predictor == STACK else f", {_LABELS[entry.predictor]}")
        for entry in entries
    ]


def _difference_row(difference: Difference, label: str) -> dict[str, str]:
    entry = difference.entry
    show = partial(score_text, entry.run.manifest.scores.metric_scores.metric)
    is_known = difference.basis in ("paired", "expected")
    return {
        "Model": f"{BEST_MARK} {label}" if entry.is_best else label,
        "Expected": MISSING if entry.expected is None else show(entry.expected.value),
        "Cross-validated": show(entry.cross_validated),
        "Difference": _signed(show(difference.value)) if is_known else MISSING,
        "95% interval": _signed(span(show(difference.low), show(difference.high))) if is_known else MISSING,
        "Basis": {
            "reference": "reference",
            "paired": "paired, out of fold",
            "expected": "expected scores",
            "none": "not comparable",
        }[difference.basis],
    }


def _signed(text: str) -> str:
    """Return a text with minus signs, because a text with a leading hyphen may be a formula to a spreadsheet."""
    return text.replace("-", "−")


def _show_settings(runs: list[Run], names: dict[str, str]) -> None:
    """Show the settings in which the runs differ; one column per run."""
    if len(runs) < 2:
        return
    settings = differing_settings(runs)
    if not settings:
        st.caption("The settings of these runs are the same.")
        return
    ids = [run.manifest.run_id for run in runs]
    show_table(
        [
            {"Setting": RunConfig.setting(setting).title}
            | {run_id: setting_value(setting, value) for run_id, value in zip(ids, values, strict=True)}
            for setting, values in settings.items()
        ],
        labels={run_id: names[run_id] for run_id in ids},
        alt="Settings in which the runs differ",
    )
