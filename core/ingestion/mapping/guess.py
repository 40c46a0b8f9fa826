"""Guesses the mapping of a log from its header and first rows: a shipped one where it fits, else part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.event_guess import find_event_types
from core.ingestion.mapping.findings import Findings, Guess
from core.ingestion.mapping.log_column import MOSTLY, LogColumn, log_columns
from core.ingestion.mapping.time_format import AUTO, tells_time_of_day
from core.ingestion.mapping.time_guess import read_share, time_form
from core.ingestion.mapping.toml_file import load_mapping, shipped_names
from core.ingestion.mapping.value_guess import NUMBERS, find_quantity, find_value, has_unit_price, undecided_marks
from core.schema import (
    CATEGORY_ID,
    EVENT_TIME,
    PRODUCT_ID,
    QUANTITY,
    SESSION_VALUE,
    USER_ID,
    USER_SESSION,
)

_USUAL_GAP = 30
"""Minutes without an event after which web analytics let a session end."""
_ALWAYS_NAMED = frozenset(
    {"event_time", "event_type", "product_id", "category_id", "user_id", "user_session", "session_value"}
)
"""Roles whose absence is worth a reason."""
_FEW_SHARED = 0.05
"""Share of rows with a session id of many users up to which these are taken for lost ids, which real logs have."""
_MOST_USERS = 3
"""Of one visit: a cookie, an account and another device; see core.ingestion.visits."""


def guess_mapping(header: Sequence[str], rows: Sequence[Sequence[str | None]], *, with_value: bool = True) -> Guess:
    """Guess how a log is to be read, from its header and some of its rows (none is allowed, a few hundred are good).

    Without `with_value` (a test file) nothing is looked for that would give session values. Never raises: what cannot
    be found is told in `missing` and `reasons`.

    >>> header, row = ["timestamp", "visitorid", "event", "itemid"], ["1433221332117", "257597", "view", "355908"]
    >>> guess = guess_mapping(header, [row])
    >>> guess.settings["time_format"], guess.settings["session_gap_minutes"], guess.missing
    ('epoch_milliseconds', 30, ('session_value',))
    """
    columns = log_columns(header, rows)
    known = _known_mapping(columns, with_value=with_value)
    if known is not None:
        return known
    findings = Findings(columns)
    _find_times(findings)
    find_event_types(findings)
    _find_ids(findings)
    _find_sessions(findings)
    if with_value:
        find_value(findings)
    return findings.guess()


def _known_mapping(columns: Sequence[LogColumn], *, with_value: bool) -> Guess | None:
    """Our own form, or a shipped mapping, where it fits in all that can be seen."""
    shipped = [load_mapping(name) for name in shipped_names()]
    # Without values our own form and REES46's differ in nothing but a column price: the shipped ones come first then.
    for mapping in [Mapping(), *shipped] if with_value else [*shipped, Mapping()]:
        if _fits(mapping, columns, with_value=with_value):
            settings, reasons = mapping.model_dump(exclude_defaults=True), _reasons(mapping, with_value=with_value)
            if with_value and mapping.columns.quantity is None and has_unit_price(mapping):
                quantity = find_quantity(Findings(list(columns)))
                if quantity is not None:  # a shop's own addition: without it three pieces would be worth as much as one
                    settings["columns"] = settings.get("columns", {}) | {QUANTITY: quantity.name}
                    reasons[QUANTITY] = f"Column {quantity.name} is named as quantities often are."
            undecided = undecided_marks(_number_columns(mapping, columns)) if with_value else {}
            return Guess(settings, tuple(undecided), reasons | undecided)
    return None


def _number_columns(mapping: Mapping, columns: Sequence[LogColumn]) -> dict[str, LogColumn]:
    there = {column.name.lower(): column for column in columns}
    named = mapping.columns.named()
    return {role: there[named[role].lower()] for role in NUMBERS if role in named and named[role].lower() in there}


def _reasons(mapping: Mapping, *, with_value: bool) -> dict[str, str]:
    whose = mapping.name or "Our own form"
    return {
        role: f"{whose} has no such column." if name is None else f"{whose} has it in column {name}."
        for role, name in mapping.columns
        if (name is not None or role in _ALWAYS_NAMED) and (with_value or role != SESSION_VALUE)
    }


def _fits(mapping: Mapping, columns: Sequence[LogColumn], *, with_value: bool) -> bool:
    there = {column.name.lower(): column for column in columns}
    by_role = {role: there.get(name.lower()) for role, name in mapping.columns.named().items()}
    if not with_value:
        by_role.pop(SESSION_VALUE, None)
    found = {role: column for role, column in by_role.items() if column is not None}
    if len(found) < len(by_role):
        return False
    if "event_type" in found:
        words = {word.lower() for word in found["event_type"].distinct}
        if not words <= mapping.words().keys() | mapping.ignored():
            return False
    numbers = [found[role] for role in NUMBERS if role in found]
    return read_share(found[EVENT_TIME].filled, mapping.time_format) >= MOSTLY and all(
        column.are_numbers(mapping.decimal_mark) for column in numbers
    )


def _find_times(findings: Findings) -> None:
    candidates = findings.candidates(EVENT_TIME, names.TIME_NAMES)
    others = [column for column in findings.left if column not in candidates and not names.is_own_name(column)]
    for column in [*candidates, *others]:
        form = time_form(column.filled)
        if form is None or (column in others and not _is_telling(form.time_format)):
            continue
        findings.take(EVENT_TIME, column, f"holds {form.words}")
        if form.time_format != AUTO:
            findings.settings["time_format"] = form.time_format
        return
    if not candidates:
        findings.miss(EVENT_TIME, "No column holds times: name the one that does.")
        return
    findings.take(EVENT_TIME, candidates[0])
    if candidates[0].filled:
        findings.miss(EVENT_TIME, f"Column {candidates[0].name} has times of no known form: say which in time_format.")


def _is_telling(time_format: str) -> bool:
    """Whether a column of any name holds event times for sure: digits may be ids, and dates those of births."""
    return time_format == AUTO or (" " in time_format and tells_time_of_day(time_format))


def _find_ids(findings: Findings) -> None:
    product = _fullest(findings.candidates(PRODUCT_ID, names.PRODUCT_NAMES))
    if product is None:
        findings.miss(PRODUCT_ID, "No column is named like a product: name the one that tells products apart.")
    else:
        findings.take(PRODUCT_ID, product)
    category = next(
        (
            column
            for column in findings.candidates(CATEGORY_ID, names.CATEGORY_NAMES)
            if _filled_beside(column, product) >= MOSTLY
        ),
        None,
    )
    if category is None:
        findings.go_without(CATEGORY_ID, "No column holds a category for nearly all products: all share one.")
    else:
        findings.take(CATEGORY_ID, category)
    user = _fullest(findings.candidates(USER_ID, names.USER_NAMES))
    if user is None:
        reason = "No column is named like a user: name the one that tells users apart."
        if findings.candidates(USER_SESSION, names.SESSION_NAMES):
            reason += " If the log knows sessions only, name its session column here, and set session_gap_minutes."
        findings.miss(USER_ID, reason)
    else:
        findings.take(USER_ID, user)


def _fullest(candidates: Sequence[LogColumn]) -> LogColumn | None:
    """The first that is filled nearly everywhere, else the one that is filled the most; None where all are empty."""
    full = [column for column in candidates if column.filled_share >= MOSTLY]
    some = [column for column in candidates if column.filled_share > 0]
    return full[0] if full else max(some, key=lambda column: column.filled_share, default=None)


def _filled_beside(column: LogColumn, product: LogColumn | None) -> float:
    """Share of the rows with a product that have something in this column too; 1 where there is no such row."""
    if product is None:
        return column.filled_share
    cells = [cell for cell, beside in zip(column.cells, product.cells, strict=True) if beside]
    return sum(map(bool, cells)) / len(cells) if cells else 1.0


def _find_sessions(findings: Findings) -> None:
    receipts = names.RECEIPT_NAMES if "every_event_is" in findings.settings else ()
    user = findings.taken.get(USER_ID)
    for column in findings.candidates(USER_SESSION, (*names.SESSION_NAMES, *receipts)):
        if column.filled_share >= MOSTLY and _shared_share(column, user) <= _FEW_SHARED:
            findings.take(USER_SESSION, column)
            return
    findings.settings["session_gap_minutes"] = _USUAL_GAP
    findings.go_without(
        USER_SESSION,
        "No column holds an id for each session of its own: a session ends when its user does nothing for "
        f"{_USUAL_GAP} minutes.",
    )


def _shared_share(session: LogColumn, user: LogColumn | None) -> float:
    """Share of the rows whose session id has more users than a visit can have: such numbers are no session ids.

    Numbers that count each user's sessions are shared by all users. In a visit the user changes at most at a log-in.
    """
    if user is None:
        return 0.0
    users: dict[str, set[str]] = {}
    rows = Counter(one for one in session.cells if one)
    for one, other in zip(session.cells, user.cells, strict=True):
        if one and other:
            users.setdefault(one, set()).add(other)
    shared = sum(rows[one] for one, each in users.items() if len(each) > _MOST_USERS)
    return shared / rows.total() if rows else 0.0
