"""All feature groups, in column order. To add a group, add a file to groups/ and a line here.

The groups of own columns depend on the log; they follow the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.config import FeatureSet
from core.errors import SettingError
from core.features.definition import CatalogueEntry, Feature, FeatureGroup
from core.features.groups.activity import ACTIVITY
from core.features.groups.content import CONTENT
from core.features.groups.context import CONTEXT
from core.features.groups.item_history import CATEGORY_HISTORY, PRODUCT_HISTORY
from core.features.groups.own import own_groups
from core.features.groups.sequence import SEQUENCE
from core.features.groups.timing import TIMING
from core.features.groups.user_history import USER_HISTORY
from core.features.learned.catalogue import learned_features
from core.features.learned.value_statistics import own_statistics
from core.own_columns import OwnColumn

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


def groups_of(own: Sequence[OwnColumn], features: FeatureSet = "full") -> tuple[FeatureGroup, ...]:
    """Return the feature groups of a log with these own columns, in column order.

    Raises:
        SettingError: features of two own columns would have the same name.
    """
    _require_different_names(own)
    return (*(group for group in GROUPS if group.lean or features == "full"), *own_groups(own))


def all_features(own: Sequence[OwnColumn] = ()) -> tuple[Feature, ...]:
    """Return every feature of the feature table of a log with these own columns, in column order."""
    return tuple(feature for group in groups_of(own) for feature in group.features)


def feature_catalogue(own: Sequence[OwnColumn] = (), features: FeatureSet = "full") -> tuple[CatalogueEntry, ...]:
    """Return the features that learners use, of a log with these own columns.

    Those of the feature table come first, then those learned inside each fold.
    """
    groups = groups_of(own, features)
    computed = (CatalogueEntry(group.name, feature, group.looks_at) for group in groups for feature in group.features)
    return (*computed, *learned_features(own))


def _require_different_names(own: Sequence[OwnColumn]) -> None:
    """Refuse columns such as `price` and `price_mean` if both have a feature, or a group, of the same name."""
    owners: dict[tuple[str, str], str] = {}
    for column in own:
        groups = own_groups([column])
        features = [feature for group in groups for feature in group.features]
        features += [feature for _, feature in own_statistics([column])]
        names = [("group", group.name) for group in groups] + [("feature", feature.name) for feature in features]
        for name in names:
            if name in owners:
                raise SettingError.same_feature(column.name, owners[name], name[1])
        owners |= dict.fromkeys(names, column.name)
