"""Colours, number formats and settings shared by all charts. A file, event type or learner has one colour on all pages.

The colour sets follow the palette of Okabe and Ito (2008, Color Universal Design), which colour-blind readers can
distinguish. Every colour has a contrast of at least 3:1 with both the white and the dark background, which is enough
for marks. Text needs 4.5:1, which no colour has with both, so its colour depends on the theme (`with_text_colour`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import altair as alt
import pandas  # noqa: F401 (see below)
import polars as pl

from core.base.number_format import current_format
from core.schema import ADD_CART, BUY, EVENT_TYPES, LEARNER_LABELS, REMOVE_CART, ROLES, STACK, STACK_LABEL, VIEW

# Altair looks for pandas among the imported modules when it draws, and Streamlit imports pandas lazily. Two pages
# opened at once on a fresh server could meet a half-imported pandas; importing it here first avoids that.

Figure = alt.Chart | alt.LayerChart
Theme = Literal["light", "dark"]

ACCENT: Final = "#3B5BDB"
MUTED: Final = "#6C7789"
TEXT_COLOURS: Final[dict[Theme, str]] = {"light": "#4B5567", "dark": "#AEB8C9"}
"""Theme -> colour of labels next to marks."""
TEXT_ON_MARKS: Final = "#000000"
"""Colour of labels on marks, in both themes; white on the darkest cells of a heat map, see `cell_text`."""
PALE: Final = "#E8ECFB"
"""Lower end of the colour scale of a heat map; the upper end is the accent."""
DARK_CELL: Final = 0.87
"""Share of the colour scale above which white text has more contrast with a cell than black text."""
NEGATIVE: Final = "#D55E00"
"""Opposite of the accent, for negative correlations and for the second of two distributions."""
EVENT_COLOURS: Final = {VIEW: "#0E7AB8", ADD_CART: "#CE8300", REMOVE_CART: "#C2659B", BUY: "#079268"}
LEARNER_COLOURS: Final = {
    "lightgbm": "#3C98D4",
    "xgboost": "#D55E00",
    "catboost": "#9467BD",
    "linear": "#079268",
    STACK: ACCENT,
}
PREDICTOR_LABELS: Final = LEARNER_LABELS | {STACK: STACK_LABEL}
FILE_COLOURS: Final = {"train": "#5B7DB1", "test": "#A9744F"}
GROUP_COLOURS: Final = ("#3B5BDB", "#D55E00", "#9467BD", "#079268", "#C2659B")
"""Colours of groups that have none of their own, such as categories."""

HEIGHT: Final = 280
"""Pixels; with this height, two charts and their findings fit on a laptop's screen."""


_SHORT_NUMBER: Final = (
    "".join(
        f"abs(datum.value) >= {size} ? format(datum.value / {size}, '.4~r') + '{sign}' : "
        for size, sign in ((1e9, "B"), (1e6, "M"), (1e3, "k"))
    )
    + "format(datum.value, ',.4~r')"
)
"""Vega expression of the label of a tick."""


def event_scale() -> alt.Scale:
    """Return the colour scale of the event types, in funnel order."""
    return alt.Scale(domain=list(EVENT_TYPES), range=[EVENT_COLOURS[event_type] for event_type in EVENT_TYPES])


def file_scale() -> alt.Scale:
    """Return the colour scale of train and test."""
    return alt.Scale(domain=list(FILE_COLOURS), range=list(FILE_COLOURS.values()))


def learner_scale(names: Iterable[str]) -> alt.Scale:
    """Return the colour scale of learners and the stack, by display name.

    Args:
        names: codes of the predictors; repeats are ignored.
    """
    names = dict.fromkeys(names)
    return alt.Scale(domain=[PREDICTOR_LABELS[name] for name in names], range=[LEARNER_COLOURS[name] for name in names])


def file_opacity() -> alt.Opacity:
    """Return the opacity that distinguishes test from train in charts whose colour has another meaning."""
    # the legend's symbols are black by default, which is invisible on the dark theme
    legend = alt.Legend(symbolFillColor=MUTED, symbolStrokeWidth=0)
    return alt.Opacity("file:N", scale=alt.Scale(domain=list(ROLES), range=[1.0, 0.55]), legend=legend)


def shade_legend(title: str, colour: str, *, number_format: str = ",.3~r", steps: int = 4) -> alt.Legend:
    """Return the legend of a heat map of one colour, in which darker cells have higher numbers.

    Args:
        title: what the numbers are.
        number_format: format of d3.
        steps: about how many shades are named.
    """
    return alt.Legend(
        title=title,
        titleOrient="left",
        titleFontWeight="normal",
        symbolFillColor=colour,
        symbolStrokeWidth=0,
        tickCount=steps,
        format=number_format,
    )


