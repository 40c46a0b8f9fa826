"""All open sessions at a moment: their total forecast, and the ones with the highest value."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.live.forecast import Spread, total_forecast
from core.live.rules import Rules
from core.live.service.messages import estimate_record
from core.live.service.sessions import OpenEstimate

RANKINGS = ("value", "to_come")
MAX_LISTED = 1_000


def overview(
    sessions: Sequence[OpenEstimate], rules: Rules, spread: Spread | None, limit: int, by: str
) -> dict[str, Any]:
    """Return the highest sessions, and the forecast of all of them, as an `OverviewMessage`.

    Args:
        sessions: the open sessions.
        rules: label the sessions.
        spread: how the training sessions of the run ended; None if it is not known, and so neither is the forecast.
        limit: number of sessions that are listed.
        by: one of RANKINGS.
    """
    highest = heapq.nlargest(limit, sessions, key=lambda each: getattr(each.estimate, by))
    listed = [estimate_record(*each.key, each.estimate, rules) | {"idle": round(each.idle, 1)} for each in highest]
    return {"open": len(sessions), "forecast": _forecast(sessions, spread), "sessions": listed}


def _forecast(sessions: Sequence[OpenEstimate], spread: Spread | None) -> dict[str, float] | None:
    if spread is None:
        return None
    rows = [(each.value, each.low, each.high, each.to_come, idle) for _, each, idle in sessions]
    value, low, high, to_come, idle = np.array(rows).reshape(-1, 5).T
    total = total_forecast(value, low, high, spread, to_come=to_come, idle=idle)
    return {"value": total.value, "to_come": total.to_come, "low": total.low, "high": total.high}
