"""Simulation of the complete log, and thinning: the choice of the events that become rows in the files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP

_TABLE_SIZE = 4096
"""Entries of the lookup table from which event types are drawn; shares are exact to 1/4096.

Entries are drawn as int16 from float32 numbers, so there may be at most 2^15 of them."""


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
    kinds = rng.choice(len(SHOP.kind_shares), size=sessions, p=SHOP.kind_shares).astype(np.int8)
    lengths = _lengths(rng, kinds)
    session = np.repeat(np.arange(sessions, dtype=np.int32), lengths)
    return Log(kinds=kinds, lengths=lengths, session=session, types=_types(rng, kinds[session]))


def thin(rng: np.random.Generator, log: Log, n_sessions: int) -> ThinnedLog:
    """Draw the events that become rows, and return the first `n_sessions` sessions with a row.

    Raises:
        ValueError: the log has fewer sessions with a row.
    """
    has_row = rng.random(len(log.types), dtype=np.float32) < np.asarray(SHOP.keep_shares, np.float32)[log.types]
    n_rows = np.bincount(log.session[has_row], minlength=len(log.kinds))
    with_rows = np.flatnonzero(n_rows)
    if len(with_rows) < n_sessions:
        raise ValueError(f"{len(with_rows)} sessions of the log have a row, but {n_sessions} are needed")
    survivors = with_rows[:n_sessions]
    events = np.isin(log.session, survivors)
    lengths = log.lengths[survivors]
    session = np.repeat(np.arange(n_sessions, dtype=np.int32), lengths)
    surviving = Log(kinds=log.kinds[survivors], lengths=lengths, session=session, types=log.types[events])
    return ThinnedLog(log=surviving, has_row=has_row[events], n_rows=n_rows[survivors])


def _lengths(rng: np.random.Generator, kinds: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Draw the number of events of each session.

    The expected number of rows is lognormal, and the events needed for it are drawn from a Poisson distribution. Some
    sessions are then limited to a single event.
    """
    means, sds = (np.asarray(parameter)[kinds] for parameter in (SHOP.log_rate_means, SHOP.log_rate_sds))
    expected_rows = np.minimum(np.exp(rng.normal(means, sds)), SHOP.max_rate)
    kept_share = np.asarray(SHOP.type_shares) @ SHOP.keep_shares
    lengths = rng.poisson(expected_rows / kept_share[kinds])
    is_single = rng.random(len(kinds)) < np.asarray(SHOP.single_event_shares)[kinds]
    return np.where(is_single, 1, lengths)


def _types(rng: np.random.Generator, kind_of_event: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Draw the type of each event by the shares of its session's kind."""
    tables = np.stack([_type_table(shares) for shares in SHOP.type_shares])
    entries = (rng.random(len(kind_of_event), dtype=np.float32) * _TABLE_SIZE).astype(np.int16)
    return tables[kind_of_event, entries]


def _type_table(shares: tuple[float, ...]) -> npt.NDArray[np.int8]:
    """Return a lookup table for drawing event types: each type fills its share of the entries."""
    edges = np.rint(np.cumsum(shares) / sum(shares) * _TABLE_SIZE).astype(np.int64)
    return np.repeat(np.arange(len(shares), dtype=np.int8), np.diff(edges, prepend=0))
