"""The whole shop in a real browser: 200 events a second arrive, and several tabs watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from core.base.workspace import Workspace
from core.demo import write_demo
from core.ingestion import InputFiles
from core.live.replay import Replayer
from core.model import load_model
from core.pipeline.run import run as run_pipeline
from core.runs import Run
from tests.browser import ENDED, Server, served
from tests.conftest import LIVE
from tests.test_first_screen import serious_findings

pytestmark = pytest.mark.browser

SESSIONS = 9_000
"""The events of their test file, moved to one day, are 200 a second if an hour takes a second."""
EVENTS_PER_SECOND, HOURS_PER_DAY = 200, 24
TABS, WATCHED_SECONDS = 4, 8
LONGEST_FRAME = 1_000.0
"""Milliseconds in which the browser may not draw. Longer ones are felt as a page that hangs."""
WATCH = """() => {
  window.updates = []; window.frames = [];
  const time = () => document.querySelector('[data-testid=stMetricValue]')?.innerText;
  let shown = time(), last = performance.now();
  new MutationObserver(() => { if (time() !== shown) { shown = time(); window.updates.push(performance.now()); } })
    .observe(document.body, {subtree: true, childList: true, characterData: true});
  const frame = now => { window.frames.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""


@pytest.fixture(scope="module")
def busy_shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Run]:
    """A run for open sessions whose test file has all its events on one day."""
    folder = tmp_path_factory.mktemp("busy")
    write_demo(folder, sessions=SESSIONS, seed=1)
    test = pl.read_csv(folder / "test.csv", infer_schema=False)
    day = test["event_time"].max()[:10]  # type: ignore[index]  # texts in ISO 8601
    on_day = pl.concat_str(pl.lit(day), pl.col("event_time").str.slice(10)).alias("event_time")
    test.with_columns(on_day).write_csv(folder / "test.csv")
    workspace = Workspace(folder / "home")
    return workspace, run_pipeline(InputFiles(folder / "train.csv", folder / "test.csv"), LIVE, workspace)


@pytest.fixture(scope="module")
def server(busy_shop: tuple[Workspace, Run]) -> Iterator[Server]:
    with served(busy_shop[0]) as server:
        yield server


def open_shop(browser: Browser, server: Server, run: Run) -> Page:
    """Open the whole shop in a tab."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.address}/Live?dataset={run.manifest.dataset}&run={run.manifest.run_id}&view=Whole shop")
    expect(page.get_by_text("09:00:00")).to_be_visible()
    return page


def processor_seconds(server: Server) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.long
def test_the_whole_shop_is_updated_each_second_in_several_tabs(
    browser: Browser, server: Server, busy_shop: tuple[Workspace, Run]
) -> None:
    ((_, n_events),) = Replayer(load_model(busy_shop[1])).days()
    assert n_events >= EVENTS_PER_SECOND * HOURS_PER_DAY
    tabs = [open_shop(browser, server, busy_shop[1]) for _ in range(TABS)]
    for tab in tabs:
        tab.get_by_text("1 h", exact=True).click()
        tab.get_by_role("slider", name="Jump to").press("Home")
        expect(tab.get_by_text("00:00:00")).to_be_visible()
    for tab in tabs:
        tab.get_by_role("button", name="Start").click()
    for tab in tabs:
        tab.evaluate(WATCH)
    tabs[0].wait_for_timeout(1_000 * WATCHED_SECONDS)
    for tab in tabs:
        updates, longest_frame = tab.evaluate("() => [window.updates.length, Math.max(...window.frames)]")
        assert updates >= WATCHED_SECONDS
        assert longest_frame < LONGEST_FRAME
    tabs[0].get_by_role("button", name="Pause").click()
    expect(tabs[0].get_by_role("button", name="Start")).to_be_visible(timeout=2_000)
    for tab in tabs[1:]:
        tab.context.close()
    time.sleep(2)
    before = processor_seconds(server)
    time.sleep(3)
    assert processor_seconds(server) - before < 0.3  # the paused tab and the closed ones compute nothing
    tabs[0].context.close()


def test_a_session_of_the_shop_opens_in_its_own_view(
    browser: Browser, server: Server, busy_shop: tuple[Workspace, Run]
) -> None:
    page = open_shop(browser, server, busy_shop[1])
    table = page.get_by_test_id("stDataFrame")
    with page.context.expect_page() as opened:
        for _ in range(5):  # the table follows a link under the mouse only after it has seen it there
            table.hover(position={"x": 40, "y": 52})
            page.wait_for_timeout(300)
            table.click(position={"x": 45, "y": 52})
            page.wait_for_timeout(700)
            if len(page.context.pages) > 1:
                break
    expect(opened.value.get_by_role("button", name="Try other events")).to_be_visible(timeout=60_000)
    assert "session=SESSION_" in opened.value.url
    assert opened.value.get_by_role("textbox", name="Session id").input_value() in opened.value.url
    page.context.close()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_views_of_open_sessions_are_accessible(
    scheme: str, browser: Browser, server: Server, busy_shop: tuple[Workspace, Run]
) -> None:
    run = busy_shop[1]
    session = run.table("answers.parquet").select("user_session").head(1).collect().item()
    page = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(60_000)
    address = f"{server.address}/Live?dataset={run.manifest.dataset}&run={run.manifest.run_id}"
    for view in (f"One session&session={session}", "Whole shop", "Rules", "Accuracy"):
        page.goto(f"{address}&view={view}")
        expect(page.get_by_role("radio", name=view.partition("&")[0])).to_be_checked()
        expect(page.locator(ENDED)).to_be_visible()
        assert serious_findings(page) == [], view
    page.context.close()
