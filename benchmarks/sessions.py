"""Twenty browser sessions at once on one server while a run is at work.

    python -m benchmarks.sessions [--sessions 20] [--minutes 10]

A real Chromium, a tab a session: to the server each is one of its own. They are opened before the run begins. Then
one after the other goes to another page, or to another view of Explore. What is measured, by a stopwatch in the page
itself, is the time from the click until the new heading is there and the script has ended (before a click, Playwright
waits for frames in which nothing moves, and they take their time in a tab that is not in front). Printed: median, 95th
percentile and slowest in seconds by page, and the server's memory over time. Browser, server and run share the
machine's cores.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil
from playwright.sync_api import Locator, Page, sync_playwright

from core.config import RunConfig
from core.eda.views import VIEWS
from core.pipeline import run
from core.runs import Jobs, cancel, start_run
from core.welcome import demo_dataset, demo_files
from core.workspace import Workspace
from tests.browser import launch, served

PAGES = {
    "Home": "What will a session be worth?",
    "Data": "What is in the data?",
    "Explore": "What do sessions look like?",
    "Train": "How well can we predict?",
    "Importance": "What drives the value of a session?",
    "Submission": "Is the submission right?",
}
_VIEWS = ("Events", "Sessions", "Time", "Products")
_PATIENCE = 60_000  # milliseconds
_ENDED = "[data-testid=stApp][data-test-script-state=notRunning]"
_STOPWATCH = """heading => {
    window.took = null
    document.addEventListener("click", click => {
        const look = () => {
            const there = [...document.querySelectorAll("h1, h2, h3")].some(each => each.textContent === heading)
            if (there && document.querySelector("ENDED")) window.took = performance.now() - click.timeStamp
            else setTimeout(look, 20)
        }
        setTimeout(look, 20)
    }, {capture: true, once: true})
}""".replace("ENDED", _ENDED)


def go(page: Page, name: str) -> float:
    """Seconds from the click on a page's link until it stands there."""
    return _seconds(page, page.get_by_role("link", name=name, exact=True).first, PAGES[name])


def look(page: Page, view: str) -> float:
    """Seconds from the click on a view of Explore, on which the page is, until it stands there."""
    return _seconds(page, page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True), VIEWS[view][0].title)


def _seconds(page: Page, link: Locator, heading: str) -> float:
    page.evaluate(_STOPWATCH, heading)
    link.click(timeout=_PATIENCE)
    return float(page.wait_for_function("() => window.took", timeout=_PATIENCE).json_value()) / 1000


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
        took: dict[str, list[float]] = defaultdict(list)
        memory: list[float] = []
        with served(workspace) as dashboard, sync_playwright() as playwright:
            browser = launch(playwright)
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            pages = [context.new_page() for _ in range(options.sessions)]
            for page in pages:
                page.goto(dashboard.address, wait_until="commit", timeout=_PATIENCE)
                page.get_by_role("heading", level=1, name=PAGES["Home"]).wait_for(timeout=_PATIENCE)
            at = ["Home"] * len(pages)
            job, _ = start_run(workspace, demo_dataset(workspace), RunConfig(preset="standard", minutes=60.0))
            try:
                began = time.monotonic()
                while time.monotonic() - began < 60 * options.minutes:
                    place = draws.randrange(len(pages))
                    page, name = pages[place], draws.choice([each for each in PAGES if each != at[place]])
                    at[place] = name
                    took[name].append(go(page, name))
                    if name == "Explore":
                        view = draws.choice(_VIEWS)
                        took[f"view {view}"].append(look(page, view))
                    memory.append(psutil.Process(dashboard.process.pid).memory_info().rss / 2**20)
                found = Jobs(workspace).get(job.id)
                assert found.state == "running", f"the run was {found.state} before the sessions had ended"
            finally:
                for each in Jobs(workspace).all():
                    cancel(workspace, each.id)
                browser.close()
    for name, seconds in sorted(took.items()):
        print(f"{name:16} {_in_words(seconds)}")
    print(f"{options.sessions} sessions: {_in_words([each for seconds in took.values() for each in seconds])}")
    fifth = max(1, len(memory) // 5)
    parts = [statistics.median(memory[place * fifth : (place + 1) * fifth]) for place in range(5)]
    print("server's memory by fifth of the time, MB: " + ", ".join(f"{part:.0f}" for part in parts))


def _in_words(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    slow = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (
        f"{len(seconds)} clicks: median {statistics.median(seconds):.2f} s, 95% within {slow:.2f} s, "
        f"slowest {ordered[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
