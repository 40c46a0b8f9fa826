"""Which features go with the value, one by one and with each other."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from scipy.stats import rankdata
from sklearn.metrics import mutual_info_score

from core.base.text import count
from core.dataset import Dataset
from core.eda.parts.theme import ACCENT, MUTED, finished
from core.features import feature_catalogue
from core.schema import UNIT, VALUE

TITLE = "Which features go with the value?"
TOGETHER_TITLE = "Which features say the same?"
_TENTHS = 10
"""Parts of equal size that mutual information is counted in."""
_FEWEST = 50
"""Sessions: of fewer, correlations of 0.3 come about by chance."""
_MOST = 20
_SCHEMA = {
    "feature": pl.String,
    "group": pl.String,
    "meaning": pl.String,
    "pearson": pl.Float64,
    "spearman": pl.Float64,
    "information": pl.Float64,
}
_PAIRS = {"one": pl.String, "other": pl.String, "spearman": pl.Float64}


def with_value(features: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Value and features of the units of a sample (unit and a column a feature), but for those without a value and
    composite ones, whose value is of several users: value, then a column a feature.
    """
    units = dataset.units().filter(~pl.col("composite"), pl.col(VALUE).is_not_null()).select(UNIT, VALUE)
    valued = features.lazy().join(units, on=UNIT, how="inner", maintain_order="left")
    return valued.select(VALUE, pl.exclude(UNIT, VALUE)).collect()


def frame(sample: pl.DataFrame) -> pl.DataFrame:
    """One row a feature, the strongest first: feature, group, meaning, pearson and spearman (correlation with the value
    where the feature is there, -1 to 1; null where it does not vary), information (mutual information with the value in
    nats, see `_information`). `sample` is as of `with_value`.
    """
    if sample.height < _FEWEST:
        return pl.DataFrame(schema=_SCHEMA)
    names = [name for name in sample.columns if name != VALUE]
    about = {each.feature.name: (each.group, each.feature.meaning) for each in feature_catalogue()}
    rows = [
        (name, *about[name], *both, told)
        for name, both, told in zip(names, _correlations(sample, names), _information(sample, names), strict=True)
    ]
    data = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return data.sort(pl.col("spearman").abs().fill_null(0.0), "feature", descending=[True, False])


def together_frame(sample: pl.DataFrame) -> pl.DataFrame:
    """One row a pair of the 20 features that go with the value most (each with itself, too): one, other, spearman.

    Like features stand beside each other (average linkage on 1 - |correlation|).
    """
    if sample.height < _FEWEST:
        return pl.DataFrame(schema=_PAIRS)
    every = [name for name in sample.columns if name != VALUE]
    ranks = {
        name: rank for name, (_, rank) in zip(every, _correlations(sample, every), strict=True) if rank is not None
    }
    names = sorted(ranks, key=lambda name: (-abs(ranks[name]), name))[:_MOST]
    if len(names) < 2:
        return pl.DataFrame(schema=_PAIRS)
    filled = sample.select(pl.col(names).fill_null(pl.col(names).median())).to_numpy()
    found = np.corrcoef(np.apply_along_axis(rankdata, 0, filled), rowvar=False)
    found = np.nan_to_num(found, nan=0.0)
    np.fill_diagonal(found, 1.0)
    apart = squareform(np.clip(1.0 - np.abs(found), 0.0, None), checks=False)
    order = hierarchy.leaves_list(hierarchy.linkage(apart, method="average"))
    rows = [(names[a], names[b], float(found[a, b])) for a in order for b in order]
    return pl.DataFrame(rows, schema=_PAIRS, orient="row")


def finding(data: pl.DataFrame) -> str:
    """The strongest features, in a sentence."""
    if data.is_empty():
        return f"There are fewer than {_FEWEST} train sessions with a value: any correlation would be chance."
    told = [
        f"{row['feature']} ({row['spearman']:+.2f})" for row in data.head(3).iter_rows(named=True) if row["spearman"]
    ]
    if not told:
        return "No feature goes with the value."
    most = data.sort("information", descending=True).row(0, named=True)
    return (
        f"By rank {', '.join(told)} go with the value most; {most['feature']} tells most about it in any way "
        f"({most['information']:.2f} nats)."
    )


