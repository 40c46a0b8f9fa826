"""A dataset of which only the sessions of a filter are visible."""

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
        unit_mask: One boolean per unit of the whole dataset, see `unit_mask`.
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
        """Look up each row's unit in the mask.

        A join takes four times as long and does not promise the order of rows. The look-up runs within Polars, so its
        threads need not wait for Python's lock while several visitors filter at once.
        """
        return pl.lit(self.unit_mask).gather(pl.col(UNIT))


def unit_mask(sessions: pl.DataFrame, dataset: Dataset) -> pl.Series:
    """Return one boolean per unit of the dataset: whether it is among these rows of the session table."""
    last = dataset.units().select(pl.col(UNIT).max()).collect().item()
    mask = np.zeros((-1 if last is None else last) + 1, dtype=bool)
    mask[sessions.get_column(UNIT).to_numpy()] = True
    return pl.Series(UNIT, mask)
