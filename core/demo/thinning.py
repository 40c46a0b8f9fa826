"""The sample of the full log that reaches the files: each row survives with its event type's probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.browsing import Log
from core.demo.calibration import SHOP


@dataclass(frozen=True)
class Thinned:
    """The sessions that still have a row, with all events of theirs, and which of these events are kept."""

    log: Log
    kept: npt.NDArray[np.bool_]
    """By event."""
    rows: npt.NDArray[np.int64]
    """By session: how many of its events are kept, at least 1."""


def thin(rng: np.random.Generator, log: Log, most: int) -> Thinned:
    """Keep each event with its type's probability, then the first `most` sessions that have a kept event."""
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
