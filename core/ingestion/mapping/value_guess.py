"""Finds where a session's value is: in a column of its own, or in the prices of what was bought."""

from __future__ import annotations

from collections.abc import Sequence

from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.consistency import PRICE_OF_BUYS
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.findings import Findings
from core.ingestion.mapping.log_column import MOSTLY, LogColumn, plain
from core.ingestion.mapping.money_guess import bought_rows, filled_share, find_money_columns, needs_orders
from core.schema import PRICE, QUANTITY, SESSION_VALUE, USER_SESSION

NUMBERS = (SESSION_VALUE, PRICE, QUANTITY)
"""Roles whose columns hold numbers."""


def find_value(findings: Findings) -> None:
    """Find the column of session values, else that of prices (and quantities), else tell that there is none."""
    session = findings.taken.get(USER_SESSION)
    own = _numbers(findings.candidates(SESSION_VALUE, names.VALUE_NAMES))
    same = [
        column
        for column in _numbers(findings.candidates(SESSION_VALUE, names.VALUE_OR_PRICE_NAMES))
        if session is not None and _is_same_in_sessions(column, session)
    ]
    if own:
        findings.take(SESSION_VALUE, own[0])
    elif same and not needs_orders(findings):
        findings.take(SESSION_VALUE, same[0], "holds one number for each session, on all its rows")
    else:
        _find_prices(findings)
    _find_decimal(findings)


def _find_prices(findings: Findings) -> None:
    bought = bought_rows(findings)
    prices = _numbers(findings.candidates(PRICE, names.PRICE_NAMES), bought)
    totals = _numbers(findings.candidates(PRICE, names.ROW_TOTAL_NAMES), bought)
    if not prices and not totals:
        findings.miss(SESSION_VALUE, _why_no_price(findings))
        return
    findings.settings["value"] = PRICE_OF_BUYS
    if prices:
        findings.take(PRICE, prices[0])
        quantity = find_quantity(findings)
        if quantity is not None:
            findings.take(QUANTITY, quantity)
    else:
        findings.take(PRICE, totals[0], "is named as what a whole row is worth, its quantity in it")
    findings.go_without(SESSION_VALUE, "No column holds session values: the prices of the BUY events are added up.")
    find_money_columns(findings)


def _why_no_price(findings: Findings) -> str:
    for column in findings.candidates(PRICE, (*names.PRICE_NAMES, *names.ROW_TOTAL_NAMES)):
        marks = column.marks
        if marks.point is not None and marks.comma is not None:
            return (
                f"Column {column.name} has numbers with a decimal point, such as {marks.point}, and with a decimal "
                f"comma, such as {marks.comma}: export it with one of them."
            )
    return (
        "No column that is named like a value or a price holds numbers where something was bought: name the one that "
        "does."
    )


def has_unit_price(mapping: Mapping) -> bool:
    """Whether a mapping's values are added up from a column that is named as what one piece costs."""
    price = mapping.columns.price
    return mapping.value == PRICE_OF_BUYS and price is not None and plain(price) in map(plain, names.PRICE_NAMES)


def find_quantity(findings: Findings) -> LogColumn | None:
    """The column that holds how many pieces were bought."""
    return next(iter(_numbers(findings.candidates(QUANTITY, names.QUANTITY_NAMES))), None)


def _find_decimal(findings: Findings) -> None:
    """Find the decimal mark; where the same digits are another number under each, a person must say."""
    columns = {role: findings.taken[role] for role in NUMBERS if role in findings.taken}
    undecided = undecided_marks(columns)
    if undecided:
        for role, reason in undecided.items():
            findings.miss(role, reason)
        return
    marks = [column.marks for column in columns.values()]
    decided = any(each.comma is not None for each in marks) and all(each.point is None for each in marks)
    with_comma = [
        role for role, column in columns.items() if column.decimal_mark() == "," or (decided and column.marks.comma)
    ]
    if with_comma:
        findings.settings["decimal"] = ","
        for role in with_comma:
            findings.reasons[role] += " Its decimal mark is the comma."


def undecided_marks(columns: dict[str, LogColumn]) -> dict[str, str]:
    """Role -> what a person must decide, for the columns of numbers whose decimal mark is open."""
    found = {role: column.marks for role, column in columns.items()}
    point = any(marks.point is not None for marks in found.values())
    comma = any(marks.comma is not None for marks in found.values())
    if point != comma:  # another column of the same log decides
        return {}
    return {
        role: f"Column {columns[role].name} has {marks.undecided}, and nothing decides whether its mark is the decimal "
        'one or separates thousands: set decimal to "." or ",".'
        for role, marks in found.items()
        if marks.undecided is not None
    }


def _numbers(candidates: Sequence[LogColumn], rows: Sequence[int] = ()) -> list[LogColumn]:
    """The columns that hold numbers, those first that have one in nearly all of these rows."""
    found = [column for column in candidates if column.decimal_mark() is not None and filled_share(column, rows) > 0]
    return sorted(found, key=lambda column: filled_share(column, rows) < MOSTLY)


def _is_same_in_sessions(column: LogColumn, session: LogColumn) -> bool:
    """Whether all rows of each session say the same, and some session has rows enough to tell."""
    values: dict[str, set[str]] = {}
    rows = 0
    for one, value in zip(session.cells, column.cells, strict=True):
        if one:
            values.setdefault(one, set()).add(value)
            rows += 1
    return rows > len(values) > 1 and all(len(each) == 1 for each in values.values())
