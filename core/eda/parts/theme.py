"""Colours and settings shared by all charts: one thing has the same colour on every page.

The colour sets follow the palette of Okabe and Ito (2008, Color Universal Design), which colour-blind readers can tell
apart. Every colour has a contrast of at least 3:1 with both the white and the dark background.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import altair as alt
import pandas  # noqa: F401 (see below)

from core.schema import ADD_CART, BUY, EVENT_TYPES, LEARNER_LABELS, REMOVE_CART, ROLES, STACK, STACK_LABEL, VIEW

# Altair looks for pandas among the imported modules when it draws, and Streamlit imports pandas lazily. Two pages
# opened at once on a fresh server could meet a half-imported pandas; importing it here first avoids that.

Figure = alt.Chart | alt.LayerChart

ACCENT: Final = "#3B5BDB"
MUTED: Final = "#6C7789"
DARK_TEXT: Final = "#1F2937"
"""Labels on pale cells; on dark cells they are white."""
PALE: Final = "#E8ECFB"
"""Lower end of the colour scale of a heat map, whose upper end is the accent."""
NEGATIVE: Final = "#D55E00"
"""Opposite of the accent: negative correlations, and the second of two distributions."""
EVENT_COLOURS: Final = {VIEW: "#0E7AB8", ADD_CART: "#CE8300", REMOVE_CART: "#C2659B", BUY: "#079268"}
LEARNER_COLOURS: Final = {"lightgbm": "#3C98D4", "xgboost": "#D55E00", "catboost": "#9467BD", STACK: ACCENT}
PREDICTOR_LABELS: Final = LEARNER_LABELS | {STACK: STACK_LABEL}
FILE_COLOURS: Final = {"train": "#5B7DB1", "test": "#A9744F"}

HEIGHT: Final = 280
"""Pixels: two charts and their sentences fit on a laptop's screen."""


def event_scale() -> alt.Scale:
    """Return the colours of the event types, in funnel order."""
    return alt.Scale(domain=list(EVENT_TYPES), range=[EVENT_COLOURS[word] for word in EVENT_TYPES])


def file_scale() -> alt.Scale:
    """Return the colours of train and test."""
    return alt.Scale(domain=list(FILE_COLOURS), range=list(FILE_COLOURS.values()))


def learner_scale(names: Iterable[str]) -> alt.Scale:
    """Return the colours of learners and the stack, by display name."""
    names = list(names)
    return alt.Scale(domain=[PREDICTOR_LABELS[name] for name in names], range=[LEARNER_COLOURS[name] for name in names])


def file_opacity() -> alt.Opacity:
    """Return the opacity that sets test apart from train where the colour already shows something else."""
    # by default the legend's symbols are black, which the dark theme hides
    legend = alt.Legend(symbolFillColor=MUTED, symbolStrokeWidth=0)
    return alt.Opacity("file:N", scale=alt.Scale(domain=list(ROLES), range=[1.0, 0.55]), legend=legend)


def share_axis(**options: Any) -> alt.Axis:  # noqa: ANN401 (options of alt.Axis)
    """Return an axis of shares in percent."""
    return alt.Axis(format="%", tickCount=5, **options)


def short_axis(ticks: int, **options: Any) -> alt.Axis:  # noqa: ANN401 (options of alt.Axis)
    """Return an axis whose large numbers are in thousands (k) or millions (M); 0 is just 0."""
    return alt.Axis(format="~s", labelExpr="datum.value ? datum.label : '0'", tickCount=ticks, **options)


def finished(chart: Figure, description: str, height: int = HEIGHT) -> Figure:
    """Return the chart with its size, its text for screen readers and the settings that all charts share."""
    styled: Figure = (
        chart.properties(height=height, width="container", description=description)
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            grid=False,
            titlePadding=10,
            labelFlush=False,  # Streamlit's default shifts the first and the last label
        )
        .configure_axisY(grid=True, gridOpacity=0.35, domain=False, ticks=False)
        .configure_legend(
            labelFontSize=11, title=None, orient="top", offset=6, symbolType="square", columnPadding=3, labelOffset=2
        )
    )
    return styled
