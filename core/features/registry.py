"""All feature groups, in the order of their columns. A new group is a file beside this one and a line here."""

from __future__ import annotations

from core.features.activity import ACTIVITY
from core.features.content import CONTENT
from core.features.definition import Feature, FeatureGroup
from core.features.item_history import CATEGORY_HISTORY, PRODUCT_HISTORY
from core.features.timing import TIMING
from core.features.user_history import USER_HISTORY

GROUPS: tuple[FeatureGroup, ...] = (ACTIVITY, TIMING, CONTENT, USER_HISTORY, PRODUCT_HISTORY, CATEGORY_HISTORY)


def all_features() -> tuple[Feature, ...]:
    """Every feature, in column order."""
    return tuple(feature for group in GROUPS for feature in group.features)
