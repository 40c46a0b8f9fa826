"""What a run is told: validated once, hashed, and written into the run."""

from __future__ import annotations

import hashlib
import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import SettingError

MAX_THREADS = 64
"""More threads than this slow boosting down on any machine we know of."""
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

    preset: Literal["quick"] = "quick"
    """`quick`: the learners' defaults, no tuning."""
    seed: int = Field(default=7, ge=0, le=2**31 - 1)
    folds: int = Field(default=5, ge=2, le=20)
    """Number of groups that users are split into for cross-validation."""
    history: Literal["as_of", "all_rows"] = "as_of"
    """What history features may look at: only what happened before the session began, or all rows of both files but
    the session's own (values never). Only `as_of` holds for sessions that are still open."""
    engine: Literal["polars", "duckdb", "spark"] = "polars"
    """Where features are computed: in memory, on disk where memory is too small, or on a cluster. The values agree."""
    split_composite_sessions: bool = True
    """A session id shared by several users is predicted user by user and summed; such ids are left out of training."""
    use_known_values: bool = True
    """A test session that is in train with the same users gets the value it has there."""

    @classmethod
    def checked(cls, **settings: object) -> RunConfig:
        """Validate settings.

        Raises:
            SettingError: one sentence on the first setting that is not allowed.

        >>> RunConfig.checked(folds=1)
        Traceback (most recent call last):
        core.errors.SettingError: folds is 1: allowed is greater than or equal to 2; change it and start again.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                raise SettingError.unknown(name, list(cls.model_fields)) from error
            allowed = _KINDS.get(first["type"].split("_")[0], first["msg"].removeprefix("Input should be "))
            raise SettingError.not_allowed(name, first["input"], allowed) from error

    @property
    def digest(self) -> str:
        """Hash of the settings: what two equal runs have in common."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]
