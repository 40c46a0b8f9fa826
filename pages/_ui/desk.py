"""The files of the Submission page: those that can be chosen, those opened, and downloads that the log records."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import streamlit as st

from core.base.files import reporting_full_disk
from core.base.number_format import Marks, current_format
from core.base.spreadsheet import csv_for_people
from core.base.text import shorten
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import RunError, SettingError
from core.ingestion.sources.uploads import keep_upload
from core.pipeline import submission_desk as desk
from core.pipeline.submission_comparison import compare_files
from core.pipeline.submission_desk import DeskFile
from core.pipeline.submission_target import target_of_run
from core.runs import Run, list_runs, load_run
from core.runs.store import ANSWERS_FILE
from core.submission import SubmissionTable, SubmissionTarget, log
from core.submission.blend_store import list_blends
from core.submission.compare import Comparison
from core.submission.content import read_content
from core.submission.repair import Repair, repair
from core.submission.repair_columns import ColumnChoice
from pages._ui.run_names import run_name

PART: Final = "submission"
"""Name of the part of an upload that a submission file is."""
_FILES, _TARGETS = 12, 2
"""Opened files and targets in memory. A file of a million sessions takes 100 MB."""


@dataclass(frozen=True)
class Choice:
    """A file that can be opened on the desk.

    Attributes:
        label: what people see.
        path: where the file is.
        key: distinguishes files with the same label.
    """

    label: str
    path: Path
    key: str


def choices(workspace: Workspace, run: Run) -> list[Choice]:
    """Return the files on the desk: those of the runs on the dataset, the selected one first, blends, and uploads."""
    runs = [one for one in list_runs(workspace) if one.manifest.dataset == run.manifest.dataset]
    runs = [one for one in runs if one.manifest.run_id == run.manifest.run_id or not one.manifest.config.is_live]
    ordered = sorted(runs, key=lambda one: one.manifest.run_id != run.manifest.run_id)
    choices = [Choice(f"Run {run_name(one)}", one.submission, one.manifest.run_id[-6:]) for one in ordered]
    blends = [blend for blend in list_blends(workspace) if blend.dataset in {"", run.manifest.dataset}]
    choices += [Choice(blend.blend.replace("blend-", "Blend "), blend.submission, blend.blend[-4:]) for blend in blends]
    uploads = sorted(workspace.uploads.glob(f"*/{PART}/*"), key=lambda path: path.stat().st_mtime, reverse=True)
    choices += [Choice(f"File {path.name}", path, path.parts[-3][:6]) for path in uploads if path.is_file()]
    return _distinct(choices)


def _distinct(choices: list[Choice]) -> list[Choice]:
    times = Counter(choice.label for choice in choices)
    return [
        choice if times[choice.label] == 1 else replace(choice, label=f"{choice.label} ({choice.key})")
        for choice in choices
    ]


def opened(path: Path, run: Run, marks: Marks | None = None) -> DeskFile:
    """Return a checked file; opened again if it has changed.

    Args:
        marks: what the marks in its numbers mean, by example; None to find out.

    Raises:
        StudioError: the file, or the dataset of the run, is gone.
    """
    status = path.stat() if path.exists() else None
    version = (status.st_mtime_ns, status.st_size) if status else (0, 0)
    return _opened(str(path), version, str(run.folder), current_format().model_dump_json(), marks)


@st.cache_resource(max_entries=_FILES, show_spinner="Checking the file")
def _opened(path: str, version: tuple[int, int], run_folder: str, number_format: str, marks: Marks | None) -> DeskFile:
    del version, number_format  # parts of the key: a changed file is opened again, and checks have numbers
    run, workspace = load_run(Path(run_folder)), Workspace.from_environment()
    file = desk.open_file(Path(path), workspace, _target(run_folder), run, marks)
    desk.record_check(workspace, file, run)
    return file


@st.cache_resource(
    max_entries=_TARGETS,
    show_spinner="Comparing the files",
    hash_funcs={DeskFile: lambda file: (file.sha256, file.case.marks)},
)
def compared(opened_files: Sequence[DeskFile], names: Sequence[str], _dataset: Dataset | None) -> Comparison:
    """Compare files; see `compare_files`."""
    return compare_files(opened_files, _dataset, names)


@st.cache_resource(max_entries=_TARGETS, show_spinner="Reading the sessions to predict")
def _target(run_folder: str) -> SubmissionTarget:
    return target_of_run(Workspace.from_environment(), load_run(Path(run_folder)))


class _NamedBytes(io.BytesIO):
    """A file in memory with a name, as an upload has one."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name


def keep(workspace: Workspace, name: str, content: IO[bytes]) -> Path:
    """Put an uploaded file on the desk, and return its path.

    Raises:
        StudioError: the disk is full, or the file changed while it was copied.
    """
    with reporting_full_disk(workspace.root, SettingError.workspace_full):
        return keep_upload(workspace, {PART: _NamedBytes(name, content.read())})[PART]


@st.cache_resource(max_entries=_TARGETS, show_spinner="Preparing the repair")
def repaired(sha256: str, run_id: str, chosen: ColumnChoice, marks: Marks | None, _file: DeskFile) -> Repair:
    """Repair a file, which its hash identifies, as it was checked against a run; see `core.submission.repair`."""
    del sha256, run_id  # the key
    return repair(replace(_file.case, marks=marks), chosen)


def column_labels(table: SubmissionTable) -> list[str]:
    """Return a label for each column of a file: its name and its first cell."""
    first = [column.head(1).to_list() for column in table.cells]
    names = [name or "no name" for name in table.header]
    return [f"{name} ({shorten(cell[0])}, …)" if cell else name for name, cell in zip(names, first, strict=True)]


def keep_repaired(workspace: Workspace, file: DeskFile, repaired: Repair) -> Path:
    """Put a repaired file on the desk, and return its path."""
    name = f"repaired_{Path(file.name).name.split('.')[0]}.csv"
    return keep(workspace, name, io.BytesIO(repaired.csv().encode()))


def file_name(run: Run, file: DeskFile) -> str:
    """Return the name of a download: dataset, and run, blend or file."""
    made_by = file.made_by or Path(file.name).name.split(".")[0]
    words = "".join(letter if letter.isalnum() else "_" for letter in run.manifest.dataset_name)
    return f"submission_{words}_{made_by}.csv"


def read_unchanged(path: Path, file: DeskFile) -> bytes:
    """Return the text of a file as bytes, unpacked, if the file has not changed since it was checked.

    Raises:
        RunError: it has changed.
    """
    if not path.is_file() or desk.hash_of(path) != file.sha256:
        raise RunError.changed_file(path.name)
    return read_content(path)


def recorded(workspace: Workspace, file: DeskFile, run: Run, read: Callable[[], bytes]) -> bytes:
    """Read the content of a download, record the download in the log, and return the content."""
    content = read()
    log.record(workspace, "downloaded", **desk.log_fields(file, run))
    return content


def checks_json(file: DeskFile) -> str:
    """Return the checks of a file as JSON."""
    content = {
        "file": file.name,
        "sha256": file.sha256,
        "made_by": file.made_by or None,
        "checks": [check.graded_record() for check in file.checks],
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def with_intervals(run: Run) -> str:
    """Return the predictions of a run with their intervals, as CSV for people."""
    return csv_for_people(run.table(ANSWERS_FILE).collect())
