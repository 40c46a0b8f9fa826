"""The verdict: whether test sessions differ from train sessions, in which ways, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["alike", "unlike", "too_few"]
KindCode = Literal["cut_off", "longer", "event_mix", "season", "other_shop", "new_users", "other"]

WARNING = "test_unlike_train"
"""Code of the run's warning."""


@dataclass(frozen=True)
class Kind:
    """One way in which the files differ, with a sentence about what was found and one about what to do."""

    code: KindCode
    finding: str
    advice: str


@dataclass(frozen=True)
class Shift:
    """Result of a comparison of the test sessions with the train sessions.

    Attributes:
        outcome: "alike", "unlike", or "too_few" where the files are too small to compare.
        kinds: the ways in which the files differ, the strongest first; empty unless the outcome is "unlike".
        figures: measured values by name; see `find_shift`.
    """

    outcome: Outcome
    kinds: tuple[Kind, ...]
    figures: dict[str, float]

    @property
    def unlike(self) -> bool:
        """Whether the run warns and withholds its expected score."""
        return self.outcome == "unlike"

    @property
    def sentence(self) -> str:
        """All findings and the first advice as text; empty where there is no shift."""
        return " ".join([*(kind.finding for kind in self.kinds), *(kind.advice for kind in self.kinds[:1])])
