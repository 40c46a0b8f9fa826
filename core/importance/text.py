"""The explanation in words, for people who do not read code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from core.base.amounts import money, value_text, value_unit
from core.base.text import count, listed, percent, span, verb
from core.importance.drivers import LARGE_SHARE
from core.importance.methods.sampled_shapley import CODE as SAMPLED
from core.importance.methods.sampled_shapley import STRETCHING_CODE
from core.schema import STACK

N_DRIVERS: Final = 5
"""Number of drivers in words, by default."""
_ALMOST_ALL: Final = 0.9
"""From this share of sessions on, the text says that a driver of 0 has an effect, too."""
_DIRECTIONS: Final = {
    "up": "higher numbers go with higher predictions",
    "down": "higher numbers go with lower predictions",
    "mixed": "higher numbers go with higher predictions in some sessions and lower ones in others",
}
_ACTIONABLE: Final = "A shop can influence it, but only a test shows whether that changes the value."
_NOT_ACTIONABLE: Final = "A shop cannot set it directly."
LARGE: Final = f"An effect is large if it is more than {LARGE_SHARE:.0%} of the average value."
NOT_A_CAUSE: Final = (
    "This is what the model uses. It does not show what would change the value: that takes an experiment, such as an "
    "A/B test."
)


def headline(drivers: pl.DataFrame) -> str:
    """Name the strongest driver with its size.

    Args:
        drivers: see `core.importance.drivers`; at least one.
    """
    top = drivers.row(0, named=True)
    return (
        f"{top['label']} matters most: on average, it moves the predicted value of a session by "
        f"{money(top['size'])} up or down."
    )


@dataclass(frozen=True)
class DriverText:
    """A driver in words: its display name, its effect, and how certain its rank is."""

    label: str
    effect: str
    detail: str


def driver_texts(drivers: pl.DataFrame, n_drivers: int = N_DRIVERS) -> list[DriverText]:
    """Return the strongest drivers in words.

    Args:
        drivers: see `core.importance.drivers`.
    """
    return [
        DriverText(row["label"], _effect(row), _detail(row)) for row in drivers.head(n_drivers).iter_rows(named=True)
    ]


def _effect(row: dict[str, Any]) -> str:
    interval = "" if row["low"] is None else f" (90% interval: {span(value_text(row['low']), value_text(row['high']))})"
    return (
        f"It moves the prediction by {money(row['size'])} on average{interval}; "
        f"{_DIRECTIONS[row['direction']]}. Its effect is large in {_sessions(row['share'])}{_of_nothing(row)}."
    )


def _of_nothing(row: dict[str, Any]) -> str:
    """Explain why an effect can be large in almost all sessions."""
    return (
        ", because a number of 0 lowers the prediction"
        if row["direction"] == "up" and row["share"] > _ALMOST_ALL
        else ""
    )


def _detail(row: dict[str, Any]) -> str:
    ranks = (
        f"rank {row['rank_low']} in every repetition of the training"
        if row["rank_low"] == row["rank_high"]
        else f"ranks {row['rank_low']} to {row['rank_high']} in repetitions of the training"
    )
    sentences = [
        f"Certainty: {ranks}; among the top five drivers of {row['agree']} of {count(row['learners'], 'learner')}."
    ]
    if row["members"]:
        names = listed((f"“{name}”" for name in row["members"]), 3)
        carry = verb(len(row["members"]), "carries", "carry")
        sentences.append(f"Includes {names}, which {carry} the same information.")
    sentences.append(_ACTIONABLE if row["actionable"] else _NOT_ACTIONABLE)
    return " ".join(sentences)


def _sessions(share: float) -> str:
    return "all sessions" if share == 1 else f"{percent(share)} of the sessions"


def stretching_line(methods: pl.DataFrame) -> str:
    """Say what share of the effects is assigned to other features because effects are rescaled to value units.

    Args:
        methods: rows of the slow methods. The share is that of the learner with the largest one.
    """
    totals = {
        code: dict(methods.filter(method=code).group_by("learner").agg(pl.col("value").sum()).iter_rows())
        for code in (SAMPLED, STRETCHING_CODE)
    }
    shares = {
        learner: error / totals[SAMPLED][learner]
        for learner, error in totals[STRETCHING_CODE].items()
        if learner != STACK and totals[SAMPLED][learner] > 0
    }
    worst = max(shares.values(), default=0.0)
    return (
        "Some learners predict square roots or logarithms of values. Their effects are rescaled to "
        f"{value_unit()}. Compared with sampled Shapley values in {value_unit()}, this assigns up to {percent(worst)} "
        "of the effects of a learner to other features."
    )


def unknowns(skill: float, known_user: float | None, error: float) -> list[str]:
    """Return sentences on what the model does not know.

    Args:
        skill: share of the squared error of the average that the predictions remove; may be negative.
        known_user: share of the explained sessions whose user has another session; None if users are unknown.
        error: root mean squared error, in value units.
    """
    lines = [
        f"The predictions explain {percent(max(skill, 0.0))} of the differences between sessions. The rest is not in "
        "the events, or cannot be learned from them.",
        f"The typical error of one session is {money(error)} (root mean square). Sessions of high value have the "
        "largest errors.",
    ]
    if known_user is not None:
        lines.append(f"In {percent(1 - known_user)} of the sessions, the user has no other session in the log.")
    lines.append(
        "Shop prices, stock, marketing and the intentions of users are unknown, unless the log has a column for them. "
        "Prices of products are estimated from session values."
    )
    return lines
