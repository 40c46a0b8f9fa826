"""What a run is told: validated once, hashed, and written into the run."""

from __future__ import annotations

import hashlib
import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import SettingError
from core.schema import LEARNER_LABELS

MAX_THREADS = 64
"""More threads than this slow boosting down on any machine we know of."""
_MINUTES = {"standard": 10.0, "thorough": 60.0}
_SEEDS = {"quick": (1, 1), "standard": (2, 5), "thorough": (3, 8)}
"""On journey the second takes 0.1% off the out-of-fold error; others are added where there is time left."""
_KINDS = {"int": "a whole number", "bool": "true or false"}
"""What pydantic's codes for a value of the wrong kind begin with, and the kind in words."""


def available_cores() -> int:
    """Cores that this process may use (containers often get fewer than the machine has)."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_THREADS)
    return min(os.cpu_count() or 1, MAX_THREADS)


class RunConfig(BaseModel):
    """The settings of a run. Two runs with the same settings on the same dataset give the same bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["quick", "standard", "thorough"] = "quick"
    """`quick`: the learners' defaults, no tuning; `standard` tunes for 10 minutes, `thorough` for an hour."""
    minutes: float | None = Field(default=None, ge=0.5, le=7 * 24 * 60)
    """For the whole run, in place of the preset's; only where there is tuning."""
    trials: int | None = Field(default=None, ge=1, le=100_000)
    """Settings that each learner tries, in place of a time. Then the same run gives the same bytes."""
    metric: Literal["mse", "rmse", "mae", "rmsle"] = "mse"
    """What is minimised, and told: mean squared error, its root, mean absolute error, root mean squared log error."""
    seed: int = Field(default=7, ge=0, le=2**31 - 1)
    learners: tuple[str, ...] = tuple(LEARNER_LABELS)
    """Which learners are fitted and stacked, by name."""
    folds: int = Field(default=5, ge=2, le=20)
    """Number of groups that users are split into for cross-validation."""
    fold_kind: Literal["user", "user_and_value", "forward"] = "user"
    """How sessions are dealt to folds: by user; by user, with like values in each; or forward in time."""
    non_negative_weights: bool = True
    """Whether the meta-model's weights must be at least 0."""
    half_life: float | None = Field(default=None, gt=0, le=36_500)
    """Days after which a session counts half when learners are fitted; null: all count alike."""
    rising: tuple[str, ...] = ()
    """Features that what the trees add may only rise with."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Where trees are grown; `gpu` is passed through to the libraries."""
    history: Literal["as_of", "all_rows"] = "as_of"
    """What history features may look at: only what happened before the session began, or all rows of both files but
    the session's own (values never). Only `as_of` holds for sessions that are still open."""
    engine: Literal["polars", "duckdb", "spark"] = "polars"
    """Where features are computed: in memory, on disk where memory is too small, or on a cluster. The values agree."""
    split_composite_sessions: bool = True
    """A session id shared by several users is predicted user by user and summed; such ids are left out of training."""
    use_known_values: bool = True
    """A test session that is in train with the same users gets the value it has there."""

    @field_validator("learners")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """In the order of the registry, each once."""
        if not names or not set(names) <= set(LEARNER_LABELS):
            raise ValueError("one or more of " + ", ".join(LEARNER_LABELS))
        return tuple(name for name in LEARNER_LABELS if name in names)

    @classmethod
    def checked(cls, **settings: object) -> RunConfig:
        """Validate settings.

        Raises:
            SettingError: one sentence on the first setting that is not allowed.

        >>> RunConfig.checked(folds=1)
        Traceback (most recent call last):
        core.errors.settings.SettingError: folds is 1: allowed is greater than or equal to 2; change it and start again.
        """
        try:
            config = cls.model_validate(settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                raise SettingError.unknown(name, list(cls.model_fields)) from error
            allowed = _KINDS.get(
                first["type"].split("_")[0], first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            )
            raise SettingError.not_allowed(name, first["input"], allowed) from error
        if not config.tunes and (config.minutes or config.trials):
            raise SettingError.nothing_to_tune()
        return config

    @property
    def tunes(self) -> bool:
        """Whether settings are searched for."""
        return self.preset != "quick"

    @property
    def minutes_given(self) -> float | None:
        """For the whole run; None where nothing is tuned, or trials are counted and no time is set."""
        if not self.tunes or (self.minutes is None and self.trials is not None):
            return None
        return self.minutes if self.minutes is not None else _MINUTES[self.preset]

    @property
    def seeds(self) -> tuple[int, int]:
        """How many seeds each learner is fitted with in the end: usually, and at most where there is time left. Where
        the time given is short, fewer, but one.
        """
        return _SEEDS[self.preset]

    @property
    def search_digest(self) -> str:
        """Hash of the settings that a search's trials depend on: one that is given more minutes goes on with them.

        Not one that is told a number of trials: its result is to follow from that number alone.
        """
        others = self.model_copy(update={"preset": "standard", "minutes": None})
        return others.digest

    @property
    def digest(self) -> str:
        """Hash of the settings: what two equal runs have in common."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]
