"""What are the sessions worth? The tail that decides the score, zeros, unknown values, caps and trends."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.audit.audited_dataset import BUYS, AuditedDataset
from core.audit.distance import distance
from core.audit.rule import Finding, Record, Rule
from core.audit.text import MAX_EXAMPLES, share_of
from core.base.amounts import money, value_text
from core.base.text import count, display, percent, verb, whole
from core.check_result import Requirement
from core.dataset import UnknownValue
from core.schema import COMPOSITE, REASON, SESSION, START, TEST_ROLE, TRAIN_ROLE, USER_SESSION, VALUE

TAIL_CHART: Final = "tail"
TOP_SHARE: Final = 0.001
"""Share of the sessions: the top 0.1%."""
HEAVY: Final = 0.1
"""Share of the total squared deviation. The top 0.1% has 1% of it if values are normal and 5% if they are exponential,
so 10% is a heavy tail."""
DECISIVE: Final = 0.5
"""Share of the total squared deviation: the top 0.1% then decides half of the score."""
MIN_SESSIONS: Final = 1_000
"""With fewer, the top 0.1% is less than one session."""
ZERO_BUYS: Final = 0.1
"""Share of the sessions with a BUY. A gift may cost nothing; if 10% of the purchases do, values were not recorded."""
HIGH_UNKNOWN: Final = 0.02
"""Share of the train sessions. A few broken rows are in every export; 2% without a value have a common cause."""
MOSTLY_DIFFERENT: Final = 0.5
"""Share of the train sessions from which the column is probably a price per event, not a value of the session."""
CAP_SESSIONS: Final = 5
"""Sessions with the largest value."""
CAP_SHARE: Final = 0.001
"""Share of the sessions. The largest amount of money usually occurs once. If it occurs five times and in 0.1% of the
sessions, it is a limit."""
CAP_DISTINCT: Final = 100
"""Distinct values. With fewer they are grades or list prices, whose largest is no limit."""
TREND_KS: Final = 0.1
"""Kolmogorov-Smirnov distance between the halves of the train file; the same limit as for drift (see drift_rules)."""
MAX_P_VALUE: Final = 0.001
"""Above this, the distance may be chance in a small sample."""
MIN_VALUES: Final = 200
"""Sessions with a value, in each half of the train file."""

_CURVE_POINTS: Final = 60
"""Evenly spaced on the logarithmic axis of the chart; enough to look smooth."""

_FROM_PRICES: Final = Requirement[AuditedDataset](
    lambda data: data.card.value_rule == "price_of_buys", "the values are in a column, not added up from prices"
)
_VALUES_DIFFER: Final = Requirement[AuditedDataset](
    lambda data: len(data.train_values) > 0 and bool(data.train_values[0] < data.train_values[-1]),
    "all train sessions have the same value",
)


class HeavyTail(Rule):
    """Few sessions with a large part of the squared deviation from the mean, and so of the mean squared error."""

    code = "heavy_tail"
    title = "A few sessions that decide the score"
    requirements = (
        Requirement[AuditedDataset](
            lambda data: len(data.train_values) >= MIN_SESSIONS,
            f"fewer than {whole(MIN_SESSIONS)} train sessions have a value",
        ),
        _VALUES_DIFFER,
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        values = data.train_values
        deviations = np.sort((values - values.mean()) ** 2)[::-1]
        n_top = round(TOP_SHARE * len(values))
        share = float(deviations[:n_top].sum() / deviations.sum())
        if share < HEAVY:
            return None
        return self.finding(
            "warning" if share >= DECISIVE else "note",
            f"{TOP_SHARE:.1%} of the sessions make up {percent(share)} of the score",
            count=n_top,
            explanation=(
                f"The {count(n_top, 'train session')} farthest from the average value ({TOP_SHARE:.1%} of all) "
                f"{verb(n_top, 'has', 'have')} {percent(share)} of the total squared deviation. The largest value is "
                f"{value_text(float(values[-1]))}, the median {value_text(float(np.median(values)))}."
            ),
            advice=(
                "The mean squared error depends on these few sessions: compare runs by the interval of the score, not "
                "by its last digits."
            ),
            chart=TAIL_CHART,
            table=self._curve(deviations, n_top),
        )

    def _curve(self, deviations: NDArray[np.float64], n_top: int) -> list[Record]:
        """Return the curve of the chart: share of the sessions, largest deviations first, and of the total deviation.

        It goes through the point of the top sessions.
        """
        ranks = np.round(np.geomspace(1, len(deviations), _CURVE_POINTS))
        ranks = np.unique(np.append(ranks, n_top).astype(np.int64))
        cumulative = np.cumsum(deviations)
        shares = cumulative / cumulative[-1]
        return [
            {"sessions": round(float(rank / len(deviations)), 8), "deviation": round(float(part), 6)}
            for rank, part in zip(ranks, shares[ranks - 1], strict=True)
        ]


class ZeroValues(Rule):
    code = "zero_values"
    title = "Sessions that are worth nothing"

    def find(self, data: AuditedDataset) -> Finding | None:
        is_zero, is_buying = data.train_sessions[VALUE] == 0, data.train_sessions[BUYS] > 0
        n_zero, n_buying, n_free = int(is_zero.sum()), int(is_buying.sum()), int((is_zero & is_buying).sum())
        if not n_zero:
            return None
        is_suspicious = n_free >= ZERO_BUYS * max(n_buying, 1)
        return self.finding(
            "warning" if is_suspicious else "note",
            f"{count(n_zero, 'session')} {verb(n_zero, 'is', 'are')} worth nothing",
            count=n_zero,
            explanation=(
                f"{share_of(n_zero, len(is_zero), 'train sessions')} {verb(n_zero, 'has', 'have')} the value 0. "
                f"{whole(n_free)} of the {whole(n_buying)} sessions with a BUY {verb(n_free, 'is', 'are')} among them."
            ),
            advice=(
                "Check whether the values of these sessions are missing in the source. Training treats 0 as their "
                "actual value."
                if is_suspicious
                else "Nothing to do. The value 0 is treated like any other value."
            ),
        )


class ValueInTest(Rule):
    code = "value_in_test"
    title = "Test sessions that reveal their value"
    requirements = (_FROM_PRICES,)

    def find(self, data: AuditedDataset) -> Finding | None:
        units = data.units_of(TEST_ROLE)
        n_buying = units.filter(pl.col(BUYS) > 0).get_column(SESSION).n_unique()
        if not n_buying:
            return None
        total = units.get_column(SESSION).n_unique()
        return self.finding(
            "warning",
            f"{count(n_buying, 'test session')} {verb(n_buying, 'reveals its', 'reveal their')} value",
            count=n_buying,
            explanation=(
                "Values are sums of the prices of what was bought, and "
                f"{share_of(n_buying, total, 'test sessions')} {verb(n_buying, 'has', 'have')} purchases. Their value "
                "could simply be added up."
            ),
            advice=(
                "To predict the value of open sessions, use a test file with sessions cut off at the moment of "
                "prediction. A score on complete sessions says nothing about those."
            ),
        )


class UnknownValues(Rule):
    code = "unknown_values"
    title = "Sessions with missing or doubtful purchases"
    requirements = (_FROM_PRICES,)

    def find(self, data: AuditedDataset) -> Finding | None:
        card = data.card
        n_unknown = sum(amount for reason, amount in card.untrained.items() if reason != UnknownValue.SHARED_ID)
        if not n_unknown and not card.unassigned_purchases:
            return None
        examples = data.dataset.untrained().filter(pl.col(REASON) != UnknownValue.SHARED_ID).head(MAX_EXAMPLES)
        return self.finding(
            "serious" if n_unknown / card.train.sessions > HIGH_UNKNOWN else "warning",
            f"The value of {count(n_unknown, 'train session')} is unknown"
            if n_unknown
            else f"{count(card.unassigned_purchases, 'lost purchase')} cannot be assigned to a session",
            count=n_unknown,
            explanation=(
                f"{share_of(n_unknown, card.train.sessions, 'train sessions')} {verb(n_unknown, 'is', 'are')} not used "
                f"for training. Their other purchases add up to {money(card.untrained_value)}, the lost "
                f"ones to at least {value_text(card.lost_value)}. "
                f"{count(card.unassigned_purchases, 'lost purchase')} cannot be assigned to a session."
            ),
            advice=(
                "Look at the rows in quarantine and correct the export. Sessions with many purchases are lost most "
                "often, so the remaining ones are a biased sample."
            ),
            examples=[
                f"{display(row[USER_SESSION])}: {UnknownValue(row[REASON]).clause}"
                for row in examples.iter_rows(named=True)
            ],
        )


class DifferingValues(Rule):
    code = "differing_values"
    title = "Sessions whose rows have different values"

    def find(self, data: AuditedDataset) -> Finding | None:
        n_differing, total = data.card.sessions_with_differing_values, data.card.train.sessions
        if not n_differing:
            return None
        mostly = n_differing > MOSTLY_DIFFERENT * total
        return self.finding(
            "serious" if mostly else "warning",
            f"{count(n_differing, 'session')} {verb(n_differing, 'has', 'have')} more than one value",
            count=n_differing,
            explanation=(
                f"The rows of {share_of(n_differing, total, 'train sessions')} disagree about the value of the session."
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
        Requirement[AuditedDataset](
            lambda data: len(np.unique(data.train_values)) >= CAP_DISTINCT,
            f"the train sessions have fewer than {CAP_DISTINCT} distinct values",
        ),
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        values = data.train_values
        n_capped = int((values == values[-1]).sum())
        if n_capped < CAP_SESSIONS or n_capped < CAP_SHARE * len(values):
            return None
        limit = value_text(float(values[-1]))
        return self.finding(
            "warning",
            f"Values seem to be cut off at {limit}",
            count=n_capped,
            explanation=(
                f"{share_of(n_capped, len(values), 'train sessions')} have exactly the largest value, {limit}. Larger "
                "values were probably set to it."
            ),
            advice="If the actual values matter, use values without the limit. A model cannot learn what was cut off.",
        )


class ValueTrend(Rule):
    code = "value_trend"
    title = "Values that change over time in the train file"
    requirements = (
        Requirement[AuditedDataset](
            lambda data: min(len(half) for half in _halves(data)) >= MIN_VALUES,
            f"a half of the train file has fewer than {MIN_VALUES} sessions with a value",
        ),
        _VALUES_DIFFER,
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        early, late = _halves(data)
        shift = distance(early, late)
        if shift.ks < TREND_KS or shift.p_value > MAX_P_VALUE:
            return None
        return self.finding(
            "warning",
            "Session values change over time in the train file",
            explanation=(
                f"The average value is {value_text(float(early.mean()))} in the first half of the train sessions and "
                f"{value_text(float(late.mean()))} in the second. The Kolmogorov-Smirnov distance between the halves "
                f"is {percent(shift.ks)}."
            ),
            advice=(
                "If the trend continues, test sessions will have other values than train sessions. The expected score "
                "does not account for that."
            ),
        )


def _halves(data: AuditedDataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values of train sessions that start before and after the median start, each in ascending order.

    Composite sessions are left out. Sessions that start at the median count as early. Both halves may be empty.
    """
    units = data.units_of(TRAIN_ROLE).filter(~pl.col(COMPOSITE) & pl.col(VALUE).is_not_null()).sort(VALUE)
    is_early = pl.col(START) <= pl.col(START).quantile(0.5, "nearest")
    early, late = (units.filter(mask).get_column(VALUE).to_numpy().astype(np.float64) for mask in (is_early, ~is_early))
    return early, late
