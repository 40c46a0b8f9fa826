"""Recovered prices: right where values are sums of prices, equal to plain Python, and free of leakage."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.features.learned.baskets import Baskets, Catalogue
from core.features.learned.catalogue import learned_features
from core.features.learned.price_features import PRICE_FEATURES, price_features
from core.features.learned.price_standard_errors import price_errors
from core.features.learned.prices import PriceModel, Prices, PriceSettings
from core.features.learned.ridge import ridge
from core.features.learned.user_values import Sessions
from core.importance import price_finding, prices_by_product
from core.own_columns import OwnColumn
from core.runs import Run
from core.runs.store import PRICES_FILE
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_TYPES, REMOVE_CART, ROLES, VIEW
from core.training import Training, TrainingSet, prepare, start, train
from core.training.folds import FoldKind, Folds, make_folds
from core.training.leakage_certificate import shuffled_target
from core.training.learned_columns import learn_columns
from core.training.start import Times

NAMES = [feature.name for feature in PRICE_FEATURES]
RAW = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 3)), max_size=30)


def events_of(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    """Return events from rows of (session, product, event type). The category is the product modulo 2."""
    columns = {
        "unit": [row[0] * 10 for row in rows],
        "product": [row[1] for row in rows],
        "category": [row[1] % 2 for row in rows],
        "type": [row[2] for row in rows],
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Int64))


def shop(seed: int, sessions: int = 1_500, noise: float = 1.0) -> tuple[Baskets, np.ndarray, np.ndarray, np.ndarray]:
    """Return baskets, values, users and product prices of sessions whose value is a sum of prices plus noise."""
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
def plain_features(
    rows: list[tuple[int, int, int]], session: int, price: dict[tuple[int, int], float], seen: set
) -> list:
    events = [row[1:] for row in rows if row[0] == session]
    prices = [price[event] for event in events]
    by_type = [[price[event] for event in events if event[1] == code] for code in range(len(EVENT_TYPES))]
    return [
        2.5 + sum(prices),
        sum(prices) / len(prices) if prices else None,
        max(prices, default=None),
        *(sum(of_type) for of_type in by_type),
        *(max(of_type, default=None) for of_type in by_type),
        sum(event in seen for event in events) / len(events) if events else None,
    ]


@settings(deadline=None, derandomize=True, max_examples=120)
@given(rows=RAW, seed=st.integers(0, 99))
def test_the_features_equal_those_of_plain_python(rows: list[tuple[int, int, int]], seed: int) -> None:
    baskets = Baskets.of(events_of(rows), np.arange(6) * 10)
    draws = np.random.default_rng(seed)
    sizes = baskets.items.height, baskets.groups
    item, group, kind = (draws.normal(size=size) for size in (*sizes, 4))
    share, product, category = draws.random(4), draws.normal(size=5), draws.normal(size=2)
    prices = Prices(2.5, item, group, kind, draws.random(sizes[0]) < 0.5, share, product, category)
    items = [tuple(item) for item in baskets.items.select("product", "type").iter_rows()]
    groups = sorted({(product % 2, kind) for _, product, kind in rows})
    products = list(dict.fromkeys(item[0] for item in items))
    categories = list(dict.fromkeys(group[0] for group in groups))
    price = {}
    for number, (of, type_) in enumerate(items):
        alone = item[number] + group[groups.index((of % 2, type_))] + kind[type_]
        shared = product[products.index(of)] + category[categories.index(of % 2)]
        price[of, type_] = alone + share[type_] * shared
    seen = {item for number, item in enumerate(items) if prices.seen[number]}
    features = price_features(baskets, prices)
    assert features.shape == (6, len(NAMES))
    for session in range(6):
        expected = [np.nan if cell is None else cell for cell in plain_features(rows, session, price, seen)]
        assert features[session].tolist() == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_the_order_of_events_does_not_change_the_baskets() -> None:
    rows = [(session % 6, session % 5, session % 4) for session in range(40)]
    baskets, reversed_ = (Baskets.of(events_of(order), np.arange(6) * 10) for order in (rows, rows[::-1]))
    for name in ("row", "item", "group", "kind"):
        assert np.array_equal(getattr(baskets, name), getattr(reversed_, name))
    assert baskets.items.equals(reversed_.items)


# --- the prices ----------------------------------------------------------------------------------------------------
def test_the_prices_behind_the_values_are_recovered() -> None:
    baskets, values, _, prices = shop(3, sessions=6_000)
    recovered = PriceModel(baskets).fit(np.arange(baskets.rows), values, PriceSettings())
    bought = baskets.kind == EVENT_CODE[BUY]
    product = baskets.items.get_column("product").to_numpy()[baskets.item[bought]]
    price = recovered.of_events(baskets)
    assert np.corrcoef(price[bought], prices[product])[0, 1] > 0.98
    assert recovered.base == pytest.approx(20, abs=1.5)
    for word, effect in ((VIEW, 0.05), (ADD_CART, 0.4), (REMOVE_CART, -0.05), (BUY, 1.0)):
        assert price[baskets.kind == EVENT_CODE[word]].mean() == pytest.approx(effect * prices.mean(), abs=1.5)


def test_an_unseen_product_has_the_price_of_its_category_and_type() -> None:
    events = events_of([(session, session % 3, EVENT_CODE[VIEW]) for session in range(6)])
    baskets = Baskets.of(events, np.arange(6) * 10)
    rows = np.array([0, 1, 3, 4])  # none of them has product 2, which shares the category of product 0
    recovered = PriceModel(baskets).fit(rows, np.array([10.0, 4.0, 10.0, 4.0]), PriceSettings())
    unseen = baskets.items.get_column("product").to_list().index(2)
    assert recovered.seen.tolist() == [True, True, False]
    assert recovered.item[unseen] == 0
    view = EVENT_CODE[VIEW]
    expected = recovered.group[baskets.group[2]] + recovered.kind[view] + recovered.share[view] * recovered.category[0]
    assert recovered.of_events(baskets)[2] == pytest.approx(expected)


def test_a_product_that_was_only_bought_has_its_own_price_in_the_cart() -> None:
    """Products 0 and 2 are in one category. Product 2 is the more expensive one, and was never in a cart."""
    rows = [(session, 2 * (session % 2), EVENT_CODE[BUY]) for session in range(40)]
    rows += [(session, 0, EVENT_CODE[ADD_CART]) for session in range(40, 60)]
    rows += [(session, 1, EVENT_CODE[VIEW]) for session in range(60, 80)] + [(80, 2, EVENT_CODE[ADD_CART])]
    baskets = Baskets.of(events_of(rows), np.arange(81) * 10)
    values = np.concatenate([np.tile([50.0, 90.0], 20), np.full(20, 30.0), np.full(20, 10.0)])
    recovered = PriceModel(baskets).fit(np.arange(80), values, PriceSettings())
    items = baskets.items.select("product", "type").rows()
    price = dict(zip(items, recovered.of_items(baskets), strict=True))
    assert not recovered.seen[items.index((2, EVENT_CODE[ADD_CART]))]
    assert price[2, EVENT_CODE[ADD_CART]] > price[0, EVENT_CODE[ADD_CART]] + 1


def test_a_new_product_has_the_price_of_its_brand() -> None:
    brand = OwnColumn(name="brand", level="product", kind="category", label="brand")
    season = OwnColumn(name="season", level="event", kind="category", label="season")
    products = [session % 20 for session in range(400)]
    rows = pl.DataFrame(
        {
            "unit": list(range(402)),
            "product": [*products, 20, 21],
            "category": [0] * 402,
            "type": [EVENT_CODE[BUY]] * 402,
            "own_brand": [*("premium" if product < 10 else None for product in products), "premium", None],
            "own_season": ["all"] * 402,
        }
    )
    baskets = Baskets.of(rows, np.arange(402), Catalogue.empty((brand, season)))
    values = np.array([90.0 if product < 10 else 10.0 for product in products])
    recovered = PriceModel(baskets).fit(np.arange(400), values, PriceSettings())
    with_brand, without_brand = recovered.of_sessions(baskets)[-2:]
    assert with_brand > without_brand + 20
    assert [len(each) for each in recovered.own] == [1, 0]
    assert Prices.of_arrays(recovered.arrays()).of_sessions(baskets).tolist() == recovered.of_sessions(baskets).tolist()


def test_prices_that_were_stored_without_shared_prices_stay_as_they_were() -> None:
    baskets, values, _, _ = shop(3, sessions=200)
    recovered = PriceModel(baskets).fit(np.arange(200), values, PriceSettings())
    shared = ("share", "product", "category")
    older = Prices.of_arrays({name: array for name, array in recovered.arrays().items() if name not in shared})
    expected = recovered.item[baskets.item] + recovered.group[baskets.group] + recovered.kind[baskets.kind]
    assert older.of_events(baskets) == pytest.approx(expected)


def test_the_ridge_regression_equals_its_normal_equations() -> None:
    draws = np.random.default_rng(2)
    counts, penalties, weights = draws.poisson(0.4, (300, 40)), draws.uniform(0.5, 20, 40), draws.uniform(0.2, 3, 300)
    values = counts @ draws.normal(5, 2, 40) + 30 + draws.normal(0, 1, 300)
    weights /= weights.mean()
    design = np.column_stack([np.ones(300), counts])
    normal = design.T @ (design * weights[:, None]) + np.diag([0.0, *penalties])
    base, *prices = np.linalg.solve(normal, design.T @ (weights * values))
    recovered_base, recovered = ridge(sparse.csr_matrix(counts.astype(float)), values, penalties, 7 * weights)
    assert recovered_base == pytest.approx(base, abs=0.05)
    assert recovered == pytest.approx(prices, abs=0.02)


@pytest.mark.parametrize("best", [(0.03, 0.0), (3.0, 0.5), (10.0, 1.0), (0.3, 1.0)])
def test_the_search_finds_the_settings_with_the_lowest_error(best: tuple[float, float]) -> None:
    tried: list[PriceSettings] = []

    def error(settings: PriceSettings) -> float:
        tried.append(settings)
        return abs(np.log(settings.shrinkage / best[0])) + abs(settings.power - best[1])

    assert start.lowest(error) == PriceSettings(*best)
    assert len(tried) == len(set(tried))


# --- leakage -------------------------------------------------------------------------------------------------------
def columns_with(values: np.ndarray, baskets: Baskets, users: np.ndarray, folds: Folds) -> tuple:
    columns = learn_columns(baskets, values, folds)
    return columns.train, columns.test


@pytest.mark.parametrize("kind", ["user", "forward"])
@pytest.mark.parametrize("sessions", [9, 16, 40])
def test_every_inner_fold_leaves_users_to_learn_from_even_with_few_users(sessions: int, kind: FoldKind) -> None:
    baskets, values, _, _ = shop(5, sessions=sessions)
    users, starts = np.arange(sessions), np.arange(sessions) * 1_000
    for seed in range(8):
        folds = make_folds(users, 2, seed, kind=kind, starts=starts, users_per_fold=3)
        columns = learn_columns(baskets, values[:sessions], folds)
        starts_of_learners = [matrix[:, -1] for matrix in (*columns.train, *columns.test)]
        assert np.isfinite(np.concatenate(starts_of_learners)).all()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_columns_of_a_fold_do_not_depend_on_its_values(count: int) -> None:
    baskets, values, users, _ = shop(5, sessions=600)
    folds = make_folds(users[:500], count, 7)
    for fold in range(count):
        changed = values[:500].copy()
        changed[folds.fold_of == fold] *= 3
        (before, tests), (after, tests_after) = (
            columns_with(version, baskets, users[:500], folds) for version in (values[:500], changed)
        )
        assert np.array_equal(before[fold], after[fold], equal_nan=True)
        assert np.array_equal(tests[fold], tests_after[fold], equal_nan=True)
        assert not np.array_equal(before[(fold + 1) % count], after[(fold + 1) % count], equal_nan=True)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("power", start.POWERS)
def test_the_columns_of_a_training_row_do_not_depend_on_values_of_its_user(
    count: int, power: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Except through the settings that serve the training rows of a fold best; here there is no choice."""
    monkeypatch.setattr(start, "lowest", lambda error: PriceSettings(power=power))
    baskets, values, users, _ = shop(6, sessions=400)
    folds = make_folds(users, count, 7)
    before, _ = columns_with(values, baskets, users, folds)
    for user in np.unique(users)[:6]:
        changed = np.where(users == user, values * 5, values)
        after, _ = columns_with(changed, baskets, users, folds)
        for fold in range(count):
            of_user = users == user
            assert np.array_equal(before[fold][of_user], after[fold][of_user], equal_nan=True)


