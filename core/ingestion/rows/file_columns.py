"""The columns that an event file must have or may have, by the mapping of its log."""

from __future__ import annotations

from core.ingestion.mapping import Mapping
from core.schema import (
    CATEGORY_ID,
    CURRENCY,
    EVENT_TIME,
    EVENT_TYPE,
    ORDER_ID,
    ORDER_STATUS,
    PRICE,
    PRODUCT_ID,
    QUANTITY,
    SESSION_VALUE,
    TIME_OF_DAY,
    USER_ID,
    USER_SESSION,
)


def required_columns(mapping: Mapping, *, with_value: bool, needs_own: bool) -> tuple[str, ...]:
    """Return the schema names of the columns without which a file is refused.

    Args:
        with_value: whether the file has session values; false for a test file.
        needs_own: whether a file without session values needs the own columns, too.
    """
    names = mapping.columns
    is_priced = with_value and mapping.adds_prices
    required = {
        EVENT_TIME: True,
        TIME_OF_DAY: names.time_of_day is not None,
        EVENT_TYPE: mapping.every_event_is is None,
        PRODUCT_ID: True,
        CATEGORY_ID: names.category_id is not None,
        USER_ID: mapping.has_users,
        USER_SESSION: mapping.session_gap_minutes is None,
        SESSION_VALUE: with_value and not mapping.adds_prices,
        PRICE: is_priced,
        QUANTITY: is_priced and names.quantity is not None,
        ORDER_ID: is_priced and names.order_id is not None,
        ORDER_STATUS: is_priced and names.order_status is not None,
        CURRENCY: is_priced and names.currency is not None,
    }
    own_columns = mapping.own_in_log() if with_value or needs_own else ()
    name_columns = mapping.names_in_log() if with_value else ()
    return (*(name for name, is_required in required.items() if is_required), *own_columns, *name_columns)


def optional_columns(mapping: Mapping, *, with_value: bool, needs_own: bool) -> tuple[str, ...]:
    """Return the columns that are read if the file has them; the arguments are those of `required_columns`.

    Order ids in a test file show repeated purchases.
    """
    if with_value:
        return ()
    orders = (ORDER_ID,) if mapping.columns.order_id is not None else ()
    return (*orders, *(() if needs_own else mapping.own_in_log()), *mapping.names_in_log())
