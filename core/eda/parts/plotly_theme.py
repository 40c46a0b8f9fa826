"""The look of Plotly figures, which is that of all other charts; see core.eda.parts.theme."""

from __future__ import annotations

from typing import Any, Final

from core.base.number_format import current_format
from core.eda.parts.theme import ACCENT, HEIGHT, MUTED, TEXT_COLOURS, Theme

PlotlyFigure = Any
"""A `plotly.graph_objects.Figure`; Plotly ships no types."""
_FAINT: Final[dict[Theme, str]] = {"light": "#DDE2EC", "dark": "#2C3443"}
"""Theme -> colour of grid lines, and of what matters least."""
_BRIGHT: Final[dict[Theme, str]] = {"light": ACCENT, "dark": "#8DA2FB"}
"""Theme -> the accent for thin lines, which are hard to see in the darker one on a dark background."""
_CLEAR: Final = "rgba(0,0,0,0)"
_NUMBERS: Final = {"separatethousands": True, "exponentformat": "power", "minexponent": 6}
"""Numbers of axes. By default, Plotly writes 0.0001 as "100μ" and 12,000 as "12k"."""
_FONT: Final = '"Source Sans", sans-serif'
"""The font of the pages."""


def best_first_scale(theme: Theme) -> list[tuple[float, str]]:
    """Return a colour scale from the accent, for the lowest number, to a colour close to the background."""
    return [(0.0, _BRIGHT[theme]), (0.35, MUTED), (1.0, _FAINT[theme])]


def themed(figure: PlotlyFigure, theme: Theme, height: int = HEIGHT) -> PlotlyFigure:
    """Give a figure the colours and fonts of the pages. Brushes and zooms are kept when it is redrawn."""
    marks = current_format()
    axis = {"gridcolor": _FAINT[theme], "zerolinecolor": _FAINT[theme], "linecolor": _FAINT[theme], **_NUMBERS}
    figure.update_layout(
        template="none",
        title=None,
        height=height,
        margin={"l": 60, "r": 40, "t": 50, "b": 50},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        font={"color": TEXT_COLOURS[theme], "family": _FONT, "size": 12},
        uirevision="kept",
        separators=f"{marks.decimal}{marks.thousands}",
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure
