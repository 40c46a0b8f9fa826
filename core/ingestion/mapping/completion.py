"""Complete a mapping with columns that it does not mention: orders, statuses and currencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.base.text import fold_case
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.guess_builder import builder_of
from core.ingestion.mapping.log_column import read_columns
from core.ingestion.mapping.nested_settings import COMPLETED_ROLES
from core.ingestion.mapping.order_guess import guess_orders
from core.ingestion.mapping.time_guess import is_time_of_day
from core.schema import ORDER_ID, ORDER_STATUS, TIME_OF_DAY


def open_roles(mapping: Mapping) -> list[str]:
    """Return the roles that `complete` may add to a mapping; empty if session values are in a column.

    >>> open_roles(Mapping.checked(value="price_of_buys", columns={"price": "price", "order_id": None}))
    ['order_status', 'currency']
    """
    if not mapping.adds_prices:
        return []
    return [role for role in COMPLETED_ROLES if role not in mapping.columns.model_fields_set]


def lost_time_of_day(mapping: Mapping, header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str | None:
    """Return a sentence on a column of times of day that a mapping for dates does not use; None if there is none."""
    if not mapping.dates_only or TIME_OF_DAY in mapping.columns.model_fields_set:
        return None
    used = set(map(fold_case, mapping.columns.named().values()))
    for column in read_columns(header, rows):
        if fold_case(column.name) not in used and is_time_of_day(column.values):
            return (
                f"Column {column.name} has the time of day, which is not used, so all events of a day are at its first "
                f'second. To use it, set columns.time_of_day = "{column.name}", and a time_format for both columns '
                f'such as "{mapping.time_format} %H:%M:%S".'
            )
    return None


def complete(
    mapping: Mapping, header: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> tuple[Mapping, list[str]]:
    """Add columns of orders, statuses and currencies that a log has and its mapping does not mention.

    These columns change the sum of the purchases, and hand-written mappings often leave them out. A column that the
    mapping names, or excludes with "", stays as it is. `price_is` is added if the mapping does not set it.

    Args:
        rows: cells of some rows, among them purchases.

    Returns:
        The mapping, and one sentence for each addition and for each column that may be worth adding.
    """
    roles = open_roles(mapping)
    if not roles:
        return mapping, []
    builder = builder_of(mapping, read_columns(header, rows), {})
    guess_orders(builder, with_order_id=ORDER_ID in roles)
    columns = {role: builder.columns[role] for role in roles if role in builder.columns}
    settings: dict[str, Any] = {}
    notes = [builder.reasons[role] for role in roles if role in builder.reasons]
    if ORDER_STATUS in columns:
        settings |= {name: builder.settings[name] for name in ("counted_status", "void_status")}
    if "price_is" in builder.settings and "price_is" not in mapping.model_fields_set:
        settings["price_is"] = builder.settings["price_is"]
        notes.append(f"Column {mapping.columns.price} has one number per order, which counts once.")
    if not columns and not settings:
        return mapping, notes
    completed_columns = mapping.columns.model_dump(exclude_unset=True) | columns
    return Mapping.checked(**mapping.model_dump(exclude_unset=True) | settings | {"columns": completed_columns}), notes
