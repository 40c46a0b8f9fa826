"""Events in, one row of features a unit out."""

from core.features.engines import must_be_installed
from core.features.honesty import changed_by_later_sessions
from core.features.page import feature_page
from core.features.registry import GROUPS, all_features, feature_catalogue
from core.features.table import (
    FeatureTable,
    build_features,
    compute_features,
    features_of,
    session_events,
    write_features,
)

__all__ = [
    "GROUPS",
    "FeatureTable",
    "all_features",
    "build_features",
    "changed_by_later_sessions",
    "compute_features",
    "feature_catalogue",
    "feature_page",
    "features_of",
    "must_be_installed",
    "session_events",
    "write_features",
]