def training_set_of(sessions: int, n_test: int) -> TrainingSet:
    """Return rows whose only information is their events and users; the last `n_test` are test rows."""
    baskets, values, users, _ = shop(8, sessions=sessions, noise=8.0)
    rows, constant, starts = sessions - n_test, np.zeros((sessions, 1)), np.arange(sessions) * 60
    in_train, in_test = slice(None, rows), slice(rows, None)
    return TrainingSet(
        units=np.arange(rows),
        users=users[in_train],
        X=constant[in_train],
        y=values[in_train],
        test_units=np.arange(rows, sessions),
        X_test=constant[in_test],
        classes=np.zeros(rows, np.int64),
        test_classes=np.zeros(n_test, np.int64),
        names=["nothing"],
        times=Times(*(Sessions(users[part], starts[part], starts[part] + 30) for part in (in_train, in_test))),
        baskets=baskets,
    )


@pytest.fixture(scope="module")
def training() -> Training:
    return train(prepare(training_set_of(2_100, 300), RunConfig(folds=3)), known_share=0.0)


def test_recovered_prices_improve_a_run(training: Training) -> None:
    learned = [entry.feature.name for entry in learned_features()]
    assert training.names == ["nothing", *learned]
    assert learned[: len(NAMES)] == NAMES
    assert training.cv_mse < 0.8 * np.var(training.data.y)
    assert training.fold_matrix(1, np.array([4, 7])).shape == (2, 1 + len(learned))


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_shuffled_target_scores_at_chance_with_all_learned_features(training: Training, seed: int) -> None:
    data = training_set_of(10_000, 0)
    context = dataclasses.replace(training.context, seed=seed)
    check = shuffled_target(
        dataclasses.replace(training, data=data, folds=make_folds(data.users, 5, seed), context=context)
    )
    assert check.outcome == "passed"
    assert -0.02 < float(check.explanation.split(" is ")[1].split(". ")[0]) < 0.02


