"""The Importance page: seconds from a click until a view is drawn, and of a what-if answer.

    python -m benchmarks.ui.importance [--sessions 101500] [--keep DIR]

The data are a demo, on which a quick run is made. The page is opened from the menu, then every view. What-if answers
are those of `SessionExplainer`, for ten sessions with one more purchase.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.ui.explore import simulated_dataset
from benchmarks.ui.stopwatch import PATIENCE, seconds
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.eda.charts import session_line
from core.model import ChangedEvent
from core.pipeline.one_session import SessionExplainer
from core.pipeline.run import run
from core.runs import Run, list_runs
from core.schema import BUY
from tests.browser import ENDED, launch, served

_VIEWS = {
    "Effects": "How does each driver move single sessions?",
    "Segments": "How do groups of sessions differ?",
    "Prices": "What is an event worth?",
    "Details": "Which features does each learner use?",
    "Summary": "What are the strongest drivers?",
}
"""View -> a heading that only this view has."""


def show_what_if(finished: Run, dataset: Dataset) -> None:
    """Print the seconds of what-if answers, and of loading the model for the first one."""
    start = time.perf_counter()
    explainer = SessionExplainer.of_run(finished, dataset)
    print(f"loading the model: {time.perf_counter() - start:.2f} s")
    took = []
    for (session_id,) in dataset.dictionary("user_session").select("user_session").head(10).collect().iter_rows():
        events = session_line.frame(dataset, session_id).select("second", "event_type", "product_id")
        changed = [ChangedEvent(*row) for row in events.iter_rows()]
        start = time.perf_counter()
        explainer.explain(session_id, [*changed, ChangedEvent(changed[-1].second + 30, BUY, changed[-1].product_id)])
        took.append(time.perf_counter() - start)
    print(f"what-if: median {statistics.median(took):.2f} s, slowest {max(took):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=101_500)
    parser.add_argument("--keep", type=Path, help="keep the dataset and the run here for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(options.keep or Path(scratch) / "home")
        dataset = simulated_dataset(workspace, options.sessions)
        stored = list_runs(workspace)
        finished = stored[0] if stored else run(dataset, RunConfig(), workspace)
        show_what_if(finished, dataset)
        with served(workspace) as dashboard, sync_playwright() as playwright:
            browser = launch(playwright)
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(f"{dashboard.address}/?dataset={dataset.fingerprint}&run={finished.manifest.run_id}")
            page.wait_for_selector(ENDED, timeout=PATIENCE)
            link = page.get_by_role("link", name="Importance", exact=True).first
            print(f"Importance, opened from the menu: {seconds(page, link, 'What are the strongest drivers?'):.2f} s")
            for view, heading in _VIEWS.items():
                button = page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True)
                print(f"{view}: {seconds(page, button, heading):.2f} s", flush=True)
            browser.close()


if __name__ == "__main__":
    main()
