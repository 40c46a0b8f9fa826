"""Engines that compute feature tables: Polars (in memory), DuckDB (larger than memory) and Spark (a cluster).

Every engine takes the same log and returns the same table, up to the rounding of floats. Callers open an engine by name
and do not depend on which one it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Literal, Protocol

import polars as pl

from core.errors import import_part
from core.features.definition import FeatureGroup
from core.features.engines.group_tables import Report, ignore_progress
from core.features.session_log import HistoryMode
from core.own_columns import OwnColumn
from core.schema import CATEGORY, PRODUCT, TIME, TYPE, UNIT, USER

EngineName = Literal["polars", "duckdb", "spark"]

_PACKAGES: dict[EngineName, tuple[str, str]] = {"duckdb": ("duckdb", "DuckDB"), "spark": ("pyspark", "Spark")}
"""Package and display name of the engines that may not be installed."""


class Engine(Protocol):
    """A log opened for feature computation."""

    def batches(
        self,
        groups: tuple[FeatureGroup, ...],
        *,
        unit_subset: pl.Series | None = None,
        at_once: int | None = None,
        report: Report = ignore_progress,
    ) -> Iterator[pl.DataFrame]:
        """Compute the feature table, one batch of consecutive units at a time.

        Args:
            groups: the feature groups to compute.
            unit_subset: numbers of the units to describe; None for all units of the log.
            at_once: number of units per batch, to save memory. Engines on which one batch is a query ignore it.
            report: progress callback, with one step per group and batch.

        Yields:
            Tables with one row per unit, in unit order, and one Float64 column per feature in the order of the groups.
            Null where a feature is undefined. The engine chooses the number of rows.
        """


def must_be_installed(name: EngineName) -> None:
    """Check that the engine's package is installed. A missing Java is only found when Spark starts.

    Raises:
        MissingPart: the package is not installed.
    """
    if name in _PACKAGES:
        package, label = _PACKAGES[name]
        import_part(package, f"The engine {label}")


def open_engine(
    name: EngineName,
    events: pl.LazyFrame,
    units: pl.LazyFrame,
    history: HistoryMode,
    log_start: int | None = None,
    *,
    own_columns: Sequence[OwnColumn] = (),
) -> AbstractContextManager[Engine]:
    """Open a log on an engine.

    Args:
        events: one row per event of train and test: unit, user, product, category, type, time.
        units: one row per unit: unit, user, start, and optionally session and role, which join units into visits.
        history: which events history features count.
        log_start: epoch seconds at which the log begins, for rates per week; None for its first event.
        own_columns: own columns of the events that the feature groups need.

    Raises:
        MissingPart: the engine's package, or Java for Spark, is not installed.
    """
    # Imported on demand, because Spark takes seconds to import and may not be installed.
    module = import_module(f"core.features.engines.{name}_engine")
    own = [column.stored for column in own_columns]
    engine: AbstractContextManager[Engine] = module.open_log(
        events.select(UNIT, USER, PRODUCT, CATEGORY, TYPE, TIME, *own), units, history, log_start
    )
    return engine


__all__ = ["Engine", "EngineName", "Report", "ignore_progress", "must_be_installed", "open_engine"]
