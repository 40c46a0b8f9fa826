"""All feature groups, in the order of their columns. A new group is a file beside this one and a line here."""

from __future__ import annotations

from core.features.activity import ACTIVITY
from core.features.content import CONTENT
from core.features.context import CONTEXT
from core.features.definition import Described, Feature, FeatureGroup
from core.features.item_history import CATEGORY_HISTORY, PRODUCT_HISTORY
from core.features.learned.catalogue import learned_features
from core.features.sequence import SEQUENCE
from core.features.timing import TIMING
from core.features.user_history import USER_HISTORY

GROUPS: tuple[FeatureGroup, ...] = (
    ACTIVITY,
    TIMING,
    SEQUENCE,
    CONTENT,
    USER_HISTORY,
    PRODUCT_HISTORY,
    CATEGORY_HISTORY,
    CONTEXT,
)


def all_features() -> tuple[Feature, ...]:
    """Every feature of the feature table, in column order."""
    return tuple(feature for group in GROUPS for feature in group.features)


def feature_catalogue() -> tuple[Described, ...]:
    """Every feature that learners may be given: those of the table, and those that are learned fold by fold."""
    computed = (Described(group.name, feature, group.looks_at) for group in GROUPS for feature in group.features)
    return (*computed, *learned_features())
