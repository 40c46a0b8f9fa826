"""Weights of a blend: a sum of files, each times a weight of 0 or more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from core.base.text import count, listed, noun_form, verb
from core.errors import InputError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_ROUNDING = 1e-3
_SUM_FACTOR = 1e4
"""How much more the sum of the weights counts than the error, where it must be 1."""


def checked_weights(weights: Sequence[float], n_files: int) -> Vector:
    """Return weights chosen by hand.

    Raises:
        InputError: their number is not that of the files, one is below 0 or not finite, or all are 0.
    """
    checked = _one_each("weight", weights, n_files)
    if not checked.any():
        raise unusable_weights("All weights are 0.", "At least one must be above 0.")
    return checked


def checked_scores(scores: Sequence[float], n_files: int) -> list[float]:
    """Return the scores that a host returned.

    Raises:
        InputError: their number is not that of the files, or one is below 0 or not finite.
    """
    return [float(score) for score in _one_each("score", scores, n_files)]


def _one_each(noun: str, numbers: Sequence[float], n_files: int) -> Vector:
    if len(numbers) != n_files:
        problem = f"There {verb(len(numbers), 'is', 'are')} {count(len(numbers), noun)} for {count(n_files, 'file')}."
        raise unusable_weights(problem, f"Give one {noun} for each file, in the order of the files.")
    checked = np.asarray(numbers, dtype=np.float64)
    if not np.isfinite(checked).all() or (checked < 0).any():
        numbers_text = listed(f"{number:g}" for number in numbers)
        problem = f"The {noun_form(len(numbers), noun)} {numbers_text} cannot be used."
        raise unusable_weights(problem, f"Each {noun} must be 0 or more.")
    return checked


def unusable_weights(problem: str, remedy: str) -> InputError:
    """Return the error of weights that cannot be used or found; both arguments are sentences."""
    return InputError(problem, remedy, code="blend_weights")


def equal_weights(n_files: int) -> Vector:
    """Return weights of 1 / n."""
    return np.full(n_files, 1.0 / n_files)


def weights_from_values(predictions: Matrix, values: Vector) -> Vector:
    """Return the weights with the lowest squared error on sessions whose values are known, such as those of train.

    Args:
        predictions: (sessions, files) predictions of models that have not seen the values, such as out-of-fold ones.
        values: (sessions,) session values.
    """
    return np.asarray(nnls(predictions, values)[0], dtype=np.float64)


def weights_from_scores(predictions: Matrix, scores: Sequence[float], score_of_zeros: float | None = None) -> Vector:
    """Return the weights with the lowest mean squared error, from the score that each file got; no value is needed.

    With the score s of a file f and s0 of a file of zeros, the mean of y·f is (mean f² + s0 - s) / 2, and the error of
    a blend depends on y only through these means (Breiman 1996, Stacked Regressions, needs the values for them).
    Without s0 the weights must add up to 1: the error of such a blend is the mean score of its files minus a part for
    how much they differ (Krogh and Vedelsby 1995, Neural Network Ensembles).

    Args:
        predictions: (sessions, files) predictions for the sessions that were scored.
        scores: mean squared error of each file.
        score_of_zeros: mean squared error of a file of zeros, which is the mean of the squared values; None if unknown.
    """
    returned = np.asarray(scores, dtype=np.float64)
    if score_of_zeros is not None:
        return _best(predictions, returned, score_of_zeros)
    if predictions.shape[1] == 1:
        return np.ones(1)
    origin = int(np.argmin(returned))  # differences from one file; the weights of all add up to 1
    others = np.delete(np.arange(len(returned)), origin)
    differences = predictions[:, others] - predictions[:, [origin]]
    weights = np.empty(len(returned))
    weights[others] = _best(differences, returned[others], returned[origin], at_most_one=True)
    weights[origin] = 1.0 - weights[others].sum()
    return np.maximum(weights, 0.0)


def _best(predictions: Matrix, scores: Vector, score_of_zeros: float, *, at_most_one: bool = False) -> Vector:
    """Return the non-negative weights that minimize w'Gw - 2w'b, with the Gram matrix G and the means b of y·f."""
    gram = predictions.T @ predictions / len(predictions)
    products = (np.diag(gram) + score_of_zeros - scores) / 2
    values, vectors = np.linalg.eigh(gram)
    root = np.sqrt(np.maximum(values, values.max() * 1e-12 if values.max() > 0 else 1.0))
    design, target = (
        (vectors * root).T,
        (vectors.T @ products) / root,
    )  # |design w - target|² is the same up to a constant
    weights = np.asarray(nnls(design, target)[0], dtype=np.float64)
    if not at_most_one or weights.sum() <= 1.0:
        return weights
    # the sum is then 1, which one more row with a large factor enforces
    factor = _SUM_FACTOR * float(np.abs(design).max())
    design = np.vstack([design, np.full(design.shape[1], factor)])
    weights = np.asarray(nnls(design, np.append(target, factor))[0], dtype=np.float64)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def expected_of_blend(
    predictions: Matrix, weights: Vector, scores: Sequence[float], score_of_zeros: float | None
) -> float:
    """Return the mean squared error that a blend had on the scored sessions.

    Args:
        weights: weights of the files; they must add up to 1 if the score of zeros is unknown.
    """
    returned = np.asarray(scores, dtype=np.float64)
    gram = predictions.T @ predictions / len(predictions)
    if score_of_zeros is None:
        squares = np.diag(gram)
        distances = squares[:, None] + squares[None, :] - 2 * gram
        return float(weights @ returned - weights @ distances @ weights / 2)
    products = (np.diag(gram) + score_of_zeros - returned) / 2
    return float(score_of_zeros - 2 * weights @ products + weights @ gram @ weights)


def refuse_contradiction(score: float) -> None:
    """Refuse scores from which a blend would have an error below 0.

    Raises:
        InputError: the score is below 0 by more than rounding.
    """
    if score < -_ROUNDING:
        raise InputError(
            "The returned scores contradict each other or the files: a blend would have a mean squared error below 0.",
            "Check the scores, that they are mean squared errors, and their order.",
            code="blend_scores",
        )