def together_finding(data: pl.DataFrame) -> str:
    """The two that are nearest, in a sentence."""
    pairs = data.filter(pl.col("one") < pl.col("other")).sort(pl.col("spearman").abs(), descending=True)
    if pairs.is_empty():
        return "There are too few features that vary."
    close = pairs.filter(pl.col("spearman").abs() > 0.9).height
    row = pairs.row(0, named=True)
    return (
        f"{row['one']} and {row['other']} are nearest ({row['spearman']:+.2f}); {count(close, 'pair')} of the "
        f"{pairs.height} shown are above 0.9 in size. Trees do not mind; a straight line does."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw rank correlations as bars, linear ones as points, of the 20 strongest features."""
    shown = data.head(_MOST)
    base = alt.Chart(shown).encode(
        y=alt.Y("feature:N", sort=shown.get_column("feature").to_list(), title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            alt.Tooltip("feature:N"),
            alt.Tooltip("meaning:N"),
            alt.Tooltip("spearman:Q", title="rank correlation", format=".3f"),
            alt.Tooltip("pearson:Q", title="linear correlation", format=".3f"),
            alt.Tooltip("information:Q", title="mutual information (nats)", format=".3f"),
        ],
    )
    bars = base.mark_bar(color=ACCENT, height=12).encode(
        x=alt.X("spearman:Q", title="correlation (bar: by rank, point: linear)", axis=alt.Axis(tickCount=5))
    )
    points = base.mark_point(color=MUTED, filled=True, size=45, opacity=1).encode(x="pearson:Q")
    return finished(bars + points, f"Correlation of features with the value. {finding(data)}", height=22 * _MOST + 40)


def together_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map in the order of the clusters."""
    order = list(dict.fromkeys(data.get_column("one")))
    chart = (
        alt.Chart(data)
        .mark_rect()
        .encode(
            x=alt.X(
                "other:N", sort=order, title=None, axis=alt.Axis(labelAngle=-60, labelLimit=160, labelOverlap=False)
            ),
            y=alt.Y("one:N", sort=order, title=None, axis=alt.Axis(labelLimit=220, grid=False, labelOverlap=False)),
            color=alt.Color(
                "spearman:Q",
                scale=alt.Scale(domain=[-1, 0, 1], range=["#D55E00", "#F4F5F7", ACCENT], interpolate="rgb"),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("one:N"),
                alt.Tooltip("other:N"),
                alt.Tooltip("spearman:Q", title="rank correlation", format=".2f"),
            ],
        )
    )
    described = f"Rank correlations of features with each other. {together_finding(data)}"
    return finished(chart, described, height=20 * max(len(order), 4) + 120)


def _correlations(sample: pl.DataFrame, names: list[str]) -> list[tuple[float | None, float | None]]:
    """Of each feature with the value, linear and by rank, where the feature is there."""
    value = sample.get_column(VALUE).to_numpy()
    value_ranks = rankdata(value)
    found = []
    for name in names:
        column = sample.get_column(name).to_numpy()
        known = ~np.isnan(column)
        mine, theirs = column[known], value[known]
        ranks = value_ranks if known.all() else rankdata(theirs)
        found.append((_correlation(mine, theirs), _correlation(rankdata(mine), ranks)))
    return found


def _information(sample: pl.DataFrame, names: list[str]) -> list[float]:
    """Mutual information of each feature with the value in nats: of their tenths, an absent feature a part of its own.

    Less what chance alone gives (Miller 1955, Note on the bias of information estimates), and never below 0.
    """
    value = _tenths(sample.get_column(VALUE).to_numpy())
    found = []
    for name in names:
        mine = _tenths(sample.get_column(name).to_numpy())
        chance = (len(np.unique(mine)) - 1) * (len(np.unique(value)) - 1) / (2 * len(value))
        found.append(max(float(mutual_info_score(value, mine)) - chance, 0.0))
    return found


def _tenths(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 for the lowest tenth and so on, equal numbers in one; -1 for NaN."""
    known = ~np.isnan(numbers)
    found = np.full(len(numbers), -1)
    found[known] = (rankdata(numbers[known]) - 0.5) / max(known.sum(), 1) * _TENTHS
    return found


def _correlation(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float | None:
    """None where either does not vary."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])
