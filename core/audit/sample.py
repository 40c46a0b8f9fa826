"""A sample of units of both files with their features. Drift is measured on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import Dataset
from core.features import features_of
from core.schema import ROLE, SESSION, TEST_ROLE, TRAIN_ROLE, UNIT, USER

MAX_UNITS: Final = 20_000
"""Per file. At this size the distance between two samples is accurate to about 0.01; 0.1 counts as drift."""


@dataclass(frozen=True)
class Sample:
    """The features of some units of both files, in the order of the units.

    Attributes:
        names: of the features.
        train, test: (units, features); NaN where a feature is missing.
        train_users, test_users: (units,) a random number per user, equal for the same user.
        train_units, test_units: (units,) unit numbers.
    """

    names: tuple[str, ...]
    train: NDArray[np.float64]
    test: NDArray[np.float64]
    train_users: NDArray[np.uint64]
    test_users: NDArray[np.uint64]
    train_units: NDArray[np.int64]
    test_units: NDArray[np.int64]

    def only(self, mask: NDArray[np.bool_]) -> Sample:
        """Return the rows whose unit is selected; `mask` has one boolean per unit of the dataset."""
        train, test = mask[self.train_units], mask[self.test_units]
        return Sample(
            names=self.names,
            train=self.train[train],
            test=self.test[test],
            train_users=self.train_users[train],
            test_users=self.test_users[test],
            train_units=self.train_units[train],
            test_units=self.test_units[test],
        )

    def train_table(self) -> pl.DataFrame:
        """Return one row per unit of train: unit, and one column per feature (null where it is missing)."""
        values = pl.DataFrame(self.train, schema=list(self.names)).fill_nan(None)
        return values.insert_column(0, pl.Series(UNIT, self.train_units))


def draw_sample(
    dataset: Dataset, report: Callable[[int, int, str], None] = lambda *_: None, most: int = MAX_UNITS
) -> Sample:
    """Draw at most `most` units of each file and compute their features with the default settings of a run.

    The same dataset gives the same sample. `report` is called with parts done, parts in all and the feature group.
    """
    rows = choose_units(dataset.units().select(UNIT, ROLE, SESSION, USER).collect(), most).sort(UNIT)
    values = features_of(
        dataset, rows.get_column(UNIT), lambda done, of, text: report(done, of, text and f"{text} features")
    )
    is_test = rows.get_column(ROLE).to_numpy() == TEST_ROLE
    matrix = values.to_numpy().astype(np.float64)
    users = scramble(rows.get_column(USER))
    units = rows.get_column(UNIT).to_numpy()
    return Sample(
        names=tuple(values.columns),
        train=matrix[~is_test],
        test=matrix[is_test],
        train_users=users[~is_test],
        test_users=users[is_test],
        train_units=units[~is_test],
        test_units=units[is_test],
    )


def choose_units(units: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return at most `most` units of each file, drawn by a random number derived from their session and user codes."""
    key = scramble(pl.Series(scramble(units.get_column(SESSION)).view(np.int64)) ^ units.get_column(USER))
    ordered = units.with_columns(pl.Series("_key", key)).sort("_key", UNIT).drop("_key")
    return pl.concat([ordered.filter(pl.col(ROLE) == role).head(most) for role in (TRAIN_ROLE, TEST_ROLE)])


def scramble(codes: pl.Series) -> NDArray[np.uint64]:
    """Return a pseudo-random number per code, equal for equal codes, whatever their range or order.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators). Unlike the
    hash of a library it does not change with a version, so the sample does not either.
    """
    bits = codes.to_numpy().astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
