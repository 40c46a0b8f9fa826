"""Sampled Shapley values of single features in value units, and the error of rescaled SHAP values.

Orders are drawn in pairs of opposite ones (Mitchell, Cooper, Frank and Holmes 2022, Sampling permutations for Shapley
value estimation). They need no assumption about the learners, but hundreds of predictions per session.

Learners that predict on another scale, such as square roots, have their SHAP values stretched to value units
(core.training.attribution). The rows `stretching` say what this changes. Along the same orders, the effects on the
scale of the trees are stretched in the same way and compared with the effects on the value. So the sampling error and
the treatment of correlated features are the same on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from core.base.progress import Report
from core.importance.fold_models import FoldModels, FoldRows, HeldOut, map_folds
from core.importance.methods.definition import Method, long_rows
from core.importance.methods.group_shapley import draw_pairs
from core.training import Matrix, Vector
from core.training.folds import Rows

CODE, STRETCHING_CODE = "sampled_shapley", "stretching"
_ROWS, _BACKGROUND = 20, 4
"""Explained sessions of each fold, and background sessions of each of them."""
_ORDERS = 2
"""Pairs of opposite orders for each pair of a session and a background session."""
_SEED = 0


def _compute(models: FoldModels, rows: HeldOut, themes: Sequence[str], report: Report) -> pl.DataFrame:
    names = [models.names[column] for column in models.players]
    groups = [themes[column] for column in models.players]
    by_fold: dict[tuple[str, str], list[Vector]] = {}
    for exact, stretched in map_folds(lambda part: sampled_shapley(models, part), rows, report):
        errors = {name: exact[name] - each for name, each in stretched.items()}
        for code, by_name in ((CODE, exact), (STRETCHING_CODE, errors)):
            for name, values in by_name.items():
                by_fold.setdefault((code, name), []).append(np.abs(values).mean(axis=0))
    return pl.concat(long_rows(*key, each, names, groups) for key, each in by_fold.items())


def sampled_shapley(
    models: FoldModels, part: FoldRows, n_rows: int = _ROWS, n_orders: int = _ORDERS
) -> tuple[dict[str, Matrix], dict[str, Matrix]]:
    """Return learner or stack -> Shapley values (sessions, players) in value units, and stretched ones of the learners.

    Both add up to the prediction minus the average prediction of the background sessions.
    """
    explained, background = draw_pairs(models, part, n_rows, _BACKGROUND)
    rng, players = np.random.default_rng(_SEED), np.array(models.players)
    exact = {name: np.zeros((len(explained), len(players))) for name in models.predictors}
    on_scale = {name: np.zeros((len(explained), len(players))) for name in models.learners}
    for _ in range(n_orders):
        order = rng.permutation(len(players))
        for walk in (order, order[::-1]):
            values, scaled = _walk(models, part, explained, background, players[walk])
            for name, each in values.items():
                exact[name][:, walk] += np.diff(each, axis=0).T / (2 * n_orders)
            for name, each in scaled.items():
                on_scale[name][:, walk] += np.diff(each, axis=0).T / (2 * n_orders)
    stretched = {name: _stretched(each, exact[name]) for name, each in on_scale.items()}
    by_row = (len(explained) // _BACKGROUND, _BACKGROUND, len(players))
    exact, stretched = (
        {name: values.reshape(by_row).mean(axis=1) for name, values in each.items()} for each in (exact, stretched)
    )
    return exact, stretched


def _walk(
    models: FoldModels, part: FoldRows, explained: Rows, background: Rows, order: Rows
) -> tuple[dict[str, Matrix], dict[str, Matrix]]:
    """Return the predictions after each step from the background to the session, shape (steps, pairs).

    Returns:
        learner or stack -> in value units; learner -> on the scale of its trees.
    """
    X = np.tile(part.X[background], (len(order) + 1, 1, 1))
    for step, column in enumerate(order, start=1):
        X[step:, :, column] = part.X[explained, column]
    shape = X.shape[:2]
    flat = X.reshape(-1, X.shape[2])
    values = models.predict(part.fit, flat)
    return (
        {name: each.reshape(shape) for name, each in values.items()},
        {name: _on_scale(models, name, part.fit, flat).reshape(shape) for name in models.learners},
    )


def _on_scale(models: FoldModels, learner: str, fit: int, X: Matrix) -> Vector:
    """Return predictions on the scale on which the start value and the output of the trees are added."""
    start, outputs = models.start(X), []
    for fitted in models.of_fit(learner, fit):
        base = fitted.link.base(start, len(X))
        at = np.log(base) if fitted.link.kind == "exp" else fitted.link.forward(base)
        outputs.append(at + fitted.model.raw(X))
    return np.asarray(np.mean(outputs, axis=0))


def _stretched(on_scale: Matrix, exact: Matrix) -> Matrix:
    """Stretch the effects of each pair so that they add up to the change of the value."""
    sums, totals = on_scale.sum(axis=1), exact.sum(axis=1)
    slopes = np.divide(totals, sums, out=np.zeros(len(sums)), where=np.abs(sums) > 1e-9)
    return np.asarray(on_scale * slopes[:, None])


SAMPLED_SHAPLEY = Method(CODE, "Effect on values (sampled Shapley)", "value units", _compute)
