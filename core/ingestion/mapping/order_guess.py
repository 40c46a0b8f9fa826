"""Guess how purchases count: their orders, statuses and currencies, and whether prices are totals of orders."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from core import schema
from core.base.text import fold_case, listed
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.event_words import event_type_of
from core.ingestion.mapping.guess_builder import GuessBuilder
from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn, distinct_by_key, normalize
from core.ingestion.mapping.settings import ORDER_TOTAL
from core.ingestion.mapping.status_words import COUNTED_WORDS, VOID_WORDS, split_statuses, with_defaults
from core.ingestion.values.currencies import different_currencies, is_currency

_MAX_STATUSES: Final = 40
"""Distinct values of a column of order statuses. A column with more values contains something else."""
_MAX_MENTIONED: Final = 12
"""Distinct values of a column that is mentioned as a possible status although none of them is known."""
_MIN_ORDERS: Final = 3
"""Orders of several rows that decide whether prices are order totals. In fewer, prices may be equal by chance."""
_MIN_DISTINCT_TOTALS: Final = 1 / 3
"""Distinct totals per order. If most prices of a shop are equal, equal prices within an order show nothing."""
_ORDER_NAME: Final = re.compile(r"#?[A-Z]{0,4}-?\d+")
"""How shops name orders. A column called `name` may contain many other things."""


def guess_orders(builder: GuessBuilder, *, with_order_id: bool = True) -> None:
    """Assign the columns of orders, statuses and currencies, and decide whether prices are order totals.

    Args:
        builder: must have the columns of event types, users, sessions, prices and quantities assigned.
        with_order_id: whether to look for order ids. Without them, only receipts are orders.
    """
    purchases = purchase_rows(builder)
    order = _guess_order_id(builder, purchases) if with_order_id else None
    _guess_status(builder, purchases)
    _guess_currency(builder, purchases)
    if order is None and "every_event_is" in builder.settings:
        order = builder.assigned.get(schema.USER_SESSION)  # a receipt
    price = builder.assigned.get(schema.PRICE)
    if price is not None and order is not None and schema.QUANTITY not in builder.assigned:
        _guess_order_totals(builder, order, price, purchases)


def purchase_rows(builder: GuessBuilder) -> Sequence[int]:
    """Return the indices of the purchases."""
    types = builder.assigned.get(schema.EVENT_TYPE)
    if types is None:
        columns = [*builder.unassigned, *builder.assigned.values()]
        n_rows = max((len(column.cells) for column in columns), default=0)
        return range(n_rows if builder.settings.get("every_event_is") == schema.BUY else 0)
    mapped = {fold_case(word): event_type for word, event_type in builder.settings.get("event_words", {}).items()}
    purchase_values = {
        value
        for value in types.distinct_values
        if (mapped.get(fold_case(value)) if mapped else event_type_of(value)) == schema.BUY
    }
    return [row for row, value in enumerate(types.cells) if value in purchase_values]


def needs_orders(builder: GuessBuilder) -> bool:
    """Return whether the log has void orders or several currencies, so that a column of totals is not enough."""
    purchases = purchase_rows(builder)
    for column in builder.candidates(schema.ORDER_STATUS, names.STATUS_NAMES):
        statuses = list(set(_values_on(column, purchases)))
        _, void = split_statuses(column.name, statuses)
        if void and len(statuses) <= _MAX_STATUSES:
            return True
    for column in builder.candidates(schema.CURRENCY, names.CURRENCY_NAMES):
        currencies = set(_values_on(column, purchases))
        if currencies and all(map(is_currency, currencies)) and len(different_currencies(currencies)) > 1:
            return True
    return False


def _values_on(column: LogColumn, rows: Sequence[int]) -> list[str]:
    """Return the non-empty cells of a column on some rows."""
    return [column.cells[row] for row in rows if column.cells[row]]


def _guess_order_id(builder: GuessBuilder, purchases: Sequence[int]) -> LogColumn | None:
    """Assign the column of order ids: nearly every purchase has one, and nearly every id belongs to one user."""
    user = builder.assigned.get(schema.USER_ID)
    for column in builder.candidates(schema.ORDER_ID, names.ORDER_NAMES):
        if normalize(column.name) == "name" and not all(map(_ORDER_NAME.fullmatch, column.distinct_values)):
            continue
        is_full = bool(column.cells) and column.fill_rate_on(purchases) >= MIN_SHARE
        if is_full and (user is None or _has_one_user_each(column, user, purchases)):
            builder.assign(schema.ORDER_ID, column)
            return column
    return None


def _has_one_user_each(order: LogColumn, user: LogColumn, purchases: Sequence[int]) -> bool:
    """Return whether nearly every id belongs to one user only. States or payment methods do not."""
    users = distinct_by_key(order, user, _rows_with_order(order, purchases))
    return sum(len(ids) == 1 for ids in users.values()) >= MIN_SHARE * len(users)


def _rows_with_order(order: LogColumn, rows: Sequence[int]) -> list[int]:
    """Return those of the rows that have an order id, not a placeholder."""
    return [row for row in rows if order.cells[row] and order.cells[row].lower() not in schema.PLACEHOLDER_IDS]


def _guess_order_totals(builder: GuessBuilder, order: LogColumn, price: LogColumn, purchases: Sequence[int]) -> None:
    """Set `price_is` if prices are once per order, or if they have the name of a total and no order has two prices."""
    product = builder.assigned.get(schema.PRODUCT_ID)
    rows = purchases
    if product is not None:  # an order with the same product twice may be one purchase that was sent twice
        first_rows = {(order.cells[row], product.cells[row]): row for row in reversed(purchases)}
        rows = sorted(first_rows.values())
    is_named_total = normalize(price.name) in names.ORDER_TOTAL_NAMES
    if _is_once_per_order(order, price, rows) or (is_named_total and not _differs_within_orders(order, price, rows)):
        builder.settings["price_is"] = ORDER_TOTAL
        builder.reasons[schema.PRICE] += " It has one number per order, which counts once."


def _is_once_per_order(order: LogColumn, price: LogColumn, rows: Sequence[int]) -> bool:
    """Return whether nearly every order of several rows has one number, on one of its rows or on all of them."""
    prices = defaultdict(list)
    for row in _rows_with_order(order, rows):
        prices[order.cells[row]].append(price.cells[row])
    distinct_prices = [set(filter(None, cells)) for cells in prices.values() if len(cells) > 1]
    totals = [next(iter(cells)) for cells in distinct_prices if len(cells) == 1]
    return (
        len(distinct_prices) >= _MIN_ORDERS
        and len(totals) >= MIN_SHARE * len(distinct_prices)
        and len(set(totals)) >= _MIN_DISTINCT_TOTALS * len(totals)
    )


def _differs_within_orders(order: LogColumn, price: LogColumn, rows: Sequence[int]) -> bool:
    """Return whether any order has two different prices."""
    prices = {(order.cells[row], price.cells[row]) for row in rows if price.cells[row]}
    return len(prices) > len({order_id for order_id, _ in prices})


def _guess_status(builder: GuessBuilder, purchases: Sequence[int]) -> None:
    for column in builder.candidates(schema.ORDER_STATUS, names.STATUS_NAMES):
        statuses = list(dict.fromkeys(_values_on(column, purchases)))
        counted, void = split_statuses(column.name, statuses)
        if not (counted or void) or len(statuses) > _MAX_STATUSES:
            _mention_unknown_statuses(builder, column, statuses)
            continue
        builder.assign(schema.ORDER_STATUS, column)
        builder.settings["counted_status"] = with_defaults(counted, COUNTED_WORDS)
        builder.settings["void_status"] = with_defaults(void, VOID_WORDS)
        if void:
            builder.reasons[schema.ORDER_STATUS] += f" Orders with the status {listed(void)} are worth nothing."
        unknown = [status for status in statuses if status not in counted and status not in void]
        if unknown:
            builder.reasons[schema.ORDER_STATUS] += (
                f" Unknown: {listed(unknown)}. Add them to counted_status or void_status. Otherwise, sessions with "
                "such orders have no known value and are not used for training."
            )
        return


def _mention_unknown_statuses(builder: GuessBuilder, column: LogColumn, values: Collection[str]) -> None:
    """Add the reason why a column with the name of a status is not used, if its values may be statuses."""
    may_be_statuses = 1 < len(values) <= _MAX_MENTIONED and not any(map(str.isdigit, values))
    if may_be_statuses and schema.ORDER_STATUS not in builder.reasons:
        builder.reasons[schema.ORDER_STATUS] = (
            f"Column {column.name} has the name of an order status, but none of its values is a known status "
            f"({listed(values)}), so it is not used. To use it, set columns.order_status to {column.name}, and list "
            "its values in counted_status or void_status."
        )


def _guess_currency(builder: GuessBuilder, purchases: Sequence[int]) -> None:
    for column in builder.candidates(schema.CURRENCY, names.CURRENCY_NAMES):
        values = _values_on(column, purchases)
        if not values or sum(map(is_currency, values)) < MIN_SHARE * len(values):
            continue
        builder.assign(schema.CURRENCY, column)
        currencies = [currency for currency, _ in Counter(values).most_common()]
        if len(different_currencies(currencies)) > 1:
            builder.leave_open(
                schema.CURRENCY,
                f"Column {column.name} has several currencies ({listed(currencies)}), which cannot be added up. Set "
                "currency to the currency of session values, and currency_rates to the rates of the others.",
            )
        return
