"""Parse the rows of a block: ids become codes, times epoch seconds, values numbers.

In: a `Block`, whose cells are text or typed, one column per column that the mapping names. Out: a `ParsedBlock`: the
usable rows as numbers, partitioned by session code; the ids behind the codes; the quarantined rows with a reason each.
A parser holds no state, so any number of blocks can be parsed at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.rows.event_times import epoch_seconds
from core.ingestion.rows.event_types import event_types
from core.ingestion.rows.id_cells import as_text, distinct_ids, empty_cells
from core.ingestion.rows.quarantine import NEEDED_IDS, NO_TOTAL, holds_nul, quarantine_rows, reason_expression
from core.ingestion.sessions.partitions import Partitions, split
from core.ingestion.sources.tables import Block, FaultCode
from core.ingestion.values.lost_purchases import (
    NO_LOST_PURCHASES,
    PurchaseCount,
    broken_purchases,
    count_purchases,
    lost_purchases,
)
from core.ingestion.values.money import ORDER, RATE, STATUS, MoneyFindings, order_columns, read_amounts, read_number
from core.schema import (
    BUY,
    CATEGORY,
    CATEGORY_ID,
    CURRENCY,
    EVENT_CODE,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    FILE,
    LARGEST_VALUE,
    LINE,
    ORDER_ID,
    ORDER_STATUS,
    PRICE,
    PRODUCT,
    PRODUCT_ID,
    QUANTITY,
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

NO_CATEGORY = "(none)"
"""The category of every product if the log has no category column."""
CODE_OF = {USER_SESSION: SESSION, USER_ID: USER, PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY}
"""Id column of the file -> stored column of its code."""
ROW_COLUMNS = (SESSION, USER, PRODUCT, CATEGORY, TIME, TYPE, VALUE, USER_SESSION)
"""Columns of a usable row. The session id (text; null if sessions are made from pauses later) stays with the events,
because all events of a session meet in one partition."""


@dataclass(frozen=True)
class ParsedBlock:
    """The parsed rows of a block.

    Attributes:
        rows: usable rows (ROW_COLUMNS), in file order.
        parts: the same rows, partitioned by session code (by user code if sessions are made from pauses later).
        ids: id column (except the session's) -> code and id, one row per distinct id, partitioned by code.
        bad: quarantined rows, with the columns of the quarantine.
        empty: (event word in the file, column) -> number of empty cells.
        faults: reason -> code, for the lines that could not be parsed.
        purchases: number of BUY rows, usable and quarantined.
        lost: quarantined rows that are or may be purchases; see `lost_purchases.NO_LOST_PURCHASES` for the columns.
        money: evidence for the decimal marks, and the currencies of purchases.
    """

    rows: pl.DataFrame
    parts: Partitions
    ids: dict[str, Partitions]
    bad: pl.DataFrame
    empty: dict[tuple[str, str], int]
    faults: dict[str, FaultCode]
    purchases: PurchaseCount
    lost: pl.DataFrame
    money: MoneyFindings


@dataclass(frozen=True)
class _UnfilteredRows:
    """All rows of a block, before usable and unusable rows are separated.

    Attributes:
        cells: the block's cells, with ids as clean text.
        rows: codes, time, type and value; null if a cell could not be parsed.
        reason: expression on `cells` and `rows`: why a row is quarantined, null if it is usable.
        amounts: what each row would add as a purchase; None unless values are sums of purchases.
        unknown_words: event words that the mapping does not name.
        empty: see `ParsedBlock.empty`.
        money: see `ParsedBlock.money`.
    """

    cells: pl.DataFrame
    rows: pl.DataFrame
    reason: pl.Expr
    amounts: pl.Series | None
    unknown_words: set[str]
    empty: dict[tuple[str, str], int]
    money: MoneyFindings


@dataclass(frozen=True)
class RowParser:
    """Parses the rows of one file by the rules of a mapping.

    The code of an id is a 64-bit hash of its text. So no table of all ids is in memory, and codes do not depend on the
    order of the rows. `sessions.dictionaries` detects two ids with one code; another `seed` then gives other codes.
    Codes are comparable within a dataset only.
    """

    mapping: Mapping
    with_value: bool
    seed: int = 0
    bits: int = 0
    """Leading bits of a code that number its partition; see `sessions.partitions`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the required columns, by their schema names."""
        names = self.mapping.columns
        required = {
            EVENT_TIME: True,
            EVENT_TYPE: self.mapping.every_event_is is None,
            PRODUCT_ID: True,
            CATEGORY_ID: names.category_id is not None,
            USER_ID: True,
            USER_SESSION: self.mapping.session_gap_minutes is None,
            SESSION_VALUE: self.with_value and not self.mapping.adds_prices,
            PRICE: self._priced,
            QUANTITY: self._priced and names.quantity is not None,
            ORDER_ID: self._priced and names.order_id is not None,
            ORDER_STATUS: self._priced and names.order_status is not None,
            CURRENCY: self._priced and names.currency is not None,
        }
        return tuple(name for name, is_required in required.items() if is_required)

    @property
    def optional_columns(self) -> tuple[str, ...]:
        """Return columns that are read if the file has them. Order ids in a test file show repeated purchases."""
        return (ORDER_ID,) if not self.with_value and self.mapping.columns.order_id is not None else ()

    def parse(self, name: str, block: Block) -> ParsedBlock:
        """Parse a block of the file `name`."""
        parsed = self._parse_cells(block)
        cells, rows = parsed.cells, parsed.rows
        usable = self._usable(cells, rows, may_hold_nul=block.may_hold_nul)
        bad = quarantine_rows(name, block, _joined(cells, rows), ~usable, parsed.reason)
        purchases = count_purchases(rows, usable, parsed.reason, cells)
        lost = self._lost(name, parsed, block, ~usable)
        faults = {broken.fault.reason: broken.fault.code for broken in block.broken}
        if not usable.all():
            cells, rows = cells.filter(usable), rows.filter(usable)
        rows, parts, ids = self._completed(cells, rows)
        return ParsedBlock(rows, parts, ids, bad, parsed.empty, faults, purchases, lost, parsed.money)

    def _lost(self, name: str, parsed: _UnfilteredRows, block: Block, quarantined: pl.Series) -> pl.DataFrame:
        if parsed.amounts is None:
            return NO_LOST_PURCHASES
        lost = [broken_purchases(name, block.broken, self.mapping, self.seed)] if block.broken else []
        if quarantined.any():
            places = quarantined.arg_true().to_numpy().astype(np.int64)
            lines = pl.select(pl.lit(name).alias(FILE), pl.Series(LINE, block.lines_of(places)))
            lost.append(
                lost_purchases(
                    lines,
                    parsed.cells.filter(quarantined),
                    parsed.rows.filter(quarantined),
                    parsed.amounts.filter(quarantined),
                    unknown_words=parsed.unknown_words,
                    seed=self.seed,
                )
            )
        return pl.concat(lost) if lost else NO_LOST_PURCHASES

    def preview(self, block: Block) -> pl.DataFrame:
        """Return the rows of a block as they will be parsed, for display.

        Columns: event_time (text, UTC), event_type (a schema type), session_value or what the row adds to it (null in
        test), the id columns that the mapping names, and reason (why the row would be quarantined; null if usable).
        """
        parsed = self._parse_cells(block)
        event_type = pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), default=None)  # null if ignored
        return _joined(parsed.cells, parsed.rows).select(
            pl.from_epoch(TIME, "s").dt.strftime("%Y-%m-%d %H:%M:%S+00:00").alias(EVENT_TIME),
            event_type.alias(EVENT_TYPE),
            pl.col(VALUE).alias(SESSION_VALUE),
            *(column for column in (PRODUCT_ID, CATEGORY_ID, USER_ID, USER_SESSION) if column in self._id_columns),
            parsed.reason,
        )

    @property
    def _priced(self) -> bool:
        return self.with_value and self.mapping.adds_prices

    @property
    def _id_columns(self) -> list[str]:
        return [column for column in self.columns if column in CODE_OF]

    def _parse_cells(self, block: Block) -> _UnfilteredRows:
        raw = block.rows
        words = [column for column in raw.columns if column == EVENT_TYPE and raw.schema[column] != pl.String]
        cells = raw.with_columns(as_text(raw.get_column(column)) for column in [*self._id_columns, *words])
        empty = empty_cells(cells, self._id_columns)
        # An event without a product or category is still an event, and its purchase still counts.
        nameless = {column for _, column in empty} & {PRODUCT_ID, CATEGORY_ID}
        cells = cells.with_columns(pl.col(column).replace("", None).fill_null(UNKNOWN_ID) for column in nameless)
        types, unknown = event_types(cells, self.mapping)
        codes = (
            cells.get_column(column).hash(self.seed).reinterpret(signed=True).alias(CODE_OF[column])
            for column in self._id_columns
        )
        times = epoch_seconds(cells.get_column(EVENT_TIME), self.mapping).alias(TIME)
        amounts, values, money = self._values(cells, types)
        rows = pl.DataFrame([*codes, times, types, *values, *order_columns(cells, self.mapping, self.seed)])
        reason = reason_expression(self.mapping, self._id_columns, unknown, self._value_description())
        return _UnfilteredRows(cells, rows, reason, amounts, unknown, empty, money)

    def _values(self, cells: pl.DataFrame, types: pl.Series) -> tuple[pl.Series | None, list[pl.Series], MoneyFindings]:
        """Return what each row would add as a purchase, the columns VALUE and NO_TOTAL, and the money findings."""
        if not self.with_value:
            return None, [pl.Series(VALUE, [None], dtype=pl.Float64).new_from_index(0, cells.height)], MoneyFindings()
        if not self._priced:
            numbers, money = read_number(cells, SESSION_VALUE, self.mapping)
            return None, [numbers.alias(VALUE)], money
        amounts, money = read_amounts(cells, types, self.mapping)
        bought = types == EVENT_CODE[BUY]
        values = [pl.select(pl.when(bought).then(amounts).otherwise(0.0).alias(VALUE)).to_series()]
        if self.mapping.price_is == "order_total":
            price = cells.get_column(PRICE)
            empty = price.str.strip_chars() == "" if price.dtype == pl.String else price.is_null()
            values.append((empty.fill_null(value=True) & bought.fill_null(value=False)).alias(NO_TOTAL))
        return amounts, values, money

    def _value_description(self) -> str | None:
        columns = self.mapping.columns
        if not self.with_value:
            return None
        if not self._priced:
            return columns.session_value
        return columns.price if columns.quantity is None else f"{columns.price} times {columns.quantity}"

    def _usable(self, cells: pl.DataFrame, rows: pl.DataFrame, *, may_hold_nul: bool) -> pl.Series:
        needed = [column for column in self._id_columns if column in NEEDED_IDS]
        filled = pl.all_horizontal((pl.col(column) != "").fill_null(value=False) for column in needed)
        if may_hold_nul:
            filled &= ~pl.any_horizontal(holds_nul(column) for column in self._id_columns)
        valid = pl.col(TIME).is_not_null() & (pl.col(TYPE) >= 0).fill_null(value=False)
        if self.with_value:
            smallest = -LARGEST_VALUE if self._priced else 0.0
            has_value = pl.col(VALUE).is_between(smallest, LARGEST_VALUE).fill_null(value=False)
            valid &= has_value | pl.col(NO_TOTAL) if NO_TOTAL in rows.columns else has_value
        return cells.select(filled).to_series() & rows.select(valid).to_series()

    def _completed(
        self, cells: pl.DataFrame, rows: pl.DataFrame
    ) -> tuple[pl.DataFrame, Partitions, dict[str, Partitions]]:
        """Fill in what the log lacks: one category for all products, the user code in place of the session's.

        Returns:
            The rows, the same rows partitioned, and the ids of each column except the session's, partitioned.
        """
        ids = {
            column: distinct_ids(rows.get_column(CODE_OF[column]), cells.get_column(column), self.seed)
            for column in self._id_columns
            if column != USER_SESSION
        }
        if CATEGORY_ID not in ids:
            none = pl.Series("id", [NO_CATEGORY])
            code = none.hash(self.seed).reinterpret(signed=True)
            ids[CATEGORY_ID] = pl.DataFrame([code.alias("code"), none])
            rows = rows.with_columns(pl.lit(code.item()).alias(CATEGORY))
        if USER_SESSION in cells.columns:
            rows = rows.with_columns(cells.get_column(USER_SESSION))
        else:  # sessions are made later from all events of a user
            rows = rows.with_columns(pl.col(USER).alias(SESSION), pl.lit(None, dtype=pl.String).alias(USER_SESSION))
        rows = rows.select(*ROW_COLUMNS, *(name for name in (ORDER, STATUS, RATE) if name in rows.columns))
        partitioned = {column: split(distinct, "code", self.bits) for column, distinct in ids.items()}
        return rows, split(rows, SESSION, self.bits), partitioned


def _joined(cells: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([cells, rows], how="horizontal")
