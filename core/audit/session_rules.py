"""Are the session ids sessions? Ids with several users, ids in both files, and events in both files."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.case import END, EVENTS, AuditCase
from core.audit.finding import Finding
from core.audit.rule import Rule
from core.audit.text import MAX_EXAMPLES, time_span
from core.base.text import count, percent, verb
from core.schema import (
    CATEGORY,
    COMPOSITE,
    KNOWN_VALUE,
    PRODUCT,
    ROLE,
    ROLES,
    SESSION,
    START,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    USER,
)

HIGH_COMPOSITE: Final = 0.05
"""Of all session ids. A single lost id is a slip; with 5% the column does not identify sessions."""
MOSTLY_KNOWN: Final = 0.5
"""Of test. If most of test is in train, the files are not two parts of a log but the same one."""


class CompositeSessions(Rule):
    code = "composite_sessions"
    title = "Session ids shared by several users"

    def find(self, case: AuditCase) -> Finding | None:
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
        n_ids, total = shared.get_column(SESSION).n_unique(), case.units.get_column(SESSION).n_unique()
        top = shared.row(0, named=True)
        in_train, in_test = (shared.filter(pl.col(ROLE) == role).height for role in (TRAIN_ROLE, TEST_ROLE))
        return self.finding(
            "serious" if n_ids >= HIGH_COMPOSITE * total else "warning",
            f"{count(n_ids, 'session id')} {verb(n_ids, 'is', 'are')} shared by several users",
            count=n_ids,
            explanation=(
                f"{n_ids:,} of {total:,} session ids {verb(n_ids, 'has', 'have')} more than one user ({in_train:,} in "
                f"train, {in_test:,} in test). The most shared one has {top['users']:,} users in {ROLES[top[ROLE]]}; "
                f"their {count(top[EVENTS], 'event')} span {time_span(top['seconds'])}."
            ),
            advice=(
                "Usually a lost id, not a visit. By default such ids are not used for training; in test each user is "
                "predicted separately and the predictions are summed."
            ),
            examples=self._examples(case, shared.head(MAX_EXAMPLES)),
        )

    def _examples(self, case: AuditCase, shared: pl.DataFrame) -> list[str]:
        ids = case.display_ids(SESSION, shared.get_column(SESSION).to_list())
        return [
            f"{session} in {ROLES[row[ROLE]]}: {row['users']:,} users, {count(row[EVENTS], 'event')}, "
            f"{time_span(row['seconds'])}"
            for session, row in zip(ids, shared.iter_rows(named=True), strict=True)
        ]


class KnownSessions(Rule):
    code = "known_sessions"
    title = "Test sessions that are in train with their value"

    def find(self, case: AuditCase) -> Finding | None:
        known = case.units_of(TEST_ROLE).filter(pl.col(KNOWN_VALUE).is_not_null())
        sessions = known.get_column(SESSION).unique(maintain_order=True)
        if sessions.is_empty():
            return None
        total, n_known = case.card.test.sessions, len(sessions)
        mostly = n_known > MOSTLY_KNOWN * total
        return self.finding(
            "serious" if mostly else "warning",
            f"{count(n_known, 'test session')} {verb(n_known, 'is', 'are')} known from train",
            count=n_known,
            explanation=(
                f"{n_known:,} of {total:,} test sessions ({percent(n_known / total)}) {verb(n_known, 'is', 'are')} "
                f"also in train with the same users, so {verb(n_known, 'its value is', 'their values are')} known."
            ),
            advice=(
                "Check whether a file was given twice, or the log was split by rows: a score on other sessions would "
                "say little about these."
                if mostly
                else "Nothing to do. A run copies their values from train and reports it; this can be switched off."
            ),
            examples=case.display_ids(SESSION, sessions.head(MAX_EXAMPLES).to_list()),
        )


class ReusedSessions(Rule):
    code = "reused_sessions"
    title = "Session ids that another user has in test"

    def find(self, case: AuditCase) -> Finding | None:
        single = case.units.filter(~pl.col(COMPOSITE))
        train, test = (single.filter(pl.col(ROLE) == role).select(SESSION, USER) for role in (TRAIN_ROLE, TEST_ROLE))
        both = train.join(test, on=SESSION, how="inner", suffix="_test", maintain_order="left")
        reused = both.filter(pl.col(USER) != pl.col(f"{USER}_test"))
        n_reused, total = reused.height, case.card.test.sessions
        if not n_reused:
            return None
        return self.finding(
            "warning",
            f"{count(n_reused, 'session id')} {verb(n_reused, 'is', 'are')} reused by another user",
            count=n_reused,
            explanation=(
                f"{n_reused:,} of {total:,} test sessions ({percent(n_reused / total)}) "
                f"{verb(n_reused, 'has', 'have')} an id that belongs to another user in train."
            ),
            advice=(
                "The shop seems to reuse session ids after a while. The product treats them as different sessions and "
                "copies no value from train."
            ),
            examples=case.display_ids(SESSION, reused.get_column(SESSION).head(MAX_EXAMPLES).to_list()),
        )


class RowsInBoth(Rule):
    code = "rows_in_both"
    title = "Events that are in both files"

    def find(self, case: AuditCase) -> Finding | None:
        keys = [SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME]
        both = case.units_of(TRAIN_ROLE).join(case.units_of(TEST_ROLE), on=[SESSION, USER], how="semi").lazy()
        train, test = (
            case.dataset.events(role).select(keys).join(both.select(SESSION, USER), on=[SESSION, USER], how="semi")
            for role in ROLES
        )
        repeated = test.join(train.unique(), on=keys, how="semi").collect().sort(keys)
        n_repeated, total = repeated.height, case.card.test.kept
        if not n_repeated:
            return None
        return self.finding(
            "serious" if n_repeated > MOSTLY_KNOWN * total else "warning",
            f"{count(n_repeated, 'event')} of test {verb(n_repeated, 'is', 'are')} also in train",
            count=n_repeated,
            explanation=(
                f"{n_repeated:,} of {total:,} test events ({percent(n_repeated / total)}) "
                f"{verb(n_repeated, 'is', 'are')} also in train, with the same session, user, product, category, event "
                "type and time. The two exports overlap."
            ),
            advice="Export the files again with each event in one of them, or check whether a file was given twice.",
            examples=case.display_ids(
                SESSION, repeated.get_column(SESSION).unique().sort().head(MAX_EXAMPLES).to_list()
            ),
        )
