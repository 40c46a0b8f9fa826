"""Charts as files: PNG and SVG pictures, and HTML pages that work offline.

vl-convert (BSD-3) draws the pictures as a browser would. It contains Vega, and is not allowed to load anything from the
network.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import vl_convert

from core.eda.parts.theme import Figure, with_text_colour

PictureFormat = Literal["png", "svg"]

_WIDTH: Final = 860
"""Width of an exported picture in pixels; on a page, a chart is as wide as its column."""
_SCALE: Final = 2.0
"""Pixels of a PNG per pixel of the drawing, for print and high-resolution screens."""
_ALLOWED_BASE_URLS: Final[tuple[str, ...]] = ()
"""Addresses that vl-convert may load from. There are none, so a specification cannot fetch or send anything."""
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem; color: #1f2937; }
h1 { font-size: 1.9rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } .chart { width: 100%; }
footer { margin-top: 3rem; color: #6b7280; font-size: .85rem; }
"""
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style>
<script>{vega}</script></head>
<body><h1>{title}</h1><p>{note}</p>
{sections}<footer>Made by Session Value Studio.</footer></body></html>
"""
_HEADING: Final = "<h2>{title}</h2>\n"
_FINDING: Final = "<p>{finding}</p>\n"
_DRAWING: Final = """<div class="chart" id="{id}" role="img" aria-label="{finding}"></div>
<script>vegaEmbed("#{id}", {spec}, {options});</script>
"""
_EMBED_OPTIONS: Final = json.dumps({"actions": False, "renderer": "svg"})


@dataclass(frozen=True)
class PageChart:
    """A chart and the texts that a page shows with it.

    Attributes:
        title: the question.
        finding: the answer in one sentence.
        figure: the drawing, made by `core.eda.parts.theme.finished`; None if there is nothing to draw.
    """

    title: str
    finding: str
    figure: Figure | None


def render_picture(figure: Figure, file_format: PictureFormat, width: int = _WIDTH, height: int | None = None) -> bytes:
    """Return a chart as a PNG or SVG file with a white background.

    Args:
        figure: a chart made by `core.eda.parts.theme.finished`.
        width: width of the drawing in pixels; a PNG has twice as many.
        height: height of the drawing in pixels; None keeps that of the chart.
    """
    size = {"width": width} if height is None else {"width": width, "height": height}
    spec = with_text_colour(figure, "light").properties(**size, background="white").to_dict()
    allowed = list(_ALLOWED_BASE_URLS)
    if file_format == "svg":
        return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=allowed)).encode()
    return bytes(vl_convert.vegalite_to_png(spec, scale=_SCALE, allowed_base_urls=allowed))


def render_page(title: str, note: str, charts: Sequence[PageChart]) -> bytes:
    """Return one interactive HTML file with all charts; it contains Vega and works offline.

    Args:
        title: heading of the page. A chart with the same title has no heading of its own.
        note: sentence on the data behind the charts, shown under the heading.
        charts: in the order of the page. A chart without a figure has its finding only.
    """
    sections = (_section(chart, f"chart{index}", title) for index, chart in enumerate(charts))
    vega = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # the stub lacks the default of the argument
    return _PAGE.format(
        title=html.escape(title), note=html.escape(note), style=_STYLE, vega=vega, sections="".join(sections)
    ).encode()


def _section(chart: PageChart, element_id: str, page_title: str) -> str:
    """Return the HTML of one chart: its heading, finding and drawing."""
    heading = "" if chart.title == page_title else _HEADING.format(title=html.escape(chart.title))
    finding = html.escape(chart.finding)
    text = heading + _FINDING.format(finding=finding)
    if chart.figure is None:
        return text
    # "</script>" in a JSON string would end the element, and "<!--" could keep it open, so no "<" is written
    spec = json.dumps(with_text_colour(chart.figure, "light").to_dict()).replace("<", "\\u003c")
    return text + _DRAWING.format(id=element_id, finding=finding, spec=spec, options=_EMBED_OPTIONS)
