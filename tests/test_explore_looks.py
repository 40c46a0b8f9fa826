"""Explore in a real browser: looks and accessibility of every view, picks in charts, downloads and the filter.

Screenshots are kept in the folder `SVS_SCREENSHOTS`, if it is set.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, expect

from core.eda.views import CHARTS as CHARTS_OF_ALL
from core.eda.views import VIEWS
from core.ingestion import InputFiles, ingest
from tests.browser import ENDED, Dashboard, drag_over
from tests.conftest import DEMO

CHART = "[data-testid=stVegaLiteChart]"
CHARTS = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
LOOKS = {
    "light": (1280, "light", "", "sessions of both files."),
    "dark and narrow": (390, "dark", "&types=BUY", "with BUY"),
}
"""Width in pixels, colour scheme, filter in the address, and what the page says about it."""
AXE_SCOPE = {"include": [["body"]], "exclude": [[".pick_brush_bg"], [".pick_brush"]]}
"""All but the rectangle that Vega draws for a dragged span. It has no accessible name and cannot be given one; the same
filter can be set with the widgets."""
SERIOUS = ("serious", "critical")
PAGE_HEIGHT = 2_400  # pixels: a whole view


@pytest.mark.parametrize("look", [pytest.param("light", marks=pytest.mark.long), "dark and narrow"])
def test_every_view_is_drawn_completely_and_accessible(
    look: str, browser: Browser, finished_dashboard: Dashboard, tmp_path: Path
) -> None:
    wide, scheme, filter_query, filter_text = LOOKS[look]
    folder = Path(os.environ.get("SVS_SCREENSHOTS", tmp_path))
    context = browser.new_context(viewport={"width": wide, "height": PAGE_HEIGHT}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    console_errors: list[str] = []

    def record_error(message: ConsoleMessage) -> None:
        # Streamlit first asks below the page's own address and then at the server's, so the first request may fail.
        if message.type == "error" and "/Explore/_stcore/" not in message.location["url"]:
            console_errors.append(message.text)

    page.on("console", record_error)
    page.on("pageerror", lambda error: console_errors.append(str(error)))
    violations = []
    address = finished_dashboard.address
    for view, charts in VIEWS.items():
        page.goto(f"{address}/Explore?view={view}{filter_query}")
        expect(page.locator(CHARTS)).to_have_count(len(charts) + (view == "Features"))  # and one of any feature
        expect(page.get_by_text(filter_text).locator("visible=true").first).to_be_visible()
        expect(page.locator(ENDED)).to_be_visible()
        answer = Axe().run(page, context=AXE_SCOPE, options={"resultTypes": ["violations"]}).response
        violations += [
            f"{view}: {violation['id']}: {violation['nodes'][0]['html']}"
            for violation in answer["violations"]
            if violation["impact"] in SERIOUS
        ]
        shot = page.screenshot(path=folder / f"explore_{view.lower()}_{look.replace(' ', '_')}.png")
        assert len(shot) > 20_000  # bytes; an empty page of this size has 8,000
        across = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert across <= 0, f"{view} is {across} pixels wider than the window"
    context.close()
    assert violations == [], "\n".join(violations)
    assert console_errors == [], "\n".join(console_errors)


def test_a_pick_in_a_chart_filters_the_page(browser: Browser, finished_dashboard: Dashboard) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 1_400})
    page = context.new_page()
    address = finished_dashboard.address
    page.goto(f"{address}/Explore?view=Events")
    expect(page.locator(CHARTS)).to_have_count(len(VIEWS["Events"]))
    bars = page.locator(CHART).first.locator("path[aria-label*='BUY'][aria-label*='train']")
    bars.first.click()
    expect(page.get_by_role("button", name="with BUY")).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?&]types=BUY(&|$)"))
    expect(page.locator(ENDED)).to_be_visible()
    expect(page.get_by_text("Fewest events")).to_be_hidden()  # only a visitor opens the filter
    # the mark is still picked in the chart; it must not restore the cleared filter
    page.get_by_role("button", name="with BUY").click()
    expect(page.get_by_text("sessions of both files.")).to_be_visible()
    expect(page.locator(ENDED)).to_be_visible()
    expect(page.get_by_text("sessions of both files.")).to_be_visible()

    page.goto(f"{address}/Explore?view=Time")
    expect(page.locator(CHARTS)).to_have_count(len(VIEWS["Time"]))
    days = page.get_by_role("button", name=re.compile(r"starting from 0\d Jun 2025 to 1\d Jun 2025"))
    drag_over(page.locator(CHART).first, 0.3, 0.5, lambda wait: expect(days).to_be_visible(timeout=wait))
    page.reload()
    expect(days).to_be_visible()
    # the next drag must draw a new span and not move the first one
    expect(page.locator(CHARTS)).to_have_count(len(VIEWS["Time"]))
    expect(page.locator(ENDED)).to_be_visible()
    first = days.inner_text().splitlines()[0]  # the second line is the icon
    old = page.get_by_role("button", name=first)
    drag_over(page.locator(CHART).first, 0.4, 0.5, lambda wait: expect(old).to_have_count(0, timeout=wait))
    spans = (first, page.get_by_role("button", name="starting from").inner_text())
    (begins, _), (narrower, _) = ([int(day) for day in re.findall(r"(\d+) Jun", span)] for span in spans)
    assert begins < narrower
    context.close()


def test_the_file_of_all_views_works_without_the_dashboard(
    browser: Browser, finished_dashboard: Dashboard, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    address = finished_dashboard.address
    page.goto(f"{address}/Explore?view=Time&types=BUY")
    expect(page.locator(CHARTS)).to_have_count(len(VIEWS["Time"]))
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Download all views (HTML)").click()
    file = tmp_path / "all_views.html"
    download.value.save_as(file)
    page.goto(file.as_uri())
    expect(page.locator("h2")).to_have_count(len(CHARTS_OF_ALL))
    expect(page.locator(".chart svg.marks")).to_have_count(len(CHARTS_OF_ALL))
    expect(page.get_by_text("those with BUY.")).to_be_visible()
    context.close()


def test_days_outside_another_datasets_log_are_dropped_from_the_filter(
    browser: Browser, finished_dashboard: Dashboard, tmp_path: Path
) -> None:
    lines = (DEMO / "train.csv").read_text().splitlines()[:3000]
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    for name in ("train", "test"):
        text = "\n".join(lines) if name == "train" else (DEMO / "test.csv").read_text()
        (earlier / f"{name}.csv").write_text(text.replace("2025-", "2024-") + "\n")
    other = ingest(InputFiles(earlier / "train.csv", earlier / "test.csv"), finished_dashboard.workspace)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    address = finished_dashboard.address
    page.goto(
        f"{address}/Explore?view=Time&first=2025-06-05&last=2025-06-10&types=BUY&dataset={finished_dashboard.run.manifest.dataset}"
    )
    expect(page.get_by_role("button", name="starting from 05 Jun 2025 to 10 Jun 2025")).to_be_visible()
    page.get_by_role("combobox", name=re.compile("Dataset")).first.click()
    page.get_by_role("option", name=re.compile(other.fingerprint[:6])).click()
    expect(
        page.get_by_text(re.compile("not fit the dataset and are ignored: first=2025-06-05 and last=2025-06-10"))
    ).to_be_visible()
    expect(page.get_by_role("button", name="with BUY")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    context.close()


def test_the_back_button_of_the_browser_undoes_a_step(browser: Browser, finished_dashboard: Dashboard) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    address = finished_dashboard.address
    page.goto(f"{address}/Explore?view=Value")
    expect(page.get_by_text("sessions of both files.")).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("Time", exact=True).click()
    expect(page.get_by_text("How busy is the shop from day to day?")).to_be_visible()
    page.get_by_text("Filter", exact=True).first.click()
    page.get_by_role("button", name="BUY").first.click()
    expect(page.get_by_role("button", name="with BUY")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("sessions of both files.")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("How much are sessions worth?")).to_be_visible()
    page.go_forward()
    expect(page.get_by_text("How busy is the shop from day to day?")).to_be_visible()
    expect(page.locator(ENDED)).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("button", name="with BUY")).to_be_visible()
    expect(page.locator(ENDED)).to_be_visible()
    page.get_by_role("link", name="Train", exact=True).first.click()
    expect(page.get_by_role("heading", level=1, name="How well can we predict?")).to_be_visible()
    page.get_by_role("link", name="Explore", exact=True).first.click()
    expect(page.get_by_role("button", name="with BUY")).to_be_visible()
    expect(page.get_by_text("How busy is the shop from day to day?")).to_be_visible()
    context.close()
