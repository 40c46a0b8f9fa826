"""Ids and their first characters: digests are shown shortened, and ids that a person typed are completed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from core.errors import RunError
from core.errors.runs import IdKind

_SHORT_LENGTH: Final = 12
"""Hexadecimal digits of a shortened digest. Two of a million digests share them with a probability of 0.2%."""
_SHA256_LENGTH: Final = 64


def short_digest(digest: str) -> str:
    """Return the first digits of a hexadecimal digest, for names of files and for people.

    >>> short_digest("0123456789abcdef")
    '0123456789ab'
    """
    return digest[:_SHORT_LENGTH]


def matching_ids(name: str, ids: Iterable[str]) -> list[str]:
    """Return the id that is `name`, or else those that begin with it, in their order and without repeats.

    >>> matching_ids("ab", ["abc", "abd", "b"]), matching_ids("ab", ["abc", "ab"]), matching_ids("", ["a"])
    (['abc', 'abd'], ['ab'], [])
    """
    matches = [full for full in dict.fromkeys(ids) if name and full.startswith(name)]
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
        raise RunError.ambiguous(kind, name, [_short(full) for full in matches])
    raise RunError.unknown(kind, name, [_short(full) for full in existing])


def _short(full: str) -> str:
    return short_digest(full) if len(full) == _SHA256_LENGTH else full
