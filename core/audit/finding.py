"""What an audit gives: a finding for people, and the outcome of every rule."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["serious", "warning", "note"]
"""Serious: do not believe a score before this is settled. Warning: look at it before using the predictions. Note: good
to know, and either harmless or dealt with by the product."""
SEVERITIES: Final[tuple[Severity, ...]] = ("serious", "warning", "note")
"""From worst to least."""

Outcome = Literal["found", "quiet", "not_applicable"]
Cell = bool | int | float | str | None
Record = dict[str, Cell]
"""One row of a finding's table."""


class Finding(BaseModel):
    """What one rule found in a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    title: str
    """A short statement, without a full stop."""
    severity: Severity
    count: int | None = None
    """How many things were found; None where nothing is counted."""
    explanation: str
    """One or two sentences with the numbers in them; no ids, which are a visitor's text and stand in the examples."""
    advice: str
    """One sentence: what to do, or what the product does with it by itself."""
    examples: tuple[str, ...] = ()
    """A few of the things, ids as they stand in the files (long ones cut)."""
    chart: str | None = None
    """Name of the module in core.eda that draws it; None: there is nothing to draw."""
    table: tuple[Record, ...] = ()
    """What that chart draws; empty where the chart reads the dataset itself."""


class RuleOutcome(BaseModel):
    """What became of one rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    title: str
    """What the rule looks for."""
    outcome: Outcome
    reason: str = ""
    """Why the rule does not apply; empty otherwise."""


def rank(finding: Finding) -> tuple[int, int, str]:
    """Sort key: the worst first, then the larger count (None counts as 0), then the code."""
    return SEVERITIES.index(finding.severity), -(finding.count or 0), finding.code
