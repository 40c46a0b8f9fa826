"""NumPy arrays: their types, arithmetic by row number, and NPZ files without pickled objects."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name to a file, whose name must end in .npz."""
    np.savez(path, **dict(arrays), allow_pickle=False)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file by name.

    Raises:
        ValueError: the file has pickled objects, or is no NPZ file.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path.name} is not an NPZ file")
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def extended(values: NDArray[Any], size: int, fill: float = 0.0) -> NDArray[Any]:
    """Return the values, extended to `size` elements with `fill`.

    >>> extended(np.array([2.0, 3.0]), 3).tolist()
    [2.0, 3.0, 0.0]
    """
    if len(values) >= size:
        return values
    return np.concatenate([values, np.full(size - len(values), fill, values.dtype)])


def ratios(numerators: NDArray[Any], denominators: NDArray[np.int64]) -> Vector:
    """Divide element by element; NaN where the denominator is 0."""
    quotients = np.full(len(numerators), np.nan)
    return np.asarray(np.divide(numerators, denominators, out=quotients, where=denominators > 0))


def maxima_by_row(rows: NDArray[np.int64], values: Vector, n_rows: int) -> Vector:
    """Return the maximum of the values of each row, given the ascending row of each value; NaN for a row without one.

    >>> maxima_by_row(np.array([0, 0, 2]), np.array([1.0, 5.0, 3.0]), n_rows=3)
    array([ 5., nan,  3.])
    """
    maxima = np.full(n_rows, np.nan)
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    if len(begins):
        maxima[rows[begins]] = np.maximum.reduceat(values, begins)
    return maxima
