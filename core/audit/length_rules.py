"""How long are the sessions? Sessions at the edges of the log, very long ones, and sessions with missing events."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.case import END, EVENTS, AuditCase
from core.audit.finding import Finding
from core.audit.rule import Rule
from core.audit.text import MAX_EXAMPLES, time_span
from core.base.text import count, number, percent, verb
from core.checks import Requirement
from core.schema import ADD_CART, BUY, EVENT_CODE, PRODUCT, ROLES, SECONDS_PER_DAY, SESSION, START, TYPE, UNIT

MIN_LASTING: Final = 30
"""Sessions with several events. The median length of fewer is too uncertain."""
WORTH_REPORTING: Final = 0.001
"""Of the sessions. Some sessions are the first and the last in every log; 0.1% is worth a line."""
HIGH_CUT: Final = 0.05
"""Of the sessions. From here on, lengths and counts are those of the extract, not those of the visits."""
HIGH_LONG: Final = 0.05
"""Of the sessions. Shops end a session after half an hour without an event; if 5% last for days, ids are not ended."""
LOW_ADDED: Final = 0.5
"""Of the BUYs. A basket is filled before it is paid, so in a complete log nearly all BUYs have their ADD_CART. A log
without any ADD_CART, such as one of receipts, does not record them."""
HIGH_SINGLE: Final = 0.5
"""Of the sessions. Visits with one event exist; if most have only one, the log is a sample of events."""
MIN_SESSIONS: Final = 100
MIN_BUYS: Final = 30
"""With fewer sessions or BUYs, these shares are too uncertain."""


def _lasting_units(case: AuditCase) -> pl.DataFrame:
    return case.units.filter(pl.col(EVENTS) > 1)


def _median_length(case: AuditCase) -> int:
    """Return the median seconds from first to last event, of sessions with several events."""
    length = _lasting_units(case).select((pl.col(END) - pl.col(START)).quantile(0.5, "nearest")).item()
    return int(length or 0)


class CutSessions(Rule):
    code = "cut_sessions"
    title = "Sessions cut off at the edges of the log"
    requirements = (
        Requirement[AuditCase](
            lambda case: _lasting_units(case).height >= MIN_LASTING,
            f"fewer than {MIN_LASTING} sessions have several events",
        ),
        Requirement[AuditCase](
            lambda case: _median_length(case) > 0, "half of the sessions with several events last 0 s"
        ),
    )

    def find(self, case: AuditCase) -> Finding | None:
        margin = _median_length(case)
        near_edge = [
            (name, case.units.filter(pl.col(START if is_start else END).is_between(low, high)))
            for name, is_start, low, high in self._edges(case, margin)
        ]
        n_cut = pl.concat([units.select(UNIT) for _, units in near_edge]).n_unique()
        total = case.units.height
        if n_cut < WORTH_REPORTING * total:
            return None
        seconds = int((case.units.get_column(END) - case.units.get_column(START)).sum())
        # Little 1961: sessions per second times their mean length
        concurrent = seconds / max(sum(high - low for low, high in self._logged(case)), 1)
        return self.finding(
            "warning" if n_cut >= HIGH_CUT * total else "note",
            f"Up to {count(n_cut, 'session')} may be cut off at the edges of the log",
            count=n_cut,
            explanation=(
                f"{n_cut:,} of {total:,} sessions ({percent(n_cut / total)}) "
                f"{verb(n_cut, 'begins or ends', 'begin or end')} within {time_span(margin)} of an edge of the log. "
                "That is the median length of sessions with several events. "
                f"On average {number(concurrent)} sessions are open at the same time."
            ),
            advice="Nothing to do if there are few. A longer log has fewer sessions at its edges.",
            examples=[f"{name}: {count(units.height, 'session')}" for name, units in near_edge],
        )

    def _logged(self, case: AuditCase) -> list[tuple[int, int]]:
        """Return the first and last second of each logged period: two if there is a gap of more than a day, else one.

        If one file follows the other within a day, a session that crosses over is in both, so it is not cut off.
        """
        early, late = sorted((span.first, span.last) for span in case.spans)
        if late[0] - early[1] > SECONDS_PER_DAY:
            return [early, late]
        return [(early[0], max(early[1], late[1]))]

    def _edges(self, case: AuditCase, margin: int) -> list[tuple[str, bool, int, int]]:
        """Return for each edge its name, whether it is a start, and the first and last second near it."""
        first = {span.first: role for role, span in zip(ROLES, case.spans, strict=True)}
        last = {span.last: role for role, span in zip(ROLES, case.spans, strict=True)}
        edges = []
        for start, end in self._logged(case):
            edges.append((f"start of {first[start]}", True, start, start + margin))
            edges.append((f"end of {last[end]}", False, end - margin, end))
        return edges


class LongSessions(Rule):
    code = "long_sessions"
    title = "Sessions that last longer than a day"

    def find(self, case: AuditCase) -> Finding | None:
        long = (
            case.units.with_columns((pl.col(END) - pl.col(START)).alias("seconds"))
            .filter(pl.col("seconds") > SECONDS_PER_DAY)
            .sort(["seconds", UNIT], descending=[True, False])
        )
        total = case.units.height
        if long.height < WORTH_REPORTING * total or long.is_empty():
            return None
        ids = case.display_ids(SESSION, long.get_column(SESSION).head(MAX_EXAMPLES).to_list())
        return self.finding(
            "warning" if long.height >= HIGH_LONG * total else "note",
            f"{count(long.height, 'session')} {verb(long.height, 'lasts', 'last')} longer than a day",
            count=long.height,
            explanation=(
                f"{long.height:,} of {total:,} sessions ({percent(long.height / total)}) "
                f"{verb(long.height, 'lasts', 'last')} longer than a day, the longest "
                f"{time_span(long.get_column('seconds')[0])}."
            ),
            advice=(
                "The product uses session ids as they are. If there are many, let the shop end a session after half an "
                "hour without an event."
            ),
            examples=[
                f"{session}: {time_span(seconds)}"
                for session, seconds in zip(ids, long.get_column("seconds").head(MAX_EXAMPLES), strict=True)
            ],
        )


class ThinSample(Rule):
    code = "thin_sample"
    title = "Sessions of which only some events are in the log"
    requirements = (
        Requirement[AuditCase](
            lambda case: case.units.height >= MIN_SESSIONS, f"there are fewer than {MIN_SESSIONS} sessions"
        ),
        Requirement[AuditCase](
            lambda case: any(code != EVENT_CODE[BUY] for counts in case.event_counts.values() for code in counts),
            "the log has only BUYs, and a receipt with one line is complete",
        ),
    )

    def find(self, case: AuditCase) -> Finding | None:
        added = case.events.filter(pl.col(TYPE) == EVENT_CODE[ADD_CART]).select(UNIT, PRODUCT).unique()
        bought = case.events.filter(pl.col(TYPE) == EVENT_CODE[BUY]).select(UNIT, PRODUCT)
        buys = bought.select(pl.len()).collect().item()
        buys_added = bought.join(added, on=[UNIT, PRODUCT], how="semi").select(pl.len()).collect().item()
        single, total = case.units.filter(pl.col(EVENTS) == 1).height, case.units.height
        records_adds = any(counts.get(EVENT_CODE[ADD_CART]) for counts in case.event_counts.values())
        few_added = records_adds and buys >= MIN_BUYS and buys_added < LOW_ADDED * buys
        if not few_added and single < HIGH_SINGLE * total:
            return None
        if buys and records_adds:
            carts = (
                f"{'Only ' if few_added else ''}{percent(buys_added / buys)} of {count(buys, 'BUY')} have an ADD_CART "
                "of the same product in their session."
            )
        else:
            carts = f"None has {'an ADD_CART' if buys else 'a BUY'}."
        return self.finding(
            "note",
            "The log looks like a sample of the events",
            count=single,
            explanation=f"{percent(single / total)} of {total:,} sessions have one event. {carts}",
            advice=(
                "Nothing to do. The values are sums of the BUYs in the files, so they miss the same events."
                if case.card.value_rule == "price_of_buys"
                else "Values may include events that are not in the files, so do not expect them to add up from the "
                "events. The learners find the relation from the data."
            ),
        )
