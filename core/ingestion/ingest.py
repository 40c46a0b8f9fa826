"""Turn a train and a test file, or one log, into a stored dataset: read, parse, quarantine, assemble, write."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import polars as pl

from core.base.files import READING_PREFIX, atomic_folder, remove, scratch_folder, sync
from core.base.number_format import PLAIN, using_format
from core.base.progress import Report, no_report
from core.base.stored_files import hash_folder, sealed_json
from core.base.text import listed
from core.base.workspace import Workspace
from core.config import available_cores
from core.dataset import (
    CARD_FILE,
    DICTIONARY_FILE,
    HASHES_FILE,
    MAPPING_FILE,
    NAMES_FILE,
    ORDER_FILE,
    QUARANTINE_FILE,
    Dataset,
    SubmissionColumns,
    TableCard,
)
from core.errors import InputError, SettingError
from core.ingestion.attributes import ID_COLUMN, ReadAttributes, read_attributes
from core.ingestion.attributes.completion import complete_with_tables
from core.ingestion.input_files import DateSplit, InputFiles
from core.ingestion.mapping import mapping_text
from core.ingestion.mapping.refusals import short
from core.ingestion.own import own_cards
from core.ingestion.preview import assumed_encodings, complete_mapping, own_note
from core.ingestion.reading_progress import PARTS, ReadingProgress
from core.ingestion.rows.display_names import NAME_OF, DisplayNames, names_of_ids
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.read_rows import parse_source
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sessions.assembly import AssemblyCounts, assemble
from core.ingestion.sessions.date_split import LogSplit
from core.ingestion.sessions.dictionaries import Dictionaries, IdCounts
from core.ingestion.sessions.partitions import PartitionStore, partition_bits
from core.ingestion.sessions.session_ids import read_sample, submission_order, test_sessions_by_id
from core.ingestion.sessions.units import CODE_SEEDS, HashCollisionError
from core.ingestion.sources.content_hash import Content, require_unchanged
from core.ingestion.sources.database import Query
from core.ingestion.sources.source import Source
from core.ingestion.storage.card import IngestionCounts, WantedSessions, make_card
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.storage.stored_datasets import (
    contents_of,
    find_stored,
    fingerprint_of,
    is_whole,
    may_be_stored,
    refuse_same_file,
    update_names,
)
from core.ingestion.storage.synthetic import is_synthetic
from core.ingestion.swapped_files import refuse_swapped_files, swapped_names
from core.ingestion.values.doubts import refuse_doubtful_values
from core.ingestion.values.lost_purchases import unassigned
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.ingestion.values.session_values import LostPurchases
from core.own_columns import TableName
from core.schema import (
    CATEGORY_ID,
    IN_TEST,
    PRODUCT_ID,
    ROLE,
    ROLES,
    SESSION,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    USER_ID,
    USER_SESSION,
)


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
    further = own_note(files.train, mapping), swapped_names(files)
    notes, mapping = [*notes, *completed.notes, *filter(None, further)], completed.mapping
    assumed = assumed_encodings(files.sources, mapping)
    encoding = None
    if assumed:  # all files are read alike, because the test file may have fewer letters to judge by
        first = next(iter(assumed.values()))
        notes, encoding = [*notes, f"{listed(assumed)}: {first.sentence}"], first.encoding
    files = replace(files, mapping=mapping, mapping_notes=tuple(notes))
    contents = contents_of(files)
    if may_be_stored(files, workspace):
        stored = find_stored(files, contents, workspace)
        if stored is not None:
            report(PARTS, PARTS, "these files are already stored")
            return stored
    with _full_disk_as_setting_error(workspace), _changed_file_as_input_error(contents):
        for seed in CODE_SEEDS:
            with suppress(HashCollisionError):
                return _Ingestion(
                    files, workspace, contents, seed=seed, report=report, assumed_encoding=encoding
                ).store()
    raise RuntimeError("two ids had the same code under every seed")


@contextmanager
def _full_disk_as_setting_error(workspace: Workspace) -> Iterator[None]:
    """Raise a SettingError if the disk is full. By then, the unfinished dataset has been deleted."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise SettingError.workspace_full(workspace.root) from error


