"""Twenty browser sessions at once on one server while a run is at work.

    python -m benchmarks.sessions [--sessions 20] [--minutes 10]

A real Chromium, a context a session. Each in turn goes to another page; what is measured is the time from the click
until the page has its heading and its script has ended. Printed: median, 95th percentile and slowest in seconds, and
the server's memory over time. Browser, server and run share the machine's cores.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect, sync_playwright

from core.config import RunConfig
from core.pipeline import run
from core.runs import Jobs, cancel, start_run
from core.welcome import demo_dataset, demo_files
from core.workspace import Workspace

PAGES = {
    "Home": "What will a session be worth?",
    "Data": "What is in the data?",
    "Explore": "What do sessions look like?",
    "Train": "How well can we predict?",
    "Importance": "What drives the value of a session?",
    "Submission": "Is the submission right?",
}
_ENDED = "[data-testid=stApp][data-test-script-state=notRunning]"


def served(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A dashboard and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {"SVS_HOME": str(home), "SVS_FIRST_RUN": "0"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health")  # noqa: S310 (our own address)
        except OSError:
            time.sleep(0.2)
        else:
            return server, address
    raise RuntimeError("the server does not answer")


def go(page: Page, name: str) -> float:
    """Seconds from the click on a page's link until it stands there."""
    began = time.perf_counter()
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", level=1, name=PAGES[name])).to_be_visible(timeout=60_000)
    page.wait_for_selector(_ENDED, timeout=60_000)
    return time.perf_counter() - began


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    draws = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch) / "home")
        run(demo_files(), RunConfig(), workspace)
        server, address = served(workspace.root)
        try:
            job, _ = start_run(workspace, demo_dataset(workspace), RunConfig(preset="standard", minutes=60.0))
            memory, took = [], []
            with sync_playwright() as playwright:
                chromium = os.environ.get("SVS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                pages = []
                for _ in range(options.sessions):
                    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
                    page.goto(address, wait_until="commit", timeout=120_000)
                    expect(page.get_by_role("heading", level=1, name=PAGES["Home"])).to_be_visible(timeout=120_000)
                    pages.append(page)
                began = time.monotonic()
                while time.monotonic() - began < 60 * options.minutes:
                    page = draws.choice(pages)
                    took.append(go(page, draws.choice(list(PAGES))))
                    memory.append(psutil.Process(server.pid).memory_info().rss / 2**20)
                browser.close()
            assert Jobs(workspace).get(job.id).active, "the run ended before the sessions did"
        finally:
            for each in Jobs(workspace).all():
                cancel(workspace, each.id)
            server.kill()
            server.wait()
    slow = statistics.quantiles(took, n=20)[-1]
    print(
        f"{options.sessions} sessions, {len(took)} changes of page: median {statistics.median(took):.2f} s, "
        f"95% within {slow:.2f} s, slowest {max(took):.2f} s"
    )
    fifth = max(1, len(memory) // 5)
    parts = [statistics.median(memory[place * fifth : (place + 1) * fifth]) for place in range(5)]
    print("server's memory by fifth of the time, MB: " + ", ".join(f"{part:.0f}" for part in parts))


if __name__ == "__main__":
    main()
