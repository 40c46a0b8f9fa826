"""Assembled partitions, and their counts for the card of a dataset."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from core.dataset import UnknownValue
from core.ingestion.sessions.units import SessionTables
from core.schema import (
    BUY,
    COMPOSITE,
    EVENT_CODE,
    KNOWN_VALUE,
    REASON,
    REMAINING,
    ROLE,
    SESSION,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    VALUE,
)


@dataclass
class FileCounts:
    """Counts of the train or the test file over all partitions.

    Attributes:
        rows: stored events.
        duplicates, repeated_purchases, joined_visits: `rows`, `purchases` and `visits` of `DuplicateCounts`, added up.
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
class AssembledPartition:
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

    def add(self, partition: AssembledPartition) -> None:
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
