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
from core.runs import Run
from tests.absent import absent_part

PROJECT = Path(__file__).resolve().parent.parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # requests of the browser itself
    "--disable-component-update",
    "--disable-sync",
]
ENDED = "[data-testid=stApp][data-test-script-state=notRunning]"
"""Selector of a page whose script has ended."""
CHARTS = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
"""Selector of drawn charts."""
START_SECONDS = 60.0
STOP_SECONDS = 10.0


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start the system's Chromium, with further arguments."""
    executable = os.environ.get("SVS_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        absent_part("Chromium", "install it (Debian: apt-get install chromium) or name it in SVS_CHROMIUM")
    return playwright.chromium.launch(executable_path=executable, args=[*CHROMIUM_ARGUMENTS, *arguments])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Dashboard(NamedTuple):
    """A running dashboard and the workspace that it shows, with one finished run."""

    address: str
    workspace: Workspace
    run: Run


class Server(NamedTuple):
    """A running dashboard."""

    address: str
    process: subprocess.Popen[bytes]


@contextmanager
def served(workspace: Workspace, *, first_run: bool = False, **variables: str) -> Iterator[Server]:
    """Serve the dashboard on a free port of this machine, as `make run` does, with further environment variables."""
    port = free_port()
    environment = os.environ | {
        "SVS_HOME": str(workspace.root),
        "SVS_FIRST_RUN": "1" if first_run else "0",
        **variables,
    }
    log = workspace.root.parent / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output)
    try:
        address = f"http://localhost:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{address}/_stcore/health"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Server(address, process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:  # Streamlit sometimes waits forever for connected browsers
            process.kill()
            process.wait()
    output_text = log.read_text()
    assert "Traceback" not in output_text, output_text


@contextmanager
def dashboard(workspace: Workspace, *, first_run: bool) -> Iterator[str]:
    """Serve the dashboard and return its address."""
    with served(workspace, first_run=first_run) as server:
        yield server.address


def answers(address: str) -> bool:
    """Whether a server answers at this address."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 (our own address)
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def drag_over(chart: Locator, begin: float, end: float, changed: Callable[[float], None]) -> None:
    """Drag over a chart with the mouse, and try again up to two times, because a busy browser can lose a press.

    Args:
        chart: the chart.
        begin: start of the span, as a share of the width.
        end: end of the span, as a share of the width.
        changed: called with the milliseconds to wait; raises AssertionError if the page did not change.
    """
    for _ in range(2):
        _drag(chart, begin, end)
        with suppress(AssertionError):
            changed(10_000.0)
            return
    _drag(chart, begin, end)
    changed(30_000.0)


def _drag(chart: Locator, begin: float, end: float) -> None:
    expect(chart.locator(".pick_brush_bg")).to_have_count(1)
    width = (chart.bounding_box() or {"width": 0.0})["width"]
    # hovering waits until the chart no longer moves
    chart.hover(position={"x": width * begin, "y": 120})
    mouse = chart.page.mouse
    mouse.down()
    box = chart.bounding_box()
    assert box is not None
    mouse.move(box["x"] + box["width"] * end, box["y"] + 120, steps=8)
    mouse.up()


class Watched:
    """A browser page that records script errors and requests to other hosts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.foreign_requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._record_request)

    def _record_request(self, request: object) -> None:
        address: str = request.url  # type: ignore[attr-defined]
        if not address.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:")):
            self.foreign_requests.append(address)

    def must_be_clean(self) -> None:
        assert self.errors == []
        assert self.foreign_requests == []
