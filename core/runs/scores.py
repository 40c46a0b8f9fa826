"""The scores of a run, as its manifest stores them.

Defaults of fields are for runs that were written before the field existed.
"""

from __future__ import annotations

from pydantic import BaseModel


class Interval(BaseModel, frozen=True):
    """An estimate and the ends of its 90% interval."""

    value: float
    low: float
    high: float


class UserScore(BaseModel, frozen=True):
    """Out-of-fold error on the sessions of users with, or without, an earlier session in the train file.

    Attributes:
        mse: mean squared error; None if the train file has no such session.
    """

    mse: float | None
    train_sessions: int
    test_sessions: int


class MetricScores(BaseModel, frozen=True):
    """Out-of-fold scores in the metric that the run minimized; lower is better.

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
        """Share by which the stack reduces the score of the baseline, the best constant."""
        return 1 - self.stack / self.baseline if self.baseline else 0.0


class Scores(BaseModel, frozen=True):
    """Scores of a run: out-of-fold mean squared errors, in squared value units, and the scores in the run's own metric.

    Attributes:
        learners: learner -> error.
        fold_mse: learner or stack -> error by fold.
        cv_mse: error of the stack, by nested cross-validation.
        baseline_mse: error of predicting the training mean for every session.
        prices_mse: error of recovered prices times the user's ratio, without any trees; None in runs without them.
        expected_test_mse: expected error on the test file.
        expected_withheld: whether the expected scores must not be relied on, because the test file differs from the
            train file. They are stored for programs; people see the cross-validated score.
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
        """Share by which the stack reduces the mean squared error of the average; negative if it is worse."""
        return 1 - self.cv_mse / self.baseline_mse if self.baseline_mse else 0.0

    @property
    def metric_scores(self) -> MetricScores:
        """The scores to show: those in the metric that the run minimized."""
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
