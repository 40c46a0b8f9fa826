"""How far each feature moves a prediction from a base, in value units. The effects of a session add up exactly.

The output of a learner's trees is split by tree SHAP (Lundberg et al. 2020, From local explanations to global
understanding with explainable AI for trees), and what they start from by `parts_of_start`. A link other than the
identity mixes the two. They are then two players, whose Shapley values are their average effects in both orders, and
each is split in proportion to its parts on its own scale. For trees that predict a difference of square roots, this is
the Shapley value if the parts do not interact. docs/decisions/0021 reports the error in other cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.features.learned.catalogue import parts_of_start
from core.schema import STACK
from core.training.fitting import FittedLearner
from core.training.learners import Matrix, Vector
from core.training.stacking import Stack

_MIN_CHANGE = 1e-6
"""Smallest change of a start, in value units, over which a slope is computed; over a shorter one it would be noise."""


@dataclass(frozen=True)
class Attribution:
    """Predictions of some rows, split into a base and the effects of the features, in value units.

    Attributes:
        base: (rows,) the same for all rows of a fit.
        effects: (rows, features).
    """

    base: Vector
    effects: Matrix

    @property
    def predicted(self) -> Vector:
        """What was split: the predictions."""
        return np.asarray(self.base + self.effects.sum(axis=1))

    @classmethod
    def joined(cls, parts: Sequence[Attribution]) -> Attribution:
        """Return the attributions of consecutive rows as one."""
        return cls(np.concatenate([part.base for part in parts]), np.concatenate([part.effects for part in parts]))

    @classmethod
    def mean(cls, parts: Sequence[Attribution]) -> Attribution:
        """Return the average of attributions of the same rows, as predictions are averaged."""
        return cls(
            np.asarray(np.mean([part.base for part in parts], axis=0)),
            np.asarray(np.mean([part.effects for part in parts], axis=0)),
        )


@dataclass(frozen=True)
class StartParts:
    """What the learners start from, split into the effects of the features.

    Attributes:
        start: (rows,) in value units; None if the learners start from 0.
        mean: its average in the reference rows, which is the base.
        effects: (rows, features); each row adds up to start - mean.
    """

    start: Vector | None
    mean: float
    effects: Matrix

    @classmethod
    def of(cls, X: Matrix, start: Vector | None, n_learned: int, reference: Matrix | None = None) -> StartParts:
        """Split the start of rows.

        Args:
            X: rows as the models see them.
            start: what the learners start from.
            n_learned: number of the last columns that are learned from values.
            reference: rows whose average start is the base; None for X.
        """
        effects = np.zeros_like(X)
        if start is None or not n_learned:
            return cls(start, 0.0, effects)
        learned = X[:, -n_learned:]
        effects[:, -n_learned:] = parts_of_start(learned, None if reference is None else reference[:, -n_learned:])
        mean = float((start - effects.sum(axis=1)).mean()) if len(X) else 0.0
        return cls(start, mean, effects)

    @property
    def as_prediction(self) -> Attribution:
        """The start as a prediction of its own."""
        return Attribution(np.full(len(self.effects), self.mean), self.effects)


def attribute_learner(models: Sequence[FittedLearner], X: Matrix, of_start: StartParts) -> Attribution:
    """Split the predictions of a learner on one fit, averaged over its models with several seeds."""
    return Attribution.mean([_attribute_model(model, X, of_start) for model in models])


def _attribute_model(fitted: FittedLearner, X: Matrix, of_start: StartParts) -> Attribution:
    link, shap = fitted.link, fitted.model.contributions(X)
    base, trees, raw = shap[:, -1], shap[:, :-1], fitted.model.raw(X)
    trees = _adding_up_to(trees, raw - base)  # some libraries return SHAP values in single precision
    if of_start.start is None:
        slopes = link.slopes(base, raw, None)
        return Attribution(link.values(base, None), trees * slopes[:, None])
    means = np.full(len(X), of_start.mean)
    change = of_start.start - means
    start = np.where(np.abs(change) < _MIN_CHANGE, means + _MIN_CHANGE, of_start.start)
    by_start = [link.values(output, start) - link.values(output, means) for output in (base, raw)]
    by_trees = [link.slopes(base, raw, origin) for origin in (of_start.start, means)]
    start_slopes = np.mean(by_start, axis=0) / (start - means)
    effects = trees * np.mean(by_trees, axis=0)[:, None] + of_start.effects * start_slopes[:, None]
    at_base = link.values(base, means)
    return Attribution(at_base, _adding_up_to(effects, link.values(raw, of_start.start) - at_base))


def _adding_up_to(parts: Matrix, totals: Vector) -> Matrix:
    """Spread what is missing from the totals, a rounding error, over the parts in proportion to their size."""
    missing, sizes = totals - parts.sum(axis=1), np.abs(parts)
    whole = sizes.sum(axis=1)
    shares = np.divide(missing, whole, out=np.zeros(len(parts)), where=whole > 0)
    return np.asarray(parts + sizes * shares[:, None])


def attribute_stack(
    stack: Stack, by_learner: Mapping[str, Attribution], of_start: StartParts
) -> dict[str, Attribution]:
    """Return the attributions of the learners, and that of the stack, whose prediction combines theirs.

    On the scale of the metric, the stack is a weighted sum. On another scale than value units, the effects of each
    learner are first stretched to that scale, and the sums are stretched back.

    Args:
        by_learner: learner -> its attribution, in the order of the weights.
    """
    parts, weights = list(by_learner.values()), list(stack.weights)
    if of_start.start is not None:
        parts, weights = [*parts, of_start.as_prediction], [*weights, stack.start_weight]
    base, predicted = (
        stack.predict(np.column_stack(columns[: len(by_learner)]), columns[-1] if of_start.start is not None else None)
        for columns in ([part.base for part in parts], [part.predicted for part in parts])
    )
    effects = np.zeros_like(of_start.effects)
    for part, weight in zip(parts, weights, strict=True):
        effects += weight * part.effects * _slopes(stack, part)[:, None]
    return {**by_learner, STACK: Attribution(base, _stretched(effects, predicted - base))}


def _slopes(stack: Stack, part: Attribution) -> Vector:
    """Return how much each prediction changes on the scale of the metric for every value unit."""
    if not stack.metric.is_logarithmic:
        return np.ones(len(part.base))
    change = part.effects.sum(axis=1)
    change = np.where(np.abs(change) < _MIN_CHANGE, _MIN_CHANGE, change)
    transform = stack.metric.transform
    return np.asarray((transform(part.base + change) - transform(part.base)) / change)


def _stretched(effects: Matrix, totals: Vector) -> Matrix:
    """Multiply the effects of each row so that they add up to its total, unless they do already."""
    sums = effects.sum(axis=1)
    is_other = np.abs(totals - sums) > _MIN_CHANGE * np.maximum(np.abs(effects).sum(axis=1), 1.0)
    factors = np.divide(totals, sums, out=np.ones(len(sums)), where=is_other & (np.abs(sums) > _MIN_CHANGE))
    return np.asarray(effects * factors[:, None])
