"""One piece of the demo log, from browsing to priced rows: what the other modules do, in this order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.browsing import Log, browse
from core.demo.calibration import SHOP
from core.demo.catalogue import Catalogue, stock_catalogue
from core.demo.clock import SPLIT, begin, funnel_order, row_times
from core.demo.crowd import Crowd, coprime_stride, streaks
from core.demo.pricing import price_sessions
from core.demo.thinning import thin

_ID_ROOM = 1.6  # the files' session numbers go to 158,779 for 101,315 sessions


@dataclass(frozen=True)
class Shop:
    """What all pieces of one demo share."""

    seed: int
    sessions: int
    """Sessions of the whole demo that will have rows."""
    catalogue: Catalogue
    crowd: Crowd

    @classmethod
    def open(cls, seed: int, sessions: int) -> Shop:
        """Stock the catalogue and gather the users for so many sessions."""
        rng = _generator(seed, 0)
        return cls(seed, sessions, stock_catalogue(rng, sessions), Crowd.gather(rng, sessions))

    @property
    def session_numbers(self) -> int:
        """Session numbers are 1 to this; 0 stays free for the lost id."""
        return math.ceil(self.sessions * _ID_ROOM)


@dataclass(frozen=True)
class Piece:
    """Sessions `numbers`, `users`, `cents` (value in hundredths) and their rows, sorted by session."""

    numbers: npt.NDArray[np.int64]
    users: npt.NDArray[np.int64]
    cents: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    """By session: how many rows it has."""
    session: npt.NDArray[np.int64]
    """By row: index of its session."""
    seconds: npt.NDArray[np.int64]
    """By row: second of the month."""
    types: npt.NDArray[np.int8]
    products: npt.NDArray[np.int32]

    @property
    def in_test(self) -> npt.NDArray[np.bool_]:
        """By row: whether it lies after the split."""
        return self.seconds >= SPLIT


def simulate_piece(shop: Shop, first: int, count: int) -> Piece:
    """Sessions `first` to `first + count` of the demo, the same whatever was simulated before."""
    rng = _generator(shop.seed, 1 + first)
    spare = 8.0 * math.sqrt(count)  # eight standard deviations: it never runs short
    thinned = thin(rng, browse(rng, math.ceil((count + spare) / SHOP.kept_share)), count)
    log = thinned.log
    sessions = len(log.habits)
    visit = streaks(rng, sessions)
    users = shop.crowd.draw(rng, sessions)[visit]
    starts = begin(rng, visit)
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
    """A product for each event: one from the catalogue, or that of some other event of the session."""
    products = catalogue.draw(rng, late[log.session])
    again = np.flatnonzero(rng.random(len(products), dtype=np.float32) < SHOP.return_share)
    session = log.session[again]
    first = np.cumsum(log.lengths) - log.lengths
    other = first[session] + (rng.random(len(again)) * log.lengths[session]).astype(np.int64)
    products[again] = products[other]
    return products


def _generator(seed: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(part,))))
