"""All open sessions at a moment: their total forecast, and the ones with the highest value."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

from core.live.forecast import Spread, total_forecast
from core.live.rules import Rules
from core.live.service.messages import ForecastMessage, ListedMessage, OverviewMessage
from core.live.service.sessions import OpenEstimate

RankBy = Literal["value", "to_come"]
RANKINGS: tuple[str, ...] = get_args(RankBy)
MAX_LISTED = 1_000


def overview(
    sessions: Iterable[OpenEstimate], rules: Rules, spread: Spread | None, limit: int, by: str
) -> OverviewMessage:
    """Return the highest sessions, and the forecast of all of them.

    Args:
        sessions: the open sessions.
        spread: how the training sessions of the run ended; None if it is not known, and so neither is the forecast.
        limit: number of sessions that are listed.
        by: one of RANKINGS.
    """
    every = list(sessions)
    rows = [(each.value, each.low, each.high, each.to_come, idle) for _, each, idle in every]
    value, low, high, to_come, idle = np.array(rows).reshape(-1, 5).T
    total = None if spread is None else total_forecast(value, low, high, spread, to_come=to_come, idle=idle)
    highest = heapq.nlargest(limit, every, key=lambda each: getattr(each.estimate, by))
    listed = [ListedMessage.of_open(*each.key, each.estimate, rules, each.idle) for each in highest]
    return OverviewMessage(
        open=len(every), forecast=None if total is None else ForecastMessage.of(total), sessions=listed
    )
