"""Compare the predictions of several files: how they agree, where they differ, and on which sessions most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.submission.target import TEXT

Vector = NDArray[np.float64]

DECILE: Final = "decile of the first file"
_DECILES: Final = 10


@dataclass(frozen=True)
class Comparison:
    """How files differ. Distances and differences are in value units.

    Attributes:
        pairs: one row per pair of files: `file`, `other`, `correlation` (Pearson; null if a file is constant),
            `rank_correlation` (Spearman; the same), `distance` (root mean square of the differences), `difference`
            (mean of other minus file).
        segments: one row per segment and file: `by`, `segment`, `sessions`, `file`, `mean`, and `distance` from the
            first file.
        disagreements: the sessions with the largest range of predictions: `user_session`, one column per file, `range`.
    """

    pairs: pl.DataFrame
    segments: pl.DataFrame
    disagreements: pl.DataFrame


def compare(
    sessions: pl.Series,
    files: Mapping[str, Vector],
    segments: Mapping[str, Sequence[str]],
    *,
    n_disagreements: int = 20,
) -> Comparison:
    """Compare files.

    Args:
        sessions: ids of the sessions to predict.
        files: name -> prediction for each of these sessions; at least two files.
        segments: how sessions are divided -> the segment of each session. Deciles of the first file are added.
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
    divided = {DECILE: _deciles(predictions[0])} | dict(segments)
    parts = [
        _segment_rows(frame.with_columns(pl.Series("segment", labels)), by, names) for by, labels in divided.items()
    ]
    columns = [f"file_{index}" for index in range(len(names))]
    spread = pl.max_horizontal(columns) - pl.min_horizontal(columns)
    most = frame.with_columns(spread.alias("range")).top_k(n_disagreements, by="range")
    unnamed = dict(zip(columns, names, strict=True))
    return Comparison(pairs, pl.concat(parts), most.rename({TEXT: "user_session"} | unnamed))


def _pair(one: Vector, two: Vector) -> dict[str, float | None]:
    difference = two - one
    return {
        "correlation": _correlation(one, two),
        "rank_correlation": _correlation(*(pl.Series(values).rank().to_numpy() for values in (one, two))),
        "distance": float(np.sqrt(np.mean(difference**2))),
        "difference": float(difference.mean()),
    }


def _correlation(one: Vector, two: Vector) -> float | None:
    if not np.ptp(one) or not np.ptp(two):
        return None
    return float(np.corrcoef(one, two)[0, 1])


def _deciles(values: Vector) -> NDArray[np.str_]:
    edges = np.quantile(values, np.linspace(0, 1, _DECILES + 1)[1:-1])
    labels = np.array([f"{decile:02}" for decile in range(1, _DECILES + 1)])
    return labels[np.searchsorted(edges, values, side="left")]


def _segment_rows(frame: pl.DataFrame, by: str, names: list[str]) -> pl.DataFrame:
    rows = []
    for index, name in enumerate(names):
        column = pl.col(f"file_{index}")
        distance = ((column - pl.col("file_0")) ** 2).mean().sqrt()
        means = frame.group_by("segment").agg(
            pl.len().cast(pl.Int64).alias("sessions"), column.mean().alias("mean"), distance.alias("distance")
        )
        rows.append(means.with_columns(pl.lit(by).alias("by"), pl.lit(name).alias("file")))
    order = ["by", "segment", "sessions", "file", "mean", "distance"]
    return pl.concat(rows).select(order).sort("segment", maintain_order=True)
