"""Amounts, orders, statuses and currencies of the rows of a log whose session values are sums of purchases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.values.amounts import DecimalEvidence, currency_signs, decimal_evidence, parse_amounts
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
"""Code of a row's order, Int64; null if the row names none."""
STATUS: Final = "status"
"""Order status of a row (COUNTED, VOID or UNCLEAR), Int8; null if the cell is empty."""
RATE: Final = "rate"
"""Value of a row's currency in the currency of session values, Float64; NaN if it has no rate, null if empty."""
COUNTED, VOID, UNCLEAR = 1, 0, -1
_MAX_CURRENCIES: Final = 20
"""Currencies to remember: a message names only a few, and a column with more of them has something else."""


@dataclass(frozen=True)
class MoneyFindings:
    """What the rows of a file show about its numbers; judged when the whole file has been read.

    Attributes:
        decimals: role -> evidence for the decimal mark of its column.
        currencies: of purchases, as written in the currency column or next to the prices.
    """

    decimals: dict[str, DecimalEvidence] = field(default_factory=dict)
    currencies: frozenset[str] = frozenset()

    def __or__(self, other: MoneyFindings) -> MoneyFindings:
        """Return the findings of two parts of a file."""
        decimals = {
            role: self.decimals.get(role, DecimalEvidence()) | other.decimals.get(role, DecimalEvidence())
            for role in self.decimals | other.decimals
        }
        currencies = sorted(self.currencies | other.currencies)[:_MAX_CURRENCIES]
        return MoneyFindings(decimals, frozenset(currencies))


def read_number(cells: pl.DataFrame, role: str, mapping: Mapping) -> tuple[pl.Series, MoneyFindings]:
    """Parse the column of a role.

    Returns:
        The numbers (Float64, null if a cell is not a number), and the evidence for their decimal mark.
    """
    column = cells.get_column(role)
    decimals = {} if mapping.decimal is not None else {role: decimal_evidence(column)}
    return parse_amounts(column, mapping.decimal_mark), MoneyFindings(decimals)


def read_amounts(cells: pl.DataFrame, kinds: pl.Series, mapping: Mapping) -> tuple[pl.Series, MoneyFindings]:
    """Compute what each row would add to its session's value as a purchase: price times quantity.

    Args:
        cells: one column per role.
        kinds: codes of event types, one per row.

    Returns:
        The amounts (Float64, null if price or quantity is not a number), and the findings of the block. A return, with
        a negative price or quantity, is a negative amount.
    """
    amounts, findings = read_number(cells, PRICE, mapping)
    if QUANTITY in cells.columns:
        pieces, quantity_findings = read_number(cells, QUANTITY, mapping)
        findings |= quantity_findings
        # A row with a negative price and a negative quantity is a return, too.
        amounts = pl.select(pl.when((amounts < 0) & (pieces < 0)).then(-1).otherwise(1) * amounts * pieces).to_series()
    bought = kinds == EVENT_CODE[BUY]
    currencies = currency_signs(cells.get_column(PRICE).filter(bought))
    if CURRENCY in cells.columns and not mapping.currency_rates:
        currencies |= set(_texts(cells.get_column(CURRENCY).filter(bought)).str.to_uppercase().unique().drop_nulls())
    return amounts, findings | MoneyFindings(currencies=frozenset(currencies))


def order_columns(cells: pl.DataFrame, mapping: Mapping, seed: int) -> list[pl.Series]:
    """Return the columns ORDER, STATUS and RATE, as far as the mapping names the columns they are read from.

    `seed` is that of all codes of the dataset.
    """
    columns = []
    if mapping.columns.order_id is not None:
        columns.append(_order_codes(cells, seed))
    if ORDER_STATUS in cells.columns:
        words = _texts(cells.get_column(ORDER_STATUS)).str.to_lowercase()
        code_of = {word: COUNTED if counts else VOID for word, counts in mapping.statuses().items()}
        codes = words.replace_strict(list(code_of), list(code_of.values()), default=UNCLEAR, return_dtype=pl.Int8)
        columns.append(codes.set(words.is_null(), None).alias(STATUS))
    if CURRENCY in cells.columns and mapping.currency_rates:
        words, rates = _texts(cells.get_column(CURRENCY)).str.to_uppercase(), mapping.rates()
        no_rate = float("nan")
        factors = words.replace_strict(list(rates), list(rates.values()), default=no_rate, return_dtype=pl.Float64)
        columns.append(factors.set(words.is_null(), None).alias(RATE))
    return columns


def _order_codes(cells: pl.DataFrame, seed: int) -> pl.Series:
    if ORDER_ID not in cells.columns:
        return pl.Series(ORDER, [None], dtype=pl.Int64).new_from_index(0, cells.height)
    ids = _texts(cells.get_column(ORDER_ID))
    ids = ids.str.replace(r"^(\d+)\.0+$", "${1}")  # pandas writes integers as floats if some are missing
    ids = ids.set(ids.str.to_lowercase().is_in(sorted(PLACEHOLDER_IDS)), None)
    return ids.hash(seed).reinterpret(signed=True).set(ids.is_null(), None).alias(ORDER)


def _texts(cells: pl.Series) -> pl.Series:
    """Return the cells as texts without surrounding blanks; null if a cell is empty."""
    texts = cells.cast(pl.String).str.strip_chars()
    return texts.set(texts == "", None)
