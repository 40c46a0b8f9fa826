"""Guess the columns of products, categories, users and sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.guess_builder import GuessBuilder
from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn, distinct_by_key
from core.ingestion.values.visits import MAX_USERS
from core.schema import CATEGORY_ID, PRODUCT_ID, USER_ID, USER_SESSION

_DEFAULT_GAP: Final = 30
"""Minutes without an event after which a session ends in web analytics."""
_MAX_SHARED: Final = 0.05
"""Share of rows whose session id may belong to many users. Real logs have a few lost ids."""


def guess_ids(builder: GuessBuilder) -> None:
    """Assign the columns of products, categories and users."""
    product = _fullest(builder.candidates(PRODUCT_ID, names.PRODUCT_NAMES))
    if product is None:
        builder.leave_column_open(PRODUCT_ID, "No column has a usual name for the product.")
    else:
        builder.assign(PRODUCT_ID, product)
    _guess_category(builder, product)
    user = _fullest(builder.candidates(USER_ID, names.USER_NAMES))
    if user is not None:
        builder.assign(USER_ID, user)
        return
    builder.leave_column_open(USER_ID, "No column has a usual name for the user.")
    if builder.candidates(USER_SESSION, names.SESSION_NAMES):
        builder.reasons[USER_ID] += (
            " If the log has sessions only, set it to the column with session ids, and set session_gap_minutes."
        )


def guess_sessions(builder: GuessBuilder) -> None:
    """Assign the column of session ids; if there is none, let sessions end after a gap."""
    receipts = names.RECEIPT_NAMES if "every_event_is" in builder.settings else ()
    user = builder.assigned.get(USER_ID)
    for column in builder.candidates(USER_SESSION, (*names.SESSION_NAMES, *receipts)):
        if column.fill_rate >= MIN_SHARE and _share_with_many_users(column, user) <= _MAX_SHARED:
            builder.assign(USER_SESSION, column)
            return
    builder.settings["session_gap_minutes"] = _DEFAULT_GAP
    builder.mark_absent(
        USER_SESSION,
        f"No column with unique session ids was found, so a session ends after {_DEFAULT_GAP} minutes without an event "
        "of its user.",
    )


def _guess_category(builder: GuessBuilder, product: LogColumn | None) -> None:
    for column in builder.candidates(CATEGORY_ID, names.CATEGORY_NAMES):
        if _fill_rate_with_product(column, product) >= MIN_SHARE:
            builder.assign(CATEGORY_ID, column)
            return
    builder.mark_absent(
        CATEGORY_ID, "No column has a category for nearly all products, so all products share one category."
    )


def _fullest(candidates: Sequence[LogColumn]) -> LogColumn | None:
    """Return the first nearly full column, otherwise the one with the highest fill rate; None if all are empty."""
    full = [column for column in candidates if column.fill_rate >= MIN_SHARE]
    partly_filled = [column for column in candidates if column.fill_rate > 0]
    return full[0] if full else max(partly_filled, key=lambda column: column.fill_rate, default=None)


def _fill_rate_with_product(column: LogColumn, product: LogColumn | None) -> float:
    if product is None:
        return column.fill_rate
    return column.fill_rate_on([row for row, cell in enumerate(product.cells) if cell])


def _share_with_many_users(session: LogColumn, user: LogColumn | None) -> float:
    """Return the share of rows whose session id has more users than a visit can have.

    Such ids do not identify sessions. They may count the sessions of each user, for example.
    """
    if user is None:
        return 0.0
    users = {session_id: ids - {""} for session_id, ids in distinct_by_key(session, user).items()}
    n_rows = Counter(session.values)
    n_shared = sum(n_rows[session_id] for session_id, ids in users.items() if len(ids) > MAX_USERS)
    return n_shared / n_rows.total() if n_rows else 0.0
