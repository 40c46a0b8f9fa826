"""What a row means: texts become codes, seconds and numbers; a row that cannot be used is set aside with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.ingestion.block import Block
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.log_column import WITH_DECIMAL_COMMA
from core.ingestion.quarantine import IGNORED_TYPE, holds_nul, reason_of, set_aside
from core.ingestion.spill import Parts, split
from core.ingestion.times import epoch_seconds
from core.schema import (
    BUY,
    CATEGORY,
    CATEGORY_ID,
    EVENT_CODE,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    LARGEST_VALUE,
    PRODUCT,
    PRODUCT_ID,
    SESSION,
    SESSION_VALUE,
    TIME,
    TYPE,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

PRICE, QUANTITY = "price", "quantity"
NO_CATEGORY = "(none)"
"""The category of all products of a log that has no categories."""
CODE_OF = {USER_SESSION: SESSION, USER_ID: USER, PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY}
"""Column of the files -> stored column."""
ROW_COLUMNS = (SESSION, USER, PRODUCT, CATEGORY, TIME, TYPE, VALUE, USER_SESSION)
"""A usable row: codes, epoch seconds, type, value, and the session's id as it stands in the file (null where sessions
are still to be made). That id stays with its events, as all events of a session come together again."""
_OTHER_SEED = 1_000_003  # far from the seeds of codes
_FEW_OF = 4  # one text in so many is few: then a copy of it is worth its time


@dataclass(frozen=True)
class Understood:
    """A block's rows: those that can be used as numbers (ROW_COLUMNS), their ids, and those set aside.

    `rows` are in file order, `parts` has the same by parts of the session's code (the user's, where sessions are still
    to be made). `ids` gives for each file column but the session's the ids of the usable rows, each once: code and id,
    by parts of the code. `bad` has the quarantine's columns. `empty` counts empty cells: (event word as it stands
    there, file column) -> rows.
    """

    rows: pl.DataFrame
    parts: Parts
    ids: dict[str, Parts]
    bad: pl.DataFrame
    empty: dict[tuple[str, str], int]


@dataclass(frozen=True)
class Understanding:
    """How the rows of one file are to be read.

    An id's code is 64 bits of a hash of its text, so that no table of all ids must be held and the order of the rows
    cannot matter; `core.ingestion.dictionaries` makes sure that no two ids share one, and `seed` gives other codes
    where two did. Codes hold within a dataset only.
    """

    mapping: Mapping
    with_value: bool
    seed: int = 0
    bits: int = 0
    """Of the codes, for the parts; see core.ingestion.spill."""

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
            SESSION_VALUE: self.with_value and self.mapping.value == "column",
            PRICE: self._priced,
            QUANTITY: self._priced and columns.quantity is not None,
        }
        return tuple(name for name, wanted in has.items() if wanted)

    def __call__(self, name: str, block: Block) -> Understood:
        """Understand a block of the file `name`."""
        cells, rows, reason = self._meaning(block)
        usable = self._usable(cells, rows, may_hold_nul=block.may_hold_nul)
        bad = set_aside(name, block, _side_by_side(cells, rows), ~usable, reason)
        empty: dict[tuple[str, str], int] = {}
        if not usable.all():
            empty = _empty_cells(cells, self._id_columns)
            cells, rows = cells.filter(usable), rows.filter(usable)
        return self._completed(cells, rows, bad, empty)

    def preview(self, block: Block) -> pl.DataFrame:
        """The rows of a block as they will be understood, for people to look at.

        Columns: those of the files that the mapping has, as text (event_time in UTC, event_type as one of ours);
        session_value, or what the row adds to it (null in test); reason, why a row would be set aside, else null.
        """
        cells, rows, reason = self._meaning(block)
        ours = pl.when(pl.col(TYPE) >= 0).then(pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), default=None))
        return _side_by_side(cells, rows).select(
            pl.from_epoch(TIME, "s").dt.strftime("%Y-%m-%d %H:%M:%S+00:00").alias(EVENT_TIME),
            ours.alias(EVENT_TYPE),
            pl.col(VALUE).alias(SESSION_VALUE),
            *(column for column in (PRODUCT_ID, CATEGORY_ID, USER_ID, USER_SESSION) if column in self._id_columns),
            reason,
        )

    @property
    def _priced(self) -> bool:
        return self.with_value and self.mapping.value == "price_of_buys"

    @property
    def _id_columns(self) -> list[str]:
        return [column for column in self.wanted if column in CODE_OF]

    def _meaning(self, block: Block) -> tuple[pl.DataFrame, pl.DataFrame, pl.Expr]:
        """The cells with clean ids, what they mean as numbers (null: nothing), and the reason to set a row aside."""
        found = block.rows
        words = [column for column in found.columns if column == EVENT_TYPE and found.schema[column] != pl.String]
        cells = found.with_columns(as_text(found.get_column(column)) for column in [*self._id_columns, *words])
        kinds, unknown = self._types(cells)
        codes = (
            cells.get_column(column).hash(self.seed).reinterpret(signed=True).alias(CODE_OF[column])
            for column in self._id_columns
        )
        times = epoch_seconds(cells.get_column(EVENT_TIME), self.mapping).alias(TIME)
        rows = pl.DataFrame([*codes, times, kinds, self._values(cells, kinds)])
        return cells, rows, reason_of(self.mapping, self._id_columns, unknown, self._value_in_words())

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

    def _values(self, cells: pl.DataFrame, kinds: pl.Series) -> pl.Series:
        if not self.with_value:
            return pl.Series(VALUE, [None], dtype=pl.Float64).new_from_index(0, cells.height)
        if not self._priced:
            return self._number(cells.get_column(SESSION_VALUE)).alias(VALUE)
        value = self._number(cells.get_column(PRICE))
        if QUANTITY in cells.columns:
            pieces = self._number(cells.get_column(QUANTITY))
            # less than nothing of what costs less than nothing is no purchase, either
            value = pl.select(pl.when((value < 0) & (pieces < 0)).then(value).otherwise(value * pieces)).to_series()
        return pl.select(pl.when(kinds == EVENT_CODE[BUY]).then(value).otherwise(0.0).alias(VALUE)).to_series()

    def _value_in_words(self) -> str | None:
        columns = self.mapping.columns
        if not self.with_value:
            return None
        if not self._priced:
            return columns.session_value
        return columns.price if columns.quantity is None else f"{columns.price} times {columns.quantity}"

    def _number(self, cells: pl.Series) -> pl.Series:
        if cells.dtype != pl.String:
            none = pl.Series(cells.name, [None], dtype=pl.Float64)  # a date or a truth value is no number
            return cells.cast(pl.Float64) if cells.dtype.is_numeric() else none.new_from_index(0, len(cells))
        texts = cells.str.strip_chars()
        if self.mapping.decimal == ",":
            texts = texts.set(~texts.str.contains(WITH_DECIMAL_COMMA), None)
            texts = texts.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        return texts.cast(pl.Float64, strict=False)

    def _usable(self, cells: pl.DataFrame, rows: pl.DataFrame, *, may_hold_nul: bool) -> pl.Series:
        filled = pl.all_horizontal((pl.col(column) != "").fill_null(value=False) for column in self._id_columns)
        if may_hold_nul:
            filled &= ~pl.any_horizontal(holds_nul(column) for column in self._id_columns)
        meant = pl.col(TIME).is_not_null() & (pl.col(TYPE) >= 0).fill_null(value=False)
        if self.with_value:
            meant &= (pl.col(VALUE).is_between(0, LARGEST_VALUE) & pl.col(VALUE).is_not_nan()).fill_null(value=False)
        return cells.select(filled).to_series() & rows.select(meant).to_series()

    def _completed(
        self, cells: pl.DataFrame, rows: pl.DataFrame, bad: pl.DataFrame, empty: dict[tuple[str, str], int]
    ) -> Understood:
        """Add what the log does not have: one category for all, the user in place of the session."""
        ids = {
            column: _distinct_ids(rows, cells, column, self.seed)
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
        rows = rows.select(ROW_COLUMNS)
        parted = {column: split(distinct, "code", self.bits) for column, distinct in ids.items()}
        return Understood(rows, split(rows, SESSION, self.bits), parted, bad, empty)


def _side_by_side(cells: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([cells, rows], how="horizontal")


def as_text(cells: pl.Series) -> pl.Series:
    """Ids and words as text without blanks around them.

    Whole numbers that a program wrote as 12.0, for a column with gaps, or as an exact 12.00, become 12; no number (NaN)
    is a gap.
    """
    if cells.dtype == pl.String:
        return cells.str.strip_chars()
    texts = cells.cast(pl.String).str.strip_chars()
    if cells.dtype.is_decimal():
        return texts.str.replace(r"\.0+$", "")
    if not cells.dtype.is_float():
        return texts
    whole = (cells.floor() == cells) & (cells.abs() < 2**53)
    number = cells.set(~whole, None).cast(pl.Int64).cast(pl.String)
    return pl.select(pl.coalesce(number, texts.set(cells.is_nan(), None)).alias(cells.name)).to_series()


def _distinct_ids(rows: pl.DataFrame, cells: pl.DataFrame, column: str, seed: int) -> pl.DataFrame:
    """The ids of a column, each once: code and id.

    Told apart by another hash than the code's: two ids with one code both stay, so that the dictionary finds them.
    """
    codes, texts = rows.get_column(CODE_OF[column]), cells.get_column(column)
    first = texts.hash(seed + _OTHER_SEED).arg_unique()
    ids = pl.DataFrame([codes.gather(first).alias("code"), texts.gather(first).alias("id")])
    if ids.height * _FEW_OF < rows.height:
        # On memory of its own: a text taken from a block holds all texts of the block.
        ids = pl.DataFrame(ids.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return ids


def _empty_cells(cells: pl.DataFrame, columns: list[str]) -> dict[tuple[str, str], int]:
    """How many cells are empty, by event word and column."""
    words = (
        cells.get_column(EVENT_TYPE) if EVENT_TYPE in cells.columns else pl.Series([""]).new_from_index(0, len(cells))
    )
    found: dict[tuple[str, str], int] = {}
    for column in columns:
        blank = (cells.get_column(column) == "").fill_null(value=True)
        affected = words.filter(blank).cast(pl.String).str.strip_chars().fill_null("")
        found |= {(word, column): rows for word, rows in affected.value_counts().iter_rows()}
    return found
