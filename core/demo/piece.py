"""Simulates a piece of the demo log, from the complete sessions to priced and thinned rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.browsing import Log, browse
from core.demo.calibration import SHOP
from core.demo.catalogue import Catalogue, stock_catalogue
from core.demo.clock import SPLIT, funnel_order, row_times, session_starts
from core.demo.crowd import Crowd, coprime_stride, streaks
from core.demo.pricing import price_sessions
from core.demo.thinning import thin

_NUMBERS_PER_SESSION = 1.6
"""In the real files, 101,315 sessions have numbers up to 158,779."""


@dataclass(frozen=True)
class Shop:
    """What all pieces of a demo share."""

    seed: int
    sessions: int
    """Number of sessions with rows, in all pieces."""
    catalogue: Catalogue
    crowd: Crowd

    @classmethod
    def open(cls, seed: int, sessions: int) -> Shop:
        """Create the catalogue and the users for this number of sessions."""
        rng = _generator(seed, 0)
        return cls(seed, sessions, stock_catalogue(rng, sessions), Crowd.gather(rng, sessions))

    @property
    def session_numbers(self) -> int:
        """Highest session number. Numbers start at 1, because 0 is the lost id."""
        return math.ceil(self.sessions * _NUMBERS_PER_SESSION)


@dataclass(frozen=True)
class Piece:
    """Some sessions and their rows, sorted by session.

    Attributes:
        numbers: by session, the number in its id.
        users: by session, the number of its user.
        cents: by session, its value in hundredths.
        rows: by session, its number of rows.
        session: by row, the index of its session.
        seconds: by row, the second of the month.
        types: by row, the event type.
        products: by row, the product number.
    """

    numbers: npt.NDArray[np.int64]
    users: npt.NDArray[np.int64]
    cents: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    session: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.int64]
    types: npt.NDArray[np.int8]
    products: npt.NDArray[np.int32]

    @property
    def in_test(self) -> npt.NDArray[np.bool_]:
        """By row: whether it is after the split time."""
        return self.seconds >= SPLIT


def simulate_piece(shop: Shop, first: int, count: int) -> Piece:
    """Simulate the sessions from `first` to `first + count - 1`, independently of all other pieces."""
    rng = _generator(shop.seed, 1 + first)
    spare = 8.0 * math.sqrt(count)  # eight standard deviations, so that enough sessions survive thinning
    thinned = thin(rng, browse(rng, math.ceil((count + spare) / SHOP.kept_share)), count)
    log = thinned.log
    sessions = len(log.habits)
    visit = streaks(rng, sessions)
    users = shop.crowd.draw(rng, sessions)[visit]
    starts = session_starts(rng, visit)
    products = _products(rng, shop.catalogue, log, starts >= SPLIT)
    cents = price_sessions(rng, log, shop.catalogue.prices[products], shop.crowd.factors(users))
    index = np.arange(first, first + sessions, dtype=np.int64)
    kept = np.flatnonzero(thinned.kept)
    kept = kept[funnel_order(rng, log.session[kept].astype(np.int64), log.types[kept])]
    return Piece(
        numbers=index * coprime_stride(shop.session_numbers) % shop.session_numbers + 1,
        users=users,
        cents=cents,
        rows=thinned.rows,
        session=log.session[kept].astype(np.int64),
        seconds=row_times(rng, starts, thinned.rows),
        types=log.types[kept],
        products=products[kept],
    )


def _products(
    rng: np.random.Generator, catalogue: Catalogue, log: Log, late: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """Return a product for each event: one from the catalogue, or that of another event of the session."""
    products = catalogue.draw(rng, late[log.session])
    returning = np.flatnonzero(rng.random(len(products), dtype=np.float32) < SHOP.return_share)
    session = log.session[returning]
    first = np.cumsum(log.lengths) - log.lengths
    other = first[session] + (rng.random(len(returning)) * log.lengths[session]).astype(np.int64)
    products[returning] = products[other]
    return products


def _generator(seed: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(part,))))
