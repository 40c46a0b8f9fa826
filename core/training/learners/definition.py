"""What a learner and a fitted model are to the rest of the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""(rows, features), NaN where there is nothing to measure."""
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class FitContext:
    """What every fit is told beside the data.

    Attributes:
        names: one a column of the matrix.
        threads: cores to use.
        seed: of the learner's own draws.
        effort: share of the learner's usual rounds, above 0; the certificate's trial fits take less than all.
    """

    names: Sequence[str]
    threads: int
    seed: int
    effort: float = 1.0

    def rounds(self, usual: int) -> int:
        """Boosting rounds to fit, at least one."""
        return max(1, round(usual * self.effort))


class Model(Protocol):
    """A fitted learner."""

    def predict(self, X: Matrix) -> Vector:
        """Session values on their own scale, one a row."""

    def gain(self) -> Vector:
        """How much each feature lowered the training loss, one number a feature, 0 or more, unit of the library."""

    def contributions(self, X: Matrix) -> Matrix:
        """Tree SHAP: (rows, features + 1) in value units; a row's sum is its prediction, the last column the base."""

    def save(self, folder: Path, stem: str) -> Path:
        """Write the model in the library's own format as `stem` plus its ending."""


class Learner(Protocol):
    """A boosting library with settings that are good without tuning."""

    name: str

    def defaults(self) -> dict[str, int | float | str]:
        """Settings of the library, by its own names; written into the run."""

    def fit(self, X: Matrix, y: Vector, context: FitContext) -> Model:
        """Fit with the defaults. Same data, seed and threads give the same model."""
