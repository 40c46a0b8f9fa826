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
from core.metric import Metric
from core.schema import STACK
from core.training.fitting import FittedLearner
from core.training.learners import Matrix, Vector
from core.training.stacking import Stack
from core.training.targets import Link

_MIN_CHANGE = 1e-6
"""Smallest change of a start, in value units, over which a slope is computed; over a shorter one it would be noise."""


@dataclass(frozen=True)
class Attribution:
    """Predictions of some rows, split into a base and the effects of the features, in value units.

    Attributes:
        base: (rows,) prediction without the features; the same for all rows of a fit.
        effects: (rows, features) what each feature adds to the base.
    """

    base: Vector
    effects: Matrix

    @property
    def predicted(self) -> Vector:
        """(rows,) the predictions that were split."""
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
    """The start values of the learners, split into the effects of the features.

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
            start: (rows,) start values of the learners, in value units.
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
        """Attribution of the start values, as if they were predictions."""
        return Attribution(np.full(len(self.effects), self.mean), self.effects)


def attribute_learner(models: Sequence[FittedLearner], X: Matrix, start_parts: StartParts) -> Attribution:
    """Split the predictions of a learner on one fit, averaged over its models with several seeds."""
    return Attribution.mean([_attribute_model(model, X, start_parts) for model in models])


def _attribute_model(fitted: FittedLearner, X: Matrix, start_parts: StartParts) -> Attribution:
    shap, output = fitted.model.contributions(X), fitted.model.raw(X)
    base_output = shap[:, -1]
    # some libraries return SHAP values in single precision
    tree_effects = _remove_rounding(shap[:, :-1], output - base_output)
    if start_parts.start is None:
        slopes = fitted.link.slopes(base_output, output, None)
        return Attribution(fitted.link.values(base_output, None), tree_effects * slopes[:, None])
    return _attribute_with_start(
        fitted.link, start_parts, start_parts.start, base_output=base_output, output=output, tree_effects=tree_effects
    )


def _attribute_with_start(
    link: Link, start_parts: StartParts, start: Vector, *, base_output: Vector, output: Vector, tree_effects: Matrix
) -> Attribution:
    """Split predictions between the trees and their start values: the average effect of each in both orders.

    Args:
        base_output, output: (rows,) output of the trees without and with the features.
        tree_effects: (rows, features); each row adds up to output - base_output.
    """
    base_start = np.full(len(output), start_parts.mean)
    tree_slopes = np.mean([link.slopes(base_output, output, origin) for origin in (start, base_start)], axis=0)
    changed_start = np.where(np.abs(start - base_start) < _MIN_CHANGE, base_start + _MIN_CHANGE, start)
    changes = [link.values(raw, changed_start) - link.values(raw, base_start) for raw in (base_output, output)]
    start_slopes = np.mean(changes, axis=0) / (changed_start - base_start)
    effects = tree_effects * tree_slopes[:, None] + start_parts.effects * start_slopes[:, None]
    base = link.values(base_output, base_start)
    return Attribution(base, _remove_rounding(effects, link.values(output, start) - base))


def _remove_rounding(parts: Matrix, totals: Vector) -> Matrix:
    """Distribute the rounding error of each row over its parts, in proportion to their size."""
    missing, sizes = totals - parts.sum(axis=1), np.abs(parts)
    whole = sizes.sum(axis=1)
    shares = np.divide(missing, whole, out=np.zeros(len(parts)), where=whole > 0)
    return np.asarray(parts + sizes * shares[:, None])


def attribute_stack(
    stack: Stack, by_learner: Mapping[str, Attribution], start_parts: StartParts
) -> dict[str, Attribution]:
    """Return the attributions of the learners, and that of the stack, whose prediction combines theirs.

    On the scale of the metric, the stack is a weighted sum. On another scale than value units, the effects of each
    learner are first converted to that scale, and the sums are scaled back.

    Args:
        by_learner: learner -> its attribution, in the order of the weights.
    """
    has_start = start_parts.start is not None
    parts, weights = list(by_learner.values()), list(stack.weights)
    if has_start:
        parts, weights = [*parts, start_parts.as_prediction], [*weights, stack.start_weight]

    def combine(predictions: list[Vector]) -> Vector:
        """Return the prediction of the stack from those of the parts; the last is the start, if there is one."""
        return stack.predict(np.column_stack(predictions[: len(by_learner)]), predictions[-1] if has_start else None)

    base, predicted = combine([part.base for part in parts]), combine([part.predicted for part in parts])
    effects = np.zeros_like(start_parts.effects)
    for part, weight in zip(parts, weights, strict=True):
        effects += weight * part.effects * _metric_slopes(stack.metric, part)[:, None]
    return {**by_learner, STACK: Attribution(base, _scale_to(effects, predicted - base))}


def mean_over_fits(
    stack: Stack, by_fit: Sequence[Mapping[str, Attribution]], starts: Sequence[Vector | None]
) -> dict[str, Attribution]:
    """Average the attributions of several fits. The stack combines the averages of the learners, as it does to predict.

    The effects on the stack are scaled to this prediction. It differs from the average of its predictions if the metric
    has another scale than value units, or at the lower bound.

    Args:
        by_fit: for each fit, the attributions of the learners and of the stack.
        starts: for each fit, the start values of the learners; None if they start from 0.
    """
    means = {name: Attribution.mean([each[name] for each in by_fit]) for name in by_fit[0]}
    known_starts = [start for start in starts if start is not None]
    learners = np.column_stack([mean.predicted for name, mean in means.items() if name != STACK])
    predicted = stack.predict(learners, np.mean(known_starts, axis=0) if known_starts else None)
    stacked = means[STACK]
    return means | {STACK: Attribution(stacked.base, _scale_to(stacked.effects, predicted - stacked.base))}


def _metric_slopes(metric: Metric, part: Attribution) -> Vector:
    """Return how much each prediction changes on the scale of the metric for every value unit."""
    if not metric.is_logarithmic:
        return np.ones(len(part.base))
    change = part.effects.sum(axis=1)
    change = np.where(np.abs(change) < _MIN_CHANGE, _MIN_CHANGE, change)
    return np.asarray((metric.transform(part.base + change) - metric.transform(part.base)) / change)


def _scale_to(effects: Matrix, totals: Vector) -> Matrix:
    """Multiply the effects of each row so that they add up to its total, unless they do already."""
    sums = effects.sum(axis=1)
    is_other = np.abs(totals - sums) > _MIN_CHANGE * np.maximum(np.abs(effects).sum(axis=1), 1.0)
    factors = np.divide(totals, sums, out=np.ones(len(sums)), where=is_other & (np.abs(sums) > _MIN_CHANGE))
    return np.asarray(effects * factors[:, None])
