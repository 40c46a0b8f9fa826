"""Charts as files: pictures, and pages that need nobody else on the network.

vl-convert (BSD-3) draws what a browser would, with Vega inside; it is told to load nothing from anywhere.
"""

from __future__ import annotations

import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import vl_convert

Picture = Literal["png", "svg"]
_WIDTH = 860
"""Pixels of a drawing that stands in no page."""
_SCALE = 2.0
"""A picture has twice as many pixels: it is printed, or shown on a fine screen."""
_NOWHERE: list[str] = []
"""Addresses that a drawing may load from."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem; color: #1f2937; }
h1 { font-size: 1.9rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } .chart { width: 100%; }
footer { margin-top: 3rem; color: #6b7280; font-size: .85rem; }
"""


@dataclass(frozen=True)
class Shown:
    """A chart as a page shows it: the question, the sentence, the drawing; None where there is nothing to draw."""

    title: str
    finding: str
    figure: Any


def picture(figure: Any, form: Picture) -> bytes:  # noqa: ANN401 (Altair's charts share no type)
    """The drawing as PNG or SVG, on white."""
    spec = figure.properties(width=_WIDTH, background="white").to_dict()
    if form == "svg":
        return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=_NOWHERE)).encode()
    return bytes(vl_convert.vegalite_to_png(spec, scale=_SCALE, allowed_base_urls=_NOWHERE))


def page(title: str, note: str, charts: Sequence[Shown]) -> bytes:
    """One HTML file with all charts, alive, and Vega inside: it opens without a network."""
    out = io.StringIO()
    out.write(f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n')
    out.write('<meta name="viewport" content="width=device-width, initial-scale=1">\n')
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its argument has a default
    out.write(f"<style>{_STYLE}</style>\n<script>{bundle}</script></head>\n")
    out.write(f"<body><h1>{html.escape(title)}</h1><p>{html.escape(note)}</p>\n")
    for number, chart in enumerate(charts):
        if chart.title != title:  # of a single chart the page has it already
            out.write(f"<h2>{html.escape(chart.title)}</h2>\n")
        out.write(f"<p>{html.escape(chart.finding)}</p>\n")
        if chart.figure is None:
            continue
        out.write(
            f'<div class="chart" id="chart{number}" role="img" aria-label="{html.escape(chart.finding)}"></div>\n'
        )
        # a script ends at the first "</", whatever it stands in
        spec = json.dumps(chart.figure.to_dict()).replace("</", "<\\/")
        out.write(f'<script>vegaEmbed("#chart{number}", {spec}, {{"actions": false, "renderer": "svg"}});</script>\n')
    out.write("<footer>Made by Session Value Studio.</footer></body></html>\n")
    return out.getvalue().encode()
