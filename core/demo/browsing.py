"""The complete log of simulated sessions, before rows are thinned out and before anything has a price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.schema import EVENT_TYPES

_TABLE_SIZE = 4096
"""Entries of the lookup table from which event types are drawn; shares are exact to 1/4096."""


@dataclass(frozen=True)
class Log:
    """Sessions and their events, sorted by session. The order within a session has no meaning."""

    habits: npt.NDArray[np.int8]
    """By session: its most common event type."""
    lengths: npt.NDArray[np.int64]
    """By session: its number of events."""
    session: npt.NDArray[np.int32]
    """By event: index of its session."""
    types: npt.NDArray[np.int8]
    """By event: index into EVENT_TYPES."""


def browse(rng: np.random.Generator, sessions: int) -> Log:
    """Simulate sessions of the complete log. Many are so short that thinning leaves no row of them."""
    habits = rng.choice(len(EVENT_TYPES), size=sessions, p=SHOP.habit_shares).astype(np.int8)
    lengths = _lengths(rng, habits)
    session = np.repeat(np.arange(sessions, dtype=np.int32), lengths)
    type_tables = np.stack([_type_table(mix) for mix in SHOP.habit_mix])
    entries = (rng.random(len(session), dtype=np.float32) * _TABLE_SIZE).astype(np.int16)
    return Log(habits=habits, lengths=lengths, session=session, types=type_tables[habits[session], entries])


def _lengths(rng: np.random.Generator, habits: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Draw the events per session from a Poisson distribution. Its lognormal rate counts rows that survive thinning."""
    kept_share = np.asarray(SHOP.habit_mix) @ np.asarray(SHOP.keep_shares)
    rate = np.exp(rng.normal(np.asarray(SHOP.log_rate_means)[habits], np.asarray(SHOP.log_rate_sds)[habits]))
    lengths = rng.poisson(np.minimum(rate, SHOP.most_rate) / kept_share[habits])
    return np.where(rng.random(len(habits)) < np.asarray(SHOP.glance_shares)[habits], 1, lengths)


def _type_table(mix: tuple[float, ...]) -> npt.NDArray[np.int8]:
    """Return a table in which each event type has a share of the entries as in the mix."""
    edges = np.rint(np.cumsum(mix) / sum(mix) * _TABLE_SIZE).astype(np.int64)
    return np.repeat(np.arange(len(mix), dtype=np.int8), np.diff(edges, prepend=0))
