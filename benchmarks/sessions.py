"""Twenty browser sessions at once on one server while a run is at work.

    python -m benchmarks.sessions [--sessions 20] [--minutes 10]

A real Chromium, a tab a session: to the server each is one of its own. They are opened before the run begins. Then
one after the other goes to another page, or to another view of Explore. What is measured is the time from the click
until the new heading is there, the charts are drawn and the script has ended (the stopwatch of benchmarks/ui). Printed:
median, 95th percentile and slowest in seconds by page, how far behind the job the progress on the pages is, and the
server's memory over time. Browser, server and run share the machine's cores.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from benchmarks.ui.stopwatch import PATIENCE, seconds
from core.base.workspace import Workspace
from core.config import RunConfig
from core.eda.views import VIEWS
from core.jobs import Jobs, cancel, start_run
from core.pipeline.first_run import demo_dataset, demo_files
from core.pipeline.run import run
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
_WITH_PROGRESS = ("Home", "Train")


def go(page: Page, name: str) -> float:
    """Seconds from the click on a page's link until it stands there."""
    return seconds(page, page.get_by_role("link", name=name, exact=True).first, PAGES[name])


def look(page: Page, view: str) -> float:
    """Seconds from the click on a view of Explore, on which the page is, until it stands there."""
    return seconds(page, page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True), VIEWS[view][0].title)


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
                page.goto(dashboard.address, wait_until="commit", timeout=PATIENCE)
                page.get_by_role("heading", level=1, name=PAGES["Home"]).wait_for(timeout=PATIENCE)
            at = ["Home"] * len(pages)
            job, _ = start_run(workspace, demo_dataset(workspace), RunConfig(preset="standard", minutes=60.0))
            told, behind = _Told(workspace, job.id), []
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
                    for watcher in (page for page, name in zip(pages, at, strict=True) if name in _WITH_PROGRESS):
                        behind.append(told.seconds_behind(watcher.get_by_test_id("stProgress").first.inner_text()))
                    memory.append(psutil.Process(dashboard.process.pid).memory_info().rss / 2**20)
                found = Jobs(workspace).get(job.id)
                assert found.state == "running", f"the run was {found.state} before the sessions had ended"
            finally:
                told.end()
                for each in Jobs(workspace).all():
                    cancel(workspace, each.id)
                browser.close()
    for name, mine in sorted(took.items()):
        print(f"{name:16} {_in_words(mine)}")
    print(f"{options.sessions} sessions: {_in_words([each for mine in took.values() for each in mine])}")
    print(f"seconds that a shown state was behind: {_in_words(behind, 'looks')}")
    fifth = max(1, len(memory) // 5)
    parts = [statistics.median(memory[place * fifth : (place + 1) * fifth]) for place in range(5)]
    print("server's memory by fifth of the time, MB: " + ", ".join(f"{part:.0f}" for part in parts))


class _Told:
    """What the jobs database said of a job, and when: to see how far behind a page is."""

    def __init__(self, workspace: Workspace, job: str) -> None:
        self._read, self._said, self._over = lambda: Jobs(workspace).get(job).progress, [("", 0.0)], threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._over.wait(0.1):
            moment = self._read()
            words = "" if moment is None else moment.detail
            if words != self._said[-1][0]:
                self._said.append((words, time.monotonic()))

    def seconds_behind(self, shown: str) -> float:
        """For how long what a page shows has not been the latest."""
        said, now = list(self._said), time.monotonic()
        latest = max((place for place, (words, _) in enumerate(said) if words and words in shown), default=None)
        if latest is None:
            return now - said[1][1] if len(said) > 1 else 0.0
        return now - said[latest + 1][1] if latest + 1 < len(said) else 0.0

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def _in_words(times: list[float], of: str = "clicks") -> str:
    ordered = sorted(times)
    slow = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (
        f"{len(times)} {of}: median {statistics.median(times):.2f} s, 95% within {slow:.2f} s, "
        f"slowest {ordered[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
