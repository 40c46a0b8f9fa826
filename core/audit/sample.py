"""The features of some units of each file: all that drift is measured on."""

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

MOST_UNITS: Final = 20_000
"""Of a file. The distance between two samples of this size is known to about 0.01, a tenth of what is called drift."""


@dataclass(frozen=True)
class Sample:
    """Some units of both files. Rows are in the order of their units; NaN where there is nothing to measure."""

    names: tuple[str, ...]
    train: NDArray[np.float64]
    """(units, features)"""
    test: NDArray[np.float64]
    train_users: NDArray[np.uint64]
    """A random number for each user: equal for equal users."""
    test_users: NDArray[np.uint64]
    train_units: NDArray[np.int64]
    test_units: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> Sample:
        """The rows of the chosen units (booleans, by unit)."""
        train, test = chosen[self.train_units], chosen[self.test_units]
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
        """One row a unit of train: unit, and a column a feature (null where there is nothing to measure)."""
        values = pl.DataFrame(self.train, schema=list(self.names)).fill_nan(None)
        return values.insert_column(0, pl.Series(UNIT, self.train_units))


def draw_sample(
    dataset: Dataset, report: Callable[[int, int, str], None] = lambda *_: None, most: int = MOST_UNITS
) -> Sample:
    """Compute the features of at most `most` units of each file, as a run does by default.

    The same dataset gives the same sample.
    """
    rows = choose(dataset.units().select(UNIT, ROLE, SESSION, USER).collect(), most).sort(UNIT)
    values = features_of(
        dataset, rows.get_column(UNIT), lambda done, of, text: report(done, of, text and f"{text} features")
    )
    is_test = rows.get_column(ROLE).to_numpy() == TEST_ROLE
    matrix = values.to_numpy().astype(np.float64)
    users = mixed(rows.get_column(USER))
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


def choose(units: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most `most` units of each file, by a random number that their session and user ids give them."""
    place = mixed(pl.Series(mixed(units.get_column(SESSION)).view(np.int64)) ^ units.get_column(USER))
    placed = units.with_columns(pl.Series("_place", place)).sort("_place", UNIT).drop("_place")
    return pl.concat([placed.filter(pl.col(ROLE) == role).head(most) for role in (TRAIN_ROLE, TEST_ROLE)])


def mixed(codes: pl.Series) -> NDArray[np.uint64]:
    """A random number for each code, equal for equal codes, whatever range or order the codes have.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators).
    """
    bits = codes.to_numpy().astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
