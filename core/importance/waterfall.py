"""The steps from the average prediction to the prediction of one session, driver by driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from core.importance.explanation import Explanation
from core.schema import UNIT

AVERAGE, OTHERS, PREDICTION = "Average session", "All other drivers", "This session"
_STEPS = 7
"""Drivers with a step of their own."""
_SCHEMA: Final = {
    "label": pl.String(),
    "kind": pl.String(),
    "unit": pl.String(),
    "effect": pl.Float64(),
    "start": pl.Float64(),
    "end": pl.Float64(),
    "cell": pl.Float64(),
}


def waterfall(
    drivers: pl.DataFrame, effects: Mapping[str, float], cells: Mapping[str, float | None], base: float
) -> pl.DataFrame:
    """Return the steps from the base to the prediction of a session.

    Args:
        drivers: see `core.importance.drivers`.
        effects: feature -> its effect on the prediction, in value units.
        cells: feature -> its value in the session; None if it is not defined.
        base: prediction for an average session, in value units.

    Returns:
        One row per step, in order. The drivers with the largest effects in this session come first.
        label: AVERAGE, the name of a driver, OTHERS or PREDICTION.
        kind: "total" or "step".
        effect: effect of the step, in value units.
        start, end: ends of the bar, in value units; totals start at 0.
        cell, unit: value and unit of the driver's strongest feature; null in other rows.
    """
    sizes = [
        {
            "label": driver["label"],
            "effect": sum(effects[name] for name in driver["features"]),
            "cell": cells[driver["feature"]],
            "unit": driver["unit"],
        }
        for driver in drivers.iter_rows(named=True)
    ]
    ranked = sorted(sizes, key=lambda step: -abs(step["effect"]))
    rest = sum(step["effect"] for step in ranked[_STEPS:])
    steps = ranked[:_STEPS] + ([{"label": OTHERS, "effect": rest}] if len(ranked) > _STEPS else [])
    at = base
    rows = [{"label": AVERAGE, "kind": "total", "effect": base, "start": 0.0, "end": base}]
    for step in steps:
        rows.append({**step, "kind": "step", "start": at, "end": at + step["effect"]})
        at += step["effect"]
    rows.append({"label": PREDICTION, "kind": "total", "effect": at, "start": 0.0, "end": at})
    return pl.DataFrame(rows, schema=_SCHEMA)


def similar_sessions(
    explanation: Explanation, drivers: pl.DataFrame, effects: Mapping[str, float], unit: int, n_sessions: int = 5
) -> pl.DataFrame:
    """Return the explained sessions whose drivers have the most similar effects, nearest first.

    Args:
        drivers: see `core.importance.drivers`.
        effects: feature -> its effect on the prediction of the session, in value units.
        unit: unit number of the session itself, which is left out.
        n_sessions: number of sessions, or all if there are fewer.

    Returns:
        unit: unit number.
        value, predicted: actual value and prediction, in value units.
        distance: Euclidean distance of the effects of all drivers, in value units.
    """
    squared_distance = np.zeros(explanation.sessions.height)
    for features in drivers.get_column("features").to_list():
        effect = explanation.effects.select(pl.sum_horizontal(features).cast(pl.Float64)).to_series().to_numpy()
        squared_distance += (effect - sum(effects[name] for name in features)) ** 2
    return (
        explanation.sessions.select(UNIT, "value", "predicted")
        .with_columns(pl.Series("distance", np.sqrt(squared_distance)))
        .filter(pl.col(UNIT) != unit)
        .sort("distance", UNIT)
        .head(n_sessions)
    )
