"""How sessions move from one event type to the next, step by step, as streams (a Sankey diagram)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from core.base.text import percent
from core.eda.parts.sentences import NO_TRAIN_EVENTS
from core.eda.parts.session_table import FILE, PATH_CODE, PATH_STEPS, STEPS, decode_path
from core.eda.parts.theme import EVENT_COLOURS, MUTED, Figure, finished
from core.schema import EVENT_TYPES

TITLE = "How do sessions continue, step by step?"
END = "end"
_TYPES = (*EVENT_TYPES, END)
_RANK = {event_type: rank for rank, event_type in enumerate(_TYPES)}
_GAP = 0.02
"""Space between the blocks of a step, as a share of all sessions."""
_CURVE_POINTS = 13
"""Points along the edge of a stream: enough to look smooth, and at most 1,600 marks in the chart."""
_HALF_BLOCK = 0.06
"""Half the width of a block, in units of the step axis."""
_SCHEMA = {
    "step": pl.Int64,
    "from_type": pl.String,
    "to_type": pl.String,
    "sessions": pl.Int64,
    "share": pl.Float64,
}
_BLOCK_SCHEMA = {"step": pl.Int64, "event_type": pl.String} | dict.fromkeys(
    ("share", "x", "right", "low", "high"), pl.Float64
)
_STREAM_SCHEMA = _SCHEMA | {"stream": pl.String} | dict.fromkeys(("x", "low", "high"), pl.Float64)
_Block = tuple[int, str]
"""A step and an event type."""


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count train sessions by step and by the event types before and after; one row per stream.

    Events of one type in a row are one step. Sessions of several users count once per user.

    Returns:
        step: 1 to 4.
        from_type, to_type: Event type at this step and at the next; `to_type` is "end" if the session has no next step.
        sessions, share: Number of sessions, and share of all train sessions.
    """
    in_train = (pl.col(FILE) == "train", pl.col(STEPS) > 0)
    paths = sessions.select(FILE, STEPS, PATH_CODE).filter(*in_train).group_by(PATH_CODE).len()
    counts: Counter[tuple[int, str, str]] = Counter()
    for path_code, n_sessions in paths.iter_rows():
        types = decode_path(path_code)
        if len(types) < PATH_STEPS:
            types.append(END)
        counts.update({(step, before, after): n_sessions for step, (before, after) in enumerate(pairwise(types), 1)})
    total = int(paths.get_column("len").sum())
    rows = [(*stream, counts[stream], counts[stream] / total) for stream in sorted(counts, key=_stream_order)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _stream_order(stream: tuple[int, str, str]) -> tuple[int, int, int]:
    step, before, after = stream
    return step, _RANK[before], _RANK[after]


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions with one event type, and the largest stream to another type."""
    if data.is_empty():
        return NO_TRAIN_EVENTS
    first = data.filter(pl.col("step") == 1)
    ended = float(first.filter(pl.col("to_type") == END).get_column("share").sum())
    sentence = f"{percent(ended)} of the train sessions have one event type only"
    streams = first.filter(pl.col("to_type") != END).sort("sessions", descending=True)
    if streams.is_empty():
        return f"{sentence}."
    top = streams.row(0, named=True)
    change = f"{top['from_type']} to {top['to_type']}"
    return f"{sentence}; the most frequent first change is {change} ({percent(top['share'])})."


def figure(data: pl.DataFrame) -> Figure:
    """Draw a block per step and event type, as high as its share of the sessions, and the streams between them."""
    blocks, streams = _layout(data)
    colours = alt.Scale(domain=list(_TYPES), range=[*(EVENT_COLOURS[word] for word in EVENT_TYPES), MUTED])
    x = alt.X(
        "x:Q",
        title="step (events of one type in a row count once)",
        scale=alt.Scale(domain=[1 - _HALF_BLOCK, PATH_STEPS + _HALF_BLOCK], nice=False),
        axis=alt.Axis(values=list(range(1, PATH_STEPS + 1)), format="d", grid=False),
    )
    # no labels: with gaps between the blocks, a position on this axis is not a share
    y = alt.Y("low:Q", title="sessions", axis=alt.Axis(labels=False, grid=False), scale=alt.Scale(nice=False))
    share = alt.Tooltip("share:Q", title="share", format=".1%")
    stream_areas = (
        alt.Chart(streams)
        .mark_area(opacity=0.4)
        .encode(
            x=x,
            y=y,
            y2="high:Q",
            color=alt.Color("from_type:N", scale=colours, sort=list(_TYPES)),
            detail="stream:N",
            tooltip=[
                alt.Tooltip("from_type:N", title="from"),
                alt.Tooltip("to_type:N", title="to"),
                alt.Tooltip("sessions:Q", format=","),
                share,
            ],
        )
    )
    block_marks = (
        alt.Chart(blocks)
        .mark_rect()
        .encode(
            x=x,
            x2="right:Q",
            y=y,
            y2="high:Q",
            color=alt.Color("event_type:N", scale=colours, sort=list(_TYPES)),
            tooltip=[alt.Tooltip("event_type:N", title="event type"), alt.Tooltip("step:Q"), share],
        )
    )
    return finished(stream_areas + block_marks, f"Sessions from step to step as streams. {finding(data)}", height=340)


def _layout(data: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rectangles of the blocks and the edges of the streams."""
    streams = data.to_dicts()
    heights = _block_heights(streams)
    bottoms = _block_bottoms(heights)
    blocks = [
        {
            "step": step,
            "event_type": event_type,
            "share": share,
            "x": step - _HALF_BLOCK,
            "right": step + _HALF_BLOCK,
            "low": bottoms[step, event_type],
            "high": bottoms[step, event_type] + share,
        }
        for (step, event_type), share in heights.items()
    ]
    edges = _stream_edges(streams, bottoms)
    return pl.DataFrame(blocks, schema=_BLOCK_SCHEMA), pl.DataFrame(edges, schema=_STREAM_SCHEMA)


def _block_heights(streams: Iterable[dict[str, Any]]) -> dict[_Block, float]:
    """Return the share of the sessions in each block: those that leave the first step, and those that reach a later."""
    heights: dict[_Block, float] = defaultdict(float)
    for stream in streams:
        if stream["step"] == 1:
            heights[1, stream["from_type"]] += stream["share"]
        heights[stream["step"] + 1, stream["to_type"]] += stream["share"]
    return dict(heights)


def _block_bottoms(heights: dict[_Block, float]) -> dict[_Block, float]:
    """Stack the blocks of each step, with the first type of the funnel on top."""
    bottoms: dict[_Block, float] = {}
    for step in range(1, PATH_STEPS + 1):
        bottom = 0.0
        for event_type in reversed(_TYPES):
            if (step, event_type) in heights:
                bottoms[step, event_type] = bottom
                bottom += heights[step, event_type] + _GAP
    return bottoms


def _stream_edges(streams: Iterable[dict[str, Any]], bottoms: dict[_Block, float]) -> list[dict[str, Any]]:
    """Return the points along each stream; streams leave and reach a block in the order of the event types."""
    bend = (1 - np.cos(np.linspace(0, np.pi, _CURVE_POINTS))) / 2
    left_bottoms, right_bottoms = dict(bottoms), dict(bottoms)
    points = []
    for row in sorted(streams, key=lambda row: (row["step"], -_RANK[row["from_type"]], -_RANK[row["to_type"]])):
        step, share = row["step"], row["share"]
        source, target = (step, row["from_type"]), (step + 1, row["to_type"])
        x = np.linspace(step + _HALF_BLOCK, step + 1 - _HALF_BLOCK, _CURVE_POINTS)
        low = left_bottoms[source] + (right_bottoms[target] - left_bottoms[source]) * bend
        left_bottoms[source] += share
        right_bottoms[target] += share
        name = f"{step} {row['from_type']} {row['to_type']}"
        points += [
            {**row, "stream": name, "x": point_x, "low": point_low, "high": point_low + share}
            for point_x, point_low in zip(x.tolist(), low.tolist(), strict=True)
        ]
    return points
