"""Total forecasts of all open sessions against what came, on a replay of the demo's test file.

    python -m benchmarks.live_forecast [--sessions 20000] [--files FOLDER]

Trains a quick run with `--purpose live` on the demo, and values each test session after each of its events. Then it
looks at the shop at random moments, and at random samples of open sessions of several sizes, and compares the total
forecast with the sum of the true final values. A session is open from its first event until half an hour after an event
that no other one follows. Prints the coverage of the 80% interval, its mean width, and the mean error, in percent of
the mean total. "Sum of the estimates" is the mean error without the correction for idle sessions.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.live_service import test_events
from benchmarks.quick import make_live_run
from core.live import Event, LiveScorer
from core.live.forecast import IDLE_SECONDS, Spread, total_forecast
from core.model import load_model
from core.pipeline.served import prefixes_of
from core.runs import load_run

_LOOKS = 1_000
_SIZES = (1, 10, 100, 1_000)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000, help="Sessions of the demo.")
    parser.add_argument("--files", type=Path, help="Folder with the files of a demo and its run, made before.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = options.files or Path(scratch)
        if options.files is None:
            make_live_run(files, options.sessions)
        run = load_run(files / "run")
        model = load_model(run)
        states = _states(LiveScorer(model, learns_history=False), files)
        spread = Spread.observed(prefixes_of(run), model.history)
    begin, lasting = states[0], states[1]
    draws = np.random.default_rng(0)

    def moment() -> tuple[np.ndarray, np.ndarray]:
        now = draws.uniform(begin.min(), (begin + lasting).max())
        rows = np.flatnonzero((begin <= now) & (now < begin + lasting))
        return rows, now - begin[rows]

    _print("at random moments", moment, states, spread)
    for size in _SIZES:

        def sample(size: int = size) -> tuple[np.ndarray, np.ndarray]:
            rows = draws.choice(len(begin), size, p=lasting / lasting.sum())
            return rows, draws.random(size) * lasting[rows]

        _print(f"{size:,} open sessions", sample, states, spread)


def _states(scorer: LiveScorer, files: Path) -> np.ndarray:
    """Return when each state of a test session began, how long it lasted, its estimate, and the true value."""
    truth = dict(pl.read_csv(files / "truth.csv").iter_rows())
    by_session: dict[str, list[tuple[int, tuple[float, ...]]]] = {}
    users: dict[str, set[object]] = {}
    for event in test_events(files / "test.csv", later=0):
        session = str(event["session"])
        users.setdefault(session, set()).add(event["user"])
        estimate = scorer.update(Event(**event))  # type: ignore[arg-type]
        numbers = (estimate.value, estimate.low, estimate.high, estimate.to_come)
        by_session.setdefault(session, []).append((int(str(event["time"])), numbers))
    rows = []
    for session, steps in by_session.items():
        if len(users[session]) > 1 or session not in truth:
            continue
        ends = [time for time, _ in steps[1:]] + [steps[-1][0] + IDLE_SECONDS]
        for (time, numbers), end in zip(steps, ends, strict=True):
            if end > time:
                rows.append((time, min(end - time, IDLE_SECONDS), *numbers, truth[session]))
    return np.array(rows).T


def estimate_time(event: dict[str, object]) -> int:
    """Return the time of an event in epoch seconds."""
    return int(event["time"])  # type: ignore[call-overload]


def _print(label: str, look: Callable[[], tuple[np.ndarray, np.ndarray]], states: np.ndarray, spread: Spread) -> None:
    _, _, value, low, high, to_come, actual = states
    inside, errors, naive, widths, totals, sizes = [], [], [], [], [], []
    for _ in range(_LOOKS):
        rows, idle = look()
        if not len(rows):
            continue
        total = total_forecast(value[rows], low[rows], high[rows], spread, to_come=to_come[rows], idle=idle)
        came = actual[rows].sum()
        inside.append(total.low <= came <= total.high)
        errors.append(total.value - came)
        naive.append(value[rows].sum() - came)
        widths.append(total.high - total.low)
        totals.append(came)
        sizes.append(len(rows))
    mean = np.mean(totals)
    print(
        f"{label}: {np.mean(sizes):.0f} sessions, inside {np.mean(inside):.1%}, width {np.mean(widths) / mean:.0%}, "
        f"error {np.mean(errors) / mean:+.1%}; sum of the estimates {np.mean(naive) / mean:+.1%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
