"""The expected scores of a training: of the stack, and of each learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.features.learned.user_values import BUCKETS, History
from core.metric import Metric
from core.training.cross_fitting import CrossFit
from core.training.expected_score import LEARNER_BOOTSTRAP, Classes, ExpectedScore, by_history, expected_score
from core.training.learners import Vector
from core.training.prepared_folds import PreparedFolds


@dataclass(frozen=True)
class Scorer:
    """Computes expected scores of out-of-fold predictions.

    Attributes:
        prepared: the rows and folds of the training.
        classes, test_classes: see `expected_score`.
        known_share: see `train`.
        bias: see `Training.selection_bias`.
    """

    prepared: PreparedFolds
    classes: Classes
    test_classes: Classes
    known_share: float
    bias: float

    @classmethod
    def of(
        cls, prepared: PreparedFolds, histories: tuple[History, History], *, known_share: float, bias: float
    ) -> Scorer:
        """Create a scorer.

        Args:
            histories: those of the training rows and of the test rows, whose numbers of sessions classify the rows.
            known_share, bias: see the attributes.
        """
        data = prepared.data
        classes, test_classes = data.classes, data.test_classes
        if data.times is not None:
            history, test_history = histories
            classes = by_history(classes, history.bucket, BUCKETS)
            test_classes = by_history(test_classes, test_history.bucket, BUCKETS)
        if prepared.config.use_known_values and data.known_value_mask is not None:  # their error is 0
            test_classes = test_classes[~data.known_value_mask]
        return cls(prepared, classes, test_classes, known_share, bias)

    def score(self, oof: Vector, metric: Metric | None = None, **options: int) -> ExpectedScore:
        """Return the expected score of predictions.

        Args:
            oof: (rows,) out-of-fold predictions, in value units.
            metric: metric of the score; None for that of the run.
            options: further arguments of `expected_score`, such as the number of bootstrap samples.
        """
        data, validated = self.prepared.data, self.prepared.matrices.folds.validated_mask
        metric = metric or self.prepared.metric
        return expected_score(
            metric.losses(oof[validated], data.y[validated]),
            users=data.users[validated],
            classes=self.classes[validated],
            test_classes=self.test_classes,
            known_share=self.known_share,
            seed=self.prepared.config.seed,
            metric=metric,
            bias=self.bias,
            **options,
        )

    def by_learner(self, fits: Sequence[CrossFit]) -> dict[str, ExpectedScore]:
        """Return learner -> its expected score."""
        return {fit.learner: self.score(fit.oof, n_bootstrap=LEARNER_BOOTSTRAP) for fit in fits}