# --- the price table of a run ----------------------------------------------------------------------------------------
def test_a_run_stores_a_price_for_every_product_and_event_type(finished: tuple[Workspace, Run]) -> None:
    workspace, run = finished
    table = run.table(PRICES_FILE).collect()
    dataset = Dataset(workspace.datasets / run.manifest.dataset)
    units = dataset.units()
    cut = units.filter(pl.col("known_value").is_not_null()).select("session")  # their parts in train do not train
    trained = units.filter(~pl.col("composite"), pl.col("role") == 0).join(cut, on="session", how="anti")
    used = pl.concat([trained, units.filter(pl.col("role") == 1)]).select("unit")
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
    by_type = of_first.select("event_type", pl.struct("price", "standard_error", "events", "learned"))
    assert {word: first[word] for word in of_first.get_column("event_type")} == dict(by_type.iter_rows())
    highest = table.filter(pl.col("event_type") == "BUY", pl.col("learned")).sort("price", descending=True)
    by_price = prices_by_product(table, 4, "price")
    assert [row["price"] for row in by_price.get_column("BUY")] == highest.get_column("price").to_list()[:4]
    assert (table.get_column("standard_error") >= 0).all()
    without_errors = prices_by_product(table.drop("standard_error"), 5)
    assert without_errors.row(0, named=True)["VIEW"] == first["VIEW"] | {"standard_error": None}
    assert price_finding(table).startswith("On average, one event adds this many value units to its session: BUY ")


