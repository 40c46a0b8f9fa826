"""Are the purchases all there? Sessions whose value is not known, as purchases of theirs are missing or in doubt."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.case import AuditCase
from core.audit.finding import Finding
from core.audit.phrases import MOST_EXAMPLES, shown, verb
from core.audit.rule import Need, Rule
from core.base.text import count, number, percent
from core.dataset import UnknownValue

MANY_UNKNOWN: Final = 0.02
"""Of the train sessions. A few broken rows are in every export; one session in fifty without a value has a common
cause."""


class UnknownValues(Rule):
    """Train sessions whose value is not known, as purchases of theirs are missing or in doubt."""

    code = "unknown_values"
    title = "Sessions whose purchases are in doubt"
    needs = (
        Need(
            lambda case: case.card.value_rule == "price_of_buys",
            "the values are in a column, they are not added up from prices",
        ),
    )

    def look(self, case: AuditCase) -> Finding | None:
        card = case.card
        reasons = {code: found for code, found in card.untrained.items() if code != UnknownValue.SHARED_ID}
        found = sum(reasons.values())
        if not found and not card.unassigned_purchases:
            return None
        examples = case.dataset.untrained().filter(pl.col("reason") != UnknownValue.SHARED_ID).head(MOST_EXAMPLES)
        share = found / card.train.sessions
        return self.finding(
            "serious" if share > MANY_UNKNOWN else "warning",
            f"{count(found, 'train session')} {verb(found, 'has', 'have')} no known value",
            count=found,
            explanation=(
                f"{found:,} of {card.train.sessions:,} train sessions ({percent(share)}) will not train; their other "
                f"purchases add up to {number(card.untrained_value)} value units, the lost ones to at least "
                f"{number(card.lost_value)}. {count(card.unassigned_purchases, 'lost purchase')} can be assigned to no "
                "session."
            ),
            advice=(
                "See which rows are in quarantine and correct the export: sessions with many purchases are lost most "
                "often, so what is left is not a fair sample."
            ),
            examples=[
                f"{shown(row['user_session'])}: {UnknownValue(row['reason']).words}"
                for row in examples.iter_rows(named=True)
            ],
        )
