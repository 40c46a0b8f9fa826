"""Seconds until a service with many stored events is ready, its memory, and the size of its state.

    python -m benchmarks.live_start [--events 200000 2000000] [--sessions 20000] [--run FOLDER] [--replay]

Trains a quick run with `--purpose live` on the demo, and fills a state with the events of the test file as those of new
sessions, again and again, half of them of new users. All sessions but the latest are closed. Prints the time from the
start of the process until it answers `/ready`, which includes 2 to 4 s for the model, and the largest memory until
then. With `--replay`, also prints the processor time per event of counting the first 20,000 one after the other.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.live_service import service, test_events
from benchmarks.quick import make_live_run
from core.base.workspace import Workspace
from core.live.events import Event
from core.live.service import EventStore
from core.live.service.sessions import replay_into
from core.pipeline.served import load_served

_IN_ONE_TRANSACTION = 10_000
_REPLAYED = 20_000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[200_000, 2_000_000], help="Numbers of stored events.")
    parser.add_argument("--sessions", type=int, default=20_000, help="Sessions of the demo.")
    parser.add_argument("--run", type=Path, help="Folder with the demo's test.csv and a folder `run`, made before.")
    parser.add_argument("--replay", action="store_true", help="Also count events one after the other.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = options.run or Path(scratch)
        if options.run is None:
            make_live_run(files, options.sessions)
        for n_events in options.events:
            state = Path(scratch) / f"{n_events}.sqlite"
            fill(state, files, n_events)
            _print_start(files / "run", state, n_events)
        if options.replay:
            _print_replay(files / "run", state)


def fill(state: Path, files: Path, n_events: int) -> None:
    """Write a state with this number of events."""
    store = EventStore(state, load_served(Workspace(files / "home"), str(files / "run")).identity)
    events = itertools.islice(_events(test_events(files / "test.csv")), n_events)
    opened: dict[tuple[str, str], None] = {}
    now = int(time.time())
    while part := list(itertools.islice(events, _IN_ONE_TRANSACTION)):
        store.close_sessions(opened, now)
        store.add(part, now)
        opened = dict.fromkeys((event.session, event.user) for event in part)
    store.close()


def _events(log: list[dict[str, object]]) -> Iterator[Event]:
    """Yield the events of a log again and again, later and as those of other sessions."""
    first, last = log[0]["time"], log[-1]["time"]
    assert isinstance(first, int)
    assert isinstance(last, int)
    for turn in itertools.count():
        for place, row in enumerate(log):
            user = row["user"] if turn % 2 else f"{row['user']} {turn}"
            changes = {"session": f"{row['session']} {turn}", "user": user, "id": f"{turn} {place}"}
            changes["time"] = row["time"] + turn * (last - first + 1)
            yield Event(**{**row, **changes})


def _print_start(run: Path, state: Path, n_events: int) -> None:
    size = state.stat().st_size
    began = time.perf_counter()
    with service(run, state) as process:
        took = time.perf_counter() - began
        observed = psutil.Process(process.pid)
        seconds = sum(observed.cpu_times()[:2])
        peak = int(Path(f"/proc/{process.pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1e3
    print(
        f"{n_events:,} events: ready after {took:.1f} s ({seconds:.1f} s of processor time); "
        f"at most {peak:,.0f} MB of memory; state of {size / 1e6:,.0f} MB",
        flush=True,
    )


def _print_replay(run: Path, state: Path) -> None:
    served = load_served(Workspace(run.parent / "home"), str(run))
    store = EventStore(state, served.identity)
    stored = list(store.replay(limit=_REPLAYED))
    began = time.process_time()
    for each in stored:
        replay_into(served, each)
    print(f"One after the other: {(time.process_time() - began) / _REPLAYED * 1e6:.0f} µs an event")
    store.close()


if __name__ == "__main__":
    main()
