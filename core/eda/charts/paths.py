"""The most frequent paths through a session, as sequences of event types."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import value_text, value_unit
from core.base.text import MISSING, percent
from core.eda.parts.labels import texts_of
from core.eda.parts.sentences import NO_TRAIN_EVENTS
from core.eda.parts.session_table import FILE, PATH_CODE, PATH_STEPS, STEPS, decode_path
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, share_axis
from core.schema import VALUE

TITLE = "Which paths do sessions take?"
NEEDS_TYPES = True
_MAX_PATHS = 15
_ARROW = " → "
_SCHEMA = {"path": pl.String, "sessions": pl.Int64, "share": pl.Float64, "mean": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count train sessions by path; one row per path, the 15 most frequent.

    A session of several users counts once per user.

    Returns:
        path: event types in order; consecutive events of one type are one step. After five steps, "…" stands for more.
        sessions, share: number of sessions, and share of all train sessions.
        mean: average session value; null if no value is known.
    """
    counts = (
        sessions.select(FILE, STEPS, PATH_CODE, VALUE)
        .filter(pl.col(FILE) == "train", pl.col(STEPS) > 0)
        .group_by(PATH_CODE, (pl.col(STEPS) > PATH_STEPS).alias("is_cut"))
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(VALUE).mean().alias("mean"))
    )
    if counts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    paths = [
        _ARROW.join([*decode_path(code), *(["…"] if is_cut else [])])
        for code, is_cut in counts.select(PATH_CODE, "is_cut").rows()
    ]
    share = (pl.col("sessions") / pl.col("sessions").sum()).alias("share")
    return (
        counts.with_columns(pl.Series("path", paths), share)
        .sort("sessions", "path", descending=[True, False])
        .head(_MAX_PATHS)
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """Name the most frequent path, and the share of sessions that the shown paths cover."""
    if data.is_empty():
        return NO_TRAIN_EVENTS
    top, covered = data.row(0, named=True), percent(float(data.get_column("share").sum()))
    return (
        f"The most frequent path is {top['path']} ({percent(top['share'])} of the train sessions); together, the paths "
        f"shown cover {covered}."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per path, labelled with the average value."""
    label = texts_of(data.get_column("mean"), value_text, missing=MISSING).alias("label")
    title = ["share of the train sessions", "label: average value"]
    base = alt.Chart(data.with_columns(label)).encode(
        x=alt.X("share:Q", title=title, axis=share_axis()),
        y=alt.Y("path:N", sort=data.get_column("path").to_list(), title=None, axis=alt.Axis(labelLimit=330)),
        tooltip=[
            *Hover.texts("path"),
            *Hover.counts("sessions"),
            *Hover.shares("share"),
            *Hover.amounts(mean=f"average value ({value_unit()})"),
        ],
    )
    bars = base.mark_bar(color=ACCENT, height=14)
    labels = base.mark_text(align="left", dx=4, fontSize=11).encode(text="label:N")
    return finished(bars + labels, f"Most frequent paths of event types. {finding(data)}", height=24 * _MAX_PATHS + 40)
