"""SHAP values of small models, compared with those of the package shap. Figures are the largest difference.

    pip install shap
    python -m benchmarks.shap_package

The models are those of a training on 2,000 simulated sessions. `path-dependent` compares contributions with those of
`shap.TreeExplainer`, on the scale of the trees. `interventional` compares Shapley values of groups of one feature each,
and sampled ones, with its exact values for the same background sessions; those of CatBoost come from CatBoost itself.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import shap
from catboost import CatBoostRegressor, Pool

from core.config import RunConfig
from core.importance.fold_models import FoldModels, held_out_of_training
from core.importance.methods.group_shapley import draw_pairs, shapley_of_themes
from core.importance.methods.sampled_shapley import sampled_shapley
from core.training import Matrix, Training, TrainingSet, Vector, prepare, train
from core.training.learners.catboost import CatBoostModel
from core.training.learners.definition import Model
from core.training.targets import Link

_NAMES = ["n_events", "n_buy", "duration", "gap_mean", "start_hour", "product_popularity_mean"]
_ROWS, _EXPLAINED, _ORDERS = 2_000, 40, 300


def simulated() -> TrainingSet:
    """Return sessions with an interaction and missing cells."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(_ROWS + 50, len(_NAMES)))
    X[:, 1] = rng.poisson(2.0, len(X))
    X[rng.random(len(X)) < 0.3, 3] = np.nan
    y = 20.0 * X[:, 1] + 6.0 * X[:, 1] * np.abs(X[:, 2]) + rng.gamma(2.0, 3.0, len(X))
    units, users, none = np.arange(len(X)), rng.integers(0, 400, len(X)), np.zeros(len(X), dtype=np.int64)
    train_rows, test_rows = slice(None, _ROWS), slice(_ROWS, None)
    return TrainingSet(
        units[train_rows],
        users[train_rows],
        X[train_rows],
        y[train_rows],
        units[test_rows],
        X[test_rows],
        none[train_rows],
        none[test_rows],
        _NAMES,
    )


def trees_of(model: Model) -> Any:
    """Return the model object of the learner's library."""
    return model.regressor if isinstance(model, CatBoostModel) else model.booster  # type: ignore[attr-defined]


def interventional(trees: Any, row: Matrix, background: Matrix) -> Vector:
    """Return the exact Shapley values of a row with one background row; of CatBoost's trees by CatBoost itself."""
    if isinstance(trees, CatBoostRegressor):
        reference = Pool(background, [0.0])
        found = trees.get_feature_importance(Pool(row, [0.0]), reference_data=reference, type="ShapValues")
        return np.asarray(found[0, :-1])
    return np.asarray(shap.TreeExplainer(trees, background).shap_values(row)[0])


def difference(ours: Matrix, theirs: Matrix) -> float:
    """Return the largest difference, relative to the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def path_dependent(trees: Any, X: Matrix) -> Matrix:
    """Return the package's own path-dependent values; by default, it asks the library of the trees for them."""
    explainer = shap.TreeExplainer(trees)
    explainer.model.model_type = "internal"
    return np.asarray(explainer.shap_values(X, check_additivity=False))


def show_path_dependent(training: Training) -> None:
    """Compare contributions with those of the package, which cannot read the trees of CatBoost."""
    models, part = FoldModels.of_training(training), held_out_of_training(training)[0]
    for learner in ("lightgbm", "xgboost"):
        fitted = models.of_fit(learner, part.fit)[0].model
        theirs = path_dependent(trees_of(fitted), part.X)
        print(f"path-dependent, {learner}: {difference(fitted.contributions(part.X)[:, :-1], theirs):.1e}")


def show_interventional(training: Training) -> None:
    """Compare the models as if the output of their trees were the value, because the package knows no link."""
    models, part = FoldModels.of_training(training), held_out_of_training(training)[0]
    models = dataclasses.replace(
        models,
        learners={
            name: [dataclasses.replace(each, link=Link("identity")) for each in fitted]
            for name, fitted in models.learners.items()
        },
    )
    exact = shapley_of_themes(models, part, _NAMES, _NAMES, _EXPLAINED)
    sampled, _ = sampled_shapley(models, part, _EXPLAINED, _ORDERS)
    for method, ours, n_background in (("all coalitions", exact, 8), ("sampled orders", sampled, 4)):
        explained, background = draw_pairs(models, part, _EXPLAINED, n_background)
        for learner in ("lightgbm", "xgboost", "catboost"):
            trees = trees_of(models.of_fit(learner, part.fit)[0].model)
            theirs = [
                interventional(trees, part.X[[row]], part.X[[other]])
                for row, other in zip(explained, background, strict=True)
            ]
            mean = np.reshape(theirs, (_EXPLAINED, n_background, -1)).mean(axis=1)
            print(f"interventional, {method}, {learner}: {difference(ours[learner], mean):.1e}", flush=True)


def main() -> None:
    training = train(prepare(simulated(), RunConfig(folds=3)), known_share=0.0)
    show_path_dependent(training)
    show_interventional(training)


if __name__ == "__main__":
    main()
