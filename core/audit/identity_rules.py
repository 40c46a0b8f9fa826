"""What do the ids stand for? Users, products and categories in both files, and ids that name nothing or too much."""

from __future__ import annotations

from typing import ClassVar, Final

import polars as pl

from core.audit.case import EVENTS, ID_COLUMNS, AuditCase
from core.audit.finding import Finding
from core.audit.rule import Rule
from core.audit.text import MAX_EXAMPLES
from core.base.text import count, joined, number, percent, verb
from core.schema import (
    CATEGORY,
    PLACEHOLDER_IDS,
    PRODUCT,
    PRODUCT_ID,
    ROLE,
    TEST_ROLE,
    TRAIN_ROLE,
    USER,
    USER_ID,
    USER_SESSION,
)

MOSTLY_NEW: Final = 0.5
"""Of the test events. If train never saw most of them, there is no history for them. Ids that are written differently
in the two files (12 and 12.0) are the most likely reason."""
HIGH_SEVERAL_CATEGORIES: Final = 0.01
"""Of the products. Below 1% these are corrections of the catalogue; above, categories do not belong to products."""
CROWD_SHARE: Final = 0.01
CROWD_FACTOR: Final = 20
CROWD_SESSIONS: Final = 100
"""A user with 1% of the sessions, 20 times the average and 100 sessions is hardly one person. The busiest household of
The Complete Journey has 12 times the average, the competition's busiest user 65 sessions."""


class SharedUsers(Rule):
    code = "shared_users"
    title = "Users who are in both files"

    def find(self, case: AuditCase) -> Finding | None:
        train, test = case.units_of(TRAIN_ROLE), case.units_of(TEST_ROLE)
        shared = test.join(train, on=USER, how="semi")
        n_shared, total = shared.get_column(USER).n_unique(), test.get_column(USER).n_unique()
        if not n_shared:
            return None
        return self.finding(
            "note",
            f"{count(n_shared, 'user')} of test {verb(n_shared, 'is', 'are')} also in train",
            count=n_shared,
            explanation=(
                f"{n_shared:,} of {total:,} test users ({percent(n_shared / total)}) {verb(n_shared, 'is', 'are')} "
                f"also in train, with {percent(shared.height / test.height)} of the test sessions."
            ),
            advice=(
                "Nothing to do. Their earlier sessions help to predict them, and the expected score is weighted to "
                "this mix of known and new users."
            ),
        )


class _NewItems(Rule):
    """Products or categories of test that are not in train."""

    column: ClassVar[str]
    singular: ClassVar[str]
    plural: ClassVar[str]

    def find(self, case: AuditCase) -> Finding | None:
        counts = case.events.group_by(ROLE, self.column).agg(pl.len().alias(EVENTS)).collect()
        train, test = (counts.filter(pl.col(ROLE) == role) for role in (TRAIN_ROLE, TEST_ROLE))
        new = test.join(train, on=self.column, how="anti").sort([EVENTS, self.column], descending=[True, False])
        if new.is_empty():
            return None
        n_new, share = new.height, int(new.get_column(EVENTS).sum()) / int(test.get_column(EVENTS).sum())
        mostly = share > MOSTLY_NEW
        return self.finding(
            "warning" if mostly else "note",
            f"{n_new:,} {verb(n_new, self.singular, self.plural)} of test {verb(n_new, 'is', 'are')} new",
            count=n_new,
            explanation=(
                f"{n_new:,} of {test.height:,} {self.plural} of test ({percent(n_new / test.height)}) "
                f"{verb(n_new, 'is', 'are')} not in train; {percent(share)} of the test events are on new "
                f"{self.plural}."
            ),
            advice=(
                f"Check whether both files write their {ID_COLUMNS[self.column]} in the same way."
                if mostly
                else f"Nothing to do. New {self.plural} have no history, so their sessions are predicted from what was "
                "done in them."
            ),
            examples=case.display_ids(self.column, new.get_column(self.column).head(MAX_EXAMPLES).to_list()),
        )


class NewProducts(_NewItems):
    code = "new_products"
    title = "Products of test that are not in train"
    column, singular, plural = PRODUCT, "product", "products"


class NewCategories(_NewItems):
    code = "new_categories"
    title = "Categories of test that are not in train"
    column, singular, plural = CATEGORY, "category", "categories"


