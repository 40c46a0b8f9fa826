"""What are the sessions worth? The tail that decides the score, zeros, caps, contradictions and trends."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.audit.case import BUYS, COMPOSITE, START, AuditCase
from core.audit.distance import distance
from core.audit.finding import Finding, Record
from core.audit.phrases import verb
from core.audit.rule import Need, Rule
from core.base.text import count, number, percent
from core.schema import SESSION, TEST_ROLE, TRAIN_ROLE, VALUE

TAIL_CHART: Final = "tail"
TOP_SHARE: Final = 0.001
"""Of the sessions: one in a thousand."""
HEAVY: Final = 0.1
"""Of all squared deviation. One session in a thousand has 1 % of it when values are normal and 5 % when they are
exponential, so a tenth is a heavy tail."""
DECISIVE: Final = 0.5
"""Of all squared deviation: half of the score then hangs on one session in a thousand."""
FEWEST_SESSIONS: Final = 1_000
"""With fewer, one session in a thousand is none."""
ZERO_BUYS: Final = 0.1
"""Of the sessions with a BUY. A gift may cost nothing; one purchase in ten is a value that was not recorded."""
MOSTLY_DIFFERENT: Final = 0.5
"""Of the train sessions: then the column is a price of each event, not a value of the session."""
CAP_SESSIONS: Final = 5
CAP_SHARE: Final = 0.001
"""Of the sessions. Of amounts of money the largest occurs once; five times and one in a thousand is a limit."""
CAP_DISTINCT: Final = 100
"""Different values: with fewer they are grades or prices of a list, whose largest is no limit."""
TREND_KS: Final = 0.1
"""Distance between the halves' cumulative shares, the same as for drift of a feature (see drift_rules)."""
BY_CHANCE: Final = 0.001
"""Probability by chance above which a small sample's distance is not told."""
FEWEST_VALUES: Final = 200

_CURVE: Final = 60
"""Points of the curve, evenly spaced on its logarithmic axis: enough to look smooth."""

_VALUES_DIFFER: Final = Need(
    lambda case: len(case.train_values) > 0 and bool(case.train_values[0] < case.train_values[-1]),
    "all train sessions are worth the same",
)


def deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared deviations from the mean, largest first."""
    return np.sort((values - values.mean()) ** 2)[::-1]


class HeavyTail(Rule):
    """Few sessions have most of the squared deviation, which is what the mean squared error counts."""

    code = "heavy_tail"
    title = "A few sessions that decide the score"
    needs = (
        Need(
            lambda case: len(case.train_values) >= FEWEST_SESSIONS,
            f"train has fewer than {FEWEST_SESSIONS:,} sessions with a value",
        ),
        _VALUES_DIFFER,
    )

    def look(self, case: AuditCase) -> Finding | None:
        parts = deviations(case.train_values)
        top = round(TOP_SHARE * len(parts))
        share = float(parts[:top].sum() / parts.sum())
        if share < HEAVY:
            return None
        return self.finding(
            "warning" if share >= DECISIVE else "note",
            f"One session in a thousand makes {percent(share)} of the score",
            count=top,
            explanation=(
                f"The {count(top, 'train session')} farthest from the mean value ({TOP_SHARE:.1%} of all) "
                f"{verb(top, 'has', 'have')} {percent(share)} of all squared deviation; the largest value is "
                f"{number(float(case.train_values[-1]))}, the median {number(float(np.median(case.train_values)))}."
            ),
            advice=(
                "The mean squared error goes up and down with these few sessions: compare runs by the interval of the "
                "score, not by its last digits."
            ),
            chart=TAIL_CHART,
            table=_curve(parts, top),
        )


def _curve(parts: NDArray[np.float64], top: int) -> list[Record]:
    """Share of the sessions, farthest from the mean first, and the share of all squared deviation that they have.

    The point of the `top` sessions, of which the sentence tells, is among them.
    """
    places = np.unique(np.append(np.round(np.geomspace(1, len(parts), _CURVE)), top).astype(np.int64))
    total = np.cumsum(parts)
    return [
        {"sessions": round(float(place / len(parts)), 8), "deviation": round(float(total[place - 1] / total[-1]), 6)}
        for place in places
    ]


class ZeroValues(Rule):
    """Sessions that are worth nothing."""

    code = "zero_values"
    title = "Sessions that are worth nothing"

    def look(self, case: AuditCase) -> Finding | None:
        sessions = case.train_sessions
        zero, buying = sessions.filter(pl.col(VALUE) == 0), sessions.filter(pl.col(BUYS) > 0)
        found, free = zero.height, zero.filter(pl.col(BUYS) > 0).height
        if not found:
            return None
        lost = free >= ZERO_BUYS * max(buying.height, 1)
        return self.finding(
            "warning" if lost else "note",
            f"{count(found, 'session')} {verb(found, 'is', 'are')} worth nothing",
            count=found,
            explanation=(
                f"{found:,} of {sessions.height:,} train sessions ({percent(found / sessions.height)}) have the value "
                f"0; {free:,} of the {buying.height:,} sessions with a BUY {verb(free, 'is', 'are')} among them."
            ),
            advice=(
                "See whether the values of these purchases were lost: the learners take 0 for the truth."
                if lost
                else "Nothing to do: 0 is a value like any other."
            ),
        )


class ValueInTest(Rule):
    """Test sessions whose own events add up to the value that is to be predicted."""

    code = "value_in_test"
    title = "Test sessions that show their value"
    needs = (
        Need(
            lambda case: case.card.value_rule == "price_of_buys",
            "the values stand in a column, they are not added up from prices",
        ),
    )

    def look(self, case: AuditCase) -> Finding | None:
        units = case.of_role(TEST_ROLE)
        buying = units.filter(pl.col(BUYS) > 0).get_column(SESSION).n_unique()
        sessions = units.get_column(SESSION).n_unique()
        if not buying:
            return None
        return self.finding(
            "warning",
            f"{count(buying, 'test session')} {verb(buying, 'shows its', 'show their')} own value",
            count=buying,
            explanation=(
                f"A session's value is made from the prices of what was bought, and {buying:,} of {sessions:,} test "
                f"sessions ({percent(buying / sessions)}) hold purchases: their value could simply be added up."
            ),
            advice=(
                "To learn what open sessions will be worth, bring test sessions cut off where the question is asked; "
                "a score on whole sessions says nothing about that."
            ),
        )


class DifferingValues(Rule):
    """Rows of one session that give different values."""

    code = "differing_values"
    title = "Sessions whose rows give different values"

    def look(self, case: AuditCase) -> Finding | None:
        found, total = case.card.sessions_with_differing_values, case.card.train.sessions
        if not found:
            return None
        mostly = found > MOSTLY_DIFFERENT * total
        return self.finding(
            "serious" if mostly else "warning",
            f"{count(found, 'session')} {verb(found, 'has', 'have')} more than one value",
            count=found,
            explanation=(
                f"The rows of {found:,} of {total:,} train sessions ({percent(found / total)}) do not agree on the "
                "session's value."
            ),
            advice=(
                "See whether session_value is a price of each event, which would first have to be added up."
                if mostly
                else "The value of such a session is not known, so it does not train; correct the export if you can."
            ),
        )


class CappedValues(Rule):
    """The largest value occurs again and again."""

    code = "capped_values"
    title = "Values cut off at a limit"
    needs = (
        Need(
            lambda case: len(np.unique(case.train_values)) >= CAP_DISTINCT,
            f"train has fewer than {CAP_DISTINCT} different values",
        ),
    )

    def look(self, case: AuditCase) -> Finding | None:
        values = case.train_values
        found = int((values == values[-1]).sum())
        if found < CAP_SESSIONS or found < CAP_SHARE * len(values):
            return None
        return self.finding(
            "warning",
            f"Values seem to be cut off at {number(float(values[-1]))}",
            count=found,
            explanation=(
                f"{found:,} of {len(values):,} train sessions ({percent(found / len(values))}) have exactly the "
                f"largest value, {number(float(values[-1]))}: larger ones were probably set to it."
            ),
            advice="Bring the values without the limit if the real ones count: what was cut off cannot be learned.",
        )


class ValueTrend(Rule):
    """The values of train change while it runs."""

    code = "value_trend"
    title = "Values that change in the course of train"
    needs = (
        Need(
            lambda case: min(len(half) for half in halves(case)) >= FEWEST_VALUES,
            f"a half of train has fewer than {FEWEST_VALUES} sessions with a value",
        ),
        _VALUES_DIFFER,
    )

    def look(self, case: AuditCase) -> Finding | None:
        early, late = halves(case)
        apart = distance(early, late)
        if apart.ks < TREND_KS or apart.p > BY_CHANCE:
            return None
        means = float(early.mean()), float(late.mean())
        return self.finding(
            "warning",
            "Session values change in the course of train",
            explanation=(
                f"The mean value is {number(means[0])} in the first half of train's sessions and {number(means[1])} in "
                f"the second; their distributions are {percent(apart.ks)} apart (Kolmogorov-Smirnov distance)."
            ),
            advice="If this goes on, test will differ from train again: the score to expect cannot know of it.",
        )


def halves(case: AuditCase) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of the sessions of train that begin before and after its middle session, each sorted by value.

    Composite sessions are left out. Sessions that begin with the middle one count as early; both halves may be empty.
    """
    units = case.of_role(TRAIN_ROLE).filter(~pl.col(COMPOSITE) & pl.col(VALUE).is_not_null())
    middle = units.get_column(START).quantile(0.5, "nearest")
    if middle is None:
        return np.empty(0), np.empty(0)
    early, late = units.filter(pl.col(START) <= middle), units.filter(pl.col(START) > middle)
    first, second = (half.get_column(VALUE).sort().to_numpy().astype(np.float64) for half in (early, late))
    return first, second
