"""The effect of the strongest drivers in single sessions."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.importance.explanation import Explanation
from core.schema import UNIT

_SESSIONS = 400
"""Sessions of the table; more points would hide each other."""
_SEED = 0


def driver_effects(explanation: Explanation, drivers: pl.DataFrame, n_drivers: int) -> pl.DataFrame:
    """Return the effect of each of the strongest drivers in a sample of sessions.

    Args:
        drivers: see `core.importance.drivers`.

    Returns:
        One row per (driver, session):
        place: rank of the driver, from 1.
        label, unit: display name of the driver, and unit of its strongest feature.
        session: unit number.
        effect: effect on the prediction, in value units.
        cell: value of the strongest feature; null if it is not defined.
        level: where the cell is among all sessions, from 0 for the lowest to 1 for the highest.
    """
    n_rows = explanation.sessions.height
    drawn = np.sort(np.random.default_rng(_SEED).permutation(n_rows)[:_SESSIONS])
    tables = []
    for driver in drivers.head(n_drivers).iter_rows(named=True):
        effect = explanation.effects.select(pl.sum_horizontal(driver["features"]).cast(pl.Float64).alias("effect"))
        cells = explanation.cells.get_column(driver["feature"]).cast(pl.Float64)
        n_others = max(cells.count() - 1, 1)
        level = (cells.rank("average") - 1) / n_others
        columns = {
            "place": driver["rank"],
            "label": driver["label"],
            "unit": driver["unit"],
            "session": explanation.sessions.get_column(UNIT),
            "effect": effect.to_series(),
            "cell": cells,
            "level": level,
        }
        tables.append(pl.DataFrame(columns)[drawn])
    return pl.concat(tables)
