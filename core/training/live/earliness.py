"""How early a session's value is known: errors and intervals by events so far, and by seconds since the start."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.features.columns import EVENTS_SEEN
from core.schema import STACK, VALUE
from core.training.live.train import AVERAGE, BOUGHT, DRAWN, P_BUY, SECONDS, SO_FAR, WHOLE

BY, SEGMENT, ROWS = "by", "segment", "prefixes"
_SIMPLE = {"mse_average": AVERAGE, "mse_so_far": SO_FAR, "mse_whole_sessions": WHOLE}
_PREDICTIONS = {"mse": STACK} | _SIMPLE
LENGTH_ENDS = (1, 2, 3, 4, 5, 7, 10, 15, 20)
"""Largest number of events of each class of lengths but the last."""
_SECOND_ENDS = (0, 10, 60, 300, 900, 1_800)
_SECOND_LABELS = ("at once", "to 10 s", "to 1 minute", "to 5 minutes", "to 15 minutes", "to 30 minutes", "later")


def earliness_frame(prefixes: pl.DataFrame) -> pl.DataFrame:
    """Return errors and intervals of prefixes, one row per (by, segment), in the order of time.

    Args:
        prefixes: the table of `core.training.live.train.prefix_frame`. Rows that were not drawn, or that no fold
            validates, are left out.

    Returns:
        by: "all", "events" (number of events so far) or "seconds" (time since the start).
        segment: label of the segment.
        prefixes: number of rows.
        mse: mean squared error of the model.
        mse_average, mse_so_far, mse_whole_sessions: mean squared errors of the three baselines of `prefix_frame`.
        inside_80, inside_95: share of the values inside the intervals of the model.
        width_80, width_95: mean width of these intervals, in value units; null if none is finite.
        width_80_average, width_80_so_far, width_80_whole_sessions: mean width of intervals around the baselines. They
            reach from the first to the ninth decile of the errors in the segment, and are at least 0.
        value, predicted: mean value and mean prediction, in value units.
        p_buy: mean purchase probability.
        bought: share of sessions with a purchase by their end.
    """
    rows = prefixes.filter(pl.col(DRAWN) & pl.col(STACK).is_not_nan())
    measures = _measures()
    segments = {
        "all": np.zeros(rows.height, dtype=np.int64),
        "events": np.searchsorted(LENGTH_ENDS, rows.get_column(EVENTS_SEEN).to_numpy()),
        "seconds": np.searchsorted(_SECOND_ENDS, rows.get_column(SECONDS).to_numpy()),
    }
    labels = {"all": ("all prefixes",), "events": _length_labels(), "seconds": _SECOND_LABELS}
    return pl.concat(
        rows.with_columns(pl.Series(SEGMENT, numbers))
        .group_by(SEGMENT)
        .agg(pl.len().cast(pl.Int64).alias(ROWS), **measures)
        .sort(SEGMENT)
        .with_columns(pl.lit(by).alias(BY), pl.Series(SEGMENT, labels[by])[pl.Series(np.unique(numbers))])
        .select(BY, SEGMENT, ROWS, *measures)
        for by, numbers in segments.items()
    )


def _measures() -> dict[str, pl.Expr]:
    """Return name of a column -> aggregation of the prefixes of a segment."""
    value, intervals = pl.col(VALUE), {}
    for percent in (80, 95):
        low, high = pl.col(f"low_{percent}"), pl.col(f"high_{percent}").fill_null(np.inf)
        intervals[f"inside_{percent}"] = value.is_between(low, high).mean()
        intervals[f"width_{percent}"] = (pl.col(f"high_{percent}") - low).mean()
    return {
        **{name: ((pl.col(column) - value) ** 2).mean() for name, column in _PREDICTIONS.items()},
        **intervals,
        **{f"width_80_{name.removeprefix('mse_')}": _width(column) for name, column in _SIMPLE.items()},
        "value": value.mean(),
        "predicted": pl.col(STACK).mean(),
        "p_buy": pl.col(P_BUY).mean(),
        "bought": pl.col(BOUGHT).mean(),
    }


def _width(prediction: str) -> pl.Expr:
    """Return the mean width of intervals around a prediction that contain 80% of the values, from its errors."""
    error = pl.col(VALUE) - pl.col(prediction)
    low, high = ((pl.col(prediction) + error.quantile(share, "linear")).clip(lower_bound=0.0) for share in (0.1, 0.9))
    return (high - low).mean()


def _length_labels() -> tuple[str, ...]:
    """Return the labels of the classes of lengths.

    >>> _length_labels()[4:7]
    ('5', '6 to 7', '8 to 10')
    """
    firsts = (1, *(end + 1 for end in LENGTH_ENDS[:-1]))
    ranges = zip(firsts, LENGTH_ENDS, strict=True)
    return (*(str(end) if first == end else f"{first} to {end}" for first, end in ranges), f"over {LENGTH_ENDS[-1]}")
