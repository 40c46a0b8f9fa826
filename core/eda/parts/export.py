"""Charts as files: PNG and SVG pictures, and HTML pages that work offline.

vl-convert (BSD-3) draws them like a browser. It contains Vega, and may not load anything from the network.
"""

from __future__ import annotations

import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import vl_convert

from core.eda.parts.theme import Figure, with_text_colour

Picture = Literal["png", "svg"]
_WIDTH = 860
"""Width of an exported picture in pixels; on a page, a chart is as wide as its column."""
_SCALE = 2.0
"""Pixels of a PNG per pixel of the drawing, for print and high-resolution screens."""
_NO_BASE_URLS: list[str] = []
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem; color: #1f2937; }
h1 { font-size: 1.9rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } .chart { width: 100%; }
footer { margin-top: 3rem; color: #6b7280; font-size: .85rem; }
"""


@dataclass(frozen=True)
class Shown:
    """A chart as a page shows it.

    Attributes:
        title: the question.
        finding: the answer in one sentence.
        figure: the drawing; None if there is nothing to draw.
    """

    title: str
    finding: str
    figure: Figure | None


def picture(figure: Figure, form: Picture, width: int = _WIDTH, height: int | None = None) -> bytes:
    """Return the chart as a PNG or SVG file with a white background.

    Args:
        width, height: size in pixels. If the height is None, the chart keeps its own.
    """
    size = {"width": width} if height is None else {"width": width, "height": height}
    spec = with_text_colour(figure, "light").properties(**size, background="white").to_dict()
    if form == "svg":
        return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=_NO_BASE_URLS)).encode()
    return bytes(vl_convert.vegalite_to_png(spec, scale=_SCALE, allowed_base_urls=_NO_BASE_URLS))


def page(title: str, note: str, charts: Sequence[Shown]) -> bytes:
    """Return one interactive HTML file with all charts; it contains Vega and works offline.

    Args:
        title: heading of the page. A chart with the same title has no heading of its own.
        note: sentence on the data behind the charts, shown under the heading.
    """
    out = io.StringIO()
    out.write(f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n')
    out.write('<meta name="viewport" content="width=device-width, initial-scale=1">\n')
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its argument has a default
    out.write(f"<style>{_STYLE}</style>\n<script>{bundle}</script></head>\n")
    out.write(f"<body><h1>{html.escape(title)}</h1><p>{html.escape(note)}</p>\n")
    for index, chart in enumerate(charts):
        if chart.title != title:
            out.write(f"<h2>{html.escape(chart.title)}</h2>\n")
        finding = html.escape(chart.finding)
        out.write(f"<p>{finding}</p>\n")
        if chart.figure is None:
            continue
        out.write(f'<div class="chart" id="chart{index}" role="img" aria-label="{finding}"></div>\n')
        # a script element may end, or not end, at a tag within a string
        spec = json.dumps(chart.figure.to_dict()).replace("<", "\\u003c")
        out.write(f'<script>vegaEmbed("#chart{index}", {spec}, {{"actions": false, "renderer": "svg"}});</script>\n')
    out.write("<footer>Made by Session Value Studio.</footer></body></html>\n")
    return out.getvalue().encode()
