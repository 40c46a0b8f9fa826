"""Quantiles of the session values, compared with those of a normal and a log-normal distribution."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
from scipy import stats

from core.base.amounts import value_text, value_unit
from core.base.text import fixed, percent
from core.eda.parts.density import diagonal
from core.eda.parts.theme import ACCENT, NEGATIVE, Figure, Hover, finished, short_axis
from core.schema import VALUE

TITLE = "Which distribution do the values follow?"
_POINTS = 120
NORMAL, LOG_NORMAL = "normal", "log-normal"
_COLOURS = {LOG_NORMAL: ACCENT, NORMAL: NEGATIVE}
_MIN_SPREAD = 1e-9
"""Relative spread below which quantiles count as equal, as sums of equal prices differ by rounding errors."""
_SCHEMA = {"law": pl.String} | dict.fromkeys(("share", "expected", "value", "fit", "above"), pl.Float64)


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Compare quantiles of the values above 0 with two distributions; one row per (distribution, quantile).

    Returns:
        law: "normal" or "log-normal", fitted by mean and standard deviation of the values or of their logarithms.
        share: share of the values below the quantile.
        expected, value: quantile of the distribution and of the values.
        fit: correlation of the quantiles, of their logarithms for log-normal; the same in every row of a distribution.
        above: share of the known values that are above 0; the same in every row.

        Empty if there are fewer than three values above 0, or all quantiles are equal.
    """
    all_values = sessions.get_column(VALUE).drop_nulls().to_numpy()
    values = np.sort(all_values[all_values > 0])
    if len(values) < 3:
        return pl.DataFrame(schema=_SCHEMA)
    n_points = min(_POINTS, len(values))
    share = (np.arange(n_points) + 0.5) / n_points
    observed, scores = np.quantile(values, share), stats.norm.ppf(share)
    if observed[-1] <= observed[0] * (1 + _MIN_SPREAD):
        return pl.DataFrame(schema=_SCHEMA)
    logs = np.log(values)
    laws = {
        LOG_NORMAL: (np.exp(logs.mean() + logs.std() * scores), np.log(observed)),
        NORMAL: (values.mean() + values.std() * scores, observed),
    }
    above = pl.lit(len(values) / len(all_values))
    return pl.concat(
        pl.DataFrame({"share": share, "expected": expected, "value": observed})
        .with_columns(law=pl.lit(law), fit=pl.lit(float(np.corrcoef(scores, scaled)[0, 1])), above=above)
        .select(*_SCHEMA)
        for law, (expected, scaled) in laws.items()
    )


def finding(data: pl.DataFrame) -> str:
    """Name the closer distribution, and compare the highest quantile with it."""
    if data.is_empty():
        return "There are too few different values above 0 to compare them with a distribution."
    fits = dict(data.group_by("law").agg(pl.col("fit").first()).iter_rows())
    closer, other = sorted(fits, key=lambda law: -fits[law])
    top = data.filter(pl.col("law") == closer).sort("share").row(-1, named=True)
    value, expected = value_text(top["value"]), value_text(top["expected"])
    side = f"{'above' if top['value'] > top['expected'] else 'below'} the {expected}" if value != expected else "as"
    subject = "Values above 0" if top["above"] < 1 else "The values"
    return (
        f"{subject} are closer to a {closer} distribution (correlation of quantiles {fixed(fits[closer], 3)}) than to "
        f"a {other} one ({fixed(fits[other], 3)}); their {percent(top['share'])} quantile is {value}, {side} "
        f"expected of the {closer} distribution."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw quantiles against quantiles; on the dashed line they agree."""
    colours = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    base = alt.Chart(data).encode(
        x=alt.X("expected:Q", title=f"expected value ({value_unit()})", axis=short_axis(6)),
        y=alt.Y("value:Q", title=f"actual value ({value_unit()})", axis=short_axis(6)),
        color=alt.Color("law:N", scale=colours),
        tooltip=[
            *Hover.texts(law="distribution"),
            *Hover.shares(share="sessions below"),
            *Hover.amounts("expected", value="actual"),
        ],
    )
    points = base.mark_circle(size=28, opacity=0.8)
    top = float(data.get_column("value").to_numpy().max(initial=1.0))
    return finished(
        points + diagonal(0.0, top), f"Quantiles of session values against two distributions. {finding(data)}"
    )
