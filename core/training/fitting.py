"""One fit: trees on binned rows, and what makes session values of what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.training.learners import Binned, FitContext, Learner, Matrix, Model, Settings, Vector
from core.training.metric import Metric
from core.training.targets import Link, Target, default_target


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

        Tree SHAP, exact on the scale of the trees; on the value's scale too where the link is the identity, else each
        row's parts are stretched alike so that they sum as values do.
        """
        found = self.model.contributions(X)
        if self.link.kind == "identity":
            return found
        return np.asarray(found * self.link.slopes(found.sum(axis=1), start)[:, None])


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
    """Fit trees on binned rows of these values; `matrix` gives the rows, should predictions for them be needed."""
    target = Target.of(settings)
    link = target.link(y, start)
    model = binned.fit(target.task(y, start, weights), settings, context)
    if link.kind in ("square", "expm1"):
        link = link.put_right(model.raw(matrix()), start, y, metric)
    return FittedLearner(model, link)


def default_settings(learner: Learner, metric: Metric) -> Settings:
    """A learner's settings without tuning."""
    target = default_target(metric)
    return {"objective": target.objective, "transform": target.transform} | learner.defaults()
