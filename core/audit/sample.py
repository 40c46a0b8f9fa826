"""A sample of the units of both files with their features, on which drift is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.progress import Report, no_report
from core.dataset import Dataset
from core.features import CatalogueEntry, display_names, feature_catalogue, features_of
from core.schema import ROLE, SESSION, TEST_ROLE, TRAIN_ROLE, UNIT, USER

MAX_UNITS: Final = 20_000
"""Per file. At this size the distance between two samples is accurate to about 0.01; 0.1 counts as drift."""


@dataclass(frozen=True)
class FileSample:
    """Some units of one file with their features.

    Attributes:
        values: (units, features); NaN where a feature is missing.
        users: (units,) a pseudo-random number per user, equal for the same user.
        units: (units,) unit numbers, ascending.
    """

    values: NDArray[np.float64]
    users: NDArray[np.uint64]
    units: NDArray[np.int64]

    def filter(self, mask: NDArray[np.bool_]) -> FileSample:
        return FileSample(self.values[mask], self.users[mask], self.units[mask])


@dataclass(frozen=True)
class Sample:
    """Some units of both files, and what their features are."""

    entries: tuple[CatalogueEntry, ...]
    train: FileSample
    test: FileSample

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in column order."""
        return tuple(entry.feature.name for entry in self.entries)

    @property
    def display_names(self) -> dict[str, str]:
        """Name of a feature -> its display name."""
        return display_names(self.entries)

    def filter(self, mask: NDArray[np.bool_]) -> Sample:
        """Return the selected units; `mask` has one boolean per unit of the dataset."""
        return Sample(self.entries, self.train.filter(mask[self.train.units]), self.test.filter(mask[self.test.units]))

    def train_table(self) -> pl.DataFrame:
        """Return one row per train unit: unit, and one column per feature (null where it is missing)."""
        values = pl.DataFrame(self.train.values, schema=list(self.names)).fill_nan(None)
        return values.insert_column(0, pl.Series(UNIT, self.train.units))


def draw_sample(dataset: Dataset, report: Report = no_report, max_units: int = MAX_UNITS) -> Sample:
    """Draw at most `max_units` units of each file and compute their features with the default settings of a run.

    The same dataset always gives the same sample.
    """
    rows = _draw_units(dataset.units().select(UNIT, ROLE, SESSION, USER).collect(), max_units).sort(UNIT)
    units = rows.get_column(UNIT)
    features = features_of(
        dataset, units, lambda part, parts, group: report(part, parts, group and f"{group} features")
    )
    both = FileSample(features.to_numpy().astype(np.float64), _scramble(rows.get_column(USER)), units.to_numpy())
    is_test = rows.get_column(ROLE).to_numpy() == TEST_ROLE
    entries = {entry.feature.name: entry for entry in feature_catalogue(dataset.card().used_own)}
    return Sample(tuple(entries[name] for name in features.columns), both.filter(~is_test), both.filter(is_test))


def _draw_units(units: pl.DataFrame, max_units: int) -> pl.DataFrame:
    """Draw units of each file by a pseudo-random number that depends only on their session and user codes."""
    key = _scramble(pl.Series(_scramble(units.get_column(SESSION)).view(np.int64)) ^ units.get_column(USER))
    ordered = units.with_columns(pl.Series("_key", key)).sort("_key", UNIT).drop("_key")
    return pl.concat(ordered.filter(pl.col(ROLE) == role).head(max_units) for role in (TRAIN_ROLE, TEST_ROLE))


def _scramble(codes: pl.Series) -> NDArray[np.uint64]:
    """Return a pseudo-random number per code, equal for equal codes.

    The finalizer of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators). Unlike the
    hash of a library it does not change with a version, so the sample does not either.
    """
    bits = codes.to_numpy().astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
