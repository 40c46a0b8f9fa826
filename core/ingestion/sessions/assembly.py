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
from functools import partial
from pathlib import Path

import polars as pl

from core.base.files import sync
from core.dataset import ACTUAL_FILE, DICTIONARY_FILE, EVENTS_FILE, UNITS_FILE, UNTRAINED_FILE
from core.ingestion.mapping import Mapping
from core.ingestion.parallel import map_in_order
from core.ingestion.sessions.assembly_counts import AssembledPartition, AssemblyCounts
from core.ingestion.sessions.date_split import actual_values, without_values
from core.ingestion.sessions.dictionaries import DictionaryWriter, IdCounts
from core.ingestion.sessions.partitions import Partition, PartitionStore
from core.ingestion.sessions.units import make_units, sessions_by_gap
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.ingestion.values.session_values import LostPurchases
from core.schema import ROLES, SESSION, TEST_ROLE, TRAIN_ROLE, UNIT, USER, USER_ID, USER_SESSION


def assemble(
    spills: dict[int, PartitionStore],
    mapping: Mapping,
    folder: Path,
    *,
    repeated_orders: dict[int, RepeatedOrders],
    lost_purchases: LostPurchases,
    orders_of_log: RepeatedOrders | None = None,
    seed: int,
    report: Callable[[int], None],
) -> tuple[AssemblyCounts, IdCounts]:
    """Write the events, the units, the untrained sessions and the dictionary of session ids.

    If a log was split by date, its test rows have values. They are written to a table of their own, and nothing else
    is computed from them.

    Args:
        spills: role -> rows of its file, partitioned by session code; by user code if the log has no session ids.
        folder: the dataset's folder. If the log has no session ids, it must contain the dictionary of the users.
        repeated_orders: role -> orders that were sent more than once.
        orders_of_log: those of both parts of a log that was split by date; None if train and test are separate files.
        report: called with the number of rows written.

    Returns:
        The counts, and the numbers of distinct session ids.
    """
    assemble_partition = partial(
        _assemble_partition,
        mapping=mapping,
        with_sessions=partial(_with_sessions, mapping=mapping, folder=folder, seed=seed),
        repeated_orders=repeated_orders,
        lost_purchases=lost_purchases,
        orders_of_log=orders_of_log,
    )
    counts = AssemblyCounts()
    with (
        _open_writers(folder) as writers,
        ThreadPoolExecutor(1) as disk,  # syncs while work continues, so that little remains to be synced at the end
    ):
        syncing: Future[None] | None = None
        pairs = zip(*(spills[role].parts() for role in (TRAIN_ROLE, TEST_ROLE)), strict=True)
        for assembled in map_in_order(assemble_partition, pairs, ahead=1):
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
        threads: row groups of one file are written one after the other, but those of several files at once.
    """

    events: dict[int, ParquetWriter]
    units: ParquetWriter
    untrained: ParquetWriter
    actual: ParquetWriter
    sessions: DictionaryWriter
    threads: ThreadPoolExecutor

    def write(self, assembled: AssembledPartition, *, first_unit: int) -> None:
        """Append a partition whose units are numbered from `first_unit`."""
        tables = assembled.tables
        numbered = pl.col(UNIT) + first_unit
        writes = [
            *(
                self.threads.submit(writer.write, tables.events[role].with_columns(numbered))
                for role, writer in self.events.items()
            ),
            self.threads.submit(self.units.write, tables.units.with_columns(numbered)),
            self.threads.submit(self.sessions.write, tables.ids.rename({SESSION: "code", USER_SESSION: "id"})),
        ]
        self.untrained.write(tables.untrained)
        if assembled.actual is not None:
            self.actual.write(assembled.actual)
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


def _assemble_partition(
    pair: tuple[Partition, Partition],
    *,
    mapping: Mapping,
    with_sessions: Callable[[pl.DataFrame], pl.DataFrame],
    repeated_orders: dict[int, RepeatedOrders],
    lost_purchases: LostPurchases,
    orders_of_log: RepeatedOrders | None,
) -> AssembledPartition:
    """Assemble the sessions of a partition of the train file and of the test file; see `assemble`."""
    events, sent_twice, actual = {}, {}, None
    for role, partition in zip((TRAIN_ROLE, TEST_ROLE), pair, strict=True):
        rows = with_sessions(partition.load())
        if role == TEST_ROLE and orders_of_log is not None:
            actual = actual_values(rows, mapping, orders_of_log, lost_purchases)
            rows = without_values(rows)
        events[role] = repeated_orders[role].without_repeats(rows, within_sessions=role == TEST_ROLE)
        sent_twice[role] = rows.height - events[role].height
    return AssembledPartition(make_units(events, mapping, lost_purchases), sent_twice, actual)


def _sync_files(folder: Path) -> None:
    for file in folder.iterdir():
        sync(file)


def _with_sessions(rows: pl.DataFrame, mapping: Mapping, folder: Path, seed: int) -> pl.DataFrame:
    """Return the rows of a partition; if the log has no session ids, with sessions made by the session timeout."""
    if mapping.session_gap_minutes is None or rows.is_empty():
        return rows
    users = pl.scan_parquet(folder / DICTIONARY_FILE.format(column=USER_ID), glob=False).select(USER, USER_ID)
    in_partition = pl.col(USER).is_between(rows[USER].min(), rows[USER].max())
    return sessions_by_gap(rows, users.filter(in_partition).collect(), mapping.session_gap_minutes, seed)
