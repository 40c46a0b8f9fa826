"""The distribution of a run's losses, with a modelled tail: a few sessions carry much of a squared error.

Losses above a high threshold follow a generalized Pareto distribution (peaks over threshold: Pickands 1975; Davison and
Smith 1990). Its shape is estimated as in Zhang and Stephens (2009), A new and efficient estimation method for the
generalized Pareto distribution, with the weak prior of Vehtari et al. (2024), Pareto smoothed importance sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.training.learners import Vector

_TAIL_SHARE = 0.01
"""Share of the losses in the tail: some hundreds at the competition's size."""
_MIN_TAIL = 40
"""Losses in the tail below which its shape cannot be estimated; the plain moments are used then."""
_PRIOR_SHAPE, _PRIOR_WEIGHT = 0.5, 10.0
"""The prior counts as 10 losses with a shape of 0.5 (Vehtari et al. 2024, appendix)."""
_MAX_SHAPE = 0.9
"""At a shape of 1 the mean is infinite, but the values of a shop's sessions are bounded."""


@dataclass(frozen=True)
class LossDistribution:
    """Losses below a threshold by mean and standard deviation, those above it by a generalized Pareto distribution.

    Attributes:
        body_mean, body_sd: mean and standard deviation of the losses up to the threshold.
        tail_share: share of the losses above the threshold; 0 where too few are above it to model them.
        threshold: weighted 99% quantile of the losses.
        shape: shape of the tail. 0 is an exponential tail; near 1, a few losses are enormous.
        scale: scale of the tail, in the unit of the losses.
    """

    body_mean: float
    body_sd: float
    tail_share: float
    threshold: float
    shape: float
    scale: float

    @classmethod
    def fit(cls, losses: Vector, weights: Vector) -> LossDistribution:
        """Fit to losses (0 or more) with weights, whose sum does not matter."""
        threshold = _weighted_quantile(losses, weights, 1.0 - _TAIL_SHARE)
        tail = (losses > threshold) & (weights > 0)
        if tail.sum() < _MIN_TAIL:
            return cls(*_moments(losses, weights), 0.0, threshold, 0.0, 0.0)
        shape, scale = _fit_pareto(losses[tail] - threshold, weights[tail])
        share = float(weights[tail].sum() / weights.sum())
        return cls(*_moments(losses[~tail], weights[~tail]), share, threshold, shape, scale)

    @property
    def mean(self) -> float:
        """Expected loss."""
        tail_mean = self.threshold + self.scale / (1.0 - self.shape)
        return (1.0 - self.tail_share) * self.body_mean + self.tail_share * tail_mean

    def sample_mean(self, n_losses: int, rng: np.random.Generator) -> float:
        """Draw the mean of that many losses; the sum of the body is approximated by a normal distribution."""
        n_tail = int(rng.binomial(n_losses, self.tail_share)) if self.tail_share else 0
        n_body = n_losses - n_tail
        total = n_body * self.body_mean + self.body_sd * np.sqrt(n_body) * float(rng.standard_normal())
        if n_tail:
            uniform = rng.random(n_tail)
            excess = np.expm1(-self.shape * np.log(uniform)) / self.shape if self.shape else -np.log(uniform)
            total += n_tail * self.threshold + self.scale * float(excess.sum())
        return float(max(total, 0.0) / n_losses)


def _moments(losses: Vector, weights: Vector) -> tuple[float, float]:
    """Return the weighted mean and standard deviation."""
    mean = float(np.average(losses, weights=weights))
    return mean, float(np.sqrt(np.average((losses - mean) ** 2, weights=weights)))


def _weighted_quantile(values: Vector, weights: Vector, level: float) -> float:
    """Return the smallest value at which the weights of all values up to it reach this share of their sum."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    index = int(np.searchsorted(cumulative, level * cumulative[-1]))
    return float(values[order[min(index, len(values) - 1)]])


def _fit_pareto(excess: Vector, weights: Vector) -> tuple[float, float]:
    """Return the shape and scale of weighted excesses (above 0): a posterior mean over a grid of candidates."""
    count = len(excess)
    weights = weights / weights.mean()
    n_candidates = 30 + int(np.sqrt(count))  # the grid of `gpdfit` in the R package loo
    steps = np.arange(1, n_candidates + 1) - 0.5
    quartile = max(_weighted_quantile(excess, weights, 0.25), float(np.finfo(float).tiny))
    theta = 1.0 / float(excess.max()) + (1.0 - np.sqrt(n_candidates / steps)) / (3.0 * quartile)
    theta = theta[theta != 0]
    shapes = np.array([np.average(np.log1p(-candidate * excess), weights=weights) for candidate in theta])
    log_likelihood = count * (np.log(-theta / shapes) - shapes - 1.0)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    best = float(theta @ posterior / posterior.sum())
    shape = float(np.average(np.log1p(-best * excess), weights=weights))
    scale = -shape / best
    shape = (count * shape + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (count + _PRIOR_WEIGHT)
    return float(min(shape, _MAX_SHAPE)), float(scale)
