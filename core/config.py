"""The settings of a run: defaults, limits, choices and texts, validation, and the hash that names a run.

Each setting is described once, by its field in `RunConfig`. The options of the command line and the form of the Train
page are built from these descriptions (`RunConfig.setting`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator

from core.errors import SettingError
from core.schema import LEARNER_LABELS

FeatureSet = Literal["lean", "full"]
Group = Literal["Task", "Tuning", "Features", "Folds", "Learners"]
_BUDGET_MINUTES = {"standard": 10.0, "thorough": 60.0}
_MIN_SEEDS = {"quick": 1, "standard": 2, "thorough": 3}
"""On the journey data, a second seed lowers the out-of-fold error by 0.1%."""
_MAX_SEEDS = {"quick": 1, "standard": 5, "thorough": 8}
_LIVE_SETTINGS = {
    "history": ("as_of", "because later events are not known while a session is open"),
    "engine": ("polars", "because no other engine cuts sessions"),
    "split_composite_sessions": (True, "because an open session is valued for each of its users"),
}
"""Setting -> the value that a run for open sessions needs, and the reason as a clause."""
_ALLOWED_TYPES = {"int": "a whole number", "bool": "true or false"}
"""First part of pydantic's code for a type error -> what is allowed, in plain words."""


@dataclass(frozen=True)
class Setting:
    """Description of a run setting.

    Attributes:
        group: settings of a group are shown together.
        kind: JSON Schema type: "string", "integer", "number", "boolean", or "array" (of strings).
        default: default value; None if the setting is not set by default.
        choices: allowed value -> label; empty if the values are not enumerated.
        minimum: smallest allowed number; None if there is none.
        maximum: largest allowed number; None if there is none.
    """

    title: str
    description: str
    group: Group
    kind: str
    default: Any
    choices: dict[str, str]
    minimum: float | None
    maximum: float | None


def _form(group: Group, **labels: str) -> dict[str, Any]:
    """Return the part of a field's JSON Schema with its group and the labels of its values; see `RunConfig.setting`."""
    return {"group": group, "choices": labels}


