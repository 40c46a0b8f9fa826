"""Builds the feature table: one row per unit, one column per feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from core.config import RunConfig
from core.dataset import Dataset
from core.features.definition import FeatureGroup
from core.features.engines import EngineName, Report, ignore_progress, open_engine
from core.features.registry import GROUPS, all_features, groups_of
from core.features.session_log import HistoryMode
from core.features.units import events_and_units, with_ids
from core.own_columns import OwnColumn
from core.schema import USER_ID, USER_SESSION

_IDS_AT_ONCE = 8_000_000
"""Number of units whose ids are looked up at a time when a table is written to a file. The ids take 1 GB."""
_UNITS_FILE, _VALUES_FILE = "units.arrow", "values.arrow"


@dataclass(frozen=True)
class FeatureTable:
    """Features and the units they describe, one row per unit, sorted by unit.

    Attributes:
        units: the columns of `Dataset.units()`.
        values: one Float64 column per feature; null where a feature is undefined, such as a gap in a session of one
            event.
    """

    units: pl.DataFrame
    values: pl.DataFrame

    @property
    def names(self) -> list[str]:
        """Names of the features, in column order."""
        return self.values.columns

    def matrix(self, row_mask: pl.Series) -> NDArray[np.float64]:
        """Return the rows of the mask as a C-contiguous matrix (rows, features), with NaN for null."""
        return np.ascontiguousarray(self.values.filter(row_mask).to_numpy(), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the table to files in a folder, for `load`."""
        self.units.write_ipc(folder / _UNITS_FILE)
        self.values.write_ipc(folder / _VALUES_FILE)

    @classmethod
    def load(cls, folder: Path) -> FeatureTable:
        """Read a table into memory that `save` wrote. The files are not needed afterwards."""
        return cls(*(pl.read_ipc((folder / name).read_bytes()) for name in (_UNITS_FILE, _VALUES_FILE)))


def build_features(dataset: Dataset, config: RunConfig, report: Report = ignore_progress) -> FeatureTable:
    """Compute the features of all units of train and test that a run uses.

    Raises:
        MissingPart: the engine of the configuration is not installed.
    """
    events, units = events_and_units(dataset, config)
    own_columns = dataset.card().used_own
    values = compute_features(
        events,
        units.lazy(),
        config.history,
        report,
        groups_of(own_columns, config.features),
        engine=config.engine,
        own_columns=own_columns,
    )
    return FeatureTable(units, values)


def features_of(dataset: Dataset, units: pl.Series, report: Report = ignore_progress) -> pl.DataFrame:
    """Compute all features of these units, with the default settings of a run.

    For 20,000 sessions out of 2.5 million this takes a third of the time of the whole table.

    Returns:
        One row per unit, sorted by unit, and one Float64 column per feature.
    """
    config, own_columns = RunConfig(), dataset.card().used_own
    events, all_units = events_and_units(dataset, config)
    with open_engine(config.engine, events, all_units.lazy(), config.history, own_columns=own_columns) as engine:
        return pl.concat(engine.batches(groups_of(own_columns), unit_subset=units, report=report))


def compute_features(
    events: pl.LazyFrame,
    units: pl.LazyFrame,
    history: HistoryMode,
    report: Report = ignore_progress,
    groups: tuple[FeatureGroup, ...] = GROUPS,
    *,
    engine: EngineName = "polars",
    own_columns: Sequence[OwnColumn] = (),
) -> pl.DataFrame:
    """Compute feature groups for all units of a log.

    Args:
        events, units, history, own_columns: as for `core.features.engines.open_engine`.
        report: progress callback.
        groups: the feature groups, in column order.

    Returns:
        One row per unit, sorted by unit, and one Float64 column per feature.
    """
    with open_engine(engine, events, units, history, own_columns=own_columns) as opened:
        return pl.concat(opened.batches(groups, report=report))


def write_features(dataset: Dataset, config: RunConfig, path: Path, report: Report = ignore_progress) -> int:
    """Write a table of all features to a Parquet file batch by batch, so that it need not fit into memory.

    The columns are user_session and user_id as in the event files, those of `Dataset.units()`, and the features. The
    batch size can change the last bit of a value: Polars divides a column of one row differently from a longer one.

    Returns:
        Number of units written.
    """
    events, units = events_and_units(dataset, config)
    own_columns = dataset.card().used_own
    columns: dict[str, pl.DataType] = {USER_SESSION: pl.String(), USER_ID: pl.String(), **units.schema}
    columns |= {feature.name: pl.Float64() for feature in all_features(own_columns)}
    with open_engine(config.engine, events, units.lazy(), config.history, own_columns=own_columns) as engine:

        def tables(*_: object) -> Iterator[pl.DataFrame]:
            first, units_with_ids = 0, units.clear()
            for values in engine.batches(groups_of(own_columns), report=report):
                # A lookup reads all ids of the dataset, so each one serves many batches.
                if units_with_ids.height < values.height:
                    units_with_ids = with_ids(dataset, units[first : first + max(_IDS_AT_ONCE, values.height)])
                yield units_with_ids[: values.height].hstack(values)
                first, units_with_ids = first + values.height, units_with_ids[values.height :]

        register_io_source(tables, schema=pl.Schema(columns)).sink_parquet(path, compression="lz4")
    return units.height
