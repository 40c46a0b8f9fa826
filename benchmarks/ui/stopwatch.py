"""A stopwatch inside the page: from a click until what it asked for stands there.

Before it clicks, Playwright waits for frames in which nothing moves, and after it, it looks again after longer and
longer pauses; both are no part of what a person waits.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.browser import ENDED

PATIENCE = 60_000  # milliseconds
_WATCH = """words => {
    window.took = null
    const drawn = each => each.querySelector("canvas, svg")
    document.addEventListener("click", click => {
        const look = () => {
            const there = [...document.querySelectorAll("h1, h2, h3, p")].some(each => each.textContent.includes(words))
            const charts = [...document.querySelectorAll("[data-testid=stVegaLiteChart]")].every(drawn)
            if (there && charts && document.querySelector("ENDED")) window.took = performance.now() - click.timeStamp
            else setTimeout(look, 20)
        }
        setTimeout(look, 20)
    }, {capture: true, once: true})
}""".replace("ENDED", ENDED)


def seconds(page: Page, clicked: Locator, words: str) -> float:
    """From the click until the page says so (in a heading or a paragraph), all its charts are drawn and its script has
    ended. The words must be new on the page.
    """
    page.evaluate(_WATCH, words)
    clicked.click(timeout=PATIENCE)
    return float(page.wait_for_function("() => window.took", timeout=PATIENCE).json_value()) / 1000
