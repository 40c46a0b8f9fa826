"""Upload fields. An upload is copied to the workspace, and deleted once it is a dataset or scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from core.base.files import reporting_full_disk
from core.base.text import listed
from core.base.workspace import Workspace
from core.errors import SettingError
from core.ingestion import InputFiles, Source
from core.ingestion.sources.uploads import forget_read_uploads, keep_upload
from core.own_columns import TableName
from pages._ui.state import page_state
from pages._ui.text import plain

_FIELDS = {
    "train": ("Train file", "Events with session values."),
    "test": ("Test file", "Events of the sessions to predict, without values."),
    "sample": ("Sample submission (optional)", "It lists the sessions to predict, in the order of the submission."),
    "events": ("Event file", "Session values are not needed."),
    "log": ("Event log", "Events with session values."),
    "products": ("Table of products (optional)", "One row per product."),
    "users": ("Table of users (optional)", "One row per user."),
}
"""Label and help of the field of each part."""
TYPES = ["csv", "tsv", "txt", "gz", "zip", "parquet", "jsonl", "ndjson", "json"]
TABLES: tuple[TableName, ...] = ("products", "users")
TWO_FILES, ONE_LOG, NEW_EVENTS = ("train", "test", "sample"), ("log",), ("events",)
"""Parts of the Data page (two files, or one log), and of the Score page."""


def uploaded_files(workspace: Workspace, types: list[str], parts: Sequence[str] = TWO_FILES) -> dict[str, Path]:
    """Show the upload fields of some parts, and return the copies of the uploaded files by part.

    Files that were uploaded before a look at another page are still there, and a line names them.

    Raises:
        StudioError: the disk is full, or a file changed while it was copied.
    """
    state = page_state()
    earlier: list[str] = []
    fields = st.container(horizontal=True)
    for part in parts:
        label, text = _FIELDS[part]
        key = f"upload-{part}-{state.n_reads}"
        forget = partial(_forget_removed, workspace, part, key)
        upload = fields.file_uploader(label, types, key=key, help=text, on_change=forget)
        is_kept = part in state.upload_paths and state.upload_paths[part].is_file()
        if upload is None:
            if is_kept:
                earlier.append(part)
            continue
        if state.upload_ids.get(part) != upload.file_id or not is_kept:  # copied once, not at every change in the form
            with reporting_full_disk(workspace.root, SettingError.workspace_full):
                path = keep_upload(workspace, {part: upload})[part]
            _forget(workspace, part, but=path)
            state.upload_paths[part], state.upload_ids[part] = path, upload.file_id
    with st.container():  # always drawn, so that nothing below moves when the line disappears
        _show_earlier(workspace, earlier)
    copies = {part: path for part, path in state.upload_paths.items() if part in parts}
    return {part: path for part, path in copies.items() if path.is_file()}  # another tab may have deleted it


def _show_earlier(workspace: Workspace, parts: Sequence[str]) -> None:
    """Name the files that were uploaded before a look at another page, with a button that discards them."""
    if not parts:
        return
    paths = page_state().upload_paths
    st.caption(plain(f"Uploaded before: {listed(f'{paths[part].name} ({part})' for part in parts)}."))
    if st.button("Discard these uploads", icon=":material/close:", type="tertiary", key=f"discard-{parts[0]}"):
        for part in parts:
            _forget(workspace, part)
        st.rerun()


def swap_uploads(first: str, second: str) -> None:
    """Exchange the uploaded files of two parts. Their upload fields are empty then, and a line names the files."""
    state = page_state()
    paths = state.upload_paths
    paths[first], paths[second] = paths[second], paths[first]
    for part in (first, second):
        state.upload_ids.pop(part, None)
    state.n_reads += 1


def forget_uploads(workspace: Workspace, files: InputFiles) -> None:
    """Delete the copies of files that became a dataset, and empty their upload fields."""
    forget_sources(workspace, (*files.sources, files.sample_submission, *files.tables.values()))


def forget_sources(workspace: Workspace, sources: Iterable[Source | None]) -> None:
    """Delete the copies of files that are no longer needed, and empty their upload fields."""
    state = page_state()
    paths = {source for source in sources if isinstance(source, Path)}
    forget_read_uploads(workspace, paths)
    if read := [part for part, path in state.upload_paths.items() if path in paths]:
        for part in read:
            del state.upload_paths[part]
            state.upload_ids.pop(part, None)  # swapped files have none
        state.n_reads += 1


def _forget_removed(workspace: Workspace, part: str, key: str) -> None:
    """Forget a file that the visitor removed from its field."""
    if st.session_state[key] is None:
        _forget(workspace, part)


def _forget(workspace: Workspace, part: str, but: Path | None = None) -> None:
    """Delete the copy of a part, unless it is `but`."""
    state = page_state()
    state.upload_ids.pop(part, None)
    path = state.upload_paths.pop(part, None)
    if path is not None and path != but and path not in state.upload_paths.values():
        forget_read_uploads(workspace, [path])
