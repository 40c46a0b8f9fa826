"""How long are the sessions? Sessions at the edges of the log, endless ones, and sessions of which little is left."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.case import END, EVENTS, START, AuditCase
from core.audit.finding import Finding
from core.audit.phrases import DAY, MOST_EXAMPLES, lasting, verb
from core.audit.rule import Need, Rule
from core.base.text import count, number, percent
from core.schema import ADD_CART, BUY, EVENT_CODE, PRODUCT, ROLES, SESSION, TYPE, UNIT

FEWEST_LASTING: Final = 30
"""Sessions of several events: fewer have no median to speak of."""
WORTH_TELLING: Final = 0.001
"""Of the sessions. Some session is the first and some the last in every log; one in a thousand is worth a line."""
MANY_CUT: Final = 0.05
"""Of the sessions. Then lengths and counts are those of the extract, not those of the visits."""
MANY_LONG: Final = 0.05
"""Of the sessions. Shops end a session after half an hour without an event; where one in twenty lasts for days, the
ids are not ended at all."""
THIN_BUYS: Final = 0.5
"""Of the BUYs. A shop's basket is filled before it is paid, so in a whole log nearly all have their ADD_CART; where not
even half have it, rows or events are missing. A log without any ADD_CART (receipts, for one) does not
record them."""
THIN_SESSIONS: Final = 0.5
"""Of the sessions. Visits that bounce exist; more than half of one event is a sample of events."""
FEWEST_SESSIONS: Final = 100
FEWEST_BUYS: Final = 30
"""Smaller shares than these would be read off too few cases."""


def _lasting_units(case: AuditCase) -> pl.DataFrame:
    return case.units.filter(pl.col(EVENTS) > 1)


def _usual_length(case: AuditCase) -> int:
    """Median seconds from first to last event, of sessions with several events."""
    length = _lasting_units(case).select((pl.col(END) - pl.col(START)).quantile(0.5, "nearest")).item()
    return int(length or 0)


class CutSessions(Rule):
    """Sessions that the edges of the log may have cut."""

    code = "cut_sessions"
    title = "Sessions cut by the edges of the log"
    needs = (
        Need(
            lambda case: _lasting_units(case).height >= FEWEST_LASTING,
            f"fewer than {FEWEST_LASTING} sessions have several events",
        ),
        Need(lambda case: _usual_length(case) > 0, "half of the sessions of several events last 0 s"),
    )

    def look(self, case: AuditCase) -> Finding | None:
        margin = _usual_length(case)
        near = [
            (name, case.units.filter(pl.col(START if at_start else END).is_between(low, high)))
            for name, at_start, low, high in self._edges(case, margin)
        ]
        cut = pl.concat([units.select(UNIT) for _, units in near]).n_unique()
        total = case.units.height
        if cut < WORTH_TELLING * total:
            return None
        seconds = int((case.units.get_column(END) - case.units.get_column(START)).sum())
        running = seconds / max(sum(high - low for low, high in self._logged(case)), 1)
        return self.finding(
            "warning" if cut >= MANY_CUT * total else "note",
            f"Up to {count(cut, 'session')} may be cut by the log's edges",
            count=cut,
            explanation=(
                f"{cut:,} of {total:,} sessions ({percent(cut / total)}) begin or end within {lasting(margin)}, the "
                f"median length of sessions with several events, of an edge of the log; at any moment about "
                f"{number(running)} sessions are running."  # Little 1961: arrivals a second times mean length
            ),
            advice="Nothing to do where they are few; a longer log has fewer sessions at its edges.",
            examples=[f"{name}: {count(units.height, 'session')}" for name, units in near],
        )

    def _logged(self, case: AuditCase) -> list[tuple[int, int]]:
        """First and last second of what was logged: one stretch, or two with a gap of more than a day between them.

        Where one file follows the other within a day, a session that crosses over stands in both, so nothing is lost.
        """
        early, late = sorted((span.first, span.last) for span in case.spans)
        if late[0] - early[1] > DAY:
            return [early, late]
        return [(early[0], max(early[1], late[1]))]

    def _edges(self, case: AuditCase, margin: int) -> list[tuple[str, bool, int, int]]:
        """Name of each edge, whether it is a beginning, and the seconds that touch it."""
        first = {span.first: role for role, span in zip(ROLES, case.spans, strict=True)}
        last = {span.last: role for role, span in zip(ROLES, case.spans, strict=True)}
        edges = []
        for began, ended in self._logged(case):
            edges.append((f"start of {first[began]}", True, began, began + margin))
            edges.append((f"end of {last[ended]}", False, ended - margin, ended))
        return edges


class LongSessions(Rule):
    """Sessions that last longer than a day."""

    code = "long_sessions"
    title = "Sessions that last longer than a day"

    def look(self, case: AuditCase) -> Finding | None:
        long = (
            case.units.with_columns((pl.col(END) - pl.col(START)).alias("seconds"))
            .filter(pl.col("seconds") > DAY)
            .sort(["seconds", UNIT], descending=[True, False])
        )
        total = case.units.height
        if long.height < WORTH_TELLING * total or long.is_empty():
            return None
        names = case.names(SESSION, long.get_column(SESSION).head(MOST_EXAMPLES).to_list())
        return self.finding(
            "warning" if long.height >= MANY_LONG * total else "note",
            f"{count(long.height, 'session')} {verb(long.height, 'lasts', 'last')} longer than a day",
            count=long.height,
            explanation=(
                f"{long.height:,} of {total:,} sessions ({percent(long.height / total)}) last longer than a day, the "
                f"longest {lasting(long.get_column('seconds')[0])}."
            ),
            advice=(
                "The product takes ids as they are; where these are many, let the shop end a session after half an "
                "hour without an event."
            ),
            examples=[
                f"{name}: {lasting(seconds)}"
                for name, seconds in zip(names, long.get_column("seconds").head(MOST_EXAMPLES), strict=True)
            ],
        )


class ThinSample(Rule):
    """Sessions that look like a sample of a longer log."""

    code = "thin_sample"
    title = "Sessions of which only a part of the events is there"
    needs = (
        Need(lambda case: case.units.height >= FEWEST_SESSIONS, f"there are fewer than {FEWEST_SESSIONS} sessions"),
        Need(
            lambda case: any(kind != EVENT_CODE[BUY] for kinds in case.types.values() for kind in kinds),
            "the log holds nothing but BUYs: a receipt of one line is whole",
        ),
    )

    def look(self, case: AuditCase) -> Finding | None:
        added = case.events.filter(pl.col(TYPE) == EVENT_CODE[ADD_CART]).select(UNIT, PRODUCT).unique()
        bought = case.events.filter(pl.col(TYPE) == EVENT_CODE[BUY]).select(UNIT, PRODUCT)
        buys = bought.select(pl.len()).collect().item()
        with_add = bought.join(added, on=[UNIT, PRODUCT], how="semi").select(pl.len()).collect().item()
        single, total = case.units.filter(pl.col(EVENTS) == 1).height, case.units.height
        notes_adds = any(kinds.get(EVENT_CODE[ADD_CART]) for kinds in case.types.values())
        few_adds = notes_adds and buys >= FEWEST_BUYS and with_add < THIN_BUYS * buys
        if not few_adds and single < THIN_SESSIONS * total:
            return None
        told = (
            f"{'only ' if few_adds else ''}{percent(with_add / buys)} of {count(buys, 'BUY')} have an ADD_CART of the "
            "same product in their session"
            if buys and notes_adds
            else f"none has {'an ADD_CART' if buys else 'a BUY'}"
        )
        return self.finding(
            "note",
            "The log looks like a thin sample of what happened",
            count=single,
            explanation=f"{percent(single / total)} of {total:,} sessions have one event, and {told}.",
            advice=(
                "Nothing to do: the values are added up from the BUYs in the files, so what is missing here is missing "
                "there, too."
                if case.card.value_rule == "price_of_buys"
                else "Values may count what is not in the files, so do not expect them to add up from the events; the "
                "learners find the relation from the data."
            ),
        )
