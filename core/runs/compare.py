"""Comparison of two runs: settings, features, timings, scores by fold, and a paired test of their losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from core.base.text import count, difference, number
from core.metric import metric_named
from core.runs.manifest import Manifest
from core.runs.store import FEATURES_FILE, OOF_FILE, Run
from core.schema import STACK, UNIT, USER, VALUE

_SIGNIFICANCE = 0.05
_NORMAL_QUANTILE = 1.96
"""Half the width of a 95% interval, in standard errors."""
_RESAMPLES = 4_999
_BATCH = 250
"""Resamples at a time; with 100,000 users they take 200 MB."""
_FOLD_SETTINGS = ("folds", "fold_kind", "seed", "split_composite_sessions")
"""Settings that decide which sessions are in which fold."""


@dataclass(frozen=True)
class Paired:
    """Out-of-fold losses of two runs on the same sessions.

    Attributes:
        metric: metric of the first run, whose loss is used for both.
        sessions: number of sessions that both runs predicted out of fold.
        users: number of users of these sessions.
        first, second: mean loss of each run.
        difference: second minus first; negative if the second run is better.
        low, high: ends of the 95% interval of the difference, clustered by user.
        p: two-sided p-value of a paired permutation test over users; None with fewer than two users.
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

    def describe(self) -> str:
        """Return the finding as a sentence."""
        if self.p is None:
            return "The two runs have too few users in common for a comparison."
        side = difference(self.second, self.first, lower="better", higher="worse", equal="as good as the first")
        if self.p > _SIGNIFICANCE:
            finding = f"The runs do not differ significantly: out of fold, the second is {side}"
        else:
            finding = f"Out of fold, the second run is {side}"
        return (
            f"{finding} (loss {number(self.first)} and {number(self.second)}, difference {number(self.difference)}, "
            f"95% interval {number(self.low)} to {number(self.high)}, p = {self.p:.3f}; "
            f"{count(self.sessions, 'session')} of {count(self.users, 'user')})."
        )


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side. A pair has the value of the first run, then that of the second.

    Attributes:
        same_dataset: whether both used the same dataset. If not, their scores cannot be compared.
        settings: name -> values, for settings that differ.
        folds: learner or stack -> MSE by fold; empty if the datasets or the folds differ.
        paired: out-of-fold losses on the sessions that both predicted; None without such sessions or on other datasets.
        features: display names of the features that the other run does not have.
        timings: step -> seconds; None if a run had no such step.
        versions: package -> versions, for packages whose versions differ.
    """

    same_dataset: bool
    settings: dict[str, tuple[Any, Any]]
    folds: dict[str, tuple[list[float], list[float]]]
    paired: Paired | None
    features: tuple[list[str], list[str]]
    timings: dict[str, tuple[float | None, float | None]]
    versions: dict[str, tuple[str | None, str | None]]


def compare_runs(first: Run, second: Run, users: pl.DataFrame | None) -> Comparison:
    """Compare the second run with the first.

    Args:
        users: columns unit and user of their dataset; None counts every session as a user of its own.
    """
    before, after = first.manifest, second.manifest
    same_dataset = before.dataset == after.dataset
    return Comparison(
        same_dataset=same_dataset,
        settings=_differences(before.config.model_dump(mode="json"), after.config.model_dump(mode="json")),
        folds=_fold_scores(before, after) if same_dataset else {},
        paired=_paired_losses(first, second, users) if same_dataset else None,
        features=_feature_differences(first, second),
        timings=_pairs(before.timings, after.timings),
        versions=_differences(before.versions, after.versions),
    )


def _pairs(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (first.get(name), second.get(name)) for name in dict.fromkeys((*first, *second))}


def _differences(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (before, after) for name, (before, after) in _pairs(first, second).items() if before != after}


def _fold_scores(first: Manifest, second: Manifest) -> dict[str, tuple[list[float], list[float]]]:
    """Return the scores by fold; empty if the folds do not have the same sessions."""
    if any(getattr(first.config, name) != getattr(second.config, name) for name in _FOLD_SETTINGS):
        return {}
    before, after = first.scores.fold_mse, second.scores.fold_mse
    return {name: (before[name], after[name]) for name in before if name in after}


def _feature_differences(first: Run, second: Run) -> tuple[list[str], list[str]]:
    before, after = (
        {feature["name"]: feature.get("label", feature["name"]) for feature in run.records(FEATURES_FILE)}
        for run in (first, second)
    )
    removed = [label for name, label in before.items() if name not in after]
    return removed, [label for name, label in after.items() if name not in before]


def _paired_losses(first: Run, second: Run, users: pl.DataFrame | None) -> Paired | None:
    sessions = _common_sessions(first, second, users)
    if sessions.is_empty():
        return None
    metric = metric_named(first.manifest.config.metric)
    actual = sessions.get_column(VALUE).to_numpy()
    losses = {name: metric.losses(sessions.get_column(name).to_numpy(), actual) for name in ("first", "second")}
    by_user = (
        pl.DataFrame({USER: sessions.get_column(USER), **losses})
        .group_by(USER, maintain_order=True)  # so that the last digits do not depend on the order of summation
        .agg(pl.len().alias("sessions"), pl.col("first", "second").sum())
    )
    sums = (by_user.get_column("second") - by_user.get_column("first")).to_numpy()
    sizes = by_user.get_column("sessions").to_numpy()
    difference = float(sums.sum() / sizes.sum())
    # the mean over sessions is a ratio of sums over users; this is its linearised standard error
    margin = _NORMAL_QUANTILE * float(np.sqrt(np.sum((sums - difference * sizes) ** 2)) / sizes.sum())
    return Paired(
        metric=metric.name,
        sessions=sessions.height,
        users=by_user.height,
        first=float(losses["first"].mean()),
        second=float(losses["second"].mean()),
        difference=difference,
        low=difference - margin,
        high=difference + margin,
        p=_permutation_p_value(by_user),
    )


def _common_sessions(first: Run, second: Run, users: pl.DataFrame | None) -> pl.DataFrame:
    """Return one row per unit that both runs predicted out of fold: unit, value, first, second, user."""
    before = first.table(OOF_FILE).select(UNIT, VALUE, pl.col(STACK).alias("first"))
    after = second.table(OOF_FILE).select(UNIT, pl.col(STACK).alias("second"))
    both = before.join(after, on=UNIT).with_columns(pl.col("first", "second").fill_nan(None)).drop_nulls().collect()
    return both.with_columns(pl.col(UNIT).alias(USER)) if users is None else both.join(users, on=UNIT)


def _permutation_p_value(by_user: pl.DataFrame) -> float | None:
    """Return the p-value of a paired permutation test over users; None with fewer than two."""
    if by_user.height < 2:
        return None
    first, second = (by_user.sort(USER).get_column(name).to_numpy() for name in ("first", "second"))
    if np.array_equal(first, second):
        return 1.0
    from scipy import stats  # noqa: PLC0415 (it takes a second to load, and few callers compare runs)

    test = stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.sum(b - a, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=_BATCH,
        rng=0,
    )
    return float(test.pvalue)
