"""Answers of the service about open sessions, as JSON: the service writes them, and its client reads them."""

from __future__ import annotations

import math
from dataclasses import fields

from pydantic import BaseModel

from core.live.events import Estimate
from core.live.forecast import Forecast


class ReasonMessage(BaseModel):
    """Effect of a group of features: change of the predicted value since the last explanation, in value units."""

    group: str
    effect: float


class EstimateMessage(BaseModel):
    """The estimate of a session of a user; see `core.live.events.Estimate`. A high end is null if it is infinite."""

    session: str
    user: str
    value: float
    low: float
    high: float | None
    low_95: float
    high_95: float | None
    p_buy: float
    secured: float
    to_come: float
    events_seen: int
    seconds: int
    reasons: list[ReasonMessage]
    labels: list[str]

    def estimate(self) -> Estimate:
        """Return the estimate."""
        content = self.model_dump(include={field.name for field in fields(Estimate)} - {"reasons"})
        ends = {name: _end(content[name]) for name in ("high", "high_95")}
        reasons = tuple((reason.group, reason.effect) for reason in self.reasons)
        return Estimate(**(content | ends), reasons=reasons)


class ListedMessage(EstimateMessage):
    """An open session in the list of all; `idle` is the time since its latest event was received, in seconds."""

    idle: float


class ForecastMessage(BaseModel):
    """The total of all open sessions; see `core.live.forecast.Forecast`. `high` is null if it is infinite."""

    value: float
    to_come: float
    low: float
    high: float | None


class OverviewMessage(BaseModel):
    """All open sessions; `forecast` is null if the service was started from a model folder without its run."""

    open: int
    forecast: ForecastMessage | None
    sessions: list[ListedMessage]

    def total(self) -> Forecast | None:
        """Return the forecast."""
        if self.forecast is None:
            return None
        content = self.forecast.model_dump() | {"high": _end(self.forecast.high)}
        return Forecast(open=self.open, **content)


def _end(high: float | None) -> float:
    """Return the high end of an interval from JSON, where null stands for an infinite one."""
    return math.inf if high is None else high
