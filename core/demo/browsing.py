"""Simulation of the complete log, and thinning: the choice of the events that become rows in the files."""

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
    """Sessions and their events, sorted by session. The order within a session has no meaning.

    Attributes:
        kinds: kind of each session; see `calibration`.
        lengths: number of events of each session.
        session: index of each event's session.
        types: type of each event, as an index into EVENT_TYPES.
    """

    kinds: npt.NDArray[np.int8]
    lengths: npt.NDArray[np.int64]
    session: npt.NDArray[np.int32]
    types: npt.NDArray[np.int8]


@dataclass(frozen=True)
class ThinnedLog:
    """Sessions with at least one row in the files.

    Attributes:
        log: the sessions with all of their events.
        has_row: mask of the events that become rows.
        n_rows: number of rows of each session, at least 1.
    """

    log: Log
    has_row: npt.NDArray[np.bool_]
    n_rows: npt.NDArray[np.int64]


def browse(rng: np.random.Generator, sessions: int) -> Log:
    """Simulate the complete log. Many of its sessions are so short that thinning leaves no row of them."""
    kinds = rng.choice(len(EVENT_TYPES), size=sessions, p=SHOP.kind_shares).astype(np.int8)
    lengths = _lengths(rng, kinds)
    session = np.repeat(np.arange(sessions, dtype=np.int32), lengths)
    type_tables = np.stack([_type_table(shares) for shares in SHOP.type_shares])
    entries = (rng.random(len(session), dtype=np.float32) * _TABLE_SIZE).astype(np.int16)
    return Log(kinds=kinds, lengths=lengths, session=session, types=type_tables[kinds[session], entries])


def thin(rng: np.random.Generator, log: Log, max_sessions: int) -> ThinnedLog:
    """Draw the events that become rows, and return the first `max_sessions` sessions with a row."""
    keep_shares = np.asarray(SHOP.keep_shares, dtype=np.float32)
    has_row = rng.random(len(log.types), dtype=np.float32) < keep_shares[log.types]
    n_rows = np.bincount(log.session[has_row], minlength=len(log.kinds))
    survivors = np.flatnonzero(n_rows)[:max_sessions]
    events = np.isin(log.session, survivors)
    lengths = log.lengths[survivors]
    session = np.repeat(np.arange(len(survivors), dtype=np.int32), lengths)
    surviving = Log(kinds=log.kinds[survivors], lengths=lengths, session=session, types=log.types[events])
    return ThinnedLog(log=surviving, has_row=has_row[events], n_rows=n_rows[survivors])


def _lengths(rng: np.random.Generator, kinds: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Draw events per session from a Poisson distribution, whose lognormal rate counts rows that survive thinning."""
    kept_share = np.asarray(SHOP.type_shares) @ np.asarray(SHOP.keep_shares)
    rate = np.exp(rng.normal(np.asarray(SHOP.log_rate_means)[kinds], np.asarray(SHOP.log_rate_sds)[kinds]))
    lengths = rng.poisson(np.minimum(rate, SHOP.max_rate) / kept_share[kinds])
    return np.where(rng.random(len(kinds)) < np.asarray(SHOP.single_event_shares)[kinds], 1, lengths)


def _type_table(shares: tuple[float, ...]) -> npt.NDArray[np.int8]:
    """Return a lookup table for drawing event types: each type fills its share of the entries."""
    edges = np.rint(np.cumsum(shares) / sum(shares) * _TABLE_SIZE).astype(np.int64)
    return np.repeat(np.arange(len(shares), dtype=np.int8), np.diff(edges, prepend=0))
