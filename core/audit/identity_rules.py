"""Whose ids are these? Users, products and categories that both files share, and ids that name nothing or too much."""

from __future__ import annotations

from typing import ClassVar, Final

import polars as pl

from core.audit.case import EVENTS, ID_COLUMNS, AuditCase
from core.audit.finding import Finding
from core.audit.phrases import MOST_EXAMPLES, joined, verb
from core.audit.rule import Rule
from core.base.text import count, number, percent
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
"""Of the test events. Where train never saw most of what test is about, history says nothing of it, and ids that are
written differently in the two files (12 and 12.0) are the likeliest reason."""
MOVING_SHARE: Final = 0.01
"""Of the products. Below one in a hundred these are corrections of the catalogue; above, the category does not belong
to the product."""
CROWD_SHARE: Final = 0.01
CROWD_FACTOR: Final = 20
CROWD_SESSIONS: Final = 100
"""A user of one session in a hundred, of twenty times the average and of a hundred sessions is hardly one person: the
busiest household of The Complete Journey has 12 times the average, the competition's busiest user 65 sessions."""


class SharedUsers(Rule):
    """Users who are in both files."""

    code = "shared_users"
    title = "Users who are in both files"

    def look(self, case: AuditCase) -> Finding | None:
        train, test = case.of_role(TRAIN_ROLE), case.of_role(TEST_ROLE)
        again = test.join(train, on=USER, how="semi")
        found, total = again.get_column(USER).n_unique(), test.get_column(USER).n_unique()
        if not found:
            return None
        return self.finding(
            "note",
            f"{count(found, 'user')} of test {verb(found, 'is', 'are')} in train as well",
            count=found,
            explanation=(
                f"{found:,} of {total:,} test users ({percent(found / total)}) are in train too; they have "
                f"{percent(again.height / test.height)} of the test sessions."
            ),
            advice=(
                "What these users did before helps to predict them; the expected score is weighted to this mix of "
                "users seen and unseen."
            ),
        )


class _NewItems(Rule):
    """Products or categories of test that train never saw."""

    column: ClassVar[str]
    one: ClassVar[str]
    several: ClassVar[str]

    def look(self, case: AuditCase) -> Finding | None:
        counted = case.events.group_by(ROLE, self.column).agg(pl.len().alias(EVENTS)).collect()
        train, test = (counted.filter(pl.col(ROLE) == role) for role in (TRAIN_ROLE, TEST_ROLE))
        new = test.join(train, on=self.column, how="anti").sort([EVENTS, self.column], descending=[True, False])
        if new.is_empty():
            return None
        share = int(new.get_column(EVENTS).sum()) / int(test.get_column(EVENTS).sum())
        mostly = share > MOSTLY_NEW
        word = self.one if new.height == 1 else self.several
        return self.finding(
            "warning" if mostly else "note",
            f"{new.height:,} {word} of test {verb(new.height, 'is', 'are')} new",
            count=new.height,
            explanation=(
                f"Train never saw {new.height:,} of {test.height:,} {self.several} of test "
                f"({percent(new.height / test.height)}); {percent(share)} of the test events are about them."
            ),
            advice=(
                f"See whether both files write their {ID_COLUMNS[self.column]} in the same way."
                if mostly
                else f"Their history is empty, so sessions with such {self.several} are predicted from what was done."
            ),
            examples=case.names(self.column, new.get_column(self.column).head(MOST_EXAMPLES).to_list()),
        )


class NewProducts(_NewItems):
    """Products of test that train never saw."""

    code = "new_products"
    title = "Products of test that train never saw"
    column, one, several = PRODUCT, "product", "products"


class NewCategories(_NewItems):
    """Categories of test that train never saw."""

    code = "new_categories"
    title = "Categories of test that train never saw"
    column, one, several = CATEGORY, "category", "categories"


