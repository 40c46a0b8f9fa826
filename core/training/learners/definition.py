"""What a learner and a fitted model are to the rest of the pipeline.

A learner is asked three things, in this order: to bin a fold's rows (once, for all fits on them), to fit on the binned
rows with some settings, and which settings a search may try. What the trees of a fit are told to predict, and how a
session's value is made of what they say, is the business of core.training.targets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""(rows, features), NaN where there is nothing to measure."""
Vector = NDArray[np.float64]
Settings = dict[str, int | float | str]
"""`objective` and `transform` (see core.training.targets), `rounds`, and the library's own settings by its names."""

MAX_BIN = 127
"""Bins a feature: not tuned, because all fits on a fold share them."""
PATIENCE = 40
"""Rounds without gain on held-out rows after which a fit stops."""


@dataclass(frozen=True)
class FitContext:
    """What every fit is told beside the data.

    Attributes:
        names: one a column of the matrix.
        threads: cores to use.
        seed: of the learner's own draws.
        effort: share of the learner's usual rounds, above 0; the certificate's trial fits take less than all.
        device: "cpu" or "gpu", passed through to the library.
        rising: features that what the trees say may only rise with.
    """

    names: Sequence[str]
    threads: int
    seed: int
    effort: float = 1.0
    device: str = "cpu"
    rising: Sequence[str] = ()

    def rounds(self, usual: int) -> int:
        """Boosting rounds to fit, at least one."""
        return max(1, round(usual * self.effort))

    def monotone(self) -> list[int] | None:
        """1 for each column that predictions may only rise with, else 0; None where there is no such column."""
        return [int(name in self.rising) for name in self.names] if self.rising else None


@dataclass(frozen=True)
class Task:
    """What the trees of one fit are to learn; see core.training.targets.

    Attributes:
        objective: the loss, one of core.training.targets.OBJECTIVES.
        labels: one a binned row.
        margins: what each row's prediction starts from on the scale of the trees; None: the library's own start.
        weights: of the rows' losses; None: all alike.
        delta: where the loss of objective huber turns from square to line, in units of the labels.
    """

    objective: str
    labels: Vector
    margins: Vector | None = None
    weights: Vector | None = None
    delta: float = 1.0

    def part(self, rows: NDArray[np.int64]) -> Task:
        """The task on some of the rows."""
        margins, weights = (None if each is None else each[rows] for each in (self.margins, self.weights))
        return replace(self, labels=self.labels[rows], margins=margins, weights=weights)


class Model(Protocol):
    """The fitted trees. What they say is on the scale of the task: not yet a session's value."""

    @property
    def rounds(self) -> int:
        """Trees in the model."""

    def raw(self, X: Matrix) -> Vector:
        """What the trees say, one a row, without the margin they started from."""

    def gain(self) -> Vector:
        """How much each feature lowered the training loss, one number a feature, 0 or more, unit of the library."""

    def contributions(self, X: Matrix) -> Matrix:
        """Tree SHAP: (rows, features + 1); a row's sum is what `raw` gives, the last column the base."""

    def save(self, folder: Path, stem: str) -> Path:
        """Write the model in the library's own format as `stem` plus its ending."""


class Binned(Protocol):
    """Rows of a fold in the form that a library fits on, made once and shared by all fits on them."""

    def fit(self, task: Task, settings: Settings, context: FitContext) -> Model:
        """Fit. Same data, seed and threads give the same model. Where rows are held out, `rounds` is an upper bound and
        the fit stops when they gain nothing more.
        """


class Suggest(Protocol):
    """The part of an Optuna trial that a search space asks."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...  # noqa: ANN401


class Learner(Protocol):
    """A boosting library with settings that are good without tuning, and a space around them to search."""

    @property
    def name(self) -> str:
        """By which everything else knows it."""

    @property
    def objectives(self) -> tuple[str, ...]:
        """What the library can minimise, of core.training.targets.OBJECTIVES."""

    def defaults(self) -> Settings:
        """Settings for squared error, without `objective` and `transform`; all that the space has for it is named."""

    def known(self) -> tuple[Settings, ...]:
        """What won long searches on other data, with `objective` and `transform`: a search begins with it.

        Found by benchmarks/known_settings.py; names and ranges are those of the search space.
        """

    def suggest(self, trial: Suggest, objective: str) -> Settings:
        """Settings to try, without `objective` and `transform`; names and ranges are the search space."""

    def bin(self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None) -> Binned:
        """Bin a fold's training rows. `held` marks rows that no tree learns from: fits stop by them.

        `matrix` makes the rows anew when it is called: no copy of them is kept.
        """

    def load(self, folder: Path, stem: str, context: FitContext) -> Model:
        """A model that `save` wrote; it says the same of every row."""


def library_settings(settings: Settings) -> dict[str, Any]:
    """The settings that go to the library under their own names."""
    return {name: value for name, value in settings.items() if name not in ("rounds", "transform", "objective")}


def split_rows(held: NDArray[np.bool_] | None) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Rows to learn from and rows held out; None where nothing is."""
    return None if held is None else (np.flatnonzero(~held), np.flatnonzero(held))
