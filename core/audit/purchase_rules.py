"""Are all purchases in the log? Sessions whose value is unknown because purchases are missing or doubtful."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.case import AuditCase
from core.audit.finding import Finding
from core.audit.rule import Rule
from core.audit.text import MAX_EXAMPLES
from core.base.text import count, display, number, percent, verb
from core.checks import Requirement
from core.dataset import UnknownValue
from core.schema import REASON

HIGH_UNKNOWN: Final = 0.02
"""Of the train sessions. A few broken rows are in every export; 2% without a value have a common cause."""

VALUES_FROM_PRICES: Final = Requirement[AuditCase](
    lambda case: case.card.value_rule == "price_of_buys", "the values are in a column, not added up from prices"
)


class UnknownValues(Rule):
    """Train sessions whose value is unknown because purchases are missing or doubtful."""

    code = "unknown_values"
    title = "Sessions with missing or doubtful purchases"
    requirements = (VALUES_FROM_PRICES,)

    def find(self, case: AuditCase) -> Finding | None:
        card = case.card
        n_unknown = sum(amount for reason, amount in card.untrained.items() if reason != UnknownValue.SHARED_ID)
        if not n_unknown and not card.unassigned_purchases:
            return None
        examples = case.dataset.untrained().filter(pl.col(REASON) != UnknownValue.SHARED_ID).head(MAX_EXAMPLES)
        share = n_unknown / card.train.sessions
        return self.finding(
            "serious" if share > HIGH_UNKNOWN else "warning",
            f"The value of {count(n_unknown, 'train session')} is unknown",
            count=n_unknown,
            explanation=(
                f"{n_unknown:,} of {card.train.sessions:,} train sessions ({percent(share)}) "
                f"{verb(n_unknown, 'is', 'are')} not used for training. Their other purchases add up to "
                f"{number(card.untrained_value)} value units, the lost ones to at least {number(card.lost_value)}. "
                f"{count(card.unassigned_purchases, 'lost purchase')} cannot be assigned to a session."
            ),
            advice=(
                "Look at the rows in quarantine and correct the export. Sessions with many purchases are lost most "
                "often, so the remaining ones are a biased sample."
            ),
            examples=[
                f"{display(row['user_session'])}: {UnknownValue(row['reason']).words}"
                for row in examples.iter_rows(named=True)
            ],
        )
