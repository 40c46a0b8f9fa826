"""Ridge regression on sparse counts."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg
from threadpoolctl import ThreadpoolController

from core.base.arrays import Vector

TOLERANCE = 3e-4
"""With this tolerance, prices are accurate to a thousandth of their noise."""
_MAX_ITERATIONS = 60


def ridge(
    counts: sparse.csr_matrix, values: Vector, penalties: Vector, weights: Vector, tolerance: float = TOLERANCE
) -> tuple[float, Vector]:
    """Solve a ridge regression with a penalty per coefficient and an intercept without penalty.

    The normal equations are solved by conjugate gradients, preconditioned with their diagonal. They take a third of the
    iterations of sklearn.linear_model.Ridge, which has no preconditioner.

    Args:
        counts: shape (sessions, coefficients).
        values: (sessions,).
        penalties: (coefficients,), relative to a mean weight of 1.
        weights: (sessions,) weights of the squared errors.
        tolerance: the conjugate gradients stop at residuals of this size, relative to those at the start.

    Returns:
        The intercept, and the coefficients.

    >>> counts = sparse.csr_matrix([[0.0], [1.0], [2.0]])
    >>> intercept, coefficients = ridge(counts, np.array([1.0, 3.0, 5.0]), np.array([2.0]), np.ones(3))
    >>> round(intercept, 6), coefficients.round(6).tolist()
    (2.0, [1.0])
    """
    weights = weights / weights.mean()
    transposed = counts.T.tocsr()
    mean_counts, mean_value = transposed @ weights / len(values), float(weights @ values) / len(values)

    def normal_equations(coefficients: Vector) -> Vector:
        weighted = weights * (counts @ coefficients - mean_counts @ coefficients)
        return np.asarray(transposed @ weighted - mean_counts * weighted.sum() + penalties * coefficients)

    diagonal = transposed.power(2) @ weights - len(values) * mean_counts**2 + penalties
    size = (len(penalties), len(penalties))
    coefficients, _ = cg(
        LinearOperator(size, matvec=normal_equations, dtype=np.float64),
        transposed @ (weights * (values - mean_value)) - mean_counts * float(weights @ (values - mean_value)),
        rtol=tolerance,
        maxiter=_MAX_ITERATIONS,
        M=LinearOperator(size, matvec=lambda residuals: residuals / diagonal, dtype=np.float64),
    )
    return mean_value - float(mean_counts @ coefficients), coefficients


@cache
def thread_pools() -> ThreadpoolController:
    """Return the thread pools of the loaded libraries; cached because a search takes longer than a small fit.

    A fit uses the libraries of NumPy, which are loaded before the first one.
    """
    return ThreadpoolController()
