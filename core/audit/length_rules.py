"""How long are the sessions? Sessions at the edges of the log, very long ones, and sessions with missing events."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.audited_dataset import END, EVENTS, AuditedDataset
from core.audit.rule import Finding, Rule
from core.audit.text import MAX_EXAMPLES, share_of, time_span
from core.base.text import count, number, percent, verb, whole
from core.check_result import Requirement
from core.schema import ADD_CART, BUY, EVENT_CODE, PRODUCT, ROLES, SECONDS_PER_DAY, SESSION, START, TYPE, UNIT

MIN_LASTING: Final = 30
"""Sessions with several events. The median length of fewer is too uncertain."""
WORTH_REPORTING: Final = 0.001
"""Share of the sessions. Some sessions are the first and the last in every log; 0.1% is worth a line."""
HIGH_CUT: Final = 0.05
"""Share of the sessions from which lengths and counts describe the extract rather than the visits."""
HIGH_LONG: Final = 0.05
"""Share of the sessions. Shops end a session after half an hour without an event; if 5% last for days, they do not."""
LOW_ADDED: Final = 0.5
"""Share of the BUYs. A basket is filled before it is paid, so in a complete log nearly all BUYs have their ADD_CART. A
log without any ADD_CART, such as one of receipts, does not record them."""
HIGH_SINGLE: Final = 0.5
"""Share of the sessions. Visits with one event exist; if most have only one, the log is a sample of events."""
MIN_SESSIONS: Final = 100
MIN_BUYS: Final = 30
"""With fewer sessions or BUYs, these shares are too uncertain."""

_LENGTH: Final = pl.col(END) - pl.col(START)
"""Seconds from the first to the last event of a unit."""
_HAS_LENGTH: Final = pl.col(EVENTS) > 1


def _median_length(data: AuditedDataset) -> int:
    """Return the median length of sessions with several events; 0 if there are none."""
    return int(data.units.filter(_HAS_LENGTH).select(_LENGTH.quantile(0.5, "nearest")).item() or 0)


class CutSessions(Rule):
    code = "cut_sessions"
    title = "Sessions cut off at the edges of the log"
    requirements = (
        Requirement[AuditedDataset](
            lambda data: data.units.filter(_HAS_LENGTH).height >= MIN_LASTING,
            f"fewer than {MIN_LASTING} sessions have several events",
        ),
        Requirement[AuditedDataset](
            lambda data: _median_length(data) > 0, "half of the sessions with several events last 0 s"
        ),
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        margin, total = _median_length(data), data.units.height
        near_edge = {
            name: data.units.filter(is_near).get_column(UNIT) for name, is_near in self._edges(data, margin).items()
        }
        n_cut = pl.concat(near_edge.values()).n_unique()
        if n_cut < WORTH_REPORTING * total:
            return None
        seconds = int(data.units.select(_LENGTH.sum()).item())
        # Little 1961: sessions per second times their mean length
        concurrent = seconds / max(sum(end - start for start, end in self._periods(data)), 1)
        return self.finding(
            "warning" if n_cut >= HIGH_CUT * total else "note",
            f"Up to {count(n_cut, 'session')} may be cut off at the edges of the log",
            count=n_cut,
            explanation=(
                f"{share_of(n_cut, total, 'sessions')} {verb(n_cut, 'begins or ends', 'begin or end')} within "
                f"{time_span(margin)} of an edge of the log (the median length of sessions with several events). "
                f"On average {number(concurrent)} sessions are open at the same time."
            ),
            advice="Nothing to do if there are few. A longer log has fewer sessions at its edges.",
            examples=[f"{name}: {count(units.len(), 'session')}" for name, units in near_edge.items()],
        )

    def _periods(self, data: AuditedDataset) -> list[tuple[int, int]]:
        """Return the first and last second of each logged period: two if there is a gap of more than a day, else one.

        If one file follows the other within a day, a session that crosses over is in both, so it is not cut off.
        """
        early, late = sorted((span.first, span.last) for span in data.spans)
        if late[0] - early[1] > SECONDS_PER_DAY:
            return [early, late]
        return [(early[0], max(early[1], late[1]))]

    def _edges(self, data: AuditedDataset, margin: int) -> dict[str, pl.Expr]:
        """Return name of the edge -> mask of the units that begin or end within `margin` seconds of it."""
        first = {span.first: role for role, span in zip(ROLES, data.spans, strict=True)}
        last = {span.last: role for role, span in zip(ROLES, data.spans, strict=True)}
        masks = {}
        for start, end in self._periods(data):
            masks[f"start of {first[start]}"] = pl.col(START).is_between(start, start + margin)
            masks[f"end of {last[end]}"] = pl.col(END).is_between(end - margin, end)
        return masks


class LongSessions(Rule):
    code = "long_sessions"
    title = "Sessions that last longer than a day"

    def find(self, data: AuditedDataset) -> Finding | None:
        lengths = data.units.with_columns(_LENGTH.alias("seconds")).filter(pl.col("seconds") > SECONDS_PER_DAY)
        n_long, total = lengths.height, data.units.height
        if n_long < WORTH_REPORTING * total or not n_long:
            return None
        top = lengths.sort(["seconds", UNIT], descending=[True, False]).head(MAX_EXAMPLES)
        last = verb(n_long, "lasts", "last")
        return self.finding(
            "warning" if n_long >= HIGH_LONG * total else "note",
            f"{count(n_long, 'session')} {last} longer than a day",
            count=n_long,
            explanation=(
                f"{share_of(n_long, total, 'sessions')} {last} longer than a day, the longest "
                f"{time_span(top['seconds'][0])}."
            ),
            advice=(
                "The product uses session ids as they are. If there are many, let the shop end a session after half an "
                "hour without an event."
            ),
            examples=[
                f"{session}: {time_span(seconds)}"
                for session, seconds in zip(data.display_ids(SESSION, top[SESSION]), top["seconds"], strict=True)
            ],
        )


class ThinSample(Rule):
    code = "thin_sample"
    title = "Sessions of which only some events are in the log"
    requirements = (
        Requirement[AuditedDataset](
            lambda data: data.units.height >= MIN_SESSIONS, f"there are fewer than {MIN_SESSIONS} sessions"
        ),
        Requirement[AuditedDataset](
            lambda data: any(code != EVENT_CODE[BUY] for counts in data.event_counts.values() for code in counts),
            "the log has only BUYs, and a receipt with one line is complete",
        ),
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        bought = data.events.filter(pl.col(TYPE) == EVENT_CODE[BUY]).select(UNIT, PRODUCT)
        added = data.events.filter(pl.col(TYPE) == EVENT_CODE[ADD_CART]).select(UNIT, PRODUCT).unique()
        n_buys = bought.select(pl.len()).collect().item()
        n_added = bought.join(added, on=[UNIT, PRODUCT], how="semi").select(pl.len()).collect().item()
        n_single, total = data.units.filter(pl.col(EVENTS) == 1).height, data.units.height
        records_adds = any(counts.get(EVENT_CODE[ADD_CART]) for counts in data.event_counts.values())
        few_added = records_adds and n_buys >= MIN_BUYS and n_added < LOW_ADDED * n_buys
        if not few_added and n_single < HIGH_SINGLE * total:
            return None
        carts = f"No session has {'an ADD_CART' if n_buys else 'a BUY'}."
        if n_buys and records_adds:
            only = "Only " if few_added else ""
            carts = (
                f"{only}{percent(n_added / n_buys)} of {count(n_buys, 'BUY')} have an ADD_CART of the same product in "
                "their session."
            )
        return self.finding(
            "note",
            "The log looks like a sample of the events",
            count=n_single,
            explanation=f"{percent(n_single / total)} of {whole(total)} sessions have one event. {carts}",
            advice=(
                "Nothing to do. The values are sums of the BUYs in the files, so they miss the same events."
                if data.card.value_rule == "price_of_buys"
                else "Session values may include events that are missing from the files, so the events need not add up "
                "to them. The learners estimate the relation from the data."
            ),
        )
