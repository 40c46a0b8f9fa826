"""Is this a log of people in a shop? Robots, columns that never change, and logs too small to learn from."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from core.audit.case import END, EVENTS, ID_COLUMNS, AuditCase
from core.audit.finding import Finding
from core.audit.rule import Rule
from core.audit.text import MAX_EXAMPLES, format_day
from core.base.text import count, joined, number, percent, verb
from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    PRODUCT,
    SECONDS_PER_DAY,
    SESSION_VALUE,
    START,
    TIME,
    TYPE,
    UNIT,
    USER,
)

FAST_SECONDS: Final = 20
"""Distinct seconds with an event. Shops log a full basket in one second and people double-click, but no person does
something every second for so long."""
MAX_DAILY_EVENTS: Final = 1_500
"""Of one user: one every 30 seconds for twelve and a half hours."""
HOURS: Final = 24
"""A user with an event in every hour of a day does not sleep."""
HIGH_ROBOT_SHARE: Final = 0.01
"""Of the events. From here on they change the histories of products."""
NEARLY_CONSTANT: Final = 0.99
"""Of the rows. A model sees anything that differs in less than 1% of them too rarely to learn from it."""
SMALL_SESSIONS: Final = 1_000
"""Train sessions. With fewer, the top 0.1%, which decides the squared error, is less than one session."""
SMALL_USERS: Final = 200
"""Train users: 40 in each of the five folds."""
SMALL_TEST: Final = 100
"""Test sessions: the error on fewer is luck."""
MIN_USERS_TO_TRAIN: Final = 20
"""Train users. With fewer, a run with five folds refuses to start (four users per fold)."""


class Robots(Rule):
    code = "robots"
    title = "Users who act faster or longer than people"

    def find(self, case: AuditCase) -> Finding | None:
        fast, busy, sleepless = self._fast(case), self._busy(case), self._sleepless(case)
        users = pl.concat([fast, busy, sleepless]).unique().sort()
        if users.is_empty():
            return None
        units = case.units.filter(pl.col(USER).is_in(users.implode()))
        share = int(units.get_column(EVENTS).sum()) / case.total_events
        reasons = [
            f"{amount:,} {behaviour}"
            for amount, behaviour in (
                (fast.len(), f"with an event every second for {FAST_SECONDS} s or longer"),
                (busy.len(), f"with more than {MAX_DAILY_EVENTS:,} events on one day"),
                (sleepless.len(), f"active in all {HOURS} hours of a day"),
            )
            if amount
        ]
        top = units.group_by(USER).agg(pl.col(EVENTS).sum()).sort([EVENTS, USER], descending=[True, False])
        top = top.head(MAX_EXAMPLES)
        ids = case.display_ids(USER, top.get_column(USER).to_list())
        return self.finding(
            "warning" if share >= HIGH_ROBOT_SHARE else "note",
            f"{count(users.len(), 'user')} {verb(users.len(), 'looks like a robot', 'look like robots')}",
            count=users.len(),
            explanation=(
                f"{count(users.len(), 'user')} {verb(users.len(), 'acts', 'act')} faster or longer than a person "
                f"({joined(reasons)}). They have {percent(share)} of all events."
            ),
            advice="Remove robots from the files: their sessions are trained on like all others.",
            examples=[
                f"{user_id}: {count(events, 'event')}"
                for user_id, events in zip(ids, top.get_column(EVENTS), strict=True)
            ],
        )

    def _fast(self, case: AuditCase) -> pl.Series:
        """Users with a session of at least one event per second, in at least FAST_SECONDS distinct seconds."""
        dense = case.units.filter((pl.col(EVENTS) >= FAST_SECONDS) & (pl.col(EVENTS) > pl.col(END) - pl.col(START)))
        seconds = (
            case.events.join(dense.lazy().select(UNIT), on=UNIT, how="semi")
            .group_by(UNIT, USER)
            .agg(pl.col(TIME).n_unique().alias("seconds"))
        )
        return seconds.filter(pl.col("seconds") >= FAST_SECONDS).select(USER).unique().collect().get_column(USER)

    def _days(self, case: AuditCase, min_events: int) -> pl.LazyFrame:
        """One row per (user, day) with at least this many events."""
        by_day = case.events.group_by(USER, pl.col(TIME) // SECONDS_PER_DAY).len()
        return by_day.filter(pl.col("len") >= min_events)

    def _busy(self, case: AuditCase) -> pl.Series:
        return self._days(case, MAX_DAILY_EVENTS + 1).select(USER).unique().collect().get_column(USER)

    def _sleepless(self, case: AuditCase) -> pl.Series:
        candidates = self._days(case, HOURS).select(USER).unique()
        hours = case.events.join(candidates, on=USER, how="semi").select(USER, pl.col(TIME) // 3_600).unique()
        active = hours.group_by(USER, pl.col(TIME) // HOURS).len().filter(pl.col("len") == HOURS)
        return active.select(USER).unique().collect().get_column(USER)


class ConstantColumns(Rule):
    code = "constant_columns"
    title = "Columns that hardly ever change"

    def find(self, case: AuditCase) -> Finding | None:
        tops = [self._top_entry(case, column) for column in (TYPE, PRODUCT, CATEGORY, USER, TIME)]
        values, counts = np.unique(case.train_values, return_counts=True)
        if counts.sum() > 1:
            place = int(counts.argmax())
            tops.append((SESSION_VALUE, number(float(values[place])), counts[place] / counts.sum()))
        nearly = [top for top in tops if top[2] >= NEARLY_CONSTANT]
        if not nearly:
            return None
        constant = {name for name, _, share in nearly if share == 1}
        harmful = constant - {EVENT_TYPE, CATEGORY_ID}  # a log of receipts, or without categories, is still a log
        names = joined([name for name, _, _ in nearly])
        shares = [f"{name} is the same in {percent(share)}" for name, _, share in nearly]
        return self.finding(
            "serious" if SESSION_VALUE in constant else "warning" if harmful else "note",
            f"{names} hardly ever {verb(len(nearly), 'changes', 'change')}",
            count=len(nearly),
            explanation=f"{joined(shares)} of the rows.",
            examples=[f"{name}: {entry}" for name, entry, _ in nearly],
            advice=(
                "If every session is worth the same, there is nothing to predict: check which column holds the value."
                if SESSION_VALUE in constant
                else "Features of such a column carry no information. Check whether the export fills it by default."
            ),
        )

    def _top_entry(self, case: AuditCase, column: str) -> tuple[str, str, float]:
        """Return the column's name in the files, its most frequent entry, and that entry's share of the events."""
        counts = case.events.group_by(column).len()
        entry, events = counts.sort(["len", column], descending=[True, False]).head(1).collect().row(0)
        share = events / case.total_events
        if column == TYPE:
            return EVENT_TYPE, EVENT_TYPES[entry], share
        if column == TIME:
            return EVENT_TIME, format_day(entry), share
        return ID_COLUMNS[column], case.display_ids(column, [entry])[0], share


class SmallData(Rule):
    code = "small_data"
    title = "Too few sessions or users for a reliable score"

    def find(self, case: AuditCase) -> Finding | None:
        sessions, users, test = case.train_sessions.height, case.card.train.users, case.card.test.sessions
        if sessions >= SMALL_SESSIONS and users >= SMALL_USERS and test >= SMALL_TEST:
            return None
        too_few = users < MIN_USERS_TO_TRAIN
        return self.finding(
            "serious" if too_few else "warning",
            "The dataset is very small",
            count=sessions,
            explanation=(
                f"Train has {count(sessions, 'session')} of {count(users, 'user')}, test has {count(test, 'session')}. "
                f"A reliable score needs at least {SMALL_SESSIONS:,} sessions of {SMALL_USERS:,} users in train, and "
                f"{SMALL_TEST:,} sessions in test."
            ),
            advice=(
                f"Use a longer log: a run needs session values of at least {MIN_USERS_TO_TRAIN:,} users."
                if too_few
                else "Use a longer log, or rely on the interval of the score rather than on the score."
            ),
        )
