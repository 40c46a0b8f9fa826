"""Builds the feature table: one row a unit, one column a feature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.config import RunConfig
from core.dataset import Dataset
from core.features.definition import FeatureGroup, History, SessionLog
from core.features.registry import GROUPS
from core.features.steps import with_steps
from core.schema import CATEGORY, PRODUCT, ROLE, SESSION, TIME, TYPE, UNIT, USER

_EVENT_COLUMNS = (UNIT, USER, PRODUCT, CATEGORY, TYPE, TIME)


@dataclass(frozen=True)
class FeatureTable:
    """Features beside the units they describe: `units` and `values` have the same rows in the same order (by unit).

    `units` has the columns of Dataset.units(); `values` one Float64 column a feature, null where there is nothing to
    measure (a gap in a session of one event).
    """

    units: pl.DataFrame
    values: pl.DataFrame

    @property
    def names(self) -> list[str]:
        return self.values.columns

    def matrix(self, rows: pl.Series) -> NDArray[np.float64]:
        """The chosen rows (a mask) as (rows, features), C-contiguous; null becomes NaN, which the learners know."""
        return np.ascontiguousarray(self.values.filter(rows).to_numpy(), dtype=np.float64)


def build_features(
    dataset: Dataset, config: RunConfig, report: Callable[[int, int, str], None] = lambda part, parts, text: None
) -> FeatureTable:
    """Compute every group of the registry for all units of both files."""
    events, units = events_and_units(dataset, config)
    return FeatureTable(units, compute_features(events, units.lazy(), config.history, report))


def session_events(dataset: Dataset, config: RunConfig) -> pl.DataFrame:
    """What every unit did, for what is learned from its products: unit, product, category, type; one row an event."""
    events, _ = events_and_units(dataset, config)
    return events.select(UNIT, PRODUCT, CATEGORY, TYPE).collect()


def events_and_units(dataset: Dataset, config: RunConfig) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """The events of both files and their units, by unit.

    With `split_composite_sessions` off, the users of a shared session id become one unit, that of the user whose events
    begin first (of several, the one with the lowest code).
    """
    events = pl.concat([dataset.events("train"), dataset.events("test")])
    units = dataset.units().sort(UNIT)
    if not config.split_composite_sessions:
        merged = units.with_columns(
            pl.col(UNIT).sort_by("start", USER).first().over(ROLE, SESSION).alias("_merged"),
            pl.col("start").min().over(ROLE, SESSION),
        )
        owner = merged.select(UNIT, "_merged").join(
            units.select(pl.col(UNIT).alias("_merged"), pl.col(USER).alias("_user")), on="_merged", how="left"
        )
        events = events.join(owner, on=UNIT, how="left").with_columns(
            pl.col("_merged").alias(UNIT), pl.col("_user").alias(USER)
        )
        units = merged.filter(pl.col(UNIT) == pl.col("_merged")).drop("_merged")
    return events, units.collect()


def compute_features(
    events: pl.LazyFrame,
    units: pl.LazyFrame,
    history: History,
    report: Callable[[int, int, str], None] = lambda part, parts, text: None,
    groups: tuple[FeatureGroup, ...] = GROUPS,
) -> pl.DataFrame:
    """Compute the groups; one row a unit in unit order, one Float64 column a feature in registry order."""
    span = events.select(pl.col(TIME).min().alias("began"), pl.col(TIME).max().alias("ended")).collect()
    log = SessionLog(
        events=with_steps(nw.from_native(events.select(_EVENT_COLUMNS))),
        units=nw.from_native(units.select(UNIT, USER, "start")),
        history=history,
        began=span.get_column("began").item(),
        ended=span.get_column("ended").item(),
    )
    table = units.select(UNIT).sort(UNIT).collect()
    for number, group in enumerate(groups):
        report(number, len(groups), group.name.replace("_", " "))
        columns = [feature.name for feature in group.features]
        computed = nw.to_native(group.compute(log).select(UNIT, *columns)).collect()
        table = table.join(computed, on=UNIT, how="left", maintain_order="left")
    report(len(groups), len(groups), "")
    return table.select(pl.col(feature.name).cast(pl.Float64) for group in groups for feature in group.features)
