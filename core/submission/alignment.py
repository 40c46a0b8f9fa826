"""Find out whether the values of a file are next to the wrong ids, from their rank correlation with a run."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.base.text import count, fixed, whole

Vector = NDArray[np.float64]

MIN_CORRELATION: Final = 0.2
"""Rank correlation with the run below which the values are out of step. Models of the same sessions agree much more:
0.6 and more were measured between a linear model on counts and the stack."""
_CLEAR: Final = 0.5
"""A correlation that shows the cause."""
_MAX_SHIFT: Final = 10
_MIN_CHUNK_ROWS, _MAX_CHUNK_ROWS, _MAX_CHUNKS = 100, 4_000, 50
_SORTED: Final = 0.999


def explain(ids: pl.Series, values: Vector, predicted: Vector) -> str | None:
    """Return a sentence on how the values are out of step with their ids; None if they are not.

    Args:
        ids, values, predicted: id, value, and prediction of a run for each row, in file order.
    """
    chunks = _chunks(len(values))
    rows = np.concatenate(chunks)
    correlation = _correlation(values[rows], predicted[rows])
    if correlation >= MIN_CORRELATION:
        return _explain_part(values, predicted, chunks)
    problem = f"The rank correlation of the values with the predictions of the run is {fixed(correlation, 2)}"
    sorted_predicted = predicted[ids.arg_sort().to_numpy()]
    cause = _cause(values[rows], predicted[rows], sorted_predicted[rows], correlation)
    return f"{problem}. {cause} Write each value next to the id of its session."


def _chunks(n_rows: int) -> list[NDArray[np.int64]]:
    """Return the row numbers of up to 50 chunks of consecutive rows. Chunks of short files cover all rows."""
    n_chunks = max(1, min(_MAX_CHUNKS, n_rows // _MIN_CHUNK_ROWS))
    return [rows[:_MAX_CHUNK_ROWS] for rows in np.array_split(np.arange(n_rows), n_chunks)]


def _cause(values: Vector, predicted: Vector, sorted_predicted: Vector, correlation: float) -> str:
    shift = max(_shifts(), key=lambda rows: _correlation(*_shifted(values, predicted, rows)))
    if _correlation(*_shifted(values, predicted, shift)) >= _CLEAR:
        return f"The values are {count(abs(shift), 'row')} too {'low' if shift > 0 else 'high'}."
    if abs(_correlation(values, np.arange(float(len(values))))) > _SORTED:
        return "The values are sorted by size."
    if _correlation(values, sorted_predicted) >= _CLEAR:
        return "The values are in the order of the sorted ids, and the ids are not."
    if correlation <= -_CLEAR:
        return "High and low values are exchanged, as if they had the wrong sign."
    return "The values seem to belong to other sessions."


def _explain_part(values: Vector, predicted: Vector, chunks: list[NDArray[np.int64]]) -> str | None:
    """Return a sentence if the values are in step at the beginning of the file, but not from some row on."""
    in_step = np.array([_correlation(values[rows], predicted[rows]) >= MIN_CORRELATION for rows in chunks])
    first_bad = int(np.argmin(in_step))
    if in_step.all() or first_bad == 0 or in_step[first_bad:].any():
        return None
    parts = (np.concatenate(chunks[:first_bad]), np.concatenate(chunks[first_bad:]))
    before, after = (_correlation(values[rows], predicted[rows]) for rows in parts)
    if before < _CLEAR or after >= MIN_CORRELATION:
        return None
    return (
        f"Up to about row {whole(int(parts[1][0]))} the rank correlation of the values with the predictions of the run "
        f"is {fixed(before, 2)}, and from there on {fixed(after, 2)}. A row may be missing or too many there. Write "
        "each value next to the id of its session."
    )


def _shifts() -> list[int]:
    return [shift for shift in range(-_MAX_SHIFT, _MAX_SHIFT + 1) if shift]


def _shifted(values: Vector, predicted: Vector, shift: int) -> tuple[Vector, Vector]:
    """Return values and the predictions of the rows `shift` rows above them."""
    if shift > 0:
        return values[shift:], predicted[:-shift]
    return values[:shift], predicted[-shift:]


def _correlation(values: Vector, others: Vector) -> float:
    """Return Spearman's rank correlation; 0 if either is constant."""
    ranks, other_ranks = rankdata(values), rankdata(others)
    if np.ptp(ranks) == 0 or np.ptp(other_ranks) == 0:
        return 0.0
    return float(np.corrcoef(ranks, other_ranks)[0, 1])
