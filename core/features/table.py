"""Builds the feature table: one row a unit, one column a feature."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.config import RunConfig, available_cores
from core.dataset import Dataset
from core.features.definition import FeatureGroup, History, SessionLog
from core.features.history_arrays import EventArrays
from core.features.per_unit import with_columns_of
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


def session_log(events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> SessionLog:
    """What the groups are computed from, on Polars."""
    stepped = nw.to_native(with_steps(nw.from_native(events.select(_EVENT_COLUMNS)))).collect()
    sorted_units = units.select(UNIT, USER, "start").sort(UNIT).collect()
    times = stepped.get_column(TIME)
    began, ended = times.min(), times.max()
    if not isinstance(began, int) or not isinstance(ended, int):
        raise ValueError("a log has at least one event")
    return SessionLog(
        events=nw.from_native(stepped.lazy()),
        units=nw.from_native(sorted_units.lazy()),
        history=history,
        began=began,
        ended=ended,
        arrays=EventArrays(stepped, sorted_units, began),
    )


def compute_features(
    events: pl.LazyFrame,
    units: pl.LazyFrame,
    history: History,
    report: Callable[[int, int, str], None] = lambda part, parts, text: None,
    groups: tuple[FeatureGroup, ...] = GROUPS,
) -> pl.DataFrame:
    """Compute the groups; one row a unit in unit order, one Float64 column a feature in registry order."""
    log = session_log(events, units, history)
    table = nw.to_native(log.units).select(UNIT).collect()
    parts: dict[str, pl.DataFrame] = {}
    with ThreadPoolExecutor(available_cores()) as pool:
        # The longest first, so that no core is idle in the end.
        ahead = sorted(groups, key=lambda group: not group.name.endswith("_history"))
        tasks = {pool.submit(compute_group, group, log, table): group.name for group in ahead}
        for number, task in enumerate(as_completed(tasks)):
            report(number, len(groups), tasks[task].replace("_", " "))
            parts[tasks[task]] = task.result()
    report(len(groups), len(groups), "")
    return pl.concat([parts[group.name] for group in groups], how="horizontal")


def compute_group(group: FeatureGroup, log: SessionLog, units: pl.DataFrame) -> pl.DataFrame:
    """The features of a group for these units, in their order, as Float64."""
    names = [feature.name for feature in group.features]
    computed = nw.to_native(group.compute(log).select(UNIT, *names)).collect()
    placed = with_columns_of(units.select(UNIT), computed)
    del computed
    return pl.DataFrame([placed.drop_in_place(name).cast(pl.Float64) for name in names])  # one by one: half the memory
