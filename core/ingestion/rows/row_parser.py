"""Parse the rows of a block: ids become codes, times epoch seconds, and values numbers.

A parser holds no state, so blocks can be parsed in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl

from core.ingestion.attributes import ID_COLUMN, AttributeTable
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.time_format import shortest_time
from core.ingestion.rows.display_names import count_names
from core.ingestion.rows.event_times import epoch_seconds, event_times
from core.ingestion.rows.event_types import IGNORED_TYPE, event_types
from core.ingestion.rows.file_columns import optional_columns, required_columns
from core.ingestion.rows.id_cells import as_text, distinct_ids, empty_cells
from core.ingestion.rows.own_cells import own_cells, stored_columns
from core.ingestion.rows.quarantine import (
    NEEDED_IDS,
    REPEATED_HEADER,
    has_nul,
    quarantine_rows,
    reason_expression,
)
from core.ingestion.rows.value_cells import has_value, no_values, value_cells, value_description
from core.ingestion.sessions.partitions import Partitions, split
from core.ingestion.sources.tables import Block, FaultCode
from core.ingestion.values.lost_purchases import (
    NO_LOST_PURCHASES,
    PurchaseCount,
    broken_purchases,
    count_purchases,
    lost_purchases,
)
from core.ingestion.values.money import ORDER, RATE, STATUS, MoneyFindings, order_columns
from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    CATEGORY_NAME,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    FILE,
    LINE,
    PRODUCT,
    PRODUCT_ID,
    PRODUCT_NAME,
    REASON,
    SESSION,
    SESSION_VALUE,
    TIME,
    TYPE,
    UNKNOWN_ID,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

NO_CATEGORY = "(none)"  # category of all products if the log has no category column
CODE_OF = {USER_SESSION: SESSION, USER_ID: USER, PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY}
"""Id column of the file -> stored column of its code."""
ROW_COLUMNS = (SESSION, USER, PRODUCT, CATEGORY, TIME, TYPE, VALUE, USER_SESSION)
"""Columns of a usable row. The last one is the session id as text, or null if the log has none and a session timeout
is applied later. It stays with the events, because all events of a session are in one partition."""


@dataclass(frozen=True)
class ParsedBlock:
    """The parsed rows of a block.

    Attributes:
        rows: usable rows in file order, with the columns of ROW_COLUMNS, of `order_columns` and of `own_cells`.
        parts: the same rows, partitioned by session code; by user code if the log has no session ids.
        ids: id column (except the session's) -> code and id, one row per distinct id, partitioned by code.
        bad: quarantined rows; see `quarantine_rows` for the columns.
        empty: (event word in the file, column) -> number of empty cells.
        quarantined_sessions: distinct session ids of the quarantined rows of a test file; empty for a train file.
        faults: reason -> code, for the lines that could not be parsed.
        purchases: number of BUY rows, usable and quarantined.
        lost: quarantined rows that are or may be purchases; see `NO_LOST_PURCHASES` for the columns.
        money: evidence for the decimal marks, and the currencies of purchases.
        own: (stored name of an own column, whether the cell is of its kind) -> number of cells with content.
        names: names of products and categories; see `count_names`.
    """

    rows: pl.DataFrame
    parts: Partitions
    ids: dict[str, Partitions]
    bad: pl.DataFrame
    empty: dict[tuple[str, str], int]
    quarantined_sessions: pl.Series
    faults: dict[str, FaultCode]
    purchases: PurchaseCount
    lost: pl.DataFrame
    money: MoneyFindings
    own: dict[tuple[str, bool], int]
    names: dict[str, pl.DataFrame]


@dataclass(frozen=True)
class _UnfilteredRows:
    """All rows of a block, before usable and unusable rows are separated.

    Attributes:
        rows: cells, with ids as clean text; and codes, time, type, value and amount, null if a cell cannot be parsed.
        reason: expression on `rows` for the reason why a row is quarantined; null if it is usable.
        unknown_words: event words that the mapping does not name.
        empty: see `ParsedBlock.empty`.
        money, own: see `ParsedBlock`.
    """

    rows: pl.DataFrame
    reason: pl.Expr
    unknown_words: set[str]
    empty: dict[tuple[str, str], int]
    money: MoneyFindings
    own: dict[tuple[str, bool], int]


@dataclass(frozen=True)
class RowParser:
    """Parses the rows of one file by the rules of a mapping.

    The code of an id is a 64-bit hash of its text, so no table of all ids is in memory, and codes do not depend on the
    order of the rows. Codes are comparable only within a dataset.

    Attributes:
        mapping: how the log is read.
        with_value: whether the file has session values; false for a test file.
        seed: seed of the codes. If `sessions.dictionaries` detects two ids with one code, another seed is used.
        bits: number of leading bits of a code that number its partition; see `sessions.partitions`.
        needs_own: whether a file without one of the own columns is refused, although it has no session values.
        tables: tables of products and users, from which own columns are taken.
    """

    mapping: Mapping
    with_value: bool
    seed: int = 0
    bits: int = 0
    needs_own: bool = False
    tables: tuple[AttributeTable, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The schema names of the required columns."""
        return required_columns(self.mapping, with_value=self.with_value, needs_own=self.needs_own)

    @property
    def optional_columns(self) -> tuple[str, ...]:
        """The columns that are read if the file has them."""
        return optional_columns(self.mapping, with_value=self.with_value, needs_own=self.needs_own)

    @property
    def shortest_row(self) -> int:
        """Lowest number of bytes of a usable row: the cells that must not be empty, and an end for each cell."""
        filled = {EVENT_TIME, EVENT_TYPE, SESSION_VALUE, *NEEDED_IDS}.intersection(self.columns)
        return len(self.columns) + len(filled) - 1 + shortest_time(self.mapping.time_format)

    def parse(self, name: str, block: Block) -> ParsedBlock:
        """Parse a block of the file `name`."""
        parsed = self._parse_cells(block)
        is_usable = self._usable(parsed.rows, may_hold_nul=block.may_hold_nul)
        positions = (~is_usable).arg_true().to_numpy().astype(np.int64)
        lines = pl.Series(LINE, block.lines_of(positions))
        unusable = parsed.rows.filter(~is_usable).with_columns(pl.lit(name).alias(FILE), lines, parsed.reason)
        lost = NO_LOST_PURCHASES
        if self._sums_purchases:
            broken = broken_purchases(name, block.broken, self.mapping, self.seed)
            lost = pl.concat([broken, lost_purchases(unusable, parsed.unknown_words, self.seed)])
        usable = parsed.rows if is_usable.all() else parsed.rows.filter(is_usable)
        rows, parts, ids = self._completed(usable)
        return ParsedBlock(
            rows=rows,
            parts=parts,
            ids=ids,
            bad=quarantine_rows(name, block, unusable, positions.tolist()),
            empty=parsed.empty,
            quarantined_sessions=self._sessions_of(unusable),
            faults={fault.reason: fault.code for fault in block.faults},
            purchases=count_purchases(rows, unusable),
            lost=lost,
            money=parsed.money,
            own=parsed.own,
            names=count_names(usable),
        )

    def preview(self, block: Block) -> pl.DataFrame:
        """Return the rows of a block as they will be parsed, for display.

        Columns: event_time (text, UTC); event_type (an event type of the schema; null if unknown or ignored);
        session_value, or the amount that the row adds to it (null in a test file); the id columns that the mapping
        names; the own columns under their stored names; and reason (why the row would be quarantined; null if it is
        usable).
        """
        parsed = self._parse_cells(block)
        event_type = pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), default=None)
        own = {*self.mapping.own_in_log(), *(name for table in self.tables for name in table.columns)}
        return parsed.rows.select(
            pl.from_epoch(TIME, "s").dt.strftime("%Y-%m-%d %H:%M:%S+00:00").alias(EVENT_TIME),
            event_type.alias(EVENT_TYPE),
            pl.col(VALUE).alias(SESSION_VALUE),
            *(column for column in (PRODUCT_ID, CATEGORY_ID, USER_ID, USER_SESSION) if column in self._id_columns),
            *(name for name in (PRODUCT_NAME, CATEGORY_NAME) if name in parsed.rows.columns),
            *(name for name in stored_columns(parsed.rows, self.mapping) if name in own),
            parsed.reason,
        )

    @property
    def _sums_purchases(self) -> bool:
        return self.with_value and self.mapping.adds_prices

    @property
    def _id_columns(self) -> list[str]:
        """The schema names of the required columns that are ids."""
        return [column for column in self.columns if column in CODE_OF]

    def _parse_cells(self, block: Block) -> _UnfilteredRows:
        raw = block.rows
        words = [column for column in raw.columns if column == EVENT_TYPE and raw.schema[column] != pl.String]
        cells = raw.with_columns(as_text(raw.get_column(column)) for column in [*self._id_columns, *words])
        empty = empty_cells(cells, self._id_columns)
        # An event without a product or category is still an event, and its purchase still counts.
        with_empty = {column for _, column in empty} & {PRODUCT_ID, CATEGORY_ID}
        cells = cells.with_columns(pl.col(column).replace("", None).fill_null(UNKNOWN_ID) for column in with_empty)
        types, unknown = event_types(cells, self.mapping)
        codes = (
            cells.get_column(column).hash(self.seed).reinterpret(signed=True).alias(CODE_OF[column])
            for column in self._id_columns
        )
        times = epoch_seconds(event_times(cells), self.mapping).alias(TIME)
        values, money = value_cells(cells, types, self.mapping) if self.with_value else no_values(cells)
        attributes = [table.cells_of(cells.get_column(ID_COLUMN[table.name])) for table in self.tables]
        cells = cells.with_columns(*chain.from_iterable(attributes))
        own, own_counts = own_cells(cells, self.mapping)
        orders = order_columns(cells, self.mapping, self.seed)
        rows = cells.with_columns(*codes, times, types, *values, *orders, *own)
        value = value_description(self.mapping) if self.with_value else None
        reason = reason_expression(self.mapping, self._id_columns, unknown, value)
        return _UnfilteredRows(
            rows=rows, reason=reason, unknown_words=unknown, empty=empty, money=money, own=own_counts
        )

    def _sessions_of(self, unusable: pl.DataFrame) -> pl.Series:
        """Return the distinct session ids of quarantined test rows. These sessions must be predicted as well.

        Left out are rows that the mapping ignores, repeated headers, and rows with nothing but an id, such as totals.
        """
        if self.with_value or USER_SESSION not in unusable.columns:
            return pl.Series(USER_SESSION, [], dtype=pl.String)
        others = [column for column in (EVENT_TIME, EVENT_TYPE, USER_ID) if column in unusable.columns]
        has_others = pl.any_horizontal(pl.col(column).cast(pl.String).str.strip_chars() != "" for column in others)
        is_event = has_others & (pl.col(REASON) != REPEATED_HEADER) & pl.col(TYPE).ne_missing(IGNORED_TYPE)
        ids = unusable.filter(is_event.fill_null(value=False)).get_column(USER_SESSION)
        ids = ids.str.replace_all("\x00", "", literal=True).str.strip_chars()
        return ids.filter(ids != "").unique(maintain_order=True)

    def _usable(self, rows: pl.DataFrame, *, may_hold_nul: bool) -> pl.Series:
        """Return a mask of the rows for which `reason_expression` gives no reason, in a fraction of its time."""
        needed = [column for column in self._id_columns if column in NEEDED_IDS]
        usable = pl.all_horizontal((pl.col(column) != "").fill_null(value=False) for column in needed)
        if may_hold_nul:
            usable &= ~pl.any_horizontal(has_nul(column) for column in self._id_columns)
        usable &= pl.col(TIME).is_not_null() & (pl.col(TYPE) >= 0).fill_null(value=False)
        if self.with_value:
            usable &= has_value(rows, self.mapping)
        return rows.select(usable).to_series()

    def _completed(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, Partitions, dict[str, Partitions]]:
        """Add what the log lacks: one category for all products, and the user's or the session's id for the other one.

        Returns:
            `ParsedBlock.rows`, `ParsedBlock.parts` and `ParsedBlock.ids`.
        """
        ids = {
            column: distinct_ids(rows.get_column(CODE_OF[column]), rows.get_column(column), self.seed)
            for column in self._id_columns
            if column != USER_SESSION
        }
        if CATEGORY_ID not in ids:
            category = pl.Series("id", [NO_CATEGORY])
            code = category.hash(self.seed).reinterpret(signed=True)
            ids[CATEGORY_ID] = pl.DataFrame([code.alias("code"), category])
            rows = rows.with_columns(pl.lit(code.item()).alias(CATEGORY))
        if USER_ID not in ids:  # each session is its own user
            sessions = rows.get_column(SESSION)
            ids[USER_ID] = distinct_ids(sessions, rows.get_column(USER_SESSION), self.seed)
            rows = rows.with_columns(sessions.alias(USER))
        if USER_SESSION not in rows.columns:  # sessions are made from all events of a user later
            rows = rows.with_columns(pl.col(USER).alias(SESSION), pl.lit(None, dtype=pl.String).alias(USER_SESSION))
        orders = (name for name in (ORDER, STATUS, RATE) if name in rows.columns)
        rows = rows.select(*ROW_COLUMNS, *orders, *stored_columns(rows, self.mapping))
        partitioned = {column: split(distinct, "code", self.bits) for column, distinct in ids.items()}
        return rows, split(rows, SESSION, self.bits), partitioned
