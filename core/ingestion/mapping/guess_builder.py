"""`Guess`, the result of guessing a mapping, and the builder that the steps of a guess share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.base.text import fold_case, listed, noun_form, percent
from core.ingestion.mapping.column_names import SOURCE_WORDS, VAGUE_NAMES, VISITOR_WORDS
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.log_column import LogColumn, name_words, normalize
from core.ingestion.mapping.nested_settings import COMPLETED_ROLES, Columns
from core.ingestion.mapping.own_text import Unused
from core.ingestion.mapping.role_text import HOW_TO_SET, ROLE_NAME
from core.schema import USER_ID, USER_SESSION

_RESERVED_NAMES: Final = {normalize(role): role for role in Columns.model_fields if role not in COMPLETED_ROLES}
"""Normalized name of a role -> the role. Not for `order_id`, which identifies the sessions in a log of receipts."""


@dataclass(frozen=True)
class Guess:
    """A guessed mapping, which may be incomplete.

    Attributes:
        settings: arguments of `Mapping.checked`, which always accepts them.
        missing: roles that a person must decide on. If there are any, the mapping cannot read the log yet.
        reasons: role -> why its column was chosen, what replaces it, or what a person must decide.
        unused: name of each column without a role that is not in the setting `own` -> why it is not.
    """

    settings: dict[str, Any]
    missing: tuple[str, ...]
    reasons: dict[str, str]
    unused: dict[str, Unused] = field(default_factory=dict)


@dataclass
class GuessBuilder:
    """Collects columns, settings and reasons. Each step of a guess assigns columns that have no role yet.

    Attributes:
        unassigned: columns without a role.
        assigned: role -> its column.
        columns: role -> name of its column; None if the log has none.
        settings: settings of the mapping, except `columns`.
        missing, reasons: see `Guess`.
    """

    unassigned: list[LogColumn]
    assigned: dict[str, LogColumn] = field(default_factory=dict)
    columns: dict[str, str | None] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    def candidates(self, role: str, names: Sequence[str]) -> list[LogColumn]:
        """Return the unassigned columns with one of the normalized names, in the order of the names.

        Matches of the whole name come before matches of its last part, such as `item_id` in `items.item_id`, and of
        the name without a word for its source, such as `sku` in `ti_sku`. A column with the name of another role is
        left out.
        """
        ranked = []
        for column in self.unassigned:
            forms = _name_forms(column.name, role)
            if _RESERVED_NAMES.get(forms[0], role) != role:
                continue
            matches = [(rank, names.index(form)) for rank, form in enumerate(forms) if form in names]
            if matches:
                ranked.append((min(matches), column))
        return [column for _, column in sorted(ranked, key=lambda pair: pair[0])]

    def _describe_nested(self, role: str, names: Sequence[str]) -> str:
        """Return a sentence on a column with records that have a field for a role; "" if there is no such column."""
        for column in self.unassigned:
            fields = column.record_fields
            if any(normalize(name) in names for name in fields):
                return (
                    f"The {ROLE_NAME[role]} is nested in column {column.name}, whose cells are records with the "
                    f"{noun_form(len(fields), 'field')} {listed(fields)}. Write one row per record, with the fields as "
                    'columns. See "Nested columns" in the guide to data and mappings.'
                )
        return ""

    def columns_of_other_names(self, candidates: Sequence[LogColumn] = ()) -> list[LogColumn]:
        """Return the unassigned columns that are neither candidates nor named like a role."""
        others = [column for column in self.unassigned if column not in candidates]
        return [column for column in others if normalize(column.name) not in _RESERVED_NAMES]

    def assign(self, role: str, column: LogColumn, evidence: str = "") -> None:
        """Give a column a role. `evidence` completes "Column x ..."; by default, the evidence is its name."""
        self.unassigned.remove(column)
        self.assigned[role] = column
        self.columns[role] = column.name
        sentence = f"Column {column.name} {evidence or f'has a usual name for the {ROLE_NAME[role]}'}"
        if column.fill_rate < 1:
            sentence += f"; {percent(1 - column.fill_rate)} of its cells are empty"
        self.reasons[role] = f"{sentence}."

    def mark_absent(self, role: str, reason: str) -> None:
        """Record that the log has no column for a role. `reason` says what replaces it."""
        self.columns[role] = None
        self.reasons[role] = reason

    def leave_open(self, role: str, reason: str) -> None:
        """Record that a person must decide on a role. `reason` says what was found and what to do."""
        self.missing.append(role)
        self.reasons[role] = reason

    def leave_column_open(
        self, role: str, finding: str, *, nested_names: Sequence[str] = (), nested_role: str | None = None
    ) -> None:
        """Record that a person must choose the column of a role.

        If an unassigned column contains records with a field for the role, the reason says how to flatten the column.

        Args:
            finding: why no column was chosen.
            nested_names: normalized names of fields that suggest `nested_role`.
            nested_role: role to look for in records; by default `role`.
        """
        nested = self._describe_nested(nested_role or role, nested_names)
        self.leave_open(role, nested or f"{finding} {HOW_TO_SET[role]}")

    def build(self) -> Guess:
        """Return the guess."""
        settings = self.settings | ({"columns": self.columns} if self.columns else {})
        return Guess(settings, tuple(self.missing), self.reasons)


def _name_forms(name: str, role: str) -> list[str]:
    """Return the normalized name, its last part, and the name without words for its source."""
    last_part = name.replace("/", ".").rsplit(".", maxsplit=1)[-1]
    words = name_words(last_part)
    visitor_words = VISITOR_WORDS if role in {USER_ID, USER_SESSION} else frozenset()
    rests = []
    if len(words) > 1 and words[0] in SOURCE_WORDS | visitor_words:
        rests.append("".join(words[1:]))
    if len(words) > 1 and words[-1] in visitor_words:
        rests.append("".join(words[:-1]))
    return [normalize(name), normalize(last_part), *(rest for rest in rests if rest not in VAGUE_NAMES)]


def mapped_columns(mapping: Mapping, columns: Sequence[LogColumn]) -> dict[str, LogColumn]:
    """Return role -> column, for the roles whose column is in the log."""
    by_name = {fold_case(column.name): column for column in columns}
    folded = {role: fold_case(name) for role, name in mapping.columns.named().items()}
    return {role: by_name[name] for role, name in folded.items() if name in by_name}


def builder_of(mapping: Mapping, columns: Sequence[LogColumn], settings: dict[str, Any]) -> GuessBuilder:
    """Return a builder in which the columns of a mapping are assigned; its event types are added to the settings."""
    assigned = mapped_columns(mapping, columns)
    unassigned = [column for column in columns if column not in assigned.values()]
    words = mapping.model_dump(include={"event_words" if mapping.every_event_is is None else "every_event_is"})
    return GuessBuilder(unassigned, assigned, settings=settings | words, reasons=dict.fromkeys(assigned, ""))
