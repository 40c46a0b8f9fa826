"""Turn a train and a test file, or one log, into a stored dataset. `file_reader` and `dataset_writer` do the work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

from core.base.cores import available_cores
from core.base.files import READING_PREFIX, reporting_full_disk, scratch_folder
from core.base.number_format import PLAIN, using_format
from core.base.progress import Report, no_report
from core.base.text import listed
from core.base.workspace import Workspace
from core.dataset import QUARANTINE_FILE, Dataset
from core.errors import InputError, SettingError
from core.ingestion.attributes import ReadAttributes, read_attributes
from core.ingestion.attributes.completion import complete_with_tables
from core.ingestion.completed_mapping import assumed_encodings, complete_mapping, own_note
from core.ingestion.file_reader import FileReader
from core.ingestion.input_files import InputFiles
from core.ingestion.reading_progress import PARTS
from core.ingestion.sessions.units import CODE_SEEDS, HashCollisionError
from core.ingestion.sources.content_hash import Content, require_unchanged
from core.ingestion.storage.dataset_writer import DatasetWriter
from core.ingestion.storage.stored_datasets import contents_of, find_stored, may_be_stored
from core.ingestion.swapped_files import refuse_swapped_files, swapped_names
from core.own_columns import TableName


@using_format(PLAIN)  # the card has sentences, which are stored
def ingest(files: InputFiles, workspace: Workspace, report: Report = no_report) -> Dataset:
    """Store the files as a dataset, or return the stored dataset of the same content and mapping.

    Raises:
        InputError: a file cannot be used; nothing is stored.
        SettingError: the workspace's disk is full.
    """
    report(0, PARTS, "checking whether the files are already stored")
    workspace.sweep()
    refuse_swapped_files(files)
    mapping, notes = complete_mapping(files.train, files.mapping)
    completed = complete_with_tables(mapping, files.tables)
    notes += [*completed.notes, *filter(None, (own_note(files.train, mapping), swapped_names(files)))]
    assumed = assumed_encodings(files.sources, completed.mapping)
    encoding = None
    if assumed:  # all files are read alike, because the test file may have fewer letters to judge by
        first = next(iter(assumed.values()))
        notes.append(f"{listed(assumed)}: {first.sentence}")
        encoding = first.encoding
    files = replace(files, mapping=completed.mapping, mapping_notes=tuple(notes))
    contents = contents_of(files)
    if may_be_stored(files, workspace):
        stored = find_stored(files, contents, workspace)
        if stored is not None:
            report(PARTS, PARTS, "these files are already stored")
            return stored
    with reporting_full_disk(workspace.root, SettingError.workspace_full), _changed_file_as_input_error(contents):
        for seed in CODE_SEEDS:
            with suppress(HashCollisionError):
                dataset = _store(files, workspace, contents, seed=seed, report=report, assumed_encoding=encoding)
                report(PARTS, PARTS, "")
                return dataset
    raise RuntimeError("two ids had the same code under every seed")


def _store(
    files: InputFiles,
    workspace: Workspace,
    contents: dict[str, Content],
    *,
    seed: int,
    report: Report,
    assumed_encoding: str | None,
) -> Dataset:
    """Read and store the files, in a scratch folder that is deleted at the end.

    Raises:
        HashCollisionError: two ids have the same code with this seed.
    """
    attributes: dict[TableName, ReadAttributes] = {}
    for name, path in files.tables.items():
        report(0, PARTS, f"reading {path.name}")
        attributes[name] = read_attributes(path, name, files.mapping, contents[name])
    tables = tuple(read.table for read in attributes.values())
    with (
        scratch_folder(workspace.datasets, READING_PREFIX) as scratch,
        ThreadPoolExecutor(available_cores()) as writing,
    ):
        folder = scratch / "dataset"
        folder.mkdir()
        reader = FileReader(
            files, contents, scratch, writing, tables, seed=seed, report=report, assumed_encoding=assumed_encoding
        )
        reader.read(folder / QUARANTINE_FILE)
        return DatasetWriter(files, contents, attributes, reader, folder).store(workspace)


@contextmanager
def _changed_file_as_input_error(contents: dict[str, Content]) -> Iterator[None]:
    """If a file is refused, but has changed since it was opened, report the change instead."""
    try:
        yield
    except InputError:
        require_unchanged(contents.values())
        raise