def purchases(unit: np.ndarray, product: np.ndarray, category: np.ndarray) -> Baskets:
    """Return baskets of purchases."""
    columns = {"unit": unit, "product": product, "category": category, "type": np.full(len(unit), EVENT_CODE[BUY])}
    return Baskets.of(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Int64)), np.arange(unit.max() + 1))


@pytest.mark.parametrize("shrinkage", [0.3, 10.0])  # below and above the ratio of noise to prices, which is about 3
def test_true_prices_are_within_standard_errors_of_recovered_ones(shrinkage: float) -> None:
    rng = np.random.default_rng(7)
    sessions, products, categories = 6_000, 1_500, 30
    category = rng.integers(0, categories, products)
    true = 20 * np.exp(rng.normal(0, 0.3, categories)[category] + rng.normal(0, 0.4, products))
    popularity = rng.pareto(1.5, products) + 0.1
    unit = np.repeat(np.arange(sessions), rng.integers(1, 4, sessions))
    product = rng.choice(products, len(unit), p=popularity / popularity.sum())
    users = rng.integers(0, 2_000, sessions)
    y = (5 + np.bincount(unit, true[product])) * rng.gamma(10, 0.1, sessions)
    baskets = purchases(unit, product, category[product])
    chosen = PriceSettings(shrinkage, 0.0)
    price = PriceModel(baskets).fit(np.arange(sessions), y, chosen).of_items(baskets)
    error = price_errors(baskets, y, users, chosen)
    deviation = price - true[baskets.items.get_column("product").to_numpy()]
    bought = np.bincount(baskets.item)
    for rows in (bought <= 3, (bought > 3) & (bought < 20), bought >= 20):
        assert 0.85 < np.mean(np.abs(deviation[rows]) <= 1.645 * error[rows]) < 0.95
        assert 0.8 < np.sqrt(np.mean(error[rows] ** 2) / np.mean(deviation[rows] ** 2)) < 1.25


