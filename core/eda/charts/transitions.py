"""What people do next: from one event type to the next within a session."""

from __future__ import annotations

from collections import Counter
from typing import Any

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.theme import ACCENT, finished
from core.schema import EVENT_TYPES, TYPE, UNIT

TITLE = "What comes next?"
BEGIN, END = "begin", "end"
_SCHEMA = {"from_type": pl.String, "to_type": pl.String, "times": pl.Int64, "share": pl.Float64}
_FROM, _TO = (BEGIN, *EVENT_TYPES), (*EVENT_TYPES, END)


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row a pair of event types in train, all pairs present: from_type (or begin), to_type (or end), times, share
    (of all that follow from_type; null where nothing does). Events of the same second stand in the order of the file.
    """
    # sorted by unit and time: what stands after is the same unit's, or the unit ends
    unit, kind = pl.col(UNIT), pl.col(TYPE)
    last = (unit != unit.shift(-1)).fill_null(value=True)
    pairs = dataset.events("train").select(
        pl.when((unit != unit.shift(1)).fill_null(value=True)).then(kind).alias("first"),
        kind.alias("a"),
        pl.when(~last).then(kind.shift(-1)).alias("b"),
    )
    counted = pairs.group_by("first", "a", "b").len().collect()
    words = dict(enumerate(EVENT_TYPES)) | {None: END}
    found: Counter[tuple[str, str]] = Counter()
    for first, a, b, times in counted.iter_rows():
        found[words[a], words[b]] += times
        if first is not None:
            found[BEGIN, words[first]] += times
    if not found:
        return pl.DataFrame(schema=_SCHEMA)
    rows = [(a, b, found[a, b]) for a in _FROM for b in _TO if (a, b) != (BEGIN, END)]
    data = pl.DataFrame(rows, schema={"from_type": pl.String, "to_type": pl.String, "times": pl.Int64}, orient="row")
    total = pl.col("times").sum().over("from_type")
    return data.with_columns(pl.when(total > 0).then(pl.col("times") / total).alias("share"))


def finding(data: pl.DataFrame) -> str:
    """What follows the first event type most often, in a sentence."""
    told = []
    for word in EVENT_TYPES:
        mine = data.filter((pl.col("from_type") == word) & (pl.col("times") > 0)).sort("times", descending=True)
        if mine.height:
            row = mine.row(0, named=True)
            what = "the session ends" if row["to_type"] == END else f"comes {row['to_type']}"
            told.append(f"after {word} {what} in {percent(row['share'])} of the cases")
    sentence = "; ".join(told[:2])
    return f"{sentence[0].upper()}{sentence[1:]}." if told else "There is no event of train here."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a table of shares, darker where more follow."""
    base = alt.Chart(data).encode(
        x=alt.X(
            "to_type:N",
            title="then",
            sort=list(_TO),
            axis=alt.Axis(labelAngle=0, orient="top", labelOverlap=False, labelExpr="split(datum.label, '_')"),
        ),
        y=alt.Y("from_type:N", title="after", sort=list(_FROM), axis=alt.Axis(grid=False)),
        tooltip=[
            alt.Tooltip("from_type:N", title="after"),
            alt.Tooltip("to_type:N", title="next"),  # Vega refuses "then" as the name of a line
            alt.Tooltip("times:Q", format=","),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#E8ECFB", ACCENT]), legend=None)
    )
    text = base.mark_text(fontSize=12).encode(
        text=alt.Text("share:Q", format=".0%"),
        color=alt.condition("datum.share > 0.7", alt.value("white"), alt.value("#1F2937")),
    )
    return finished(cells + text, f"Transitions between event types. {finding(data)}", height=240)
