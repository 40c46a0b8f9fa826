"""Densities: counts of points in the cells of a grid, instead of one mark per point."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
from altair.utils.schemapi import UndefinedType
from numpy.typing import NDArray

from core.eda.parts.theme import MUTED, Figure

CELL_SCHEMA = dict.fromkeys(("low_x", "high_x", "low_y", "high_y"), pl.Float64) | {"count": pl.Int64}


def log_edges(values: NDArray[np.float64], n_bins: int) -> NDArray[np.float64]:
    """Return the edges of bins of equal width on a log scale, from the smallest to the largest of some positive values.

    If all values are nearly equal, the last edge is 1% above the first. Values that differ only by rounding would
    otherwise give bins of no width.
    """
    return np.geomspace(values.min(), max(values.max(), values.min() * 1.01), n_bins + 1)


def count_cells(
    x: NDArray[np.float64], y: NDArray[np.float64], x_edges: NDArray[np.float64], y_edges: NDArray[np.float64]
) -> pl.DataFrame:
    """Count points in a grid; one row per cell that has any. Points outside the grid count in the nearest cell.

    Returns:
        low_x, high_x, low_y, high_y: edges of the cell.
        count: number of points in it.
    """
    inside = (np.clip(x, x_edges[0], x_edges[-1]), np.clip(y, y_edges[0], y_edges[-1]))
    counts, _, _ = np.histogram2d(*inside, bins=(x_edges, y_edges))
    column, row = np.nonzero(counts)
    ends = (x_edges[column], x_edges[column + 1], y_edges[row], y_edges[row + 1])
    return pl.DataFrame([*ends, counts[column, row].astype(np.int64)], schema=CELL_SCHEMA)


def diagonal(low: float, high: float, scale: alt.Scale | UndefinedType = alt.Undefined) -> Figure:
    """Draw the dashed line on which x equals y; `scale` is that of both axes if it is not the default."""
    ends = alt.Chart(pl.DataFrame({"at": [low, high]})).mark_line(color=MUTED, strokeDash=[4, 4])
    line: Figure = ends.encode(x=alt.X("at:Q", scale=scale), y=alt.Y("at:Q", scale=scale))
    return line
