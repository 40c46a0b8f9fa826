"""Evaluates the trees of many models for a few rows at once, with NumPy.

The libraries take 70 to 800 microseconds per model and row, nearly all of it for the call. Here the trees of all models
take one step down at the same time, so the number of calls depends on the depth of the trees, not on their number.
Linear models are evaluated together, too. The output of a row does not depend on the other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from core.live.tree_formats import Missing, ObliviousTree, Tree, TreeModel, tree_model
from core.training.learners import Model
from core.training.learners.linear import LinearModel, Scaling

Array = NDArray[np.float64]
_MISSING: tuple[Missing, ...] = ("left", "right", "zero")
_REPLACEMENTS = (-np.inf, np.inf, 0.0)
"""What replaces a missing value, so that a comparison sends it where the tree wants it; in the order of _MISSING."""
_TOLERANCE = 1e-6
"""Largest difference from the library in the check, relative to the largest output. A wrong branch changes far more."""
_CHECKED_ROWS, _MISSING_SHARE = 64, 0.1
_AT_ONCE = 16
"""Rows that are evaluated together: their nodes and conditions fit into the cache of a core."""
_TINY, _HUGE = 1e-34, 1e30
"""LightGBM has thresholds of 1e-35 next to 0, and of 1e300 for infinity. No feature has such values."""


@dataclass(frozen=True)
class Part:
    """A model, and for each of its features the column of the row."""

    model: Model
    columns: NDArray[np.int64]


class Ensemble:
    """Models that are evaluated together.

    Each model is compared with its library on random rows. One that differs is evaluated by its library.

    Args:
        parts: the models.
        width: number of columns of a row.
    """

    def __init__(self, parts: Sequence[Part], width: int) -> None:
        converted = [_converted(part) for part in parts]
        is_linear = [isinstance(part.model, LinearModel) for part in parts]
        without_trees = [number for number, model in enumerate(converted) if model is None]
        self._native = [(number, parts[number]) for number in without_trees if not is_linear[number]]
        self._linear = [number for number in without_trees if is_linear[number]]
        self._linear_models = _LinearModels([parts[number] for number in self._linear])
        self._n_models = len(parts)
        no_trees = TreeModel([], 0.0, is_single=False)  # keeps the place of a model whose output replaces that of trees
        models = [no_trees if model is None else model for model in converted]
        self._forest = _Forest(models, [part.columns for part in parts], width)

    @property
    def n_native(self) -> int:
        """Number of models that their libraries evaluate."""
        return len(self._native)

    def raw(self, rows: Array) -> Array:
        """Return the output of each model for each row, shape (rows, models)."""
        parts = [self._forest.raw(rows[first : first + _AT_ONCE]) for first in range(0, len(rows), _AT_ONCE)]
        output = parts[0] if len(parts) == 1 else np.concatenate([np.empty((0, self._n_models)), *parts])
        if self._linear:
            output[:, self._linear] = self._linear_models.raw(rows)
        for number, part in self._native:
            output[:, number] = part.model.raw(rows[:, part.columns].copy())
        return output


class _LinearModels:
    """Linear models that are evaluated together."""

    def __init__(self, parts: Sequence[Part]) -> None:
        models = [part.model for part in parts if isinstance(part.model, LinearModel)]
        self._columns = np.array([part.columns for part in parts])
        self._scaling = Scaling(
            *(np.array([getattr(model.scaling, each.name) for model in models]) for each in fields(Scaling))
        )
        self._coefficients = np.array([model.coefficients for model in models])
        self._intercepts = np.array([model.intercept for model in models])

    def raw(self, rows: Array) -> Array:
        """Return the output of each model for each row, shape (rows, models); added up as in LinearModel.raw."""
        effects = self._scaling.standardized(rows[:, self._columns]) * self._coefficients
        first = np.broadcast_to(self._intercepts[:, None], (*effects.shape[:2], 1))
        return np.asarray(np.concatenate([first, effects[:, :, ::-1]], axis=2).cumsum(axis=2)[:, :, -1])


class _Forest:
    """The trees of some models, whose distinct conditions are evaluated once for all of them."""

    def __init__(self, models: Sequence[TreeModel], columns: Sequence[NDArray[np.int64]], width: int) -> None:
        self._conditions, self._bias = _Conditions(), np.array([model.bias for model in models])
        binary: list[tuple[int, Tree, list[int]]] = []
        oblivious: list[tuple[int, ObliviousTree, list[int]]] = []
        for number, model in enumerate(models):
            for tree in model.trees:
                variant = [_MISSING.index(each) + len(_MISSING) * model.is_single for each in tree.missing]
                places = (np.array(variant, np.int64) * width + columns[number][tree.column]).tolist()
                conditions = self._conditions.add(places, tree.threshold)
                if isinstance(tree, Tree):
                    binary.append((number, tree, conditions))
                else:
                    oblivious.append((number, tree, conditions))
        (never,) = self._conditions.add([0], [np.inf])
        self._conditions.freeze()
        self._binary, self._oblivious = _BinaryTrees(binary, never), _ObliviousTrees(oblivious)

    def raw(self, rows: Array) -> Array:
        """Return the output of each model for each row, shape (rows, models)."""
        is_right = self._conditions.evaluate(_variants(rows))
        n_models = len(self._bias)
        return self._bias + self._binary.sums(is_right, n_models) + self._oblivious.sums(is_right, n_models)


class _Conditions:
    """Distinct comparisons of a column with a threshold. All are added, then they are frozen, then evaluated."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, float], int] = {}

    def add(self, columns: Sequence[int], thresholds: Sequence[float]) -> list[int]:
        """Return the number of each condition. New conditions are added under the next numbers."""
        pairs = zip(columns, thresholds, strict=True)
        return [self._numbers.setdefault(pair, len(self._numbers)) for pair in pairs]

    def freeze(self) -> None:
        """Prepare the evaluation of all conditions."""
        self._columns = np.array([column for column, _ in self._numbers], np.int64)
        self._thresholds = np.array([threshold for _, threshold in self._numbers], np.float64)
        self._numbers = {}

    def evaluate(self, values: Array) -> NDArray[np.bool_]:
        """Return which conditions send each row to the right, shape (rows, conditions)."""
        return np.asarray(values.take(self._columns, axis=1) > self._thresholds)


