"""Guess the own columns: which of the columns beyond the roles are useful, and why the others are not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any, Final

from core.base.text import fold_case
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.column_copies import equals, follows, renames
from core.ingestion.mapping.guess_builder import GuessBuilder
from core.ingestion.mapping.log_column import LogColumn, distinct_by_key, normalize
from core.ingestion.mapping.order_guess import purchase_rows
from core.ingestion.mapping.own_content import (
    has_codes,
    has_free_text,
    has_personal_data,
    has_row_numbers,
    has_urls,
)
from core.ingestion.mapping.own_level import level_of
from core.ingestion.mapping.own_names import (
    Hint,
    hint_of,
    is_event_time,
    is_id,
    is_index,
    is_known_afterwards,
    is_personal,
    is_session,
    own_name,
)
from core.ingestion.mapping.own_text import Reason, Unused
from core.ingestion.mapping.settings import MAX_OWN
from core.ingestion.mapping.time_format import AUTO, OWN_TIME_FORMATS
from core.ingestion.mapping.time_guess import TimeGuess, guess_time_format
from core.ingestion.values.amounts import currency_signs
from core.ingestion.values.currencies import different_currencies
from core.ingestion.values.flags import FLAG_WORDS
from core.own_columns import Kind, Level
from core.schema import (
    BUY,
    CATEGORY_ID,
    EVENT_TYPE,
    PRICE,
    PRODUCT_ID,
    QUANTITY,
    SESSION_VALUE,
    USER_ID,
    USER_SESSION,
)

_ID_ROLES: Final = (PRODUCT_ID, CATEGORY_ID, USER_ID, USER_SESSION)
_MIN_ROWS: Final = 20
"""With fewer rows, content shows too little, and a wrong column costs more than a missing one."""
_MIN_FILLED: Final = 0.02
"""Share of non-empty cells below which a column says nothing about nearly all events."""
_MAX_DISTINCT: Final = 0.5
"""Share of distinct values, of the rows, sessions or users that a category describes. With more, it identifies them."""
_MAX_DISTINCT_PRODUCTS: Final = 0.8
"""The same for products, which are names or codes of the product then. A brand may have few products."""
_MAX_ID_SHARE: Final = 0.2
"""The same for a column with the name of an id that is not a known one, such as that of a store."""
_N_TIMES: Final = 1_000
"""Values that show a time format."""


@dataclass(frozen=True)
class OwnGuess:
    """The own columns of a log.

    Attributes:
        own: the setting `own` of a mapping.
        unused: name of each other column without a role -> why it is not used.
    """

    own: dict[str, dict[str, str]] = field(default_factory=dict)
    unused: dict[str, Unused] = field(default_factory=dict)


@dataclass(frozen=True)
class _Candidate:
    """A useful column. If a mapping cannot have all of them, those with the lowest `rank` are used."""

    column: LogColumn
    kind: Kind
    level: Level
    rank: int


def guess_own_columns(
    builder: GuessBuilder, level: Level | None = None, taken: Collection[str] = (), most: int = MAX_OWN
) -> OwnGuess:
    """Decide for each column without a role, and for prices and quantities, whether it is useful.

    Args:
        builder: must have the columns of all roles assigned, and the settings on event types, values and times.
        level: what all columns describe; None if their cells show it.
        taken: names of own columns that the mapping has already.
        most: number of own columns.
    """
    log = _Log(builder, level)
    columns = [*(builder.assigned[role] for role in (PRICE, QUANTITY) if role in builder.assigned), *builder.unassigned]
    candidates: list[_Candidate] = []
    unused: dict[str, Unused] = {}
    for column in columns:
        decision = log.decide(column, [candidate.column for candidate in candidates])
        if isinstance(decision, _Candidate):
            candidates.append(decision)
        else:
            unused[column.name] = decision
    best = {id(candidate) for candidate in sorted(candidates, key=lambda each: each.rank)[:most]}
    own: dict[str, dict[str, str]] = {}
    for candidate in candidates:
        name = candidate.column.name
        setting: dict[str, str] = {"column": name, "kind": candidate.kind}
        if candidate.level != "event":
            setting["level"] = candidate.level
        if id(candidate) in best:
            own[own_name(name, {*own, *taken})] = setting
        else:
            unused[name] = Unused(Reason.TOO_MANY, own=setting)
    return OwnGuess(own, unused)


class _Log:
    """The parts of a log that decide whether a column is useful."""

    def __init__(self, builder: GuessBuilder, level: Level | None) -> None:
        self.level = level
        self.assigned: Table[str, LogColumn] = builder.assigned
        self.settings: Table[str, Any] = builder.settings
        self.only_purchases = self.settings.get("every_event_is") == BUY
        self.has_currencies = any(
            normalize(column.name) in names.CURRENCY_NAMES and len(different_currencies(column.distinct_values)) > 1
            for column in (*self.assigned.values(), *builder.unassigned)
        )
        self.decimal = self.settings.get("decimal") or "."
        n_rows = max((len(column.cells) for column in self.assigned.values()), default=0)
        purchases = set() if self.only_purchases else set(purchase_rows(builder))
        self.other_rows = [row for row in range(n_rows) if row not in purchases] if purchases else []

    def decide(self, column: LogColumn, earlier: Sequence[LogColumn]) -> _Candidate | Unused:
        """Return how to use a column, or why not. `earlier` are the columns that are used so far."""
        hint = hint_of(column.name)
        reason = self._by_fill(column) or self._by_name(column) or self._by_text(column)
        reason = reason or self._by_copy(column, earlier, hint) or self._by_purchases(column)
        if reason is not None:
            return reason
        kind = self._kind(column, hint)
        if isinstance(kind, Unused):
            return kind
        level = self.level or level_of(column, self.assigned, hint)
        reason = self._by_distinct(column, kind, level, hint) or self._by_receipts(column, kind, level, hint)
        if reason is not None:
            return reason
        is_price = column is self.assigned.get(PRICE) or (hint.level, kind) == ("event", "money")
        merits = (is_price, hint.level is not None, level != "event", True)
        return _Candidate(column, kind, level, rank=merits.index(True))

    def _by_fill(self, column: LogColumn) -> Unused | None:
        if column.cells and not column.values:
            return Unused(Reason.EMPTY)
        if len(column.cells) < _MIN_ROWS:
            return Unused(Reason.FEW_ROWS)
        if len(column.distinct_values) == 1:
            return Unused(Reason.CONSTANT)
        return Unused(Reason.MOSTLY_EMPTY) if column.fill_rate < _MIN_FILLED else None

    def _by_copy(self, column: LogColumn, earlier: Sequence[LogColumn], hint: Hint) -> Unused | None:
        """Exclude a column that repeats one with a role or an earlier one."""
        value = self.assigned.get(SESSION_VALUE)
        if value is not None and equals(column, value):
            return Unused(Reason.IS_VALUE)
        roles = [self.assigned[role] for role in _ID_ROLES if role in self.assigned]
        is_number = column.is_numeric(self.decimal) and hint.kind != "category"
        for other in (*roles, *earlier):
            if column is other:
                continue
            if (equals if is_number else renames)(column, other):
                return Unused(Reason.DUPLICATE, other.name)
        types = self.assigned.get(EVENT_TYPE)
        if types is not None and follows(column, types):
            return Unused(Reason.DUPLICATE, types.name)
        return None

    def _by_name(self, column: LogColumn) -> Unused | None:
        if column is self.assigned.get(PRICE):
            is_unit_price = normalize(column.name) not in names.ROW_TOTAL_NAMES and "price_is" not in self.settings
            return None if is_unit_price else Unused(Reason.AFTERWARDS)
        if column is self.assigned.get(QUANTITY):
            return None
        name = column.name
        reasons = {
            Reason.INDEX: is_index(name) or has_row_numbers(column),
            Reason.PERSONAL: is_personal(name) or has_personal_data(column),
            Reason.EVENT_TIME: self.level is None and is_event_time(name),
            Reason.IDENTIFIER: is_session(name),
            Reason.AFTERWARDS: is_known_afterwards(name),
        }
        return next((Unused(reason) for reason, applies in reasons.items() if applies), None)

    def _by_text(self, column: LogColumn) -> Unused | None:
        if column.record_fields or column.values[0].startswith(("{", "[")):
            return Unused(Reason.RECORDS)
        if has_urls(column):
            return Unused(Reason.URL)
        return Unused(Reason.TEXT) if has_free_text(column) else None

    def _by_purchases(self, column: LogColumn) -> Unused | None:
        """Exclude a column that is empty or constant on all events except purchases."""
        if not self.other_rows:
            return None
        cells = {column.cells[row] for row in self.other_rows} - {""}
        return Unused(Reason.ON_PURCHASES) if len(cells) <= 1 else None

    def _kind(self, column: LogColumn, hint: Hint) -> Kind | Unused:
        flags = {FLAG_WORDS.get(fold_case(value)) for value in column.distinct_values}
        if hint.kind == "time" and (form := guess_time_format(column.values[:_N_TIMES])) is not None:
            return self._time(form)
        is_digits = flags == {True, False} and set(column.distinct_values) <= {"0", "1"}
        if flags == {True, False} and not (is_digits and hint.kind in {"number", "money"}):
            return "flag"
        evidence = column.decimal_evidence
        if column.decimal_mark() is not None or (evidence.point is not None and evidence.comma is not None):
            return self._number(column, hint)
        form = guess_time_format(column.values[:_N_TIMES])
        return "category" if form is None else self._time(form)

    def _time(self, form: TimeGuess) -> Kind | Unused:
        own_format = self.settings.get("time_format", AUTO)
        return "time" if form.time_format in (*OWN_TIME_FORMATS, own_format) else Unused(Reason.TIME_FORMAT)

    def _number(self, column: LogColumn, hint: Hint) -> Kind | Unused:
        """Return the kind of a column of numbers. Those of stores or postal areas are categories."""
        has_role = column in (self.assigned.get(PRICE), self.assigned.get(QUANTITY))
        if not has_role and (hint.kind in {"category", "flag"} or is_id(column.name)):
            return "category"
        evidence = column.decimal_evidence
        has_other_mark = (evidence.comma if self.decimal == "." else evidence.point) is not None
        if not column.is_numeric(self.decimal) or has_other_mark or evidence.undecided is not None:
            return Unused(Reason.DECIMAL_MARK)
        is_money = hint.kind == "money" or column is self.assigned.get(PRICE) or currency_signs(column.series)
        if is_money and self.has_currencies:
            return Unused(Reason.CURRENCIES)
        return "money" if is_money else "number"

    def _by_distinct(self, column: LogColumn, kind: Kind, level: Level, hint: Hint) -> Unused | None:
        """Exclude a column that identifies what it describes, such as a name or a code."""
        n_distinct = len(column.distinct_values)
        if kind in {"number", "money"}:
            return Unused(Reason.IDENTIFIER) if hint.kind is None and has_codes(column) else None
        if kind == "time":
            return Unused(Reason.EVENT_TIME) if level in {"event", "session"} else None
        if kind == "flag":
            return None
        role = {"session": USER_SESSION, "user": USER_ID, "product": PRODUCT_ID}.get(level)
        keys = self.assigned.get(role) if role is not None else None
        n_described = len(column.values) if keys is None else _n_keys(keys, column)
        if level == "product":
            is_name = hint.level is None and n_distinct > _MAX_DISTINCT_PRODUCTS * n_described
            return Unused(Reason.DUPLICATE, self.assigned[PRODUCT_ID].name) if is_name and keys is not None else None
        is_unknown_id = hint.level is None and is_id(column.name)
        most = _MAX_ID_SHARE if is_unknown_id else _MAX_DISTINCT
        is_identifier = n_distinct > most * n_described and n_distinct > 2
        return Unused(Reason.IDENTIFIER) if is_identifier else None

    def _by_receipts(self, column: LogColumn, kind: Kind, level: Level, hint: Hint) -> Unused | None:
        """In a log of purchases only, keep prices and what describes products, users and the place of purchase."""
        if not self.only_purchases or column is self.assigned.get(PRICE) or level in {"product", "user"}:
            return None
        is_place = level == "session" and kind == "category" and hint.level in {"session", "user"}
        return None if is_place else Unused(Reason.OF_PURCHASES)


def _n_keys(keys: LogColumn, column: LogColumn) -> int:
    return sum(bool(cells - {""}) for cells in distinct_by_key(keys, column).values())