@contextmanager
def _changed_file_as_input_error(contents: dict[str, Content]) -> Iterator[None]:
    """If a file is refused, but has changed since it was opened, report the change instead."""
    try:
        yield
    except InputError:
        require_unchanged(contents.values())
        raise


class _Ingestion:
    """One attempt to store the files, with one seed, in a scratch folder that is deleted at the end."""

    def __init__(
        self,
        files: InputFiles,
        workspace: Workspace,
        contents: dict[str, Content],
        *,
        seed: int,
        report: Report,
        assumed_encoding: str | None,
    ) -> None:
        self._files = files
        self._workspace = workspace
        self._contents = contents
        self._query_hashes: dict[str, str] = {}
        self._seed = seed
        self._report = report
        self._assumed_encoding = assumed_encoding
        self._sources: dict[int, Source] = dict(zip((TRAIN_ROLE, TEST_ROLE), files.sources, strict=False))
        self._read_counts = {role: ReadCounts() for role in (TRAIN_ROLE, TEST_ROLE)}
        self._progress = ReadingProgress(self._sources.values(), list(self._read_counts.values()), report)
        self._repeated_orders = {role: RepeatedOrders(files.mapping) for role in (TRAIN_ROLE, TEST_ROLE)}
        self._log_split: LogSplit | None = None
        self._last_time: int | None = None
        self._names = DisplayNames()
        self._attributes: dict[TableName, ReadAttributes] = {}

    def store(self) -> Dataset:
        """Read, assemble and store the files."""
        for name, path in self._files.tables.items():
            self._report(0, PARTS, f"reading {path.name}")
            self._attributes[name] = read_attributes(path, name, self._files.mapping, self._contents[name])
        with (
            scratch_folder(self._workspace.datasets, READING_PREFIX) as scratch,
            ThreadPoolExecutor(available_cores()) as writing,
        ):
            folder = scratch / "dataset"
            folder.mkdir()
            bits = partition_bits(self._progress.n_rows)
            dictionaries = Dictionaries(scratch, bits, writing)
            rows = self._read(scratch, folder, bits, dictionaries, writing)
            if self._files.split is not None:
                rows = self._divide(
                    self._files.split,
                    rows[TRAIN_ROLE],
                    scratch,
                    bits=bits,
                    dictionaries=dictionaries,
                    writing=writing,
                )
            return self._store(folder, rows, dictionaries)

    def _read(
        self, scratch: Path, folder: Path, bits: int, dictionaries: Dictionaries, writing: Executor
    ) -> dict[int, PartitionStore]:
        """Parse all files. Return role -> usable rows, partitioned; write the others to the quarantine.

        All rows of a log that is to be split have the train role.
        """
        rows: dict[int, PartitionStore] = {}
        with ParquetWriter(folder / QUARANTINE_FILE) as quarantine:
            for role, source in self._sources.items():
                spill_folder = scratch / ROLES[role]
                spill_folder.mkdir()
                rows[role] = PartitionStore(spill_folder, bits, writing)
                tables = tuple(read.table for read in self._attributes.values())
                parser = RowParser(self._files.mapping, role == TRAIN_ROLE, self._seed, bits, tables=tables)
                digest = hashlib.sha256()
                content = self._contents.get(ROLES[role])
                blocks = parse_source(
                    source,
                    parser,
                    self._read_counts[role],
                    self._progress.read,
                    content,
                    assumed_encoding=self._assumed_encoding,
                )
                for block, block_hash in blocks:
                    digest.update(block_hash)
                    rows[role].add(block.parts)
                    if self._files.split is None:
                        self._repeated_orders[role].add(block.rows)
                    if block.rows.height:
                        last_time = int(block.rows.get_column(TIME).to_numpy().max())
                        self._last_time = max(last_time, self._last_time or last_time)
                    for column, ids in block.ids.items():
                        dictionaries.add(role, column, ids)
                    self._names.add(block.names)
                    quarantine.write(block.bad.with_columns(pl.lit(role, dtype=pl.Int8).alias(ROLE)))
                if self._files.split is None:
                    self._repeated_orders[role].find()
                if isinstance(source, Query):
                    self._query_hashes[ROLES[role]] = digest.hexdigest()
        return rows

    def _divide(
        self,
        split: DateSplit,
        log: PartitionStore,
        scratch: Path,
        *,
        bits: int,
        dictionaries: Dictionaries,
        writing: Executor,
    ) -> dict[int, PartitionStore]:
        """Divide the rows of a log by date. Return role -> its rows, partitioned."""
        if self._last_time is None:
            raise RuntimeError("a log without usable rows was not refused")
        divided = LogSplit(split, self._last_time, self._files.mapping, self._files.train.name)
        divided.divide(log, scratch, bits, writing, repeated_orders=self._repeated_orders, dictionaries=dictionaries)
        train, test = ((divided.counts[role].rows, divided.counts[role].purchases) for role in (TRAIN_ROLE, TEST_ROLE))
        self._read_counts[TEST_ROLE] = self._read_counts[TRAIN_ROLE].divide(train=train, test=test)
        self._log_split = divided
        return divided.parts

    def _store(self, folder: Path, rows: dict[int, PartitionStore], dictionaries: Dictionaries) -> Dataset:
        """Complete the dataset in the scratch folder, and move it to the workspace."""
        ids, assembled, wanted = self._write_tables(folder, rows, dictionaries)
        hashes = {part: content.digest() for part, content in self._contents.items()} | self._query_hashes
        refuse_same_file(self._files, hashes)
        require_unchanged(self._contents.values())
        fingerprint = fingerprint_of(hashes, self._files.mapping, self._files.split)
        unassigned_purchases = unassigned(
            self._read_counts[TRAIN_ROLE].lost_purchases,
            *(folder / DICTIONARY_FILE.format(column=column) for column in (USER_SESSION, USER_ID)),
            in_log=self._files.split is not None,
        )
        split = None
        if self._log_split is not None:
            log = fingerprint_of(hashes, self._files.mapping)
            split = self._log_split.card(log, assembled.actual_values)
        tables = self._write_attributes(folder)
        self._write_names(folder)
        cells = self._read_counts[TRAIN_ROLE].own + self._read_counts[TEST_ROLE].own
        own = own_cards(folder, self._files.mapping, cells)
        card = make_card(
            self._files,
            IngestionCounts(self._read_counts, ids, assembled, wanted, unassigned_purchases, split, own, tables),
            fingerprint=fingerprint,
            synthetic=is_synthetic(self._workspace, self._files.train, hashes),
        )
        (folder / MAPPING_FILE).write_text(mapping_text(self._files.mapping), encoding="utf-8")
        hashed = hash_folder(folder, threads=available_cores())
        (folder / HASHES_FILE).write_text(json.dumps(hashed, indent=1), encoding="utf-8")
        (folder / CARD_FILE).write_text(sealed_json(card.model_dump_json()), encoding="utf-8")
        dataset = Dataset(self._workspace.datasets / fingerprint)
        if not is_whole(dataset):
            remove(dataset.folder)
        with atomic_folder(dataset.folder, shared=True) as target:
            for file in folder.iterdir():
                file.rename(target / file.name)
        # A query result may already be stored under other names.
        update_names(dataset, self._files, wanted.columns, synthetic=card.synthetic)
        self._report(PARTS, PARTS, "")
        return dataset

    def _write_attributes(self, folder: Path) -> dict[TableName, TableCard]:
        """Write the tables of products and users, and count the ids of the log that they have.

        Raises:
            InputError: a table has none of them.
        """
        cards: dict[TableName, TableCard] = {}
        for name, read in self._attributes.items():
            dictionary = pl.read_parquet(
                folder / DICTIONARY_FILE.format(column=ID_COLUMN[name]), memory_map=False, glob=False
            )
            ids, file = dictionary.get_column(ID_COLUMN[name]), self._files.tables[name].name
            n_known = int(read.table.has(ids).sum())
            if not n_known:
                examples = short(read.table.ids[0]), short(ids[0])
                raise InputError.no_known_ids(file, name, short(self._files.mapping.tables[name].key), examples)
            if read.table.columns:
                read.table.with_columns_of(read.table.columns).save(folder)
            cards[name] = TableCard(
                name=file, rows=read.rows, repeated=read.repeated, broken=read.broken, ids=len(ids), known=n_known
            )
        return cards

    def _write_names(self, folder: Path) -> None:
        """Write the names of products and categories, if there are any."""
        names = []
        for column in NAME_OF:
            dictionary = pl.read_parquet(folder / DICTIONARY_FILE.format(column=column), memory_map=False, glob=False)
            names.append(self._names.of(column, dictionary))
            if column == PRODUCT_ID and "products" in self._attributes:
                ids = dictionary.get_column(column)
                if (cells := self._attributes["products"].table.names_of(ids)) is not None:
                    names.append(names_of_ids(column, ids, cells))
        if any(each.height for each in names):
            pl.concat(names).write_parquet(folder / NAMES_FILE)

    def _write_tables(
        self, folder: Path, rows: dict[int, PartitionStore], dictionaries: Dictionaries
    ) -> tuple[dict[str, IdCounts], AssemblyCounts, WantedSessions]:
        """Write dictionaries, events and the submission's order in parallel, as no single step uses all cores.

        Returns:
            The number of ids of each id column, the counts of assembly, and those of the sessions to predict.
        """
        mapping, sample = self._files.mapping, self._files.sample_submission
        with ThreadPoolExecutor(2) as pool:
            reading = pool.submit(read_sample, sample, mapping, self._contents["sample"]) if sample else None
            id_counts = {
                column: pool.submit(dictionaries.write, column, folder) for column in (USER_ID, PRODUCT_ID, CATEGORY_ID)
            }
            if mapping.session_gap_minutes is not None:
                id_counts[USER_ID].result()  # the ids of these sessions contain the user id
            assembled, session_counts = assemble(
                rows,
                mapping,
                folder,
                repeated_orders=self._repeated_orders,
                lost_purchases=LostPurchases.from_rows(self._read_counts[TRAIN_ROLE].lost_purchases, mapping),
                orders_of_log=None if self._log_split is None else self._log_split.orders,
                seed=self._seed,
                report=self._progress.written,
            )
            refuse_doubtful_values(self._files.train.name, mapping, assembled)
            ids = {column: count.result() for column, count in id_counts.items()} | {USER_SESSION: session_counts}
            synced = [pool.submit(sync, file) for file in folder.iterdir()]
            dictionary = folder / DICTIONARY_FILE.format(column=USER_SESSION)
            columns, quarantined = SubmissionColumns(), self._read_counts[TEST_ROLE].quarantined_sessions
            if sample is None or reading is None:
                order = test_sessions_by_id(dictionary, quarantined, self._seed)
            else:
                columns = reading.result().columns
                order = submission_order(reading.result(), dictionary, quarantined, mapping, seed=self._seed)
            with ParquetWriter(folder / ORDER_FILE) as writer:  # Polars' writer does not report a full disk
                writer.write(order)
            for future in synced:
                future.result()
        with_events = pl.scan_parquet(dictionary, glob=False).filter(IN_TEST).select(SESSION).collect()
        n_without = order.join(with_events, on=SESSION, how="anti").height
        return ids, assembled, WantedSessions(order.height, n_without, columns)
