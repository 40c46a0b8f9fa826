"""Who comes: users of whom some come often, who visit in short streaks, each with a lasting factor of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP

_STRIDE = 0.6180339887  # share of the pool by which neighbouring indices are moved apart: the golden ratio spreads best


@dataclass(frozen=True)
class Crowd:
    """A pool of users, numbered from 1. Nothing is stored for each, so a pool of 100 million costs no memory."""

    size: int
    salt: int
    """Makes the users' factors those of one seed; 64 bits."""

    @classmethod
    def gather(cls, rng: np.random.Generator, sessions: int) -> Crowd:
        """The pool for a log of so many sessions."""
        return cls(size=math.ceil(SHOP.users_per_session * sessions), salt=int(rng.integers(2**63)))

    def draw(self, rng: np.random.Generator, visits: int) -> npt.NDArray[np.int64]:
        """A user number for each visit; low ranks come more often, and are scattered over the numbers."""
        rank = (rng.random(visits) ** SHOP.user_skew * self.size).astype(np.int64)
        return rank * coprime_stride(self.size) % self.size + 1

    def factors(self, users: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The lognormal factor (mean 1) of each user, by hashing the number: the same in every piece of the log."""
        first = _uniform(users.astype(np.uint64) ^ np.uint64(self.salt))
        second = _uniform(users.astype(np.uint64) + np.uint64(self.salt))
        normal = np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)  # Box and Muller 1958
        return np.exp(SHOP.user_log_sd * normal - SHOP.user_log_sd**2 / 2)


def streaks(rng: np.random.Generator, sessions: int) -> npt.NDArray[np.int64]:
    """Index of the visit that each of so many sessions belongs to: 0, 0, 1, 2, 2, 2, ..."""
    sizes = np.arange(1, SHOP.most_in_visit + 1)
    edges = np.cumsum(sizes**-SHOP.visit_exponent)
    length = sizes[np.searchsorted(edges, rng.random(sessions) * edges[-1], side="right").clip(max=len(sizes) - 1)]
    return np.repeat(np.arange(sessions), length)[:sessions]


def coprime_stride(size: int) -> int:
    """A stride with which multiplying modulo `size` visits every number once."""
    stride = max(round(size * _STRIDE), 1)
    while math.gcd(stride, size) != 1:
        stride += 1
    return stride


def _uniform(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Hash to [0, 1): the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = keys + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
