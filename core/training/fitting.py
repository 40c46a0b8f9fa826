"""One fit: a model of a fold's rows, and the link that turns its output into session values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from core.errors import SettingError
from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.learners import Binned, FitContext, Learner, Matrix, Model, Settings, Vector
from core.training.targets import ABSOLUTE, HUBER, Link, Target, targets_to_try

_NEARLY_ABSOLUTE = 0.3
"""Factor on the delta of a Huber loss that replaces the absolute loss. With a smaller one XGBoost finds no splits."""


@dataclass(frozen=True)
class FittedLearner:
    """A fitted model and its link, which turns the model's output into session values."""

    model: Model
    link: Link

    def predict(self, X: Matrix, start: Vector | None) -> Vector:
        """Return the session values of the rows, in value units.

        Args:
            X: (rows, columns) as the model was fitted.
            start: (rows,) start values of the learners, in value units; None if they start from 0.
        """
        if not len(X):  # some of the libraries refuse an empty matrix
            return np.empty(0)
        return self.link.values(self.model.raw(X), start)


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
        settings: objective, transform and hyperparameters.
        y: (rows,) session values.
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
    with _reporting_missing_device(context.device):
        model = binned.fit(task, settings, context)
    if link.is_transform:
        link = link.bias_corrected(model.raw(matrix()), start, y, metric, weights)
    return FittedLearner(model, link)


@contextmanager
def _reporting_missing_device(device: str) -> Iterator[None]:
    """Raise a `SettingError` for any error of a fit that is not on the CPU.

    Each library has its own exceptions for a device that is missing.
    """
    try:
        yield
    except Exception as error:
        if device == "cpu":
            raise
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SettingError.device_unavailable(device, first_line) from error


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
    """Return the settings of a learner that is not tuned, with the first target to try for values such as `y`."""
    target = targets_to_try(metric, y, learner)[0]
    return {"objective": target.objective, "transform": target.transform} | learner.defaults()
