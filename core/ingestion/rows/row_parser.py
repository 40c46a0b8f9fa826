"""What a row means: texts become codes, seconds and numbers; a row that cannot be used is set aside with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.ingestion.lost_purchases import NO_LOSS, PurchaseCount, broken_purchases, count_purchases, lost_purchases
from core.ingestion.mapping import Mapping
from core.ingestion.money import ORDER, RATE, STATUS, MoneyFindings, order_columns, read_amounts, read_number
from core.ingestion.rows.event_times import epoch_seconds
from core.ingestion.rows.id_cells import as_text, distinct_ids, empty_cells
from core.ingestion.rows.quarantine import (
    FILE,
    IGNORED_TYPE,
    LINE,
    NEEDED_IDS,
    NO_TOTAL,
    holds_nul,
    quarantine_rows,
    reason_expression,
)
from core.ingestion.sessions.partitions import Partitions, split
from core.ingestion.sources.tables import Block
from core.schema import (
    BUY,
    CATEGORY,
    CATEGORY_ID,
    CURRENCY,
    EVENT_CODE,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    LARGEST_VALUE,
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
"""The category of all products of a log that has no categories."""
CODE_OF = {USER_SESSION: SESSION, USER_ID: USER, PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY}
"""Column of the files -> stored column."""
ROW_COLUMNS = (SESSION, USER, PRODUCT, CATEGORY, TIME, TYPE, VALUE, USER_SESSION)
"""A usable row: codes, epoch seconds, type, value, and the session's id as it stands in the file (null where sessions
are still to be made). That id stays with its events, as all events of a session come together again."""


@dataclass(frozen=True)
class ParsedBlock:
    """A block's rows: those that can be used as numbers (ROW_COLUMNS), their ids, and those set aside.

    `rows` are in file order, `parts` has the same by parts of the session's code (the user's, where sessions are still
    to be made). `ids` gives for each file column but the session's the ids of the usable rows, each once: code and id,
    by parts of the code. `bad` has the quarantine's columns. `empty` counts empty cells: (event word as it is
    there, file column) -> rows. `purchases` counts BUY rows, `lost` has those whose money is missing from a session
    (see lost_purchases), `money` is what the block says about its numbers.
    """

    rows: pl.DataFrame
    parts: Partitions
    ids: dict[str, Partitions]
    bad: pl.DataFrame
    empty: dict[tuple[str, str], int]
    purchases: PurchaseCount
    lost: pl.DataFrame
    money: MoneyFindings


@dataclass(frozen=True)
class _Meaning:
    """A block's cells with clean ids, what they mean, and what is needed to judge its rows.

    `rows` has codes, time, type and value, null where a cell means nothing; `amounts` what each row would add as a
    purchase (null where values are not added up from purchases); `reason` is that to quarantine a row;
    `unknown_words` are event words that the mapping does not know.
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
    """How the rows of one file are to be read.

    An id's code is 64 bits of a hash of its text, so that no table of all ids must be held and the order of the rows
    cannot matter; `core.ingestion.sessions.dictionaries` makes sure that no two ids share one, and `seed` gives other codes
    where two did. Codes hold within a dataset only.
    """

    mapping: Mapping
    with_value: bool
    seed: int = 0
    bits: int = 0
    """Of the codes, for the parts; see core.ingestion.sessions.partitions."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that the rows are read from, by our names."""
        columns = self.mapping.columns
        has = {
            EVENT_TIME: True,
            EVENT_TYPE: self.mapping.every_event_is is None,
            PRODUCT_ID: True,
            CATEGORY_ID: columns.category_id is not None,
            USER_ID: True,
            USER_SESSION: self.mapping.session_gap_minutes is None,
            SESSION_VALUE: self.with_value and not self.mapping.adds_prices,
            PRICE: self._priced,
            QUANTITY: self._priced and columns.quantity is not None,
            ORDER_ID: self._priced and columns.order_id is not None,
            ORDER_STATUS: self._priced and columns.order_status is not None,
            CURRENCY: self._priced and columns.currency is not None,
        }
        return tuple(name for name, wanted in has.items() if wanted)

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns that are read where the file has them: a test file's orders show which purchases were sent twice."""
        return (ORDER_ID,) if not self.with_value and self.mapping.columns.order_id is not None else ()

    def __call__(self, name: str, block: Block) -> ParsedBlock:
        """Understand a block of the file `name`."""
        found = self._meaning(block)
        cells, rows = found.cells, found.rows
        usable = self._usable(cells, rows, may_hold_nul=block.may_hold_nul)
        bad = quarantine_rows(name, block, _side_by_side(cells, rows), ~usable, found.reason)
        purchases = count_purchases(rows, usable, found.reason, cells)
        lost = self._lost(name, found, block, ~usable)
        if not usable.all():
            cells, rows = cells.filter(usable), rows.filter(usable)
        rows, parts, ids = self._completed(cells, rows)
        return ParsedBlock(rows, parts, ids, bad, found.empty, purchases, lost, found.money)

    def _lost(self, name: str, found: _Meaning, block: Block, quarantined: pl.Series) -> pl.DataFrame:
        if found.amounts is None:
            return NO_LOSS
        lost = [broken_purchases(name, block.broken, self.mapping, self.seed)] if block.broken else []
        if quarantined.any():
            places = quarantined.arg_true().to_numpy().astype(np.int64)
            lines = pl.select(pl.lit(name).alias(FILE), pl.Series(LINE, block.lines_of(places)))
            lost.append(
                lost_purchases(
                    lines,
                    found.cells.filter(quarantined),
                    found.rows.filter(quarantined),
                    found.amounts.filter(quarantined),
                    unknown_words=found.unknown_words,
                    mapping=self.mapping,
                    seed=self.seed,
                )
            )
        return pl.concat(lost) if lost else NO_LOSS

    def preview(self, block: Block) -> pl.DataFrame:
        """The rows of a block as they will be understood, for people to look at.

        Columns: those of the files that the mapping has, as text (event_time in UTC, event_type as one of ours);
        session_value, or what the row adds to it (null in test); reason, why a row would be set aside, else null.
        """
        found = self._meaning(block)
        ours = pl.when(pl.col(TYPE) >= 0).then(pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), default=None))
        return _side_by_side(found.cells, found.rows).select(
            pl.from_epoch(TIME, "s").dt.strftime("%Y-%m-%d %H:%M:%S+00:00").alias(EVENT_TIME),
            ours.alias(EVENT_TYPE),
            pl.col(VALUE).alias(SESSION_VALUE),
            *(column for column in (PRODUCT_ID, CATEGORY_ID, USER_ID, USER_SESSION) if column in self._id_columns),
            found.reason,
        )

    @property
    def _priced(self) -> bool:
        return self.with_value and self.mapping.adds_prices

    @property
    def _id_columns(self) -> list[str]:
        return [column for column in self.wanted if column in CODE_OF]

    def _meaning(self, block: Block) -> _Meaning:
        found = block.rows
        words = [column for column in found.columns if column == EVENT_TYPE and found.schema[column] != pl.String]
        cells = found.with_columns(as_text(found.get_column(column)) for column in [*self._id_columns, *words])
        empty = empty_cells(cells, self._id_columns)
        # An event whose product or category is not known is an event all the same; above all its purchase counts.
        nameless = {column for _, column in empty} & {PRODUCT_ID, CATEGORY_ID}
        cells = cells.with_columns(pl.col(column).replace("", None).fill_null(UNKNOWN_ID) for column in nameless)
        kinds, unknown = self._types(cells)
        codes = (
            cells.get_column(column).hash(self.seed).reinterpret(signed=True).alias(CODE_OF[column])
            for column in self._id_columns
        )
        times = epoch_seconds(cells.get_column(EVENT_TIME), self.mapping).alias(TIME)
        amounts, values, money = self._values(cells, kinds)
        rows = pl.DataFrame([*codes, times, kinds, *values, *order_columns(cells, self.mapping, self.seed)])
        reason = reason_expression(self.mapping, self._id_columns, unknown, self._value_in_words())
        return _Meaning(cells, rows, reason, amounts, unknown, empty, money)

    def _types(self, cells: pl.DataFrame) -> tuple[pl.Series, set[str]]:
        """Codes of the event types (null: unknown, IGNORED_TYPE: to be ignored), and the unknown words."""
        fixed = self.mapping.every_event_is
        if fixed is not None:
            return pl.Series(TYPE, [EVENT_CODE[fixed]], dtype=pl.Int8).new_from_index(0, cells.height), set()
        told = {word: EVENT_CODE[kind] for word, kind in self.mapping.words().items()}
        told |= dict.fromkeys(self.mapping.ignored(), IGNORED_TYPE)
        # Nearly always the words stand there as the mapping spells them, which an Enum finds at once.
        spelled = list(self.mapping.event_words)
        texts = cells.get_column(EVENT_TYPE)
        if texts.dtype == pl.String:
            exact = texts.cast(pl.Enum(spelled), strict=False).to_physical()
            if not exact.null_count():
                codes = pl.Series([told[word.strip().lower()] for word in spelled], dtype=pl.Int8)
                return codes.gather(exact).alias(TYPE), set()
        texts = as_text(texts).fill_null("")
        meant = {word: told.get(word.lower()) for word in texts.unique().to_list()}
        known = {word: code for word, code in meant.items() if code is not None}
        kinds = texts.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int8)
        return kinds.alias(TYPE), {word for word in meant if word not in known and word}

    def _values(self, cells: pl.DataFrame, kinds: pl.Series) -> tuple[pl.Series | None, list[pl.Series], MoneyFindings]:
        """What the rows would add as purchases, the columns VALUE and NO_TOTAL, and what the cells say of numbers."""
        if not self.with_value:
            return None, [pl.Series(VALUE, [None], dtype=pl.Float64).new_from_index(0, cells.height)], MoneyFindings()
        if not self._priced:
            numbers, money = read_number(cells, SESSION_VALUE, self.mapping)
            return None, [numbers.alias(VALUE)], money
        amounts, money = read_amounts(cells, kinds, self.mapping)
        bought = kinds == EVENT_CODE[BUY]
        values = [pl.select(pl.when(bought).then(amounts).otherwise(0.0).alias(VALUE)).to_series()]
        if self.mapping.price_is == "order_total":
            price = cells.get_column(PRICE)
            empty = price.str.strip_chars() == "" if price.dtype == pl.String else price.is_null()
            values.append((empty.fill_null(value=True) & bought.fill_null(value=False)).alias(NO_TOTAL))
        return amounts, values, money

    def _value_in_words(self) -> str | None:
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
        meant = pl.col(TIME).is_not_null() & (pl.col(TYPE) >= 0).fill_null(value=False)
        if self.with_value:
            smallest = -LARGEST_VALUE if self._priced else 0.0
            valued = pl.col(VALUE).is_between(smallest, LARGEST_VALUE).fill_null(value=False)
            meant &= valued | pl.col(NO_TOTAL) if NO_TOTAL in rows.columns else valued
        return cells.select(filled).to_series() & rows.select(meant).to_series()

    def _completed(
        self, cells: pl.DataFrame, rows: pl.DataFrame
    ) -> tuple[pl.DataFrame, Partitions, dict[str, Partitions]]:
        """Add what the log does not have: one category for all, the user in place of the session.

        Returns:
            The rows, the same by parts, and the ids of each column but the session's by parts.
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
        else:  # sessions are made later, from all events of a user
            rows = rows.with_columns(pl.col(USER).alias(SESSION), pl.lit(None, dtype=pl.String).alias(USER_SESSION))
        rows = rows.select(*ROW_COLUMNS, *(name for name in (ORDER, STATUS, RATE) if name in rows.columns))
        parted = {column: split(distinct, "code", self.bits) for column, distinct in ids.items()}
        return rows, split(rows, SESSION, self.bits), parted


def _side_by_side(cells: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([cells, rows], how="horizontal")
