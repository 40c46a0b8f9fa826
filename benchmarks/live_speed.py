"""Time and memory of values of open sessions, in one process on one core.

    python -m benchmarks.live_speed [--sessions 20000] [--open 100000] [--own-columns]

Trains a quick run with `--purpose live` on the demo, and replays the events of the test file a month later, as those of
new sessions. Prints the processor time of an event, with and without reasons, that of its parts, and the memory of a
hundred thousand open sessions.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from benchmarks.quick import make_live_run
from core.live import Event, LiveScorer
from core.schema import EVENT_TIME

_MONTH = 30 * 86_400


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000, help="Sessions of the demo.")
    parser.add_argument("--open", type=int, default=100_000, help="Open sessions whose memory is measured; 0 for none.")
    parser.add_argument("--own-columns", action="store_true", help="Use the own columns of the demo.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch)
        make_live_run(files, options.sessions, own_columns=options.own_columns)
        events = _events(files / "test.csv")
        began = time.perf_counter()
        scorer = LiveScorer.load(files / "run")
        print(f"loaded in {time.perf_counter() - began:.1f} s")
        _print_times("event", events[:10_000], scorer.update)
        again = [replace(event, session=f"{event.session} again") for event in events[:2_000]]
        _print_times("event with reasons", again, lambda event: scorer.update(event, reasons=True))
        if options.open:
            _print_memory(scorer, events, options.open)


def _events(path: Path) -> list[Event]:
    log = pl.read_csv(path).with_columns(pl.col(EVENT_TIME).str.slice(0, 19).str.to_datetime().dt.epoch("s"))
    names = ("user_session", "user_id", "product_id", "category_id", "event_type", EVENT_TIME)
    own = [name for name in log.columns if name not in names]
    return [
        Event(
            f"{session} later", user, product, category, kind, moment + _MONTH, own=dict(zip(own, cells, strict=True))
        )
        for session, user, product, category, kind, moment, *cells in log.sort(EVENT_TIME)
        .select(*names, *own)
        .iter_rows()
    ]


def _print_times(label: str, events: list[Event], update: Callable[[Event], object]) -> None:
    milliseconds = []
    for event in events:
        began = time.thread_time()
        update(event)
        milliseconds.append((time.thread_time() - began) * 1e3)
    median, high = np.quantile(milliseconds, [0.5, 0.99])
    print(f"{label}: median {median:.2f} ms, 99th percentile {high:.2f} ms of processor time ({len(events):,} events)")


def _print_memory(scorer: LiveScorer, events: list[Event], n_open: int) -> None:
    process, before, first = psutil.Process(os.getpid()), scorer.n_sessions, psutil.Process().memory_info().rss
    copy = 0
    while scorer.n_sessions - before < n_open:
        copy += 1
        for event in events:
            scorer.observe(replace(event, session=f"{event.session} {copy}", time=event.time + copy))
    n_added, size = scorer.n_sessions - before, process.memory_info().rss - first
    total = process.memory_info().rss
    print(f"{n_added:,} more open sessions: {size / 1e6:,.0f} MB; the whole process has {total / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
