"""Compare the predictions of several files: correlations, distances, and the sessions on which they differ most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.schema import USER_SESSION
from core.submission.target import TEXT

Vector = NDArray[np.float64]

DECILE: Final = "decile of the first file"
_DECILES: Final = 10
_MAX_RANKED: Final = 1_000_000
"""Sessions that are ranked. Beyond that, an even sample gives the same rank correlation to three digits."""


@dataclass(frozen=True)
class Division:
    """A division of the sessions into segments.

    Attributes:
        labels: names of the segments, in their order.
        codes: (sessions,) index of the segment of each session.
    """

    labels: Sequence[str]
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """Result of comparing submission files. Distances and differences are in value units.

    Attributes:
        pairs: one row per pair of files: `file`, `other`, `correlation` (Pearson; null if a file is constant),
            `rank_correlation` (Spearman; the same), `distance` (root mean square of the differences), `difference`
            (mean of other minus file).
        segments: one row per segment and file: `by`, `segment`, `sessions`, `file`, `mean`, and `distance` from the
            first file.
        disagreements: the sessions with the largest range of predictions, that first: `user_session`, `range` and
            `predictions` (list, one per file).
    """

    pairs: pl.DataFrame
    segments: pl.DataFrame
    disagreements: pl.DataFrame


def compare(
    sessions: pl.Series,
    files: Mapping[str, Vector],
    divisions: Mapping[str, Division],
    *,
    n_disagreements: int = 20,
) -> Comparison:
    """Compare files.

    Args:
        sessions: ids of the sessions to predict.
        files: name -> prediction for each of these sessions; at least two files.
        divisions: name -> division of the sessions. Deciles of the first file are added.
    """
    names, predictions = list(files), list(files.values())
    pairs = pl.DataFrame(
        [
            {"file": names[one], "other": names[two], **_pair(predictions[one], predictions[two])}
            for one, two in combinations(range(len(names)), 2)
        ],
        schema_overrides={"correlation": pl.Float64, "rank_correlation": pl.Float64},
    )
    frame = pl.DataFrame({TEXT: sessions} | {f"file_{index}": values for index, values in enumerate(predictions)})
    divided = {DECILE: _deciles(predictions[0])} | dict(divisions)
    parts = [_segment_rows(frame, by, division, names) for by, division in divided.items()]
    return Comparison(pairs, pl.concat(parts), _disagreements(frame, n_disagreements))


def _disagreements(frame: pl.DataFrame, n_sessions: int) -> pl.DataFrame:
    """Return the sessions with the largest range; of equal ones, the first. `frame` has the ids, then the files."""
    files = pl.all().exclude(TEXT)
    spread = (pl.max_horizontal(files) - pl.min_horizontal(files)).alias("range")
    least = frame.select(spread.top_k(n_sessions).min())
    largest = frame.filter(spread >= least.item()).sort(spread, descending=True, maintain_order=True).head(n_sessions)
    return largest.select(pl.col(TEXT).alias(USER_SESSION), spread, pl.concat_list(files).alias("predictions"))


def _pair(one: Vector, two: Vector) -> dict[str, float | None]:
    difference = two - one
    ranked = slice(None, None, max(1, len(one) // _MAX_RANKED))
    return {
        "correlation": _correlation(one, two),
        "rank_correlation": _correlation(*(pl.Series(values[ranked]).rank().to_numpy() for values in (one, two))),
        "distance": float(np.sqrt(np.mean(difference**2))),
        "difference": float(difference.mean()),
    }


def _correlation(one: Vector, two: Vector) -> float | None:
    first, second = one - one.mean(), two - two.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale > 0 else None


def _deciles(values: Vector) -> Division:
    edges = np.quantile(values, np.linspace(0, 1, _DECILES + 1)[1:-1])
    labels = ["1 (lowest)", *map(str, range(2, _DECILES)), f"{_DECILES} (highest)"]
    return Division(labels, np.searchsorted(edges, values, side="left"))


def _segment_rows(frame: pl.DataFrame, by: str, division: Division, names: list[str]) -> pl.DataFrame:
    """Return one row per segment with sessions and file, in the order of the segments and files."""
    columns = [pl.col(f"file_{index}") for index in range(len(names))]
    wide = (
        frame.lazy()
        .group_by(pl.Series("code", division.codes))
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            *(column.mean().alias(f"mean_{index}") for index, column in enumerate(columns)),
            *(
                ((column - columns[0]) ** 2).mean().sqrt().alias(f"distance_{index}")
                for index, column in enumerate(columns)
            ),
        )
        .sort("code")
        .collect()
    )
    rows = [
        {
            "by": by,
            "segment": division.labels[row["code"]],
            "sessions": row["sessions"],
            "file": name,
            "mean": row[f"mean_{index}"],
            "distance": row[f"distance_{index}"],
        }
        for row in wide.iter_rows(named=True)
        for index, name in enumerate(names)
    ]
    return pl.DataFrame(rows)
