"""The settings of a run: defaults, limits, choices and texts, validation, and the hash that names a run.

Each setting is described once, by its field of `RunConfig`. The options of the command line and the form of the Train
page are built from `RunConfig.setting`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import SettingError
from core.schema import LEARNER_LABELS

MAX_THREADS = 64
"""Boosting gets slower, not faster, with more threads than this."""
_MINUTES = {"standard": 10.0, "thorough": 60.0}
"""Default time budget of the presets that tune."""
_SEEDS = {"quick": (1, 1), "standard": (2, 5), "thorough": (3, 8)}
"""Fewest and most seeds per learner. On the journey data, a second seed lowers the out-of-fold error by 0.1%."""
_KINDS = {"int": "a whole number", "bool": "true or false"}
"""Plain words for pydantic's type errors, by the first part of their code."""


def available_cores() -> int:
    """Return the number of cores that this process may use, at most `MAX_THREADS`.

    A container often may use fewer cores than the machine has.
    """
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_THREADS)
    return min(os.cpu_count() or 1, MAX_THREADS)


@dataclass(frozen=True)
class Setting:
    """Description of one run setting, from which options and form fields are built.

    Attributes:
        name: the field's name in `RunConfig`.
        title: a short label.
        description: one or two sentences of help.
        kind: JSON Schema type: "string", "integer", "number", "boolean", or "array" (of strings).
        default: the default value; None means not set.
        choices: allowed values and their labels; empty if the values are not enumerated.
        minimum: smallest accepted number; None if there is no such limit.
        maximum: largest accepted number; None if there is no such limit.
    """

    name: str
    title: str
    description: str
    kind: str
    default: Any
    choices: dict[str, str]
    minimum: float | None
    maximum: float | None


