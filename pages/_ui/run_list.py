"""The runs on a dataset: name or delete one of them, or compare two."""

from __future__ import annotations

import datetime

import streamlit as st

from core.base.text import duration, number
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.runs import Comparison, Note, Run, delete_run, expected_score, list_runs
from core.schema import LEARNER_LABELS, STACK, STACK_LABEL
from pages._ui.cache import comparison
from pages._ui.frame import distinct_names, runs_of
from pages._ui.state import page_state, set_param
from pages._ui.table import Rows, pick_rows, show_table

_LABELS = LEARNER_LABELS | {STACK: STACK_LABEL}


def show_runs(workspace: Workspace, dataset: Dataset | None) -> None:
    """Show the list of runs, and what the ticked rows offer."""
    runs = list_runs(workspace) if dataset is None else runs_of(workspace, dataset)
    if not runs:
        return
    st.subheader("All runs on this dataset", anchor=False)
    st.markdown("Select one run to name or delete it, or two runs to compare them.")
    ticked = pick_rows(
        [_row(run) for run in runs],
        numbers=("Expected", "Cross-validated", "Time"),
        key=f"runs-{len(runs)}",
        alt="Runs with their settings, scores and times",
    )
    chosen = [runs[position] for position in ticked]
    if len(chosen) == 1:
        _edit_run(chosen[0])
    elif len(chosen) == 2:
        older, newer = sorted(chosen, key=lambda run: run.manifest.created)
        folder = None if dataset is None else str(dataset.folder)
        _compare(older, newer, comparison(str(older.folder), str(newer.folder), folder))
    elif chosen:
        st.caption("Select only two runs to compare them.")


def _row(run: Run) -> dict[str, str]:
    manifest = run.manifest
    judged = manifest.scores.judged
    created = datetime.datetime.fromisoformat(manifest.created)
    return {
        "Run": run.note.name or f"{created:%d %b %Y %H:%M} UTC",
        "Preset": manifest.config.preset,
        "Metric": judged.label,
        "Expected": expected_score(manifest),
        "Cross-validated": number(judged.stack),
        "Seed": str(manifest.config.seed),
        "Time": duration(manifest.seconds),
        "Id": manifest.run_id,
    }


def _edit_run(run: Run) -> None:
    """Show the form for name and note, and the button that deletes the run."""
    note, run_id = run.note, run.manifest.run_id
    with st.container(border=True):
        with st.form(f"note-{run_id}", border=False):
            name = st.text_input("Name", note.name, max_chars=80, placeholder="A short name for this run")
            text = st.text_area("Note", note.text, max_chars=4000, placeholder="What to remember about this run")
            if st.form_submit_button("Save the note", icon=":material/save:"):
                run.save_note(Note.checked(name, text))
                st.rerun()
        with st.popover("Delete the run", icon=":material/delete:"):
            st.markdown("This deletes the run's models, predictions and submission. It cannot be undone.")
            if st.button("Yes, delete", key=f"delete-{run_id}", type="primary"):
                delete_run(run.folder)
                page_state().chosen.pop("run", None)
                set_param("run", "")
                st.rerun()


def _compare(older: Run, newer: Run, result: Comparison) -> None:
    """Show the comparison of two runs, the older one first."""
    first, second = distinct_names(
        {run.folder.name: run.note.name or run.folder.name for run in (older, newer)}
    ).values()
    labels = {"first": first, "second": second}
    st.markdown(f"**{first}** and **{second}**")
    if result.paired is not None:
        st.markdown(result.paired.words())
        st.caption(
            "Out-of-fold losses on the same sessions, compared by a permutation test that flips the signs of each "
            "user's differences. Users are independent of each other, sessions of one user are not."
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
        _pair_table(folds, labels, "Mean squared error by fold of both runs")
    with st.expander("Features, times and versions", icon=":material/difference:"):
        for name, features in zip(("first", "second"), result.features, strict=True):
            if features:
                st.markdown(f"Features of the {name} run only: {', '.join(features)}.")
        seconds = [
            {"Step": name, "first": _seconds(value), "second": _seconds(other)}
            for name, (value, other) in result.timings.items()
        ]
        _pair_table(seconds, labels, "Seconds by step of both runs")
        for name, (version, other_version) in result.versions.items():
            st.markdown(f"- {name}: {_setting(version)} and {_setting(other_version)}")


def _pair_table(rows: Rows, labels: dict[str, str], alt: str) -> None:
    """Show a table with one column per run; a run's name is only a label, as it may equal another column's name."""
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
