"""Feature engineering: computes a table with one row per unit, which is one session of one user in one file.

`groups/` defines the features, and `registry.py` lists the groups. Groups read a `SessionLog`, which the modules in
`engines/` implement on Polars, DuckDB and Spark. `learned/` defines the features that are learned from session values
inside each fold.
"""

from core.features.definition import CatalogueEntry
from core.features.display_names import display_names
from core.features.engines import EngineName, must_be_installed, open_engine
from core.features.leakage_check import changed_by_later_sessions
from core.features.markdown import feature_page
from core.features.prefixes import Prefixes, build_prefixes, describe_prefixes, draw_prefixes
from core.features.registry import GROUPS, all_features, feature_catalogue, groups_of
from core.features.table import FeatureTable, build_features, compute_features, features_of, write_features
from core.features.units import merge_composite_sessions, session_events

__all__ = [
    "GROUPS",
    "CatalogueEntry",
    "EngineName",
    "FeatureTable",
    "Prefixes",
    "all_features",
    "build_features",
    "build_prefixes",
    "changed_by_later_sessions",
    "compute_features",
    "describe_prefixes",
    "display_names",
    "draw_prefixes",
    "feature_catalogue",
    "feature_page",
    "features_of",
    "groups_of",
    "merge_composite_sessions",
    "must_be_installed",
    "open_engine",
    "session_events",
    "write_features",
]
