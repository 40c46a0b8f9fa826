"""Assemble the sessions of both files, partition by partition, and write them.

In: per role, the usable rows of its file, partitioned by session code (`PartitionStore`). Out: four Parquet files
(train events, test events, units, untrained sessions), the dictionary of session ids, and the counts for
the card. A partition fits into memory and holds all events of its sessions, so partitions run in parallel.
Results are written in the order of the partitions; unit numbers continue from one partition to the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from core.base.files import sync
from core.dataset import DICTIONARY_FILE, EVENTS_FILE, UNITS_FILE, UNTRAINED_FILE
from core.ingestion.mapping import Mapping
from core.ingestion.parallel import map_in_order
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
class AssemblyCounts:
    """Counts over all partitions, for the dataset's card. Counters are keyed by role, `untrained` by reason."""

    rows: Counter[int] = field(default_factory=Counter)
    duplicates: Counter[int] = field(default_factory=Counter)
    repeated_purchases: Counter[int] = field(default_factory=Counter)
    sent_twice: Counter[int] = field(default_factory=Counter)
    joined_visits: Counter[int] = field(default_factory=Counter)
    untrained: Counter[str] = field(default_factory=Counter)
    untrained_value: float = 0.0
    purchases: int = 0
    """BUY rows in train."""
    buying_sessions: int = 0
    """Train sessions that may have purchases; 0 unless values are sums of purchases."""
    composite: Counter[int] = field(default_factory=Counter)
    first_time: dict[int, int] = field(default_factory=dict)
    last_time: dict[int, int] = field(default_factory=dict)
    known_sessions: int = 0
    units: int = 0
    values: list[pl.Series] = field(default_factory=list)
    """Values of the train sessions with a known value, one Series per partition."""

    @property
    def train_sessions(self) -> int:
        """Number of train sessions, including composite ones."""
        return sum(map(len, self.values)) + sum(self.untrained.values()) - self.untrained["shared_id"]

    def add(self, tables: SessionTables) -> None:
        """Add the counts of a partition."""
        for role, duplicates in tables.repeats.items():
            self.duplicates[role] += duplicates.rows
            self.repeated_purchases[role] += duplicates.purchases
            self.joined_visits[role] += duplicates.visits
        self.untrained.update(dict(tables.untrained.group_by(REASON).len().iter_rows()))
        self.buying_sessions += tables.buying_sessions
        self.purchases += int((tables.events[TRAIN_ROLE].get_column(TYPE) == EVENT_CODE[BUY]).sum())
        self.untrained_value += float(tables.untrained.get_column(REMAINING).sum())
        for role, rows in tables.events.items():
            if rows.height:
                first, last = rows.select(pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")).row(0)
                self.rows[role] += rows.height
                self.first_time[role] = min(first, self.first_time.get(role, first))
                self.last_time[role] = max(last, self.last_time.get(role, last))
        composite = tables.units.filter(COMPOSITE).group_by(ROLE).agg(pl.col(SESSION).n_unique())
        self.composite.update(dict(composite.iter_rows()))
        self.known_sessions += tables.units.filter(pl.col(KNOWN_VALUE).is_not_null()).get_column(SESSION).n_unique()
        self.units += tables.units.height
        train = tables.units.filter(pl.col(ROLE) == TRAIN_ROLE)
        values = train.filter(pl.col(SESSION).ne_missing(pl.col(SESSION).shift(1))).get_column(VALUE)
        self.values.append(values.drop_nulls())


def assemble(
    spills: dict[int, PartitionStore],
    mapping: Mapping,
    folder: Path,
    *,
    repeated_orders: dict[int, RepeatedOrders],
    lost_purchases: LostPurchases,
    seed: int,
    report: Callable[[int], None],
) -> tuple[AssemblyCounts, IdCounts]:
    """Write the events, the units, the untrained sessions and the dictionary of session ids.

    Args:
        spills: role -> rows of its file, partitioned by session code; by user code if sessions are made from pauses.
        folder: the dataset's folder; if sessions are made from pauses, it must hold the dictionary of the users.
        repeated_orders: role -> orders that were sent more than once.
        report: called with the number of rows written.

    Returns:
        The counts, and the number of distinct session ids.

    Raises:
        HashCollisionError: two session ids have one code.
    """
    counted = AssemblyCounts()
    work = partial(
        _sessions_of,
        mapping=mapping,
        folder=folder,
        repeated_orders=repeated_orders,
        lost_purchases=lost_purchases,
        seed=seed,
    )
    with (
        ParquetWriter(folder / EVENTS_FILE.format(role=ROLES[TRAIN_ROLE])) as train,
        ParquetWriter(folder / EVENTS_FILE.format(role=ROLES[TEST_ROLE])) as test,
        ParquetWriter(folder / UNITS_FILE) as units,
        ParquetWriter(folder / UNTRAINED_FILE) as untrained,
        DictionaryWriter(folder, USER_SESSION) as sessions,
        ThreadPoolExecutor(2) as writing,  # row groups of one file are sequential; the four files are not
        ThreadPoolExecutor(1) as disk,  # syncs while work continues, so that little is left at the end
    ):
        syncing: Future[None] | None = None
        pairs = zip(*(spills[role].parts() for role in (TRAIN_ROLE, TEST_ROLE)), strict=True)
        for tables, repeats in map_in_order(work, pairs, ahead=1):
            numbered = pl.col(UNIT) + counted.units
            written = [
                writing.submit(train.write, tables.events[TRAIN_ROLE].with_columns(numbered)),
                writing.submit(test.write, tables.events[TEST_ROLE].with_columns(numbered)),
                writing.submit(units.write, tables.units.with_columns(numbered)),
                writing.submit(sessions.write, tables.ids.rename({SESSION: "code", USER_SESSION: "id"})),
            ]
            untrained.write(tables.untrained)
            counted.add(tables)
            counted.sent_twice.update(repeats)
            for future in written:
                future.result()
            if syncing is None or syncing.done():
                syncing = disk.submit(_sync_files, folder)
            report(sum(rows.height for rows in tables.events.values()))
        if syncing is not None:
            syncing.result()
        return counted, sessions.counts()


def _sync_files(folder: Path) -> None:
    for file in folder.iterdir():
        sync(file)


def _sessions_of(
    pair: tuple[Partition, Partition],
    *,
    mapping: Mapping,
    folder: Path,
    repeated_orders: dict[int, RepeatedOrders],
    lost_purchases: LostPurchases,
    seed: int,
) -> tuple[SessionTables, dict[int, int]]:
    """Return the sessions of one partition of train and test, and per role the repeated purchases removed."""
    events = dict(zip((TRAIN_ROLE, TEST_ROLE), (part.load() for part in pair), strict=True))
    if mapping.session_gap_minutes is not None:
        users = pl.scan_parquet(folder / DICTIONARY_FILE.format(column=USER_ID), glob=False).select(USER, USER_ID)
        for role, rows in events.items():
            if rows.height:
                these_users = users.filter(pl.col(USER).is_between(rows[USER].min(), rows[USER].max())).collect()
                events[role] = sessions_by_gap(rows, these_users, mapping.session_gap_minutes, seed)
    heights = {role: rows.height for role, rows in events.items()}
    for role, rows in events.items():
        if rows.height:
            events[role] = repeated_orders[role].without_repeats(rows, within_sessions=role == TEST_ROLE)
    removed = {role: heights[role] - rows.height for role, rows in events.items()}
    return make_units(events, mapping, lost_purchases), removed
