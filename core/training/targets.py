"""What the trees of a learner are told to predict, and how a session's value is made of what they say.

Learners start from what a session is worth before any tree (recovered prices times the user's ratio, decision 0008) and
learn what is missing. How the two come together is the target's business:

- transform none, objective squared, huber or absolute: trees learn value - start; the value is start + trees.
- transform sqrt or log1p: trees learn the difference of the transformed; the value is turned back. The mean of a
  transformed value, turned back, is not the mean of the value: it is put right by the factor between the sums of
  values and of predictions in the rows learned from (the ratio form of Duan's smearing estimate, 1983). Where the score
  is counted on the logarithms themselves, nothing is to be put right.
- objective tweedie or gamma: trees learn the logarithm of value / start, as in a generalized linear model with an
  offset; the value is start times exp(trees).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from core.metric import Metric
from core.training.learners import Settings, Task, Vector

SQUARED, HUBER, ABSOLUTE, TWEEDIE, GAMMA = "squared", "huber", "absolute", "tweedie", "gamma"
OBJECTIVES = (SQUARED, HUBER, ABSOLUTE, TWEEDIE, GAMMA)
NONE, SQRT, LOG1P = "none", "sqrt", "log1p"

_FLOOR_SHARE = 0.02
"""Of the mean value: what a start of 0 is raised by before its logarithm is taken."""
_HUBER_QUANTILE = 0.95
"""Errors up to this quantile of what is to be learned count squared: only the tail is tamed, by objective huber."""
_FACTOR_LIMITS = (0.5, 4.0)
"""The correction of a back-transform; beyond, something else is wrong and the meta-model shall see it."""


@dataclass(frozen=True)
class Target:
    """Objective and transform of one fit."""

    objective: str
    transform: str = NONE

    @classmethod
    def of(cls, settings: Settings) -> Target:
        return cls(str(settings["objective"]), str(settings["transform"]))

    @property
    def name(self) -> str:
        """By which a search knows it."""
        return f"{self.objective}/{self.transform}"

    @property
    def is_log_link(self) -> bool:
        return self.objective in (TWEEDIE, GAMMA)

    def task(self, y: Vector, start: Vector | None, weights: Vector | None = None) -> Task:
        """What trees learn in rows of these values (value units) that start from `start` (None: from nothing)."""
        link = self.link(y, start)
        if self.is_log_link:
            return Task(self.objective, y, np.log(link.base(start, len(y))), weights)
        labels = link.forward(y) - link.forward(link.base(start, len(y)))
        delta = float(np.quantile(np.abs(labels), _HUBER_QUANTILE)) if len(labels) else 1.0
        return Task(self.objective, labels, None, weights, delta=delta or 1.0)

    def link(self, y: Vector, start: Vector | None) -> Link:
        """How values are made of what the trees say; `y` are the values learned from."""
        if self.is_log_link:
            mean = max(float(y.mean()), float(np.finfo(float).tiny))
            return Link("exp", floor=mean if start is None else _FLOOR_SHARE * mean)
        return Link({NONE: "identity", SQRT: "square", LOG1P: "expm1"}[self.transform])


@dataclass(frozen=True)
class Link:
    """From a start and what the trees say to a value; written into the run, because a model is useless without.

    Attributes:
        kind: identity, square, expm1 or exp.
        floor: value units added to the start before its logarithm is taken (exp only).
        factor: that the back-transform is multiplied by; 1 where there is none.
    """

    kind: str
    floor: float = 0.0
    factor: float = 1.0

    def base(self, start: Vector | None, rows: int) -> Vector:
        """Where trees start from, in value units."""
        found = np.zeros(rows) if start is None else start
        return found if self.kind == "identity" else np.maximum(found, 0.0) + self.floor

    def forward(self, values: Vector) -> Vector:
        """Values on the scale of the trees (not for exp, whose trees never see transformed values)."""
        if self.kind == "square":
            return np.sqrt(np.maximum(values, 0.0))
        return np.log1p(np.maximum(values, 0.0)) if self.kind == "expm1" else values

    def values(self, raw: Vector, start: Vector | None) -> Vector:
        """Session values in value units."""
        base = self.base(start, len(raw))
        if self.kind == "exp":
            return np.asarray(base * np.exp(raw))
        if self.kind == "square":
            return np.asarray(self.factor * np.maximum(self.forward(base) + raw, 0.0) ** 2)
        if self.kind == "expm1":
            return np.asarray(self.factor * np.expm1(np.maximum(self.forward(base) + raw, 0.0)))
        return base + raw

    def put_right(
        self, raw: Vector, start: Vector | None, y: Vector, metric: Metric, weights: Vector | None = None
    ) -> Link:
        """The same with the factor that takes the bias from a back-transform, by the (weighted) rows learned from.

        Under squared errors values and predictions then have one mean; under absolute errors the factor is the one of
        least absolute error, a weighted median of value / prediction.
        """
        if self.kind not in ("square", "expm1") or metric.is_logarithmic:
            return self
        counts = np.ones(len(y)) if weights is None else weights
        predicted = self.values(raw, start)
        told = float(counts @ predicted)
        if told <= 0:
            factor = 1.0
        elif metric.is_absolute:
            factor = _median_ratio(y, predicted, counts)
        else:
            factor = float(counts @ y) / told
        return replace(self, factor=float(np.clip(factor, *_FACTOR_LIMITS)))

    def slopes(self, since: Vector, raw: Vector, start: Vector | None) -> Vector:
        """Value units for each unit by which what the trees say goes from `since` to `raw`.

        Multiplied with parts of that way, they give parts of values that sum as values do.
        """
        step = 1e-6
        way = raw - since
        small = np.abs(way) < step
        way = np.where(small, step, way)
        return np.asarray((self.values(since + way, start) - self.values(since, start)) / way)

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def _median_ratio(y: Vector, predicted: Vector, counts: Vector) -> float:
    """The factor c with the least sum of counts * |y - c * predicted|; predictions of 0 have no say."""
    rows = predicted > 0
    ratios, say = y[rows] / predicted[rows], (counts * predicted)[rows]
    order = np.argsort(ratios, kind="stable")
    reached = np.cumsum(say[order])
    return float(ratios[order[int(np.searchsorted(reached, reached[-1] / 2))]])


def targets_to_try(metric: Metric, y: Vector, objectives: tuple[str, ...]) -> tuple[Target, ...]:
    """Return the metric's targets that the library supports and the values allow; the first one is the default.

    Gamma needs values above 0. Tweedie and the transforms need values of at least 0.
    """
    smallest = float(y.min()) if len(y) else 0.0
    allowed = tuple(
        target
        for target in (Target(*pair) for pair in metric.targets)
        if target.objective in objectives
        and (target.objective != GAMMA or smallest > 0)
        and ((target.objective != TWEEDIE and target.transform == NONE) or smallest >= 0)
    )
    return allowed or (Target(SQUARED),)
