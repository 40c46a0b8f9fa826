"""Checks on real data that history features under `as_of` see nothing later than the session's start."""

from __future__ import annotations

import polars as pl

from core.config import RunConfig
from core.dataset import Dataset
from core.features.registry import GROUPS
from core.features.table import FeatureTable, compute_features, events_and_units
from core.schema import EVENT_TYPES, TIME, TYPE, UNIT

HISTORY_GROUPS = tuple(group.name for group in GROUPS if group.looks_at == "history")
_ROUNDING = 1e-9
_DAY = 86_400
_CUT_AT = 0.6
"""Where the log is cut, as a share of the session starts: enough sessions before it, enough events after it."""


def changed_by_later_sessions(dataset: Dataset, table: FeatureTable, config: RunConfig) -> tuple[int, int]:
    """Take all that happened after a moment away, and compute the history of the sessions that began before it again.

    Sessions that began later are deleted. What an earlier session did after the moment says which products it has, so
    it stays, but later by a day and as an event of another type. The second time they are computed on Polars, whatever
    engine the table came from: engines agree to rounding.

    Returns:
        How many of the earlier units changed in any history feature (0 when the history is honest), and how many
        units were compared: none where nothing happened after the moment, as nothing is taken away then.
    """
    cut = table.units.get_column("start").quantile(_CUT_AT, interpolation="lower")
    kept = table.units.filter(pl.col("start") <= cut)
    events, _ = events_and_units(dataset, config)
    late = pl.col(TIME) > cut
    if kept.height == table.units.height and not events.select(late.any()).collect().item():
        return 0, 0
    earlier = events.join(kept.lazy().select(UNIT), on=UNIT, how="semi").with_columns(
        pl.when(late).then(pl.col(TIME) + _DAY).otherwise(pl.col(TIME)).alias(TIME),
        pl.when(late).then((pl.col(TYPE) + 1) % len(EVENT_TYPES)).otherwise(pl.col(TYPE)).cast(pl.Int64).alias(TYPE),
    )
    groups = tuple(group for group in GROUPS if group.name in HISTORY_GROUPS)
    again = compute_features(earlier, kept.lazy(), config.history, groups=groups)
    before = table.values.filter(table.units.get_column("start") <= cut).select(again.columns)
    same = pl.all_horizontal(_same(name) for name in again.columns)
    both = before.hstack(again.rename(lambda name: f"{name}_again"))
    return both.filter(~same).height, both.height


def _same(name: str) -> pl.Expr:
    """Whether a feature and its second computation agree to rounding; a later event moves any count by far more."""
    before, again = pl.col(name), pl.col(f"{name}_again")
    near = (before - again).abs() <= _ROUNDING * pl.max_horizontal(before.abs(), again.abs(), 1.0)
    return near.fill_null(before.is_null() & again.is_null())
