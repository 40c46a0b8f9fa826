"""Importance: one row per predictor and feature, with shares and effects that can be computed by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from core.base.progress import Report, no_report
from core.config import RunConfig
from core.features import GROUPS
from core.importance import importance_table
from core.importance.fold_models import FoldModels, held_out_of_training
from core.schema import STACK
from core.training import LEARNERS, Training, TrainingSet, prepare, train
from core.training.fitting import FittedLearner
from core.training.stacking import Stack
from core.training.targets import Link

NAMES = ["n_events", "n_buy", "duration", "gap_mean", "start_hour", "product_popularity_mean"]
DRIVER = "n_buy"
PREDICTORS = [learner.name for learner in LEARNERS] + [STACK]
ROWS = 450


def simulated() -> TrainingSet:
    """Sessions whose value is mostly purchases, with a small effect of duration and a column with missing values."""
    draws = np.random.default_rng(0)
    X = draws.normal(size=(ROWS + 50, len(NAMES)))
    X[:, 1] = draws.poisson(2.0, len(X))
    X[draws.random(len(X)) < 0.4, 3] = np.nan
    y = 20.0 * X[:, 1] + 4.0 * np.abs(X[:, 2]) + draws.gamma(1.0, 3.0, len(X))
    units, users = np.arange(len(X)), draws.integers(0, 120, len(X))
    none = np.zeros(len(X), dtype=np.int64)
    return TrainingSet(
        units[:ROWS], users[:ROWS], X[:ROWS], y[:ROWS], units[ROWS:], X[ROWS:], none[:ROWS], none[ROWS:], NAMES
    )


@pytest.fixture(scope="module")
def training() -> Training:
    """A real training on simulated sessions, shared by all tests of the module."""
    return train(prepare(simulated(), RunConfig(folds=3)), known_share=0.0)


def importance_frame(training: Training, report: Report = no_report) -> pl.DataFrame:
    """The importance table of a training."""
    models = FoldModels.of_training(training)
    return importance_table(models, models.attribute(held_out_of_training(training), report), training.data.own)


@pytest.fixture(scope="module")
def table(training: Training) -> pl.DataFrame:
    return importance_frame(training)


def effects_of(fitted: FittedLearner, X: np.ndarray) -> np.ndarray:
    """What the library itself says; the link is the square root of the value, which is stretched by hand."""
    shap = fitted.model.contributions(X)
    base, raw = shap[:, -1], fitted.model.raw(X)
    change = fitted.link.values(raw, None) - fitted.link.values(base, None)
    return np.asarray(shap[:, :-1] * (change / shap[:, :-1].sum(axis=1))[:, None])


def column_of(table: pl.DataFrame, predictor: str, column: str) -> list[float]:
    return table.filter(pl.col("learner") == predictor).get_column(column).to_list()


def test_every_learner_and_the_stack_has_each_feature_once(table: pl.DataFrame) -> None:
    assert table.columns == ["learner", "feature", "label", "group", "unit", "meaning", "gain_share", "mean_abs_shap"]
    assert table.get_column("learner").unique(maintain_order=True).to_list() == PREDICTORS
    for predictor in PREDICTORS:
        assert column_of(table, predictor, "feature") == NAMES


def test_every_feature_comes_with_the_group_unit_and_meaning_of_the_registry(table: pl.DataFrame) -> None:
    registry = {
        feature.name: (feature.label, group.name, feature.unit, feature.meaning)
        for group in GROUPS
        for feature in group.features
    }
    for feature, *description in table.select("feature", "label", "group", "unit", "meaning").iter_rows():
        assert tuple(description) == registry[feature]


@pytest.mark.parametrize("learner", [learner.name for learner in LEARNERS])
def test_gain_shares_are_averaged_over_models_and_sum_to_one(
    learner: str, training: Training, table: pl.DataFrame
) -> None:
    shares = column_of(table, learner, "gain_share")
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) >= 0
    fit = next(fit for fit in training.fits if fit.learner == learner)
    gains = [fitted.model.gain() for fitted in fit.models]
    by_hand = np.mean([gain / gain.sum() for gain in gains], axis=0)
    assert shares == pytest.approx(by_hand)


def test_the_stack_has_no_gain(table: pl.DataFrame) -> None:
    assert column_of(table, STACK, "gain_share") == [None] * len(NAMES)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_the_feature_that_determines_the_value_is_the_top_feature(predictor: str, table: pl.DataFrame) -> None:
    effects = dict(zip(NAMES, column_of(table, predictor, "mean_abs_shap"), strict=True))
    assert max(effects, key=effects.__getitem__) == DRIVER
    # each purchase adds 20, and the mean absolute deviation of Poisson(2) is 1.083; the penalty of the linear model
    # makes its effect smaller in so few sessions
    assert effects[DRIVER] == pytest.approx(20 * 1.083, rel=0.3 if predictor == "linear" else 0.2)
    if predictor != STACK:
        gain = column_of(table, predictor, "gain_share")
        assert NAMES[int(np.argmax(gain))] == DRIVER


@pytest.mark.parametrize("learner", [learner.name for learner in LEARNERS])
def test_a_learners_effect_is_its_mean_absolute_contribution_to_held_out_rows(
    learner: str, training: Training, table: pl.DataFrame
) -> None:
    fit = next(fit for fit in training.fits if fit.learner == learner)
    total = np.zeros(len(NAMES))
    for model, (_, validated) in zip(fit.models, training.folds.splits(), strict=True):
        total += np.abs(effects_of(model, training.data.X[validated])).sum(axis=0)
    assert column_of(table, learner, "mean_abs_shap") == pytest.approx(total / ROWS, rel=1e-4)


def test_the_stacks_effect_is_the_mean_absolute_weighted_sum_of_its_learners(
    training: Training, table: pl.DataFrame
) -> None:
    total = np.zeros(len(NAMES))
    for fold, (_, validated) in enumerate(training.folds.splits()):
        parts = [effects_of(fit.models[fold], training.data.X[validated]) for fit in training.fits]
        for row_parts in zip(*parts, strict=True):
            combined = sum(weight * part for weight, part in zip(training.stack.weights, row_parts, strict=True))
            total += np.abs(combined)
    assert column_of(table, STACK, "mean_abs_shap") == pytest.approx(total / ROWS)


def test_the_same_training_gives_the_same_table(training: Training, table: pl.DataFrame) -> None:
    assert importance_frame(training).equals(table)


# --- with models of known contributions ------------------------------------------------------------------------------


@dataclasses.dataclass
class Linear:
    """A model whose contributions are `slope` times the feature and whose gains are `gains`; counts explained rows."""

    slope: float
    gains: tuple[float, ...]
    explained: int = 0

    rounds: int = 1

    def raw(self, X):
        return self.slope * np.nan_to_num(X).sum(axis=1)

    def gain(self):
        return np.array(self.gains)

    def contributions(self, X):
        self.explained += len(X)
        return np.column_stack([self.slope * np.nan_to_num(X), np.zeros(len(X))])


GAINS = (0.0, 6.0, 3.0, 1.0, 0.0, 0.0)
NO_SPLITS = (0.0,) * len(NAMES)


def linear(slope: float, gains: tuple[float, ...]) -> FittedLearner:
    """A linear model on the scale of the values."""
    return FittedLearner(Linear(slope, gains), Link("identity"))


def with_models(training: Training, gains: dict[str, tuple[float, ...]], weights=(0.5, 0.25, 0.0, 0.0)) -> Training:
    """The training with linear models of slope 1 to 4 instead of the learners' models."""
    fits = tuple(
        dataclasses.replace(fit, models=tuple(linear(slope, gains.get(fit.learner, GAINS)) for _ in fit.models))
        for slope, fit in enumerate(training.fits, 1)
    )
    stack = Stack(np.array(weights), 0.0, 0.0, training.stack.oof, lower_bound=-np.inf)
    return dataclasses.replace(training, fits=fits, stack=stack)


