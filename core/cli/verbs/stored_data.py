"""The verbs datasets and uploads, on stored data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from core.base.amounts import money
from core.base.ids import short_digest
from core.base.note import checked_format, read_note, write_note
from core.base.number_format import using_format
from core.base.text import listed, number, size
from core.base.workspace import Workspace
from core.cli.notes import NOTE_ACTIONS, change_note
from core.cli.output import Outcome
from core.cli.run_options import refuse_unused, require
from core.dataset import list_datasets, unreadable_datasets
from core.errors import RunError
from core.pipeline.stored_data import StoredDataset, delete_dataset, list_stored_datasets, stored_dataset_named

EXAMPLE = 1234.5
"""An amount with a thousands mark."""
_MAX_DIGITS = 3
_USED: Final[dict[str, tuple[str, ...]]] = {
    "list": (),
    "note": ("DATASET", "--name", "--text"),
    "pin": ("DATASET",),
    "unpin": ("DATASET",),
    "currency": ("DATASET", "--symbol", "--place", "--decimals", "--marks"),
    "delete": ("DATASET", "--yes"),
}
"""Action of datasets -> the arguments that it uses."""
_USED_OF_UPLOADS: Final[dict[str, tuple[str, ...]]] = {"list": (), "delete": ("UPLOAD", "--yes")}


def datasets(options: argparse.Namespace) -> Outcome:
    """List the datasets of the workspace, or act on one."""
    refuse_unused(options, _USED)
    workspace = Workspace.from_environment()
    workspace.sweep()
    if options.action == "list":
        return _list_datasets(workspace)
    require(options.dataset, "DATASET", "the fingerprint of a dataset, or its first characters (see `datasets list`)")
    stored = stored_dataset_named(workspace, options.dataset)
    if options.action in NOTE_ACTIONS:
        return change_note(stored.folder, {"dataset": stored.folder.name}, options)
    if options.action == "currency":
        return _change_currency(stored.folder, options)
    return _delete_dataset(workspace, stored, options)


def _list_datasets(workspace: Workspace) -> Outcome:
    datasets = list_datasets(workspace)
    names = {dataset.fingerprint: dataset.name for dataset in datasets}
    cards = [dataset.card() for dataset in datasets]
    unreadable = unreadable_datasets(workspace)
    sizes = {stored.folder.name: stored.bytes for stored in list_stored_datasets(workspace)}
    lines = [
        f"{short_digest(card.fingerprint)}  {names[card.fingerprint]:16}  "
        f"{card.train.rows + card.test.rows:>12,} rows  {size(sizes.get(card.fingerprint, 0)):>9}"
        for card in cards
    ] + [str(error) for _, error in unreadable]
    content = {
        "datasets": [
            card.model_dump() | {"name": names[card.fingerprint], "bytes_stored": sizes.get(card.fingerprint, 0)}
            for card in cards
        ],
        "unreadable": [{"dataset_dir": str(folder), "error": str(error)} for folder, error in unreadable],
    }
    return Outcome(content, "\n".join(lines) or "There is no dataset yet.")


def _change_currency(folder: Path, options: argparse.Namespace) -> Outcome:
    """Change what the options name in the number format of a dataset, and show it by an example."""
    note = read_note(folder)
    changes: dict[str, Any] = {
        "symbol": options.symbol,
        "symbol_after": None if options.place is None else options.place == "after",
        "marks": options.marks,
    }
    fields = note.number_format.model_dump() | {name: value for name, value in changes.items() if value is not None}
    if options.decimals is not None:
        fields["decimals"] = _decimals(options.decimals)
    number_format = checked_format(**fields)
    if number_format != note.number_format:
        write_note(folder, note.model_copy(update={"number_format": number_format}))
    content = {"dataset": folder.name, **number_format.model_dump()}
    with using_format(number_format):
        return Outcome(content, f"Amounts are written like {money(EXAMPLE)}, numbers like {number(EXAMPLE)}.")


def _decimals(text: str) -> int | str | None:
    """Return the decimals that a person typed: None for "auto", and "unknown", which is refused, for no number."""
    if text == "auto":
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else "unknown"


def _delete_dataset(workspace: Workspace, dataset: StoredDataset, options: argparse.Namespace) -> Outcome:
    consequences = dataset.consequences()
    if not options.yes:
        raise RunError.not_confirmed("Dataset", dataset.id, dataset.folder, consequences)
    delete_dataset(workspace, dataset)
    content = {
        "deleted": dataset.folder.name,
        "runs": list(dataset.runs),
        "jobs": list(dataset.resumable_jobs),
        "bytes": dataset.bytes,
    }
    return Outcome(content, f"Dataset {dataset.id} was deleted ({size(dataset.bytes)}). {consequences}".rstrip())


def uploads(options: argparse.Namespace) -> Outcome:
    """List the stored uploads, or delete one."""
    from core.ingestion.sources.uploads import (  # noqa: PLC0415 (the other verbs here do not need the readers of files)
        delete_upload,
        list_uploads,
        upload_named,
    )

    refuse_unused(options, _USED_OF_UPLOADS)
    workspace = Workspace.from_environment()
    workspace.sweep()
    if options.action == "delete":
        require(options.upload, "UPLOAD", "the id of an upload, or its first characters (see `uploads list`)")
        upload = upload_named(workspace, options.upload)
        if not options.yes:
            raise RunError.not_confirmed("Upload", upload.id, workspace.uploads / upload.id)
        delete_upload(workspace, upload)
        return Outcome({"deleted": upload.id}, f"Upload {upload.id} was deleted ({size(upload.bytes)}).")
    stored = list_uploads(workspace)
    lines = [f"{upload.id}  {size(upload.bytes):>9}  {listed(upload.names, 3)}" for upload in stored]
    content = {"uploads": [{"id": each.id, "names": list(each.names), "bytes": each.bytes} for each in stored]}
    return Outcome(content, "\n".join(lines) or "There is no upload.")
