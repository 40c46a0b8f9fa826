"""Users of the demo: how often they return, how many sessions they have in a row, and a value factor for each user."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.clock import draw_weighted

_STRIDE = 0.6180339887
"""Neighbouring ranks are this share of the pool apart; the golden ratio spreads them most evenly."""


@dataclass(frozen=True)
class Crowd:
    """A pool of users, numbered from 1. Nothing is stored per user, so 100 million users take no memory."""

    size: int
    salt: int
    """64 bits that make the users' factors differ from seed to seed."""

    @classmethod
    def gather(cls, rng: np.random.Generator, sessions: int) -> Crowd:
        """Return the pool for a log with this number of sessions."""
        return cls(size=math.ceil(SHOP.users_per_session * sessions), salt=int(rng.integers(2**63)))

    def draw(self, rng: np.random.Generator, visits: int) -> npt.NDArray[np.int64]:
        """Draw a user for each visit. Low ranks come more often; ranks are scattered over the user numbers."""
        rank = (rng.random(visits) ** SHOP.user_skew * self.size).astype(np.int64)
        return rank * coprime_stride(self.size) % self.size + 1

    def factors(self, users: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return a lognormal factor (mean 1) for each user: a hash of its number, so it is the same in all chunks."""
        first = _uniform(users.astype(np.uint64) ^ np.uint64(self.salt))
        second = _uniform(users.astype(np.uint64) + np.uint64(self.salt))
        normal = np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)  # Box and Muller 1958
        return np.exp(SHOP.user_log_sd * normal - SHOP.user_log_sd**2 / 2)


def streaks(rng: np.random.Generator, sessions: int) -> npt.NDArray[np.int64]:
    """Return the index of each session's visit, such as 0, 0, 1, 2, 2, 2. Visit lengths follow a power law."""
    lengths = np.arange(1, SHOP.max_visit_sessions + 1)
    drawn = lengths[draw_weighted(rng, lengths**-SHOP.visit_exponent, sessions)]
    return np.repeat(np.arange(sessions), drawn)[:sessions]


def coprime_stride(size: int) -> int:
    """Return a stride whose multiples modulo `size` reach every number once.

    >>> stride = coprime_stride(5)
    >>> sorted(number * stride % 5 for number in range(5))
    [0, 1, 2, 3, 4]
    """
    stride = max(round(size * _STRIDE), 1)
    while math.gcd(stride, size) != 1:
        stride += 1
    return stride


def _uniform(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Hash keys to [0, 1) by the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = keys + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
