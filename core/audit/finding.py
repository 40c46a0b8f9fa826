"""What an audit returns: a finding for people, and the outcome of each rule."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.checks import SEVERITIES, Severity

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
    """Number of sessions, rows, ids or whatever the rule counts; None if it counts nothing."""
    explanation: str
    """One or two sentences with figures. Ids are text from a visitor's files, so they only appear in the examples."""
    advice: str
    """What to do, or what the product does by itself."""
    examples: tuple[str, ...] = ()
    """A few of the things counted, with ids as in the files; long ids are cut."""
    chart: str | None = None
    """Name of the module in core.eda that draws the finding; None if there is nothing to draw."""
    table: tuple[Record, ...] = ()
    """The data of that chart; empty if the chart reads the dataset itself."""


class RuleOutcome(BaseModel):
    """The outcome of one rule, as it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    title: str
    """What the rule looks for."""
    outcome: Literal["found", "quiet", "not_applicable"]
    """The stored names of a check that failed, passed, or does not apply."""
    reason: str = ""
    """Why the rule does not apply, as a clause; empty otherwise."""


def rank(finding: Finding) -> tuple[int, int, str]:
    """Sort key: the worst severity first, then the larger count (None is 0), then the code."""
    return SEVERITIES.index(finding.severity), -(finding.count or 0), finding.code
