"""The view of the Submission page that compares and blends several files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.base.amounts import money, value_text, value_unit
from core.base.text import MISSING, listed, number, whole
from core.metric import error_text, score_interval, score_text
from core.pipeline.submission_blend import blend_files, find_weights, returned_errors
from core.pipeline.submission_desk import DeskFile
from core.pipeline.submission_target import dataset_of
from core.runs import Run
from core.submission.blend_store import BlendMethod
from pages._ui import desk as files
from pages._ui import frame
from pages._ui.frame import Page, showing_errors
from pages._ui.repair_view import choose_marks
from pages._ui.state import page_state
from pages._ui.submission_views import readiness
from pages._ui.table import Frame, show_table
from pages._ui.text import plain

EQUAL, BY_HAND, OUT_OF_FOLD, RETURNED = "Equal", "By hand", "Out-of-fold predictions", "Returned scores"
_METHODS: Final[dict[str, BlendMethod]] = {
    EQUAL: "equal",
    BY_HAND: "chosen",
    OUT_OF_FOLD: "out_of_fold",
    RETURNED: "returned_scores",
}
_MIN_FILES: Final = 2
_SHOWN: Final = 10


def show_comparison(page: Page, run: Run, choices: list[files.Choice], finding: DeltaGenerator) -> None:
    """Compare the chosen files, and blend them.

    Args:
        finding: the place of the sentence that says how close the files are.
    """
    labels = [choice.label for choice in choices]
    chosen = st.multiselect(
        "Files",
        labels,
        labels[:_MIN_FILES] if len(labels) >= _MIN_FILES else labels,
        placeholder="Choose two or more files",
    )
    if len(chosen) < _MIN_FILES:
        finding.markdown(
            "Averaging files that make different errors usually lowers the error. Compare them here, then blend them."
        )
        st.markdown("Choose two or more files. Train another run, or upload a file in the view “Check a file”.")
        return
    with showing_errors(stop=True):
        opened = [_opened(choice, run) for choice in choices if choice.label in chosen]
        names = [choice.label for choice in choices if choice.label in chosen]
        _show_scores(names, opened, run)
        comparison = files.compared(opened, names, dataset_of(page.workspace, run))
    finding.markdown(plain(_closest(comparison.pairs)))
    _show_pairs(comparison.pairs)
    segments, sessions = st.tabs(["By segment", "Largest disagreements"])
    with segments:
        _show_segments(comparison.segments, names)
    with sessions:
        _show_disagreements(comparison.disagreements, names)
    _blend(page, opened, names, run)


def _opened(choice: files.Choice, run: Run) -> DeskFile:
    """Open a file; with the number format that the visitor chooses, if that is in doubt."""
    marks = choose_marks(files.opened(choice.path, run), choice.label)
    return files.opened(choice.path, run, marks)


def _show_scores(names: Sequence[str], opened: Sequence[DeskFile], run: Run) -> None:
    label = run.manifest.scores.metric_scores.label
    rows = []
    for name, file in zip(names, opened, strict=True):
        score = file.estimate.score
        rows.append(
            {
                "File": name,
                "Ready": readiness(file),
                f"Expected {label}": score_text(label, None if score is None else score.value),
                "90% interval": MISSING if score is None else score_interval(label, score.low, score.high),
                "Typical error": MISSING if score is None else error_text(label.lower(), score.value),
            }
        )
    show_table(
        rows,
        numbers=(f"Expected {label}", "90% interval", "Typical error"),
        alt="The chosen files and their expected scores",
    )
    st.caption(
        "These are upper estimates. They assume that a file contains no information about the values beyond the "
        "predictions of the selected run. If it does, its score will be lower, which is better."
    )


def _closest(pairs: Frame) -> str:
    """Say how close the closest two files are."""
    pair = pairs.sort("distance").row(0, named=True)
    both = f"{pair['file']} and {pair['other']}"
    subject = f"{both} have" if pairs.height == 1 else f"The closest files, {both}, have"
    return (
        f"{subject} a rank correlation of {number(pair['rank_correlation'])}, and their predictions differ by "
        f"{money(pair['distance'])} (root mean square)."
    )


def _show_pairs(pairs: Frame) -> None:
    """Show how the files of each pair differ."""
    st.header("How do the files differ?", anchor=False)
    show_table(
        [
            {
                "File": row["file"],
                "Other file": row["other"],
                "Correlation": number(row["correlation"]),
                "Rank correlation": number(row["rank_correlation"]),
                "Distance": value_text(row["distance"]),
                "Average difference": value_text(row["difference"]),
            }
            for row in pairs.iter_rows(named=True)
        ],
        numbers=("Correlation", "Rank correlation", "Distance", "Average difference"),
        alt="Pairs of files, and how they differ",
    )
    st.caption(
        "Distance is the root mean square of the differences. Distance and average difference are in "
        f"{plain(value_unit())}."
    )


def _show_segments(segments: Frame, names: Sequence[str]) -> None:
    kinds = segments["by"].unique(maintain_order=True).to_list()
    by = st.segmented_control("Segments", kinds, default=kinds[0], required=True)
    rows: dict[str, dict[str, object]] = {}
    for row in segments.filter(segments["by"] == by).iter_rows(named=True):
        cells = rows.setdefault(row["segment"], {"Segment": row["segment"], "Sessions": whole(row["sessions"])})
        cells[f"Average of {row['file']}"] = value_text(row["mean"])
        if row["file"] != names[0]:
            cells[f"Distance of {row['file']}"] = value_text(row["distance"])
    table = list(rows.values())
    show_table(table, numbers=list(table[0])[1:], alt="Average predictions by segment")
    st.caption(plain(f"Distances are from {names[0]}."))


def _show_disagreements(sessions: Frame, names: Sequence[str]) -> None:
    # a file may have any name, so its column has a number
    labels = {str(place): name for place, name in enumerate(names)}
    rows = [
        {"Session id": row["user_session"]} | dict(zip(labels, map(value_text, row["predictions"]), strict=True))
        for row in sessions.head(_SHOWN).iter_rows(named=True)
    ]
    show_table(rows, numbers=list(labels), labels=labels, alt="The sessions on which the files differ most")
    session = st.selectbox(
        "Look at a session",
        [row["Session id"] for row in rows],
        index=None,
        placeholder="Choose a session",
        format_func=str,
    )
    if session is not None:
        st.page_link(
            frame.EXPLORE.path,
            label="Show its events",
            icon=frame.EXPLORE.icon,
            query_params={"view": "One session", "session": str(session)},
        )
        st.page_link(
            frame.IMPORTANCE.path,
            label="Why the run predicts this value",
            icon=frame.IMPORTANCE.icon,
            query_params={"session": str(session)},
        )


def _blend(page: Page, opened: Sequence[DeskFile], names: Sequence[str], run: Run) -> None:
    """Let the visitor choose how to weigh the files, and write the blend."""
    st.header("Blend them", anchor=False)
    method = st.segmented_control("Weights", list(_METHODS), default=EQUAL, required=True)
    with showing_errors(stop=True):
        fields, zeros = _weight_fields(method, page, opened, names)
    numbers = [value for value in fields if value is not None]
    is_complete = len(numbers) == len(fields)
    if not st.button("Write the blend", type="primary", icon=":material/blender:", disabled=not is_complete):
        if not is_complete:
            st.caption("Enter a returned score for each file.")
        return
    with showing_errors(stop=True):
        weights = find_weights(_METHODS[method], opened, page.workspace, numbers, zeros)
        blend, _ = blend_files(opened, weights.values, _METHODS[method], page.workspace, run)
    shares = listed(f"{number(member.weight)} {name}" for member, name in zip(blend.members, names, strict=True))
    score = weights.score
    sentence = "" if score is None else f" Its MSE on the scored sessions should be about {number(score)}."
    page_state().desk_path = blend.submission
    st.success(plain(f"The blend {blend.blend} was saved ({shares}).{sentence}"), icon=":material/blender:")
    st.markdown("To check and download it, open the view “Check a file”.")


def _weight_fields(
    method: str, page: Page, opened: Sequence[DeskFile], names: Sequence[str]
) -> tuple[list[float | None], float | None]:
    """Show the fields of a method, and return a number for each file, and the score of a file of zeros."""
    if method == BY_HAND:
        weight = 1.0 / len(names)
        return [
            st.number_input(plain(f"Weight of {name}"), 0.0, None, weight, 0.05, key=f"weight-{name}") for name in names
        ], None
    if method == OUT_OF_FOLD:
        st.caption(
            "Uses the weights with the lowest squared error on the train sessions. Each session is predicted by models "
            "trained without its user."
        )
    if method != RETURNED:
        return [], None
    st.caption(
        "The best weights are computed from the MSE that the competition's host returned for each file. Session values "
        "are not needed. If the host scores only a public part of the test file, the weights are fitted to that part "
        "and may do worse on the rest. Check that the rules of the competition allow this. If you also enter the score "
        "of a file of zeros, the weights do not have to add up to 1."
    )
    numbers = [
        st.number_input(plain(f"Returned MSE of {name}"), 0.0, None, score, key=f"returned-{name}")
        for name, score in zip(names, returned_errors(opened, page.workspace), strict=True)
    ]
    return numbers, st.number_input("Returned MSE of a file of zeros (optional)", 0.0, None, None)
