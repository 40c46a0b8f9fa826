"""Importance methods on models whose importance is known: by hand, by brute force, or by slow plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from math import factorial, sqrt

import numpy as np
import polars as pl
import pytest

from core.importance.effects import effect_curves, interval_ends
from core.importance.fold_models import FoldModels, FoldRows
from core.importance.methods import METHODS, Method
from core.importance.methods.definition import SCHEMA
from core.importance.methods.group_shapley import all_coalitions, exact_shapley, shapley_of_themes
from core.importance.methods.interactions import second_differences
from core.importance.methods.permutation import error_rises
from core.importance.methods.sampled_shapley import sampled_shapley
from core.importance.themes import BOUGHT, BROWSING, CART, TIME
from core.schema import STACK
from core.training.fitting import FittedLearner
from core.training.stacking import Stack
from core.training.targets import Link

NAMES = ["n_buy", "n_add_cart", "n_view", "duration", "gap_mean"]
THEMES = [BOUGHT, CART, BROWSING, TIME, TIME]
USED = [BOUGHT, CART, BROWSING, TIME]
Function = Callable[[np.ndarray], np.ndarray]


class Known:
    """A model that is a function of the row; its own contributions are those of a sum of columns."""

    rounds = 1

    def __init__(self, function: Function) -> None:
        self._function = function

    def raw(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self._function(X), dtype=np.float64)

    def contributions(self, X: np.ndarray) -> np.ndarray:
        mean = X.mean(axis=0)
        return np.column_stack([X - mean, np.full(len(X), mean.sum())])

    def gain(self) -> np.ndarray:
        return np.ones(len(NAMES))


def models_of(function: Function, link: Link | None = None, n_fits: int = 2) -> FoldModels:
    fitted = FittedLearner(Known(function), link or Link("identity"))  # type: ignore[arg-type]
    stack = Stack(np.array([1.0]), 0.0, None, np.empty(0), lower_bound=-np.inf)
    return FoldModels(NAMES, 0, {"lightgbm": [fitted] * n_fits}, stack, (), n_fits)


def rows_of(function: Function, n_rows: int = 60, n_folds: int = 2, noise: float = 0.0) -> list[FoldRows]:
    rng = np.random.default_rng(3)
    parts = []
    for fold in range(n_folds):
        X = rng.normal(size=(n_rows, len(NAMES)))
        X[:, 1] = 0.8 * X[:, 0] + 0.6 * X[:, 1]
        y = function(X) + noise * rng.normal(size=n_rows)
        parts.append(FoldRows(fold, np.arange(n_rows) + fold * n_rows, X, y))
    return parts


def additive(X: np.ndarray) -> np.ndarray:
    return 3.0 * X[:, 0] + X[:, 1] ** 2 - X[:, 3]


def interacting(X: np.ndarray) -> np.ndarray:
    return 3.0 * X[:, 0] * X[:, 1] + X[:, 1] * np.sin(X[:, 2]) + X[:, 3] * X[:, 4] + X[:, 0]


def drawn(function: Function, part: FoldRows, n_explained: int, n_background: int) -> tuple[list[int], list[int]]:
    """The explained sessions and their background sessions, which come from classes of similar predictions."""
    rng, n_rows = np.random.default_rng(0), len(part.y)
    ranked = sorted(range(n_rows), key=lambda row: float(function(part.X[[row]])[0]))
    chance_of_row, explained, background = rng.random(n_explained), [], []
    for place, chance in enumerate(chance_of_row):
        for number in range(n_background):
            explained.append(ranked[int((place + chance) / n_explained * n_rows)])
            background.append(ranked[int((number + rng.random()) / n_background * n_rows)])
    return explained, background


# --- Shapley values of themes -------------------------------------------------------------------------------------


def test_shapley_values_of_themes_equal_the_average_over_all_orders() -> None:
    part = rows_of(interacting, 30)[0]
    found = shapley_of_themes(models_of(interacting), part, THEMES, USED, n_explained=7)[STACK]
    explained, background = drawn(interacting, part, 7, 8)
    columns = [[0], [1], [2], [3, 4]]
    expected = np.zeros((7, 4))
    for place, (row, other) in enumerate(zip(explained, background, strict=True)):
        for order in permutations(range(4)):
            cells = part.X[other].copy()
            for theme in order:
                before = interacting(cells[None])[0]
                cells[columns[theme]] = part.X[row, columns[theme]]
                expected[place // 8, theme] += (interacting(cells[None])[0] - before) / (8 * factorial(4))
    assert found == pytest.approx(expected, abs=1e-12)


def test_shapley_values_add_up_and_a_theme_without_effect_has_none() -> None:
    coalitions = all_coalitions(3)
    values = np.array([[int(coalition[:2].sum()) ** 2] for coalition in coalitions], dtype=float)
    assert exact_shapley(values, coalitions) == pytest.approx(np.array([[2.0, 2.0, 0.0]]))


# --- permutation --------------------------------------------------------------------------------------------------


def test_the_rise_of_the_error_is_that_of_shuffled_cells() -> None:
    part = rows_of(additive, 50, noise=1.0)[0]
    found = error_rises(models_of(additive), part, [[0], [3, 4], [2]], repeats=2)[STACK]
    rng = np.random.default_rng(0)
    before = sqrt(sum((p - y) ** 2 for p, y in zip(additive(part.X), part.y, strict=True)) / 50)
    for place, columns in enumerate([[0], [3, 4], [2]]):
        errors = []
        for _ in range(2):
            X, order = part.X.copy(), rng.permutation(50)
            for row in range(50):
                for column in columns:
                    X[row, column] = part.X[order[row], column]
            errors.append(sqrt(sum((p - y) ** 2 for p, y in zip(additive(X), part.y, strict=True)) / 50))
        assert found[place] == pytest.approx(sum(errors) / 2 - before, abs=1e-12)
    assert found[2] == pytest.approx(0.0, abs=1e-12)


# --- effect curves ------------------------------------------------------------------------------------------------


def ale_by_hand(function: Function, part: FoldRows, column: int, edges: Sequence[float]) -> list[float]:
    """Accumulated local effects, session by session."""
    local: list[list[float]] = [[] for _ in edges[1:]]
    places = []
    for row in part.X:
        place = next((number for number, edge in enumerate(edges[1:]) if row[column] <= edge), len(edges) - 2)
        low, high = row.copy(), row.copy()
        low[column], high[column] = edges[place], edges[place + 1]
        local[place].append(float(function(high[None])[0] - function(low[None])[0]))
        share = (min(max(row[column], edges[0]), edges[-1]) - edges[place]) / (edges[place + 1] - edges[place])
        places.append((place, share))
    curve = [0.0]
    for effects in local:
        curve.append(curve[-1] + (sum(effects) / len(effects) if effects else 0.0))
    mean = sum((1 - share) * curve[place] + share * curve[place + 1] for place, share in places) / len(places)
    return [each - mean for each in curve]


def test_an_effect_curve_is_the_mean_of_the_accumulated_local_effects_of_the_folds() -> None:
    rows = rows_of(interacting, 80)
    table = effect_curves(models_of(interacting), rows, ["n_add_cart"])
    edges = table.get_column("x").to_list()
    by_fold = [ale_by_hand(interacting, part, 1, edges) for part in rows]
    expected = [(one + other) / 2 for one, other in zip(*by_fold, strict=True)]
    assert table.get_column("effect").to_list() == pytest.approx(expected, abs=1e-9)
    widths = [6.3138 * abs(one - other) / 2 for one, other in zip(*by_fold, strict=True)]  # t with 1 degree of freedom
    assert (table["high"] - table["effect"]).to_list() == pytest.approx(widths, rel=1e-3, abs=1e-9)
    assert table.get_column("sessions").sum() == 160


def test_correlated_features_do_not_bend_the_curve_of_a_sum() -> None:
    rows = rows_of(additive, 200)
    table = effect_curves(models_of(additive), rows, ["n_buy", "n_view"])
    slopes = table.filter(feature="n_buy").select(pl.col("effect").diff() / pl.col("x").diff()).to_series().drop_nulls()
    assert slopes.to_list() == pytest.approx([3.0] * len(slopes))
    assert table.filter(feature="n_view").get_column("effect").to_list() == pytest.approx([0.0] * 17, abs=1e-12)


def test_a_frequent_value_is_an_end_of_its_own_and_leaves_the_others_to_the_rest() -> None:
    values = np.concatenate([np.zeros(900), np.arange(1.0, 101.0)])
    ends = interval_ends(values)
    assert ends[0] == 0.0
    assert len(ends) == 18
    assert not len(interval_ends(np.full(5, np.nan)))


def test_sessions_at_a_frequent_value_have_its_effect() -> None:
    rows = rows_of(additive, 200)
    for part in rows:
        part.X[:170, 0] = 0.0
        part.X[170:, 0] = np.linspace(5, 10, 30)
    table = effect_curves(models_of(additive), rows, ["n_buy"])
    assert table.filter(x=0.0)["effect"].to_list() == pytest.approx([-3.0 * 7.5 * 30 / 200], abs=1e-2)


def test_missing_and_constant_features() -> None:
    rows = rows_of(additive, 40)
    for part in rows:
        part.X[:, 2], part.X[::2, 3] = 5.0, np.nan
    table = effect_curves(models_of(lambda X: np.nan_to_num(additive(X))), rows, ["n_view", "duration"])
    assert table.get_column("feature").unique().to_list() == ["duration"]
    assert table.get_column("sessions").sum() == 40


# --- interactions -------------------------------------------------------------------------------------------------


def test_a_sum_has_no_interactions_and_a_product_those_of_its_cells() -> None:
    part = rows_of(additive, 40)[0]
    assert second_differences(models_of(additive), part, [0, 1, 3]) == pytest.approx(np.zeros(3), abs=1e-9)
    found = second_differences(models_of(lambda X: X[:, 0] * X[:, 3]), part, [0, 3, 4], n_rows=10)
    explained, background = drawn(lambda X: X[:, 0] * X[:, 3], part, 10, 3)
    products = [
        abs((part.X[i, 0] - part.X[j, 0]) * (part.X[i, 3] - part.X[j, 3]))
        for i, j in zip(explained, background, strict=True)
    ]
    assert found == pytest.approx([sum(products) / len(products), 0.0, 0.0], abs=1e-9)


# --- sampled Shapley values and stretching ------------------------------------------------------------------------


def test_sampled_shapley_values_of_a_sum_are_exact_and_need_no_stretching() -> None:
    part = rows_of(additive, 40)[0]
    exact, stretched = sampled_shapley(models_of(additive), part, n_rows=6)
    explained, background = (np.reshape(each, (6, 4)) for each in drawn(additive, part, 6, 4))
    parts = np.column_stack([3 * part.X[:, 0], part.X[:, 1] ** 2, 0 * part.X[:, 2], -part.X[:, 3], 0 * part.X[:, 4]])
    expected = parts[explained[:, 0]] - parts[background].mean(axis=1)
    assert exact[STACK] == pytest.approx(expected, abs=1e-9)
    assert stretched["lightgbm"] == pytest.approx(expected, abs=1e-9)


def test_stretching_is_exact_for_squares_of_sums_and_not_for_interactions() -> None:
    def positive(X: np.ndarray) -> np.ndarray:
        return np.asarray(20.0 + X[:, 0] - X[:, 1] + 2 * X[:, 3])

    part = rows_of(positive, 40)[0]
    exact, stretched = sampled_shapley(models_of(positive, Link("square")), part, n_rows=6)
    assert exact["lightgbm"].sum(axis=1) == pytest.approx(stretched["lightgbm"].sum(axis=1))
    assert stretched["lightgbm"] == pytest.approx(exact["lightgbm"], abs=1e-9)
    exact, stretched = sampled_shapley(models_of(lambda X: 20 + interacting(X), Link("square")), part, n_rows=6)
    assert np.abs(stretched["lightgbm"] - exact["lightgbm"]).max() > 1.0


# --- all methods --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.code)
def test_every_method_returns_long_rows_and_ranks_a_feature_without_effect_last(method: Method) -> None:
    rows = rows_of(lambda X: 9 * X[:, 0] + 4 * X[:, 1] + 2 * X[:, 3] + 2 * X[:, 4])
    models = models_of(lambda X: 9 * X[:, 0] + 4 * X[:, 1] + 2 * X[:, 3] + 2 * X[:, 4])
    reports: list[tuple[int, int, str]] = []
    table = method.compute(models, rows, THEMES, lambda *report: reports.append(report))
    assert dict(table.schema) == SCHEMA
    assert {*table["method"]} <= {method.code, "stretching"}
    assert [report[:2] for report in reports] == [(0, 2), (1, 2), (2, 2)] or method.code == "interaction"
    of_method = table.filter(method=method.code, learner=STACK)
    assert (of_method["spread"] >= 0).all()
    if method.code in ("permutation", "sampled_shapley"):
        ranked = of_method.sort("value", descending=True).get_column("feature").to_list()
        assert (ranked[0], ranked[-1]) == ("n_buy", "n_view")
    if method.code.startswith("group"):
        ranked = of_method.sort("value", descending=True).get_column("group").to_list()
        assert (ranked[0], ranked[-1]) == (BOUGHT, BROWSING)
