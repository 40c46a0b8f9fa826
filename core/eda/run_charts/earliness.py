"""How early the value of a session is known: the error by events seen, against simple predictions."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import difference, noun_form, number
from core.eda.parts.sentences import NO_PREDICTIONS
from core.eda.parts.theme import ACCENT, LEARNER_COLOURS, MUTED, NEGATIVE, Figure, Hover, finished, short_axis
from core.schema import VALUE_UNIT

TITLE = "How early is the value known?"
MODEL, AVERAGE, SO_FAR, WHOLE = "model", "average", "value so far", "whole sessions"
_PREDICTORS = {"mse": MODEL, "mse_average": AVERAGE, "mse_so_far": SO_FAR, "mse_whole_sessions": WHOLE}
_COLOURS = {MODEL: ACCENT, AVERAGE: MUTED, SO_FAR: LEARNER_COLOURS["linear"], WHOLE: NEGATIVE}
_STATED_SEGMENT = "5"
"""The finding compares the first event with this number of events, if the table has it."""


def frame(earliness: pl.DataFrame) -> pl.DataFrame:
    """Return the error of each predictor by events seen, one row per (predictor, segment), in the order of events.

    Args:
        earliness: table of `core.training.live.earliness.earliness_frame`.

    Returns:
        segment: label of the number of events seen, such as "3" or "6 to 7".
        prefixes: number of open sessions in the segment.
        predictor: "model", "average", "value so far" or "whole sessions".
        error: root mean squared error, in value units.
    """
    return (
        earliness.filter(pl.col("by") == "events")
        .rename(_PREDICTORS)
        .unpivot(list(_COLOURS), index=["segment", "prefixes"], variable_name="predictor", value_name="error")
        .with_columns(pl.col("error").sqrt())
    )


def finding(data: pl.DataFrame) -> str:
    """Compare the model with the average after the first event, and after five or else most events."""
    if data.is_empty():
        return NO_PREDICTIONS
    segments = data.get_column("segment").unique(maintain_order=True).to_list()
    last = _STATED_SEGMENT if _STATED_SEGMENT in segments else segments[-1]
    parts = [_compared(data, segment) for segment in dict.fromkeys((segments[0], last))]
    return f"The typical error of the model, compared with that of the average, is {' and '.join(parts)}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one line of errors per predictor."""
    segments = data.get_column("segment").unique(maintain_order=True).to_list()
    dashes = [[1, 0]] * (len(_COLOURS) - 1) + [[5, 4]]  # the last line may cover that of the value so far
    colours = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    legend = alt.Legend(symbolType="stroke", symbolSize=100)
    chart = (
        alt.Chart(data)
        .mark_line(strokeWidth=2, point={"size": 40, "filled": True})
        .encode(
            x=alt.X("segment:O", title="events seen", sort=segments, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("error:Q", title=f"root mean squared error ({VALUE_UNIT})", axis=short_axis(5)),
            color=alt.Color("predictor:N", scale=colours, legend=legend),
            strokeDash=alt.StrokeDash(
                "predictor:N", scale=alt.Scale(domain=list(_COLOURS), range=dashes), legend=legend
            ),
            tooltip=[
                *Hover.texts("predictor", segment="events seen"),
                *Hover.counts(prefixes="open sessions"),
                *Hover.amounts("error"),
            ],
        )
    )
    return finished(chart, f"Error by events seen. {finding(data)}")


def _compared(data: pl.DataFrame, segment: str) -> str:
    rows = data.filter(pl.col("segment") == segment)
    error = dict(rows.select("predictor", "error").iter_rows())
    compared = difference(error[MODEL], error[AVERAGE], equal="the same")
    return f"{number(error[MODEL])} after {_events(segment)} ({compared})"


def _events(segment: str) -> str:
    """Return a segment with its noun.

    >>> _events("1"), _events("6 to 7"), _events("over 20")
    ('1 event', '6 to 7 events', 'over 20 events')
    """
    return f"{segment} {noun_form(1 if segment == '1' else 2, 'event')}"
