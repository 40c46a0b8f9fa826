"""What the session values follow: their quantiles beside those of a normal and of a log-normal law."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl
from scipy import stats

from core.base.text import number, percent
from core.eda.parts.theme import ACCENT, MUTED, finished, short_axis
from core.schema import VALUE, VALUE_UNIT

TITLE = "What law do the values follow?"
_POINTS = 120
NORMAL, LOG_NORMAL = "normal", "log-normal"
_COLOURS = {LOG_NORMAL: ACCENT, NORMAL: "#D55E00"}
_LEAST_APART = 1e-9
"""Part of the least quantile by which the greatest must exceed it: sums of equal prices differ by rounding errors."""
_SCHEMA = {
    "law": pl.String,
    "share": pl.Float64,
    "expected": pl.Float64,
    "value": pl.Float64,
    "fit": pl.Float64,
    "above": pl.Float64,
}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a law and quantile: law, share (of the sessions below), expected (value units, of the law with the mean
    and spread of the values, or of their logarithms), value (that came), fit (correlation of the two, on logarithms for
    the log-normal law; the same in all rows of a law), above (share of the values above 0; the same in all rows).
    `sessions` has value; null ones and those of 0 are left out. Empty where all quantiles are the same.
    """
    known = sessions.get_column(VALUE).drop_nulls().to_numpy()
    values = np.sort(known[known > 0])
    if len(values) < 3:
        return pl.DataFrame(schema=_SCHEMA)
    count = min(_POINTS, len(values))
    share = (np.arange(count) + 0.5) / count
    came, scores = np.quantile(values, share), stats.norm.ppf(share)
    if came[-1] <= came[0] * (1 + _LEAST_APART):
        return pl.DataFrame(schema=_SCHEMA)
    logs = np.log(values)
    parts = []
    for law, expected, told in (
        (LOG_NORMAL, np.exp(logs.mean() + logs.std() * scores), np.log(came)),
        (NORMAL, values.mean() + values.std() * scores, came),
    ):
        fit = float(np.corrcoef(scores, told)[0, 1])
        parts.append(
            pl.DataFrame(
                {"law": [law] * count, "share": share, "expected": expected, "value": came, "fit": [fit] * count}
            ).with_columns(pl.lit(len(values) / len(known)).alias("above"))
        )
    return pl.concat(parts)


def finding(data: pl.DataFrame) -> str:
    """Which law is nearer, in a sentence."""
    if data.is_empty():
        return "There are too few different values to compare them with a law."
    fits = dict(data.group_by("law").agg(pl.col("fit").first()).iter_rows())
    nearer, other = sorted(fits, key=lambda law: -fits[law])
    top = data.filter(pl.col("law") == nearer).sort("share").row(-1, named=True)
    side = "more" if top["value"] > top["expected"] else "less"
    which, of_them = ("Values above 0", " of those worth more than 0") if top["above"] < 1 else ("They", "")
    return (
        f"{which} are nearer to a {nearer} law (correlation of quantiles {fits[nearer]:.3f}) than to a {other} one "
        f"({fits[other]:.3f}); {percent(top['share'])}{of_them} are worth at most {number(top['value'])}, "
        f"{side} than the {number(top['expected'])} that it foresees."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw quantiles against quantiles; on the dashed line they agree."""
    scale = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    axis = short_axis(6)
    points = (
        alt.Chart(data)
        .mark_circle(size=28, opacity=0.8)
        .encode(
            x=alt.X("expected:Q", title=f"expected by the law ({VALUE_UNIT})", axis=axis),
            y=alt.Y("value:Q", title=f"came ({VALUE_UNIT})", axis=axis),
            color=alt.Color("law:N", scale=scale),
            tooltip=[
                alt.Tooltip("law:N"),
                alt.Tooltip("share:Q", title="sessions below", format=".1%"),
                alt.Tooltip("expected:Q", format=",.3~r"),
                alt.Tooltip("value:Q", title="came", format=",.3~r"),
            ],
        )
    )
    most = float(data.get_column("value").to_numpy().max(initial=1.0))
    line = (
        alt.Chart(pl.DataFrame({"at": [0.0, most]}))
        .mark_line(color=MUTED, strokeDash=[4, 4])
        .encode(x="at:Q", y="at:Q")
    )
    return finished(points + line, f"Quantiles of session values against two laws. {finding(data)}")
