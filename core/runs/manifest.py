"""The manifest: all that is worth knowing of a run without opening its tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from core.config import RunConfig

VERSION: Final = 1
"""Of the run folder. Fields may be added with a default; what old folders cannot give makes a new version."""


class Interval(BaseModel):
    """An estimate and the ends of its 90 % interval, in squared value units."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


class Passed(BaseModel):
    """How many checks passed and how many failed; what does not apply counts in neither."""

    model_config = ConfigDict(frozen=True)

    passed: int
    failed: int

    @classmethod
    def counted(cls, outcomes: Iterable[str]) -> Passed:
        found = list(outcomes)
        return cls(passed=found.count("passed"), failed=found.count("failed"))


class UserScore(BaseModel):
    """Out-of-fold error on the sessions of users with (`known`) or without (`new`) an earlier session in train."""

    model_config = ConfigDict(frozen=True)

    mse: float | None
    """None where train has no such session."""
    train_sessions: int
    test_sessions: int


class Judged(BaseModel):
    """Out-of-fold scores in the metric that the run minimised; lower is better."""

    model_config = ConfigDict(frozen=True)

    metric: str
    """mse, rmse, mae or rmsle."""
    label: str
    unit: str
    learners: dict[str, float]
    stack: float
    """Nested, like those of the blends."""
    blends: dict[str, float]
    """Other ways to combine the learners: the best of them alone, their mean, their best mean with weights of sum 1."""
    baseline: float
    """Of the best constant: the mean, or the median where absolute errors count."""
    linear: float | None
    """Of a ridge regression on all features."""
    prices: float | None
    """Of recovered prices times the user's ratio, before any tree."""
    expected: Interval

    @property
    def loss_unit(self) -> str:
        """Of what is averaged before a root is taken."""
        return {"mae": "value units", "rmsle": "squared log"}.get(self.metric, "squared value units")

    @property
    def skill(self) -> float:
        """The share of the best constant's score that the stack avoids, out of fold."""
        return 1 - self.stack / self.baseline if self.baseline else 0.0


class ShiftKind(BaseModel):
    """One way in which the test file is unlike train."""

    model_config = ConfigDict(frozen=True)

    code: str
    """cut_off, longer, event_mix, season, other_shop, new_users or other."""
    finding: str
    advice: str


class Shift(BaseModel):
    """What a comparison of the test sessions with those of train gave."""

    model_config = ConfigDict(frozen=True)

    outcome: Literal["alike", "unlike", "too_few"]
    kinds: tuple[ShiftKind, ...] = ()
    """The clearest first; empty unless the outcome is "unlike"."""
    sentence: str = ""
    """The findings, and what to do; empty unless the outcome is "unlike"."""
    figures: dict[str, float] = {}
    """What was measured, by name."""


class Tried(BaseModel):
    """How a learner's settings came about."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, int | float | str]
    trials: int = 0
    """Settings tried; 0 where they are the defaults."""
    complete: int = 0
    """Trials that went through all folds; the others were given up earlier."""
    importances: dict[str, float] = {}
    """How much each setting moved the score, as shares; empty where too few were tried."""
    space: dict[str, dict[str, Any]] = {}
    """What was chosen from, by setting: low, high, step and log; or choices."""


class Tuning(BaseModel):
    """What was fitted, how often, and by how much choosing flattered the score."""

    model_config = ConfigDict(frozen=True)

    learners: dict[str, Tried]
    seeds: int
    choice: float
    """Factor that the expected score was raised by, because settings were chosen by the same folds."""


class Scores(BaseModel):
    """Mean squared errors, all out of fold, in squared value units; and the same in the run's own metric."""

    model_config = ConfigDict(frozen=True)

    learners: dict[str, float]
    fold_mse: dict[str, list[float]]
    cv_mse: float
    """Of the stack, nested."""
    baseline_mse: float
    """Of predicting the training mean for every session: what a skill of zero costs."""
    prices_mse: float | None = None
    """Of recovered prices times the user's ratio, before any tree; None in runs without them."""
    expected_test_mse: Interval
    expected_withheld: bool = False
    """Whether the expected scores must not be relied on, because the test file is unlike train. They are kept for
    programs; people are shown the cross-validated score."""
    users: dict[str, UserScore] = {}
    """`new` and `known` users apart; empty in the first runs."""
    in_metric: Judged | None = None
    """None in the first runs, which knew the mean squared error alone; see `judged`."""

    @property
    def judged(self) -> Judged:
        """The scores to show: in the metric that the run minimised."""
        return self.in_metric or Judged(
            metric="mse",
            label="MSE",
            unit="squared value units",
            learners=self.learners,
            stack=self.cv_mse,
            blends={},
            baseline=self.baseline_mse,
            linear=None,
            prices=self.prices_mse,
            expected=self.expected_test_mse,
        )


class MetaModel(BaseModel):
    """The Ridge meta-model: prediction = intercept + sum of weight times learner, where learner = start + its trees."""

    model_config = ConfigDict(frozen=True)

    weights: dict[str, float]
    intercept: float
    alpha: float
    start: str | None = None
    """The feature that every learner starts from; None: they start from 0."""
    least: float = 0.0
    """No prediction is lower; value units."""


class SessionCounts(BaseModel):
    """Sessions of the run.

    Attributes:
        train: sessions in the train file.
        test: sessions to predict.
        known: those of `test` that got the value they have in train.
        composite: those of `test` whose id several users share.
        untrained: reason (see core.dataset.UnknownValue) -> train sessions that did not train because of it.
    """

    model_config = ConfigDict(frozen=True)

    train: int
    test: int
    known: int
    composite: int
    untrained: dict[str, int] = {}


class Manifest(BaseModel):
    """All that is worth knowing of a run without opening its tables."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = VERSION
    run_id: str
    created: str
    seconds: float
    config: RunConfig
    dataset: str
    dataset_name: str
    synthetic: bool
    scores: Scores
    meta: MetaModel
    tuning: Tuning | None = None
    """None in the first runs, which tuned nothing."""
    shift: Shift | None = None
    """None in the first runs, which did not compare the files."""
    warnings: tuple[str, ...] = ()
    """Codes of what has to be known before the score is used, such as "test_unlike_train"; none in the first runs."""
    sessions: SessionCounts
    checks: Passed
    certificate: Passed
    timings: dict[str, float]
    """Seconds by step."""
    threads: int
    versions: dict[str, str]
    program: str = ""
    """The beginning of the hash of this program's source; empty in the first runs."""
    sha256: dict[str, str]
    """Of every other file in the folder but a person's note, by its path inside it."""

    @field_validator("sha256")
    @classmethod
    def _inside(cls, found: dict[str, str]) -> dict[str, str]:
        for name in found:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
                raise ValueError(f"{name} is a path out of the run folder")
        return found
