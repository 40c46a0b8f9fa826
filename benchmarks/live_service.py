"""Events a second that the service answers, with its clients on the same machine.

    python -m benchmarks.live_service [--sessions 20000] [--seconds 60] [--run FOLDER]

Trains a quick run with `--purpose live` on the demo, starts the service, and sends the events of the test file as those
of new sessions, again and again. Each connection of a client sends its next request when the last one is answered, but
not before its time, so that all connections together send at the wanted rate. The time of a request begins when it
should have been sent, so a service that falls behind is not excused. Prints the rate that was reached, the percentiles
of the times, and the answers that were no success, singly at 1,000 events a second and in batches at 3,000.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from benchmarks.quick import make_live_run
from core.schema import EVENT_TIME

_PORT = 8655
_CONNECTIONS = 24
_BATCH = 20
_MONTH = 30 * 86_400


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000, help="Sessions of the demo.")
    parser.add_argument("--seconds", type=int, default=60, help="Duration of each part.")
    parser.add_argument("--run", type=Path, help="Folder with the demo's test.csv and a folder `run`, made before.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = options.run or Path(scratch)
        if options.run is None:
            make_live_run(files, options.sessions)
        events = test_events(files / "test.csv")
        for batch, rate in ((1, 1_000), (1, 1_000_000), (_BATCH, 3_000), (_BATCH, 1_000_000)):
            with service(files / "run", Path(scratch) / f"state-{batch}-{rate}.sqlite") as process:
                seconds = options.seconds if rate < 1_000_000 else min(options.seconds, 15)
                _print_load(process.pid, events, batch, rate, seconds)


def test_events(path: Path, later: int = _MONTH) -> list[dict[str, object]]:
    """Return the events of a demo file `later` seconds later, as requests have them, in order of time."""
    log = pl.read_csv(path).with_columns(pl.col(EVENT_TIME).str.slice(0, 19).str.to_datetime().dt.epoch("s") + later)
    names = {
        "user_session": "session",
        "user_id": "user",
        "product_id": "product",
        "category_id": "category",
        "event_type": "type",
        EVENT_TIME: "time",
    }
    return log.sort(EVENT_TIME).select(pl.col(old).alias(new) for old, new in names.items()).fill_null("").to_dicts()


@contextmanager
def service(run: Path, state: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a service until the end of the block."""
    command = [sys.executable, "-m", "core", "serve", "--run", str(run), "--state", str(state), "--port", str(_PORT)]
    process = subprocess.Popen([*command, "--rate", "0", *options], stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/ready", timeout=5).read()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def _print_load(pid: int, events: list[dict[str, object]], batch: int, rate: int, seconds: int) -> None:
    """Send events from a process of its own, and print the figures."""
    before = psutil.Process(pid).cpu_times()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        times, errors, took = pool.apply(_load, (events, batch, rate, seconds))
    after = psutil.Process(pid).cpu_times()
    used = sum(getattr(after, name) - getattr(before, name) for name in ("user", "system"))
    milliseconds = np.array(times) * 1e3
    label = "as fast as possible" if rate >= 1_000_000 else f"at {rate:,} a second"
    median, high = np.quantile(milliseconds, [0.5, 0.99])
    print(
        f"{batch} event{'s' * (batch > 1)} a request, {label}: {len(times) * batch / took:,.0f} events a second for "
        f"{took:.0f} s; median {median:.1f} ms, 99th percentile {high:.1f} ms, longest {milliseconds.max():.0f} ms; "
        f"{errors} errors; {used / len(times) / batch * 1e3:.2f} ms of processor time an event",
        flush=True,
    )


def _load(events: list[dict[str, object]], batch: int, rate: int, seconds: int) -> tuple[list[float], int, float]:
    return asyncio.run(_send_all(events, batch, rate, seconds))


async def _send_all(
    events: list[dict[str, object]], batch: int, rate: int, seconds: int
) -> tuple[list[float], int, float]:
    """Return the time of each request, the number of answers that were no success, and how long it took."""
    connections = min(_CONNECTIONS, max(4, _CONNECTIONS // batch))
    turns, times, errors = itertools.count(), [], 0
    began = time.perf_counter()

    async def client() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", _PORT)
        while True:
            turn = next(turns)
            due = began + turn * batch / rate
            if max(due, time.perf_counter()) > began + seconds:
                break
            body = json.dumps(_body(events, turn, batch)).encode()
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            sent = max(due, began) if rate < 1_000_000 else time.perf_counter()
            head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            status = (await reader.readline()).split()[1]
            length = 0
            while (line := await reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            await reader.readexactly(length)
            times.append(time.perf_counter() - sent)
            errors += status != b"200"
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return times, errors, time.perf_counter() - began


def _body(events: list[dict[str, object]], turn: int, batch: int) -> object:
    """Return the events of a request: the next ones of the file, in each round as those of other sessions."""
    found = []
    for number in range(turn * batch, (turn + 1) * batch):
        rounds, place = divmod(number, len(events))
        event = events[place]
        found.append({**event, "session": f"{event['session']} {rounds}", "id": str(number)})
    return found if batch > 1 else found[0]


if __name__ == "__main__":
    main()
