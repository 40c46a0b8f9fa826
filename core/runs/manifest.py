"""The manifest of a run: its settings, data, scores, checks and files, as stored in manifest.json.

Defaults of fields are for runs that were written before the field existed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from core.config import StoredConfig

VERSION: Final = 2
"""Version of the run folder. A new field with a default keeps it; a file or field that old folders cannot provide
raises it. Version 2 has a model, which version 1 lacks."""
READABLE_VERSIONS: Final = (1, VERSION)


class _Stored(BaseModel):
    """An immutable part of the manifest."""

    model_config = ConfigDict(frozen=True)


class Interval(_Stored):
    """An estimate and the ends of its 90% interval."""

    value: float
    low: float
    high: float


class CheckCounts(_Stored):
    """Numbers of checks that passed and failed. Checks that do not apply are not counted."""

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


class UserScore(_Stored):
    """Out-of-fold error on the sessions of users with, or without, an earlier session in the train file.

    Attributes:
        mse: mean squared error; None if the train file has no such session.
    """

    mse: float | None
    train_sessions: int
    test_sessions: int


class MetricScores(_Stored):
    """Out-of-fold scores in the metric that the run minimised; lower is better.

    Attributes:
        metric: mse, rmse, mae or rmsle.
        label: the metric's name for people.
        unit: the unit of the scores.
        learners: learner -> score.
        stack: score of the predictions of the run, by nested cross-validation.
        blends: the other combinations of the learners -> score, also nested; see core.training.combinations.
        baseline: score of the best constant, which is the mean, or the median for absolute errors.
        prices: score of recovered prices times the user's ratio, without any trees.
        expected: expected score on the test file.
        expected_learners: learner -> its expected score on the test file; empty in runs of earlier versions.
    """

    metric: str
    label: str
    unit: str
    learners: dict[str, float]
    stack: float
    blends: dict[str, float]
    baseline: float
    prices: float | None
    expected: Interval
    expected_learners: dict[str, Interval] = {}

    @property
    def loss_unit(self) -> str:
        """The unit of one session's loss, before any root is taken."""
        return {"mae": "value units", "rmsle": "squared log"}.get(self.metric, "squared value units")

    @property
    def skill(self) -> float:
        """The share by which the stack reduces the score of the best constant."""
        return 1 - self.stack / self.baseline if self.baseline else 0.0


class ShiftKind(_Stored):
    """One way in which the test file differs from the train file.

    Attributes:
        code: cut_off, longer, event_mix, season, other_shop, new_users or other.
    """

    code: str
    finding: str
    advice: str


class Shift(_Stored):
    """The comparison of the test sessions with the train sessions.

    Attributes:
        outcome: "too_few" if there are too few sessions or users to compare.
        kinds: the differences, the clearest first; empty unless the outcome is "unlike".
        sentence: the findings and advice; empty unless the outcome is "unlike".
        figures: measured values by name.
    """

    outcome: Literal["alike", "unlike", "too_few"]
    kinds: tuple[ShiftKind, ...] = ()
    sentence: str = ""
    figures: dict[str, float] = {}


class TunedLearner(_Stored):
    """The settings of a learner's final fits, and the search that found them.

    Attributes:
        trials: number of trials; 0 if the settings are the defaults.
        complete: number of trials that ran on all folds; the others were pruned.
        importances: setting -> its share of the score's variation; empty after too few trials.
        space: setting -> its search space: low, high, step and log, or choices.
    """

    settings: dict[str, int | float | str]
    trials: int = 0
    complete: int = 0
    importances: dict[str, float] = {}
    space: dict[str, dict[str, Any]] = {}


class Tuning(_Stored):
    """The result of tuning.

    Attributes:
        learners: learner -> its settings and search.
        seeds: number of final fits of each learner on each fold.
        choice: factor by which the expected score was multiplied, because the settings were chosen on the same folds.
    """

    learners: dict[str, TunedLearner]
    seeds: int
    choice: float


class Scores(_Stored):
    """Scores of a run: out-of-fold mean squared errors, in squared value units, and the scores in the run's own metric.

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
        in_metric: None in the first runs, which only had the mean squared error; use `metric_scores`.
    """

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
    def explained_share(self) -> float:
        """The share by which the stack reduces the mean squared error of the mean; negative if it is worse."""
        return 1 - self.cv_mse / self.baseline_mse if self.baseline_mse else 0.0

    @property
    def metric_scores(self) -> MetricScores:
        """The scores to show: those in the metric that the run minimised."""
        return self.in_metric or MetricScores(
            metric="mse",
            label="MSE",
            unit="squared value units",
            learners=self.learners,
            stack=self.cv_mse,
            blends={},
            baseline=self.baseline_mse,
            prices=self.prices_mse,
            expected=self.expected_test_mse,
        )


class MetaModel(_Stored):
    """The meta-model. Its prediction is the intercept plus the weighted sum of the learners' predictions.

    Attributes:
        weights: learner -> weight.
        alpha: regularisation strength; None unless the combination is the Ridge regression.
        start_weight: weight of the value at recovered prices, from which the learners start.
        combination: how weights and intercept were found; see core.training.combinations.
        start: the feature to which each learner adds its trees; None if they start from 0.
        least: lower bound of predictions, in value units.
    """

    weights: dict[str, float]
    intercept: float
    alpha: float | None
    combination: str = "ridge"
    start_weight: float = 0.0
    start: str | None = None
    least: float = 0.0


class SessionCounts(_Stored):
    """Numbers of sessions.

    Attributes:
        train: sessions in the train file.
        test: sessions to predict.
        known: sessions of `test` that got the value they have in the train file.
        composite: sessions of `test` whose id is shared by several users.
        untrained: reason (see core.dataset.UnknownValue) -> train sessions that were not used for training.
        cut: train sessions that were not used for training, because the split by date cuts them in two.
    """

    train: int
    test: int
    known: int
    composite: int
    untrained: dict[str, int] = {}
    cut: int = 0


class Manifest(_Stored):
    """Everything about a run that can be known without opening its tables.

    Attributes:
        version: version of the run folder.
        created: start of the run, ISO 8601 in UTC.
        dataset: fingerprint of the dataset.
        synthetic: whether the data are simulated.
        tuning: None in the first runs, which had no tuning.
        shift: comparison of the test file with the train file; None in the first runs, which did not compare them.
        warnings: codes of what a person must know before using the score ("test_unlike_train") or the values
            ("values_of_open_sessions").
        checks: numbers of submission checks.
        certificate: numbers of checks for leaks.
        timings: step -> seconds.
        threads: number of cores.
        versions: package -> version.
        program: start of the hash of the program's source; empty in the first runs.
        sha256: path inside the folder -> hash, for every file except the manifest and the note.
    """

    version: Literal[1, 2] = VERSION
    run_id: str
    created: str
    seconds: float
    config: StoredConfig
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
