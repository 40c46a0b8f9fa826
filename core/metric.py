"""The metric by which a run is judged: MSE by default; RMSE, MAE and RMSLE on request.

Everything that depends on the choice of metric is an attribute or a method of `Metric`: the loss of a session, the
score of a mean loss, the scale on which the meta-model is fitted, and the targets of the learners. To add a metric, add
an entry to `_METRICS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.base.amounts import money, value_interval, value_text, value_unit
from core.base.number_format import UNIT
from core.base.text import interval_text, number

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
"""The square root comes first because it reduces the influence of a few very high session values (decision 9)."""
_ABSOLUTE_ERROR_TARGETS = (("absolute", _NONE), ("huber", _NONE), ("squared", _SQRT), ("squared", _LOG1P))
_LOG_ERROR_TARGETS = (("squared", _LOG1P), ("squared", _SQRT))


@dataclass(frozen=True)
class Metric:
    """A loss per session, and how the mean loss becomes a score.

    Attributes:
        name: "mse", "rmse", "mae" or "rmsle".
        unit: unit of the score: "squared value units", "value units" or "log".
        targets: pairs (objective, transform) on which learners may be trained; the first one is the default. The names
            are those of core.training.targets.
        is_absolute: whether the loss is the absolute error. If not, it is the squared error.
        is_logarithmic: whether errors are measured on log(1 + value). Values below 0 count as 0.
        takes_root: whether the score is the square root of the mean loss.
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
        errors = self.transform(predicted) - self.transform(actual)
        return np.asarray(np.abs(errors) if self.is_absolute else errors**2, dtype=np.float64)

    def transform(self, values: Vector) -> Vector:
        """Transform session values to the scale on which errors are measured."""
        return np.log1p(np.maximum(values, 0.0)) if self.is_logarithmic else values

    def inverse_transform(self, values: Vector) -> Vector:
        """Transform values on the scale of `transform` back to value units."""
        return np.expm1(values) if self.is_logarithmic else values

    def best_constant(self, values: Vector) -> float:
        """Return the constant prediction with the lowest loss on these session values."""
        if self.is_absolute:
            return float(np.median(values))
        return float(self.inverse_transform(self.transform(values).mean()))

    def score(self, mean_loss: float) -> float:
        """Return the score for a mean loss: its square root, if the metric takes one."""
        return float(np.sqrt(max(mean_loss, 0.0))) if self.takes_root else float(mean_loss)

    def evaluate(self, predicted: Vector, actual: Vector) -> float:
        """Return the score of predictions.

        >>> round(metric_named("rmse").evaluate(np.array([1.0, 5.0]), np.array([1.0, 1.0])), 3)
        2.828
        """
        return self.score(float(self.losses(predicted, actual).mean()))


MEAN_SQUARED_ERROR = Metric("mse", "MSE", "squared value units", _SQUARED_ERROR_TARGETS)
_METRICS = {
    metric.name: metric
    for metric in (
        MEAN_SQUARED_ERROR,
        Metric("rmse", "RMSE", "value units", _SQUARED_ERROR_TARGETS, takes_root=True),
        Metric("mae", "MAE", "value units", _ABSOLUTE_ERROR_TARGETS, is_absolute=True),
        Metric("rmsle", "RMSLE", "log", _LOG_ERROR_TARGETS, is_logarithmic=True, takes_root=True),
    )
}
METRICS = tuple(_METRICS)
"""Names of all metrics."""


def metric_named(name: str) -> Metric:
    """Return the metric with one of the names in METRICS."""
    return _METRICS[name]


def error_of_one_session(name: str, score: float) -> float:
    """Return the typical error of one session, in value units or on the log scale, from a score on a metric.

    >>> error_of_one_session("mse", 100.0), error_of_one_session("mae", 4.2)
    (10.0, 4.2)
    """
    metric = metric_named(name)
    return score if metric.takes_root or metric.is_absolute else math.sqrt(max(score, 0.0))


def typical_error(name: str, score: float) -> str:
    """Describe a score on the metric of this name as the typical error of one session.

    >>> typical_error("mse", 100.0), typical_error("mae", 4.2), typical_error("rmsle", 0.7)
    ('10.0 value units (root mean square)', '4.20 value units (mean)', '0.700 on the log scale (root mean square)')
    """
    metric = metric_named(name)
    error = error_of_one_session(name, score)
    shown = f"{number(error)} on the log scale" if metric.is_logarithmic else money(error)
    return f"{shown} ({'mean' if metric.is_absolute else 'root mean square'})"


def error_text(name: str, score: float) -> str:
    """Return the typical error of one session without its unit, for tables: the root of a mean squared error.

    >>> error_text("mse", 100.0), error_text("mae", 4.2)
    ('10.0', '4.20')
    """
    error = error_of_one_session(name, score)
    return number(error) if metric_named(name).is_logarithmic else value_text(error)


def score_text(name: str, score: float | None) -> str:
    """Return a score as text. A score in value units has the currency; a mean squared error is a plain number.

    Args:
        name: name or label of the metric, in any case; other names are those of no metric.

    >>> from core.base.number_format import NumberFormat, using_format
    >>> with using_format(NumberFormat(symbol="€")):
    ...     score_text("mae", 4.2), score_text("MSE", 100.0), score_text("mse", None)
    ('€4.20', '100', '–')
    """
    metric = _METRICS.get(name.lower())
    return value_text(score) if metric is not None and metric.unit == UNIT else number(score)


def score_interval(name: str, low: float | None, high: float | None) -> str:
    """Return an interval of scores as text, such as "5.0 to 12.5".

    The text is "at least 5.0" if `high` is None or infinite, and a dash if `low` is None.
    """
    if low is None:
        return number(None)
    metric = _METRICS.get(name.lower())
    is_value = metric is not None and metric.unit == UNIT
    return value_interval(low, high) if is_value else interval_text(low, high)


def score_in_words(name: str, score: float) -> str:
    """Return a score for a sentence. With a currency, a mean squared error has its root in brackets.

    >>> from core.base.number_format import NumberFormat, using_format
    >>> score_in_words("mse", 100.0)
    '100'
    >>> with using_format(NumberFormat(symbol="€")):
    ...     score_in_words("mse", 100.0)
    '100 (RMSE €10.0)'
    """
    text, root = score_text(name, score), root_in_words(name, score)
    return f"{text} ({root})" if root else text


def root_in_words(name: str, score: float) -> str:
    """Return the root of a mean squared error in the currency; empty for other scores, and without a currency."""
    has_root = name.lower() == MEAN_SQUARED_ERROR.name and value_unit() != UNIT
    return f"RMSE {error_text('mse', score)}" if has_root else ""
