"""Are the session ids sessions? Ids of several users, ids in both files, and rows that stand in both."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.case import COMPOSITE, END, EVENTS, KNOWN_VALUE, START, AuditCase
from core.audit.finding import Finding, Severity
from core.audit.phrases import MOST_EXAMPLES, lasting, verb
from core.audit.rule import Rule
from core.base.text import count, percent
from core.schema import (
    CATEGORY,
    PRODUCT,
    ROLE,
    ROLES,
    SESSION,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    USER,
)

MANY_COMPOSITE: Final = 0.05
"""Of all session ids. A single id that got lost is a slip; one in twenty, and the column does not name sessions."""
MOSTLY_KNOWN: Final = 0.5
"""Of the test sessions. Where most of test stands in train, the files are not two halves of a log but the same one."""


class CompositeSessions(Rule):
    """One session id, several users in the same file."""

    code = "composite_sessions"
    title = "Session ids shared by several users"

    def look(self, case: AuditCase) -> Finding | None:
        shared = (
            case.units.filter(pl.col(COMPOSITE))
            .group_by(ROLE, SESSION)
            .agg(
                pl.len().alias("users"),
                pl.col(EVENTS).sum(),
                (pl.col(END).max() - pl.col(START).min()).alias("seconds"),
            )
            .sort(["users", ROLE, SESSION], descending=[True, False, False])
        )
        if shared.is_empty():
            return None
        ids, total = shared.get_column(SESSION).n_unique(), case.units.get_column(SESSION).n_unique()
        top = shared.row(0, named=True)
        in_file = [shared.filter(pl.col(ROLE) == role).height for role in (TRAIN_ROLE, TEST_ROLE)]
        return self.finding(
            "serious" if ids >= MANY_COMPOSITE * total else "warning",
            f"{count(ids, 'session id')} {verb(ids, 'is', 'are')} shared by several users",
            count=ids,
            explanation=(
                f"{ids:,} of {total:,} session ids {verb(ids, 'has', 'have')} more than one user ({in_file[0]:,} in "
                f"train, {in_file[1]:,} in test); the most shared one has {top['users']:,} users in "
                f"{ROLES[top[ROLE]]}, whose {count(top[EVENTS], 'event')} span {lasting(top['seconds'])}."
            ),
            advice=(
                "Usually an id that got lost, not a visit: by default such ids do not train, and in test they are "
                "predicted user by user and summed."
            ),
            examples=self._examples(case, shared.head(MOST_EXAMPLES)),
        )

    def _examples(self, case: AuditCase, shared: pl.DataFrame) -> list[str]:
        names = case.names(SESSION, shared.get_column(SESSION).to_list())
        return [
            f"{name} in {ROLES[row[ROLE]]}: {row['users']:,} users, {count(row[EVENTS], 'event')}, "
            f"{lasting(row['seconds'])}"
            for name, row in zip(names, shared.iter_rows(named=True), strict=True)
        ]


class KnownSessions(Rule):
    """A test session that train holds too, with the same users."""

    code = "known_sessions"
    title = "Test sessions that stand in train with their value"

    def look(self, case: AuditCase) -> Finding | None:
        known = case.of_role(TEST_ROLE).filter(pl.col(KNOWN_VALUE).is_not_null())
        sessions = known.get_column(SESSION).unique(maintain_order=True)
        if sessions.is_empty():
            return None
        total, found = case.card.test.sessions, len(sessions)
        mostly = found > MOSTLY_KNOWN * total
        advice = (
            "See whether a file was given twice, or the files were split by rows: the score of other sessions would "
            "say little about these."
            if mostly
            else "The product takes their value over from train, and says so in the run; it can be switched off there."
        )
        return self.finding(
            "serious" if mostly else "warning",
            f"{count(found, 'test session')} {verb(found, 'is', 'are')} known from train",
            count=found,
            explanation=(
                f"{found:,} of {total:,} test sessions ({percent(found / total)}) {verb(found, 'stands', 'stand')} in "
                f"train as well, with the same users, so {verb(found, 'its value is', 'their values are')} known."
            ),
            advice=advice,
            examples=case.names(SESSION, sessions.head(MOST_EXAMPLES).to_list()),
        )


class ReusedSessions(Rule):
    """A session id of one user in train and of another one in test."""

    code = "reused_sessions"
    title = "Session ids that come back with another user"

    def look(self, case: AuditCase) -> Finding | None:
        single = case.units.filter(~pl.col(COMPOSITE))
        train, test = (single.filter(pl.col(ROLE) == role).select(SESSION, USER) for role in (TRAIN_ROLE, TEST_ROLE))
        reused = train.join(test, on=SESSION, how="inner", suffix="_test", maintain_order="left")
        reused = reused.filter(pl.col(USER) != pl.col(f"{USER}_test"))
        found, total = reused.height, case.card.test.sessions
        if not found:
            return None
        return self.finding(
            "warning",
            f"{count(found, 'session id')} {verb(found, 'comes', 'come')} back with another user",
            count=found,
            explanation=(
                f"{found:,} of {total:,} test sessions ({percent(found / total)}) {verb(found, 'has', 'have')} an id "
                "that belongs to one user in train and to a different one in test."
            ),
            advice=(
                "Session ids seem to be used again after a while: the product treats such sessions as two and takes "
                "no value over."
            ),
            examples=case.names(SESSION, reused.get_column(SESSION).head(MOST_EXAMPLES).to_list()),
        )


class RowsInBoth(Rule):
    """The very same event in both files."""

    code = "rows_in_both"
    title = "Events that stand in both files"

    def look(self, case: AuditCase) -> Finding | None:
        keys = [SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME]
        both = case.of_role(TRAIN_ROLE).join(case.of_role(TEST_ROLE), on=[SESSION, USER], how="semi").lazy()
        train, test = (
            case.dataset.events(role).select(keys).join(both.select(SESSION, USER), on=[SESSION, USER], how="semi")
            for role in ROLES
        )
        repeated = test.join(train.unique(), on=keys, how="semi").collect().sort(keys)
        found, total = repeated.height, case.card.test.kept
        if not found:
            return None
        severity: Severity = "serious" if found > MOSTLY_KNOWN * total else "warning"
        return self.finding(
            severity,
            f"{count(found, 'event')} of test {verb(found, 'stands', 'stand')} in train as well",
            count=found,
            explanation=(
                f"{found:,} of {total:,} test events ({percent(found / total)}) are in train too, with the same "
                "session, user, product, category, event type and time: the two exports overlap."
            ),
            advice="Export the files again, each event in one of them, or see whether a file was given twice.",
            examples=case.names(SESSION, repeated.get_column(SESSION).unique().sort().head(MOST_EXAMPLES).to_list()),
        )
