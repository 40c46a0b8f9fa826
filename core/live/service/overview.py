"""All open sessions at a moment: their total forecast, and the ones with the highest value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.live.forecast import Spread, total_forecast
from core.live.rules import Rules
from core.live.service.estimate_table import EstimateTable
from core.live.service.messages import estimate_record

RANKINGS = ("value", "to_come")
"""Columns of the estimate table by which sessions are ranked."""
MAX_LISTED = 1_000
"""Maximum number of sessions that are listed."""


def overview(
    table: EstimateTable, now: float, rules: Rules, spread: Spread | None, *, limit: int, by: str
) -> dict[str, Any]:
    """Return the highest sessions, and the forecast of all of them, as an `OverviewMessage`.

    Args:
        table: the estimates of the open sessions.
        now: epoch seconds.
        rules: label the sessions.
        spread: statistics of train sessions for the forecast; if None, there is no forecast.
        limit: number of sessions that are listed.
        by: one of RANKINGS.
    """
    columns = table.columns()
    idle = np.maximum(now - columns["received"], 0.0)
    listed = [
        estimate_record(*key, estimate, rules) | {"idle": round(float(idle[position]), 1)}
        for key, estimate, position in table.highest(columns[by], limit)
    ]
    forecast = None if spread is None else _forecast(columns, idle, spread)
    return {"open": len(idle), "forecast": forecast, "sessions": listed}


def _forecast(columns: dict[str, NDArray[np.float64]], idle: NDArray[np.float64], spread: Spread) -> dict[str, float]:
    value, low, high, to_come = (columns[name] for name in ("value", "low", "high", "to_come"))
    total = total_forecast(value, low, high, spread, to_come=to_come, idle=idle)
    return {"value": total.value, "to_come": total.to_come, "low": total.low, "high": total.high}