def test_effects_follow_slopes_and_weights(training: Training) -> None:
    table = importance_frame(with_models(training, {}))
    size = np.abs(np.nan_to_num(training.data.X)).mean(axis=0)
    for predictor, slope in zip(PREDICTORS, (1.0, 2.0, 3.0, 4.0, 0.5 * 1 + 0.25 * 2), strict=True):
        assert column_of(table, predictor, "mean_abs_shap") == pytest.approx(slope * size)
        if predictor != STACK:
            assert column_of(table, predictor, "gain_share") == pytest.approx([0.0, 0.6, 0.3, 0.1, 0.0, 0.0])


def test_contributions_that_cancel_do_not_move_the_stack(training: Training) -> None:
    """Learners can move a prediction in opposite directions, so their effects do not add up to the stack's."""
    table = importance_frame(with_models(training, {}, weights=(1.0, 1.0, -1.0, 0.0)))
    assert column_of(table, STACK, "mean_abs_shap") == pytest.approx([0.0] * len(NAMES), abs=1e-12)


def test_a_learner_without_a_split_has_shares_of_0(training: Training) -> None:
    table = importance_frame(with_models(training, {"xgboost": NO_SPLITS}))
    assert column_of(table, "xgboost", "gain_share") == [0.0] * len(NAMES)
    assert sum(column_of(table, "lightgbm", "gain_share")) == pytest.approx(1.0)


def test_with_equal_values_every_effect_is_0() -> None:
    data = simulated()
    training = train(prepare(dataclasses.replace(data, y=np.full(ROWS, 5.0)), RunConfig(folds=2)), known_share=0.0)
    table = importance_frame(training)
    assert table.height == len(PREDICTORS) * len(NAMES)
    assert table.get_column("mean_abs_shap").to_list() == pytest.approx([0.0] * table.height, abs=1e-9)
    assert set(table.get_column("gain_share").drop_nulls()) == {0.0}


def test_each_fold_explains_a_bounded_number_of_held_out_rows(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.importance.fold_models._ROWS_PER_FOLD", 60)
    linear_training = with_models(training, {})
    table = importance_frame(linear_training)
    assert {fitted.model.explained for fit in linear_training.fits for fitted in fit.models} == {60}
    size = np.abs(np.nan_to_num(training.data.X)).mean(axis=0)
    assert column_of(table, "lightgbm", "mean_abs_shap") == pytest.approx(size, rel=0.25)


def test_progress_counts_the_folds_up_to_the_total(training: Training) -> None:
    reports: list[tuple[int, int, str]] = []
    importance_frame(with_models(training, {}), lambda *report: reports.append(report))
    done = [n_done for n_done, _, _ in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 3)
    assert {total for _, total, _ in reports} == {3}
    assert {text for _, _, text in reports} == {"1 of 3 folds", "2 of 3 folds", "3 of 3 folds", ""}
