"""What is pointed at in a chart, as a filter on sessions: a span of days, of values, of lengths, an event type."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from core.eda.parts.selection import Selection
from core.schema import EVENT_TYPES

NAME = "pick"
"""Of the selection in a chart that can be pointed at."""


@dataclass(frozen=True)
class Pick:
    """How a chart is pointed at.

    Attributes:
        field: of the chart's data, on its x axis.
        spans: whether a span is drawn; else marks are clicked.
        hint: what a person is told.
        narrowed: a filter and what was pointed at (least and most of a span, or the values clicked): the new filter.
    """

    field: str
    spans: bool
    hint: str
    narrowed: Callable[[Selection, list[Any]], Selection]


def _days(chosen: Selection, span: list[Any]) -> Selection:
    first, last = (datetime.datetime.fromtimestamp(float(end) / 1000, datetime.UTC).date() for end in span)
    return dataclasses.replace(chosen, first=first, last=last)


def _values(chosen: Selection, span: list[Any]) -> Selection:
    low, high = (_rounded(float(end)) for end in span)
    return dataclasses.replace(chosen, least_value=low, most_value=high)


def _types(chosen: Selection, clicked: list[Any]) -> Selection:
    return dataclasses.replace(chosen, types=tuple(word for word in EVENT_TYPES if word in clicked))


def _categories(chosen: Selection, clicked: list[Any]) -> Selection:
    return dataclasses.replace(chosen, categories=tuple(clicked))


def _lengths(longest: int) -> Callable[[Selection, list[Any]], Selection]:
    def narrowed(chosen: Selection, clicked: list[Any]) -> Selection:
        """`longest` stands for all from there on."""
        least, most = min(clicked), max(clicked)
        return dataclasses.replace(chosen, least_events=int(least), most_events=None if most >= longest else int(most))

    return narrowed


def _rounded(value: float) -> float:
    """To three figures: finer than a hand draws."""
    return float(f"{value:.3g}")


def days(field: str) -> Pick:
    """A span of a time axis."""
    return Pick(field, spans=True, hint="Drag over days to look only at them.", narrowed=_days)


def values(field: str) -> Pick:
    """A span of a value axis."""
    return Pick(field, spans=True, hint="Drag over values to look only at such sessions.", narrowed=_values)


def types(field: str) -> Pick:
    """One event type or several."""
    hint = "Click a type to look only at sessions with it; with Shift, at those with several."
    return Pick(field, spans=False, hint=hint, narrowed=_types)


def categories(field: str) -> Pick:
    """One category or several."""
    hint = "Click a category to look only at sessions with it; with Shift, at those with one of several."
    return Pick(field, spans=False, hint=hint, narrowed=_categories)


def lengths(field: str, longest: int) -> Pick:
    """Lengths of sessions; the `longest` stands for all from there on."""
    hint = "Click a bar to look only at sessions of that length."
    return Pick(field, spans=False, hint=hint, narrowed=_lengths(longest))


def pickable(figure: Any, pick: Pick) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """The chart, to be pointed at."""
    if pick.spans:
        return figure.add_params(alt.selection_interval(name=NAME, encodings=["x"]))
    return figure.add_params(alt.selection_point(name=NAME, fields=[pick.field], toggle="event.shiftKey"))


def picked(pick: Pick, told: Mapping[str, Any] | None, chosen: Selection) -> Selection | None:
    """The filter after what a chart tells of itself; None where nothing is pointed at.

    `told` is what Streamlit gives: of a span {"pick": {field: [from, to]}}, of clicks {"pick": [{field: value}, ...]}.
    """
    found = (told or {}).get(NAME)
    if not found:
        return None
    ends = found.get(pick.field) if pick.spans else [each[pick.field] for each in found if pick.field in each]
    if not ends or None in ends:
        return None
    return pick.narrowed(chosen, sorted(ends) if pick.spans else list(ends))
