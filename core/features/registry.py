"""All feature groups, in column order. To add a group, add a file to groups/ and a line here."""

from __future__ import annotations

from core.features.definition import CatalogueEntry, Feature, FeatureGroup
from core.features.groups.activity import ACTIVITY
from core.features.groups.content import CONTENT
from core.features.groups.context import CONTEXT
from core.features.groups.item_history import CATEGORY_HISTORY, PRODUCT_HISTORY
from core.features.groups.sequence import SEQUENCE
from core.features.groups.timing import TIMING
from core.features.groups.user_history import USER_HISTORY
from core.features.learned.catalogue import learned_features

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
    """Return every feature of the feature table, in column order."""
    return tuple(feature for group in GROUPS for feature in group.features)


def feature_catalogue() -> tuple[CatalogueEntry, ...]:
    """Return every feature that learners use: those of the feature table, then those learned inside each fold."""
    computed = (CatalogueEntry(group.name, feature, group.looks_at) for group in GROUPS for feature in group.features)
    return (*computed, *learned_features())
