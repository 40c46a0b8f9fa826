"""Recovered prices: right on sums of prices, features against plain Python, never learned from what they tell."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.features.learned.catalogue import learned_features
from core.features.learned.prices import PRICE_FEATURES, Baskets, PriceModel, Prices, price_features
from core.features.learned.user_values import Sessions
from core.importance import price_finding, prices_by_product, standard_errors
from core.runs import Run
from core.runs.store import PRICES_FILE
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_TYPES, REMOVE_CART, ROLES, VIEW
from core.training import Training, TrainingSet, prepare, train
from core.training import learned_columns as fold_columns
from core.training.certificate import shuffled_target
from core.training.folds import FoldKind, Folds, make_folds
from core.training.learned_columns import Times, learn_columns

NAMES = [feature.name for feature in PRICE_FEATURES]
RAW = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 3)), max_size=30)


def events_of(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    """(session, product, event type); the category hangs on the product."""
    columns = {
        "unit": [row[0] * 10 for row in rows],
        "product": [row[1] for row in rows],
        "category": [row[1] % 2 for row in rows],
        "type": [row[2] for row in rows],
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Int64))


def shop(seed: int, sessions: int = 1_500, noise: float = 1.0) -> tuple[Baskets, np.ndarray, np.ndarray, np.ndarray]:
    """Sessions that are worth the sum of what their events are worth: baskets, values, users, prices of products."""
    draws = np.random.default_rng(seed)
    prices = draws.uniform(5, 60, 40)
    effect = np.array([0.05, 0.4, -0.05, 1.0])
    counts = draws.integers(1, 5, sessions)
    rows = np.repeat(np.arange(sessions), counts)
    product, kind = draws.integers(0, 40, len(rows)), draws.choice(4, len(rows), p=[0.4, 0.3, 0.2, 0.1])
    values = np.bincount(rows, prices[product] * effect[kind]) + 20 + draws.normal(0, noise, sessions)
    events = pl.DataFrame({"unit": rows, "product": product, "category": product % 4, "type": kind})
    return Baskets.of(events, np.arange(sessions)), values, draws.integers(0, sessions // 2, sessions), prices


# --- the features against plain Python -----------------------------------------------------------------------------
def plainly(rows: list[tuple[int, int, int]], session: int, price: dict[tuple[int, int], float], seen: set) -> list:
    mine = [row[1:] for row in rows if row[0] == session]
    worth = [price[each] for each in mine]
    by_type = [[price[each] for each in mine if each[1] == code] for code in range(len(EVENT_TYPES))]
    return [
        2.5 + sum(worth),
        sum(worth) / len(worth) if worth else None,
        max(worth, default=None),
        *(sum(each) for each in by_type),
        *(max(each, default=None) for each in by_type),
        sum(each in seen for each in mine) / len(mine) if mine else None,
    ]


@settings(deadline=None, derandomize=True, max_examples=120)
@given(rows=RAW, seed=st.integers(0, 99))
def test_the_features_are_those_of_plain_python(rows: list[tuple[int, int, int]], seed: int) -> None:
    baskets = Baskets.of(events_of(rows), np.arange(6) * 10)
    draws = np.random.default_rng(seed)
    sizes = baskets.items.height, baskets.groups
    item, group, kind = (draws.normal(size=size) for size in (*sizes, 4))
    prices = Prices(2.5, item, group, kind, draws.random(sizes[0]) < 0.5)
    items = [tuple(item) for item in baskets.items.select("product", "type").iter_rows()]
    groups = sorted({(product % 2, kind) for _, product, kind in rows})
    price = {
        item: prices.item[place] + prices.group[groups.index((item[0] % 2, item[1]))] + prices.kind[item[1]]
        for place, item in enumerate(items)
    }
    seen = {item for place, item in enumerate(items) if prices.seen[place]}
    found = price_features(baskets, prices)
    assert found.shape == (6, len(NAMES))
    for session in range(6):
        expected = [np.nan if cell is None else cell for cell in plainly(rows, session, price, seen)]
        assert found[session].tolist() == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_events_in_any_order_give_the_same_baskets() -> None:
    rows = [(session % 6, session % 5, session % 4) for session in range(40)]
    baskets, turned = (Baskets.of(events_of(each), np.arange(6) * 10) for each in (rows, rows[::-1]))
    for name in ("row", "item", "group", "kind"):
        assert np.array_equal(getattr(baskets, name), getattr(turned, name))
    assert baskets.items.equals(turned.items)


# --- the prices ----------------------------------------------------------------------------------------------------
def test_prices_that_the_values_were_made_of_are_found_again() -> None:
    baskets, values, _, prices = shop(3, sessions=6_000)
    found = PriceModel(baskets).fit(np.arange(baskets.rows), values)
    bought = baskets.kind == EVENT_CODE[BUY]
    product = baskets.items.get_column("product").to_numpy()[baskets.item[bought]]
    price = found.of_events(baskets)
    assert np.corrcoef(price[bought], prices[product])[0, 1] > 0.98
    assert found.base == pytest.approx(20, abs=1.5)
    for word, effect in ((VIEW, 0.05), (ADD_CART, 0.4), (REMOVE_CART, -0.05), (BUY, 1.0)):
        assert price[baskets.kind == EVENT_CODE[word]].mean() == pytest.approx(effect * prices.mean(), abs=1.5)


def test_a_product_that_was_never_learned_has_the_price_of_its_category_and_type() -> None:
    events = events_of([(session, session % 3, EVENT_CODE[VIEW]) for session in range(6)])
    baskets = Baskets.of(events, np.arange(6) * 10)
    rows = np.array([0, 1, 3, 4])  # product 2, of the category of product 0, is in none of them
    found = PriceModel(baskets).fit(rows, np.array([10.0, 4.0, 10.0, 4.0]))
    unseen = baskets.items.get_column("product").to_list().index(2)
    assert found.seen.tolist() == [True, True, False]
    assert found.item[unseen] == 0
    assert found.of_events(baskets)[2] == found.group[baskets.group[2]] + found.kind[EVENT_CODE[VIEW]]


# --- honesty -------------------------------------------------------------------------------------------------------
def columns_with(values: np.ndarray, baskets: Baskets, users: np.ndarray, folds: Folds) -> tuple:
    made = learn_columns(baskets, values, folds)
    return made.train, made.test


@pytest.mark.parametrize("kind", ["user", "forward"])
@pytest.mark.parametrize("sessions", [9, 16, 40])
def test_however_few_users_there_are_each_inner_fold_leaves_some_to_learn_from(sessions: int, kind: FoldKind) -> None:
    baskets, values, _, _ = shop(5, sessions=sessions)
    users, starts = np.arange(sessions), np.arange(sessions) * 1_000
    for seed in range(8):
        folds = make_folds(users, 2, seed, kind=kind, starts=starts, users_per_fold=3)
        made = learn_columns(baskets, values[:sessions], folds)
        assert all(np.isfinite(each[:, -1]).all() for each in (*made.train, *made.test)), "what learners start from"


@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_value_of_a_fold_is_in_the_columns_that_its_models_see(count: int) -> None:
    baskets, values, users, _ = shop(5, sessions=600)
    folds = make_folds(users[:500], count, 7)
    for fold in range(count):
        changed = values[:500].copy()
        changed[folds.fold_of == fold] *= 3
        (before, tests), (after, tests_after) = (
            columns_with(each, baskets, users[:500], folds) for each in (values[:500], changed)
        )
        assert np.array_equal(before[fold], after[fold], equal_nan=True)
        assert np.array_equal(tests[fold], tests_after[fold], equal_nan=True)
        assert not np.array_equal(before[(fold + 1) % count], after[(fold + 1) % count], equal_nan=True)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("power", fold_columns._POWERS)
def test_no_training_row_is_told_its_own_value_nor_one_of_its_user(
    count: int, power: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for which power serves all training rows of the fold together; here there is one to choose from."""
    monkeypatch.setattr(fold_columns, "_POWERS", (power,))
    baskets, values, users, _ = shop(6, sessions=400)
    folds = make_folds(users, count, 7)
    before, _ = columns_with(values, baskets, users, folds)
    for user in np.unique(users)[:6]:
        changed = np.where(users == user, values * 5, values)
        after, _ = columns_with(changed, baskets, users, folds)
        for fold in range(count):
            mine = users == user
            assert np.array_equal(before[fold][mine], after[fold][mine], equal_nan=True)


