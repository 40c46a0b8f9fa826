"""Names of the columns that a `SessionLog` offers to feature groups, besides those of core.schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from core.own_columns import PREFIX
from core.schema import EVENT_TYPES, PRODUCT, TIME, TYPE


def names_by_type(pattern: str, event_types: Iterable[str] = EVENT_TYPES) -> dict[str, str]:
    """Return event type -> name of a column; `{}` in the pattern stands for the type in lower case.

    >>> names_by_type("n_{}", ["VIEW", "BUY"])
    {'VIEW': 'n_view', 'BUY': 'n_buy'}
    """
    return {event_type: pattern.format(event_type.lower()) for event_type in event_types}


# --- a visit: all rows of one session and user, in train and test together (see visits.py) ----------------------------
VISIT: Final = "visit"
"""Lowest unit number of the visit: the unit's own, unless the session is in both files."""
VISIT_START: Final = "visit_start"
"""Epoch seconds of the visit's first event."""

# --- an event within its session --------------------------------------------------------------------------------------
EVENT_ORDER: Final = (TIME, TYPE, PRODUCT)
"""Sort order of the events of a session, before its own columns. It does not depend on the row order of the files."""


def event_order(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the sort order of the events of a session in a log with these columns: own columns break ties."""
    return (*EVENT_ORDER, *(name for name in columns if name.startswith(PREFIX)))


POSITION: Final = "_position"
"""Position of the event in its session, from 0."""
GAP: Final = "_gap"
"""Seconds since the previous event; null for the first event."""
PREVIOUS_TYPE: Final = "_previous_type"
"""Type of the previous event; null for the first event."""
SAME_PRODUCT: Final = "_same_product"
"""Whether the previous event was on the same product; null for the first event."""
STREAK: Final = "_streak"
"""Number of consecutive events of this type, up to and including this one."""
IS_LAST: Final = "_is_last"
"""Whether this is the session's last event."""

# --- a prefix: the first events of a session --------------------------------------------------------------------------
EVENTS_SEEN: Final = "events_seen"
"""Number of events of the prefix."""

# --- minutes of the whole log -----------------------------------------------------------------------------------------
MINUTE: Final = "minute"
"""Whole minutes since the epoch."""
EVENTS: Final = "events"
"""Number of events in that minute."""

# --- counts per (unit, user), (unit, product) or (unit, category) -----------------------------------------------------
OWN: Final = names_by_type("_own_{}")
"""Event type -> number of such events in the session itself."""
ELSEWHERE: Final = names_by_type("_elsewhere_{}")
"""Event type -> number of such events outside the visit that the history mode counts."""
DISTINCT_ELSEWHERE: Final = "_distinct_elsewhere"
"""Number of users of the product or category, or of other visits of the user, that the history mode counts."""
BEFORE: Final = "_before"
"""Number of events of all types before the visit's start, in both history modes."""
RECENT: Final = "_recent"
"""Number of events of all types in the seven days before the visit's start, in both history modes."""
LAST_SEEN: Final = "_last_seen"
"""Epoch seconds of the latest event before the visit's start, in both history modes; null without one."""
OWN_SUM, OWN_FILLED = "_own_sum", "_own_filled"
"""Sum of an own column's cells in the session itself, and number of filled ones."""
SUM_ELSEWHERE, FILLED_ELSEWHERE = "_sum_elsewhere", "_filled_elsewhere"
"""The same outside the visit, in the events that the history mode counts."""
N_CELLS: Final = "_n_cells"
"""Number of the session's events with the same category of an own column."""
WEEKS: Final = "_weeks"
"""Observed weeks plus one day: from the log's first event to the visit's start (`as_of`) or the log's last event
(`all_rows`). Counts grow with the log, so features divide them by it. The extra day keeps the first rates small."""
WEEKS_BEFORE: Final = "_weeks_before"
"""Weeks from the log's first event to the visit's start, in both history modes, without the extra day."""
