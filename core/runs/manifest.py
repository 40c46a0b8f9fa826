"""The manifest of a run: its settings, data, scores, checks and files, as stored in manifest.json.

Defaults of fields are for runs that were written before the field existed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from core.config import RunConfig

VERSION: Final = 1
"""Version of the run folder. A new field with a default keeps it; a field that old folders cannot provide raises it."""


class Interval(BaseModel):
    """An estimate and the ends of its 90% interval."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


class CheckCounts(BaseModel):
    """Numbers of checks that passed and failed. Checks that do not apply count in neither."""

    model_config = ConfigDict(frozen=True)

    passed: int
    failed: int

    @classmethod
    def from_outcomes(cls, outcomes: Iterable[str]) -> CheckCounts:
        """Count the outcomes "passed" and "failed".

        >>> CheckCounts.from_outcomes(["passed", "failed", "passed", "not_applicable"])
        CheckCounts(passed=2, failed=1)
        """
        counts = Counter(outcomes)
        return cls(passed=counts["passed"], failed=counts["failed"])


class UserScore(BaseModel):
    """Out-of-fold error on the sessions of one group of users: those with, or without, an earlier session in train."""

    model_config = ConfigDict(frozen=True)

    mse: float | None
    """None if train has no such session."""
    train_sessions: int
    test_sessions: int


class MetricScores(BaseModel):
    """Out-of-fold scores in the metric that the run minimised; lower is better.

    Attributes:
        metric: mse, rmse, mae or rmsle.
        label: the metric's name for people.
        unit: the unit of the scores.
        learners: learner -> score.
        stack: score of the meta-model, by nested cross-validation.
        blends: other ways to combine the learners -> score, also nested: the best learner alone, their mean, and their
            best non-negative weighted mean.
        baseline: score of the best constant, which is the mean, or the median for absolute errors.
        linear: score of a ridge regression on all features.
        prices: score of recovered prices times the user's ratio, without any trees.
        expected: expected score on the test file.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    label: str
    unit: str
    learners: dict[str, float]
    stack: float
    blends: dict[str, float]
    baseline: float
    linear: float | None
    prices: float | None
    expected: Interval

    @property
    def loss_unit(self) -> str:
        """The unit of one session's loss, before any root is taken."""
        return {"mae": "value units", "rmsle": "squared log"}.get(self.metric, "squared value units")

    @property
    def skill(self) -> float:
        """The share by which the stack reduces the score of the best constant."""
        return 1 - self.stack / self.baseline if self.baseline else 0.0


class ShiftKind(BaseModel):
    """One way in which the test file differs from train."""

    model_config = ConfigDict(frozen=True)

    code: str
    """cut_off, longer, event_mix, season, other_shop, new_users or other."""
    finding: str
    advice: str


