"""Amounts, orders, statuses and currencies of the rows, for logs whose session values are sums of purchases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from core.base.text import fold_case
from core.ingestion.mapping import Mapping
from core.ingestion.values.amounts import DecimalEvidence, currency_signs, decimal_evidence, parse_amounts
from core.schema import BUY, CURRENCY, EVENT_CODE, ORDER_ID, ORDER_STATUS, PLACEHOLDER_IDS, PRICE, QUANTITY

ORDER: Final = "order"
"""Code of a row's order, Int64; null if the row has no order id."""
STATUS: Final = "status"
"""Order status of a row (COUNTED, VOID or UNCLEAR), Int8; null if the cell is empty."""
RATE: Final = "rate"
"""Exchange rate of a row's currency to that of the session values, Float64; NaN if none is known, null if empty."""
COUNTED, VOID, UNCLEAR = 1, 0, -1
_MAX_CURRENCIES: Final = 20  # kept in memory; a column with more different texts does not contain currencies


@dataclass(frozen=True)
class MoneyFindings:
    """Findings about the numbers of a file, which are judged when the whole file has been read.

    Attributes:
        decimals: schema name of a column -> evidence for its decimal mark.
        currencies: currencies of purchases, as written in the currency column or next to the prices.
    """

    decimals: dict[str, DecimalEvidence] = field(default_factory=dict)
    currencies: frozenset[str] = frozenset()

    def __or__(self, other: MoneyFindings) -> MoneyFindings:
        """Return the findings of two parts of a file."""
        unknown = DecimalEvidence()
        columns = self.decimals | other.decimals
        decimals = {name: self.decimals.get(name, unknown) | other.decimals.get(name, unknown) for name in columns}
        currencies = sorted(self.currencies | other.currencies)[:_MAX_CURRENCIES]
        return MoneyFindings(decimals, frozenset(currencies))


def read_number(cells: pl.DataFrame, name: str, mapping: Mapping) -> tuple[pl.Series, MoneyFindings]:
    """Parse a column to Float64 (null if a cell is not a number); also return the evidence on its decimal mark."""
    column = cells.get_column(name)
    decimals = {} if mapping.decimal is not None else {name: decimal_evidence(column)}
    return parse_amounts(column, mapping.decimal_mark), MoneyFindings(decimals)


def read_amounts(cells: pl.DataFrame, types: pl.Series, mapping: Mapping) -> tuple[pl.Series, MoneyFindings]:
    """Compute the amount of each row if it were a purchase: price times quantity.

    Args:
        cells: cells, under the schema names of their columns.
        types: event type codes, one per row.

    Returns:
        The amounts (Float64, null if price or quantity is not a number), and the findings of the block. A return, with
        a negative price or quantity, has a negative amount.
    """
    amounts, findings = read_number(cells, PRICE, mapping)
    if QUANTITY in cells.columns:
        quantities, quantity_findings = read_number(cells, QUANTITY, mapping)
        findings |= quantity_findings
        # A row with a negative price and a negative quantity is a return, too.
        sign = pl.when((amounts < 0) & (quantities < 0)).then(-1).otherwise(1)
        amounts = pl.select(sign * amounts * quantities).to_series()
    purchases = cells.filter(types == EVENT_CODE[BUY])
    currencies = currency_signs(purchases.get_column(PRICE))
    if CURRENCY in cells.columns and not mapping.currency_rates:
        currencies |= set(_texts(purchases.get_column(CURRENCY)).str.to_uppercase().unique().drop_nulls())
    return amounts, findings | MoneyFindings(currencies=frozenset(currencies))


def order_columns(cells: pl.DataFrame, mapping: Mapping, seed: int) -> list[pl.Series]:
    """Return the columns ORDER, STATUS and RATE, each only if the mapping names its source column.

    RATE also needs `currency_rates` in the mapping.
    """
    columns = []
    if mapping.columns.order_id is not None:
        columns.append(_order_codes(cells, seed))
    if ORDER_STATUS in cells.columns:
        words, statuses = _texts(cells.get_column(ORDER_STATUS)), mapping.statuses()
        folded = {word: fold_case(word) for word in words.unique().drop_nulls()}
        code_of_word = {word: COUNTED if statuses[form] else VOID for word, form in folded.items() if form in statuses}
        codes = words.replace_strict(code_of_word, default=UNCLEAR, return_dtype=pl.Int8)
        columns.append(codes.set(words.is_null(), None).alias(STATUS))
    if CURRENCY in cells.columns and mapping.currency_rates:
        currencies = _texts(cells.get_column(CURRENCY)).str.to_uppercase()
        rates = currencies.replace_strict(mapping.rates(), default=float("nan"), return_dtype=pl.Float64)
        columns.append(rates.set(currencies.is_null(), None).alias(RATE))
    return columns


def _order_codes(cells: pl.DataFrame, seed: int) -> pl.Series:
    if ORDER_ID not in cells.columns:
        return pl.repeat(None, cells.height, dtype=pl.Int64, eager=True).alias(ORDER)
    ids = _texts(cells.get_column(ORDER_ID))
    ids = ids.str.replace(r"^(\d+)\.0+$", "${1}")  # pandas writes integers as floats if some are missing
    ids = ids.set(ids.str.to_lowercase().is_in(sorted(PLACEHOLDER_IDS)), None)
    return ids.hash(seed).reinterpret(signed=True).set(ids.is_null(), None).alias(ORDER)


def _texts(cells: pl.Series) -> pl.Series:
    """Return the cells as texts without surrounding blanks; null if a cell is empty."""
    texts = cells.cast(pl.String).str.strip_chars()
    return texts.set(texts == "", None)
