"""Ids that a person typed, completed from their first characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from core.errors import RunError
from core.errors.runs import IdKind

_SHOWN: Final = 12
"""Characters of a SHA-256 that are shown; more are not needed to tell datasets apart."""
_SHA256_LENGTH: Final = 64


def matching_ids(name: str, ids: Iterable[str]) -> list[str]:
    """Return the id that is `name`, or else those that begin with it, in their order and without repeats.

    >>> matching_ids("ab", ["abc", "abd", "b"]), matching_ids("ab", ["abc", "ab"]), matching_ids("", ["a"])
    (['abc', 'abd'], ['ab'], [])
    """
    matches = [one for one in dict.fromkeys(ids) if name and one.startswith(name)]
    return [name] if name in matches else matches


def complete_id(kind: IdKind, name: str, ids: Iterable[str]) -> str:
    """Return the id that is `name`, or else the only one that begins with it.

    Raises:
        RunError: no id, or more than one, begins with it.
    """
    existing = list(ids)
    matches = matching_ids(name, existing)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise RunError.ambiguous(kind, name, [_short(one) for one in matches])
    raise RunError.unknown(kind, name, [_short(one) for one in existing])


def _short(full: str) -> str:
    return full[:_SHOWN] if len(full) == _SHA256_LENGTH else full
