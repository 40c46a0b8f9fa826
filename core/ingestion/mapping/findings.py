"""What is known of a log so far while its mapping is guessed, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.base.text import percent
from core.ingestion.mapping.column_names import named
from core.ingestion.mapping.log_column import LogColumn

_CALLED = {
    "event_time": "times of events",
    "event_type": "types of events",
    "product_id": "products",
    "category_id": "categories",
    "user_id": "users",
    "user_session": "sessions",
    "session_value": "session values",
    "price": "prices",
    "quantity": "quantities",
    "order_id": "orders",
    "order_status": "statuses of orders",
    "currency": "currencies",
}


@dataclass(frozen=True)
class Guess:
    """A mapping as far as it could be guessed.

    `Mapping.checked(**settings)` always gives a mapping. `missing` names the roles that a person must still see to, for
    no column was found, or its words are unknown; where it is not empty, the mapping cannot read this log yet.
    `reasons` says in a sentence for each role why it was found, or what comes in its place.
    """

    settings: dict[str, Any]
    missing: tuple[str, ...]
    reasons: dict[str, str]


@dataclass
class Findings:
    """The columns that have no role yet, and what was found; each step takes columns and leaves a reason."""

    left: list[LogColumn]
    columns: dict[str, str | None] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    taken: dict[str, LogColumn] = field(default_factory=dict)

    def candidates(self, role: str, names: Sequence[str]) -> list[LogColumn]:
        """The columns without a role that have one of the names, the most telling name first."""
        return named(self.left, role, names)

    def take(self, role: str, column: LogColumn, because: str = "") -> None:
        """Give a column a role; `because` goes on the sentence that names it."""
        self.left.remove(column)
        self.taken[role] = column
        self.columns[role] = column.name
        why = because or f"is named as {_CALLED[role]} often are"
        if column.filled_share < 1:
            why += f"; {percent(1 - column.filled_share)} of its cells are empty"
        self.reasons[role] = f"Column {column.name} {why}."

    def go_without(self, role: str, reason: str) -> None:
        """The log has no such column, and a rule or nothing takes its place."""
        self.columns[role] = None
        self.reasons[role] = reason

    def miss(self, role: str, reason: str) -> None:
        """A person must see to this role."""
        self.missing.append(role)
        self.reasons[role] = reason

    def guess(self) -> Guess:
        """What was found, as a mapping's settings."""
        settings = self.settings | ({"columns": self.columns} if self.columns else {})
        return Guess(settings, tuple(self.missing), self.reasons)
