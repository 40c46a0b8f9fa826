"""Rules on users, products and categories in both files, on placeholder ids, and on ids that many people share."""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

import polars as pl

from core.audit.audited_dataset import EVENTS, ID_COLUMNS, AuditedDataset
from core.audit.rule import Finding, Rule
from core.audit.text import MAX_EXAMPLES, share_of
from core.base.text import count, listed, number, percent, verb
from core.check_result import Requirement
from core.schema import CATEGORY, CATEGORY_ID, PLACEHOLDER_IDS, PRODUCT, ROLE, TEST_ROLE, TRAIN_ROLE, USER

MOSTLY_NEW: Final = 0.5
"""Share of the test events. If most are on ids that train does not have, the likely reason is that the two files write
ids differently (12 and 12.0)."""
HIGH_SEVERAL_CATEGORIES: Final = 0.01
"""Share of the products. Below 1% these are corrections of the catalogue; above, products have no fixed category."""
CROWD_SHARE: Final = 0.01
CROWD_FACTOR: Final = 20
CROWD_SESSIONS: Final = 100
"""A user with 1% of the sessions, 20 times the average and 100 sessions is hardly one person. The busiest household of
The Complete Journey has 12 times the average, the competition's busiest user 65 sessions."""


_HAS_USERS: Final = Requirement[AuditedDataset](lambda data: data.card.has_users, "the log has no user ids")


class NoUsers(Rule):
    code = "no_users"
    title = "Sessions whose users are unknown"

    def find(self, data: AuditedDataset) -> Finding | None:
        if data.card.has_users:
            return None
        n_sessions = data.card.train.sessions + data.card.test.sessions
        return self.finding(
            "warning",
            "The users of the sessions are unknown",
            count=n_sessions,
            explanation=(
                f"The log has no user ids, so each of the {count(n_sessions, 'session')} is its own user: no session "
                "has a history, and folds separate sessions instead of users."
            ),
            advice=(
                "If a column identifies users, set columns.user_id in the mapping. If there is none and people come "
                "back often, the expected score is too optimistic, because their sessions are in several folds."
            ),
        )


class SharedUsers(Rule):
    code = "shared_users"
    title = "Users who are in both files"
    requirements = (_HAS_USERS,)

    def find(self, data: AuditedDataset) -> Finding | None:
        train, test = data.units_of(TRAIN_ROLE), data.units_of(TEST_ROLE)
        shared = test.join(train, on=USER, how="semi")
        n_shared, n_users = shared.get_column(USER).n_unique(), test.get_column(USER).n_unique()
        if not n_shared:
            return None
        are = verb(n_shared, "is", "are")
        return self.finding(
            "note",
            f"{count(n_shared, 'test user')} {are} also in the train file",
            count=n_shared,
            explanation=(
                f"{share_of(n_shared, n_users, 'test users')} {are} also in the train file. "
                f"They have {percent(shared.height / test.height)} of the test sessions."
            ),
            advice=(
                "Nothing to do. Their earlier sessions help to predict them, and the expected score is weighted to "
                "this mix of known and new users."
            ),
        )


class _NewIds(Rule):
    """Products or categories that are in the test file but not in the train file."""

    column: ClassVar[str]
    singular: ClassVar[str]
    plural: ClassVar[str]

    def find(self, data: AuditedDataset) -> Finding | None:
        counts = data.events.group_by(ROLE, self.column).agg(pl.len().alias(EVENTS)).collect()
        train, test = (counts.filter(pl.col(ROLE) == role) for role in (TRAIN_ROLE, TEST_ROLE))
        new = test.join(train, on=self.column, how="anti").sort([EVENTS, self.column], descending=[True, False])
        if new.is_empty():
            return None
        n_new = new.height
        share = int(new.get_column(EVENTS).sum()) / int(test.get_column(EVENTS).sum())
        is_mostly_new = share > MOSTLY_NEW
        are = verb(n_new, "is", "are")
        return self.finding(
            "warning" if is_mostly_new else "note",
            f"{count(n_new, self.singular, self.plural)} in the test file {are} new",
            count=n_new,
            explanation=(
                f"{share_of(n_new, test.height, f'{self.plural} in the test file')} {are} not in the train file. "
                f"{percent(share)} of the test events are on new {self.plural}."
            ),
            advice=(
                f"Check whether both files write their {ID_COLUMNS[self.column]} in the same way."
                if is_mostly_new
                else f"Nothing to do. New {self.plural} have no history, so their sessions are predicted from their "
                "own events."
            ),
            examples=data.display_ids(self.column, new.get_column(self.column).head(MAX_EXAMPLES)),
        )


class NewProducts(_NewIds):
    code = "new_products"
    title = "Products that are only in the test file"
    column, singular, plural = PRODUCT, "product", "products"


class NewCategories(_NewIds):
    code = "new_categories"
    title = "Categories that are only in the test file"
    column, singular, plural = CATEGORY, "category", "categories"


