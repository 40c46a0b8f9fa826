"""The description of a stored model: everything in it that is neither a table nor a tree."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.config import StoredConfig
from core.features.definition import FeatureGroup
from core.features.learned.catalogue import learned_features
from core.features.registry import groups_of
from core.own_columns import OwnColumn
from core.schema import LEARNER_LABELS
from core.training.stacking import RIDGE, Combination

VERSION: Final = 1
"""Version of the model folder."""
_FINITE: Final = ConfigDict(frozen=True, allow_inf_nan=False)
_MAX_COUNT: Final = 1_000
_Count = Annotated[int, Field(ge=1, le=_MAX_COUNT)]
_NotNegative = Annotated[float, Field(ge=0)]


class StoredLink(BaseModel):
    """See core.training.targets.Link."""

    model_config = _FINITE

    kind: Literal["identity", "square", "expm1", "exp"]
    floor: float = 0.0
    factor: float = 1.0


class StoredStack(BaseModel):
    """See core.training.stacking.Stack. `weights` are in the order of the learners."""

    model_config = _FINITE

    weights: tuple[float, ...]
    intercept: float
    alpha: float | None
    combination: Combination = RIDGE
    start_weight: float = 0.0
    lower_bound: float = 0.0


class ModelSpec(BaseModel):
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
        own: the own columns that the features are computed from.
        default_value: prediction for a session without a usable event, in value units.
        log_start: epoch seconds of the first event of the run's log, from which rates per week are counted.
        versions: package -> version that wrote the model.
        sha256: path inside the folder -> hash, for every other file.
    """

    model_config = _FINITE

    version: Literal[1]
    features: tuple[str, ...]
    learned: tuple[str, ...]
    learners: tuple[str, ...]
    seeds: _Count
    fits: _Count
    fits_for_test: tuple[int, ...]
    links: dict[str, StoredLink]
    stack: StoredStack
    config: StoredConfig
    own: tuple[OwnColumn, ...] = ()
    default_value: _NotNegative
    log_start: int
    versions: dict[str, str]
    sha256: dict[str, str]

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        """Check that the parts fit together."""
        if not self.learners or list(self.learners) != [name for name in LEARNER_LABELS if name in self.learners]:
            raise ValueError("the learners are not those of this version")
        if len(self.stack.weights) != len(self.learners):
            raise ValueError(f"{len(self.stack.weights)} weights for {len(self.learners)} learners")
        if not self.fits_for_test or not set(self.fits_for_test) <= set(range(self.fits)):
            raise ValueError("there is no fit for new sessions")
        if set(self.links) != set(self.stems):
            raise ValueError("the links are not those of the models")
        return self

    @property
    def fits_this_program(self) -> bool:
        """Whether this version of the program computes and learns the same columns."""
        computed = [feature.name for group in self.groups for feature in group.features]
        return self.names == computed + [entry.feature.name for entry in learned_features(self.own)]

    @property
    def groups(self) -> tuple[FeatureGroup, ...]:
        """The feature groups that the model uses: those with any of its features."""
        used = set(self.features)
        return tuple(group for group in groups_of(self.own) if used & {feature.name for feature in group.features})

    @property
    def stems(self) -> list[str]:
        """Names of the models' files without extension: for each learner, the fits of the first seed come first."""
        return [
            model_stem(learner, fit, seed)
            for learner in self.learners
            for seed in range(self.seeds)
            for fit in range(self.fits)
        ]

    @property
    def names(self) -> list[str]:
        """Names of all columns that the learners see."""
        return [*self.features, *self.learned]


def model_stem(learner: str, fit: int, seed: int) -> str:
    """Return the name of a model's file without its extension; fits and seeds count from 0."""
    return f"{learner}-fold{fit}" + (f"-seed{seed}" if seed else "")
