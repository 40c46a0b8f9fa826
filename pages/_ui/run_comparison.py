"""What differs between two runs in detail: scores by fold, features, times and versions."""

from __future__ import annotations

import streamlit as st

from core.base.text import MISSING, number
from core.runs import Run
from core.schema import STACK, STACK_LABEL
from pages._ui.table import Rows, show_table
from pages._ui.text import plain
from pages._ui.train_cache import comparison


def show_two_runs(first: Run, second: Run, names: list[str], dataset_folder: str | None) -> None:
    """Show the paired test and the details in a closed section.

    Args:
        names: distinct names of the two runs.
    """
    result = comparison(str(first.folder), str(second.folder), dataset_folder)
    labels = dict(zip(("first", "second"), names, strict=True))
    with st.expander("Paired test, scores by fold, features, times and versions", icon=":material/difference:"):
        if result.paired is not None:
            st.markdown(f"First run: **{plain(names[0])}**. Second run: **{plain(names[1])}**.")
            st.markdown(plain(result.paired.describe()))
            st.caption(
                "A paired permutation test compares the out-of-fold losses of the runs on the same sessions. It flips "
                "the signs of all loss differences of a user together, because the sessions of a user are not "
                "independent."
            )
        if STACK in result.folds:
            folds = [
                {"Learner": STACK_LABEL, "Fold": str(fold), "first": number(value), "second": number(other)}
                for fold, (value, other) in enumerate(zip(*result.folds[STACK], strict=True), start=1)
            ]
            _pair_table(folds, labels, "Mean squared error of both runs by fold")
        for name, features in zip(names, result.features, strict=True):
            if features:
                st.markdown(plain(f"Only in {name}: {', '.join(features)}."))
        seconds = [
            {"Step": name, "first": _seconds(value), "second": _seconds(other)}
            for name, (value, other) in result.timings.items()
        ]
        _pair_table(seconds, labels, "Seconds of both runs by step")
        for package, (version, other) in result.versions.items():
            versions = f"{package}: {version or MISSING} in {names[0]}, {other or MISSING} in {names[1]}"
            st.markdown(f"- {plain(versions)}")


def _pair_table(rows: Rows, labels: dict[str, str], alt: str) -> None:
    """Show a table with one column per run. A run's name is only a label, because another column may have it too."""
    if rows:
        show_table(rows, numbers=("first", "second", *({"Fold"} & set(rows[0]))), labels=labels, alt=alt)


def _seconds(value: float | None) -> str:
    return MISSING if value is None else f"{number(value)} s"
