"""A dataset that is limited to the sessions of a filter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from core.dataset import Dataset
from core.schema import UNIT, Role


@dataclass(frozen=True)
class SelectedDataset(Dataset):
    """A dataset whose events and units are limited to some units.

    Attributes:
        unit_mask: one boolean per unit of the whole dataset, see `unit_mask`.
    """

    unit_mask: pl.Series

    @classmethod
    def from_sessions(cls, folder: Path, sessions: pl.DataFrame) -> SelectedDataset:
        """Return the dataset in `folder`, limited to these rows of its session table."""
        return cls(folder, unit_mask(sessions, Dataset(folder)))

    def events(self, role: Role) -> pl.LazyFrame:
        """Return the events of the selected units of a file."""
        return super().events(role).filter(self._is_selected)

    def units(self) -> pl.LazyFrame:
        """Return the selected units of both files."""
        return super().units().filter(self._is_selected)

    @property
    def _is_selected(self) -> pl.Expr:
        """Expression for whether the mask is true for a row's unit.

        A join would take four times as long and does not guarantee the order of the rows. The look-up runs within
        Polars, so several visitors can filter at once without waiting for Python's global lock.
        """
        return pl.lit(self.unit_mask).gather(pl.col(UNIT))


def unit_mask(sessions: pl.DataFrame, dataset: Dataset) -> pl.Series:
    """Return a boolean mask over all units of the dataset, true for the units in `sessions`."""
    last_unit = dataset.units().select(pl.col(UNIT).max()).collect().item()
    mask = np.zeros(0 if last_unit is None else last_unit + 1, dtype=bool)
    mask[sessions.get_column(UNIT).to_numpy()] = True
    return pl.Series(UNIT, mask)
