"""Guess where session values come from: from a column, or from the prices of purchases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.guess_builder import GuessBuilder
from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn, distinct_by_key
from core.ingestion.mapping.order_guess import guess_orders, needs_orders, purchase_rows
from core.ingestion.mapping.settings import PRICE_OF_BUYS
from core.schema import PRICE, QUANTITY, SESSION_VALUE, USER_SESSION

NUMBER_ROLES: Final = (SESSION_VALUE, PRICE, QUANTITY)
"""Roles whose columns are numeric."""


def guess_value(builder: GuessBuilder) -> None:
    """Assign the column of session values, otherwise those of prices and quantities, and set the decimal mark."""
    session = builder.assigned.get(USER_SESSION)
    values = _numeric(builder.candidates(SESSION_VALUE, names.VALUE_NAMES))
    constant = [
        column
        for column in _numeric(builder.candidates(SESSION_VALUE, names.VALUE_OR_PRICE_NAMES))
        if session is not None and _is_constant_in_sessions(column, session)
    ]
    if values:
        builder.assign(SESSION_VALUE, values[0])
    elif constant and not needs_orders(builder):
        builder.assign(SESSION_VALUE, constant[0], "has the same number on all rows of a session")
    else:
        _guess_prices(builder)
    _guess_decimal_mark(builder)


def find_quantity(builder: GuessBuilder) -> LogColumn | None:
    """Return the column with the number of pieces per purchase; None if there is none."""
    return next(iter(_numeric(builder.candidates(QUANTITY, names.QUANTITY_NAMES))), None)


def ambiguous_numbers(columns: dict[str, LogColumn]) -> dict[str, str]:
    """Return role -> what a person must decide, for columns whose decimal mark cannot be determined.

    All columns of a log use the same mark, so the result is empty if the numbers show exactly one mark.
    """
    evidence = {role: column.decimal_evidence for role, column in columns.items()}
    has_point = any(example.point is not None for example in evidence.values())
    has_comma = any(example.comma is not None for example in evidence.values())
    if has_point != has_comma:
        return {}
    return {
        role: f"Column {columns[role].name} has {example.undecided}, which may have a decimal mark or a thousands "
        'separator. Set decimal to "." or ",".'
        for role, example in evidence.items()
        if example.undecided is not None
    }


def _guess_prices(builder: GuessBuilder) -> None:
    purchases = purchase_rows(builder)
    prices = _numeric(builder.candidates(PRICE, names.PRICE_NAMES), purchases)
    row_totals = _numeric(builder.candidates(PRICE, names.ROW_TOTAL_NAMES), purchases)
    if not prices and not row_totals:
        amounts = (*names.PRICE_NAMES, *names.ROW_TOTAL_NAMES)
        finding = _reason_for_no_price(builder)
        builder.leave_column_open(SESSION_VALUE, finding, nested_names=amounts, nested_role=PRICE)
        return
    builder.settings["value"] = PRICE_OF_BUYS
    if prices:
        builder.assign(PRICE, prices[0])
        quantity = find_quantity(builder)
        if quantity is not None:
            builder.assign(QUANTITY, quantity)
    else:
        builder.assign(PRICE, row_totals[0], "has a usual name for the total of a row, which includes the quantity")
    reason = "No column has session values, so the prices of a session's BUY events are added up."
    builder.mark_absent(SESSION_VALUE, reason)
    guess_orders(builder)


def _reason_for_no_price(builder: GuessBuilder) -> str:
    for column in builder.candidates(PRICE, (*names.PRICE_NAMES, *names.ROW_TOTAL_NAMES)):
        evidence = column.decimal_evidence
        if evidence.point is not None and evidence.comma is not None:
            return (
                f"Column {column.name} has numbers with a decimal point ({evidence.point}) and with a decimal comma "
                f"({evidence.comma}). Export the log with one decimal mark."
            )
    return "No column with a usual name for a value or price has numbers on the purchases."


def _guess_decimal_mark(builder: GuessBuilder) -> None:
    columns: dict[str, LogColumn] = {role: builder.assigned[role] for role in NUMBER_ROLES if role in builder.assigned}
    ambiguous = ambiguous_numbers(columns)
    for role, reason in ambiguous.items():
        builder.leave_open(role, reason)
    if ambiguous:
        return
    evidence = [column.decimal_evidence for column in columns.values()]
    is_comma = any(example.comma for example in evidence) and not any(example.point for example in evidence)
    for role, column in columns.items():
        if column.decimal_mark() == "," or (is_comma and column.decimal_evidence.comma):
            builder.settings["decimal"] = ","
            builder.reasons[role] += " Its decimal mark is the comma."


def _numeric(candidates: Sequence[LogColumn], rows: Sequence[int] = ()) -> list[LogColumn]:
    """Return the numeric columns with a value on these rows, first those with a value on nearly all of them."""
    numeric = [column for column in candidates if column.decimal_mark() is not None and column.fill_rate_on(rows) > 0]
    return sorted(numeric, key=lambda column: column.fill_rate_on(rows) < MIN_SHARE)


def _is_constant_in_sessions(column: LogColumn, session: LogColumn) -> bool:
    """Return whether a column has one value per session. There must be several sessions, and one with several rows."""
    values = distinct_by_key(session, column)
    return len(session.values) > len(values) > 1 and all(len(cells) == 1 for cells in values.values())
