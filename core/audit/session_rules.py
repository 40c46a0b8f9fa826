"""Are the session ids sessions? Ids with several users, ids in both files, and events in both files."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.audited_dataset import END, EVENTS, AuditedDataset
from core.audit.rule import Finding, Rule
from core.audit.text import MAX_EXAMPLES, share_of, time_span
from core.base.text import count, verb, whole
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
"""Share of the session ids. A single lost id is a slip; with 5% the column does not identify sessions."""
MOSTLY_KNOWN: Final = 0.5
"""Share of the test sessions or events. If most are in the train file as well, a file was probably given twice."""


class CompositeSessions(Rule):
    code = "composite_sessions"
    title = "Session ids shared by several users"

    def find(self, data: AuditedDataset) -> Finding | None:
        seconds = (pl.col(END).max() - pl.col(START).min()).alias("seconds")
        composite = data.units.filter(pl.col(COMPOSITE)).group_by(ROLE, SESSION)
        shared = composite.agg(pl.len().alias("users"), pl.col(EVENTS).sum(), seconds)
        if shared.is_empty():
            return None
        n_ids, total = shared.get_column(SESSION).n_unique(), data.units.get_column(SESSION).n_unique()
        n_train, n_test = (shared.filter(pl.col(ROLE) == role).height for role in (TRAIN_ROLE, TEST_ROLE))
        top = shared.sort(["users", ROLE, SESSION], descending=[True, False, False]).head(MAX_EXAMPLES)
        rows = top.rows(named=True)
        most_shared = rows[0]
        return self.finding(
            "serious" if n_ids >= HIGH_COMPOSITE * total else "warning",
            f"{count(n_ids, 'session id')} {verb(n_ids, 'is', 'are')} shared by several users",
            count=n_ids,
            explanation=(
                f"{whole(n_ids)} of {whole(total)} session ids {verb(n_ids, 'has', 'have')} more than one user "
                f"({whole(n_train)} in the train file, {whole(n_test)} in the test file). The most shared one has "
                f"{whole(most_shared['users'])} users in the {ROLES[most_shared[ROLE]]} file; their "
                f"{count(most_shared[EVENTS], 'event')} span {time_span(most_shared['seconds'])}."
            ),
            advice=(
                "Usually a lost id, not a visit. By default such ids are not used for training; in the test file each "
                "user is predicted separately and the predictions are summed."
            ),
            examples=[
                f"{session} in {ROLES[row[ROLE]]}: {whole(row['users'])} users, {count(row[EVENTS], 'event')}, "
                f"{time_span(row['seconds'])}"
                for session, row in zip(data.display_ids(SESSION, top[SESSION]), rows, strict=True)
            ],
        )


class KnownSessions(Rule):
    code = "known_sessions"
    title = "Sessions in both files"

    def find(self, data: AuditedDataset) -> Finding | None:
        known = data.units_of(TEST_ROLE).filter(pl.col(KNOWN_VALUE).is_not_null())
        sessions = known.get_column(SESSION).unique(maintain_order=True)
        if sessions.is_empty():
            return None
        total, n_known = data.card.test.sessions, len(sessions)
        mostly = n_known > MOSTLY_KNOWN * total
        return self.finding(
            "serious" if mostly else "warning",
            f"The value of {count(n_known, 'test session')} is already known",
            count=n_known,
            explanation=(
                f"{share_of(n_known, total, 'test sessions')} {verb(n_known, 'is', 'are')} also in the train file with "
                f"the same users, so {verb(n_known, 'its value is', 'their values are')} known."
            ),
            advice=(
                "Check whether the same file was chosen twice, or whether the log was split by row instead of by "
                "session. The score is measured on other sessions and says little about these."
                if mostly
                else "Nothing to do. A run copies their values from the train file and reports their number; this can "
                "be switched off. If the files are split by date, their parts in the train file are not used for "
                "training, because the value is that of the whole session."
            ),
            examples=data.display_ids(SESSION, sessions.head(MAX_EXAMPLES)),
        )


class ReusedSessions(Rule):
    code = "reused_sessions"
    title = "Session ids that belong to different users in the two files"

    def find(self, data: AuditedDataset) -> Finding | None:
        single = data.units.filter(~pl.col(COMPOSITE))
        train, test = (single.filter(pl.col(ROLE) == role).select(SESSION, USER) for role in (TRAIN_ROLE, TEST_ROLE))
        both = train.join(test, on=SESSION, how="inner", suffix="_test", maintain_order="left")
        reused = both.filter(pl.col(USER) != pl.col(f"{USER}_test"))
        n_reused, total = reused.height, data.card.test.sessions
        if not n_reused:
            return None
        return self.finding(
            "warning",
            f"{count(n_reused, 'session id')} {verb(n_reused, 'is', 'are')} reused by "
            f"{verb(n_reused, 'another user', 'other users')}",
            count=n_reused,
            explanation=(
                f"{share_of(n_reused, total, 'test sessions')} {verb(n_reused, 'has', 'have')} an id that belongs to "
                "another user in the train file."
            ),
            advice=(
                "The shop seems to reuse session ids after a while. The product treats them as different sessions and "
                "copies no value from the train file."
            ),
            examples=data.display_ids(SESSION, reused.get_column(SESSION).head(MAX_EXAMPLES)),
        )


class RowsInBoth(Rule):
    code = "rows_in_both"
    title = "Events in both files"

    def find(self, data: AuditedDataset) -> Finding | None:
        keys = [SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME]
        both = data.units_of(TRAIN_ROLE).join(data.units_of(TEST_ROLE), on=[SESSION, USER], how="semi").lazy()
        train, test = (
            data.dataset.events(role).select(keys).join(both.select(SESSION, USER), on=[SESSION, USER], how="semi")
            for role in ROLES
        )
        repeated = test.join(train.unique(), on=keys, how="semi").collect().sort(keys)
        n_repeated, total = repeated.height, data.card.test.kept
        if not n_repeated:
            return None
        are = verb(n_repeated, "is", "are")
        return self.finding(
            "serious" if n_repeated > MOSTLY_KNOWN * total else "warning",
            f"{count(n_repeated, 'test event')} {are} also in the train file",
            count=n_repeated,
            explanation=(
                f"{share_of(n_repeated, total, 'test events')} {are} also in the train file, with the same session, "
                "user, product, category, event type and time. The two exports overlap."
            ),
            advice=(
                "Check whether the same file was chosen twice. If not, export the files again so that each event is in "
                "only one of them."
            ),
            examples=data.display_ids(SESSION, repeated.get_column(SESSION).unique().sort().head(MAX_EXAMPLES)),
        )
