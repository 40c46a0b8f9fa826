"""The trees of each library as arrays, read from its own description of a model.

A library that is not listed here, or whose description changed, is asked for its own predictions (core.live.ensemble).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.training.learners import Model
from core.training.learners.catboost import CatBoostModel
from core.training.learners.lightgbm import LightGBMModel
from core.training.learners.xgboost import XGBoostModel

Missing = Literal["left", "right", "zero"]
"""Where a missing value goes: to the left, to the right, or where 0 goes."""
_LOG_LINKS = ("reg:tweedie", "reg:gamma")
"""Objectives of XGBoost whose base score is on the scale of the values, and its output on that of logarithms."""


@dataclass
class Tree:
    """A binary tree. A row goes left if `column <= threshold`. A node is a leaf if its children are itself.

    Attributes:
        column, threshold, missing, left, right, value: one element per node. The root is the first node.
    """

    column: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def add_leaf(self, value: float) -> int:
        """Add a leaf, and return its number."""
        number = self.add_node(0, np.inf, "left")
        self.left[number] = self.right[number] = number
        self.value[number] = value
        return number

    def add_node(self, column: int, threshold: float, missing: Missing) -> int:
        """Add a node whose children are not known yet, and return its number."""
        for attribute, content in zip(vars(self).values(), (column, threshold, missing, -1, -1, 0.0), strict=True):
            attribute.append(content)
        return len(self.column) - 1


@dataclass(frozen=True)
class ObliviousTree:
    """A tree with the same condition at all nodes of a level.

    Attributes:
        column, threshold, missing: one element per level. A row goes right if `column > threshold`.
        values: value of each leaf. Bit k of its number says whether the row goes right on level k.
    """

    column: list[int]
    threshold: list[float]
    missing: list[Missing]
    values: list[float]


@dataclass(frozen=True)
class TreeModel:
    """Trees whose values add up to the output of a model.

    Attributes:
        bias: what is added to the sum of the trees.
        is_single: whether the library compares values as single-precision numbers.
    """

    trees: Sequence[Tree | ObliviousTree]
    bias: float
    is_single: bool


def tree_model(model: Model) -> TreeModel | None:
    """Return the trees of a model; None if its library is not listed."""
    convert = _FORMATS.get(type(model))
    return None if convert is None else convert(model)


def _lightgbm(model: LightGBMModel) -> TreeModel:
    def add(tree: Tree, node: dict[str, Any]) -> int:
        if "split_index" not in node:
            return tree.add_leaf(node["leaf_value"])
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise ValueError("the tree has categories, or takes zeros for missing")
        default: Missing = "left" if node["default_left"] else "right"
        missing: Missing = default if node["missing_type"] == "NaN" else "zero"
        number = tree.add_node(node["split_feature"], node["threshold"], missing)
        tree.left[number], tree.right[number] = add(tree, node["left_child"]), add(tree, node["right_child"])
        return number

    trees = []
    for described in model.booster.dump_model(num_iteration=model.rounds)["tree_info"]:
        tree = Tree()
        add(tree, described["tree_structure"])
        trees.append(tree)
    return TreeModel(trees, 0.0, is_single=False)


def _xgboost(model: XGBoostModel) -> TreeModel:
    learner = json.loads(model.booster.save_raw("json"))["learner"]
    base = float(np.float32(learner["learner_model_param"]["base_score"].strip("[]")))
    trees = []
    for described in learner["gradient_booster"]["model"]["trees"]:
        tree = Tree()
        for number, left in enumerate(described["left_children"]):
            condition = np.float32(described["split_conditions"][number])
            if left < 0:
                tree.add_leaf(float(condition))
                continue
            # A value goes left if it is lower than the condition.
            threshold = float(np.nextafter(condition, np.float32(-np.inf)))
            missing: Missing = "left" if described["default_left"][number] else "right"
            tree.add_node(described["split_indices"][number], threshold, missing)
            tree.left[number], tree.right[number] = left, described["right_children"][number]
        trees.append(tree)
    bias = float(np.log(base)) if learner["objective"]["name"] in _LOG_LINKS else base
    return TreeModel(trees, bias, is_single=True)


def _catboost(model: CatBoostModel) -> TreeModel:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.regressor.save_model(str(path), format="json")
        described = json.loads(path.read_text(encoding="utf-8"))
    features = described["features_info"]["float_features"]
    scale, (bias,) = described["scale_and_bias"]
    column = {each["feature_index"]: each["flat_feature_index"] for each in features}
    is_true = {each["feature_index"] for each in features if each["nan_value_treatment"] == "AsTrue"}

    trees = []
    for oblivious in described["oblivious_trees"]:
        splits = oblivious.get("splits") or []
        indices = [split["float_feature_index"] for split in splits]
        missing: list[Missing] = ["right" if index in is_true else "left" for index in indices]
        borders, values = [split["border"] for split in splits], [scale * value for value in oblivious["leaf_values"]]
        trees.append(ObliviousTree([column[index] for index in indices], borders, missing, values))
    return TreeModel(trees, bias, is_single=True)


_FORMATS: dict[type[Model], Callable[[Any], TreeModel]] = {
    LightGBMModel: _lightgbm,
    XGBoostModel: _xgboost,
    CatBoostModel: _catboost,
}
