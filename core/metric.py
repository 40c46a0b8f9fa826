"""The metric that a run is judged by: MSE by default; RMSE, MAE and RMSLE on request.

Everything that depends on the choice of metric is an attribute or a method of `Metric`: the loss of a session, how the
mean loss becomes a score, the scale on which the meta-model is fitted, and what the trees of each learner may minimize.
To add a metric, add an entry to `_METRICS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_NONE, _SQRT, _LOG1P = "none", "sqrt", "log1p"
_SQUARED_ERROR_TARGETS = (
    ("squared", _SQRT),
    ("squared", _NONE),
    ("tweedie", _NONE),
    ("huber", _NONE),
    ("gamma", _NONE),
    ("squared", _LOG1P),
)
"""Square roots come first because they tame the few extraordinary sessions (docs/decisions/0009)."""


@dataclass(frozen=True)
class Metric:
    """A loss per session, and how the mean loss becomes a score.

    Attributes:
        name: "mse", "rmse", "mae" or "rmsle".
        label: Display name.
        unit: Unit of the score: "squared value units", "value units" or "log".
        targets: Pairs (objective, transform) that learners may be trained on; the first one is the default. The names
            are those of core.training.targets.
        is_absolute: The loss is the absolute error; otherwise it is the squared error on the metric's scale.
        is_logarithmic: Errors are measured on log(1 + value). Values below 0 count as 0.
        takes_root: The score is the square root of the mean loss.
    """

    name: str
    label: str
    unit: str
    targets: tuple[tuple[str, str], ...]
    is_absolute: bool = False
    is_logarithmic: bool = False
    takes_root: bool = False

    def losses(self, predicted: Vector, actual: Vector) -> Vector:
        """Return the loss of each session.

        >>> metric_named("mae").losses(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
        array([1., 3.])
        """
        errors = self.scaled(predicted) - self.scaled(actual)
        return np.asarray(np.abs(errors) if self.is_absolute else errors**2, dtype=np.float64)

    def scaled(self, values: Vector) -> Vector:
        """Transform session values to the scale on which errors are measured."""
        return np.log1p(np.maximum(values, 0.0)) if self.is_logarithmic else values

    def unscaled(self, values: Vector) -> Vector:
        """Transform back to value units; the inverse of `scaled`."""
        return np.expm1(values) if self.is_logarithmic else values

    def best_constant(self, values: Vector) -> float:
        """Return the constant prediction with the lowest loss on these session values."""
        if self.is_absolute:
            return float(np.median(values))
        return float(self.unscaled(self.scaled(values).mean()))

    def score(self, mean_loss: float) -> float:
        """Turn a mean loss into the score that is reported."""
        return float(np.sqrt(max(mean_loss, 0.0))) if self.takes_root else float(mean_loss)

    def of(self, predicted: Vector, actual: Vector) -> float:
        """Return the score of predictions.

        >>> metric_named("rmse").of(np.array([1.0, 5.0]), np.array([1.0, 1.0])).__round__(3)
        2.828
        """
        return self.score(float(self.losses(predicted, actual).mean()))


MEAN_SQUARED_ERROR = Metric("mse", "MSE", "squared value units", _SQUARED_ERROR_TARGETS)
_METRICS = {
    metric.name: metric
    for metric in (
        MEAN_SQUARED_ERROR,
        Metric("rmse", "RMSE", "value units", _SQUARED_ERROR_TARGETS, takes_root=True),
        Metric(
            "mae",
            "MAE",
            "value units",
            (("absolute", _NONE), ("huber", _NONE), ("squared", _SQRT), ("squared", _LOG1P)),
            is_absolute=True,
        ),
        Metric(
            "rmsle",
            "RMSLE",
            "log",
            (("squared", _LOG1P), ("squared", _SQRT)),
            is_logarithmic=True,
            takes_root=True,
        ),
    )
}
METRICS = tuple(_METRICS)
"""Names of all metrics."""


def metric_named(name: str) -> Metric:
    """Return the metric with one of the names in METRICS."""
    return _METRICS[name]
