"""Find the stored dataset of the same content and mapping, even if its files have other names now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from core.base.files import write_text_atomically
from core.base.stored_files import sealed_json
from core.base.workspace import Workspace
from core.dataset import CARD_FILE, Dataset, SubmissionColumns, list_datasets
from core.errors import RunError, SourceError
from core.ingestion.input_files import DateSplit, InputFiles
from core.ingestion.mapping import Mapping as LogMapping
from core.ingestion.parallel import map_in_order
from core.ingestion.sessions.session_ids import read_sample
from core.ingestion.sources.content_hash import Content, require_unchanged
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source, size_in_bytes
from core.ingestion.storage.synthetic import is_synthetic

_STORED_FORMAT = b"events-3"  # part of the fingerprint; increase the number when the format changes


def may_be_stored(files: InputFiles, workspace: Workspace) -> bool:
    """Return whether hashing is worthwhile: a dataset has files of these sizes, or both files have the same size."""
    train_bytes = size_in_bytes(files.train)
    test_bytes = None if files.test is None else size_in_bytes(files.test)
    if files.sample_submission is not None:
        size_in_bytes(files.sample_submission)  # fails early if the file is missing
    cards = (dataset.card() for dataset in list_datasets(workspace))
    stored_sizes = ((card.train.bytes, card.test.bytes) for card in cards)
    return train_bytes == test_bytes or (train_bytes, test_bytes) in stored_sizes


def contents_of(files: InputFiles) -> dict[str, Content]:
    """Return part (train, test, sample, products, users) -> its content, not yet read, for each part that is a file."""
    sources: dict[str, Source | None] = {"train": files.train, "test": files.test, "sample": files.sample_submission}
    for table, path in files.tables.items():
        sources[table] = path
    return {part: Content(source) for part, source in sources.items() if isinstance(source, Path)}


def find_stored(files: InputFiles, contents: dict[str, Content], workspace: Workspace) -> Dataset | None:
    """Return the dataset of the same content and mapping, and update its names; None if there is no such dataset.

    Args:
        contents: of all files, not yet read; see `contents_of`. They are read and hashed.

    Raises:
        InputError: train and test are the same file, or a file changed while it was read.
    """
    refuse_same_file(files, {})
    if any(isinstance(source, Query) for source in files.sources):
        return None  # a query result is hashed only while it is ingested
    hashes = dict(zip(contents, map_in_order(Content.read, contents.values()), strict=True))
    refuse_same_file(files, hashes)
    require_unchanged(contents.values())
    dataset = Dataset(workspace.datasets / fingerprint_of(hashes, files.mapping, files.split))
    if not is_whole(dataset):
        return None
    sample = files.sample_submission
    # Datasets of an earlier version do not have the columns.
    columns = SubmissionColumns() if sample is None else read_sample(sample, files.mapping).columns
    update_names(dataset, files, columns, synthetic=is_synthetic(workspace, files.train, hashes))
    return dataset


def refuse_same_file(files: InputFiles, hashes: Mapping[str, str]) -> None:
    """Raise an InputError if one file, or one query, is both train and test."""
    if files.test is None:
        return
    same_query = isinstance(files.train, Query) and files.train == files.test
    if same_query or ("train" in hashes and hashes["train"] == hashes.get("test")):
        raise SourceError.same_file(files.test.name)


def is_whole(dataset: Dataset) -> bool:
    """Return whether the dataset exists, its card can be read, and its tables are as they were written."""
    try:
        dataset.card()
    except RunError:
        return False
    return not dataset.damage()


def fingerprint_of(hashes: Mapping[str, str], mapping: LogMapping, split: DateSplit | None = None) -> str:
    """Return the SHA-256 of the mapping, the content of each part, and the split; it does not depend on file names."""
    digest = hashlib.sha256(_STORED_FORMAT + mapping.digest.encode())
    for part, content in sorted(hashes.items()):
        digest.update(f"{part}:{content};".encode())
    if split is not None:
        digest.update(split.key.encode())
    return digest.hexdigest()


def update_names(dataset: Dataset, files: InputFiles, columns: SubmissionColumns, *, synthetic: bool) -> None:
    """Store the current names of the dataset, its files and the submission's columns in its card."""
    card = dataset.card()
    sample = files.sample_submission
    train_name, test_name = files.part_names
    updated = card.model_copy(
        update={
            "name": files.display_name,
            "synthetic": card.synthetic or synthetic,
            "mapping": files.mapping.name,
            "mapping_notes": files.mapping_notes,
            "train": card.train.model_copy(update={"name": train_name}),
            "test": card.test.model_copy(update={"name": test_name}),
            "sample_submission": sample.name if sample else None,
            "submission_columns": columns,
            "tables": {
                table: table_card.model_copy(update={"name": files.tables[table].name})
                for table, table_card in card.tables.items()
            },
        }
    )
    if updated != card:
        write_text_atomically(dataset.folder / CARD_FILE, sealed_json(updated.model_dump_json()))
