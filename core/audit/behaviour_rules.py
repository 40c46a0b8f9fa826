"""Is this a shop's log of people? Robots, columns that never change, and logs too small to learn from."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from core.audit.case import END, EVENTS, ID_COLUMNS, START, AuditCase
from core.audit.finding import Finding
from core.audit.phrases import DAY, MOST_EXAMPLES, day, joined, verb
from core.audit.rule import Rule
from core.base.text import count, number, percent
from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    PRODUCT,
    SESSION_VALUE,
    TIME,
    TYPE,
    UNIT,
    USER,
)

FAST_SECONDS: Final = 20
"""Different seconds with an event. Shops log a full basket in one second, and people double-click; but nobody does
something every second for so long."""
MOST_A_DAY: Final = 1_500
"""Events of one user in a day: one every 30 seconds for twelve and a half hours."""
HOURS: Final = 24
"""A user with an event in every hour of a day does not sleep."""
MANY_BY_ROBOTS: Final = 0.01
"""Of the events. From there on they move the products' histories."""
NEARLY_CONSTANT: Final = 0.99
"""Of the rows. What differs in fewer than one row in a hundred is seen too rarely to be learned from."""
SMALL_SESSIONS: Final = 1_000
"""Train sessions. With fewer, one session in a thousand, the part that decides the squared error, is less than one."""
SMALL_USERS: Final = 200
"""Train users: forty in each of the five folds."""
SMALL_TEST: Final = 100
"""Test sessions: the error on fewer is luck."""
NO_TRAINING: Final = 20
"""Train users below which a run of five folds refuses to start (four users a fold)."""


