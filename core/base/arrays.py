"""NumPy arrays in NPZ files, without pickled objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name to a file, whose name must end in .npz."""
    np.savez(path, **dict(arrays), allow_pickle=False)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file by name.

    Raises:
        ValueError: the file has pickled objects, or is no NPZ file.
    """
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
