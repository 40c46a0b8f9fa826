"""The views of the Submission page about one file: its verdict, its checks, its content and its downloads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from core.base.files import is_file, path_of
from core.base.text import count
from core.check_result import CheckResult
from core.eda.run_charts import file_values
from core.metric import root_in_words, score_interval, score_text
from core.pipeline import submission_desk as desk
from core.pipeline.submission_desk import DeskFile
from core.runs import Run
from core.submission.file import GZIP_ENDING, ZIP_ENDING, packed
from pages._ui import desk as files
from pages._ui.chart import show_chart
from pages._ui.frame import Page, showing_errors
from pages._ui.repair_view import offer_repair
from pages._ui.serving.privacy import shows_files
from pages._ui.state import page_state
from pages._ui.table import offer_file, show_table
from pages._ui.text import plain

_PREVIEW: Final = 6
_SUFFIXES: Final = {GZIP_ENDING: "application/gzip", ZIP_ENDING: "application/zip"}


def readiness(file: DeskFile) -> str:
    """Say in a few words whether a file can be submitted."""
    if file.blocking:
        return "No"
    return f"Yes, with {count(len(file.advisory), 'warning')}" if file.advisory else "Yes"


def verdict(file: DeskFile, run: Run) -> str:
    """Say whether a file can be submitted, and its expected score."""
    if file.blocking:
        reason = f"{count(len(file.blocking), 'blocking check')} failed. The list below says what to fix."
    elif file.advisory:
        reason = "review the failed checks below."
    else:
        reason = f"all {sum(check.outcome == 'passed' for check in file.checks)} applicable checks passed."
    score, label = file.estimate.score, run.manifest.scores.metric_scores.label
    if score is None:
        return f"**{readiness(file)}:** {reason}"
    interval = f"90% interval: {score_interval(label, score.low, score.high)}"
    details = "; ".join(filter(None, (root_in_words(label, score.value), interval)))
    expected = f"Expected test {label}: {score_text(label, score.value)} ({details})."
    return f"**{readiness(file)}:** {reason} {plain(expected)}"


def show_checks(file: DeskFile) -> None:
    """Show the failed checks, then how many others there are, with all of them on request."""
    failed = [*file.blocking, *file.advisory]
    if failed:
        st.header("What to fix or review", anchor=False)
        for check in failed:
            icon = ":material/block:" if check.blocks else ":material/warning:"
            st.markdown(f"{icon} **{plain(check.title)}** ({_kind(check)}): failed. {plain(check.explanation)}")
    applied = [check for check in file.checks if check.outcome != "not_applicable"]
    blocking = sum(check.severity == "error" for check in applied)
    kinds = f"{blocking} can block, {len(applied) - blocking} can warn"
    with st.expander(f"All checks ({kinds}, {len(file.checks) - len(applied)} not applicable)"):
        show_table(
            [
                {"Outcome": _outcome(check), "Kind": _kind(check), "Check": check.title, "Result": check.explanation}
                for check in file.checks
            ],
            alt="All checks of the file, and their outcomes",
        )


def show_content(run: Run, file: DeskFile) -> None:
    """Show the first rows of a file, and how its values are distributed."""
    if file.case.read_error is not None or file.case.numbers.is_empty():
        return
    values, rows = st.columns([3, 2], gap="large")
    with values:
        data = file_values.frame(desk.value_series(file, run))
        show_chart(file_values.finding(data), file_values.figure(data), title=file_values.TITLE)
    with rows:
        st.header("How does the file begin?", anchor=False)
        show_table(file.case.table.first_rows(_PREVIEW), alt="The first rows of the file", width="content")


def show_downloads(page: Page, run: Run, file: DeskFile, read: Callable[[], bytes]) -> None:
    """Offer a file plain, packed, with intervals, and its checks; each download of the file is recorded in the log.

    Args:
        read: returns the bytes of the file when it is downloaded.
    """
    if not file.is_text:
        return
    name = files.file_name(run, file)
    with st.container(horizontal=True, vertical_alignment="center"):
        if file.blocking and not st.checkbox("Download anyway", help="The failed checks are recorded in the log."):
            return
        offer_file(
            "Download submission.csv",
            name,
            lambda: files.recorded(page.workspace, file, run, read),
            kind="primary",
        )
        with st.popover("Other formats", icon=":material/folder_zip:", type="tertiary"):
            for suffix, mime in _SUFFIXES.items():
                packed_name = f"{name}{suffix}" if suffix == GZIP_ENDING else f"{name.removesuffix('.csv')}{suffix}"
                offer_file(
                    f"Compressed ({suffix})",
                    packed_name,
                    partial(_packed_download, page, file, run, read, packed_name),
                    mime=mime,
                    kind="tertiary",
                    icon=None,
                )
            offer_file(
                "checks.json",
                "checks.json",
                partial(files.checks_json, file),
                mime="application/json",
                kind="tertiary",
                icon=None,
            )
            if file.made_by == run.manifest.run_id:
                offer_file(
                    "With prediction intervals (CSV)",
                    name.replace("submission", "intervals"),
                    partial(files.with_intervals, run),
                    kind="tertiary",
                    icon=None,
                )


def _packed_download(page: Page, file: DeskFile, run: Run, read: Callable[[], bytes], name: str) -> bytes:
    return packed(name, files.recorded(page.workspace, file, run, read))


def choose_file(page: Page, choices: list[files.Choice]) -> Path | None:
    """Let the visitor upload or choose a file, and return its path; None if none is chosen yet."""
    bring, choose = st.columns(2, gap="large")
    state = page_state()
    with bring:
        upload = st.file_uploader(
            "Submission file (from any tool)",
            ["csv", "txt", "tsv", "gz", "zip", "parquet", "jsonl", "ndjson", "json"],
            key="desk-upload",
        )
        if upload is not None and state.upload_ids.get(files.PART) != upload.file_id:
            with showing_errors(stop=True):
                state.desk_path = files.keep(page.workspace, upload.name, upload)
            state.upload_ids[files.PART] = upload.file_id
            st.rerun()
    with choose:
        _read_typed_path()
        labels = {choice.path: choice.label for choice in choices}
        if state.desk_path is not None and state.desk_path.is_file():
            labels.setdefault(state.desk_path, f"File {state.desk_path.name}")
        paths = list(labels)
        index = paths.index(state.desk_path) if state.desk_path in paths else None
        state.desk_path = st.selectbox(
            "Stored file", paths, index=index, format_func=labels.__getitem__, placeholder="Choose a file"
        )
    return state.desk_path


def _read_typed_path() -> None:
    """Put the file on the desk whose path the visitor typed."""
    if not shows_files():
        return
    state, typed = page_state(), st.text_input("Or enter a path on this machine", key="desk-typed").strip()
    if typed == state.desk_typed:
        return
    state.desk_typed = typed
    if is_file(path_of(typed)):
        state.desk_path = path_of(typed)
    elif typed:
        st.error(plain(f"There is no file at {typed}. Check the path, or upload the file."), icon=":material/error:")


def show_any_file(page: Page, run: Run, path: Path, file: DeskFile) -> None:
    """Show a file's checks, its repair, its downloads and its content. What blocks a file is shown first."""
    if message := page_state().take_message():
        st.success(plain(message), icon=":material/build:")
    if file.estimate.score is None:
        st.caption(plain(f"There is no expected score. {file.estimate.reason}"))
    offer_downloads = partial(show_downloads, page, run, file, partial(files.read_unchanged, path, file))
    if not file.blocking:
        offer_downloads()
    show_checks(file)
    if file.case.read_error is None and (file.blocking or file.advisory):
        offer_repair(page, run, file)
    if file.blocking:
        offer_downloads()
    show_content(run, file)


def _kind(check: CheckResult) -> str:
    return "blocking" if check.severity == "error" else "warning"


def _outcome(check: CheckResult) -> str:
    return {"passed": "passed", "not_applicable": "does not apply"}.get(
        check.outcome, "failed" if check.blocks else "warning"
    )
