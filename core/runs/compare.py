"""Two runs side by side: what they were told, how well they did fold by fold, and whether the difference is chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from core.base.text import count, number, percent
from core.runs.manifest import Manifest
from core.runs.store import FEATURES_FILE, OOF_FILE, Run
from core.schema import STACK, UNIT, USER, VALUE

Vector = NDArray[np.float64]
_CHANCE = 0.05
_FLIPS = 4_999
_AT_ONCE = 250
"""Sign flips at a time: with 100,000 users they hold 200 MB."""
_LOSSES: dict[str, Callable[[Vector, Vector], Vector]] = {
    "mse": lambda predicted, actual: (predicted - actual) ** 2,
    "rmse": lambda predicted, actual: (predicted - actual) ** 2,
    "mae": lambda predicted, actual: np.abs(predicted - actual),
    "rmsle": lambda predicted, actual: (np.log1p(np.maximum(predicted, 0)) - np.log1p(np.maximum(actual, 0))) ** 2,
}
"""By metric; of the root metrics what is averaged before the root is taken."""


@dataclass(frozen=True)
class Paired:
    """Out-of-fold losses of both runs on the same sessions.

    Attributes:
        metric: whose losses; those of the first run.
        sessions, users: that both runs predicted out of fold.
        first, second: mean losses.
        difference, low, high: of second minus first, with its 95 % interval by users: below 0 the second is better.
        p: two-sided, by flipping the signs of the users' differences; null where there are too few users.
    """

    metric: str
    sessions: int
    users: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float | None

    def words(self) -> str:
        """The finding in a sentence."""
        if self.p is None:
            return "Too few users were predicted by both runs to tell them apart."
        share = abs(self.difference) / self.first if self.first else 0.0
        side = "better" if self.difference < 0 else "worse"
        if self.p > _CHANCE:
            told = f"The two cannot be told apart: out of fold the second is {percent(share)} {side}"
        else:
            told = f"Out of fold the second is {percent(share)} {side}"
        low, high = number(self.low), number(self.high)
        return (
            f"{told} (loss {number(self.first)} and {number(self.second)}, difference {number(self.difference)}, "
            f"95% interval {low} to {high}, p = {self.p:.3f}; "
            f"{count(self.sessions, 'session')} of {count(self.users, 'user')})."
        )


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        same_dataset: else nothing of the scores can be compared.
        settings: name: (first, second), where they differ.
        folds: learner (and stack): (MSE by fold of the first, of the second); empty where folds or data differ.
        paired: None where the data differ or no session was predicted out of fold by both.
        features: names that only the first, only the second was given.
        timings: step: (seconds of the first, of the second); null where it had no such step.
        versions: package: (first, second), where they differ.
    """

    same_dataset: bool
    settings: dict[str, tuple[Any, Any]]
    folds: dict[str, tuple[list[float], list[float]]]
    paired: Paired | None
    features: tuple[list[str], list[str]]
    timings: dict[str, tuple[float | None, float | None]]
    versions: dict[str, tuple[str | None, str | None]]


def compare_runs(first: Run, second: Run, users: pl.DataFrame | None) -> Comparison:
    """Compare two runs; `users` has unit and user of their dataset (null: each session counts as a user of its own)."""
    one, other = first.manifest, second.manifest
    same = one.dataset == other.dataset
    return Comparison(
        same_dataset=same,
        settings=_differing(one.config.model_dump(mode="json"), other.config.model_dump(mode="json")),
        folds=_folds(one, other) if same else {},
        paired=_paired(first, second, users) if same else None,
        features=_features(first, second),
        timings={
            name: (one.timings.get(name), other.timings.get(name))
            for name in dict.fromkeys((*one.timings, *other.timings))
        },
        versions=_differing(one.versions, other.versions),
    )


def _differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys((*one, *other))
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


def _folds(one: Manifest, other: Manifest) -> dict[str, tuple[list[float], list[float]]]:
    """Only folds that hold the same sessions can stand side by side."""
    dealt = ("folds", "fold_kind", "seed", "split_composite_sessions")
    if any(getattr(one.config, name) != getattr(other.config, name) for name in dealt):
        return {}
    mine, theirs = one.scores.fold_mse, other.scores.fold_mse
    return {name: (mine[name], theirs[name]) for name in mine if name in theirs}


def _features(first: Run, second: Run) -> tuple[list[str], list[str]]:
    one, other = ([each["name"] for each in run.records(FEATURES_FILE)] for run in (first, second))
    return [name for name in one if name not in other], [name for name in other if name not in one]


def _paired(first: Run, second: Run, users: pl.DataFrame | None) -> Paired | None:
    metric = first.manifest.config.metric
    one, other = (run.table(OOF_FILE).select(UNIT, VALUE, STACK) for run in (first, second))
    both = one.join(other.select(UNIT, pl.col(STACK).alias("other")), on=UNIT).collect()
    both = both.with_columns(pl.col(STACK, "other").fill_nan(None)).drop_nulls()
    both = both.with_columns(pl.col(UNIT).alias(USER)) if users is None else both.join(users, on=UNIT)
    if both.is_empty():
        return None
    loss = _LOSSES[metric]
    actual = both.get_column(VALUE).to_numpy()
    mine, theirs = (loss(both.get_column(name).to_numpy(), actual) for name in (STACK, "other"))
    by_user = (
        pl.DataFrame({USER: both.get_column(USER), "first": mine, "second": theirs})
        .group_by(USER)
        .agg(pl.len().alias("sessions"), pl.col("first", "second").sum())
    )
    sums = (by_user.get_column("second") - by_user.get_column("first")).to_numpy()
    sessions = by_user.get_column("sessions").to_numpy()
    difference = float(sums.sum() / sessions.sum())
    # linearised ratio of sums by cluster
    error = float(np.sqrt(np.sum((sums - difference * sessions) ** 2)) / sessions.sum())
    return Paired(
        metric=metric,
        sessions=len(actual),
        users=len(sums),
        first=float(mine.mean()),
        second=float(theirs.mean()),
        difference=difference,
        low=difference - 1.96 * error,
        high=difference + 1.96 * error,
        p=_sign_flips(by_user),
    )


def _sign_flips(by_user: pl.DataFrame) -> float | None:
    """The p-value of a paired permutation test over users."""
    if by_user.height < 2:
        return None
    first, second = (by_user.sort(USER).get_column(name).to_numpy() for name in ("first", "second"))
    if np.array_equal(first, second):
        return 1.0
    found = stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.sum(b - a, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_FLIPS,
        batch=_AT_ONCE,
        rng=0,
    )
    return float(found.pvalue)