class RunConfig(BaseModel, frozen=True, extra="forbid"):
    """The settings of a run.

    Two runs with the same settings on the same dataset give the same bytes, unless a time budget ends their tuning.
    """

    # A field without a title gets its capitalised name as title.
    preset: Literal["quick", "standard", "thorough"] = Field(
        default="quick",
        description="How much tuning to do: none (quick), or as much as fits into a run of "
        f"{_BUDGET_MINUTES['standard']:.0f} (standard) or {_BUDGET_MINUTES['thorough']:.0f} minutes (thorough). Tuning "
        "changes the error by about 1%, so quick is a good start.",
        json_schema_extra=_form("Tuning", quick="Quick", standard="Standard", thorough="Thorough"),
    )
    purpose: Literal["sessions", "live"] = Field(
        default="sessions",
        description="Which sessions the model values. For open sessions, it is trained on prefixes of sessions, and "
        "values a session after each of its events.",
        json_schema_extra=_form(
            "Task", sessions="Sessions as they are in the files", live="Sessions that are still open"
        ),
    )
    minutes: float | None = Field(
        default=None,
        ge=0.5,
        le=7 * 24 * 60,
        description="Time budget of the whole run; replaces that of the preset.",
        json_schema_extra=_form("Tuning"),
    )
    trials: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        title="Trials per learner",
        description="Number of tuning trials per learner. If minutes is not set, there is no time budget, and the same "
        "settings give the same bytes.",
        json_schema_extra=_form("Tuning"),
    )
    metric: Literal["mse", "rmse", "mae", "rmsle"] = Field(
        default="mse",
        description="The error that learners and meta-model minimize.",
        json_schema_extra=_form(
            "Task",
            mse="Mean squared error",
            rmse="Root mean squared error",
            mae="Mean absolute error",
            rmsle="Root mean squared log error",
        ),
    )
    seed: int = Field(
        default=7, ge=0, le=2**31 - 1, description="Seed of the random numbers.", json_schema_extra=_form("Folds")
    )
    learners: tuple[str, ...] = Field(
        default=tuple(LEARNER_LABELS),
        description="Learners to fit and stack.",
        json_schema_extra=_form("Learners", **LEARNER_LABELS),
    )
    folds: int = Field(
        default=5, ge=2, le=20, description="Number of folds for cross-validation.", json_schema_extra=_form("Folds")
    )
    fold_kind: Literal["user", "user_and_value", "forward"] = Field(
        default="user",
        title="Split",
        description="How sessions are assigned to folds. With a forward split, each period is predicted by models "
        "that were trained on earlier periods, and the first period is not predicted.",
        json_schema_extra=_form(
            "Folds", user="By user", user_and_value="By user, stratified by value", forward="Forward in time"
        ),
    )
    combination: Literal["best", "ridge"] = Field(
        default="best",
        description="How the predictions of the learners are combined.",
        json_schema_extra=_form(
            "Learners",
            best="What is best in cross-validation: means, the Ridge meta-model or a single part",
            ridge="Always the Ridge meta-model",
        ),
    )
    non_negative_weights: bool = Field(
        default=True,
        title="Non-negative weights",
        description="Constrain the weights of the meta-model to be at least 0.",
        json_schema_extra=_form("Learners"),
    )
    half_life: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        title="Half-life in days",
        description="Age in days at which the weight of a training session has halved. If it is not set, all sessions "
        "have the same weight.",
        json_schema_extra=_form("Learners"),
    )
    rising: tuple[str, ...] = Field(
        default=(),
        title="Monotone features",
        description="Features with a monotone increasing constraint.",
        json_schema_extra=_form("Learners"),
    )
    hyperparameters: tuple[str, ...] = Field(
        default=(),
        description="Hyperparameters of single learners. LEARNER.NAME=VALUE fixes one, and LEARNER.NAME=LOW:HIGH "
        "replaces the range of its search.",
        json_schema_extra=_form("Learners"),
    )
    device: Literal["cpu", "gpu"] = Field(
        default="cpu",
        description="Device on which tree models are trained.",
        json_schema_extra=_form("Learners", cpu="CPU", gpu="GPU"),
    )
    history: Literal["as_of", "all_rows"] = Field(
        default="as_of",
        description="Events that history features may use. Session values are never used. Sessions that are still open "
        "can only be scored with as_of.",
        json_schema_extra=_form(
            "Features",
            as_of="Only events before the session began",
            all_rows="All events of both files except the session's own",
        ),
    )
    features: FeatureSet = Field(
        default="lean",
        description="Features that the learners see. The lean set leaves out what hardly lowers the error.",
        json_schema_extra=_form("Features", lean="Lean, faster", full="All features"),
    )
    engine: Literal["polars", "duckdb", "spark"] = Field(
        default="polars",
        description="Engine that computes the features. All engines give the same values. Spark connects to the "
        "address in SPARK_MASTER.",
        json_schema_extra=_form(
            "Features", polars="In memory", duckdb="On disk, for logs larger than memory", spark="On a cluster"
        ),
    )
    split_composite_sessions: bool = Field(
        default=True,
        title="Split sessions that several users share",
        description="If several users share a session id, predict its value for each user and add up the predictions. "
        "Such sessions are excluded from training.",
        json_schema_extra=_form("Task"),
    )
    use_known_values: bool = Field(
        default=True,
        title="Use known values",
        description="For test sessions that are also in the train file, with the same users, submit their value from "
        "that file instead of a prediction.",
        json_schema_extra=_form("Task"),
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
        schema = _schemas()[name]
        # the schema lists the choices, too, but in alphabetical order
        extra = cast(dict[str, Any], cls.model_fields[name].json_schema_extra)
        value_schema = next((option for option in schema.get("anyOf", ()) if option["type"] != "null"), schema)
        return Setting(
            title=schema["title"],
            description=schema["description"],
            group=extra["group"],
            kind=value_schema["type"],
            default=schema["default"],
            choices=dict(extra["choices"]),
            minimum=value_schema.get("minimum"),
            maximum=value_schema.get("maximum"),
        )

    @classmethod
    def checked(cls, **settings: object) -> RunConfig:
        """Validate settings and return them as a configuration.

        Raises:
            SettingError: a setting is unknown or its value is not allowed; the message names the first such setting.

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
            allowed = _ALLOWED_TYPES.get(first["type"].split("_")[0], reason)
            raise SettingError.not_allowed(name, first["input"], allowed) from error
        if not config.tunes and (config.minutes or config.trials):
            raise SettingError.nothing_to_tune()
        for name, (value, reason) in _LIVE_SETTINGS.items():
            if config.is_live and getattr(config, name) != value:
                raise SettingError.not_allowed(name, getattr(config, name), f"{value} with the purpose live, {reason}")
        return config

    @property
    def is_live(self) -> bool:
        """Whether the model values sessions that are still open."""
        return self.purpose == "live"

    @property
    def tunes(self) -> bool:
        """Whether the run tunes its learners."""
        return self.preset != "quick"

    @property
    def budget_minutes(self) -> float | None:
        """Time budget of the whole run; None if it does not tune, or if only the number of trials limits its tuning."""
        if not self.tunes or (self.minutes is None and self.trials is not None):
            return None
        return self.minutes if self.minutes is not None else _BUDGET_MINUTES[self.preset]

    @property
    def min_seeds(self) -> int:
        """Number of seeds per learner in the final fits; fewer, but at least one, if the time budget runs out."""
        return _MIN_SEEDS[self.preset]

    @property
    def max_seeds(self) -> int:
        """Number of seeds per learner in the final fits if the time budget is not used up by `min_seeds`."""
        return _MAX_SEEDS[self.preset]

    @property
    def search_digest(self) -> str:
        """Hash of the settings that tuning trials depend on.

        It excludes the preset and the minutes, so a run with a larger time budget resumes an earlier search. It
        includes `trials`, so a run with a fixed number of trials never resumes another search.
        """
        return self.model_copy(update={"preset": "standard", "minutes": None}).digest

    @property
    def digest(self) -> str:
        """Hash of all settings; part of the run's name."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def _with_older_settings(config: object) -> object:
    """Add the settings that configurations stored by earlier versions do not mention."""
    return {"features": "full", "combination": "ridge"} | config if isinstance(config, dict) else config


StoredConfig = Annotated[RunConfig, BeforeValidator(_with_older_settings)]
"""A configuration in a stored run or model."""


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each setting; cached because the pages read it at every rerun."""
    properties: dict[str, dict[str, Any]] = RunConfig.model_json_schema()["properties"]
    return properties
