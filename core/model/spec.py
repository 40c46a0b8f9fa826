"""The description of a stored model: everything in it that is neither a table nor a tree."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel

from core.config import RunConfig

VERSION: Final = 1
"""Version of the model folder."""


class StoredLink(BaseModel, frozen=True):
    """See core.training.targets.Link."""

    kind: Literal["identity", "square", "expm1", "exp"]
    floor: float = 0.0
    factor: float = 1.0


class StoredStack(BaseModel, frozen=True):
    """See core.training.stacking.Stack. `weights` are in the order of the learners."""

    weights: tuple[float, ...]
    intercept: float
    alpha: float
    lower_bound: float = 0.0


class ModelSpec(BaseModel, frozen=True):
    """The description of a model, stored as model.json.

    Attributes:
        features: names of the features of the feature table, in column order.
        learned: names of the columns that each fit learned from values; they follow the features.
        learners: names of the learners, in the order of the stack's weights.
        seeds: number of models per learner and fit.
        fits: number of fits: one per fold, and one more for folds forward in time.
        fits_for_test: the fits whose average predicts new sessions.
        links: stem of a model's file -> how session values follow from its output.
        config: settings of the run.
        default_value: prediction for a session without a usable event, in value units.
        versions: package -> version that wrote the model.
        sha256: path inside the folder -> hash, for every other file.
    """

    version: Literal[1] = VERSION
    features: tuple[str, ...]
    learned: tuple[str, ...]
    learners: tuple[str, ...]
    seeds: int
    fits: int
    fits_for_test: tuple[int, ...]
    links: dict[str, StoredLink]
    stack: StoredStack
    config: RunConfig
    default_value: float
    versions: dict[str, str] = {}
    sha256: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """Names of all columns that the learners see."""
        return [*self.features, *self.learned]


def model_stem(learner: str, fit: int, seed: int) -> str:
    """Return the name of a model's file without its extension; fits and seeds count from 0."""
    return f"{learner}-fold{fit}" + (f"-seed{seed}" if seed else "")