def test_the_standard_error_of_the_price_of_an_unseen_product_is_the_spread_of_prices_in_a_category() -> None:
    rng = np.random.default_rng(3)
    sessions, products = 4_000, 400
    true = 50 + rng.normal(0, 8, products + 1)
    product = rng.integers(0, products, sessions)
    y = 10 + true[product] + rng.normal(0, 4, sessions)
    product = np.append(product, products)  # a session to predict, with a product of its own
    baskets = purchases(np.arange(sessions + 1), product, np.zeros_like(product))
    errors = price_errors(baskets, y, np.arange(sessions), PriceSettings(1.0, 0.0))
    unseen = baskets.items.get_column("product").to_numpy() == products
    assert errors[unseen].item() == pytest.approx(8, rel=0.5)  # 20 draws of one product
    assert errors[~unseen].mean() < 3


def test_prices_of_one_user_have_standard_errors() -> None:
    baskets = purchases(np.arange(3), np.array([0, 1, 0]), np.zeros(3))
    errors = price_errors(baskets, np.array([1.0, 2.0, 4.0]), np.zeros(3, dtype=np.int64), PriceSettings())
    assert np.isfinite(errors).all()
    assert price_errors(baskets, np.ones(3), np.arange(3), PriceSettings()) == pytest.approx([0, 0])