class Shift(BaseModel):
    """The result of comparing the test sessions with those of train.

    Attributes:
        outcome: "too_few" if there are too few sessions or users to compare.
        kinds: the differences, the clearest first; empty unless the outcome is "unlike".
        sentence: the findings and advice; empty unless the outcome is "unlike".
        figures: measured values by name.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Literal["alike", "unlike", "too_few"]
    kinds: tuple[ShiftKind, ...] = ()
    sentence: str = ""
    figures: dict[str, float] = {}


class TunedLearner(BaseModel):
    """The settings of a learner and the search that found them.

    Attributes:
        settings: the settings of the final fits.
        trials: number of trials; 0 if the settings are the defaults.
        complete: number of trials that ran on all folds; the others were pruned.
        importances: setting -> its share of the score's variation; empty after too few trials.
        space: setting -> its search space: low, high, step and log, or choices.
    """

    model_config = ConfigDict(frozen=True)

    settings: dict[str, int | float | str]
    trials: int = 0
    complete: int = 0
    importances: dict[str, float] = {}
    space: dict[str, dict[str, Any]] = {}


class Tuning(BaseModel):
    """The result of tuning.

    Attributes:
        learners: learner -> its settings and search.
        seeds: number of final fits of each learner on each fold.
        choice: factor that the expected score was multiplied by, because the same folds chose the settings.
    """

    model_config = ConfigDict(frozen=True)

    learners: dict[str, TunedLearner]
    seeds: int
    choice: float


class Scores(BaseModel):
    """Scores of a run: mean squared errors out of fold, in squared value units, and the same in the run's own metric.

    Attributes:
        learners: learner -> error.
        fold_mse: learner or stack -> error by fold.
        cv_mse: error of the stack, by nested cross-validation.
        baseline_mse: error of predicting the training mean for every session.
        prices_mse: error of recovered prices times the user's ratio, without any trees; None in runs without them.
        expected_test_mse: expected error on the test file.
        expected_withheld: whether the expected scores must not be relied on, because the test file is unlike train.
            They are stored for programs; people see the cross-validated score.
        users: "new" and "known" users -> their errors; empty in the first runs.
        in_metric: None in the first runs, which knew the mean squared error only; use `judged`.
    """

    model_config = ConfigDict(frozen=True)

    learners: dict[str, float]
    fold_mse: dict[str, list[float]]
    cv_mse: float
    baseline_mse: float
    prices_mse: float | None = None
    expected_test_mse: Interval
    expected_withheld: bool = False
    users: dict[str, UserScore] = {}
    in_metric: MetricScores | None = None

    @property
    def judged(self) -> MetricScores:
        """The scores in the metric that the run minimised, which are those to show."""
        return self.in_metric or MetricScores(
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
    """The Ridge meta-model. Its prediction is the intercept plus the weighted sum of the learners' predictions.

    Attributes:
        weights: learner -> weight.
        intercept: in value units.
        alpha: regularisation strength.
        start: the feature to which each learner adds its trees; None if they start from 0.
        least: lower bound of predictions, in value units.
    """

    model_config = ConfigDict(frozen=True)

    weights: dict[str, float]
    intercept: float
    alpha: float
    start: str | None = None
    least: float = 0.0


class SessionCounts(BaseModel):
    """Numbers of sessions.

    Attributes:
        train: sessions in the train file.
        test: sessions to predict.
        known: sessions of `test` that got the value they have in train.
        composite: sessions of `test` whose id is shared by several users.
        untrained: reason (see core.dataset.UnknownValue) -> train sessions that were not used for training.
    """

    model_config = ConfigDict(frozen=True)

    train: int
    test: int
    known: int
    composite: int
    untrained: dict[str, int] = {}


class Manifest(BaseModel):
    """Everything about a run that can be known without opening its tables.

    Attributes:
        version: of the run folder.
        run_id: name of the run.
        created: start of the run, ISO 8601 in UTC.
        seconds: duration.
        config: settings.
        dataset: fingerprint of the dataset.
        dataset_name: its name for people.
        synthetic: whether the data are simulated.
        scores: errors, and the expected score.
        meta: the meta-model.
        tuning: None in the first runs, which tuned nothing.
        shift: comparison of the test file with train; None in the first runs, which did not compare them.
        warnings: codes of what a person must know before using the score, such as "test_unlike_train".
        sessions: numbers of sessions.
        checks: of the submission.
        certificate: of leaks.
        timings: step -> seconds.
        threads: number of cores.
        versions: package -> version.
        program: start of the hash of the program's source; empty in the first runs.
        sha256: path inside the folder -> hash, for every file except the manifest and a person's note.
    """

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
    shift: Shift | None = None
    warnings: tuple[str, ...] = ()
    sessions: SessionCounts
    checks: CheckCounts
    certificate: CheckCounts
    timings: dict[str, float]
    threads: int
    versions: dict[str, str]
    program: str = ""
    sha256: dict[str, str]

    @field_validator("sha256")
    @classmethod
    def _reject_paths_outside(cls, hashes: dict[str, str]) -> dict[str, str]:
        for name in hashes:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
                raise ValueError(f"{name} is a path outside the run folder")
        return hashes
