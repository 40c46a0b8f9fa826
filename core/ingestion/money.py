"""Reads what the rows of a log of purchases say about money: amounts, orders, statuses and currencies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from core.ingestion.amounts import DecimalMarks, currency_signs, decimal_marks, parse_amounts
from core.ingestion.mapping import Mapping
from core.schema import (
    BUY,
    CURRENCY,
    EVENT_CODE,
    ORDER_ID,
    ORDER_STATUS,
    PLACEHOLDER_IDS,
    PRICE,
    QUANTITY,
)

ORDER: Final = "order"
"""Code of the order that a purchase belongs to, Int64; null where its row names none."""
STATUS: Final = "status"
"""COUNTED, VOID or UNCLEAR, Int8; null where the row's cell is empty."""
RATE: Final = "rate"
"""What the row's currency is worth in that of session values, Float64; null where the row's cell is empty."""
COUNTED, VOID, UNCLEAR = 1, 0, -1
_MOST_CURRENCIES: Final = 20
"""Kept of those that were found: a sentence names a few, and a column with more of them holds something else."""


@dataclass(frozen=True)
class MoneyFindings:
    """What a file says about its numbers, to be judged when all of it is read.

    Attributes:
        marks: of its numbers, by role.
        currencies: of its purchases, as they are written in the currency column or next to the prices.
    """

    marks: dict[str, DecimalMarks] = field(default_factory=dict)
    currencies: frozenset[str] = frozenset()

    def __or__(self, other: MoneyFindings) -> MoneyFindings:
        """What both say together."""
        marks = {
            role: self.marks.get(role, DecimalMarks()) | other.marks.get(role, DecimalMarks())
            for role in self.marks | other.marks
        }
        currencies = sorted(self.currencies | other.currencies)[:_MOST_CURRENCIES]
        return MoneyFindings(marks, frozenset(currencies))


def read_number(cells: pl.DataFrame, role: str, mapping: Mapping) -> tuple[pl.Series, MoneyFindings]:
    """The numbers of a column (Float64, null where there is none), and what its cells say about their decimal mark."""
    column = cells.get_column(role)
    marks = {} if mapping.decimal is not None else {role: decimal_marks(column)}
    return parse_amounts(column, mapping.decimal_mark), MoneyFindings(marks)


def read_amounts(cells: pl.DataFrame, kinds: pl.Series, mapping: Mapping) -> tuple[pl.Series, MoneyFindings]:
    """What each row adds to its session's value if it is a purchase: its price, times its quantity if there is one.

    Float64; null where a price or quantity is no number. A returned piece, with a negative quantity or a negative
    price, is a negative amount.
    """
    amounts, findings = read_number(cells, PRICE, mapping)
    if QUANTITY in cells.columns:
        pieces, marks = read_number(cells, QUANTITY, mapping)
        findings |= marks
        # less than nothing of what costs less than nothing is returned, not bought
        amounts = pl.select(pl.when((amounts < 0) & (pieces < 0)).then(-1).otherwise(1) * amounts * pieces).to_series()
    bought = kinds == EVENT_CODE[BUY]
    signs = currency_signs(cells.get_column(PRICE).filter(bought))
    if CURRENCY in cells.columns and not mapping.currency_rates:
        signs |= set(_words(cells.get_column(CURRENCY).filter(bought)).str.to_uppercase().unique().drop_nulls())
    return amounts, findings | MoneyFindings(currencies=frozenset(signs))


def order_columns(cells: pl.DataFrame, mapping: Mapping, seed: int) -> list[pl.Series]:
    """ORDER, STATUS and RATE, as far as the mapping names their columns."""
    found = []
    if mapping.columns.order_id is not None:
        none = pl.Series(ORDER_ID, [None], dtype=pl.String).new_from_index(0, cells.height)
        ids = _words(cells.get_column(ORDER_ID)) if ORDER_ID in cells.columns else none
        ids = ids.str.replace(r"^(\d+)\.0+$", "${1}")  # a program with gaps in its column wrote a number
        ids = ids.set(ids.str.to_lowercase().is_in(sorted(PLACEHOLDER_IDS)), None)
        found.append(ids.hash(seed).reinterpret(signed=True).set(ids.is_null(), None).alias(ORDER))
    if ORDER_STATUS in cells.columns:
        words = _words(cells.get_column(ORDER_STATUS)).str.to_lowercase()
        known = {word: COUNTED if counts else VOID for word, counts in mapping.statuses().items()}
        codes = words.replace_strict(list(known), list(known.values()), default=UNCLEAR, return_dtype=pl.Int8)
        found.append(codes.set(words.is_null(), None).alias(STATUS))
    if CURRENCY in cells.columns and mapping.currency_rates:
        words, rates = _words(cells.get_column(CURRENCY)).str.to_uppercase(), mapping.rates()
        unknown = float("nan")  # not in the table: neither empty nor worth anything known
        factors = words.replace_strict(list(rates), list(rates.values()), default=unknown, return_dtype=pl.Float64)
        found.append(factors.set(words.is_null(), None).alias(RATE))
    return found


def _words(cells: pl.Series) -> pl.Series:
    """Texts without blanks around them; null where there is nothing."""
    texts = cells.cast(pl.String).str.strip_chars()
    return texts.set(texts == "", None)
