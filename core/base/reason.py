"""Codes of reasons, with the words for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ReasonCode(StrEnum):
    """Base of enumerations whose members are a code and a clause. A member equals its code.

    Attributes:
        clause: the reason as a clause, which may follow "because".
    """

    clause: str

    def __new__(cls, code: str, clause: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.clause = clause
        return member
