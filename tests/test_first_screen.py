"""The first screen of pages in a real browser: the finding and the main chart or form are on it, in both themes."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import ENDED, Dashboard

CHART, UPLOAD = "[data-testid=stVegaLiteChart] svg", "[data-testid=stFileUploader]"
MAIN = {
    "": "h1",
    "Train": "h1",
    "Explore": CHART,
    "Explore?view=Events&types=BUY&file=train": CHART,
    "Explore?view=Sessions&by=category&with=types%3DBUY": CHART,
    "Importance": CHART,
    "Data": UPLOAD,
    "Score": UPLOAD,
    "Backtest": "h1",
}
"""Page -> what it is opened for."""
WINDOW = (1_280, 800)
TITLE_BELOW, MAIN_BELOW = 60, 480
"""Pixels from the top at which the title, and the main chart or form, begin at the latest."""
BRUSH = {"include": [["body"]], "exclude": [[".pick_brush_bg"], [".pick_brush"]]}
"""Vega's rectangle of a dragged span cannot have a name."""


def top_of(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"]


def serious_findings(page: Page) -> list[str]:
    answer = Axe().run(page, context=BRUSH, options={"resultTypes": ["violations"]}).response
    return [
        f"{violation['id']}: {violation['nodes'][0]['html']}"
        for violation in answer["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_the_first_screen_has_the_main_thing_and_is_accessible(
    scheme: str, browser: Browser, finished_dashboard: Dashboard
) -> None:
    wide, high = WINDOW
    context = browser.new_context(viewport={"width": wide, "height": high}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    for path, main in MAIN.items():
        page.goto(f"{finished_dashboard.address}/{path}")
        expect(page.locator(main).first).to_be_visible()
        expect(page.locator(ENDED)).to_be_visible()
        assert top_of(page, "h1") < TITLE_BELOW, path
        assert top_of(page, main) < MAIN_BELOW, path
        levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), path
        assert serious_findings(page) == [], path
    page.goto(f"{finished_dashboard.address}/Explore?view=Events")
    filter_button = page.get_by_role("button", name="Filter")
    filter_button.click()
    expect(page.get_by_text("Minimum events")).to_be_visible()
    assert serious_findings(page) == []
    context.close()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_views_of_the_submission_are_accessible(
    scheme: str, browser: Browser, finished_dashboard: Dashboard
) -> None:
    context = browser.new_context(viewport={"width": 1_280, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for view in ("This run", "Check a file", "Compare and blend", "Log"):
        page.goto(f"{finished_dashboard.address}/Submission?view={quote(view)}")
        expect(page.get_by_role("radio", name=view)).to_be_checked()
        expect(page.locator(ENDED)).to_be_visible()
        if view == "This run":  # a download fills the log
            with page.expect_download():
                page.get_by_role("button", name="Download submission.csv").click()
        assert serious_findings(page) == [], view
    context.close()


def test_a_wide_screen_has_two_charts_side_by_side_and_views_stay_in_reach(
    browser: Browser, finished_dashboard: Dashboard
) -> None:
    context = browser.new_context(viewport={"width": 1_920, "height": 900})
    page = context.new_page()
    page.goto(f"{finished_dashboard.address}/Explore?view=Events")
    charts = page.locator(CHART)
    expect(charts.nth(7)).to_be_attached()
    left, right, below = (charts.nth(place).bounding_box() for place in range(3))
    assert left is not None
    assert right is not None
    assert below is not None
    assert right["x"] > left["x"] + left["width"]
    assert abs(below["x"] - left["x"]) < 40
    toolbar = page.get_by_test_id("stElementToolbar").first.get_by_role("button", include_hidden=True)
    shown = toolbar.evaluate_all("all => all.filter(one => one.getClientRects().length).map(one => one.ariaLabel)")
    assert shown == ["Show data", "Fullscreen"]  # two stops for the keyboard
    charts.nth(7).scroll_into_view_if_needed()
    page.get_by_role("radio", name="Value").click()  # fails if it is out of the window or covered
    expect(page.get_by_role("heading", name="How much are sessions worth?")).to_be_visible()
    context.close()
