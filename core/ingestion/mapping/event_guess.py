"""Guess which column holds the event types, and map each of its values to an event type."""

from __future__ import annotations

from typing import Final

from core.base.text import fold_case, listed
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.event_words import (
    DEFAULT_WORDS,
    event_type_of,
    is_other_event,
    is_page_view,
    whole_orders_beside_lines,
)
from core.ingestion.mapping.fields import is_allowed_text
from core.ingestion.mapping.guess_builder import GuessBuilder
from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn, normalize
from core.schema import BUY, EVENT_TYPE, EVENT_TYPES, PRICE, QUANTITY, USER_SESSION, VIEW

_MAX_VALUES: Final = 60
"""Distinct values of a column of event types. Web analytics has dozens, columns of names and ids have thousands."""
_MIN_TYPES: Final = 2
"""Event types that a column without a usual name must have; a single known value may mean something else."""
_MIN_KNOWN_SHARE: Final = 0.5
"""Share of known values in such a column. Logs have many events that we have no type for."""
_VALUES_LISTED: Final = 12
"""Values that a reason lists, so that it remains readable."""


def guess_event_types(builder: GuessBuilder) -> None:
    """Assign the column of event types and map its values; in a log of receipts, every event is a BUY."""
    named = builder.candidates(EVENT_TYPE, names.TYPE_NAMES)
    column = _best_column(builder, named)
    if column is not None:
        builder.assign(EVENT_TYPE, column, "" if column in named else "contains event types")
        _map_values(builder, column)
    elif _is_log_of_receipts(builder):
        builder.settings["every_event_is"] = BUY
        builder.mark_absent(EVENT_TYPE, "The log has columns of receipts and no event types, so every event is a BUY.")
    else:
        finding = "No column with event types was found."
        builder.leave_column_open(EVENT_TYPE, finding, nested_names=names.TYPE_NAMES)


def _best_column(builder: GuessBuilder, named: list[LogColumn]) -> LogColumn | None:
    """Return the named column with the most event types; if no values are known, the one with the clearest name.

    If no named column is usable, return a column of any other name that clearly has event types.
    """
    usable = [
        column
        for column in named
        if len(column.distinct_values) <= _MAX_VALUES
        and (not column.cells or _count_types(column) or normalize(column.name) not in names.VAGUE_TYPE_NAMES)
    ]
    if usable:
        return max(usable, key=lambda column: (_count_types(column), _has_purchases(column), _known_share(column)))
    return next(filter(_has_event_types, builder.columns_of_other_names()), None)


def _has_event_types(column: LogColumn) -> bool:
    return (
        len(column.distinct_values) <= _MAX_VALUES
        and _count_types(column) >= _MIN_TYPES
        and _known_share(column) >= _MIN_KNOWN_SHARE
    )


def _count_types(column: LogColumn) -> int:
    return len(set(map(event_type_of, column.distinct_values[:_MAX_VALUES])) - {None})


def _has_purchases(column: LogColumn) -> bool:
    return any(event_type_of(value) == BUY for value in column.distinct_values[:_MAX_VALUES])


def _known_share(column: LogColumn) -> float:
    return sum(event_type_of(value) is not None for value in column.values) / max(1, len(column.values))


def _is_log_of_receipts(builder: GuessBuilder) -> bool:
    """Return whether a column has the name of a receipt's id, or there are numeric prices and quantities."""
    if builder.candidates(USER_SESSION, names.RECEIPT_NAMES):
        return True
    prices = builder.candidates(PRICE, (*names.PRICE_NAMES, *names.ROW_TOTAL_NAMES))
    quantities = builder.candidates(QUANTITY, names.QUANTITY_NAMES)
    return all(any(column.decimal_mark() for column in columns) for columns in (prices, quantities))


def _map_values(builder: GuessBuilder, column: LogColumn) -> None:
    """Set the event type of each known value, and the values to ignore."""
    values = _spellings(column)
    types = {value: event_type for value in values if (event_type := event_type_of(value)) is not None}
    ignored = [value for value in values if value not in types and is_other_event(value)]
    if any(event_type == VIEW and not is_page_view(value) for value, event_type in types.items()):
        ignored += filter(is_page_view, types)
    ignored += whole_orders_beside_lines(types)
    types = {value: event_type for value, event_type in types.items() if value not in ignored}
    unknown = [value for value in values if value not in types and value not in ignored]
    if values and not types:
        builder.leave_open(
            EVENT_TYPE,
            f"The values of column {column.name} are unknown: {listed(values)}. Set their event types in event_words.",
        )
        return
    unseen = [event_type for event_type in EVENT_TYPES if event_type not in types.values()]
    defaults = {word: event_type for event_type in unseen for word in DEFAULT_WORDS[event_type] if word not in values}
    if column.fill_rate < MIN_SHARE:
        ignored.append("")
    builder.settings["event_words"] = types | defaults
    if ignored:
        builder.settings["ignored_words"] = ignored
    builder.reasons[EVENT_TYPE] += _describe_values(types, ignored, unknown, unseen)


def _spellings(column: LogColumn) -> list[str]:
    """Return the values that a mapping can contain, each in its first spelling, in order of first appearance."""
    spellings: dict[str, str] = {}
    for value in filter(is_allowed_text, column.distinct_values):
        spellings.setdefault(fold_case(value), value)
    return list(spellings.values())


def _describe_values(types: dict[str, str], ignored: list[str], unknown: list[str], unseen: list[str]) -> str:
    text = ""
    if types:
        meanings = (f"{value} means {event_type}" for value, event_type in types.items())
        text += f" In it, {listed(meanings, _VALUES_LISTED)}."
    if ignored:
        text += f" Ignored: {listed(value or 'empty cells' for value in ignored)}."
    if unknown:
        text += f" Unknown: {listed(unknown)}. Add them to event_words or ignored_words."
    if unseen:
        text += f" The first rows have no {listed(unseen, conjunction='or')}, so the usual values are assumed."
    return text