def rows_of(sessions: int, asked: int) -> TrainingSet:
    """Training rows that know nothing but what their events are and whose; the last ones are to be predicted."""
    baskets, values, users, _ = shop(8, sessions=sessions, noise=8.0)
    rows, constant, starts = sessions - asked, np.zeros((sessions, 1)), np.arange(sessions) * 60
    known, wanted = slice(None, rows), slice(rows, None)
    return TrainingSet(
        units=np.arange(rows),
        users=users[known],
        X=constant[known],
        y=values[known],
        test_units=np.arange(rows, sessions),
        X_test=constant[wanted],
        classes=np.zeros(rows, np.int64),
        test_classes=np.zeros(asked, np.int64),
        names=["nothing"],
        times=Times(*(Sessions(users[part], starts[part], starts[part] + 30) for part in (known, wanted))),
        baskets=baskets,
    )


@pytest.fixture(scope="module")
def training() -> Training:
    return train(prepare(rows_of(2_100, 300), RunConfig(folds=3)), known_share=0.0)


def test_a_run_learns_from_recovered_prices(training: Training) -> None:
    learned = [each.feature.name for each in learned_features()]
    assert training.names == ["nothing", *learned]
    assert learned[: len(NAMES)] == NAMES
    assert training.cv_mse < 0.8 * np.var(training.data.y)
    assert training.fold_matrix(1, np.array([4, 7])).shape == (2, 1 + len(learned))


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_shuffled_target_scores_at_chance_with_everything_that_is_learned_from_values(
    training: Training, seed: int
) -> None:
    data = rows_of(10_000, 0)
    context = dataclasses.replace(training.context, seed=seed)
    check = shuffled_target(
        dataclasses.replace(training, data=data, folds=make_folds(data.users, 5, seed), context=context)
    )
    assert check.outcome == "passed"
    assert -0.02 < float(check.explanation.split(" is ")[1].split(";")[0]) < 0.02


