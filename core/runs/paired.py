"""The out-of-fold losses of two predictors on the same sessions, and the significance of their difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.base.text import count, difference, fixed, number
from core.metric import metric_named
from core.runs.store import OOF_FILE, Run
from core.schema import STACK, UNIT, USER, VALUE

_SIGNIFICANCE = 0.05
NORMAL_QUANTILE = 1.96
"""Half the width of a 95% interval, in standard errors."""
_RESAMPLES = 4_999
_BATCH = 250
"""Resamples at a time; with 100,000 users they take 200 MB."""


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
            f"95% interval {number(self.low)} to {number(self.high)}, p = {fixed(self.p, 3)}; "
            f"{count(self.sessions, 'session')} of {count(self.users, 'user')})."
        )


def paired_losses(
    first: Run,
    second: Run,
    users: pl.DataFrame | None,
    *,
    predictors: tuple[str, str] = (STACK, STACK),
    test: bool = True,
) -> Paired | None:
    """Compare the out-of-fold losses of two runs on one dataset; None if they predicted no session in common.

    Args:
        users: columns unit and user of the dataset; None counts every session as a user of its own.
        predictors: the stack or a learner of each run.
        test: whether to compute the p-value, which takes a second for 100,000 users.
    """
    sessions = _common_sessions(first, second, users, predictors)
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
    margin = NORMAL_QUANTILE * float(np.sqrt(np.sum((sums - difference * sizes) ** 2)) / sizes.sum())
    return Paired(
        metric=metric.name,
        sessions=sessions.height,
        users=by_user.height,
        first=float(losses["first"].mean()),
        second=float(losses["second"].mean()),
        difference=difference,
        low=difference - margin,
        high=difference + margin,
        p=_permutation_p_value(by_user) if test else None,
    )


def _common_sessions(first: Run, second: Run, users: pl.DataFrame | None, predictors: tuple[str, str]) -> pl.DataFrame:
    """Return one row per unit that both predicted out of fold: unit, value, first, second, user."""
    before = first.table(OOF_FILE).select(UNIT, VALUE, pl.col(predictors[0]).alias("first"))
    after = second.table(OOF_FILE).select(UNIT, pl.col(predictors[1]).alias("second"))
    both = (
        before.join(after, on=UNIT, maintain_order="left")
        .with_columns(pl.col("first", "second").fill_nan(None))
        .drop_nulls()
        .collect()
    )
    return (
        both.with_columns(pl.col(UNIT).alias(USER))
        if users is None
        else both.join(users, on=UNIT, maintain_order="left")
    )


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
