"""Targets: the quantity that a learner's model predicts, and how session values are computed from its output.

A learner starts from an estimate of the session's value (recovered prices times the user's ratio, docs/decisions/0008).
Its model, trees or a linear model, learns the difference. Three kinds of targets combine the two:

- Transform none, objective squared, huber or absolute: the model learns value - start. The prediction is start plus
  output.
- Transform sqrt or log1p: the model learns the difference on the transformed scale, and the prediction is transformed
  back. That would bias the mean, so the prediction is multiplied by a factor: sum of values / sum of predictions in the
  training rows, the ratio form of the smearing estimate (Duan 1983). It is not needed if errors are measured on
  logarithms.
- Objective tweedie or gamma: trees learn log(value / start), as a generalized linear model with an offset. The
  prediction is start * exp(output).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from core.metric import Metric
from core.training.learners import Learner, Settings, Task, Vector

SQUARED, HUBER, ABSOLUTE, TWEEDIE, GAMMA = "squared", "huber", "absolute", "tweedie", "gamma"
OBJECTIVES = (SQUARED, HUBER, ABSOLUTE, TWEEDIE, GAMMA)
NONE, SQRT, LOG1P = "none", "sqrt", "log1p"

_FLOOR_SHARE = 0.02
"""Share of the mean value that is added to each start before its logarithm is taken, because a start may be 0."""
_HUBER_QUANTILE = 0.95
"""The Huber loss is quadratic for errors up to this quantile of the labels, so that only the tail counts less."""
_FACTOR_LIMITS = (0.5, 4.0)
"""Limits of the bias correction. A larger bias is not due to the transform, and the meta-model should see it."""
_MIN_CHANGE = 1e-6
"""Smallest distance over which a slope is computed; over a shorter one it would be a rounding error."""


@dataclass(frozen=True)
class Target:
    """What a fit predicts.

    Attributes:
        objective: loss, one of OBJECTIVES.
        transform: NONE, SQRT or LOG1P.
    """

    objective: str
    transform: str = NONE

    @classmethod
    def of(cls, settings: Settings) -> Target:
        """Return the target of the settings of a fit."""
        return cls(str(settings["objective"]), str(settings["transform"]))

    @property
    def name(self) -> str:
        """Its name in a search, such as "squared/sqrt"."""
        return f"{self.objective}/{self.transform}"

    @property
    def is_log_link(self) -> bool:
        """Whether the model predicts the logarithm of the value relative to the start."""
        return self.objective in (TWEEDIE, GAMMA)

    def task(self, y: Vector, start: Vector | None, weights: Vector | None = None) -> Task:
        """Return the labels and loss for rows with the values `y`; `start` and `weights` as in `fit_learner`."""
        link = self.link(y, start)
        if self.is_log_link:
            return Task(self.objective, y, np.log(link.base(start, len(y))), weights)
        labels = link.forward(y) - link.forward(link.base(start, len(y)))
        delta = float(np.quantile(np.abs(labels), _HUBER_QUANTILE)) if len(labels) else 1.0
        return Task(self.objective, labels, None, weights, delta=delta or 1.0)

    def link(self, y: Vector, start: Vector | None) -> Link:
        """Return the link for a fit on the values `y`, without bias correction."""
        if self.is_log_link:
            mean = max(float(y.mean()), float(np.finfo(float).tiny))
            return Link("exp", floor=mean if start is None else _FLOOR_SHARE * mean)
        return Link({NONE: "identity", SQRT: "square", LOG1P: "expm1"}[self.transform])


@dataclass(frozen=True)
class Link:
    """Computes session values from the start and the output of a model. It is stored with every model.

    Attributes:
        kind: "identity", "square", "expm1" or "exp".
        floor: value units that are added to the start before its logarithm is taken (kind exp only).
        factor: bias correction by which values are multiplied (kinds square and expm1 only).

    >>> Link("square").values(raw=np.array([0.5]), start=np.array([4.0]))
    array([6.25])
    """

    kind: str
    floor: float = 0.0
    factor: float = 1.0

    @property
    def is_transform(self) -> bool:
        """Whether values are transformed back, which biases their mean."""
        return self.kind in ("square", "expm1")

    def base(self, start: Vector | None, rows: int) -> Vector:
        """Return the start values of the model, in value units."""
        start = np.zeros(rows) if start is None else start
        return start if self.kind == "identity" else np.maximum(start, 0.0) + self.floor

    def forward(self, values: Vector) -> Vector:
        """Transform values to the scale of the model (except for kind exp, whose labels are not transformed)."""
        if self.kind == "square":
            return np.sqrt(np.maximum(values, 0.0))
        return np.log1p(np.maximum(values, 0.0)) if self.kind == "expm1" else values

    def values(self, raw: Vector, start: Vector | None) -> Vector:
        """Return session values from the output of the model, `raw`."""
        base = self.base(start, len(raw))
        if self.kind == "exp":
            return np.asarray(base * np.exp(raw))
        if not self.is_transform:
            return base + raw
        transformed = np.maximum(self.forward(base) + raw, 0.0)
        return np.asarray(self.factor * (transformed**2 if self.kind == "square" else np.expm1(transformed)))

    def bias_corrected(
        self, raw: Vector, start: Vector | None, y: Vector, metric: Metric, weights: Vector | None = None
    ) -> Link:
        """Return the link with the factor that fits the training rows best.

        For squared errors the weighted means of values and predictions become equal. For absolute errors the factor
        minimizes the weighted absolute error.
        """
        if not self.is_transform or metric.is_logarithmic:
            return self
        weights = np.ones(len(y)) if weights is None else weights
        predicted = self.values(raw, start)
        total = float(weights @ predicted)
        if total <= 0:
            factor = 1.0
        elif metric.is_absolute:
            factor = _median_ratio(y, predicted, weights)
        else:
            factor = float(weights @ y) / total
        return replace(self, factor=float(np.clip(factor, *_FACTOR_LIMITS)))

    def slopes(self, origin: Vector, raw: Vector, start: Vector | None) -> Vector:
        """Return the average slope of the value between two outputs of the model, `origin` and `raw`.

        If `raw - origin` is split into parts, the parts times the slope add up to the change of the value.
        """
        change = raw - origin
        change = np.where(np.abs(change) < _MIN_CHANGE, _MIN_CHANGE, change)
        return np.asarray((self.values(origin + change, start) - self.values(origin, start)) / change)

    def as_record(self) -> dict[str, Any]:
        """Return the attributes by name, for JSON."""
        return asdict(self)


def _median_ratio(y: Vector, predicted: Vector, weights: Vector) -> float:
    """Return the c that minimizes the sum of weights * |y - c * predicted|: a weighted median of y / predicted."""
    positive = predicted > 0
    ratios, ratio_weights = y[positive] / predicted[positive], (weights * predicted)[positive]
    order = np.argsort(ratios, kind="stable")
    cumulative = np.cumsum(ratio_weights[order])
    return float(ratios[order[int(np.searchsorted(cumulative, cumulative[-1] / 2))]])


def targets_to_try(metric: Metric, y: Vector, learner: Learner) -> tuple[Target, ...]:
    """Return the metric's targets that the learner supports and the values allow; the first one is the default.

    Gamma needs values above 0. Tweedie and the transforms need values of at least 0.
    """
    smallest = float(y.min()) if len(y) else 0.0
    allowed = tuple(
        target
        for target in (Target(*pair) for pair in metric.targets)
        if target.objective in learner.objectives
        and target.transform in learner.transforms
        and (target.objective != GAMMA or smallest > 0)
        and ((target.objective != TWEEDIE and target.transform == NONE) or smallest >= 0)
    )
    return allowed or (Target(SQUARED),)