class RunConfig(BaseModel):
    """The settings of a run.

    Two runs with the same settings on the same dataset give the same bytes, unless a time budget ends their tuning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["quick", "standard", "thorough"] = Field(
        default="quick",
        title="Preset",
        description="How much tuning to do: none (quick), or as much as fits into a run of "
        f"{_MINUTES['standard']:.0f} minutes (standard) or {_MINUTES['thorough']:.0f} minutes (thorough).",
        json_schema_extra={"choices": {"quick": "Quick", "standard": "Standard", "thorough": "Thorough"}},
    )
    minutes: float | None = Field(
        default=None,
        ge=0.5,
        le=7 * 24 * 60,
        title="Minutes",
        description="Time budget for the whole run, instead of the preset's.",
    )
    trials: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        title="Trials per learner",
        description="Number of tuning trials per learner. Without minutes, there is no time budget and the same "
        "settings give the same bytes.",
    )
    metric: Literal["mse", "rmse", "mae", "rmsle"] = Field(
        default="mse",
        title="Metric",
        description="The error that learners and meta-model minimize.",
        json_schema_extra={
            "choices": {
                "mse": "Mean squared error",
                "rmse": "Root mean squared error",
                "mae": "Mean absolute error",
                "rmsle": "Root mean squared log error",
            }
        },
    )
    seed: int = Field(
        default=7,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Seed of all random choices.",
    )
    learners: tuple[str, ...] = Field(
        default=tuple(LEARNER_LABELS),
        title="Learners",
        description="Learners to fit and stack.",
        json_schema_extra={"choices": {**LEARNER_LABELS}},
    )
    folds: int = Field(
        default=5,
        ge=2,
        le=20,
        title="Folds",
        description="Number of folds for cross-validation.",
    )
    fold_kind: Literal["user", "user_and_value", "forward"] = Field(
        default="user",
        title="Split",
        description="How sessions are assigned to folds. With a forward split, models of earlier periods predict each "
        "period, and the first period is not predicted.",
        json_schema_extra={
            "choices": {
                "user": "By user",
                "user_and_value": "By user, stratified by value",
                "forward": "Forward in time",
            }
        },
    )
    non_negative_weights: bool = Field(
        default=True,
        title="Non-negative weights",
        description="Constrain the weights of the meta-model to be at least 0.",
    )
    half_life: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        title="Half-life in days",
        description="Age in days at which the weight of a training session has halved. All sessions have the same "
        "weight if it is not set.",
    )
    rising: tuple[str, ...] = Field(
        default=(),
        title="Monotone features",
        description="Features with a monotone increasing constraint in the tree models.",
    )
    device: Literal["cpu", "gpu"] = Field(
        default="cpu",
        title="Device",
        description="Device on which tree models are trained.",
        json_schema_extra={"choices": {"cpu": "CPU", "gpu": "GPU"}},
    )
    history: Literal["as_of", "all_rows"] = Field(
        default="as_of",
        title="History",
        description="Events that history features may use. Session values are never used. Sessions that are still open "
        "can only be scored with as_of.",
        json_schema_extra={
            "choices": {
                "as_of": "Only events before the session began",
                "all_rows": "All events of both files except the session's own",
            }
        },
    )
    engine: Literal["polars", "duckdb", "spark"] = Field(
        default="polars",
        title="Engine",
        description="Engine that computes the features. All engines give the same values. Spark connects to the "
        "address in SPARK_MASTER.",
        json_schema_extra={
            "choices": {
                "polars": "In memory",
                "duckdb": "On disk, for logs larger than memory",
                "spark": "On a cluster",
            }
        },
    )
    split_composite_sessions: bool = Field(
        default=True,
        title="Split sessions that several users share",
        description="Predict a session id that several users share for each user, and add the predictions up. Such "
        "sessions are excluded from training.",
    )
    use_known_values: bool = Field(
        default=True,
        title="Use known values",
        description="Give a test session that is also in the train file, with the same users, its value from there.",
    )

    @field_validator("learners")
    @classmethod
    def _in_registry_order(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Sort the learners and drop duplicates, so that equal choices have equal hashes."""
        if not names or not set(names) <= set(LEARNER_LABELS):
            raise ValueError("one or more of " + ", ".join(LEARNER_LABELS))
        return tuple(name for name in LEARNER_LABELS if name in names)

    @classmethod
    def setting(cls, name: str) -> Setting:
        """Return the description of one setting.

        >>> folds = RunConfig.setting("folds")
        >>> folds.title, folds.kind, folds.default, folds.minimum, folds.maximum
        ('Folds', 'integer', 5, 2, 20)
        """
        schema = _schema()[name]
        extra = cls.model_fields[name].json_schema_extra  # the schema itself has its keys sorted
        value = next((option for option in schema.get("anyOf", ()) if option["type"] != "null"), schema)
        return Setting(
            name,
            schema["title"],
            schema["description"],
            value["type"],
            schema["default"],
            dict(extra["choices"]) if isinstance(extra, dict) else {},  # type: ignore[arg-type]
            value.get("minimum"),
            value.get("maximum"),
        )

    @classmethod
    def checked(cls, **settings: object) -> RunConfig:
        """Validate settings and return them as a configuration.

        Raises:
            SettingError: a setting is unknown or out of its limits; the message names the first one.

        >>> RunConfig.checked(folds=1)
        Traceback (most recent call last):
        core.errors.settings.SettingError: folds is 1. Allowed: greater than or equal to 2. Change it and try again.
        """
        try:
            config = cls.model_validate(settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                raise SettingError.unknown(name, list(cls.model_fields)) from error
            reason = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            allowed = _KINDS.get(first["type"].split("_")[0], reason)
            raise SettingError.not_allowed(name, first["input"], allowed) from error
        if not config.tunes and (config.minutes or config.trials):
            raise SettingError.nothing_to_tune()
        return config

    @property
    def tunes(self) -> bool:
        """Whether the run tunes its learners."""
        return self.preset != "quick"

    @property
    def minutes_given(self) -> float | None:
        """Time budget of the whole run in minutes.

        None if the run does not tune, or if only the number of trials limits its tuning.
        """
        if not self.tunes or (self.minutes is None and self.trials is not None):
            return None
        return self.minutes if self.minutes is not None else _MINUTES[self.preset]

    @property
    def seeds(self) -> tuple[int, int]:
        """Fewest and most seeds that each tuned learner is fitted with.

        More than the fewest are fitted if time is left. If time is short, a single seed is fitted.
        """
        return _SEEDS[self.preset]

    @property
    def search_digest(self) -> str:
        """Hash of the settings that tuning trials depend on.

        It excludes the preset and the minutes, so a run with a larger time budget resumes an earlier search. It
        includes `trials`, so a run with a fixed number of trials never resumes another search.
        """
        others = self.model_copy(update={"preset": "standard", "minutes": None})
        return others.digest

    @property
    def digest(self) -> str:
        """Hash of all settings, part of the run's name."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


@cache
def _schema() -> dict[str, dict[str, Any]]:
    """JSON Schema of each setting; cached because the pages ask for it at every rerun."""
    properties: dict[str, dict[str, Any]] = RunConfig.model_json_schema()["properties"]
    return properties
