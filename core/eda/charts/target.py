"""How values are distributed: most sessions are worth little, a few are worth a great deal."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.text import number, percent
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.histogram import bars, on_log_scale, on_plain_scale, top_share, top_words
from core.eda.parts.theme import finished
from core.schema import ROLE, SESSION, TRAIN_ROLE, VALUE

TITLE = "How much are sessions worth?"
PLAIN_TITLE = "How do values lie on a plain scale?"
PICK = picking.values("low")
_SHOWN = 0.99
"""Share of the sessions on the plain scale: the last hundredth would push all others into a corner."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """Histogram on a log scale: one row a bin with low, high (value units) and sessions; plus what the finding needs.

    Columns beside: median, top_share (share of all value in the most valuable 1 % of sessions, one at least), the
    same in every row. Values of 0 stand in the lowest bin. Empty when no session has a value.
    """
    values = _values(dataset)
    known = {"median": float(np.median(values)), "top_share": top_share(values)} if len(values) else {}
    return _with(on_log_scale(values, "sessions"), "median", "top_share", known=known)


def plain_frame(dataset: Dataset) -> pl.DataFrame:
    """Histogram in bins of equal width from 0 to the 99th percentile: low, high (value units) and sessions.

    Columns beside, the same in every row, of all values: upto (that percentile), mean, spread (standard deviation),
    all_low and all_high (quartiles), most (the largest). Empty when no session has a value.
    """
    values = _values(dataset)
    known: dict[str, float] = {}
    upto = 0.0
    if len(values):
        upto = float(np.quantile(values, _SHOWN, method="inverted_cdf"))
        known = {"upto": upto, "mean": float(values.mean()), "spread": float(values.std()), "most": float(values[-1])}
        known |= {"all_low": float(np.quantile(values, 0.25)), "all_high": float(np.quantile(values, 0.75))}
    names = ("upto", "mean", "spread", "all_low", "all_high", "most")
    return _with(on_plain_scale(values, upto, "sessions"), *names, known=known)


def _values(dataset: Dataset) -> NDArray[np.float64]:
    """Of the train sessions that have one, sorted."""
    return (
        dataset.units()
        .filter((pl.col(ROLE) == TRAIN_ROLE) & pl.col(VALUE).is_not_null())
        .group_by(SESSION)
        .agg(pl.col(VALUE).first())
        .select(pl.col(VALUE).sort())
        .collect()
        .get_column(VALUE)
        .to_numpy()
    )


def _with(bins: pl.DataFrame, *names: str, known: dict[str, float]) -> pl.DataFrame:
    return bins.with_columns(pl.lit(known.get(name), pl.Float64).alias(name) for name in names)


def finding(data: pl.DataFrame) -> str:
    """What the histogram shows, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    row = data.row(0, named=True)
    best = top_words(int(data.get_column("sessions").sum()), "session", "hold")
    return (
        f"Half of the sessions are worth at most {number(row['median'])}; {best} {percent(row['top_share'])} of all "
        "value."
    )


def plain_finding(data: pl.DataFrame) -> str:
    """How far the largest is from the usual, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    row = data.row(0, named=True)
    return (
        f"A session brings {number(row['mean'])} on average (standard deviation {number(row['spread'])}), the middle "
        f"half of them {number(row['all_low'])} to {number(row['all_high'])}. Shown are 99%, up to "
        f"{number(row['upto'])}; the largest is {number(row['most'])}."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the histogram; the value axis is logarithmic."""
    return finished(bars(data, "session value", "sessions", log=True), f"Histogram of session values. {finding(data)}")


def plain_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the histogram on a plain axis."""
    chart = bars(data, "session value", "sessions", log=False)
    return finished(chart, f"Histogram of session values on a plain scale. {plain_finding(data)}")