class _BinaryTrees:
    """Binary trees that take each step down at the same time.

    The children of a node are next to each other, so one number finds both. A leaf is its own first child, and its
    condition never holds.

    Args:
        trees: model, tree, and condition of each node.
        never: a condition that never holds.
    """

    def __init__(self, trees: Sequence[tuple[int, Tree, list[int]]], never: int) -> None:
        # Deep trees come first, so that each step is taken by the first of them.
        trees = sorted(trees, key=lambda numbered: -_depth(numbered[1]))
        depths = np.array([_depth(tree) for _, tree, _ in trees], np.int64)
        self._active = [int((depths > level).sum()) for level in range(int(depths.max(initial=0)))]
        self._models = np.array([number for number, *_ in trees], np.int64)
        self._roots = np.cumsum([0, *(len(tree.column) for _, tree, _ in trees)], dtype=np.int64)[: len(trees)]
        first_children, node_conditions, values = [], [], []
        for root, (_, tree, conditions) in zip(self._roots.tolist(), trees, strict=True):
            for node, first_child in _siblings_together(tree):
                first_children.append(root + first_child)
                node_conditions.append(never if tree.left[node] == node else conditions[node])
                values.append(tree.value[node])
        self._first_child = np.array(first_children, np.int64)
        self._condition = np.array(node_conditions, np.int64)
        self._value = np.array(values, np.float64)

    def sums(self, is_right: NDArray[np.bool_], n_models: int) -> Array:
        """Return the sum of the leaf values of each model, shape (rows, models)."""
        n_rows, n_conditions = is_right.shape
        flat, first = is_right.ravel(), np.arange(n_rows)[:, None] * n_conditions
        node = np.tile(self._roots, (n_rows, 1))
        for n_active in self._active:
            current = node[:, :n_active]
            condition = self._condition.take(current)
            if n_rows > 1:
                condition += first
            np.add(self._first_child.take(current), flat.take(condition), out=current)
        return _sums_by_model(self._models, self._value.take(node), n_models)


