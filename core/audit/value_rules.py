"""What are the sessions worth? The tail that decides the score, zeros, caps, contradictions and trends."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.audit.case import BUYS, AuditCase
from core.audit.distance import distance
from core.audit.finding import Finding, Record
from core.audit.purchase_rules import VALUES_FROM_PRICES
from core.audit.rule import Rule
from core.base.text import count, number, percent, verb
from core.checks import Requirement
from core.schema import COMPOSITE, SESSION, START, TEST_ROLE, TRAIN_ROLE, VALUE

TAIL_CHART: Final = "tail"
TOP_SHARE: Final = 0.001
"""Of the sessions: the top 0.1%."""
HEAVY: Final = 0.1
"""Of the total squared deviation. The top 0.1% has 1% of it if values are normal and 5% if they are exponential, so 10%
is a heavy tail."""
DECISIVE: Final = 0.5
"""Of the total squared deviation: the top 0.1% then decides half of the score."""
MIN_SESSIONS: Final = 1_000
"""With fewer, the top 0.1% is less than one session."""
ZERO_BUYS: Final = 0.1
"""Of the sessions with a BUY. A gift may cost nothing; if 10% of the purchases do, values were not recorded."""
MOSTLY_DIFFERENT: Final = 0.5
"""Of the train sessions. The column is then a price per event, not a value of the session."""
CAP_SESSIONS: Final = 5
CAP_SHARE: Final = 0.001
"""Of the sessions. The largest amount of money usually occurs once; five times and in 0.1% of sessions is a limit."""
CAP_DISTINCT: Final = 100
"""Distinct values. With fewer they are grades or list prices, whose largest is no limit."""
TREND_KS: Final = 0.1
"""Kolmogorov-Smirnov distance between the halves of train, the same as for the drift of a feature (see drift_rules)."""
MAX_P_VALUE: Final = 0.001
"""Above this, the distance may be chance in a small sample."""
MIN_VALUES: Final = 200
"""Sessions with a value, in each half of train."""

_CURVE: Final = 60
"""Points of the curve, evenly spaced on its logarithmic axis; enough to look smooth."""

_VALUES_DIFFER: Final = Requirement[AuditCase](
    lambda case: len(case.train_values) > 0 and bool(case.train_values[0] < case.train_values[-1]),
    "all train sessions have the same value",
)


def deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return squared deviations from the mean, largest first.

    >>> deviations(np.array([1.0, 2.0, 6.0])).tolist()
    [9.0, 4.0, 1.0]
    """
    return np.sort((values - values.mean()) ** 2)[::-1]


class HeavyTail(Rule):
    """A few sessions have a large part of the squared deviation, which is what the mean squared error measures."""

    code = "heavy_tail"
    title = "A few sessions that decide the score"
    requirements = (
        Requirement[AuditCase](
            lambda case: len(case.train_values) >= MIN_SESSIONS,
            f"train has fewer than {MIN_SESSIONS:,} sessions with a value",
        ),
        _VALUES_DIFFER,
    )

    def find(self, case: AuditCase) -> Finding | None:
        parts = deviations(case.train_values)
        top = round(TOP_SHARE * len(parts))
        share = float(parts[:top].sum() / parts.sum())
        if share < HEAVY:
            return None
        return self.finding(
            "warning" if share >= DECISIVE else "note",
            f"{TOP_SHARE:.1%} of the sessions make up {percent(share)} of the score",
            count=top,
            explanation=(
                f"The {count(top, 'train session')} farthest from the mean value ({TOP_SHARE:.1%} of all) "
                f"{verb(top, 'has', 'have')} {percent(share)} of the total squared deviation. The largest value is "
                f"{number(float(case.train_values[-1]))}, the median {number(float(np.median(case.train_values)))}."
            ),
            advice=(
                "The mean squared error depends on these few sessions: compare runs by the interval of the score, not "
                "by its last digits."
            ),
            chart=TAIL_CHART,
            table=_curve(parts, top),
        )


def _curve(parts: NDArray[np.float64], top: int) -> list[Record]:
    """Return the cumulative shares of the sessions, farthest from the mean first, and of the squared deviation.

    The point of the `top` sessions, which the explanation names, is one of them.
    """
    places = np.unique(np.append(np.round(np.geomspace(1, len(parts), _CURVE)), top).astype(np.int64))
    cumulative = np.cumsum(parts)
    return [
        {
            "sessions": round(float(place / len(parts)), 8),
            "deviation": round(float(cumulative[place - 1] / cumulative[-1]), 6),
        }
        for place in places
    ]


class ZeroValues(Rule):
    code = "zero_values"
    title = "Sessions that are worth nothing"

    def find(self, case: AuditCase) -> Finding | None:
        sessions = case.train_sessions
        zero, buying = sessions.filter(pl.col(VALUE) == 0), sessions.filter(pl.col(BUYS) > 0)
        n_zero, n_free = zero.height, zero.filter(pl.col(BUYS) > 0).height
        if not n_zero:
            return None
        suspicious = n_free >= ZERO_BUYS * max(buying.height, 1)
        return self.finding(
            "warning" if suspicious else "note",
            f"{count(n_zero, 'session')} {verb(n_zero, 'is', 'are')} worth nothing",
            count=n_zero,
            explanation=(
                f"{n_zero:,} of {sessions.height:,} train sessions ({percent(n_zero / sessions.height)}) "
                f"{verb(n_zero, 'has', 'have')} the value 0. {n_free:,} of the {buying.height:,} sessions with a BUY "
                f"{verb(n_free, 'is', 'are')} among them."
            ),
            advice=(
                "Check whether the values of these purchases were lost: the learners take 0 as the true value."
                if suspicious
                else "Nothing to do: 0 is a value like any other."
            ),
        )


