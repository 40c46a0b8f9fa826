"""The full log of a piece of the shop: what sessions do, before any row is lost and before anything has a price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.schema import EVENT_TYPES

_LADDER = 4096  # steps in which a habit's event types are drawn: shares are exact to a quarter of a thousandth


@dataclass(frozen=True)
class Log:
    """Sessions and their events. Events are sorted by session; nothing else about their order means anything."""

    habits: npt.NDArray[np.int8]
    """By session: the event type it mostly does."""
    lengths: npt.NDArray[np.int64]
    """By session: its number of events."""
    session: npt.NDArray[np.int32]
    """By event: index of its session."""
    types: npt.NDArray[np.int8]
    """By event: index into EVENT_TYPES."""


def browse(rng: np.random.Generator, sessions: int) -> Log:
    """Simulate so many sessions of the full log. Many are so short that thinning will leave nothing of them."""
    habits = rng.choice(len(EVENT_TYPES), size=sessions, p=SHOP.habit_shares).astype(np.int8)
    lengths = _lengths(rng, habits)
    session = np.repeat(np.arange(sessions, dtype=np.int32), lengths)
    ladder = np.stack([_steps(mix) for mix in SHOP.habit_mix])
    drawn = (rng.random(len(session), dtype=np.float32) * _LADDER).astype(np.int16)
    return Log(habits=habits, lengths=lengths, session=session, types=ladder[habits[session], drawn])


def _lengths(rng: np.random.Generator, habits: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Events a session: a Poisson whose rate is lognormal and stated in kept rows."""
    kept = np.asarray(SHOP.habit_mix) @ np.asarray(SHOP.keep_shares)
    rate = np.exp(rng.normal(np.asarray(SHOP.log_rate_means)[habits], np.asarray(SHOP.log_rate_sds)[habits]))
    lengths = rng.poisson(np.minimum(rate, SHOP.most_rate) / kept[habits])
    return np.where(rng.random(len(habits)) < np.asarray(SHOP.glance_shares)[habits], 1, lengths)


def _steps(mix: tuple[float, ...]) -> npt.NDArray[np.int8]:
    edges = np.rint(np.cumsum(mix) / sum(mix) * _LADDER).astype(np.int64)
    return np.repeat(np.arange(len(mix), dtype=np.int8), np.diff(edges, prepend=0))
