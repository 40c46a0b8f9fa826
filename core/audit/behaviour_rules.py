"""Do people in a shop behave like this? Robots, columns that hardly change, and logs too small to learn from."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from core.audit.audited_dataset import END, EVENTS, ID_COLUMNS, AuditedDataset
from core.audit.rule import Finding, Rule
from core.audit.text import MAX_EXAMPLES, format_day
from core.base.amounts import value_text
from core.base.text import count, listed, percent, verb, whole
from core.check_result import Severity
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
"""Events of one user: one every 30 seconds for twelve and a half hours."""
HOURS: Final = 24
"""A user with an event in every hour of a day does not sleep."""
HIGH_ROBOT_SHARE: Final = 0.01
"""Share of the events from which robots change the histories of products."""
NEARLY_CONSTANT: Final = 0.99
"""Share of the rows. A model cannot learn from a difference that occurs in fewer than 1% of them."""
SMALL_SESSIONS: Final = 1_000
"""Train sessions. With fewer, the top 0.1%, which dominates the squared error, is less than one session."""
SMALL_USERS: Final = 200
"""Train users: 40 in each of the five folds."""
SMALL_TEST: Final = 100
"""Test sessions. With fewer, the error is mostly chance."""
MIN_USERS_TO_TRAIN: Final = 20
"""Train users. With fewer, a run with five folds refuses to start (four users per fold)."""


class Robots(Rule):
    code = "robots"
    title = "Users who act faster or longer than people"

    def find(self, data: AuditedDataset) -> Finding | None:
        behaviours = {
            f"with an event every second for {FAST_SECONDS} s or longer": self._fast(data),
            f"with more than {whole(MAX_DAILY_EVENTS)} events on one day": self._busy(data),
            f"active in all {HOURS} hours of a day": self._sleepless(data),
        }
        users_by = {name: rows.select(USER).unique().collect()[USER] for name, rows in behaviours.items()}
        users = pl.concat(users_by.values()).unique().sort()
        if users.is_empty():
            return None
        reasons = [f"{whole(robots.len())} {behaviour}" for behaviour, robots in users_by.items() if robots.len()]
        units = data.units.filter(pl.col(USER).is_in(users.implode()))
        share = int(units.get_column(EVENTS).sum()) / data.total_events
        by_user = units.group_by(USER).agg(pl.col(EVENTS).sum()).sort([EVENTS, USER], descending=[True, False])
        top = by_user.head(MAX_EXAMPLES)
        ids = data.display_ids(USER, top[USER])
        return self.finding(
            "warning" if share >= HIGH_ROBOT_SHARE else "note",
            f"{count(users.len(), 'user')} {verb(users.len(), 'looks like a robot', 'look like robots')}",
            count=users.len(),
            explanation=(
                f"{count(users.len(), 'user')} {verb(users.len(), 'acts', 'act')} faster or longer than a person "
                f"({listed(reasons)}). They have {percent(share)} of all events."
            ),
            advice="Remove robots from the files. Otherwise their sessions are used for training like all others.",
            examples=[f"{user}: {count(n_events, 'event')}" for user, n_events in zip(ids, top[EVENTS], strict=True)],
        )

    def _fast(self, data: AuditedDataset) -> pl.LazyFrame:
        """Units with at least one event per second, in at least FAST_SECONDS distinct seconds."""
        dense = data.units.filter((pl.col(EVENTS) >= FAST_SECONDS) & (pl.col(EVENTS) > pl.col(END) - pl.col(START)))
        events = data.events.join(dense.lazy().select(UNIT), on=UNIT, how="semi")
        seconds = events.group_by(UNIT, USER).agg(pl.col(TIME).n_unique().alias("seconds"))
        return seconds.filter(pl.col("seconds") >= FAST_SECONDS)

    def _busy(self, data: AuditedDataset, min_events: int = MAX_DAILY_EVENTS + 1) -> pl.LazyFrame:
        """(user, day) with at least this many events."""
        days = data.events.group_by(USER, pl.col(TIME) // SECONDS_PER_DAY).len()
        return days.filter(pl.col("len") >= min_events)

    def _sleepless(self, data: AuditedDataset) -> pl.LazyFrame:
        """(user, day) with an event in every hour."""
        candidates = self._busy(data, min_events=HOURS).select(USER).unique()
        hour = (pl.col(TIME) // 3_600).alias("hour")
        hours = data.events.join(candidates, on=USER, how="semi").select(USER, hour).unique()
        return hours.group_by(USER, pl.col("hour") // HOURS).len().filter(pl.col("len") == HOURS)


class _TopEntry(NamedTuple):
    """The most frequent entry of a file column, and the share of the rows that have it."""

    column: str
    entry: str
    share: float


class ConstantColumns(Rule):
    code = "constant_columns"
    title = "Columns that hardly ever change"

    def find(self, data: AuditedDataset) -> Finding | None:
        tops = [self._top_entry(data, column) for column in (TYPE, PRODUCT, CATEGORY, USER, TIME)]
        values, counts = np.unique(data.train_values, return_counts=True)
        if counts.sum() > 1:
            top = int(counts.argmax())
            tops.append(_TopEntry(SESSION_VALUE, value_text(float(values[top])), counts[top] / counts.sum()))
        tops = [top for top in tops if top.share >= NEARLY_CONSTANT]
        if not tops:
            return None
        constant = {top.column for top in tops if top.share == 1}
        is_harmful = bool(constant - {EVENT_TYPE, CATEGORY_ID})  # a log of receipts, or without categories, is a log
        severity: Severity = "warning" if is_harmful else "note"
        advice = "Features of such a column carry no information. Check whether the export fills it by default."
        if SESSION_VALUE in constant:
            severity = "serious"
            advice = (
                "All sessions have the same value, so there is nothing to predict. Check that the mapping names the "
                "right column for the session value."
            )
        shares = [f"{top.column} is the same in {percent(top.share)}" for top in tops]
        return self.finding(
            severity,
            f"{listed([top.column for top in tops])} hardly ever {verb(len(tops), 'changes', 'change')}",
            count=len(tops),
            explanation=f"{listed(shares)} of the rows.",
            examples=[f"{top.column}: {top.entry}" for top in tops],
            advice=advice,
        )

    def _top_entry(self, data: AuditedDataset, column: str) -> _TopEntry:
        counts = data.events.group_by(column).len()
        entry, n_events = counts.sort(["len", column], descending=[True, False]).head(1).collect().row(0)
        share = n_events / data.total_events
        if column == TYPE:
            return _TopEntry(EVENT_TYPE, EVENT_TYPES[entry], share)
        if column == TIME:
            return _TopEntry(EVENT_TIME, format_day(entry), share)
        return _TopEntry(ID_COLUMNS[column], data.display_ids(column, pl.Series([entry]))[0], share)


class SmallData(Rule):
    code = "small_data"
    title = "Too few sessions or users for a reliable score"

    def find(self, data: AuditedDataset) -> Finding | None:
        n_train, n_users, n_test = data.train_sessions.height, data.card.train.users, data.card.test.sessions
        if n_train >= SMALL_SESSIONS and n_users >= SMALL_USERS and n_test >= SMALL_TEST:
            return None
        is_too_small = n_users < MIN_USERS_TO_TRAIN
        return self.finding(
            "serious" if is_too_small else "warning",
            "The dataset is very small",
            count=n_train,
            explanation=(
                f"The train file has {count(n_train, 'session')} of {count(n_users, 'user')}, the test file "
                f"{count(n_test, 'session')}. A reliable score needs at least {whole(SMALL_SESSIONS)} train sessions "
                f"of {whole(SMALL_USERS)} users, and {whole(SMALL_TEST)} test sessions."
            ),
            advice=(
                f"Use a longer log: a run needs session values of at least {whole(MIN_USERS_TO_TRAIN)} users."
                if is_too_small
                else "Use a longer log, or rely on the interval of the score rather than on the score."
            ),
        )
