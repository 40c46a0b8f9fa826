"""A stopwatch inside the page, from a click until its result is shown.

Measured from outside, the time would include pauses of Playwright: it waits for a stable frame before a click, and
polls at growing intervals after it.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.browser import ENDED

PATIENCE = 60_000  # milliseconds
_STOPWATCH = """text => {
    window.elapsed = null
    const drawn = chart => chart.querySelector("canvas, svg")
    document.addEventListener("click", click => {
        const look = () => {
            const shown = [...document.querySelectorAll("h1, h2, h3, p")].some(node => node.textContent.includes(text))
            const charts = [...document.querySelectorAll("[data-testid=stVegaLiteChart]")].every(drawn)
            if (shown && charts && document.querySelector("ENDED")) window.elapsed = performance.now() - click.timeStamp
            else setTimeout(look, 20)
        }
        setTimeout(look, 20)
    }, {capture: true, once: true})
}""".replace("ENDED", ENDED)


def seconds(page: Page, target: Locator, text: str) -> float:
    """Click the target, and return the seconds until a heading or paragraph shows the text and the page is complete.

    The page is complete when all charts are drawn and its script has ended. The text must not be on the page before.
    """
    page.evaluate(_STOPWATCH, text)
    target.click(timeout=PATIENCE)
    return float(page.wait_for_function("() => window.elapsed", timeout=PATIENCE).json_value()) / 1000
