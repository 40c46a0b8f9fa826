"""The ways through a session as streams from step to step."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from core.base.text import percent
from core.eda.parts.session_table import FILE, STEPS, WAY, WAY_STEPS, way_words
from core.eda.parts.theme import EVENT_COLOURS, MUTED, finished
from core.schema import EVENT_TYPES

TITLE = "How do sessions go on, step by step?"
END = "end"
_ORDER = (*EVENT_TYPES, END)
_GAP = 0.02
"""Between the streams of a step, as a share of all sessions."""
_POINTS = 13
"""Of an edge of a stream, which is enough for its curve to look smooth: at most 1,600 marks in all."""
_BAR = 0.06
"""Half of a step's width on the axis of steps."""
_SCHEMA = {
    "step": pl.Int64,
    "from_type": pl.String,
    "to_type": pl.String,
    "sessions": pl.Int64,
    "share": pl.Float64,
}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a stream of train: step (from 1, of four), from_type and to_type (the kind of event at that step and at
    the next, repeats told once; to_type is "end" where the session has no further step), sessions (by user), share (of
    all sessions). `sessions` is the session table.
    """
    ways = sessions.select(FILE, STEPS, WAY).filter(pl.col(FILE) == "train", pl.col(STEPS) > 0).group_by(WAY).len()
    found: Counter[tuple[int, str, str]] = Counter()
    for way, times in ways.iter_rows():
        words = way_words(way)
        if len(words) < WAY_STEPS:
            words.append(END)
        found.update({(step, a, b): times for step, (a, b) in enumerate(pairwise(words), start=1)})
    total = int(ways.get_column("len").sum())
    rows = [
        (step, a, b, times, times / total)
        for (step, a, b), times in sorted(
            found.items(), key=lambda each: (each[0][0], _ORDER.index(each[0][1]), _ORDER.index(each[0][2]))
        )
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """How many end after one kind of event, and the widest stream that goes on, in a sentence."""
    if data.is_empty():
        return "There is no event of train here."
    first = data.filter(pl.col("step") == 1)
    ended = float(first.filter(pl.col("to_type") == END).get_column("share").sum())
    told = f"{percent(ended)} of the sessions have a single kind of event"
    on = first.filter(pl.col("to_type") != END).sort("sessions", descending=True)
    if on.is_empty():
        return f"{told}."
    row = on.row(0, named=True)
    return (
        f"{told}; the widest stream that goes on is {row['from_type']} to {row['to_type']} ({percent(row['share'])})."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a block a step and kind of event, as high as its sessions are many, and the streams between them."""
    blocks, streams = _placed(data)
    colours = alt.Scale(domain=list(_ORDER), range=[*(EVENT_COLOURS[word] for word in EVENT_TYPES), MUTED])
    x = alt.X(
        "x:Q",
        title="step (events of the same kind in a row count once)",
        scale=alt.Scale(domain=[1 - _BAR, WAY_STEPS + _BAR], nice=False),
        axis=alt.Axis(values=list(range(1, WAY_STEPS + 1)), format="d", grid=False),
    )
    # blocks stand apart, so that no number on this axis would be a share
    y = alt.Y("low:Q", title="height: sessions", axis=alt.Axis(labels=False, grid=False), scale=alt.Scale(nice=False))
    flow = (
        alt.Chart(streams)
        .mark_area(opacity=0.4)
        .encode(
            x=x,
            y=y,
            y2="high:Q",
            color=alt.Color("from_type:N", scale=colours, sort=list(_ORDER)),
            detail="stream:N",
            tooltip=[
                alt.Tooltip("from_type:N", title="from"),
                alt.Tooltip("to_type:N", title="to"),
                alt.Tooltip("sessions:Q", format=","),
                alt.Tooltip("share:Q", title="of all sessions", format=".1%"),
            ],
        )
    )
    block = (
        alt.Chart(blocks)
        .mark_rect()
        .encode(
            x=x,
            x2="right:Q",
            y=y,
            y2="high:Q",
            color=alt.Color("word:N", scale=colours, sort=list(_ORDER)),
            tooltip=[
                alt.Tooltip("word:N", title="kind of event"),
                alt.Tooltip("step:Q"),
                alt.Tooltip("share:Q", title="of all sessions", format=".1%"),
            ],
        )
    )
    return finished(flow + block, f"Sessions from step to step as streams. {finding(data)}", height=340)


def _placed(data: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where the blocks stand, and the edges of the streams, ordered by kind where they leave and reach the blocks."""
    rows = data.to_dicts()
    height: dict[tuple[int, str], float] = {}
    for row in rows:
        if row["step"] == 1:
            height[1, row["from_type"]] = height.get((1, row["from_type"]), 0.0) + row["share"]
        height[row["step"] + 1, row["to_type"]] = height.get((row["step"] + 1, row["to_type"]), 0.0) + row["share"]
    bottom: dict[tuple[int, str], float] = {}
    for step in range(1, WAY_STEPS + 1):
        at = 0.0
        for word in reversed(_ORDER):  # the first of the funnel on top
            if (step, word) in height:
                bottom[step, word] = at
                at += height[step, word] + _GAP
    blocks = [
        {
            "step": step,
            "word": word,
            "share": share,
            "x": step - _BAR,
            "right": step + _BAR,
            "low": bottom[step, word],
            "high": bottom[step, word] + share,
        }
        for (step, word), share in height.items()
    ]
    bend = (1 - np.cos(np.linspace(0, np.pi, _POINTS))) / 2
    leaves, reaches = dict(bottom), dict(bottom)
    points = []
    for row in sorted(
        rows, key=lambda row: (row["step"], -_ORDER.index(row["from_type"]), -_ORDER.index(row["to_type"]))
    ):
        a, b = (row["step"], row["from_type"]), (row["step"] + 1, row["to_type"])
        along = np.linspace(row["step"] + _BAR, row["step"] + 1 - _BAR, _POINTS)
        low = leaves[a] + (reaches[b] - leaves[a]) * bend
        leaves[a] += row["share"]
        reaches[b] += row["share"]
        points += [
            {**row, "stream": f"{row['step']} {a[1]} {b[1]}", "x": x, "low": y, "high": y + row["share"]}
            for x, y in zip(along.tolist(), low.tolist(), strict=True)
        ]
    block_schema = {"step": pl.Int64, "word": pl.String} | dict.fromkeys(
        ("share", "x", "right", "low", "high"), pl.Float64
    )
    stream_schema = _SCHEMA | {"stream": pl.String} | dict.fromkeys(("x", "low", "high"), pl.Float64)
    return pl.DataFrame(blocks, schema=block_schema), pl.DataFrame(points, schema=stream_schema)
