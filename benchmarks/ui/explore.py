"""The Explore page at two sizes of data: seconds from a click until the charts are drawn, and bytes transferred.

    python -m benchmarks.ui.explore [--sessions 98000 2480000] [--repeat 5] [--keep DIR]

The data are simulated, with about 2.04 events per session: 200,000 and five million events. The server is warmed up
with the bundled demo, but nothing of the measured data is cached. Prints the seconds to open the page from the menu at
each size. One line per view has the seconds to open it, to open it again (cached) and to apply a new filter, and the
kilobytes sent to the browser.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.ui.stopwatch import PATIENCE, seconds
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.demo import write_demo
from core.eda.views import VIEWS
from core.ingestion import InputFiles, ingest
from core.pipeline.first_run import demo_dataset
from core.schema import EVENT_TYPES
from tests.browser import ENDED, launch, served

_TITLE = "What do sessions look like?"


def simulated_dataset(workspace: Workspace, sessions: int) -> Dataset:
    """Generate and ingest simulated data."""
    files = workspace.root / f"files{sessions}"
    if not files.exists():
        write_demo(files, sessions=sessions, seed=1)
    inputs = InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv")
    return ingest(inputs, workspace)  # returns at once if it is stored


class ReceivedBytes:
    """Counts the bytes that the browser receives, as sent over the network."""

    def __init__(self, page: Page) -> None:
        self.total = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.dataReceived", lambda event: self._add(event["encodedDataLength"]))
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: self._add(len(frame))))

    def _add(self, size: int) -> None:
        self.total += size


def measure(page: Page, address: str, dataset: Dataset, repeat: int) -> None:
    """Measure a dataset and print its table."""
    received = ReceivedBytes(page)
    page.goto(f"{address}/?dataset={dataset.fingerprint}")
    page.wait_for_selector(ENDED, timeout=PATIENCE)
    first = seconds(page, page.get_by_role("link", name="Explore", exact=True).first, _TITLE)
    opened, again, sizes = {}, {}, {}
    for times in (opened, again):
        for view, charts in reversed(VIEWS.items()):
            before = received.total
            button = page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True)
            times[view] = seconds(page, button, charts[0].title)
            page.wait_for_timeout(300)
            sizes[view] = received.total - before
    filtered: dict[str, list[float]] = {}
    for view, charts in VIEWS.items():
        seconds(page, page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True), charts[0].title)
        for index in range(repeat):
            max_events = 1_000 + 100 * list(VIEWS).index(view) + index  # a new filter each time
            field = page.get_by_label("Maximum events")
            if not field.is_visible():  # a click elsewhere closes the filter
                page.get_by_role("button", name="Filter").first.click()
            field.fill(str(max_events))
            # a click outside the box submits the number
            heading = page.get_by_role("heading", level=1)
            filtered.setdefault(view, []).append(seconds(page, heading, f"with at most {max_events:,} events"))
    events = sum(card.kept for card in (dataset.card().train, dataset.card().test))
    print(f"\n{events:,} events: first {first:.2f} s")
    print("view          opened   again  filter (median, slowest)      KB")
    for view in VIEWS:
        filter_seconds = filtered[view]
        print(
            f"{view:12} {opened[view]:6.2f} s {again[view]:5.2f} s  "
            f"{statistics.median(filter_seconds):5.2f} s {max(filter_seconds):5.2f} s"
            f"      {sizes[view] / 1000:8.0f}",
            flush=True,
        )


def main() -> None:
    """Print one table per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[98_000, 2_480_000])
    parser.add_argument("--repeat", type=int, default=5, help="filters per view")
    parser.add_argument("--keep", type=Path, help="keep the datasets here for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(options.keep or Path(scratch) / "home")
        small = demo_dataset(workspace)
        datasets = [simulated_dataset(workspace, sessions) for sessions in options.sessions]
        with served(workspace) as dashboard, sync_playwright() as playwright:
            browser = launch(playwright)
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE)
            for view in VIEWS:
                page.goto(f"{dashboard.address}/Explore?dataset={small.fingerprint}&view={view}&types={EVENT_TYPES[0]}")
                page.get_by_role("heading", level=1, name=_TITLE).wait_for()
                page.wait_for_selector(ENDED)
            for dataset in datasets:
                measure(page, dashboard.address, dataset, options.repeat)
            browser.close()


if __name__ == "__main__":
    main()
