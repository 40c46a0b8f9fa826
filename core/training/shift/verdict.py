"""The verdict: whether test is unlike train, in which way, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Outcome = Literal["alike", "unlike", "too_few"]
KindCode = Literal["cut_off", "longer", "event_mix", "season", "other_shop", "new_users", "other"]

WARNING: Final = "test_unlike_train"
"""Code of the run's warning."""


@dataclass(frozen=True)
class Kind:
    """One way in which test is unlike train.

    Attributes:
        code: cut_off, longer, event_mix, season, other_shop, new_users or other.
        finding: a sentence with the figures.
        advice: a sentence that says what to do.
    """

    code: KindCode
    finding: str
    advice: str


@dataclass(frozen=True)
class Shift:
    """What a comparison of test with train gives.

    Attributes:
        outcome: "alike", "unlike", or "too_few" where the files are too small to compare.
        kinds: the ways in which test is unlike train, the clearest first; empty unless it is unlike.
        figures: what was measured, by name; see core.training.shift.find.
    """

    outcome: Outcome
    kinds: tuple[Kind, ...]
    figures: dict[str, float]

    @property
    def unlike(self) -> bool:
        """Whether the warning fires, and the expected score is not promised."""
        return self.outcome == "unlike"

    @property
    def sentence(self) -> str:
        """For people: what the shift looks like and what to do; empty where there is none."""
        if not self.kinds:
            return ""
        return " ".join([*(kind.finding for kind in self.kinds), self.kinds[0].advice])
