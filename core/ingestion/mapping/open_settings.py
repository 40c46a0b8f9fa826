"""Find and explain a setting that a mapping leaves open, as a guess does if a person must decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.base.text import display, fold_case, listed
from core.errors import InputError
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.guess import guess_mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.mapping.role_text import HOW_TO_SET, ROLE_NAME
from core.schema import SESSION_VALUE

_LONGEST_ADVICE = 1_000  # characters; it may quote names from the file


def find_open_role(mapping: Mapping, header: Collection[str], *, with_value: bool) -> str | None:
    """Return the first role whose column the mapping does not set, and whose default column a log lacks.

    None if there is no such role, or if the log has none of the mapping's columns: then it is another log, or has
    another separator.

    >>> mapping = Mapping.checked(columns={"user_id": "uid"})
    >>> find_open_role(mapping, ["event_time", "event_type", "product_id", "category_id", "uid"], with_value=False)
    'user_session'
    """
    if mapping.is_identity:  # without a mapping, the log simply lacks a column
        return None
    names = set(map(fold_case, header))
    if not any(fold_case(column) in names for column in mapping.columns.named().values()):
        return None
    for role, column in mapping.columns.named().items():
        is_default = role in HOW_TO_SET and role not in mapping.columns.model_fields_set
        if is_default and fold_case(column) not in names and (with_value or role != SESSION_VALUE):
            return role
    return None


def open_setting_error(
    log_name: str, role: str, mapping: Mapping, header: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> InputError:
    """Return an error that says which settings decide a role, and which columns they may name."""
    guess = guess_mapping(header, rows)
    advice = HOW_TO_SET[role]
    if role in guess.missing:
        advice = guess.reasons[role]
    elif guess.settings.get("columns", {}).get(role) is not None:
        advice = f"{guess.reasons[role]} {advice}"
    used = set(map(fold_case, mapping.columns.named().values()))
    unused = [short(name) for name in header if fold_case(name) not in used]
    columns = f" Columns that the mapping does not use yet: {listed(unused)}." if unused else ""
    return InputError(
        f"{log_name} has no column {mapping.columns.named()[role]}, and the mapping does not say where the "
        f"{ROLE_NAME[role]} is. {display(advice, _LONGEST_ADVICE)}{columns}"
    )
