"""The settings of a run: defaults, limits, choices and texts, validation, and the hash that names a run.

Each setting is described once, by its field in `RunConfig`. The options of the command line and the form of the Train
page are built from these descriptions (`RunConfig.setting`).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ValidationError, field_validator

from core.base.ids import short_digest
from core.errors import SettingError
from core.schema import LEARNER_LABELS
from core.setting import Setting, describe, setting_field

FeatureSet = Literal["lean", "full"]
_BUDGET_MINUTES = {"standard": 10.0, "thorough": 60.0}
_MIN_SEEDS = {"quick": 1, "standard": 2, "thorough": 3}
"""On the journey data, a second seed lowers the out-of-fold error by 0.1%."""
_MAX_SEEDS = {"quick": 1, "standard": 5, "thorough": 8}
_LIVE_SETTINGS = {
    "history": ("as_of", "because later events are not known while a session is open"),
    "engine": ("polars", "because only this engine computes features of prefixes of sessions"),
    "split_composite_sessions": (True, "because an open session is predicted for each of its users"),
}
"""Setting -> the value that a run for open sessions needs, and the reason as a clause."""
_ALLOWED_TYPES = {"int": "a whole number", "bool": "true or false"}
"""First part of pydantic's code for a type error -> what is allowed, in plain words."""


class RunConfig(BaseModel, frozen=True, extra="forbid"):
    """The settings of a run.

    Two runs with the same settings on the same dataset give the same bytes, unless a time budget ends their tuning.
    """

    preset: Literal["quick", "standard", "thorough"] = setting_field(
        "Tuning",
        "quick",
        "How much tuning to do: none (quick), or as much as fits into a run of "
        f"{_BUDGET_MINUTES['standard']:.0f} (standard) or {_BUDGET_MINUTES['thorough']:.0f} minutes (thorough). Tuning "
        "changes the error by about 1%, so quick is a good start.",
        choices={"quick": "Quick", "standard": "Standard", "thorough": "Thorough"},
    )
    purpose: Literal["sessions", "live"] = setting_field(
        "Task",
        "sessions",
        "Which sessions the model predicts. For open sessions, it is trained on prefixes of sessions, and "
        "predicts the final value after each event.",
        choices={"sessions": "Finished sessions", "live": "Open sessions"},
    )
    minutes: float | None = setting_field(
        "Tuning", None, "Time budget of the whole run; replaces that of the preset.", ge=0.5, le=7 * 24 * 60
    )
    trials: int | None = setting_field(
        "Tuning",
        None,
        "Number of tuning trials per learner. If minutes is not set, there is no time budget, and the same "
        "settings give the same bytes.",
        title="Trials per learner",
        ge=1,
        le=100_000,
    )
    metric: Literal["mse", "rmse", "mae", "rmsle"] = setting_field(
        "Task",
        "mse",
        "The error that learners and meta-model minimize.",
        choices={
            "mse": "Mean squared error",
            "rmse": "Root mean squared error",
            "mae": "Mean absolute error",
            "rmsle": "Root mean squared log error",
        },
    )
    seed: int = setting_field("Folds", 7, "Seed of the random numbers.", ge=0, le=2**31 - 1)
    learners: tuple[str, ...] = setting_field(
        "Learners", tuple(LEARNER_LABELS), "Learners to fit and stack.", choices=LEARNER_LABELS
    )
    folds: int = setting_field("Folds", 5, "Number of folds for cross-validation.", ge=2, le=20)
    fold_kind: Literal["user", "user_and_value", "forward"] = setting_field(
        "Folds",
        "user",
        "How sessions are assigned to folds. With a forward split, each period is predicted by models "
        "that were trained on earlier periods, and the first period is not predicted.",
        title="Fold assignment",
        choices={"user": "By user", "user_and_value": "By user, stratified by value", "forward": "Forward in time"},
    )
    combination: Literal["best", "ridge"] = setting_field(
        "Learners",
        "best",
        "How the predictions of the learners are combined.",
        choices={
            "best": "Best in cross-validation (average, Ridge or one learner)",
            "ridge": "Always the Ridge meta-model",
        },
    )
    non_negative_weights: bool = setting_field(
        "Learners", True, "Constrain the weights of the meta-model to be at least 0.", title="Non-negative weights"
    )
    half_life: float | None = setting_field(
        "Learners",
        None,
        "Age in days at which the weight of a train session has halved. If it is not set, all sessions "
        "have the same weight.",
        title="Half-life in days",
        gt=0,
        le=36_500,
    )
    rising: tuple[str, ...] = setting_field(
        "Learners", (), "Features with a monotone increasing constraint.", title="Monotone features"
    )
    hyperparameters: tuple[str, ...] = setting_field(
        "Learners",
        (),
        "Hyperparameters of single learners. LEARNER.NAME=VALUE fixes one, and LEARNER.NAME=LOW:HIGH "
        "replaces the range of its search.",
    )
    device: Literal["cpu", "gpu"] = setting_field(
        "Learners", "cpu", "Device on which tree models are trained.", choices={"cpu": "CPU", "gpu": "GPU"}
    )
    history: Literal["as_of", "all_rows"] = setting_field(
        "Features",
        "as_of",
        "Events that history features may use. Session values are never used. A run for open sessions needs "
        "the events before the session began (as_of).",
        choices={
            "as_of": "Only events before the session began",
            "all_rows": "All events of both files except the session's own",
        },
    )
    features: FeatureSet = setting_field(
        "Features",
        "lean",
        "Features that the learners use. The lean set leaves out features that hardly lower the error.",
        choices={"lean": "Lean, faster", "full": "All features"},
    )
    engine: Literal["polars", "duckdb", "spark"] = setting_field(
        "Features",
        "polars",
        "Engine that computes the features. All engines give the same values. Spark connects to the "
        "address in SPARK_MASTER.",
        choices={"polars": "In memory", "duckdb": "On disk, for logs larger than memory", "spark": "On a cluster"},
    )
    split_composite_sessions: bool = setting_field(
        "Task",
        True,
        "If several users share a session id, predict its value for each user and add up the predictions. "
        "Such sessions are excluded from training.",
        title="Split shared session ids",
    )
    use_known_values: bool = setting_field(
        "Task",
        True,
        "For sessions that are in both files with the same users, submit the value from the train file "
        "instead of a prediction.",
        title="Use values of sessions in both files",
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
        return describe(cls, name)

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
            raise _first_error(error) from error
        if not config.tunes and (config.minutes or config.trials):
            raise SettingError.nothing_to_tune()
        for name, (value, reason) in _LIVE_SETTINGS.items():
            if config.is_live and getattr(config, name) != value:
                raise SettingError.not_allowed(name, getattr(config, name), f"{value} with the purpose live, {reason}")
        return config

    @property
    def is_live(self) -> bool:
        """Whether the model predicts open sessions."""
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
        return short_digest(hashlib.sha256(self.model_dump_json().encode()).hexdigest())


def _first_error(error: ValidationError) -> SettingError:
    """Return the error of the first setting that is unknown or whose value is not allowed."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return SettingError.unknown(name, list(RunConfig.model_fields))
    reason = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    kind = first["type"].split("_")[0]
    return SettingError.not_allowed(name, first["input"], _ALLOWED_TYPES.get(kind, reason))


def _with_older_settings(config: object) -> object:
    """Add the settings that configurations stored by earlier versions do not mention."""
    return {"features": "full", "combination": "ridge"} | config if isinstance(config, dict) else config


StoredConfig = Annotated[RunConfig, BeforeValidator(_with_older_settings)]
"""A configuration in a stored run or model."""