class MovingCategories(Rule):
    """A product with several categories."""

    code = "moving_categories"
    title = "Products with more than one category"

    def look(self, case: AuditCase) -> Finding | None:
        pairs = case.events.select(PRODUCT, CATEGORY).unique().collect()
        several = (
            pairs.group_by(PRODUCT).len().filter(pl.col("len") > 1).sort(["len", PRODUCT], descending=[True, False])
        )
        found, total = several.height, pairs.get_column(PRODUCT).n_unique()
        if not found:
            return None
        return self.finding(
            "warning" if found > MOVING_SHARE * total else "note",
            f"{count(found, 'product')} {verb(found, 'has', 'have')} more than one category",
            count=found,
            explanation=(
                f"{found:,} of {total:,} products ({percent(found / total)}) {verb(found, 'is', 'are')} filed under "
                "more than one category."
            ),
            advice="Every event counts under the category it carries; mend the catalogue if this was not meant.",
            examples=self._examples(case, pairs, several.get_column(PRODUCT).head(MOST_EXAMPLES).to_list()),
        )

    def _examples(self, case: AuditCase, pairs: pl.DataFrame, products: list[int]) -> list[str]:
        examples = []
        for name, product in zip(case.names(PRODUCT, products), products, strict=True):
            codes = pairs.filter(pl.col(PRODUCT) == product).get_column(CATEGORY).to_list()
            examples.append(f"{name}: {joined(sorted(case.names(CATEGORY, codes))[:MOST_EXAMPLES])}")
        return examples


class PlaceholderIds(Rule):
    """An id that says that there is none."""

    code = "placeholder_ids"
    title = "Ids such as unknown, null or -1"

    def look(self, case: AuditCase) -> Finding | None:
        found: list[tuple[int, str, str]] = []
        for column, name in ID_COLUMNS.items():
            spelled = case.dictionary(column).filter(pl.col("id").str.to_lowercase().is_in(sorted(PLACEHOLDER_IDS)))
            used = case.events.join(spelled, left_on=column, right_on="code", how="inner").group_by("id").len()
            found += [(events, name, spelling) for spelling, events in used.collect().iter_rows()]
        if not found:
            return None
        found.sort(key=lambda item: (-item[0], item[1], item[2]))
        columns = sorted({name for _, name, _ in found})
        cells = sum(item[0] for item in found)
        naming = {USER_SESSION, USER_ID, PRODUCT_ID} & set(columns)
        return self.finding(
            "warning" if naming else "note",
            f"{count(len(found), 'id')} {verb(len(found), 'stands', 'stand')} for a missing one",
            count=len(found),
            explanation=(
                f"{count(len(found), 'id')} in {joined(columns)} {verb(len(found), 'is a word', 'are words')} for "
                f"nothing, and {verb(len(found), 'stands', 'stand')} in {count(cells, 'cell')}: what has no id is "
                "taken for one thing with a long history."
            ),
            advice="Leave such cells empty, so that their rows go to quarantine, or give each thing its own id.",
            examples=[
                f"{name} '{spelling}': {count(events, 'event')}" for events, name, spelling in found[:MOST_EXAMPLES]
            ],
        )


class CrowdedUsers(Rule):
    """A user id that stands for many people."""

    code = "crowded_users"
    title = "User ids with more sessions than a person has"

    def look(self, case: AuditCase) -> Finding | None:
        sessions = case.units.group_by(USER).len()
        total, usual = case.units.height, case.units.height / sessions.height
        many = sessions.filter(
            (pl.col("len") > CROWD_SHARE * total)
            & (pl.col("len") >= CROWD_FACTOR * usual)
            & (pl.col("len") >= CROWD_SESSIONS)
        ).sort(["len", USER], descending=[True, False])
        if many.is_empty():
            return None
        held = int(many.get_column("len").sum())
        return self.finding(
            "warning",
            f"{count(many.height, 'user id')} {verb(many.height, 'looks', 'look')} like many people",
            count=many.height,
            explanation=(
                f"{count(many.height, 'user id')} {verb(many.height, 'has', 'have')} {held:,} of {total:,} sessions "
                f"({percent(held / total)}), where a user has {number(usual)} on average."
            ),
            advice=(
                "Probably a shared account or the id of all who are not logged in: their history says little, and all "
                "their sessions are scored in one fold; better give each visit its own user id."
            ),
            examples=self._examples(case, many.head(MOST_EXAMPLES)),
        )

    def _examples(self, case: AuditCase, many: pl.DataFrame) -> list[str]:
        names = case.names(USER, many.get_column(USER).to_list())
        return [f"{name}: {count(held, 'session')}" for name, held in zip(names, many.get_column("len"), strict=True)]