# --- as a result to look at ----------------------------------------------------------------------------------------
def test_a_run_tells_what_an_event_on_each_product_is_worth(finished: tuple[Workspace, Run]) -> None:
    workspace, run = finished
    table = run.table(PRICES_FILE).collect()
    dataset = Dataset(workspace.datasets / run.manifest.dataset)
    used = dataset.units().filter(~pl.col("composite") | (pl.col("role") == 1)).select("unit")
    events = pl.concat([dataset.events(role) for role in ROLES]).join(used, on="unit", how="semi")
    counted = events.group_by("product", "type").len().collect()
    assert table.height == counted.height
    assert sorted(table.get_column("events")) == sorted(counted.get_column("len"))
    assert table.get_column("price").is_finite().all()
    assert table.get_column("events").is_sorted(descending=True)
    wide = prices_by_product(table, 5)
    assert wide.height == 5
    first = wide.row(0, named=True)
    of_first = table.filter(pl.col("product_id") == first["product_id"])
    assert first["events"] == of_first.get_column("events").sum()
    told = of_first.select("event_type", pl.struct("price", "standard_error", "events", "learned"))
    assert {word: first[word] for word in of_first.get_column("event_type")} == dict(told.iter_rows())
    dear = table.filter(pl.col("event_type") == "BUY", pl.col("learned")).sort("price", descending=True)
    by_price = prices_by_product(table, 4, "price")
    assert [row["price"] for row in by_price.get_column("BUY")] == dear.get_column("price").to_list()[:4]
    assert (table.get_column("standard_error") >= 0).all()
    older = prices_by_product(table.drop("standard_error"), 5)
    assert older.row(0, named=True)["VIEW"] == first["VIEW"] | {"standard_error": None}
    assert price_finding(table).startswith("On average, one event adds this many value units to its session: BUY ")


def test_the_error_told_of_a_price_is_how_far_it_misses() -> None:
    rng = np.random.default_rng(7)
    true, sessions, products = rng.gamma(4.0, 2.0, 12), 3_000, 12
    bought = rng.poisson(0.5, (sessions, products))
    y = bought @ true + rng.normal(0, 6, sessions)
    units, of = np.nonzero(bought)
    units, of = np.repeat(units, bought[units, of]), np.repeat(of, bought[units, of])
    columns = {"unit": units, "product": of, "category": of // 4, "type": np.full(len(of), 3)}
    baskets = Baskets.of(pl.DataFrame(columns), np.arange(sessions))
    learned = learn_columns(baskets, y, make_folds(np.arange(sessions), 5, 0))
    errors = standard_errors([each.of_items(baskets) for each in learned.prices_without])
    assert errors is not None
    missed = (learned.prices.of_items(baskets) - true) / errors
    assert 0.4 < np.sqrt(np.mean(missed**2)) < 2.5
    assert standard_errors([]) is None
