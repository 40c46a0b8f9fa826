"""Synthetic event files that resemble one month of a real shop, including the known defects of its export.

The demo simulates a complete log and computes session values from hidden prices. It then keeps the rows that an export
would contain, and splits them by time into train and test. All events and users are invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from core.base.thread_pool import GeneratorPool
from core.demo.defects import LOST, lose_ids, n_lost_sessions
from core.demo.files import demo_files
from core.demo.log_chunk import LogChunk, Shop, simulate_chunk
from core.demo.own_columns import OwnColumns
from core.demo.summary import DemoSummary, SummaryCounter
from core.demo.text import IdFormats
from core.errors import SettingError

__all__ = ["DemoSummary", "write_demo"]

_MIN_SESSIONS = 200
"""Smaller demos have no room for the defects, and too few buyers to learn from."""
_SESSIONS_PER_CHUNK = 50_000
"""Sessions simulated at a time, which take 60 MB. Another number changes the bytes of the files."""


def write_demo(
    out: Path,
    *,
    sessions: int = 101_500,
    seed: int = 7,
    own_columns: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> DemoSummary:
    """Write train.csv, test.csv, sample_submission.csv, truth.csv and demo.json into the folder `out`.

    The same number of sessions, seed and NumPy version give the same bytes. Memory hardly grows with the number of
    sessions: 25 million take 0.4 GB.

    Args:
        out: folder for the files; created if it does not exist.
        sessions: number of distinct session ids in train and test together.
        seed: seed of the random numbers, at least 0.
        own_columns: whether the rows also have price, brand and device, for which mapping.toml is then written.
        progress: called with the share of the work done, 0 to 1. If it raises an exception, no file is written.

    Raises:
        SettingError: fewer than 200 sessions, or a negative seed.
    """
    if sessions < _MIN_SESSIONS:
        raise SettingError.not_allowed("--sessions", sessions, f"a whole number of at least {_MIN_SESSIONS}")
    if seed < 0:
        raise SettingError.not_allowed("--seed", seed, "a whole number of at least 0")
    n_lost = n_lost_sessions(sessions)
    shop = Shop.open(seed, sessions + sum(n_lost) - 1)  # all sessions that lose their id share a single one
    counter = SummaryCounter(shop)
    with demo_files(shop, out, OwnColumns(shop) if own_columns else None) as files:
        for number, simulated in enumerate(_chunks(shop)):
            chunk = lose_ids(simulated, *n_lost) if number == 0 else simulated
            files.add(chunk)
            counter.add(chunk)
            progress(min(1.0, (number + 1) * _SESSIONS_PER_CHUNK / shop.sessions))
        composite = IdFormats.for_shop(shop).session.id_of(LOST)
        summary = counter.summary(seed=seed, sessions_asked=sessions, composite_session=composite)
        files.finish(summary)
    return summary


def _chunks(shop: Shop) -> Iterator[LogChunk]:
    """Yield the chunks in order. A second thread simulates the next chunk while the caller writes the current one."""
    with GeneratorPool(max_workers=1) as pool:
        futures = (
            pool.submit(simulate_chunk, shop, first, min(_SESSIONS_PER_CHUNK, shop.sessions - first))
            for first in range(0, shop.sessions, _SESSIONS_PER_CHUNK)
        )
        current = next(futures)
        for upcoming in futures:
            yield current.result()
            current = upcoming
        yield current.result()
