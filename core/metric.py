"""The metric that a run is judged by: mean squared error by default, its root, mean absolute or log error to choose.

The whole chain follows it: what learners minimise, how the meta-model weighs them, what is expected on the test file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MSE, RMSE, MAE, RMSLE = "mse", "rmse", "mae", "rmsle"
METRICS = (MSE, RMSE, MAE, RMSLE)


@dataclass(frozen=True)
class Metric:
    """A loss a session, and what is made of its mean.

    Attributes:
        name: mse, rmse, mae or rmsle.
        label: as people read it.
        unit: of the score: "squared value units", "value units" or "log".
    """

    name: str
    label: str
    unit: str

    def losses(self, predicted: Vector, actual: Vector) -> Vector:
        """One a session: squared error, absolute error, or squared difference of log(1 + value).

        Values below 0 count as 0 where logarithms are taken, as in the field's definition of RMSLE.
        """
        if self.name == MAE:
            return np.abs(predicted - actual)
        return np.asarray((self.scaled(predicted) - self.scaled(actual)) ** 2, dtype=np.float64)

    def scaled(self, values: Vector) -> Vector:
        """Values on the scale on which squared errors are counted."""
        if self.name == RMSLE:
            return np.log1p(np.maximum(values, 0.0))
        return values

    def unscaled(self, values: Vector) -> Vector:
        """Back to value units."""
        return np.expm1(values) if self.name == RMSLE else values

    def score(self, mean_loss: float) -> float:
        """What people are told of a mean loss."""
        return float(np.sqrt(max(mean_loss, 0.0))) if self.name in (RMSE, RMSLE) else float(mean_loss)

    def of(self, predicted: Vector, actual: Vector) -> float:
        """The score of predictions."""
        return self.score(float(self.losses(predicted, actual).mean()))


MEAN_SQUARED_ERROR = Metric(MSE, "MSE", "squared value units")
_KNOWN = {
    MSE: MEAN_SQUARED_ERROR,
    RMSE: Metric(RMSE, "RMSE", "value units"),
    MAE: Metric(MAE, "MAE", "value units"),
    RMSLE: Metric(RMSLE, "RMSLE", "log"),
}


def metric_named(name: str) -> Metric:
    """One of METRICS."""
    return _KNOWN[name]
