"""Expected score of any submission file on the test file, estimated from the predictions of a run.

The out-of-fold errors of the run say how far values lie from its predictions. Test values are drawn from them: each
session gets its prediction plus the error of a train session with a similar prediction. The expected score is the mean
loss of the file over many such draws. This assumes that the file contains no information about the values beyond the
predictions of the run. If it does, its score is lower, so the result is an upper estimate. For squared errors, the
method is the identity E(y - f)² = E(y - p)² + E(p - f)², which holds for calibrated predictions p.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.metric import Metric

Vector = NDArray[np.float64]

_DRAWS: Final = 200
"""Draws of all values: ten of them lie beyond each end of a 90% interval."""
_MAX_DRAWN: Final = 50_000
"""Sessions of a draw. Means of more hardly differ, so the spread of larger files is computed from that of these."""
_MAX_CLASSES: Final = 50
_MIN_CLASS: Final = 100
"""Train sessions in a class of similar predictions; the mean error of fewer is too noisy."""
_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True)
class FileScore:
    """A score in the unit of the metric; `low` and `high` are the ends of its 90% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class _Errors:
    """Out-of-fold errors of one fold, in classes of similar predictions.

    Attributes:
        edges: upper ends of all classes but the last one, ascending.
        errors: value minus prediction, sorted by class.
        starts: index in `errors` at which each class starts, and at the end the number of errors.
    """

    edges: Vector
    errors: Vector
    starts: NDArray[np.int64]

    @classmethod
    def fit(cls, predicted: Vector, values: Vector) -> _Errors:
        n_classes = max(1, min(_MAX_CLASSES, len(predicted) // _MIN_CLASS))
        edges = np.unique(np.quantile(predicted, np.linspace(0, 1, n_classes + 1)[1:-1]))
        classes = np.searchsorted(edges, predicted)
        order = np.argsort(classes, kind="stable")
        starts = np.searchsorted(classes[order], np.arange(len(edges) + 2))
        return cls(edges, (values - predicted)[order], starts)

    def draw(self, predicted: Vector, rng: np.random.Generator) -> Vector:
        classes = np.searchsorted(self.edges, predicted)
        first, size = self.starts[classes], np.diff(self.starts)[classes]
        index = first + np.floor(rng.random(len(predicted)) * size).astype(np.int64)
        return np.asarray(predicted + self.errors[index], dtype=np.float64)


@dataclass(frozen=True)
class PossibleValues:
    """Values that sessions may have, given the predictions of a run.

    The models of a fold share their errors, such as that of a product's price, and so do those for the test file. The
    errors of one draw are therefore all of one fold: between folds of a demo of 50,000 sessions, the slope of values on
    predictions is 0.94 to 1.03.
    """

    folds: tuple[_Errors, ...]

    @classmethod
    def fit(cls, predicted: Vector, values: Vector, folds: NDArray[np.int64]) -> PossibleValues:
        """Sort the errors of each fold.

        Args:
            predicted: (train sessions,) out-of-fold predictions.
            values: (train sessions,) actual values.
            folds: (train sessions,) the fold that validates each session.
        """
        rows = (folds == fold for fold in np.unique(folds))
        return cls(tuple(_Errors.fit(predicted[row], values[row]) for row in rows))

    def draw(self, predicted: Vector, rng: np.random.Generator, draw: int = 0) -> Vector:
        """Return possible values of sessions with these predictions. The draws take turns with the folds.

        Args:
            predicted: (sessions,) predictions of the run.
            rng: random numbers.
            draw: number of the draw, from 0; it decides which fold's errors are used.
        """
        return self.folds[draw % len(self.folds)].draw(predicted, rng)


def expected_score(
    file: Vector,
    predicted: Vector,
    possible: PossibleValues,
    expected: FileScore,
    metric: Metric,
    *,
    known: tuple[Vector, Vector] | None = None,
    seed: int,
) -> FileScore:
    """Return the expected score of a file with its 90% interval.

    Args:
        file: (sessions,) values of the file for the sessions whose value is unknown.
        predicted: (sessions,) predictions of the run for the same sessions.
        possible: the run's out-of-fold errors.
        expected: the run's expected score, which sets the level and the width of the interval.
        metric: the metric of the scores.
        known: for the sessions in both files, the values of the submission file and of the train file; None if there
            are no such sessions.
        seed: seed of the draws.
    """
    rng = np.random.default_rng(seed)
    known_file, known_values = known if known is not None else (np.empty(0), np.empty(0))
    n_sessions = len(file) + len(known_file)
    share = len(file) / n_sessions
    known_loss = float(metric.losses(known_file, known_values).sum()) / n_sessions
    if not len(file):
        exact = metric.score(known_loss)
        return FileScore(exact, exact, exact)
    own, surplus = _draw_losses(file, predicted, possible, metric, rng)
    value, low, high = (_loss(metric, end) for end in (expected.value, expected.low, expected.high))
    # the run's interval stands for tails and users, which independent draws do not have
    bottom, top = np.quantile(own, [_LOW, _HIGH])
    below, above = (
        float(wanted / drawn) if drawn > 0 else 0.0
        for wanted, drawn in ((value - low, own.mean() - bottom), (high - value, top - own.mean()))
    )
    factor = max(1.0, (below + above) / 2 / share)
    deviation = own - own.mean()
    middle = value + known_loss + share * float(surplus.mean())
    losses = middle + np.where(deviation < 0, below, above) * deviation + share * factor * (surplus - surplus.mean())
    ends = np.quantile(losses, [_LOW, _HIGH])
    return FileScore(*(metric.score(max(loss, 0.0)) for loss in (middle, min(ends[0], middle), max(ends[1], middle))))


def _draw_losses(
    file: Vector, predicted: Vector, possible: PossibleValues, metric: Metric, rng: np.random.Generator
) -> tuple[Vector, Vector]:
    """Return two arrays, one entry per draw: the mean loss of the run, and by how much that of the file is larger."""
    own, surplus = np.empty(_DRAWS), np.empty(_DRAWS)
    n_drawn = min(len(file), _MAX_DRAWN)
    for draw in range(_DRAWS):
        rows = rng.choice(len(file), n_drawn, replace=False) if n_drawn < len(file) else slice(None)
        values = possible.draw(predicted[rows], rng, draw)
        losses = metric.losses(predicted[rows], values)
        own[draw] = losses.mean()
        surplus[draw] = (metric.losses(file[rows], values) - losses).mean()
    shrink = np.sqrt(n_drawn / len(file))
    own, surplus = (part.mean() + shrink * (part - part.mean()) for part in (own, surplus))
    return own, surplus


def _loss(metric: Metric, score: float) -> float:
    """Return the mean loss of a score."""
    return score**2 if metric.takes_root else score