class _ObliviousTrees:
    """Oblivious trees, whose leaves are found without walking down. Shallow ones repeat their leaves."""

    def __init__(self, trees: Sequence[tuple[int, ObliviousTree, list[int]]]) -> None:
        depth = max((len(tree.column) for _, tree, _ in trees), default=0)
        self._models = np.array([number for number, *_ in trees], np.int64)
        self._conditions = np.zeros((depth, len(trees)), np.int64)
        for place, (*_, conditions) in enumerate(trees):
            self._conditions[: len(conditions), place] = conditions
        repeated = [np.tile(tree.values, 2 ** (depth - len(tree.column))) for _, tree, _ in trees]
        self._value = np.concatenate([np.empty(0), *repeated])
        self._first = np.arange(len(trees), dtype=np.int64) * 2**depth
        self._bits = 2 ** np.arange(depth, dtype=np.int64)[:, None]

    def sums(self, is_right: NDArray[np.bool_], n_models: int) -> Array:
        """Return the sum of the leaf values of each model, shape (rows, models)."""
        leaf = self._first + (is_right.take(self._conditions, axis=1) * self._bits).sum(axis=1)
        return _sums_by_model(self._models, self._value.take(leaf), n_models)


def _sums_by_model(models: NDArray[np.int64], values: Array, n_models: int) -> Array:
    """Add up values, shape (rows, trees), by the model of their tree."""
    n_rows = len(values)
    numbers = models if n_rows == 1 else (models + np.arange(n_rows)[:, None] * n_models).ravel()
    return np.asarray(np.bincount(numbers, values.ravel(), n_rows * n_models), dtype=np.float64).reshape(n_rows, -1)


def _siblings_together(tree: Tree) -> list[tuple[int, int]]:
    """Return node and new place of its first child (of a leaf, its own) in an order with siblings next to each other.

    >>> tree = Tree(left=[1, 3, 2, 3, 4], right=[2, 4, 2, 3, 4])
    >>> _siblings_together(tree)
    [(0, 1), (1, 3), (2, 2), (3, 3), (4, 4)]
    """
    order, placed = [0], []
    for place, node in enumerate(order):  # grows while it is read
        if tree.left[node] == node:
            placed.append((node, place))
        else:
            placed.append((node, len(order)))
            order += [tree.left[node], tree.right[node]]
    return placed


def _variants(rows: Array) -> Array:
    """Return one version of the rows for each combination of precision and replacement of missing values."""
    precisions, is_missing = (rows, rows.astype(np.float32).astype(np.float64)), np.isnan(rows)
    if is_missing.any():
        variants = [np.where(is_missing, fill, each) for each in precisions for fill in _REPLACEMENTS]
    else:
        variants = [each for each in precisions for _ in _REPLACEMENTS]
    return np.concatenate(variants, axis=1)


def _depth(tree: Tree) -> int:
    """Return the number of steps from the root to the deepest leaf. Children have higher numbers than their parent."""
    depths = [0] * len(tree.column)
    for number, (left, right) in enumerate(zip(tree.left, tree.right, strict=True)):
        if left != number:
            depths[left] = depths[right] = depths[number] + 1
    return max(depths)


def _converted(part: Part) -> TreeModel | None:
    """Return the trees of a model; None if they are not known, or do not predict what its library predicts."""
    try:
        model = tree_model(part.model)
    # another version of the library may describe its models differently
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    return model if model is not None and _is_same(model, part.model, len(part.columns)) else None


def _is_same(model: TreeModel, original: Model, width: int) -> bool:
    """Compare trees with their library on random rows at and near the thresholds, some with missing values."""
    thresholds: dict[int, list[float]] = {}
    for tree in model.trees:
        for number, column in enumerate(tree.column):
            if isinstance(tree, ObliviousTree) or tree.left[number] != number:
                thresholds.setdefault(column, []).append(tree.threshold[number])
    rows, draws = np.zeros((_CHECKED_ROWS, width)), np.random.default_rng(0)
    for column, known in thresholds.items():
        near = draws.choice(known, _CHECKED_ROWS)
        rows[:, column] = near + draws.choice([-1.0, 0.0, 0.0, 1.0], _CHECKED_ROWS) * (1e-3 + np.abs(near) * 0.1)
    rows = np.clip(np.where(np.abs(rows) <= _TINY, 0.0, rows), -_HUGE, _HUGE)
    rows[draws.random(rows.shape) < _MISSING_SHARE] = np.nan
    forest, theirs = _Forest([model], [np.arange(width)], width), original.raw(rows)
    ours = forest.raw(rows)[:, 0]
    return bool(np.abs(ours - theirs).max() <= _TOLERANCE * max(float(np.abs(theirs).max()), 1.0))
