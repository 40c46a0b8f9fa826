"""Checks on real data that history features under `as_of` do not depend on later events."""

from __future__ import annotations

import polars as pl

from core.config import RunConfig
from core.dataset import Dataset
from core.features.registry import GROUPS, groups_of
from core.features.table import FeatureTable, compute_features
from core.features.units import events_and_units
from core.schema import EVENT_TYPES, SECONDS_PER_DAY, START, TIME, TYPE, UNIT

HISTORY_GROUPS = tuple(group.name for group in GROUPS if group.looks_at == "history")
_TOLERANCE = 1e-9
"""Relative difference that counts as rounding between engines. A later event changes any count by far more."""
_CUT_QUANTILE = 0.6
"""Quantile of the session starts at which the log is cut: many sessions before it, many events after it."""


def changed_by_later_sessions(dataset: Dataset, table: FeatureTable, config: RunConfig) -> tuple[int, int]:
    """Change everything after a moment, and recompute the history features of the sessions that began before it.

    Sessions that began later are deleted. Later events of earlier sessions stay, because they determine which products
    these sessions have, but they are postponed by a day and get another type. The recomputation runs on Polars,
    whichever engine computed the table.

    Returns:
        Number of earlier units with a change in any history feature, and number of units compared. The first is 0 when
        nothing leaks. Both are 0 when nothing happened after the moment, because then nothing was tested.
    """
    cut = table.units.get_column(START).quantile(_CUT_QUANTILE, interpolation="lower")
    is_earlier = table.units.get_column(START) <= cut
    units = table.units.filter(is_earlier).lazy()
    events, _ = events_and_units(dataset, config)
    is_later = pl.col(TIME) > cut
    if is_earlier.all() and not events.select(is_later.any()).collect().item():
        return 0, 0
    other_type = (pl.col(TYPE) + 1) % len(EVENT_TYPES)
    altered = events.join(units.select(UNIT), on=UNIT, how="semi").with_columns(
        pl.when(is_later).then(pl.col(TIME) + SECONDS_PER_DAY).otherwise(pl.col(TIME)).alias(TIME),
        pl.when(is_later).then(other_type).otherwise(pl.col(TYPE)).cast(pl.Int64).alias(TYPE),
    )
    own = dataset.card().used_own
    groups = tuple(group for group in groups_of(own, config.features) if group.looks_at == "history")
    recomputed = compute_features(altered, units, config.history, groups=groups, own_columns=own)
    original = table.values.filter(is_earlier).select(recomputed.columns)
    both = original.hstack(recomputed.rename(lambda name: f"{name}_recomputed"))
    is_equal = pl.all_horizontal(_is_equal(name) for name in recomputed.columns)
    return both.filter(~is_equal).height, both.height


def _is_equal(name: str) -> pl.Expr:
    first, second = pl.col(name), pl.col(f"{name}_recomputed")
    near = (first - second).abs() <= _TOLERANCE * pl.max_horizontal(first.abs(), second.abs(), 1.0)
    return near.fill_null(first.is_null() & second.is_null())
