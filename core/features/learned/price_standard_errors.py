"""Standard errors of recovered prices: how far a price is from the true one, by noise and by shrinkage.

The price of a rare product is pulled towards that of its category, so that it is further from the true price than the
noise of the session values says. Both errors are simulated by a parametric bootstrap, as for other empirical Bayes
estimates (Butar and Lahiri 2003, On measures of uncertainty of empirical Bayes small-area estimators): prices are drawn
with the variance that true prices seem to have, session values are computed from them with the noise of the residuals,
and prices are recovered from these values in the same way as from the actual ones.

The variance of true prices is estimated from two halves of the users. Their noise is independent, so the product of
both estimates of a price is on average its shrunk square. The noise of a session has the size of its residual (wild
bootstrap, Liu 1988). Residuals are smaller than the noise, so they are scaled until simulated prices vary as much as
recovered ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from core.base.arrays import Vector
from core.features.learned.baskets import Baskets
from core.features.learned.prices import PRODUCT_BLOCK, PriceDesign, PriceModel, PriceSettings
from core.features.learned.ridge import thread_pools

_DRAWS = 20
"""Simulations. A standard error is then accurate to a sixth."""
_NOISE_CLASSES = 20
"""Classes of sessions with similar expected values, whose noise is of the same size."""
_TOLERANCE = 1e-2
"""Relative accuracy of simulated prices, which is below a tenth of their error."""


def price_errors(baskets: Baskets, values: Vector, users: NDArray[np.int64], settings: PriceSettings) -> Vector:
    """Return the standard error of the recovered price of each item number, in value units.

    An item without training sessions has the spread of true prices around those of their categories.

    Args:
        baskets: events of the sessions: first the training sessions, then others.
        values: (training sessions,) session values.
        users: (training sessions,) user of each session.
        settings: how the prices are recovered.
    """
    rng = np.random.default_rng(0)
    design = PriceModel(baskets).design(np.arange(len(values)), values, settings)
    with thread_pools().limit(limits=1):
        spreads = np.sqrt(_price_variances(design, values, users, rng))[design.blocks]
        base, coefficients = design.solve(values, _TOLERANCE)
        noise = _noise(values, base + design.counts @ coefficients)
        noise *= np.sqrt(_noise_scale(design, coefficients, noise, spreads, rng))
        squares = np.zeros(baskets.items.height)
        for _ in range(_DRAWS):
            drawn = spreads * rng.standard_normal(len(spreads))
            simulated = design.counts @ drawn + noise * rng.standard_normal(len(noise))
            _, recovered = design.solve(simulated, _TOLERANCE)
            squares += design.prices(0.0, drawn - recovered).of_items(baskets) ** 2
    return np.asarray(np.sqrt(squares / _DRAWS), dtype=np.float64)


def _price_variances(
    design: PriceDesign, values: Vector, users: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the variance of the true coefficients of each block; 0 for event types, which are hardly shrunk."""
    variances = np.zeros(len(design.sizes))
    _, user = np.unique(users, return_inverse=True)
    is_first = rng.permutation(user.max() + 1) < (user.max() + 1) // 2
    halves = [np.flatnonzero(is_first[user] == half) for half in (True, False)]
    if min(map(len, halves)) == 0:
        return variances
    parts = [design.part(rows) for rows in halves]

    def products_of_halves(session_values: Vector) -> Vector:
        """Return the sum over each block but the first of the products of both estimates of a coefficient."""
        (_, first), (_, second) = (
            part.solve(session_values[rows], _TOLERANCE) for part, rows in zip(parts, halves, strict=True)
        )
        sums = np.bincount(design.blocks, first * second, len(design.sizes))
        return np.asarray(sums[1:], dtype=np.float64)

    # products for true coefficients of the variance 1 in one block, and 0 elsewhere; the actual ones are a mixture
    draws = [_unit_draw(design, block, rng) for block in range(1, len(design.sizes))]
    of_blocks = [products_of_halves(design.counts @ draw) for draw in draws]
    variances[1:], _ = nnls(np.column_stack(of_blocks), products_of_halves(values))
    return variances


def _unit_draw(design: PriceDesign, block: int, rng: np.random.Generator) -> Vector:
    """Draw coefficients of a block from the standard normal distribution; all others are 0."""
    return np.where(design.blocks == block, rng.standard_normal(len(design.blocks)), 0.0)


def _noise(values: Vector, expected: Vector) -> Vector:
    """Return for each session the root mean squared residual of those with a similar expected value."""
    order = np.argsort(expected, kind="stable")
    parts = np.array_split((values - expected)[order], _NOISE_CLASSES)
    noise = np.empty(len(values))
    noise[order] = np.concatenate(
        [np.full(len(part), np.sqrt(np.mean(part**2)) if len(part) else 0.0) for part in parts]
    )
    return noise


def _noise_scale(
    design: PriceDesign, coefficients: Vector, noise: Vector, spreads: Vector, rng: np.random.Generator
) -> float:
    """Return the factor of the squared noise at which simulated prices vary as much as recovered ones."""
    is_product = design.blocks == PRODUCT_BLOCK

    def sum_of_squares(recovered: Vector) -> float:
        return float((recovered[is_product] ** 2).sum())

    _, from_noise = design.solve(noise * rng.standard_normal(len(noise)), _TOLERANCE)
    _, from_prices = design.solve(design.counts @ (spreads * rng.standard_normal(len(spreads))), _TOLERANCE)
    excess = sum_of_squares(coefficients) - sum_of_squares(from_prices)
    squared_noise = sum_of_squares(from_noise)
    return max(excess / squared_noise, 1.0) if squared_noise > 0 else 1.0
