"""Divide the rows of one log into a train and a test part by date; see `DateSplit` for the rules.

In: the usable rows of the log, partitioned by session code (by user code if the log has no session ids), and the time
of its last event. Out: the rows of each part in the same partitions, so that assembly continues as with two files. A
partition has all events of its sessions, so one partition at a time is in memory.

The rows of the test part keep their values until assembly, which stores the actual values of the test sessions in a
table of their own (`actual_values`) and withholds them from everything else (`without_values`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Mapping as Dict
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from core.dataset import SplitCard
from core.errors import ContentError
from core.ingestion.input_files import DateSplit
from core.ingestion.mapping import Mapping
from core.ingestion.parallel import map_in_order
from core.ingestion.rows.row_parser import CODE_OF
from core.ingestion.sessions.dictionaries import CODE, Dictionaries
from core.ingestion.sessions.partitions import Partition, PartitionStore, split
from core.ingestion.sessions.units import make_units
from core.ingestion.values.money import RATE, STATUS
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.ingestion.values.session_values import LostPurchases
from core.schema import (
    BUY,
    EVENT_CODE,
    REASON,
    ROLES,
    SECONDS_PER_DAY,
    SESSION,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    USER,
    USER_SESSION,
    VALUE,
)

MIN_SESSIONS: Final = 10
"""Minimum number of sessions per part. With fewer, nothing can be learned, or the score is chance."""
_START, _LAST, _NUMBER = "_start", "_last", "_number"
"""Columns of a row: first and last time of its session, and the session's number within its partition."""


@dataclass
class PartCounts:
    """Counts of the rows of one part: all rows, purchases, and sessions."""

    rows: int = 0
    purchases: int = 0
    sessions: int = 0

    def add(self, rows: pl.DataFrame, sessions: int) -> None:
        """Add the rows of a partition."""
        self.rows += rows.height
        self.purchases += int((rows.get_column(TYPE) == EVENT_CODE[BUY]).sum())
        self.sessions += sessions


@dataclass(frozen=True)
class _SplitPartition:
    """One partition of the log after the split: its rows and numbers of sessions by role, and the sessions left out.

    `starts` has the first and the last `MIN_SESSIONS` starts of all sessions.
    """

    rows: dict[int, pl.DataFrame]
    sessions: dict[int, int]
    left_out_sessions: int
    left_out_rows: int
    starts: pl.Series


class LogSplit:
    """The two parts of a log.

    Attributes:
        window: start and end of the test window in epoch seconds; the end is not part of the window.
        parts: role -> the rows of the part, partitioned.
        counts: role -> counts of its rows.
        left_out: counts of the sessions that are in neither part.
        orders: orders of both parts that were sent more than once, for the actual values.
    """

    def __init__(self, split_at: DateSplit, last_time: int, mapping: Mapping, name: str) -> None:
        self._split = split_at
        self._last_time = last_time
        self._mapping = mapping
        self._name = name
        self._starts = pl.Series(_START, [], dtype=pl.Int64)
        self.window = split_at.window(last_time)
        self.parts: dict[int, PartitionStore] = {}
        self.counts = {role: PartCounts() for role in (TRAIN_ROLE, TEST_ROLE)}
        self.left_out = PartCounts()
        self.orders = RepeatedOrders(mapping)

    def divide(
        self,
        log: PartitionStore,
        scratch: Path,
        bits: int,
        writing: Executor,
        *,
        repeated_orders: Dict[int, RepeatedOrders],
        dictionaries: Dictionaries,
    ) -> None:
        """Divide all rows of the log.

        Args:
            log: rows of the log. They are moved, so they are not in memory twice.
            scratch: folder for spilled rows.
            bits: number of leading bits of a code that number its partition.
            writing: threads that spill rows.
            repeated_orders: role -> receives the purchases of the part, as if they had been read from its own file.
            dictionaries: receives the ids that occur in each part.

        Raises:
            InputError: a part has too few sessions.
        """
        for role in self.counts:
            folder = scratch / f"{ROLES[role]}-part"
            folder.mkdir()
            self.parts[role] = PartitionStore(folder, bits, writing)
        for number, divided in enumerate(map_in_order(self._divide, log.parts())):
            for role, rows in divided.rows.items():
                self.parts[role].add({number: rows})
                self.counts[role].add(rows, divided.sessions[role])
                if rows.height:
                    repeated_orders[role].add(rows if role == TRAIN_ROLE else without_values(rows))
                    self.orders.add(rows)
                    _add_ids(rows, role, dictionaries, bits)
            self.left_out.rows += divided.left_out_rows
            self.left_out.sessions += divided.left_out_sessions
            self._starts = _outermost(pl.concat([self._starts, divided.starts]))
        for orders in (*repeated_orders.values(), self.orders):
            orders.find()
        self._refuse_small_parts()

    def card(self, log: str, actual_values: int) -> SplitCard:
        """Return the part of the dataset's card that describes the split; see `SplitCard`."""
        start, end = self.window
        return SplitCard(
            log=log,
            days=self._split.days,
            windows_back=self._split.windows_back,
            start=start,
            end=end,
            actual_values=actual_values,
            left_out_sessions=self.left_out.sessions,
            left_out_rows=self.left_out.rows,
        )

    def _divide(self, partition: Partition) -> _SplitPartition:
        start, end = self.window
        rows = _with_spans(partition.load(), self._mapping)
        is_complete = pl.col(_LAST) < end
        masks = {TRAIN_ROLE: is_complete & (pl.col(_START) < start), TEST_ROLE: is_complete & (pl.col(_START) >= start)}
        divided = {role: rows.filter(mask) for role, mask in masks.items()}
        sessions = {role: part.get_column(_NUMBER).n_unique() for role, part in divided.items()}
        starts = rows.group_by(_NUMBER).agg(pl.col(_START).first()).get_column(_START)
        return _SplitPartition(
            rows={role: part.drop(_START, _LAST, _NUMBER) for role, part in divided.items()},
            sessions=sessions,
            left_out_sessions=len(starts) - sum(sessions.values()),
            left_out_rows=rows.height - sum(part.height for part in divided.values()),
            starts=_outermost(starts),
        )

    def _refuse_small_parts(self) -> None:
        train, test = (self.counts[role].sessions for role in (TRAIN_ROLE, TEST_ROLE))
        if min(train, test) >= MIN_SESSIONS:
            return
        raise ContentError.split_too_small(
            self._name,
            self.window[0],
            sessions=(train, test),
            min_sessions=MIN_SESSIONS,
            days=self._split.days,
            allowed=self._allowed_days(),
            windows_back=self._split.windows_back,
        )

    def _allowed_days(self) -> tuple[float, float] | None:
        """Return the lowest and the highest number of days that leave enough sessions; None if there is none."""
        if len(self._starts) < 2 * MIN_SESSIONS:
            return None
        # train needs the first sessions before the window, and the latest window needs the last ones in it
        since_first, since_last = (
            self._last_time + 1 - int(self._starts[i]) for i in (MIN_SESSIONS - 1, -MIN_SESSIONS)
        )
        highest = _rounded((since_first - 1) / (self._split.windows_back + 1), math.floor)
        lowest = _rounded(since_last, math.ceil)
        return (lowest, highest) if lowest <= highest else None


