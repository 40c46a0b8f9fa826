"""Trees that are evaluated together predict what their libraries predict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.live.ensemble import Ensemble, Part
from core.metric import MEAN_SQUARED_ERROR
from core.training.fitting import fit_learner
from core.training.learners import LEARNERS, FitContext, Learner, Matrix, Model, Vector

WIDTH = 5
CASES = [(learner, objective) for learner in LEARNERS for objective in learner.objectives]


def rows(n_rows: int, seed: int = 0) -> Matrix:
    """Return columns of whole numbers, of fractions and of missing values."""
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(n_rows, WIDTH)) * [1, 100, 1e6, 0.01, 1]
    X[:, 1] = np.round(X[:, 1])
    X[:, 4] = 7.0
    X[:, :4][draws.random((n_rows, 4)) < [0.0, 0.1, 0.3, 0.0]] = np.nan
    return X


def fitted(learner: Learner, objective: str, n_rows: int = 800) -> Model:
    X = rows(n_rows)
    y = np.abs(np.nan_to_num(X[:, 0]) * 3 + np.isnan(X[:, 2]) * 5) + 0.1
    settings = learner.defaults() | {"objective": objective, "transform": "none", "rounds": 40}
    context = FitContext([f"x{number}" for number in range(WIDTH)], threads=1, seed=0)
    fit = fit_learner(
        learner.bin(lambda: X, context),
        settings,
        context,
        y=y,
        start=np.full(n_rows, 2.0),
        metric=MEAN_SQUARED_ERROR,
        matrix=lambda: X,
    )
    return fit.model


@pytest.mark.parametrize(("learner", "objective"), CASES, ids=[f"{each.name}-{name}" for each, name in CASES])
def test_the_output_is_that_of_the_library(learner: Learner, objective: str) -> None:
    model, X = fitted(learner, objective), rows(300, seed=1)
    ensemble = Ensemble([Part(model, np.arange(WIDTH))], WIDTH)
    ours = ensemble.raw(X)[:, 0]
    theirs = model.raw(X)
    assert [ensemble.raw(row[None, :])[0, 0] for row in X[:20]] == ours[:20].tolist()  # no row depends on others
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max())
    assert ensemble.n_native == 0


def test_each_model_sees_its_own_columns() -> None:
    models, X = [fitted(learner, "squared") for learner in LEARNERS], rows(50, seed=2)
    places = [np.arange(WIDTH) + 2 * number for number in range(len(models))]
    wide = np.random.default_rng(0).normal(size=(50, 2 * len(models) + WIDTH))
    ensemble = Ensemble([Part(*pair) for pair in zip(models, places, strict=True)], wide.shape[1])
    for row, narrow in zip(wide, X, strict=True):
        for model, place in zip(models, places, strict=True):
            row[place] = narrow
            number = models.index(model)
            assert ensemble.raw(row[None, :])[0, number] == pytest.approx(
                model.raw(row[place][None, :])[0], rel=1e-6, abs=1e-6
            )


@dataclass(frozen=True)
class Linear(Model):
    """A model of a library that the ensemble does not know."""

    def raw(self, X: Matrix) -> Vector:
        return np.asarray(X @ np.arange(WIDTH, dtype=np.float64))

    def gain(self) -> Vector:
        raise NotImplementedError

    def contributions(self, X: Matrix) -> Matrix:
        raise NotImplementedError

    def save(self, folder: Path, stem: str) -> Path:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path, stem: str, context: FitContext) -> Model:
        raise NotImplementedError


def test_an_unknown_model_is_asked_itself() -> None:
    lightgbm = fitted(LEARNERS[0], "squared")
    ensemble = Ensemble([Part(Linear(1), np.arange(WIDTH)[::-1].copy()), Part(lightgbm, np.arange(WIDTH))], WIDTH)
    row = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert ensemble.n_native == 1
    assert ensemble.raw(row[None, :])[0, 0] == 4 * 1 + 3 * 2 + 2 * 3 + 1 * 4
    assert ensemble.raw(row[None, :])[0, 1] == pytest.approx(lightgbm.raw(row[None, :])[0])


@pytest.mark.parametrize("error", [AttributeError, IndexError, KeyError, TypeError, ValueError])
def test_a_library_whose_trees_cannot_be_read_is_asked_itself(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(model: Model) -> None:
        raise error

    monkeypatch.setattr("core.live.ensemble.tree_model", fail)
    assert Ensemble([Part(fitted(LEARNERS[0], "squared"), np.arange(WIDTH))], WIDTH).n_native == 1


def test_a_library_whose_trees_are_read_wrongly_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(LEARNERS[0], "squared")
    known = Ensemble([Part(model, np.arange(WIDTH))], WIDTH)
    monkeypatch.setattr("core.live.ensemble._MISSING", ("right", "left", "zero"))
    misread = Ensemble([Part(model, np.arange(WIDTH))], WIDTH)
    X = rows(1, seed=3)
    assert (known.n_native, misread.n_native) == (0, 1)
    assert misread.raw(X)[0, 0] == model.raw(X)[0] == pytest.approx(known.raw(X)[0, 0])
