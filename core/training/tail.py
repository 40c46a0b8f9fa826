"""The tail of a run's losses: a few sessions hold much of a squared error, so what is beyond the data must be modelled.

Losses above a high threshold are taken to follow a generalized Pareto law (peaks over threshold: Pickands 1975; Davison
and Smith 1990). Its shape is estimated as in Zhang and Stephens (2009), A new and efficient estimation method for the
generalized Pareto distribution, with the weak prior of Vehtari et al. (2024), Pareto smoothed importance sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.training.learners import Vector

_TAIL_SHARE = 0.01
"""Of the losses that are modelled: at the competition's size some hundreds."""
_FEWEST = 40
"""Losses in the tail without which its shape cannot be told; the data then speak for themselves."""
_PRIOR_SHAPE, _PRIOR_WEIGHT = 0.5, 10.0
_HEAVIEST = 0.9
"""Shape; at 1 the mean is infinite, and no shop has sessions without bound."""


@dataclass(frozen=True)
class Losses:
    """A law of losses: what is below the threshold by its mean and sd, what is above by a generalized Pareto law.

    Attributes:
        share: of losses above the threshold; 0 where there are too few to model.
        shape, scale: of what is above; shape 0 decays as an exponential, shapes near 1 hold a few enormous losses.
    """

    body_mean: float
    body_sd: float
    share: float
    threshold: float
    shape: float
    scale: float

    @classmethod
    def of(cls, losses: Vector, weights: Vector) -> Losses:
        """Fit to weighted losses (0 or more); the weights' sum is of no account."""
        threshold = _quantile(losses, weights, 1.0 - _TAIL_SHARE)
        above = (losses > threshold) & (weights > 0)
        if above.sum() < _FEWEST:
            mean = float(np.average(losses, weights=weights))
            sd = float(np.sqrt(np.average((losses - mean) ** 2, weights=weights)))
            return cls(mean, sd, 0.0, threshold, 0.0, 0.0)
        below = ~above
        mean = float(np.average(losses[below], weights=weights[below]))
        sd = float(np.sqrt(np.average((losses[below] - mean) ** 2, weights=weights[below])))
        shape, scale = _pareto(losses[above] - threshold, weights[above])
        return cls(mean, sd, float(weights[above].sum() / weights.sum()), threshold, shape, scale)

    @property
    def mean(self) -> float:
        above = self.threshold + self.scale / (1.0 - self.shape)
        return (1.0 - self.share) * self.body_mean + self.share * above

    def drawn_mean(self, count: int, draws: np.random.Generator) -> float:
        """The mean loss of so many sessions drawn from the law."""
        beyond = int(draws.binomial(count, self.share)) if self.share else 0
        inside = count - beyond
        total = inside * self.body_mean + self.body_sd * np.sqrt(inside) * float(draws.standard_normal())
        if beyond:
            uniform = draws.random(beyond)
            excess = np.expm1(-self.shape * np.log(uniform)) / self.shape if self.shape else -np.log(uniform)
            total += beyond * self.threshold + self.scale * float(excess.sum())
        return float(max(total, 0.0) / count)


def _quantile(values: Vector, weights: Vector, level: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, level * reached[-1]))
    return float(values[order[min(place, len(values) - 1)]])


def _pareto(excess: Vector, weights: Vector) -> tuple[float, float]:
    """Shape and scale of weighted excesses (above 0)."""
    count = len(excess)
    weights = weights / weights.mean()
    candidates = 30 + int(np.sqrt(count))
    steps = np.arange(1, candidates + 1) - 0.5
    quarter = max(_quantile(excess, weights, 0.25), float(np.finfo(float).tiny))
    b = 1.0 / float(excess.max()) + (1.0 - np.sqrt(candidates / steps)) / (3.0 * quarter)
    b = b[b != 0]
    k = np.array([np.average(np.log1p(-each * excess), weights=weights) for each in b])
    likelihood = count * (np.log(-b / k) - k - 1.0)
    posterior = np.exp(likelihood - likelihood.max())
    chosen = float(b @ posterior / posterior.sum())
    shape = float(np.average(np.log1p(-chosen * excess), weights=weights))
    scale = -shape / chosen
    shape = (count * shape + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (count + _PRIOR_WEIGHT)
    return float(min(shape, _HEAVIEST)), float(scale)
