"""Guess the columns of products, categories, users and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.guess_builder import GuessBuilder
from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn, distinct_by_key
from core.ingestion.mapping.own_names import hint_of
from core.ingestion.values.visits import MAX_USERS
from core.schema import CATEGORY_ID, PLACEHOLDER_IDS, PRODUCT_ID, USER_ID, USER_SESSION

_SESSION_TIMEOUT: Final = 30
"""Minutes without an event after which a session ends, as in web analytics."""
_NO_ID: Final = PLACEHOLDER_IDS | {"0"}
_MAX_SHARED: Final = 0.05
"""Share of rows whose session id may belong to many users. Real logs have a few sessions that lost their id."""


def guess_ids(builder: GuessBuilder) -> None:
    """Assign the columns of products, categories and users. A log may have session ids but no users."""
    product = _fullest(builder.candidates(PRODUCT_ID, names.PRODUCT_NAMES))
    if product is None:
        finding = "No column has a usual name for the product."
        builder.leave_column_open(PRODUCT_ID, finding, nested_names=names.PRODUCT_NAMES)
    else:
        builder.assign(PRODUCT_ID, product)
    _guess_category(builder, product)
    user = _fullest(builder.candidates(USER_ID, names.USER_NAMES))
    if user is not None:
        builder.assign(USER_ID, user)
        return
    finding = "No column has a usual name for the user"
    session = _find_sessions(builder)
    if session is None:
        builder.leave_column_open(USER_ID, f"{finding}.")
    else:
        builder.mark_absent(
            USER_ID,
            f"{finding}, so each session in column {session.name} is its own user. If another column identifies users, "
            "set columns.user_id to it.",
        )


def guess_sessions(builder: GuessBuilder) -> None:
    """Assign the column of session ids; if there is none, set a session timeout."""
    session = _find_sessions(builder)
    if session is not None:
        builder.assign(USER_SESSION, session)
        return
    builder.settings["session_gap_minutes"] = _SESSION_TIMEOUT
    builder.mark_absent(
        USER_SESSION,
        f"No column with unique session ids was found, so a session ends after {_SESSION_TIMEOUT} minutes without an "
        "event of its user.",
    )


def _find_sessions(builder: GuessBuilder) -> LogColumn | None:
    """Return the first unassigned column whose ids identify sessions; None if there is none."""
    receipts = names.RECEIPT_NAMES if "every_event_is" in builder.settings else ()
    user = builder.assigned.get(USER_ID)
    return next(
        (
            column
            for column in builder.candidates(USER_SESSION, (*names.SESSION_NAMES, *receipts))
            if column.fill_rate >= MIN_SHARE and _share_with_many_users(column, user) <= _MAX_SHARED
        ),
        None,
    )


def _guess_category(builder: GuessBuilder, product: LogColumn | None) -> None:
    """Assign the first category column that is filled on nearly all rows with a product."""
    rows = [row for row, cell in enumerate(product.cells) if cell] if product is not None else None
    for column in builder.candidates(CATEGORY_ID, names.CATEGORY_NAMES):
        if hint_of(column.name).level in {"session", "user"}:  # such as device.category of Google Analytics
            continue
        if (column.fill_rate if rows is None else column.fill_rate_on(rows)) >= MIN_SHARE:
            builder.assign(CATEGORY_ID, column)
            return
    reason = "No column has a category for nearly all products, so all products share one category."
    builder.mark_absent(CATEGORY_ID, reason)


def _fullest(candidates: Sequence[LogColumn]) -> LogColumn | None:
    """Return the first nearly full column, otherwise the one with the highest fill rate; None if all are empty.

    Cells without an id count as empty, such as the 0 that shop systems write for each guest.
    """
    filled = [column for column in candidates if column.fill_rate > 0]
    return max(filled, key=lambda column: min(_share_of_ids(column), MIN_SHARE), default=None)


def _share_of_ids(column: LogColumn) -> float:
    return column.fill_rate - sum(cell.lower() in _NO_ID for cell in column.values) / max(1, len(column.cells))


def _share_with_many_users(session: LogColumn, user: LogColumn | None) -> float:
    """Return the share of rows whose session id has more users than a visit can have.

    Such ids do not identify sessions. For example, they may be numbers that begin at 1 for each user.
    """
    if user is None or not session.values:
        return 0.0
    users = distinct_by_key(session, user)
    is_shared = [len(users[session_id] - {""}) > MAX_USERS for session_id in session.values]
    return sum(is_shared) / len(is_shared)
