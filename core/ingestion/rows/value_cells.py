"""Parse the cells with session values, or with the prices that add up to them."""

from __future__ import annotations

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.settings import ORDER_TOTAL
from core.ingestion.rows.quarantine import NO_TOTAL
from core.ingestion.values.lost_purchases import AMOUNT
from core.ingestion.values.money import MoneyFindings, read_amounts, read_number
from core.schema import BUY, EVENT_CODE, LARGEST_VALUE, PRICE, SESSION_VALUE, VALUE


def value_cells(cells: pl.DataFrame, types: pl.Series, mapping: Mapping) -> tuple[list[pl.Series], MoneyFindings]:
    """Parse the values of the rows of a train file.

    Args:
        cells: rows with the columns of the file.
        types: codes of their event types.

    Returns:
        The columns, and evidence for the decimal marks and currencies:
        VALUE: session value, or what the row adds to it (0 if it is no purchase). Null if it cannot be parsed.
        AMOUNT: amount of the row, whatever its event type. Only if prices are added up.
        NO_TOTAL: whether the row is a purchase without a price. Only if the prices are order totals.
    """
    if not mapping.adds_prices:
        numbers, money = read_number(cells, SESSION_VALUE, mapping)
        return [numbers.alias(VALUE)], money
    amounts, money = read_amounts(cells, types, mapping)
    is_purchase = types == EVENT_CODE[BUY]
    values = pl.select(pl.when(is_purchase).then(amounts).otherwise(0.0).alias(VALUE), amounts.alias(AMOUNT))
    columns = values.get_columns()
    if mapping.price_is == ORDER_TOTAL:
        price = cells.get_column(PRICE)
        is_empty = price.str.strip_chars() == "" if price.dtype == pl.String else price.is_null()
        columns.append((is_empty.fill_null(value=True) & is_purchase.fill_null(value=False)).alias(NO_TOTAL))
    return columns, money


def no_values(cells: pl.DataFrame) -> tuple[list[pl.Series], MoneyFindings]:
    """Return the result of `value_cells` for a test file, which has no values: VALUE is null."""
    return [pl.repeat(None, cells.height, dtype=pl.Float64, eager=True).alias(VALUE)], MoneyFindings()


def has_value(rows: pl.DataFrame, mapping: Mapping) -> pl.Expr:
    """Return an expression for whether parsed rows have a value in the allowed range, or need none."""
    smallest = -LARGEST_VALUE if mapping.adds_prices else 0.0
    in_range = pl.col(VALUE).is_between(smallest, LARGEST_VALUE).fill_null(value=False)
    return in_range | pl.col(NO_TOTAL) if NO_TOTAL in rows.columns else in_range


def value_description(mapping: Mapping) -> str | None:
    """Return the name of the value for a message: the log's column, or price times quantity."""
    columns = mapping.columns
    if not mapping.adds_prices:
        return columns.session_value
    return columns.price if columns.quantity is None else f"{columns.price} times {columns.quantity}"
