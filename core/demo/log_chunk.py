"""A chunk of the demo log, and its simulation: complete sessions are drawn, thinned, timed and priced."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.browsing import Log, browse, thin
from core.demo.calibration import SHOP
from core.demo.catalogue import Catalogue, stock_catalogue
from core.demo.clock import SPLIT, funnel_order, row_times, session_starts
from core.demo.crowd import Crowd, coprime_stride, streaks

_NUMBERS_PER_SESSION = 1.6
"""In the real files, 101,315 sessions have numbers up to 158,779."""


@dataclass(frozen=True)
class Shop:
    """The seed, catalogue and users that all chunks of a demo share."""

    seed: int
    sessions: int
    """Number of sessions with rows, in all chunks together."""
    catalogue: Catalogue
    crowd: Crowd

    @classmethod
    def open(cls, seed: int, sessions: int) -> Shop:
        """Create the catalogue and the users for this number of sessions."""
        rng = _generator(seed, 0)
        return cls(seed, sessions, stock_catalogue(rng, sessions), Crowd.gather(rng, sessions))

    @property
    def highest_session_number(self) -> int:
        """Highest number of a session. Numbers start at 1, because 0 is the lost id."""
        return math.ceil(self.sessions * _NUMBERS_PER_SESSION)


@dataclass(frozen=True)
class LogChunk:
    """Some sessions and their rows, sorted by session.

    Attributes:
        numbers: number in the id of each session.
        users: user number of each session.
        cents: value of each session, in hundredths.
        n_rows: number of rows of each session.
        session: index of each row's session.
        seconds: time of each row, in seconds since the start of the month.
        types: event type of each row, as an index into EVENT_TYPES.
        products: product number of each row.
    """

    numbers: npt.NDArray[np.int64]
    users: npt.NDArray[np.int64]
    cents: npt.NDArray[np.int64]
    n_rows: npt.NDArray[np.int64]
    session: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.int64]
    types: npt.NDArray[np.int8]
    products: npt.NDArray[np.int32]

    @property
    def in_test(self) -> npt.NDArray[np.bool_]:
        """Mask of the rows at or after the split time."""
        return self.seconds >= SPLIT


def simulate_chunk(shop: Shop, first: int, count: int) -> LogChunk:
    """Simulate the sessions from `first` to `first + count - 1`, independently of all other chunks."""
    rng = _generator(shop.seed, 1 + first)
    spare = 8.0 * math.sqrt(count)  # eight standard deviations, so that enough sessions survive thinning
    thinned = thin(rng, browse(rng, math.ceil((count + spare) / SHOP.surviving_share)), count)
    log = thinned.log
    sessions = len(log.kinds)
    visit = streaks(rng, sessions)
    users = shop.crowd.draw(rng, sessions)[visit]
    starts = session_starts(rng, visit)
    products = _products(rng, shop.catalogue, log, starts >= SPLIT)
    cents = _cents(rng, log, shop.catalogue.prices[products], shop.crowd.factors(users))
    index = np.arange(first, first + sessions, dtype=np.int64)
    rows = np.flatnonzero(thinned.has_row)
    rows = rows[funnel_order(rng, log.session[rows], log.types[rows])]
    highest = shop.highest_session_number
    return LogChunk(
        numbers=index * coprime_stride(highest) % highest + 1,
        users=users,
        cents=cents,
        n_rows=thinned.n_rows,
        session=log.session[rows].astype(np.int64),
        seconds=row_times(rng, starts, thinned.n_rows),
        types=log.types[rows],
        products=products[rows],
    )


def _products(
    rng: np.random.Generator, catalogue: Catalogue, log: Log, is_late: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """Return a product for each event: one from the catalogue, or that of a random event of the session.

    `is_late` is the mask of the sessions that begin at or after the split time.
    """
    products = catalogue.draw(rng, is_late[log.session])
    returning = np.flatnonzero(rng.random(len(products), dtype=np.float32) < SHOP.return_share)
    session = log.session[returning]
    first = np.cumsum(log.lengths) - log.lengths
    other = first[session] + (rng.random(len(returning)) * log.lengths[session]).astype(np.int64)
    products[returning] = products[other]
    return products


def _cents(
    rng: np.random.Generator, log: Log, event_prices: npt.NDArray[np.float64], user_factors: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return the value of each session in hundredths, from a price per event and a user factor per session.

    A value is a base plus a share of the hidden price of every event, whether or not the event has a row. The value of
    a short session is mostly base and therefore mostly noise. That of a long session is mostly prices and therefore
    predictable.
    """
    shares = np.asarray(SHOP.type_weights)[log.types]
    spent = np.bincount(log.session, weights=event_prices * shares, minlength=len(log.kinds))
    base = np.asarray(SHOP.base_medians)[log.kinds] * np.exp(rng.normal(0.0, SHOP.base_log_sd, len(log.kinds)))
    base[log.lengths == 1] *= SHOP.single_event_factor
    value = SHOP.min_value + user_factors * (base + spent)
    return np.rint(value * 100.0).astype(np.int64)


def _generator(seed: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(part,))))
