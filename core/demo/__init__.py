"""Synthetic event files that resemble one month of a real shop, with the known flaws of its export and true values.

A complete log is simulated, priced with hidden prices, thinned to the rows that an export would contain, and split by
time into train and test. All events and users are invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from core.demo.defects import LOST, lose_ids, lost_sessions
from core.demo.files import demo_files
from core.demo.ids import IdStyles
from core.demo.piece import Piece, Shop, simulate_piece
from core.demo.summary import DemoSummary, SummaryCounter
from core.errors import SettingError

__all__ = ["DemoSummary", "write_demo"]

_LEAST_SESSIONS = 200
"""With fewer sessions there is no room for the flaws, and there are too few buyers to learn from."""
_SESSIONS_PER_PIECE = 50_000
"""Sessions simulated at a time, in 60 MB. Another number changes the bytes of the files."""


def write_demo(
    out: Path,
    *,
    sessions: int = 101_500,
    seed: int = 7,
    progress: Callable[[float], None] | None = None,
) -> DemoSummary:
    """Write train.csv, test.csv, sample_submission.csv, truth.csv and demo.json into the folder `out`.

    The same number of sessions and the same seed give the same bytes. Memory hardly grows with the size: 25 million
    sessions take 0.4 GB.

    Args:
        out: folder for the files; created if it does not exist.
        sessions: number of distinct session ids in train and test together.
        seed: seed of the random numbers, at least 0.
        progress: called with the share of the work done, 0 to 1. If it raises an exception, no file is written.

    Raises:
        SettingError: fewer than 200 sessions, or a negative seed.
    """
    if sessions < _LEAST_SESSIONS:
        raise SettingError.not_allowed("--sessions", sessions, f"a whole number of at least {_LEAST_SESSIONS}")
    if seed < 0:
        raise SettingError.not_allowed("--seed", seed, "a whole number of at least 0")
    lost_counts = lost_sessions(sessions)
    shop = Shop.open(seed, sessions + sum(lost_counts) - 1)  # sessions that lose their id end up as a single one
    counter = SummaryCounter(shop)
    with demo_files(shop, out) as files:
        for number, simulated in enumerate(_pieces(shop)):
            piece = lose_ids(simulated, *lost_counts) if number == 0 else simulated
            files.add(piece)
            counter.add(piece)
            if progress is not None:
                progress(min(1.0, (number + 1) * _SESSIONS_PER_PIECE / shop.sessions))
        composite = IdStyles.for_shop(shop).session.id_of(LOST)
        summary = counter.summary(seed=seed, sessions_asked=sessions, composite_session=composite)
        files.finish(summary)
    return summary


def _pieces(shop: Shop) -> Iterator[Piece]:
    """Yield the pieces in order. A second thread simulates the next piece while the caller writes this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:

        def submit(first: int) -> Future[Piece]:
            return pool.submit(simulate_piece, shop, first, min(_SESSIONS_PER_PIECE, shop.sessions - first))

        upcoming = submit(0)
        for first in range(_SESSIONS_PER_PIECE, shop.sessions, _SESSIONS_PER_PIECE):
            piece, upcoming = upcoming.result(), submit(first)
            yield piece
        yield upcoming.result()
