"""Where features are computed: Polars (in memory), DuckDB (larger than memory) or Spark (a cluster)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Literal, Protocol

import polars as pl

from core.errors import import_part
from core.features.definition import FeatureGroup, History, SessionLog

EngineName = Literal["polars", "duckdb", "spark"]

_PACKAGES: dict[EngineName, str] = {"duckdb": "duckdb", "spark": "pyspark"}


class Engine(Protocol):
    """A log opened on an engine, and how the features of a group come back from it."""

    @property
    def log(self) -> SessionLog:
        """What groups are computed from."""

    def collect(self, group: FeatureGroup) -> pl.DataFrame:
        """Unit and the group's features, one row a unit in any order."""


def must_be_installed(name: EngineName) -> None:
    """Find out before the work whether the engine is there; whether Spark has its Java, it finds out itself.

    Raises:
        MissingPart: its package is not installed.
    """
    if name in _PACKAGES:
        import_part(_PACKAGES[name], f"The engine {name.title().replace('db', 'DB')}")


@contextmanager
def opened(name: EngineName, events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> Iterator[Engine]:
    """Open a log: events (unit, user, product, category, type, time) and units (unit, user, start), train and test.

    Raises:
        MissingPart: the engine's package is not installed.
    """
    # imported when it is asked for: Spark takes seconds, and a Java that most machines lack
    engine = import_module(f"core.features.engines.{name}_engine")
    with engine.open_log(events, units, history) as log:
        yield log


__all__ = ["Engine", "EngineName", "must_be_installed", "opened"]