class ValueInTest(Rule):
    """Test sessions whose own events add up to the value that is to be predicted."""

    code = "value_in_test"
    title = "Test sessions that reveal their value"
    requirements = (VALUES_FROM_PRICES,)

    def find(self, case: AuditCase) -> Finding | None:
        units = case.units_of(TEST_ROLE)
        buying = units.filter(pl.col(BUYS) > 0).get_column(SESSION).n_unique()
        sessions = units.get_column(SESSION).n_unique()
        if not buying:
            return None
        return self.finding(
            "warning",
            f"{count(buying, 'test session')} {verb(buying, 'reveals its', 'reveal their')} value",
            count=buying,
            explanation=(
                f"Values are sums of the prices of what was bought, and {buying:,} of {sessions:,} test sessions "
                f"({percent(buying / sessions)}) {verb(buying, 'has', 'have')} purchases. Their value could simply be "
                "added up."
            ),
            advice=(
                "To predict the value of open sessions, use a test file with sessions cut off at the moment of "
                "prediction. A score on complete sessions says nothing about those."
            ),
        )


class DifferingValues(Rule):
    code = "differing_values"
    title = "Sessions whose rows have different values"

    def find(self, case: AuditCase) -> Finding | None:
        n_differing, total = case.card.sessions_with_differing_values, case.card.train.sessions
        if not n_differing:
            return None
        mostly = n_differing > MOSTLY_DIFFERENT * total
        return self.finding(
            "serious" if mostly else "warning",
            f"{count(n_differing, 'session')} {verb(n_differing, 'has', 'have')} more than one value",
            count=n_differing,
            explanation=(
                f"The rows of {n_differing:,} of {total:,} train sessions ({percent(n_differing / total)}) disagree "
                "about the value of the session."
            ),
            advice=(
                "Check whether session_value is a price per event: prices have to be added up first."
                if mostly
                else "Such a session has no known value and is not used for training. Correct the export if you can."
            ),
        )


class CappedValues(Rule):
    code = "capped_values"
    title = "Values cut off at a limit"
    requirements = (
        Requirement[AuditCase](
            lambda case: len(np.unique(case.train_values)) >= CAP_DISTINCT,
            f"train has fewer than {CAP_DISTINCT} distinct values",
        ),
    )

    def find(self, case: AuditCase) -> Finding | None:
        values = case.train_values
        n_capped = int((values == values[-1]).sum())
        if n_capped < CAP_SESSIONS or n_capped < CAP_SHARE * len(values):
            return None
        return self.finding(
            "warning",
            f"Values seem to be cut off at {number(float(values[-1]))}",
            count=n_capped,
            explanation=(
                f"{n_capped:,} of {len(values):,} train sessions ({percent(n_capped / len(values))}) have exactly the "
                f"largest value, {number(float(values[-1]))}. Larger values were probably set to it."
            ),
            advice="Use values without the limit if the true ones matter: a model cannot learn what was cut off.",
        )


class ValueTrend(Rule):
    code = "value_trend"
    title = "Values that change in the course of train"
    requirements = (
        Requirement[AuditCase](
            lambda case: min(len(half) for half in halves(case)) >= MIN_VALUES,
            f"a half of train has fewer than {MIN_VALUES} sessions with a value",
        ),
        _VALUES_DIFFER,
    )

    def find(self, case: AuditCase) -> Finding | None:
        early, late = halves(case)
        shift = distance(early, late)
        if shift.ks < TREND_KS or shift.p_value > MAX_P_VALUE:
            return None
        return self.finding(
            "warning",
            "Session values change in the course of train",
            explanation=(
                f"The mean value is {number(float(early.mean()))} in the first half of train's sessions and "
                f"{number(float(late.mean()))} in the second. The Kolmogorov-Smirnov distance between the halves is "
                f"{percent(shift.ks)}."
            ),
            advice="If the trend continues, test differs from train. The expected score does not account for that.",
        )


def halves(case: AuditCase) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values of train sessions that start before and after the median start, each in ascending order.

    Composite sessions are left out. Sessions that start at the median count as early. Both halves may be empty.
    """
    units = case.units_of(TRAIN_ROLE).filter(~pl.col(COMPOSITE) & pl.col(VALUE).is_not_null())
    median = units.get_column(START).quantile(0.5, "nearest")
    if median is None:
        return np.empty(0), np.empty(0)
    early, late = units.filter(pl.col(START) <= median), units.filter(pl.col(START) > median)
    first, second = (half.get_column(VALUE).sort().to_numpy().astype(np.float64) for half in (early, late))
    return first, second
