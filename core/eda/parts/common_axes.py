"""Common axes of two charts that answer the same question for different sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import altair as alt
import polars as pl

from core.eda.parts.theme import Figure

_CHANNELS: Final = {"x": ("x", "x2"), "y": ("y", "y2"), "color": ("color",), "opacity": ("opacity",)}
"""Scale -> the channels whose fields are on it."""
_CONTINUOUS: Final = ("Q", "T")
Extent = tuple[float, float]


def with_common_axes(first: Figure, second: Figure) -> tuple[Figure, Figure]:
    """Return two charts of one kind with the same continuous axes, colours and opacities.

    Each scale covers the numbers of both charts. Scales with a fixed domain and axes of categories do not change.
    """
    extents = _extents(first), _extents(second)
    return _extended(first, extents[1]), _extended(second, extents[0])


def _extents(figure: Figure) -> dict[str, Extent]:
    """Return the lowest and the highest number on each continuous scale; times are in milliseconds."""
    extents: dict[str, Extent] = {}
    for layer, data in _layers(figure):
        for scale, channels in _CHANNELS.items():
            if not _is_continuous(layer, scale):
                continue
            for channel in channels:
                numbers = _numbers(layer, data, channel)
                if _is_log(layer, scale):
                    numbers = numbers.filter(numbers > 0)
                if numbers.len():
                    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
                    extent = extents.get(scale, (low, high))
                    extents[scale] = min(low, extent[0]), max(high, extent[1])
    return extents


def _numbers(layer: alt.Chart, data: pl.DataFrame, channel: str) -> pl.Series:
    """Return the numbers of a channel. Those of stacked marks are added up."""
    field = _field(layer, channel)
    if field not in data.columns:
        return pl.Series(dtype=pl.Float64)
    other = {"x": "y", "y": "x"}.get(channel, "")
    if _option(layer, channel, "stack") == "zero":
        return data.group_by(_field(layer, other)).agg(pl.col(field).sum()).get_column(field).cast(pl.Float64)
    column = data.get_column(field).drop_nulls()
    return (column.cast(pl.Datetime("ms")).cast(pl.Int64) if column.dtype.is_temporal() else column).cast(pl.Float64)


def _extended(figure: Figure, extents: dict[str, Extent]) -> Figure:
    extended: Figure = figure.copy(deep=True)
    for layer, _ in _layers(extended):
        for scale, extent in extents.items():
            if not _is_continuous(layer, scale):
                continue
            stated = _option(layer, scale, "scale")
            own = stated.copy() if isinstance(stated, alt.Scale) else alt.Scale()
            if own["domain"] is alt.Undefined:
                own["domain"] = {"unionWith": list(extent)}
                getattr(layer.encoding, scale)["scale"] = own
    return extended


def _layers(figure: Figure) -> Iterator[tuple[alt.Chart, pl.DataFrame]]:
    """Yield the charts that a figure consists of, each with its data."""
    for layer in figure.layer if isinstance(figure, alt.LayerChart) else [figure]:
        if not isinstance(layer, alt.Chart):
            continue
        data = figure.data if layer.data is alt.Undefined else layer.data
        if isinstance(data, pl.DataFrame) and layer.encoding is not alt.Undefined:
            yield layer, data


def _is_continuous(layer: alt.Chart, channel: str) -> bool:
    return _shorthand(layer, channel).rpartition(":")[2] in _CONTINUOUS


def _is_log(layer: alt.Chart, channel: str) -> bool:
    scale = _option(layer, channel, "scale")
    return isinstance(scale, alt.Scale) and scale["type"] == "log"


def _option(layer: alt.Chart, channel: str, name: str) -> Any:  # noqa: ANN401 (an option of any type)
    """Return an option of a channel; Undefined if it is not set. As an attribute, it would be Altair's setter."""
    try:
        return getattr(layer.encoding, channel)[name]
    except KeyError:
        return alt.Undefined


def _field(layer: alt.Chart, channel: str) -> str:
    return _shorthand(layer, channel).rpartition(":")[0] or _shorthand(layer, channel)


def _shorthand(layer: alt.Chart, channel: str) -> str:
    """Return the field of a channel with its type, such as "low:Q"; empty without one."""
    shorthand = getattr(getattr(layer.encoding, channel), "shorthand", "")
    return shorthand if isinstance(shorthand, str) else ""
