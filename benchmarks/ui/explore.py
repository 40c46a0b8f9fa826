"""The Explore page at two sizes of data: seconds from a click until its charts are drawn, and bytes to the browser.

    python -m benchmarks.ui.explore [--sessions 98000 2480000] [--repeat 5] [--keep DIR]

Data of the simulator, about 2.04 events a session: 200,000 and five million events. The server is warm: the page was
opened before, on the small data that come with the product; nothing of the measured data was counted before. `first` is
the click in the menu; each view is opened once (first) and again (its numbers are kept then); a filter is one that
nobody asked for before, put on with a click while each view is open. A view's weight is all that the browser gets for
it, compressed or not, as it came over the wire.
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


def made(workspace: Workspace, sessions: int) -> Dataset:
    """The simulator's data of that size, read."""
    files = workspace.root / f"files{sessions}"
    if not files.exists():
        write_demo(files, sessions=sessions, seed=1)
    names = InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv")
    return ingest(names, workspace)  # at once when it was read before


class Weight:
    """Bytes that the browser was sent."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.dataReceived", lambda told: self._add(told["encodedDataLength"]))
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: self._add(len(frame))))

    def _add(self, more: int) -> None:
        self.bytes += more


def measured(page: Page, address: str, dataset: Dataset, repeat: int) -> None:
    """Print what a size of data takes."""
    weight = Weight(page)
    page.goto(f"{address}/?dataset={dataset.fingerprint}")
    page.wait_for_selector(ENDED, timeout=PATIENCE)
    first = seconds(page, page.get_by_role("link", name="Explore", exact=True).first, _TITLE)
    opened, again, weights = {}, {}, {}
    for kept in (opened, again):
        for view, charts in reversed(VIEWS.items()):
            before = weight.bytes
            button = page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True)
            kept[view] = seconds(page, button, charts[0].title)
            page.wait_for_timeout(300)
            weights[view] = weight.bytes - before
    page.get_by_text("Filter", exact=True).first.click()
    filtered: dict[str, list[float]] = {}
    for view, charts in VIEWS.items():
        seconds(page, page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True), charts[0].title)
        for place in range(repeat):
            # each time a filter that nobody has asked for: another number of events
            box = page.get_by_label("Events, at most")
            box.fill(str(1_000 + 100 * list(VIEWS).index(view) + place))
            said = f"of {1_000 + 100 * list(VIEWS).index(view) + place:,} events or less"
            # a click outside takes the number over
            filtered.setdefault(view, []).append(seconds(page, page.get_by_role("heading", level=1), said))
    events = sum(card.kept for card in (dataset.card().train, dataset.card().test))
    print(f"\n{events:,} events: first {first:.2f} s")
    print("view          opened   again  filter (median, slowest)      KB")
    for view in VIEWS:
        mine = filtered[view]
        print(
            f"{view:12} {opened[view]:6.2f} s {again[view]:5.2f} s  {statistics.median(mine):5.2f} s {max(mine):5.2f} s"
            f"      {weights[view] / 1000:8.0f}",
            flush=True,
        )


def main() -> None:
    """Print one table a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[98_000, 2_480_000])
    parser.add_argument("--repeat", type=int, default=5, help="filters for each view")
    parser.add_argument("--keep", type=Path, help="keep the datasets here for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(options.keep or Path(scratch) / "home")
        small = demo_dataset(workspace)
        datasets = [made(workspace, sessions) for sessions in options.sessions]
        with served(workspace) as dashboard, sync_playwright() as playwright:
            browser = launch(playwright)
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE)
            for view in VIEWS:
                page.goto(f"{dashboard.address}/Explore?dataset={small.fingerprint}&view={view}&types={EVENT_TYPES[0]}")
                page.get_by_role("heading", level=1, name=_TITLE).wait_for()
                page.wait_for_selector(ENDED)
            for dataset in datasets:
                measured(page, dashboard.address, dataset, options.repeat)
            browser.close()


if __name__ == "__main__":
    main()
