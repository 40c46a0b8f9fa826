"""Common axes of two charts that answer the same question for different sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import altair as alt
import polars as pl

from core.eda.parts.theme import Figure

_CHANNELS: Final = {"x": ("x", "x2"), "y": ("y", "y2"), "color": ("color",), "opacity": ("opacity",)}
"""Scale -> the channels whose fields are on it. The first has the name of the scale, and its options."""
_STACKED_ALONG: Final = {"x": "y", "y": "x"}
"""Channel of a stacked number -> the channel by which the marks are stacked."""
_CONTINUOUS: Final = ("Q", "T")
"""Altair's codes for numbers and times, at the end of a channel's shorthand such as "low:Q"."""
_Extent = tuple[float, float]


def with_common_axes(first: Figure, second: Figure) -> tuple[Figure, Figure]:
    """Return copies of two charts with the same continuous axes, colours and opacities.

    Each scale is extended by the numbers of the other chart. Axes of categories stay as they are. So do scales whose
    domain is set, because charts set only domains that do not depend on their data.

    Args:
        first: a chart, or layers of charts, whose channels have a shorthand with a type, such as "low:Q".
        second: the same chart with other data.
    """
    extents = _extents(first), _extents(second)
    return _extended(first, extents[1]), _extended(second, extents[0])


def _extents(figure: Figure) -> dict[str, _Extent]:
    """Return the lowest and the highest number on each continuous scale; times are in milliseconds."""
    extents: dict[str, _Extent] = {}
    for chart, data in _single_charts(figure):
        for scale in _continuous_scales(chart):
            numbers = _numbers_on_scale(chart, data, scale)
            if numbers.is_empty():
                continue
            low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
            lowest, highest = extents.get(scale, (low, high))
            extents[scale] = min(low, lowest), max(high, highest)
    return extents


def _extended(figure: Figure, extents: dict[str, _Extent]) -> Figure:
    """Return a copy of a chart whose scales without a domain also have the numbers of these extents."""
    copy: Figure = figure.copy(deep=True)
    for chart, _ in _single_charts(copy):
        for name in extents.keys() & _continuous_scales(chart):
            scale = _scale(chart, name).copy()
            if scale["domain"] is alt.Undefined:
                scale["domain"] = {"unionWith": list(extents[name])}
                getattr(chart.encoding, name)["scale"] = scale
    return copy


def _single_charts(figure: alt.TopLevelMixin, data: object = alt.Undefined) -> Iterator[tuple[alt.Chart, pl.DataFrame]]:
    """Yield the charts in the layers of a figure, however deep, each with its data. Charts without data are left out.

    Args:
        data: what the figure has if it has no data of its own.

    Raises:
        TypeError: a layer is neither a chart nor layers.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"a layer is a chart or layers, not {type(figure).__name__}")
    if figure.data is not alt.Undefined:
        data = figure.data
    if isinstance(figure, alt.LayerChart):
        for layer in figure.layer:
            yield from _single_charts(layer, data)
    elif isinstance(data, pl.DataFrame) and figure.encoding is not alt.Undefined:
        yield figure, data


def _continuous_scales(chart: alt.Chart) -> set[str]:
    return {scale for scale in _CHANNELS if _shorthand(chart, scale).rpartition(":")[2] in _CONTINUOUS}


def _numbers_on_scale(chart: alt.Chart, data: pl.DataFrame, scale: str) -> pl.Series:
    """Return the numbers of all channels on a scale, without nulls; of a logarithmic one, those above 0."""
    numbers = pl.concat([_numbers(chart, data, channel) for channel in _CHANNELS[scale]]).drop_nulls()
    return numbers.filter(numbers > 0) if _scale(chart, scale)["type"] == "log" else numbers


def _numbers(chart: alt.Chart, data: pl.DataFrame, channel: str) -> pl.Series:
    """Return the numbers of a channel as Float64: the ends of stacks if its marks are stacked from 0."""
    field = _field(chart, channel)
    if field not in data.columns:
        return pl.Series(dtype=pl.Float64)
    if _option(chart, channel, "stack") == "zero":
        return _ends_of_stacks(data, field, by=_field(chart, _STACKED_ALONG[channel]))
    column = data.get_column(field)
    if column.dtype.is_temporal():
        column = column.cast(pl.Datetime("ms")).cast(pl.Int64)
    return column.cast(pl.Float64)


def _ends_of_stacks(data: pl.DataFrame, field: str, *, by: str) -> pl.Series:
    """Return the upper and the lower end of each stack. Vega stacks negative numbers downwards from 0."""
    number = pl.col(field).cast(pl.Float64)
    ends = data.group_by(by).agg(number.clip(lower_bound=0).sum().alias("top"), number.clip(upper_bound=0).sum())
    return pl.concat([ends.get_column("top"), ends.get_column(field)])


def _scale(chart: alt.Chart, name: str) -> alt.Scale:
    scale = _option(chart, name, "scale")
    return scale if isinstance(scale, alt.Scale) else alt.Scale()


def _option(chart: alt.Chart, channel: str, name: str) -> Any:  # noqa: ANN401 (an option of any type)
    """Return an option of a channel; Undefined if it is not set.

    Options are read as items, because Altair's attributes of a channel are methods that set an option.
    """
    options = getattr(chart.encoding, channel)
    try:
        return alt.Undefined if options is alt.Undefined else options[name]
    except KeyError:
        return alt.Undefined


def _field(chart: alt.Chart, channel: str) -> str:
    return _shorthand(chart, channel).rpartition(":")[0] or _shorthand(chart, channel)


def _shorthand(chart: alt.Chart, channel: str) -> str:
    """Return the field of a channel with its type, such as "low:Q"; empty without one."""
    shorthand = getattr(getattr(chart.encoding, channel), "shorthand", "")
    return shorthand if isinstance(shorthand, str) else ""
