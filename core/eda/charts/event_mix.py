"""What events the two files are made of."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts import picking
from core.eda.parts.session_table import FILE, OF_TYPE
from core.eda.parts.theme import MUTED, event_scale, finished
from core.schema import BUY, EVENT_TYPES, ROLES, SESSION

TITLE = "What do people do in a session?"
PICK = picking.types("event_type")

_LEGEND = alt.Legend(symbolFillColor=MUTED, symbolStrokeWidth=0)  # by itself it is black, which the dark theme hides


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a file and event type: file, event_type, events, share (of the file's events), buying (share of the
    file's sessions with a purchase, the same for all types; one of several users counts once). `sessions` is the
    session table.
    """
    rows = []
    for role in ROLES:
        mine = sessions.select(FILE, SESSION, *OF_TYPE.values()).filter(pl.col(FILE) == role)
        counts = mine.select(pl.col(*OF_TYPE.values()).sum()).row(0, named=True)
        buying = mine.filter(pl.col(OF_TYPE[BUY]) > 0).get_column(SESSION).n_unique()
        every, total = mine.get_column(SESSION).n_unique(), sum(counts.values())
        for word, name in OF_TYPE.items():
            found = counts[name]
            rows.append((role, word, found, found / total if total else 0.0, buying / every if every else 0.0))
    names = {"file": pl.String, "event_type": pl.String, "events": pl.Int64, "share": pl.Float64, "buying": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row")


def finding(data: pl.DataFrame) -> str:
    """What the mix says, in a sentence."""
    there = {role: mine for role in ROLES if (mine := data.filter(pl.col("file") == role)).get_column("events").sum()}
    if not there:
        return "There is no event."
    first, mine = next(iter(there.items()))
    most = mine.sort("share", descending=True).row(0, named=True)
    buying = ", ".join(
        f"{percent(rows.item(0, 'buying'))} of the sessions buy in {role}" for role, rows in there.items()
    )
    buying = buying.replace(" of the sessions buy in test", " in test") if len(there) > 1 else buying
    return f"{most['event_type']} is the most frequent event ({percent(most['share'])} of {first}); {buying}."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar for each event type and file, test lighter beside train; the label carries the share."""
    there = data.filter(pl.col("events").sum().over("file") > 0)
    base = alt.Chart(there if there.height else data).encode(
        x=alt.X("event_type:N", title=None, sort=list(EVENT_TYPES), axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("file:N", sort=list(ROLES)),
        y=alt.Y("share:Q", title="share of the file's events", axis=alt.Axis(format="%", tickCount=5)),
        tooltip=[
            "file:N",
            alt.Tooltip("event_type:N", title="event type"),
            alt.Tooltip("events:Q", format=","),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    bars = base.mark_bar().encode(
        color=alt.Color("event_type:N", scale=event_scale(), legend=None),
        opacity=alt.Opacity("file:N", scale=alt.Scale(domain=list(ROLES), range=[1.0, 0.55]), legend=_LEGEND),
    )
    labels = base.mark_text(dy=-7, fontSize=11, color=MUTED).encode(text=alt.Text("share:Q", format=".0%"))
    return finished(bars + labels, f"Share of events by type. {finding(data)}")
