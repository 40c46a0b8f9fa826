"""The runs on a dataset: name, annotate or delete one run, or compare two."""

from __future__ import annotations

import datetime

import streamlit as st

from core.base.text import duration, number
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.runs import Comparison, Run, best_run, expected_score, list_runs
from core.schema import LEARNER_LABELS, STACK, STACK_LABEL
from pages._ui.cache import comparison
from pages._ui.manage import edit_run
from pages._ui.selectors import BEST_MARK, distinct_names, runs_of
from pages._ui.table import Rows, pick_rows, show_table
from pages._ui.text import plain

_LABELS = LEARNER_LABELS | {STACK: STACK_LABEL}


def show_runs(workspace: Workspace, dataset: Dataset | None) -> None:
    """Show the runs, the best one marked; with one selected, a form to edit or delete it; with two, a comparison."""
    runs = list_runs(workspace) if dataset is None else runs_of(workspace, dataset)
    if not runs:
        return
    st.header("All runs on this dataset", anchor=False)
    st.markdown("Select one run to name or delete it, or two runs to compare them.")
    best = best_run(runs)
    positions = pick_rows(
        [_row(run, BEST_MARK if len(runs) > 1 and run is best else "") for run in runs],
        numbers=("Expected", "Cross-validated", "Time"),
        key=f"runs-{len(runs)}",
        alt="Runs with their settings, scores and times",
    )
    selected_runs = sorted((runs[position] for position in positions), key=lambda run: run.manifest.created)
    if len(selected_runs) == 1:
        with st.container(border=True):
            edit_run(selected_runs[0], key="list")
    elif len(selected_runs) == 2:
        older, newer = selected_runs
        folder = None if dataset is None else str(dataset.folder)
        _compare(older, newer, comparison(str(older.folder), str(newer.folder), folder))
    elif selected_runs:
        st.caption("Select only two runs to compare them.")


def _row(run: Run, mark: str) -> dict[str, str]:
    manifest, metric_scores = run.manifest, run.manifest.scores.metric_scores
    created = datetime.datetime.fromisoformat(manifest.created)
    return {
        "Run": f"{mark} {run.note.name or f'{created:%d %b %Y %H:%M} UTC'}".strip(),
        "Preset": manifest.config.preset,
        "Metric": metric_scores.label,
        "Expected": expected_score(manifest),
        "Cross-validated": number(metric_scores.stack),
        "Seed": str(manifest.config.seed),
        "Time": duration(manifest.seconds),
        "Id": manifest.run_id,
    }


def _compare(older: Run, newer: Run, result: Comparison) -> None:
    """Show the differences between two runs, the older one first."""
    first, second = distinct_names(
        {run.folder.name: run.note.name or run.folder.name for run in (older, newer)}
    ).values()
    labels = {"first": first, "second": second}
    st.markdown(f"First run: **{plain(first)}**. Second run: **{plain(second)}**.")
    if result.paired is not None:
        st.markdown(plain(result.paired.describe()))
        st.caption(
            "A paired permutation test compares the out-of-fold losses on the same sessions. It flips the signs of all "
            "loss differences of a user together, because the sessions of a user are not independent."
        )
    settings = [
        {"Setting": name, "first": _setting(value), "second": _setting(other)}
        for name, (value, other) in result.settings.items()
    ]
    if settings:
        _pair_table(settings, labels, "Settings in which the runs differ")
    else:
        st.caption("The settings are the same.")
    if STACK in result.folds:
        folds = [
            {"Learner": _LABELS[STACK], "Fold": str(fold), "first": number(value), "second": number(other)}
            for fold, (value, other) in enumerate(zip(*result.folds[STACK], strict=True), start=1)
        ]
        _pair_table(folds, labels, "Mean squared error of both runs by fold")
    with st.expander("Features, times and versions", icon=":material/difference:"):
        for name, features in zip((first, second), result.features, strict=True):
            if features:
                st.markdown(plain(f"Only in {name}: {', '.join(features)}."))
        seconds = [
            {"Step": name, "first": _seconds(value), "second": _seconds(other)}
            for name, (value, other) in result.timings.items()
        ]
        _pair_table(seconds, labels, "Seconds of both runs by step")
        for package, (version, other) in result.versions.items():
            st.markdown(f"- {plain(f'{package}: {_setting(version)} in {first}, {_setting(other)} in {second}')}")


def _pair_table(rows: Rows, labels: dict[str, str], alt: str) -> None:
    """Show a table with one column per run. A run's name is only a label, because another column may have it too."""
    if rows:
        show_table(rows, numbers=("first", "second", *({"Fold"} & set(rows[0]))), labels=labels, alt=alt)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{number(value)} s"


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "–" if value is None else str(value)
