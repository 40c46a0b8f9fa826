"""Exported charts: real pictures, and pages that open in a real browser without any request."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, expect

from core.eda.charts import lorenz
from core.eda.parts import export
from core.eda.parts.export import PageChart
from core.eda.parts.theme import TEXT_COLOURS
from tests.browser import Watched

DATA = lorenz.frame(pl.DataFrame({"value": [1.0, 2.0, 3.0, 40.0]}))
CHART = PageChart(lorenz.TITLE, lorenz.finding(DATA), lorenz.figure(DATA))


def test_a_png_has_two_pixels_per_pixel_of_the_drawing() -> None:
    content = export.render_picture(CHART.figure, "png")
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1700
    assert height > 500


def test_an_svg_contains_the_axis_titles() -> None:
    content = export.render_picture(CHART.figure, "svg").decode()
    assert content.startswith("<svg")
    assert "share of all value" in content


def test_a_page_has_the_texts_and_colours_of_the_light_theme() -> None:
    empty = PageChart("Is there one?", "No <session>.", None)
    page = export.render_page("Title", "A note.", [CHART, empty]).decode()
    assert page.count("vegaEmbed(") == 1 + page.split("</head>")[0].count("vegaEmbed(")
    assert f'"labelColor": "{TEXT_COLOURS["light"]}"' in page
    assert "<h2>Is there one?</h2>\n<p>No &lt;session&gt;.</p>\n<footer>" in page


@pytest.mark.browser
def test_a_page_is_drawn_without_a_network(browser: Browser, tmp_path: Path) -> None:
    with_markup = PageChart("</script><b>x", "a < b & c", CHART.figure)
    file = tmp_path / "page.html"
    file.write_bytes(export.render_page("Title & more", "A note.", [CHART, with_markup]))
    page = browser.new_page()
    watched = Watched(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator("svg.marks")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_have_text("Title & more")
    expect(page.get_by_role("heading", level=2).nth(1)).to_have_text("</script><b>x")
    expect(page.get_by_label(re.compile("top 10% of the sessions")).first).to_be_visible()
    assert requests == [file.as_uri()]
    assert watched.errors == []
    page.close()
