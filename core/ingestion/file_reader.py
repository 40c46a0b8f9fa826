"""Read the files of a dataset: usable rows into partitions, ids into dictionaries, all other rows into quarantine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

import polars as pl

from core.base.progress import Report
from core.ingestion.attributes import AttributeTable
from core.ingestion.input_files import DateSplit, InputFiles
from core.ingestion.reading_progress import ReadingProgress
from core.ingestion.rows.display_names import DisplayNames
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.read_rows import parse_source
from core.ingestion.rows.row_parser import ParsedBlock, RowParser
from core.ingestion.sessions.date_split import LogSplit
from core.ingestion.sessions.dictionaries import Dictionaries
from core.ingestion.sessions.partitions import PartitionStore, partition_bits
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.schema import ROLE, ROLES, TEST_ROLE, TIME, TRAIN_ROLE


class FileReader:
    """Reads the files of a dataset, with one seed for the codes of ids.

    Args:
        contents: role or table -> content of its file; a query has none.
        scratch: folder for the partitions.
        writing: threads that write them.
        tables: tables of products and users.
        assumed_encoding: encoding of files that do not show theirs.

    Attributes:
        seed: seed of the codes.
        progress: progress of reading, and later of writing.
        rows: role -> usable rows, partitioned by session code.
        counts: role -> counts of the rows of its file.
        dictionaries: codes and ids of all files.
        names: names of products and categories.
        repeated_orders: role -> purchases that repeat those of an order that was sent before.
        query_hashes: role -> SHA-256 of the rows that a query returned.
        split: how one log was divided; None if train and test are separate files.
    """

    def __init__(
        self,
        files: InputFiles,
        contents: Mapping[str, Content],
        scratch: Path,
        writing: Executor,
        tables: tuple[AttributeTable, ...],
        *,
        seed: int,
        report: Report,
        assumed_encoding: str | None,
    ) -> None:
        self._files = files
        self._contents = contents
        self._scratch = scratch
        self._writing = writing
        self._tables = tables
        self._assumed_encoding = assumed_encoding
        roles = (TRAIN_ROLE, TEST_ROLE)[: len(files.sources)]  # one log has the train role until it is divided
        self._sources: dict[int, Source] = dict(zip(roles, files.sources, strict=True))
        self._last_time: int | None = None
        self.seed = seed
        self.counts = {role: ReadCounts() for role in (TRAIN_ROLE, TEST_ROLE)}
        self.progress = ReadingProgress(self._sources.values(), list(self.counts.values()), report)
        self._bits = partition_bits(self.progress.n_rows)
        self.rows: dict[int, PartitionStore] = {}
        self.dictionaries = Dictionaries(scratch, self._bits, writing)
        self.names = DisplayNames()
        self.repeated_orders = {role: RepeatedOrders(files.mapping) for role in (TRAIN_ROLE, TEST_ROLE)}
        self.query_hashes: dict[str, str] = {}
        self.split: LogSplit | None = None

    def read(self, quarantine_file: Path) -> None:
        """Read all files, and divide one log by date.

        Raises:
            InputError: a file cannot be used.
        """
        with ParquetWriter(quarantine_file) as quarantine:
            for role, source in self._sources.items():
                self._read_source(role, source, quarantine)
        if self._files.split is not None:
            self._divide(self._files.split)

    def _read_source(self, role: int, source: Source, quarantine: ParquetWriter) -> None:
        """Parse a file. All rows of one log have the train role until it is divided."""
        spill_folder = self._scratch / ROLES[role]
        spill_folder.mkdir()
        self.rows[role] = PartitionStore(spill_folder, self._bits, self._writing)
        parser = RowParser(self._files.mapping, role == TRAIN_ROLE, self.seed, self._bits, tables=self._tables)
        digest = hashlib.sha256()
        content = self._contents.get(ROLES[role])
        for block, block_hash in parse_source(
            source, parser, self.counts[role], self.progress.read, content, assumed_encoding=self._assumed_encoding
        ):
            digest.update(block_hash)
            self._add(role, block)
            quarantine.write(block.bad.with_columns(pl.lit(role, dtype=pl.Int8).alias(ROLE)))
        if self._files.split is None:
            self.repeated_orders[role].find()
        if isinstance(source, Query):
            self.query_hashes[ROLES[role]] = digest.hexdigest()

    def _add(self, role: int, block: ParsedBlock) -> None:
        """Add the usable rows of a block, their ids and their names."""
        self.rows[role].add(block.parts)
        if self._files.split is None:
            self.repeated_orders[role].add(block.rows)
        if block.rows.height:
            last_time = int(block.rows.get_column(TIME).to_numpy().max())
            self._last_time = last_time if self._last_time is None else max(last_time, self._last_time)
        for column, ids in block.ids.items():
            self.dictionaries.add(role, column, ids)
        self.names.add(block.names)

    def _divide(self, split: DateSplit) -> None:
        """Divide the rows of one log into a train and a test file."""
        if self._last_time is None:
            raise RuntimeError("a log without usable rows was not refused")
        divided = LogSplit(split, self._last_time, self._files.mapping, self._files.train.name)
        divided.divide(
            self.rows[TRAIN_ROLE],
            self._scratch,
            self._bits,
            self._writing,
            repeated_orders=self.repeated_orders,
            dictionaries=self.dictionaries,
        )
        train, test = ((divided.counts[role].rows, divided.counts[role].purchases) for role in (TRAIN_ROLE, TEST_ROLE))
        self.counts[TEST_ROLE] = self.counts[TRAIN_ROLE].divide(train=train, test=test)
        self.rows, self.split = divided.parts, divided
