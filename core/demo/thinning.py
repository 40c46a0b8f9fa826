"""Thinning: the sample of the complete log that reaches the files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.browsing import Log
from core.demo.calibration import SHOP


@dataclass(frozen=True)
class Thinned:
    """Sessions with at least one row in the files."""

    log: Log
    """The sessions with all of their events, including those without a row."""
    kept: npt.NDArray[np.bool_]
    """By event: whether it has a row in the files."""
    rows: npt.NDArray[np.int64]
    """By session: number of its rows, at least 1."""


def thin(rng: np.random.Generator, log: Log, most: int) -> Thinned:
    """Keep each event with the probability of its type, then the first `most` sessions with a kept event."""
    keep = np.asarray(SHOP.keep_shares, dtype=np.float32)
    kept = rng.random(len(log.types), dtype=np.float32) < keep[log.types]
    rows = np.bincount(log.session[kept], minlength=len(log.habits))
    seen = np.flatnonzero(rows)[:most]
    stays = np.zeros(len(log.habits), dtype=np.bool_)
    stays[seen] = True
    events = stays[log.session]
    lengths = log.lengths[seen]
    survivors = Log(
        habits=log.habits[seen],
        lengths=lengths,
        session=np.repeat(np.arange(len(seen), dtype=np.int32), lengths),
        types=log.types[events],
    )
    return Thinned(log=survivors, kept=kept[events], rows=rows[seen])