def _with_spans(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Add the number of each row's session, and the times of the first and the last event of the session.

    If the log has no session ids, a session ends when its user is inactive for longer than the session timeout. The
    sessions of a part are then found again when it is assembled, because they are the same without the other part.
    """
    if mapping.session_gap_minutes is None:
        numbered = rows.with_columns(pl.col(SESSION).alias(_NUMBER))
    else:
        rows = rows.sort(USER, TIME)
        is_pause = pl.col(TIME) - pl.col(TIME).shift(1) > mapping.session_gap_minutes * 60
        is_first = (pl.col(USER).ne_missing(pl.col(USER).shift(1))) | is_pause
        numbered = rows.with_columns(is_first.cast(pl.Int64).cum_sum().alias(_NUMBER))
    return numbered.with_columns(
        pl.col(TIME).min().over(_NUMBER).alias(_START), pl.col(TIME).max().over(_NUMBER).alias(_LAST)
    )


def _outermost(starts: pl.Series) -> pl.Series:
    """Return the first and the last `MIN_SESSIONS` times, sorted; all times if there are fewer than twice as many."""
    ordered = starts.sort()
    if len(ordered) <= 2 * MIN_SESSIONS:
        return ordered
    return pl.concat([ordered.head(MIN_SESSIONS), ordered.tail(MIN_SESSIONS)])


def _add_ids(rows: pl.DataFrame, role: int, dictionaries: Dictionaries, bits: int) -> None:
    """Register the users, products and categories of a part. Sessions are registered by assembly."""
    for column, code in CODE_OF.items():
        if column != USER_SESSION:
            codes = rows.get_column(code).unique().to_frame(CODE)
            dictionaries.add_occurrences(role, column, split(codes, CODE, bits))


def _rounded(seconds: float, rounding: Callable[[float], int]) -> float:
    """Return seconds as days, rounded up or down to four decimals, which are steps of 8.64 seconds."""
    return rounding(seconds / SECONDS_PER_DAY * 10_000) / 10_000


def without_values(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a test part as if they had been read from a test file, which has no values and no money."""
    withheld = rows.drop(STATUS, RATE, strict=False)
    return withheld.with_columns(pl.lit(None, dtype=pl.Float64).alias(VALUE))


def actual_values(
    rows: pl.DataFrame, mapping: Mapping, orders: RepeatedOrders, lost_purchases: LostPurchases
) -> pl.DataFrame:
    """Return the values of the test sessions of a partition, by the rules for the values of train sessions.

    The value of a composite session is that of the whole id, as its prediction is the sum over its users.

    Args:
        rows: events of whole sessions of the test part, with values.
        orders: orders that were sent more than once in either part, so that none counts twice.

    Returns:
        One row per session, sorted by session: session, user_session, value (null if unknown) and reason (see
        UnknownValue; null if the value is known).
    """
    sessions = rows.group_by(SESSION).agg(pl.col(USER_SESSION).first())
    counted = orders.without_repeats(rows, within_sessions=False)
    tables = make_units({TRAIN_ROLE: counted, TEST_ROLE: rows.clear()}, mapping, lost_purchases)
    values = tables.units.group_by(SESSION).agg(pl.col(VALUE).first())
    reasons = tables.untrained.select(SESSION, REASON)
    # A session whose only rows are purchases of an earlier order has bought nothing itself.
    none = pl.lit(0.0 if mapping.adds_prices else None, dtype=pl.Float64)
    is_counted = pl.col(SESSION).is_in(values.get_column(SESSION).implode())
    return (
        sessions.join(values, on=SESSION, how="left")
        .join(reasons, on=SESSION, how="left")
        .with_columns(pl.when(is_counted).then(VALUE).otherwise(none).alias(VALUE))
        .with_columns(pl.when(pl.col(VALUE).is_null()).then(REASON).alias(REASON))
        .select(SESSION, USER_SESSION, VALUE, REASON)
        .sort(SESSION)
    )
