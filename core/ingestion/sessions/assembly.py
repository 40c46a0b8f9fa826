"""Assemble the sessions of the train and the test file, partition by partition, and write them.

In: the usable rows of each file, partitioned by session code (`PartitionStore`). Out: four Parquet files (train events,
test events, units and untrained sessions), the dictionary of session ids, and the counts for the card; and for a log
that is split by date, a fifth file with the actual values of the test sessions. A partition fits
into memory and holds all events of its sessions, so partitions are assembled in parallel. Results are written in the
order of the partitions, and unit numbers continue from one partition to the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from core.base.files import sync
from core.dataset import ACTUAL_FILE, DICTIONARY_FILE, EVENTS_FILE, UNITS_FILE, UNTRAINED_FILE, UnknownValue
from core.ingestion.mapping import Mapping
from core.ingestion.parallel import map_in_order
from core.ingestion.sessions.date_split import actual_values, without_values
from core.ingestion.sessions.dictionaries import DictionaryWriter, IdCounts
from core.ingestion.sessions.partitions import Partition, PartitionStore
from core.ingestion.sessions.units import SessionTables, make_units, sessions_by_gap
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.ingestion.values.session_values import LostPurchases
from core.schema import (
    BUY,
    COMPOSITE,
    EVENT_CODE,
    KNOWN_VALUE,
    REASON,
    REMAINING,
    ROLE,
    ROLES,
    SESSION,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    UNIT,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)


@dataclass
class FileCounts:
    """Counts of the train or the test file over all partitions.

    Attributes:
        rows: stored events.
        duplicates, repeated_purchases, joined_visits: see `DuplicateCounts`.
        sent_twice: purchases that were removed because the same order had sent them before.
        composite: session ids that several users share.
        times: first and last event time of each partition, in epoch seconds.
        values: known session values, one Series per partition. Those of a test file are empty.
    """

    rows: int = 0
    duplicates: int = 0
    repeated_purchases: int = 0
    joined_visits: int = 0
    sent_twice: int = 0
    composite: int = 0
    times: list[int] = field(default_factory=list)
    values: list[pl.Series] = field(default_factory=list)


@dataclass(frozen=True)
class _AssembledPartition:
    """The tables of one partition.

    Attributes:
        sent_twice: role -> number of purchases removed because the same order was sent before.
        actual: actual values of the test sessions; None unless a log was split by date.
    """

    tables: SessionTables
    sent_twice: dict[int, int]
    actual: pl.DataFrame | None


@dataclass
class AssemblyCounts:
    """Counts over all partitions, for the dataset's card.

    Attributes:
        files: role -> counts of its file.
        untrained: reason (see UnknownValue) -> train sessions that are not used for training.
        untrained_value: sum of the usable purchases of these sessions.
        purchases: BUY rows in the train file.
        buying_sessions: train sessions that may have purchases; 0 unless values are sums of purchases.
        known_sessions: test sessions whose value is known from the train file.
        actual_values: test sessions whose actual value is known; 0 unless a log was split by date.
        units: number of units.
    """

    files: dict[int, FileCounts] = field(default_factory=lambda: {TRAIN_ROLE: FileCounts(), TEST_ROLE: FileCounts()})
    untrained: Counter[str] = field(default_factory=Counter)
    untrained_value: float = 0.0
    purchases: int = 0
    buying_sessions: int = 0
    known_sessions: int = 0
    actual_values: int = 0
    units: int = 0

    @property
    def train_sessions(self) -> int:
        """Number of train sessions, including composite ones."""
        n_known = sum(map(len, self.files[TRAIN_ROLE].values))
        return n_known + self.untrained.total() - self.untrained[UnknownValue.SHARED_ID]

    def add(self, partition: _AssembledPartition) -> None:
        """Add the counts of a partition."""
        tables, sent_twice = partition.tables, partition.sent_twice
        if partition.actual is not None:
            self.actual_values += partition.actual.get_column(VALUE).count()
        for role, file in self.files.items():
            events, repeats = tables.events[role], tables.repeats[role]
            units = tables.units.filter(pl.col(ROLE) == role)
            file.rows += events.height
            file.duplicates += repeats.rows
            file.repeated_purchases += repeats.purchases
            file.joined_visits += repeats.visits
            file.sent_twice += sent_twice[role]
            file.composite += units.filter(COMPOSITE).get_column(SESSION).n_unique()
            if events.height:
                file.times += events.select(pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")).row(0)
            is_first_unit = pl.col(SESSION).ne_missing(pl.col(SESSION).shift(1))
            file.values.append(units.filter(is_first_unit).get_column(VALUE).drop_nulls())
        self.untrained.update(dict(tables.untrained.group_by(REASON).len().iter_rows()))
        self.untrained_value += float(tables.untrained.get_column(REMAINING).sum())
        self.purchases += int((tables.events[TRAIN_ROLE].get_column(TYPE) == EVENT_CODE[BUY]).sum())
        self.buying_sessions += tables.buying_sessions
        self.known_sessions += tables.units.filter(pl.col(KNOWN_VALUE).is_not_null()).get_column(SESSION).n_unique()
        self.units += tables.units.height


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

    def assemble_partition(pair: tuple[Partition, Partition]) -> _AssembledPartition:
        events, sent_twice, actual = {}, {}, None
        for role, partition in zip((TRAIN_ROLE, TEST_ROLE), pair, strict=True):
            rows = _with_sessions(partition.load(), mapping, folder, seed)
            if role == TEST_ROLE and orders_of_log is not None:
                actual = actual_values(rows, mapping, orders_of_log, lost_purchases)
                rows = without_values(rows)
            events[role] = repeated_orders[role].without_repeats(rows, within_sessions=role == TEST_ROLE)
            sent_twice[role] = rows.height - events[role].height
        return _AssembledPartition(make_units(events, mapping, lost_purchases), sent_twice, actual)

    counts = AssemblyCounts()
    with (
        ParquetWriter(folder / EVENTS_FILE.format(role=ROLES[TRAIN_ROLE])) as train,
        ParquetWriter(folder / EVENTS_FILE.format(role=ROLES[TEST_ROLE])) as test,
        ParquetWriter(folder / UNITS_FILE) as units,
        ParquetWriter(folder / UNTRAINED_FILE) as untrained,
        ParquetWriter(folder / ACTUAL_FILE) as actual_file,
        DictionaryWriter(folder, USER_SESSION) as sessions,
        ThreadPoolExecutor(2) as writing,  # row groups of one file are sequential; the four files are not
        ThreadPoolExecutor(1) as disk,  # syncs while work continues, so that little remains to be synced at the end
    ):
        syncing: Future[None] | None = None
        pairs = zip(*(spills[role].parts() for role in (TRAIN_ROLE, TEST_ROLE)), strict=True)
        for assembled in map_in_order(assemble_partition, pairs, ahead=1):
            tables = assembled.tables
            numbered = pl.col(UNIT) + counts.units
            written = [
                writing.submit(train.write, tables.events[TRAIN_ROLE].with_columns(numbered)),
                writing.submit(test.write, tables.events[TEST_ROLE].with_columns(numbered)),
                writing.submit(units.write, tables.units.with_columns(numbered)),
                writing.submit(sessions.write, tables.ids.rename({SESSION: "code", USER_SESSION: "id"})),
            ]
            untrained.write(tables.untrained)
            if assembled.actual is not None:
                actual_file.write(assembled.actual)
            counts.add(assembled)
            for future in written:
                future.result()
            if syncing is None or syncing.done():
                syncing = disk.submit(_sync_files, folder)
            report(sum(rows.height for rows in tables.events.values()))
        if syncing is not None:
            syncing.result()
        return counts, sessions.counts


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
