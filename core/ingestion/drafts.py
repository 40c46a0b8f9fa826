"""Draft a mapping for a log from its first rows, for a person to complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypedDict

from core.base.text import fold_case, listed
from core.ingestion.mapping import Guess, Mapping
from core.ingestion.mapping.guess import without_absent_own
from core.ingestion.mapping.log_column import read_columns
from core.ingestion.mapping.own_names import own_name
from core.ingestion.mapping.role_text import ROLE_NAME
from core.ingestion.peek import Peek
from core.ingestion.sources.columns import plain
from core.schema import TRAIN_COLUMNS

AS_IT_STANDS = "as it stands"
"""Choice for a log that already has the columns and event types of the schema."""
_MAX_VALUES = 40
"""Values to choose event types for; a column with more of them does not contain event types."""


class OwnChoice(TypedDict):
    """A column that may be used as an own column.

    Attributes:
        use: whether it is used.
        column, kind, level: as in the mapping.
        why: why it is not suggested, as a sentence; empty if it is.
    """

    use: bool
    column: str
    kind: str
    level: str
    why: str


def draft_mapping(log: Peek) -> Guess:
    """Return a guess from the first rows.

    If the default mapping fits the log, only own columns and names are guessed.
    """
    if not _default_mapping_fits(log):
        return log.guess()
    own = log.guess_own(Mapping())
    name_columns = log.guess().settings.get("names", {})
    settings = {name: value for name, value in {"own": own.own, "names": name_columns}.items() if value}
    unused = {column: why for column, why in own.unused.items() if column not in name_columns.values()}
    return Guess(settings, missing=(), reasons={}, unused=unused)


def fitting_mapping(log: Peek, mappings: dict[str, Mapping]) -> str | None:
    """Return the name of the mapping to read the log with: AS_IT_STANDS, or one that equals a complete guess.

    Args:
        mappings: name -> mapping, to choose from.

    Returns:
        None if no mapping fits; then a person completes the guess of `draft_mapping`.
    """
    if _default_mapping_fits(log):
        return AS_IT_STANDS
    guess = log.guess()
    if guess.missing:
        return None
    digest = Mapping.checked(**guess.settings).digest
    fitting = (name for name, mapping in mappings.items() if without_absent_own(mapping, log.columns).digest == digest)
    return next(fitting, None)


def unrecognised_note(log: Peek, *, with_value: bool) -> str | None:
    """Return a sentence on the columns that were not found in a log; None if it has all of them.

    Args:
        with_value: whether the log should have session values. False for a test file.
    """
    missing = log.guess(with_value=with_value).missing
    if not missing:
        return None
    roles = listed((ROLE_NAME.get(role, role) for role in missing), conjunction="or")
    return (
        f"No column of {log.name} was recognized as {roles}. Its columns are {listed(log.columns)}. If these are "
        "events, choose the columns below as soon as both files are there. If not, upload another file."
    )


def own_choices(log: Peek, draft: Guess) -> list[OwnChoice]:
    """Return the choices of own columns that a draft suggests, followed by the columns that it leaves out."""
    choices = [
        OwnChoice(use=True, column=own["column"], kind=own["kind"], level=own.get("level", "event"), why="")
        for own in draft.settings.get("own", {}).values()
    ]
    columns = {column.name: column for column in read_columns(log.columns, log.rows)}
    mark = draft.settings.get("decimal") or "."
    for name, why in draft.unused.items():
        is_number = columns[name].values and columns[name].is_numeric(mark)
        setting = {"kind": "number" if is_number else "category", "level": "event"} | why.own
        reason = f"{why.clause[0].upper()}{why.clause[1:]}."
        choices.append(OwnChoice(use=False, column=name, kind=setting["kind"], level=setting["level"], why=reason))
    return choices


def own_settings(choices: Iterable[OwnChoice]) -> dict[str, dict[str, str]]:
    """Return the setting `own` of a mapping for the chosen columns."""
    own: dict[str, dict[str, str]] = {}
    for choice in choices:
        if choice["use"]:
            name = own_name(choice["column"], set(own))
            own[name] = {"column": choice["column"], "kind": choice["kind"], "level": choice["level"]}
    return own


def frequent_values(log: Peek, column: str) -> list[str]:
    """Return the most frequent values of a column in the first rows, most frequent first."""
    if column not in log.columns:
        return []
    position = log.columns.index(column)
    counts = Counter(row[position].strip() for row in log.rows)
    return [value for value, _ in counts.most_common(_MAX_VALUES) if value]


def _default_mapping_fits(log: Peek) -> bool:
    return {fold_case(plain(column)) for column in log.columns}.issuperset(TRAIN_COLUMNS)
