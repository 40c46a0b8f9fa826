"""The view Log of the Submission page: all files ranked, what was done with them, and the scores that came back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.base.text import MISSING, count
from core.eda.run_charts import returned_scores
from core.metric import score_interval, score_text
from core.pipeline.submission_ranking import RankedFile, ranked_files
from core.runs import Run, list_runs
from core.submission import log
from pages._ui.chart import show_chart
from pages._ui.frame import Page, showing_errors
from pages._ui.run_names import run_name
from pages._ui.table import show_table
from pages._ui.text import plain


def show_log(page: Page, run: Run, finding: DeltaGenerator) -> None:
    """Show all files, best first, and the log, and let the visitor add returned scores.

    Args:
        finding: the place of the sentence that says which file has the best expected score.
    """
    with showing_errors(stop=True):
        entries = [entry for entry in log.entries(page.workspace) if entry.dataset in {"", run.manifest.dataset}]
        ranked = ranked_files(page.workspace, run)
    names = {one.manifest.run_id: run_name(one) for one in list_runs(page.workspace)}
    label = run.manifest.scores.metric_scores.label
    finding.markdown(_best(ranked, names, label))
    _show_ranking(ranked, names, label)
    data = returned_scores.frame([entry.model_dump() for entry in entries if entry.metric in {"", label}])
    if data.height:
        show_chart(returned_scores.finding(data), returned_scores.figure(data), title=returned_scores.TITLE)
    st.header("What was done with them?", anchor=False)
    if not entries:
        st.markdown(
            "No submission has been downloaded or submitted yet. Each download of a submission is recorded here."
        )
        return
    _show_entries(entries)
    _add_returned_score(page, entries)


def _best(ranked: Sequence[RankedFile], names: dict[str, str], label: str) -> str:
    """Say which of the files that can be submitted has the best expected score."""
    able = [file for file in ranked if file.place is not None and file.expected is not None]
    if not able:
        return "None of the files that pass the blocking checks has an expected score."
    name, score = plain(_name(able[0], names)), plain(_score(label, able[0]))
    if len(able) == 1:
        return f"**{name}** has an expected {label} of {score}. No other file that can be submitted has one."
    return f"**{name}** has the lowest expected {label} of {count(len(able), 'file')}: {score}."


def _name(file: RankedFile, names: dict[str, str]) -> str:
    return names.get(file.made_by, file.name)


def _show_ranking(ranked: Sequence[RankedFile], names: dict[str, str], label: str) -> None:
    """Show one row per file.

    Args:
        names: id of a run -> its name.
    """
    st.header("Which file has the best expected score?", anchor=False)
    scores = (f"Expected {label}", "90% interval", "Returned")
    show_table(
        [
            {
                "Rank": MISSING if file.place is None else f"{file.place}",
                "File": _name(file, names),
                scores[0]: score_text(label, file.expected),
                scores[1]: score_interval(label, file.low, file.high),
                scores[2]: score_text(label, file.returned),
                "Estimated with run": names.get(file.foreseen_by, file.foreseen_by),
                "Last used (UTC)": _minute(file.time),
                "Failed checks": ", ".join(file.failed),
            }
            for file in ranked
        ],
        numbers=("Rank", *scores),
        alt="All files that were made, checked or used, with the best expected score first",
    )
    st.caption(
        "The table has the file of every run, and every file that was checked, blended, downloaded or submitted. A "
        "file that fails a blocking check has no rank."
    )


def _show_entries(entries: Sequence[log.Entry]) -> None:
    show_table(
        [
            {
                "Time (UTC)": _minute(entry.time),
                "Action": entry.action,
                "File": entry.made_by or entry.file,
                "Metric": entry.metric,
                "Expected": score_text(entry.metric, entry.foreseen),
                "90% interval": score_interval(entry.metric, entry.low, entry.high),
                "Returned": score_text(entry.metric, entry.returned),
                "Failed checks": ", ".join(entry.overridden),
                "Note": entry.note,
            }
            for entry in entries
        ],
        numbers=("Expected", "90% interval", "Returned"),
        alt="The log of submissions, newest first",
    )


def _add_returned_score(page: Page, entries: Sequence[log.Entry]) -> None:
    st.header("Add a returned score", anchor=False)
    labels = {
        entry.entry: f"{_minute(entry.time)} · {entry.action} · {entry.made_by or entry.file}" for entry in entries
    }
    with st.form("returned", border=False, clear_on_submit=True):
        chosen = st.selectbox("Entry", list(labels), format_func=labels.__getitem__)
        score = st.number_input("Score that the host returned", value=None, min_value=0.0, format="%.6f")
        note = st.text_input("Note (optional)", max_chars=200)
        if st.form_submit_button("Save", icon=":material/save:"):
            if score is None or chosen is None:
                st.error("Enter the score that the host returned.", icon=":material/error:")
            else:
                with showing_errors(stop=True):
                    log.set_returned(page.workspace, chosen, score, note)
                st.rerun()


def _score(label: str, file: RankedFile) -> str:
    interval = score_interval(label, file.low, file.high)
    return f"{score_text(label, file.expected)} (90% interval: {interval})"


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
