"""All runs on a dataset: their names and scores, two of them side by side, and what can be done with one."""

from __future__ import annotations

import datetime
from typing import Any

import streamlit as st

from core.base.text import duration, number
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.runs import Comparison, Note, Run, delete_run, expected_score, list_runs
from core.schema import LEARNER_LABELS, STACK, STACK_LABEL
from pages._ui.cache import comparison
from pages._ui.frame import told_apart

_RIGHT = st.column_config.TextColumn(alignment="right")
_LABELS = LEARNER_LABELS | {STACK: STACK_LABEL}


def show_runs(workspace: Workspace, dataset: Dataset | None) -> None:
    """The list; with two rows chosen their comparison, with one what can be done with it."""
    runs = [run for run in list_runs(workspace) if dataset is None or run.manifest.dataset == dataset.fingerprint]
    if not runs:
        return
    st.subheader("All runs on this dataset", anchor=False)
    st.markdown("Choose one to name or delete it, two to compare them.")
    picked = st.dataframe(
        [_row(run) for run in runs],
        hide_index=True,
        height="content",
        on_select="rerun",
        selection_mode="multi-row",
        key=f"runs-{len(runs)}",
        column_config=dict.fromkeys(("Expected", "Cross-validated", "Time"), _RIGHT),
        alt="Runs with their settings, scores and times",
    )
    chosen = [runs[place] for place in picked.selection.rows]
    if len(chosen) == 1:
        _one(chosen[0])
    elif len(chosen) == 2:
        older, newer = sorted(chosen, key=lambda run: run.manifest.created)
        folder = None if dataset is None else str(dataset.folder)
        _side_by_side(older, newer, comparison(str(older.folder), str(newer.folder), folder))
    elif chosen:
        st.caption("Two can be compared at a time.")


def _row(run: Run) -> dict[str, str]:
    manifest = run.manifest
    judged = manifest.scores.judged
    began = datetime.datetime.fromisoformat(manifest.created)
    return {
        "Run": run.note.name or f"{began:%d %b %Y %H:%M} UTC",
        "Preset": manifest.config.preset,
        "Metric": judged.label,
        "Expected": expected_score(manifest),
        "Cross-validated": number(judged.stack),
        "Seed": str(manifest.config.seed),
        "Time": duration(manifest.seconds),
        "Id": manifest.run_id,
    }


def _one(run: Run) -> None:
    """Name, note, delete."""
    note, key = run.note, run.manifest.run_id
    with st.container(border=True):
        with st.form(f"note-{key}", border=False):
            name = st.text_input("Name", note.name, max_chars=80, placeholder="What to call this run")
            text = st.text_area("Note", note.text, max_chars=4000, placeholder="What is to be remembered of it")
            if st.form_submit_button("Keep the note", icon=":material/save:"):
                run.save_note(Note.checked(name, text))
                st.rerun()
        with st.popover("Delete the run", icon=":material/delete:"):
            st.markdown("The run's models, predictions and submission are deleted for good.")
            if st.button("Delete it", key=f"delete-{key}", type="primary"):
                delete_run(run.folder)
                st.session_state.pop("chosen_run", None)
                st.query_params.pop("run", None)
                st.rerun()


def _side_by_side(older: Run, newer: Run, found: Comparison) -> None:
    """The comparison of two runs, the older one first."""
    first, second = told_apart({run.folder.name: run.note.name or run.folder.name for run in (older, newer)}).values()
    st.markdown(f"**{first}** and **{second}**")
    # by places, not by names: a run may be called as another column is
    columns = {
        "first": st.column_config.TextColumn(first, alignment="right"),
        "second": st.column_config.TextColumn(second, alignment="right"),
        "Fold": _RIGHT,
    }
    if found.paired is not None:
        st.markdown(found.paired.words())
        st.caption(
            "Out-of-fold losses on the same sessions, tested by flipping the signs of the users' differences: users, "
            "not sessions, are what is independent."
        )
    settings = [
        {"Setting": name, "first": _told(mine), "second": _told(theirs)}
        for name, (mine, theirs) in found.settings.items()
    ]
    if settings:
        st.dataframe(
            settings,
            hide_index=True,
            height="content",
            column_config={"first": first, "second": second},
            alt="Settings in which the runs differ",
        )
    else:
        st.caption("The settings are the same.")
    folds = [
        {"Learner": _LABELS[name], "Fold": str(fold), "first": number(mine), "second": number(theirs)}
        for name, both in found.folds.items()
        for fold, (mine, theirs) in enumerate(zip(*both, strict=True), start=1)
        if name == STACK
    ]
    if folds:
        st.dataframe(
            folds,
            hide_index=True,
            height="content",
            column_config=columns,
            alt="Mean squared error by fold of both runs",
        )
    _details(found, columns)


def _details(found: Comparison, columns: dict[str, Any]) -> None:
    """Features, times and versions of two runs; `columns` say how those of the tables look."""
    with st.expander("Features, times and versions", icon=":material/difference:"):
        for words, features in zip(
            ("Only the first was given", "Only the second was given"), found.features, strict=True
        ):
            if features:
                st.markdown(f"{words}: {', '.join(features)}.")
        st.dataframe(
            [
                {"Step": name, "first": _seconds(mine), "second": _seconds(theirs)}
                for name, (mine, theirs) in found.timings.items()
            ],
            hide_index=True,
            height="content",
            column_config=columns,
            alt="Seconds by step of both runs",
        )
        for name, (mine, theirs) in found.versions.items():
            st.markdown(f"- {name}: {_told(mine)} and {_told(theirs)}")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{number(value)} s"


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "–" if value is None else str(value)
