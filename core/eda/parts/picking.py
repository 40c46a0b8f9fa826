"""Picks: dragging over a chart or clicking its marks filters the whole Explore page.

A chart module declares its pick, for example `PICK = day_span("day")`. The page draws the chart with `Pick.add_to`.
`Pick.apply` turns the selection that the browser reports into the next filter.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import altair as alt

from core.eda.parts.selection import Selection
from core.eda.parts.theme import Figure

PARAM = "pick"
"""Name of the selection parameter in the Vega-Lite chart."""


@dataclass(frozen=True)
class Pick:
    """A way to filter sessions by pointing at a chart.

    Attributes:
        field: column of the chart's data whose values are picked; for a span, the column on the x axis.
        is_span: True if the user drags over a span of the x axis, False if the user clicks marks.
        hint: instruction shown under the chart.
        narrow: function (current filter, picked values) -> new filter. For a span, the values are [low, high].
    """

    field: str
    is_span: bool
    hint: str
    narrow: Callable[[Selection, list[Any]], Selection]

    def add_to(self, figure: Figure) -> Figure:
        """Return the chart with this pick enabled."""
        if self.is_span:
            return figure.add_params(alt.selection_interval(name=PARAM, encodings=["x"]))
        return figure.add_params(alt.selection_point(name=PARAM, fields=[self.field], toggle="event.shiftKey"))

    def apply(self, state: Mapping[str, Any] | None, selection: Selection) -> Selection | None:
        """Return the filter after a pick, or None if nothing is picked.

        Args:
            state: selection state of the chart as reported by Streamlit. A span is `{"pick": {field: [from, to]}}`,
                clicked marks are `{"pick": [{field: value}, ...]}`.
            selection: filter with which the chart was drawn.

        >>> type_clicks("event_type").apply({"pick": [{"event_type": "BUY"}]}, Selection(file="train")).describe()
        'in the train file, with BUY'
        """
        picked = (state or {}).get(PARAM) or {}
        if self.is_span:
            values = sorted(picked.get(self.field) or [])
        else:
            values = [mark[self.field] for mark in picked if self.field in mark]
        return self.narrow(selection, values) if values and None not in values else None


def day_span(field: str) -> Pick:
    """Return a pick of a span of days; Vega reports the time axis `field` in milliseconds since 1970."""

    def narrow(selection: Selection, span: list[Any]) -> Selection:
        first, last = (datetime.datetime.fromtimestamp(float(end) / 1000, datetime.UTC).date() for end in span)
        return replace(selection, first=first, last=last)

    return Pick(field, is_span=True, hint="Drag over days to see only these days.", narrow=narrow)


def value_span(field: str) -> Pick:
    """Return a pick of a span of session values, rounded to three digits, which is finer than a user can drag."""

    def narrow(selection: Selection, span: list[Any]) -> Selection:
        low, high = (float(f"{float(end):.3g}") for end in span)
        return replace(selection, least_value=low, most_value=high)

    return Pick(field, is_span=True, hint="Drag over values to see only sessions in that range.", narrow=narrow)


def type_clicks(field: str) -> Pick:
    """Return a pick of event types; it selects sessions with at least one event of each."""
    hint = "Click an event type to see only sessions with it. Hold Shift to require several types."
    return Pick(field, is_span=False, hint=hint, narrow=lambda selection, types: replace(selection, types=tuple(types)))


def category_clicks(field: str) -> Pick:
    """Return a pick of categories; it selects sessions with an event in at least one of them."""
    hint = "Click a category to see only sessions with it. Hold Shift to add more categories."
    return Pick(
        field, is_span=False, hint=hint, narrow=lambda selection, ids: replace(selection, categories=tuple(ids))
    )


def own_clicks(name: str, field: str) -> Pick:
    """Return a pick of cells of an own column; it selects sessions with an event that has one of them."""

    def narrow(selection: Selection, cells: list[Any]) -> Selection:
        others = tuple(entry for entry in selection.own if not entry.startswith(f"{name}="))
        return replace(selection, own=(*others, *(f"{name}={cell}" for cell in cells)))

    hint = "Click a bar to see only these sessions. Hold Shift to add more."
    return Pick(field, is_span=False, hint=hint, narrow=narrow)


def length_clicks(field: str, longest: int) -> Pick:
    """Return a pick of session lengths; it selects sessions from the shortest to the longest clicked length.

    Args:
        longest: length whose bar has all sessions of that length or more, so that it sets no upper limit.
    """

    def narrow(selection: Selection, lengths: list[Any]) -> Selection:
        low, high = int(min(lengths)), int(max(lengths))
        return replace(selection, least_events=low, most_events=None if high >= longest else high)

    hint = "Click a bar to see only sessions of that length. Hold Shift to include a range."
    return Pick(field, is_span=False, hint=hint, narrow=narrow)