def share_axis(**options: Any) -> alt.Axis:  # noqa: ANN401 (options of alt.Axis)
    """Return an axis of shares in percent."""
    return alt.Axis(format="%", tickCount=5, **options)


def short_axis(ticks: int, **options: Any) -> alt.Axis:  # noqa: ANN401 (options of alt.Axis)
    """Return an axis of numbers: thousands (k), millions (M) and billions (B) are short, others are written out.

    The formats of d3 are not used as they are: its "s" writes 0.1 as "100m", and 200 as "0.2k" next to 1,000. It is
    also the default of log axes.
    """
    return alt.Axis(labelExpr=_SHORT_NUMBER, tickCount=ticks, **options)


def zero_line(channel: Literal["x", "y"]) -> Figure:
    """Return a dashed line at 0 of an axis, as a layer."""
    line = alt.Chart(pl.DataFrame({"at": [0.0]})).mark_rule(color=MUTED, strokeDash=[4, 4], aria=False)
    encoded: Figure = line.encode(x="at:Q") if channel == "x" else line.encode(y="at:Q")
    return encoded


def cell_text(share: str) -> Any:  # noqa: ANN401 (a condition, which Altair accepts as a colour)
    """Return the colour of a label on a cell of a heat map.

    Args:
        share: Vega expression of the place of the cell on the colour scale, from 0 (pale) to 1 (accent).
    """
    return alt.condition(f"{share} > {DARK_CELL}", alt.value("#FFFFFF"), alt.value(TEXT_ON_MARKS))


def with_text_colour(figure: Figure, theme: Theme) -> Figure:
    """Return a finished chart with texts that can be read on the background of a theme: labels, axes and legends."""
    colour = TEXT_COLOURS[theme]
    coloured: Figure = figure.copy(deep=False)
    coloured.config = figure.config.copy(deep=True)  # charts share it with their copies
    coloured = coloured.configure_text(color=colour)
    for part in (coloured.config.axis, coloured.config.legend):
        part.labelColor = part.titleColor = colour
    return coloured


def spec_without_data(figure: Figure, theme: Theme) -> dict[str, Any]:
    """Return the Vega-Lite specification of a finished chart without its data.

    A chart that is redrawn every second is built only once, because building it takes 50 ms. The page then adds the
    current data, which must have the same columns.
    """
    spec: dict[str, Any] = with_text_colour(figure, theme).to_dict()
    return {name: part for name, part in spec.items() if name not in ("data", "datasets")}


class Hover:
    """Lines of a hover text, by kind of field. Arguments are fields shown under their own name, or field=title."""

    @staticmethod
    def texts(*fields: str, **titles: str) -> list[alt.Tooltip]:
        return [alt.Tooltip(f"{field}:N", title=titles.get(field, alt.Undefined)) for field in (*fields, *titles)]

    @staticmethod
    def numbers(number_format: str, /, *fields: str, **titles: str) -> list[alt.Tooltip]:
        """Return numbers in a format of d3."""
        return [
            alt.Tooltip(f"{field}:Q", title=titles.get(field, alt.Undefined), format=number_format)
            for field in (*fields, *titles)
        ]

    @staticmethod
    def counts(*fields: str, **titles: str) -> list[alt.Tooltip]:
        return Hover.numbers(",", *fields, **titles)

    @staticmethod
    def shares(*fields: str, **titles: str) -> list[alt.Tooltip]:
        """Return shares from 0 to 1, shown in percent."""
        return Hover.numbers(".1%", *fields, **titles)

    @staticmethod
    def amounts(*fields: str, **titles: str) -> list[alt.Tooltip]:
        """Return amounts, shown with three significant digits."""
        return Hover.numbers(",.3~r", *fields, **titles)


def finished(chart: Figure, description: str, height: int = HEIGHT) -> Figure:
    """Return the chart with its size, its description for screen readers and the settings that all charts share.

    Numbers have the marks of the current format.
    """
    marks = current_format()
    locale = alt.NumberLocale(decimal=marks.decimal, thousands=marks.thousands, grouping=[3], currency=["", ""])
    styled: Figure = (
        chart.properties(height=height, width="container", description=description)
        .configure_view(strokeWidth=0)
        .configure(locale=alt.Locale(number=locale))
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            grid=False,
            titlePadding=10,
            labelFlush=False,  # Streamlit's default moves the first and the last label
        )
        .configure_axisY(grid=True, gridOpacity=0.35, domain=False, ticks=False)
        .configure_legend(
            labelFontSize=11, title=None, orient="top", offset=6, symbolType="square", columnPadding=3, labelOffset=2
        )
    )
    return styled
