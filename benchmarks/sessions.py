"""Response times of one server with twenty browser sessions while a run is in progress.

    python -m benchmarks.sessions [--sessions 20] [--minutes 10]

Each session is a tab of a real Chromium, opened before the run starts. Sessions then take turns to open another page or
another view of Explore. The time is measured from the click until the new heading is shown, the charts are drawn and
the script has ended (benchmarks/ui/stopwatch.py).

Prints the median, the 95th percentile and the slowest time by page, how far the shown progress lags behind the job, and
the server's memory over time. Browser, server and run share the cores.
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
    "Submission": "Is the submission ready?",
}
_VIEWS = ("Events", "Sessions", "Time", "Products")
_WITH_PROGRESS = ("Home", "Train")


def open_page(page: Page, name: str) -> float:
    """Click the link of a page and return the seconds until the page is shown."""
    return seconds(page, page.get_by_role("link", name=name, exact=True).first, PAGES[name])


def open_view(page: Page, view: str) -> float:
    """Click a view of the Explore page and return the seconds until the view is shown."""
    return seconds(page, page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True), VIEWS[view][0].title)


def main() -> None:
    """Print the response times, the lag of the progress, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch) / "home")
        run(demo_files(), RunConfig(), workspace)
        times: dict[str, list[float]] = defaultdict(list)
        memory: list[float] = []
        with served(workspace) as dashboard, sync_playwright() as playwright:
            browser = launch(playwright)
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            pages = [context.new_page() for _ in range(options.sessions)]
            for page in pages:
                page.goto(dashboard.address, wait_until="commit", timeout=PATIENCE)
                page.get_by_role("heading", level=1, name=PAGES["Home"]).wait_for(timeout=PATIENCE)
            current = ["Home"] * len(pages)
            job, _ = start_run(workspace, demo_dataset(workspace), RunConfig(preset="standard", minutes=60.0))
            history, lags = _ProgressHistory(workspace, job.id), []
            try:
                started = time.monotonic()
                while time.monotonic() - started < 60 * options.minutes:
                    index = rng.randrange(len(pages))
                    page, name = pages[index], rng.choice([name for name in PAGES if name != current[index]])
                    current[index] = name
                    times[name].append(open_page(page, name))
                    if name == "Explore":
                        view = rng.choice(_VIEWS)
                        times[f"view {view}"].append(open_view(page, view))
                    for watcher in (page for page, name in zip(pages, current, strict=True) if name in _WITH_PROGRESS):
                        lags.append(history.lag(watcher.get_by_test_id("stProgress").first.inner_text()))
                    memory.append(psutil.Process(dashboard.process.pid).memory_info().rss / 2**20)
                final = Jobs(workspace).get(job.id)
                assert final.state == "running", f"the run was {final.state} before the sessions had ended"
            finally:
                history.stop()
                for queued in Jobs(workspace).all():
                    cancel(workspace, queued.id)
                browser.close()
    for name, seconds_of_page in sorted(times.items()):
        print(f"{name:16} {_summary(seconds_of_page)}")
    print(f"{options.sessions} sessions: {_summary([click for page_times in times.values() for click in page_times])}")
    print(f"lag of the shown progress: {_summary(lags, 'looks')}")
    fifth = max(1, len(memory) // 5)
    medians = [statistics.median(memory[part * fifth : (part + 1) * fifth]) for part in range(5)]
    print("server's memory by fifth of the time, MB: " + ", ".join(f"{median:.0f}" for median in medians))


class _ProgressHistory:
    """Records the progress of a job with its time, to measure how far a page lags behind."""

    def __init__(self, workspace: Workspace, job: str) -> None:
        self._read = lambda: Jobs(workspace).get(job).progress
        self._updates = [("", 0.0)]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._stopped.wait(0.1):
            moment = self._read()
            detail = "" if moment is None else moment.detail
            if detail != self._updates[-1][0]:
                self._updates.append((detail, time.monotonic()))

    def lag(self, shown: str) -> float:
        """Return the seconds since the text that a page shows was replaced by a newer one."""
        updates, now = list(self._updates), time.monotonic()
        latest = max((index for index, (detail, _) in enumerate(updates) if detail and detail in shown), default=None)
        if latest is None:
            return now - updates[1][1] if len(updates) > 1 else 0.0
        return now - updates[latest + 1][1] if latest + 1 < len(updates) else 0.0

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def _summary(times: list[float], unit: str = "clicks") -> str:
    ordered = sorted(times)
    slow = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (
        f"{len(times)} {unit}: median {statistics.median(times):.2f} s, 95% within {slow:.2f} s, "
        f"slowest {ordered[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
