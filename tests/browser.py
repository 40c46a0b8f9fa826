"""A real server and a real Chromium for the browser tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from core.base.workspace import Workspace
from tests.absent import absent_part

PROJECT = Path(__file__).resolve().parent.parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # the browser itself asks nobody on the network
    "--disable-component-update",
    "--disable-sync",
]
ENDED = "[data-testid=stApp][data-test-script-state=notRunning]"
"""A page whose script has run to its end."""
START_SECONDS = 60.0
STOP_SECONDS = 10.0


def launch(playwright: Playwright) -> Browser:
    """Start the system's Chromium."""
    found = os.environ.get("SVS_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        absent_part("Chromium", "install it (Debian: apt-get install chromium) or name it in SVS_CHROMIUM")
    return playwright.chromium.launch(executable_path=found, args=CHROMIUM_ARGUMENTS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served(NamedTuple):
    """A dashboard that answers."""

    address: str
    process: subprocess.Popen[bytes]


@contextmanager
def served(workspace: Workspace, *, first_run: bool = False) -> Iterator[Served]:
    """Serve the dashboard on a free port of this machine, as `make run` does."""
    port = free_port()
    environment = os.environ | {"SVS_HOME": str(workspace.root), "SVS_FIRST_RUN": "1" if first_run else "0"}
    log = workspace.root.parent / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output)
    try:
        address = f"http://localhost:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{address}/_stcore/health"):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Served(address, server)
    finally:
        server.terminate()
        try:
            server.wait(timeout=STOP_SECONDS)
        except (
            subprocess.TimeoutExpired
        ):  # Streamlit waits for browsers that are still connected, now and then for good
            server.kill()
            server.wait()
    said = log.read_text()
    assert "Traceback" not in said, said


@contextmanager
def dashboard(workspace: Workspace, *, first_run: bool) -> Iterator[str]:
    """The address of a dashboard that is served meanwhile."""
    with served(workspace, first_run=first_run) as its:
        yield its.address


def answers(address: str) -> bool:
    """Whether a server answers at this address."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 (our own address)
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def drag_over(chart: Locator, begin: float, end: float, changed: Callable[[float], None]) -> None:
    """Draw a span over a chart with the mouse, between two shares of its width, until `changed`, which is given the
    milliseconds to wait, raises no more.

    A busy browser has been seen to lose a press, so the span is drawn again, as a person would, twice at most.
    """
    for _ in range(2):
        _drag(chart, begin, end)
        with suppress(AssertionError):
            changed(10_000.0)
            return
    _drag(chart, begin, end)
    changed(30_000.0)


def _drag(chart: Locator, begin: float, end: float) -> None:
    """Hovering waits until the chart stands still: what is above it may still be opening."""
    expect(chart.locator(".pick_brush_bg")).to_have_count(1)
    width = (chart.bounding_box() or {"width": 0.0})["width"]
    chart.hover(position={"x": width * begin, "y": 120})
    mouse = chart.page.mouse
    mouse.down()
    box = chart.bounding_box()
    assert box is not None
    mouse.move(box["x"] + box["width"] * end, box["y"] + 120, steps=8)
    mouse.up()


class Watched:
    """A browser page that remembers what went wrong in it: script errors and calls to other hosts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._look_at)

    def _look_at(self, request: object) -> None:
        address: str = request.url  # type: ignore[attr-defined]
        if not address.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:")):
            self.elsewhere.append(address)

    def must_be_clean(self) -> None:
        assert self.errors == []
        assert self.elsewhere == []
