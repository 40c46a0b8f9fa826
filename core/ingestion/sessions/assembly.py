"""Assemble the sessions of the train and the test file, partition by partition, and write them.

The input is the usable rows of each file, partitioned by session code (`PartitionStore`). The output is four Parquet
files (train events, test events, units and untrained sessions), the dictionary of session ids, and the counts for the
card. For a log that is split by date, a fifth file has the actual values of the test sessions.

A partition fits into memory and holds all events of its sessions, so partitions are assembled in parallel. Results are
written in the order of the partitions, and unit numbers continue from one partition to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.base.files import sync
from core.dataset import ACTUAL_FILE, DICTIONARY_FILE, EVENTS_FILE, UNITS_FILE, UNTRAINED_FILE
from core.ingestion.mapping import Mapping
from core.ingestion.parallel import map_in_order
from core.ingestion.sessions.assembly_counts import AssembledPartition, AssemblyCounts
from core.ingestion.sessions.date_split import actual_values, without_values
from core.ingestion.sessions.dictionaries import CODE, ID, DictionaryWriter, IdCounts
from core.ingestion.sessions.partitions import Partition, PartitionStore
from core.ingestion.sessions.units import make_units, sessions_by_gap
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.ingestion.values.session_values import LostPurchases
from core.schema import ROLES, SESSION, TEST_ROLE, TRAIN_ROLE, UNIT, USER, USER_ID, USER_SESSION


def assemble(
    partitions: dict[int, PartitionStore],
    mapping: Mapping,
    folder: Path,
    *,
    repeated_orders: dict[int, RepeatedOrders],
    lost_purchases: LostPurchases,
    repeated_in_whole_log: RepeatedOrders | None = None,
    seed: int,
    report: Callable[[int], None],
) -> tuple[AssemblyCounts, IdCounts]:
    """Write the events, the units, the untrained sessions and the dictionary of session ids.

    If a log was split by date, the session values of its test rows are known. They are only written to a table of their
    own; nothing else is computed from them.

    Most of the files is flushed to disk while they are written. The caller flushes the rest.

    Args:
        partitions: role -> rows of its file, partitioned by session code; by user code if the log has no session ids.
        mapping: settings of the log.
        folder: the dataset's folder. If the log has no session ids, it must contain the dictionary of the users.
        repeated_orders: role -> orders that were sent more than once in its file.
        lost_purchases: quarantined purchases, without which the value of a session is unknown.
        repeated_in_whole_log: orders that were sent more than once in both parts of a log that was split by date; None
            if train and test are separate files.
        seed: seed of the hash codes of ids.
        report: called with the number of rows written.

    Returns:
        The counts, and the numbers of distinct session ids.

    Raises:
        OSError: the disk is full or broken.
    """
    assembler = _Assembler(mapping, folder, repeated_orders, lost_purchases, repeated_in_whole_log, seed)
    counts = AssemblyCounts()
    with _open_writers(folder) as writers, ThreadPoolExecutor(1) as disk:
        syncing: Future[None] | None = None
        pairs = zip(*(partitions[role].parts() for role in (TRAIN_ROLE, TEST_ROLE)), strict=True)
        for assembled in map_in_order(assembler.assemble, pairs, ahead=1):
            writers.write(assembled, first_unit=counts.units)
            counts.add(assembled)
            if syncing is None or syncing.done():
                if syncing is not None:
                    syncing.result()  # raises the error of a full or broken disk
                syncing = disk.submit(_sync_files, folder)
            report(sum(rows.height for rows in assembled.tables.events.values()))
        if syncing is not None:
            syncing.result()
        return counts, writers.sessions.counts


@dataclass(frozen=True)
class _Writers:
    """The open files of a dataset, to which one partition after the other is appended.

    Attributes:
        events: role -> the events of its file.
        threads: write to several files at once; leaving the pool waits for them, also after an error.
    """

    events: dict[int, ParquetWriter]
    units: ParquetWriter
    untrained: ParquetWriter
    actual: ParquetWriter
    sessions: DictionaryWriter
    threads: ThreadPoolExecutor

    def write(self, assembled: AssembledPartition, *, first_unit: int) -> None:
        """Append a partition whose units are numbered from `first_unit`, and wait until it is written."""
        tables = assembled.tables
        numbered = pl.col(UNIT) + first_unit
        writes = [
            *(
                self.threads.submit(writer.write, tables.events[role].with_columns(numbered))
                for role, writer in self.events.items()
            ),
            self.threads.submit(self.units.write, tables.units.with_columns(numbered)),
            self.threads.submit(self.sessions.write, tables.ids.rename({SESSION: CODE, USER_SESSION: ID})),
            self.threads.submit(self.untrained.write, tables.untrained),
        ]
        if assembled.actual is not None:
            writes.append(self.threads.submit(self.actual.write, assembled.actual))
        for write in writes:
            write.result()


@contextmanager
def _open_writers(folder: Path) -> Iterator[_Writers]:
    with ExitStack() as stack:

        def parquet(name: str) -> ParquetWriter:
            return stack.enter_context(ParquetWriter(folder / name))

        yield _Writers(
            events={role: parquet(EVENTS_FILE.format(role=ROLES[role])) for role in (TRAIN_ROLE, TEST_ROLE)},
            units=parquet(UNITS_FILE),
            untrained=parquet(UNTRAINED_FILE),
            actual=parquet(ACTUAL_FILE),
            sessions=stack.enter_context(DictionaryWriter(folder, USER_SESSION)),
            threads=stack.enter_context(ThreadPoolExecutor(2)),
        )


@dataclass(frozen=True)
class _Assembler:
    """Assembles one partition after the other, on any thread; for the attributes, see `assemble`."""

    mapping: Mapping
    folder: Path
    repeated_orders: dict[int, RepeatedOrders]
    lost_purchases: LostPurchases
    repeated_in_whole_log: RepeatedOrders | None
    seed: int

    def assemble(self, pair: tuple[Partition, Partition]) -> AssembledPartition:
        """Assemble the sessions of a partition of the train file and of the test file."""
        events, sent_twice, actual = {}, {}, None
        for role, partition in zip((TRAIN_ROLE, TEST_ROLE), pair, strict=True):
            rows = self._with_sessions(partition.load())
            if role == TEST_ROLE and self.repeated_in_whole_log is not None:
                actual = actual_values(rows, self.mapping, self.repeated_in_whole_log, self.lost_purchases)
                rows = without_values(rows)
            # each test session needs a prediction, so none may lose all of its events to another session
            events[role] = self.repeated_orders[role].without_repeats(rows, within_sessions=role == TEST_ROLE)
            sent_twice[role] = rows.height - events[role].height
        return AssembledPartition(make_units(events, self.mapping, self.lost_purchases), sent_twice, actual)

    def _with_sessions(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a partition; if the log has no session ids, with sessions made by the session timeout."""
        gap_minutes = self.mapping.session_gap_minutes
        if gap_minutes is None or rows.is_empty():
            return rows
        users = pl.scan_parquet(self.folder / DICTIONARY_FILE.format(column=USER_ID), glob=False).select(USER, USER_ID)
        # the dictionary is sorted by code, so only the row groups of the partition are read
        in_partition = pl.col(USER).is_between(rows[USER].min(), rows[USER].max())
        return sessions_by_gap(rows, users.filter(in_partition).collect(), gap_minutes, self.seed)


def _sync_files(folder: Path) -> None:
    for file in folder.iterdir():
        sync(file)