class ProductsInSeveralCategories(Rule):
    code = "moving_categories"
    title = "Products with more than one category"

    def find(self, data: AuditedDataset) -> Finding | None:
        pairs = data.events.select(PRODUCT, CATEGORY).unique().collect()
        counts = pairs.group_by(PRODUCT).len()
        several = counts.filter(pl.col("len") > 1).sort(["len", PRODUCT], descending=[True, False])
        if several.is_empty():
            return None
        n_products, total = several.height, counts.height
        have = verb(n_products, "has", "have")
        top = several.get_column(PRODUCT).head(MAX_EXAMPLES)
        categories = [
            sorted(data.display_ids(CATEGORY, pairs.filter(pl.col(PRODUCT) == product)[CATEGORY])) for product in top
        ]
        return self.finding(
            "warning" if n_products > HIGH_SEVERAL_CATEGORIES * total else "note",
            f"{count(n_products, 'product')} {have} more than one category",
            count=n_products,
            explanation=f"{share_of(n_products, total, 'products')} {have} more than one category.",
            advice="Each event counts for the category in its row. Correct the catalogue if this was not intended.",
            examples=[
                f"{product}: {listed(ids[:MAX_EXAMPLES])}"
                for product, ids in zip(data.display_ids(PRODUCT, top), categories, strict=True)
            ],
        )


class PlaceholderIds(Rule):
    code = "placeholder_ids"
    title = "Ids such as unknown, null or -1"

    def find(self, data: AuditedDataset) -> Finding | None:
        used = [each for column in data.id_columns for each in _placeholders(data, column)]
        if not used:
            return None
        used.sort(key=lambda each: (-each.n_events, each.column, each.spelling))
        n_ids, n_cells = len(used), sum(each.n_events for each in used)
        columns = sorted({each.column for each in used})
        return self.finding(
            "note" if columns == [CATEGORY_ID] else "warning",
            f"{count(n_ids, 'id')} {verb(n_ids, 'is a placeholder', 'are placeholders')}",
            count=n_ids,
            explanation=(
                f"{count(n_ids, 'id')} in {listed(columns)} {verb(n_ids, 'is a placeholder', 'are placeholders')} for "
                f"a missing id. {verb(n_ids, 'It fills', 'They fill')} {count(n_cells, 'cell')}. All events with the "
                "same placeholder count as one user, session, product or category with a long history."
            ),
            advice="Leave such cells empty, so that their rows go to quarantine, or give each thing an id of its own.",
            examples=[
                f"{each.column} '{each.spelling}': {count(each.n_events, 'event')}" for each in used[:MAX_EXAMPLES]
            ],
        )


class _Placeholder(NamedTuple):
    """A placeholder in a column of the files, as it is spelled there, and the events that have it."""

    column: str
    spelling: str
    n_events: int


def _placeholders(data: AuditedDataset, column: str) -> list[_Placeholder]:
    """Return the placeholders among the ids of a stored column, in any order."""
    is_placeholder = pl.col("id").str.to_lowercase().is_in(sorted(PLACEHOLDER_IDS))
    ids = data.dictionary(column).filter(is_placeholder)
    counts = data.events.join(ids, left_on=column, right_on="code", how="inner").group_by("id").len().collect()
    return [_Placeholder(ID_COLUMNS[column], spelling, n_events) for spelling, n_events in counts.iter_rows()]


class CrowdedUsers(Rule):
    code = "crowded_users"
    title = "User ids with more sessions than one person has"
    requirements = (_HAS_USERS,)

    def find(self, data: AuditedDataset) -> Finding | None:
        sessions = data.units.group_by(USER).len()
        total, average = data.units.height, data.units.height / sessions.height
        threshold = max(CROWD_FACTOR * average, CROWD_SESSIONS)
        is_crowd = (pl.col("len") > CROWD_SHARE * total) & (pl.col("len") >= threshold)
        crowded = sessions.filter(is_crowd).sort(["len", USER], descending=[True, False])
        if crowded.is_empty():
            return None
        n_ids = crowded.height
        n_sessions = int(crowded.get_column("len").sum())
        top = crowded.head(MAX_EXAMPLES)
        return self.finding(
            "warning",
            f"{count(n_ids, 'user id')} {verb(n_ids, 'looks', 'look')} like many people",
            count=n_ids,
            explanation=(
                f"{count(n_ids, 'user id')} {verb(n_ids, 'has', 'have')} {share_of(n_sessions, total, 'sessions')}. "
                f"The average user has {number(average)}."
            ),
            advice=(
                "Probably a shared account, or the id of all visitors who are not logged in. Its history says little, "
                "and all its sessions are in one fold: give each visit a user id of its own if you can."
            ),
            examples=[
                f"{user}: {count(n_visits, 'session')}"
                for user, n_visits in zip(data.display_ids(USER, top[USER]), top["len"], strict=True)
            ],
        )