class ProductsInSeveralCategories(Rule):
    code = "moving_categories"
    title = "Products with more than one category"

    def find(self, case: AuditCase) -> Finding | None:
        pairs = case.events.select(PRODUCT, CATEGORY).unique().collect()
        several = (
            pairs.group_by(PRODUCT).len().filter(pl.col("len") > 1).sort(["len", PRODUCT], descending=[True, False])
        )
        n_products, total = several.height, pairs.get_column(PRODUCT).n_unique()
        if not n_products:
            return None
        return self.finding(
            "warning" if n_products > HIGH_SEVERAL_CATEGORIES * total else "note",
            f"{count(n_products, 'product')} {verb(n_products, 'has', 'have')} more than one category",
            count=n_products,
            explanation=(
                f"{n_products:,} of {total:,} products ({percent(n_products / total)}) "
                f"{verb(n_products, 'appears', 'appear')} with more than one category."
            ),
            advice="Each event counts for the category in its row. Correct the catalogue if this was not intended.",
            examples=self._examples(case, pairs, several.get_column(PRODUCT).head(MAX_EXAMPLES).to_list()),
        )

    def _examples(self, case: AuditCase, pairs: pl.DataFrame, products: list[int]) -> list[str]:
        examples = []
        for product_id, product in zip(case.display_ids(PRODUCT, products), products, strict=True):
            codes = pairs.filter(pl.col(PRODUCT) == product).get_column(CATEGORY).to_list()
            examples.append(f"{product_id}: {joined(sorted(case.display_ids(CATEGORY, codes))[:MAX_EXAMPLES])}")
        return examples


class PlaceholderIds(Rule):
    code = "placeholder_ids"
    title = "Ids such as unknown, null or -1"

    def find(self, case: AuditCase) -> Finding | None:
        used: list[tuple[int, str, str]] = []
        for column, name in ID_COLUMNS.items():
            placeholders = case.dictionary(column).filter(
                pl.col("id").str.to_lowercase().is_in(sorted(PLACEHOLDER_IDS))
            )
            events = case.events.join(placeholders, left_on=column, right_on="code", how="inner").group_by("id").len()
            used += [(amount, name, spelling) for spelling, amount in events.collect().iter_rows()]
        if not used:
            return None
        used.sort(key=lambda item: (-item[0], item[1], item[2]))
        n_ids, cells = len(used), sum(amount for amount, _, _ in used)
        columns = sorted({name for _, name, _ in used})
        return self.finding(
            "warning" if {USER_SESSION, USER_ID, PRODUCT_ID} & set(columns) else "note",
            f"{count(n_ids, 'id')} {verb(n_ids, 'is a placeholder', 'are placeholders')}",
            count=n_ids,
            explanation=(
                f"{count(n_ids, 'id')} in {joined(columns)} {verb(n_ids, 'stands', 'stand')} for a missing id, in "
                f"{count(cells, 'cell')}. All these events count as one user, session, product or category with a long "
                "history."
            ),
            advice="Leave such cells empty, so that their rows go to quarantine, or give each thing an id of its own.",
            examples=[
                f"{name} '{spelling}': {count(amount, 'event')}" for amount, name, spelling in used[:MAX_EXAMPLES]
            ],
        )


class CrowdedUsers(Rule):
    code = "crowded_users"
    title = "User ids with more sessions than one person has"

    def find(self, case: AuditCase) -> Finding | None:
        sessions = case.units.group_by(USER).len()
        total, average = case.units.height, case.units.height / sessions.height
        crowded = sessions.filter(
            (pl.col("len") > CROWD_SHARE * total)
            & (pl.col("len") >= CROWD_FACTOR * average)
            & (pl.col("len") >= CROWD_SESSIONS)
        ).sort(["len", USER], descending=[True, False])
        if crowded.is_empty():
            return None
        n_sessions = int(crowded.get_column("len").sum())
        return self.finding(
            "warning",
            f"{count(crowded.height, 'user id')} {verb(crowded.height, 'looks', 'look')} like many people",
            count=crowded.height,
            explanation=(
                f"{count(crowded.height, 'user id')} {verb(crowded.height, 'has', 'have')} {n_sessions:,} of {total:,} "
                f"sessions ({percent(n_sessions / total)}). The average user has {number(average)}."
            ),
            advice=(
                "Probably a shared account, or the id of all visitors who are not logged in. Its history says little, "
                "and all its sessions are in one fold: give each visit a user id of its own if you can."
            ),
            examples=self._examples(case, crowded.head(MAX_EXAMPLES)),
        )

    def _examples(self, case: AuditCase, crowded: pl.DataFrame) -> list[str]:
        ids = case.display_ids(USER, crowded.get_column(USER).to_list())
        return [
            f"{user}: {count(amount, 'session')}" for user, amount in zip(ids, crowded.get_column("len"), strict=True)
        ]
