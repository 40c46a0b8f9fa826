"""Synthetic demo data that look like a real shop's month, with its known flaws and with the answers.

A longer log is simulated in full, priced with hidden prices, thinned to the few rows a file would show, and split by
time. Every event and every person in it is invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from core.demo.defects import LOST, lose_ids, lost_sessions
from core.demo.files import demo_files
from core.demo.ids import IdStyles
from core.demo.piece import Piece, Shop, simulate_piece
from core.demo.tally import DemoSummary, Tally
from core.errors import SettingError

__all__ = ["DemoSummary", "write_demo"]

_LEAST_SESSIONS = 200  # fewer leave no room for the flaws, and too few buyers to learn from
_PIECE = 50_000  # sessions at a time: 60 MB, and the arrays stay near the processor; another number gives other bytes


def write_demo(
    out: Path,
    *,
    sessions: int = 101_500,
    seed: int = 7,
    progress: Callable[[float], None] | None = None,
) -> DemoSummary:
    """Write train.csv, test.csv, sample_submission.csv, truth.csv and demo.json into the folder `out`.

    `sessions` is the number of different session ids in train and test together. The same sessions and seed give the
    same bytes; memory hardly grows with size (25 million sessions take 0.4 GB). `progress` is told the share done,
    0 to 1; when it raises, no file appears.

    Raises:
        SettingError: fewer than 200 sessions, or a negative seed.
    """
    if sessions < _LEAST_SESSIONS:
        raise SettingError.not_allowed("--sessions", sessions, f"a whole number of at least {_LEAST_SESSIONS}")
    if seed < 0:
        raise SettingError.not_allowed("--seed", seed, "a whole number of at least 0")
    lost = lost_sessions(sessions)
    shop = Shop.open(seed, sessions + sum(lost) - 1)  # the lost sessions become one
    tally = Tally(shop)
    with demo_files(shop, out) as files:
        for place, whole in enumerate(_pieces(shop)):
            piece = whole if place else lose_ids(whole, *lost)
            files.add(piece)
            tally.add(piece)
            if progress is not None:
                progress(min(1.0, (place + 1) * _PIECE / shop.sessions))
        composite = IdStyles.of(shop).session.one(LOST)
        summary = tally.summary(seed=seed, sessions_asked=sessions, composite_session=composite)
        files.finish(summary)
    return summary


def _pieces(shop: Shop) -> Iterator[Piece]:
    """The pieces in order; a second thread simulates the next while the caller writes this one."""
    with ThreadPoolExecutor(max_workers=1) as ahead:

        def order(first: int) -> Future[Piece]:
            return ahead.submit(simulate_piece, shop, first, min(_PIECE, shop.sessions - first))

        coming = order(0)
        for first in range(_PIECE, shop.sessions, _PIECE):
            piece, coming = coming.result(), order(first)
            yield piece
        yield coming.result()
