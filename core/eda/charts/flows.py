"""How sessions move from one event type to the next, step by step, as streams (a Sankey diagram)."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import altair as alt
import numpy as np
import polars as pl

from core.base.text import percent
from core.eda.parts.sentences import NO_TRAIN_EVENTS
from core.eda.parts.session_table import FILE, PATH_CODE, PATH_STEPS, STEPS, decode_path
from core.eda.parts.theme import EVENT_COLOURS, MUTED, Figure, Hover, finished
from core.schema import EVENT_TYPES

TITLE = "How do sessions continue, step by step?"
NEEDS_TYPES = True
END = "end"
_TYPES = (*EVENT_TYPES, END)
_RANK = {event_type: rank for rank, event_type in enumerate(_TYPES)}
_GAP = 0.02
"""Space between the blocks of a step, as a share of all sessions."""
_CURVE_POINTS = 13
"""Points along the edge of a stream; enough for a smooth curve, and at most 1,600 marks in the chart."""
_HALF_BLOCK = 0.06
"""Half the width of a block, in units of the step axis."""
_SCHEMA = {"step": pl.Int64, "from_type": pl.String, "to_type": pl.String, "sessions": pl.Int64, "share": pl.Float64}
_BLOCK_EDGES = dict.fromkeys(("x", "right", "low", "high"), pl.Float64)
_BLOCK_SCHEMA = {"step": pl.Int64, "event_type": pl.String, "share": pl.Float64} | _BLOCK_EDGES
_STREAM_SCHEMA = _SCHEMA | {"stream": pl.String} | dict.fromkeys(("x", "low", "high"), pl.Float64)
_Block = tuple[int, str]
"""A step and an event type."""


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count train sessions by step, event type and next event type; one row per combination that occurs (a stream).

    Consecutive events of one type are one step. A session of several users counts once per user.

    Returns:
        step: 1 to 4.
        from_type, to_type: event type at this step and at the next; `to_type` is "end" if the session has no next step.
        sessions, share: number of sessions, and share of all train sessions.
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
    order = sorted(counts, key=lambda stream: (stream[0], _RANK[stream[1]], _RANK[stream[2]]))
    rows = [(*stream, counts[stream], counts[stream] / total) for stream in order]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


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
    colours = alt.Scale(domain=list(_TYPES), range=[*(EVENT_COLOURS[event_type] for event_type in EVENT_TYPES), MUTED])
    x = alt.X(
        "x:Q",
        title="step (events of one type in a row count once)",
        scale=alt.Scale(domain=[1 - _HALF_BLOCK, PATH_STEPS + _HALF_BLOCK], nice=False),
        axis=alt.Axis(values=list(range(1, PATH_STEPS + 1)), format="d", grid=False),
    )
    # no labels: with gaps between the blocks, a position on this axis is not a share
    y = alt.Y("low:Q", title="sessions", axis=alt.Axis(labels=False, grid=False), scale=alt.Scale(nice=False))
    stream_base = alt.Chart(streams).encode(
        x=x,
        y=y,
        y2="high:Q",
        color=alt.Color("from_type:N", scale=colours, sort=list(_TYPES)),
        detail="stream:N",
        tooltip=[*Hover.texts(from_type="from", to_type="to"), *Hover.counts("sessions"), *Hover.shares("share")],
    )
    block_base = alt.Chart(blocks).encode(
        x=x,
        x2="right:Q",
        y=y,
        y2="high:Q",
        color=alt.Color("event_type:N", scale=colours, sort=list(_TYPES)),
        tooltip=[*Hover.texts(event_type="event type"), *Hover.counts("step"), *Hover.shares("share")],
    )
    chart = stream_base.mark_area(opacity=0.4) + block_base.mark_rect()
    return finished(chart, f"Sessions from step to step as streams. {finding(data)}", height=340)


def _layout(data: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rectangles of the blocks and the points along the edges of the streams.

    The height of a block of the first step is the sum of the streams from it, that of a later block of those to it. The
    blocks of a step are stacked with the first type of the funnel on top.
    """
    heights: dict[_Block, float] = defaultdict(float)
    for step, from_type, to_type, share in data.select("step", "from_type", "to_type", "share").iter_rows():
        if step == 1:
            heights[1, from_type] += share
        heights[step + 1, to_type] += share
    bottoms: dict[_Block, float] = {}
    for step in range(1, PATH_STEPS + 1):
        bottom = 0.0
        for block in ((step, event_type) for event_type in reversed(_TYPES)):
            if block in heights:
                bottoms[block] = bottom
                bottom += heights[block] + _GAP
    blocks = [
        (*block, share, block[0] - _HALF_BLOCK, block[0] + _HALF_BLOCK, bottoms[block], bottoms[block] + share)
        for block, share in heights.items()
    ]
    return pl.DataFrame(blocks, schema=_BLOCK_SCHEMA, orient="row"), _stream_edges(data, bottoms)


def _stream_edges(data: pl.DataFrame, bottoms: dict[_Block, float]) -> pl.DataFrame:
    """Return the points along each stream; streams leave and enter a block in the order of the event types."""
    bend = (1 - np.cos(np.linspace(0, np.pi, _CURVE_POINTS))) / 2
    left_bottoms, right_bottoms = dict(bottoms), dict(bottoms)
    points = []
    rows = data.iter_rows(named=True)
    for row in sorted(rows, key=lambda row: (row["step"], -_RANK[row["from_type"]], -_RANK[row["to_type"]])):
        step, from_type, to_type, share = row["step"], row["from_type"], row["to_type"], row["share"]
        source, target = (step, from_type), (step + 1, to_type)
        across = np.linspace(step + _HALF_BLOCK, step + 1 - _HALF_BLOCK, _CURVE_POINTS)
        low = left_bottoms[source] + (right_bottoms[target] - left_bottoms[source]) * bend
        left_bottoms[source] += share
        right_bottoms[target] += share
        stream = f"{step} {from_type} {to_type}"
        edges = zip(across.tolist(), low.tolist(), (low + share).tolist(), strict=True)
        points += [row | {"stream": stream, "x": x, "low": low, "high": high} for x, low, high in edges]
    return pl.DataFrame(points, schema=_STREAM_SCHEMA)