class Robots(Rule):
    """Users who act faster or longer than people do."""

    code = "robots"
    title = "Users who act faster or longer than people"

    def look(self, case: AuditCase) -> Finding | None:
        fast, busy, sleepless = self._fast(case), self._busy(case), self._sleepless(case)
        users = pl.concat([fast, busy, sleepless]).unique().sort()
        if users.is_empty():
            return None
        events = case.units.filter(pl.col(USER).is_in(users.implode()))
        share = int(events.get_column(EVENTS).sum()) / case.total_events
        kinds = [
            f"{amount:,} {what}"
            for amount, what in (
                (fast.len(), f"with an event every second for {FAST_SECONDS} s or longer"),
                (busy.len(), f"with more than {MOST_A_DAY:,} events on one day"),
                (sleepless.len(), f"active in all {HOURS} hours of a day"),
            )
            if amount
        ]
        top = events.group_by(USER).agg(pl.col(EVENTS).sum()).sort([EVENTS, USER], descending=[True, False])
        top = top.head(MOST_EXAMPLES)
        names = case.names(USER, top.get_column(USER).to_list())
        return self.finding(
            "warning" if share >= MANY_BY_ROBOTS else "note",
            f"{count(users.len(), 'user')} {verb(users.len(), 'does', 'do')} not act like people",
            count=users.len(),
            explanation=(
                f"{count(users.len(), 'user')} {verb(users.len(), 'acts', 'act')} faster or longer than a person "
                f"({joined(kinds)}); {percent(share)} of all events are theirs."
            ),
            advice="Take them out of the files if they are robots: they train like everybody else.",
            examples=[
                f"{name}: {count(done, 'event')}" for name, done in zip(names, top.get_column(EVENTS), strict=True)
            ],
        )

    def _fast(self, case: AuditCase) -> pl.Series:
        """Users with a session of at least one event a second, in at least FAST_SECONDS different seconds."""
        dense = case.units.filter((pl.col(EVENTS) >= FAST_SECONDS) & (pl.col(EVENTS) > pl.col(END) - pl.col(START)))
        seconds = (
            case.events.join(dense.lazy().select(UNIT), on=UNIT, how="semi")
            .group_by(UNIT, USER)
            .agg(pl.col(TIME).n_unique().alias("seconds"))
        )
        return seconds.filter(pl.col("seconds") >= FAST_SECONDS).select(USER).unique().collect().get_column(USER)

    def _days(self, case: AuditCase, at_least: int) -> pl.LazyFrame:
        """Days on which a user has so many events."""
        per_day = case.events.group_by(USER, pl.col(TIME) // DAY).len()
        return per_day.filter(pl.col("len") >= at_least)

    def _busy(self, case: AuditCase) -> pl.Series:
        return self._days(case, MOST_A_DAY + 1).select(USER).unique().collect().get_column(USER)

    def _sleepless(self, case: AuditCase) -> pl.Series:
        likely = self._days(case, HOURS).select(USER).unique()
        hours = case.events.join(likely, on=USER, how="semi").select(USER, pl.col(TIME) // 3_600).unique()
        active = hours.group_by(USER, pl.col(TIME) // HOURS).len().filter(pl.col("len") == HOURS)
        return active.select(USER).unique().collect().get_column(USER)


class ConstantColumns(Rule):
    """A column that says the same in all or nearly all rows."""

    code = "constant_columns"
    title = "Columns that hardly ever change"

    def look(self, case: AuditCase) -> Finding | None:
        tops = [self._top(case, column) for column in (TYPE, PRODUCT, CATEGORY, USER, TIME)]
        values, counts = np.unique(case.train_values, return_counts=True)
        if counts.sum() > 1:
            place = int(counts.argmax())
            tops.append((SESSION_VALUE, number(float(values[place])), counts[place] / counts.sum()))
        found = [top for top in tops if top[2] >= NEARLY_CONSTANT]
        if not found:
            return None
        constant = {name for name, _, share in found if share == 1}
        telling = constant - {EVENT_TYPE, CATEGORY_ID}  # a log of receipts, or without categories, is a log
        names = joined([name for name, _, _ in found])
        told = [f"{name} is the same in {percent(share)}" for name, _, share in found]
        return self.finding(
            "serious" if SESSION_VALUE in constant else "warning" if telling else "note",
            f"{names} hardly ever {verb(len(found), 'changes', 'change')}",
            count=len(found),
            explanation=f"{joined(told)} of the rows.",
            examples=[f"{name}: {entry}" for name, entry, _ in found],
            advice=(
                "When every session is worth the same there is nothing to predict: look for the right column."
                if SESSION_VALUE in constant
                else "Features made of it say next to nothing; see whether the export filled it by default."
            ),
        )

    def _top(self, case: AuditCase, column: str) -> tuple[str, str, float]:
        """Column of the files, its most frequent entry, and the entry's share of the events."""
        counted = case.events.group_by(column).len()
        entry, events = counted.sort(["len", column], descending=[True, False]).head(1).collect().row(0)
        share = events / case.total_events
        if column == TYPE:
            return EVENT_TYPE, EVENT_TYPES[entry], share
        if column == TIME:
            return EVENT_TIME, day(entry), share
        return ID_COLUMNS[column], case.names(column, [entry])[0], share


class SmallData(Rule):
    """Too little to learn from, or to score on."""

    code = "small_data"
    title = "Fewer sessions and users than a score can be read from"

    def look(self, case: AuditCase) -> Finding | None:
        sessions, users, test = case.train_sessions.height, case.card.train.users, case.card.test.sessions
        if sessions >= SMALL_SESSIONS and users >= SMALL_USERS and test >= SMALL_TEST:
            return None
        hopeless = users < NO_TRAINING
        return self.finding(
            "serious" if hopeless else "warning",
            "The data are very small",
            count=sessions,
            explanation=(
                f"Train has {count(sessions, 'session')} of {count(users, 'user')}, test {count(test, 'session')}; "
                f"from {SMALL_SESSIONS:,}, {SMALL_USERS:,} and {SMALL_TEST:,} on a score says something."
            ),
            advice=(
                f"Bring a longer log: a run needs values of {NO_TRAINING:,} users at least."
                if hopeless
                else "Bring a longer log, or read the score's interval rather than the score."
            ),
        )
