"""Names of the columns that a `SessionLog` offers to feature groups, besides those of core.schema."""

from __future__ import annotations

from typing import Final

from core.schema import EVENT_TYPES, PRODUCT, TIME, TYPE

# --- a visit: all rows of one session and user, in train and test together (see visits.py) ----------------------------
VISIT: Final = "visit"
"""The lower unit number of the visit. For nearly all units their own number."""
VISIT_START: Final = "visit_start"
"""Epoch seconds of the visit's first event."""

# --- an event within its session; events of one second are ordered by type and product --------------------------------
POSITION: Final = "_position"
"""0 for the session's first event."""
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
EVENT_ORDER: Final = (TIME, TYPE, PRODUCT)
"""Sort order of the events of a session. It does not depend on the row order of the files."""

# --- minutes of the whole log -----------------------------------------------------------------------------------------
MINUTE: Final = "minute"
"""Whole minutes since the epoch."""
EVENTS: Final = "events"
"""Number of events in that minute."""

# --- counts per (unit, user), (unit, product) or (unit, category) -----------------------------------------------------
OWN: Final = {event_type: f"_own_{event_type.lower()}" for event_type in EVENT_TYPES}
"""Event type -> number of such events in the session itself."""
ELSEWHERE: Final = {event_type: f"_elsewhere_{event_type.lower()}" for event_type in EVENT_TYPES}
"""Event type -> number of such events outside the visit, as far as the history setting allows."""
DISTINCT_ELSEWHERE: Final = "_distinct_elsewhere"
"""Number of users with an event on the product or category outside the visit; for a user, number of other sessions."""
BEFORE: Final = "_before"
"""Events of all types before the visit's start, whatever the history setting."""
RECENT: Final = "_recent"
"""The part of BEFORE in the last seven days before the visit's start."""
LAST_SEEN: Final = "_last_seen"
"""Epoch seconds of the latest event before the visit's start, whatever the history setting; null without one."""
WEEKS: Final = "_weeks"
"""Observed weeks: from the log's first event to the visit's start (`as_of`) or the log's last event (`all_rows`), plus
one day so that the first hours of a log do not count for much. Counts grow with the log; undivided they would show only
how late in the log a session is."""
WEEKS_BEFORE: Final = "_weeks_before"
"""Weeks from the log's first event to the visit's start, whatever the history setting, without the extra day."""
