"""The one place for colours and chart settings. A thing has the same colour in every chart of every page.

The three sets are taken from, or placed beside, the palette of Okabe and Ito (2008, Color Universal Design), which is
told apart by colour-blind eyes; all have at least 3:1 contrast with the white and the dark background.
"""

from __future__ import annotations

from typing import Any, Final

import altair as alt
import pandas  # noqa: F401 (see below)

from core.schema import ADD_CART, BUY, EVENT_TYPES, REMOVE_CART, STACK, VIEW

# Altair looks for pandas among the imported modules when it draws. Streamlit imports it lazily, so that of two pages
# that open at once on a fresh server one could meet it half imported; a whole import here, before any drawing, helps.

ACCENT: Final = "#3B5BDB"
MUTED: Final = "#6C7789"
EVENT_COLOURS: Final = {VIEW: "#0E7AB8", ADD_CART: "#CE8300", REMOVE_CART: "#C2659B", BUY: "#079268"}
LEARNER_COLOURS: Final = {"lightgbm": "#3C98D4", "xgboost": "#D55E00", "catboost": "#9467BD", STACK: ACCENT}
FILE_COLOURS: Final = {"train": "#5B7DB1", "test": "#A9744F"}

HEIGHT: Final = 280
"""Pixels: two charts and their sentences fit on a laptop's screen."""


def event_scale() -> alt.Scale:
    """Colours of the event types, in funnel order."""
    return alt.Scale(domain=list(EVENT_TYPES), range=[EVENT_COLOURS[word] for word in EVENT_TYPES])


def file_scale() -> alt.Scale:
    """Colours of the two files."""
    return alt.Scale(domain=list(FILE_COLOURS), range=list(FILE_COLOURS.values()))


def short_axis(ticks: int, **more: Any) -> alt.Axis:  # noqa: ANN401 (of alt.Axis)
    """An axis of numbers in thousands (k) and millions (M) where they are large; 0 is just 0."""
    return alt.Axis(format="~s", labelExpr="datum.value ? datum.label : '0'", tickCount=ticks, **more)


def finished(chart: Any, description: str, height: int = HEIGHT) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Give a chart its size, its text for screen readers and the settings that all charts share."""
    return (
        chart.properties(height=height, width="container", description=description)
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            grid=False,
            titlePadding=10,
            labelFlush=False,  # Streamlit's own moves the first and the last off their places
        )
        .configure_axisY(grid=True, gridOpacity=0.35, domain=False, ticks=False)
        .configure_legend(
            labelFontSize=11, title=None, orient="top", offset=6, symbolType="square", columnPadding=3, labelOffset=2
        )
    )
