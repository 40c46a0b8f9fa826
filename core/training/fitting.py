"""One fit: trees on binned rows, and what makes session values of what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from core.errors import SettingError
from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.learners import Binned, FitContext, Learner, Matrix, Model, Settings, Vector
from core.training.targets import ABSOLUTE, HUBER, NONE, SQUARED, Link, Target, targets_to_try

_NEARLY_ABSOLUTE = 0.3
"""Of the usual turn of a Huber loss: most errors count by their size; with less XGBoost finds no split worth it."""


@dataclass(frozen=True)
class FittedLearner:
    """Trees and the link from a start and what they say to a value."""

    model: Model
    link: Link

    def predict(self, X: Matrix, start: Vector | None) -> Vector:
        """Session values in value units, one a row; `start` is where the trees started from."""
        if not len(X):  # some of the libraries refuse to predict nothing
            return np.empty(0)
        return self.link.values(self.model.raw(X), start)

    def contributions(self, X: Matrix, start: Vector | None) -> Matrix:
        """(rows, features + 1) in value units: by how much each feature moves a row's value through the trees.

        Tree SHAP, exact on the scale of the trees; on the value's scale too where the link is the identity, else a
        row's parts are stretched alike so that they sum to how far its value is from what it were with the trees' base
        alone, which is the last column.
        """
        found = self.model.contributions(X)
        if self.link.kind == "identity":
            return found
        none, base, raw = np.zeros(len(found)), found[:, -1], found.sum(axis=1)
        parts = found[:, :-1] * self.link.slopes(base, raw, start)[:, None]
        return np.column_stack([parts, base * self.link.slopes(none, base, start)])


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
    """Fit trees on binned rows of these values; `matrix` gives the rows, should predictions for them be needed.

    Raises:
        SettingError: the library cannot use the device.
    """
    target = Target.of(settings)
    link = target.link(y, start)
    task = target.task(y, start, weights)
    if context.rising and task.objective == ABSOLUTE:
        # leaves of an absolute loss are set anew after they have grown, which no library can do and keep them in order
        task = replace(task, objective=HUBER, delta=_NEARLY_ABSOLUTE * task.delta)
    try:
        model = binned.fit(task, settings, context)
    except Exception as error:
        if context.device == "cpu":
            raise
        # each library has errors of its own for a device that is not there
        raise SettingError.no_such_device(context.device, first_line(error)) from error
    if link.kind in ("square", "expm1"):
        link = link.put_right(model.raw(matrix()), start, y, metric, weights)
    return FittedLearner(model, link)


def must_fit_on(device: str, learners: Iterable[Learner]) -> None:
    """Find out before the work, by a tree on a few rows, whether the learners' libraries can use the device.

    Raises:
        SettingError: one of them cannot.
    """
    if device == "cpu":
        return
    X, context = np.arange(64.0)[:, None], FitContext(["row"], threads=1, seed=0, device=device)
    settings: Settings = {"objective": SQUARED, "transform": NONE}
    for learner in learners:
        told = settings | learner.defaults() | {"rounds": 1}
        binned = learner.bin(lambda: X, context)
        fit_learner(binned, told, context, y=X[:, 0], start=None, metric=MEAN_SQUARED_ERROR, matrix=lambda: X)


def first_line(error: Exception) -> str:
    """What an error says, in a line; what it is where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def default_settings(learner: Learner, metric: Metric, y: Vector) -> Settings:
    """A learner's settings without tuning, for values like these."""
    target = targets_to_try(metric, y, learner.objectives)[0]
    return {"objective": target.objective, "transform": target.transform} | learner.defaults()
