"""One fit: a model of a fold's rows, and the link that turns its output into session values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.errors import SettingError
from core.features.learned.catalogue import parts_of_start
from core.metric import MEAN_SQUARED_ERROR, Metric
from core.schema import STACK
from core.training.learners import Binned, FitContext, Learner, Matrix, Model, Settings, Vector
from core.training.stacking import Stack
from core.training.targets import ABSOLUTE, HUBER, Link, Target, targets_to_try

_NEARLY_ABSOLUTE = 0.3
"""Factor on the delta of a Huber loss that replaces the absolute loss. With a smaller one XGBoost finds no splits."""


@dataclass(frozen=True)
class FittedLearner:
    """A fitted model and its link."""

    model: Model
    link: Link

    def predict(self, X: Matrix, start: Vector | None) -> Vector:
        """Return session values; `start` is what the learners start from, in value units."""
        if not len(X):  # some of the libraries refuse an empty matrix
            return np.empty(0)
        return self.link.values(self.model.raw(X), start)

    def contributions(self, X: Matrix, start: Vector | None) -> Matrix:
        """Return SHAP values in value units, shape (rows, features + 1); the last column is the base value.

        They are exact for the identity link. For other links they are exact on the scale of the model, and each row is
        rescaled so that it sums to the change of the session's value.
        """
        shap = self.model.contributions(X)
        if self.link.kind == "identity":
            return shap
        base, raw = shap[:, -1], shap.sum(axis=1)
        features = shap[:, :-1] * self.link.slopes(base, raw, start)[:, None]
        return np.column_stack([features, base * self.link.slopes(np.zeros(len(shap)), base, start)])


def contributions(models: Sequence[FittedLearner], X: Matrix, start: Vector | None, n_learned: int) -> Matrix:
    """Return how far each feature moves each prediction, in value units, shape (rows, features).

    SHAP values, averaged over models with several seeds as predictions are, plus the contributions of the learned
    features to the start value.

    Args:
        models: models of one learner on one fit.
        X: rows as the models see them.
        start: what the learners start from; None if they start from 0.
        n_learned: number of the last columns that are learned from values.
    """
    effects = np.asarray(np.mean([model.contributions(X, start)[:, :-1] for model in models], axis=0))
    return effects + start_contributions(X, n_learned)


def start_contributions(X: Matrix, n_learned: int) -> Matrix:
    """Return how far each feature moves the start of each row, in value units; arguments as for `contributions`."""
    effects = np.zeros_like(X)
    if n_learned:
        effects[:, -n_learned:] = parts_of_start(X[:, -n_learned:])
    return effects


def with_stack(by_learner: Mapping[str, Matrix], stack: Stack, of_start: Matrix) -> dict[str, Matrix]:
    """Add the contributions to the predictions of the stack, which are the weighted sum of those of its parts.

    Args:
        by_learner: learner -> its contributions, in the order of the weights.
        of_start: contributions to what the learners start from.
    """
    stacked = stack.start_weight * of_start
    for weight, each in zip(stack.weights, by_learner.values(), strict=True):
        stacked = stacked + weight * each
    return {**by_learner, STACK: stacked}


def fit_learner(
    binned: Binned,
    settings: Settings,
    context: FitContext,
    *,
    y: Vector,
    start: Vector | None,
    metric: Metric,
    matrix: Callable[[], Matrix],
    weights: Vector | None = None,
) -> FittedLearner:
    """Fit a model on binned rows.

    Args:
        start: estimates that the learner starts from, in value units; None for no estimates.
        metric: metric that the bias correction of a transformed target follows.
        matrix: function that returns the rows, because the bias correction needs predictions.
        weights: weight of each row's loss; None for equal weights.

    Raises:
        SettingError: the library cannot use the device.
    """
    target = Target.of(settings)
    link = target.link(y, start)
    task = target.task(y, start, weights)
    if context.monotone_increasing and task.objective == ABSOLUTE:
        # the leaves of an absolute loss are refitted after the tree has grown, which breaks monotone constraints
        task = replace(task, objective=HUBER, delta=_NEARLY_ABSOLUTE * task.delta)
    try:
        model = binned.fit(task, settings, context)
    except Exception as error:
        if context.device == "cpu":
            raise
        # each library has its own exceptions for a missing device
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SettingError.device_unavailable(context.device, first_line) from error
    if link.is_transform:
        link = link.bias_corrected(model.raw(matrix()), start, y, metric, weights)
    return FittedLearner(model, link)


def check_device(device: str, learners: Iterable[Learner]) -> None:
    """Fit one round of each learner on a few rows, to find out before the run whether the libraries can use the device.

    Raises:
        SettingError: a library cannot use it.
    """
    if device == "cpu":
        return
    y = np.arange(64.0)
    X, context = y[:, None], FitContext(["row"], threads=1, seed=0, device=device)
    for learner in learners:
        binned = learner.bin(lambda: X, context)
        settings = default_settings(learner, MEAN_SQUARED_ERROR, y) | {"rounds": 1}
        fit_learner(binned, settings, context, y=y, start=None, metric=MEAN_SQUARED_ERROR, matrix=lambda: X)


def default_settings(learner: Learner, metric: Metric, y: Vector) -> Settings:
    """Return the settings of a learner that is not tuned, for values such as `y`."""
    target = targets_to_try(metric, y, learner)[0]
    return {"objective": target.objective, "transform": target.transform} | learner.defaults()
