"""Importance and recovered prices on logs with a known law.

    python -m benchmarks.planted_truth [--sessions 40000] [--seeds 1 2 3]

The value of a session follows from the prices of its products, a budget, a factor of its user, and noise. The log has
three own columns: the budget, its copy in other units, and random numbers. The prices of purchases are compared with
the true ones. In every method, the random numbers should be weaker than every column that the value is made of.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from core.base.progress import no_report
from core.base.workspace import Workspace
from core.config import RunConfig
from core.importance import drivers
from core.importance.explanation import Explanation
from core.importance.fold_models import FoldModels, held_out_of_model
from core.importance.methods import METHODS
from core.importance.themes import themes_of
from core.ingestion import InputFiles
from core.ingestion.mapping import load_mapping
from core.model import load_model
from core.pipeline.run import run
from core.runs import Run
from core.runs.store import FOLDS_FILE, IMPORTANCE_FOLDER, PRICES_FILE
from core.schema import ADD_CART, BUY, STACK, VIEW

_SHARES = {VIEW: 0.03, ADD_CART: 0.1, BUY: 1.0}
"""Share of the price of a product that an event adds to the value."""
_BUDGET_SHARE = 0.2
_BASE_VALUE = 5.0
_REAL_DRIVERS = (
    "recovered_buy_sum",
    "recovered_add_cart_sum",
    "recovered_view_sum",
    "user_value_ratio",
    "own_budget",
    "own_budget_cents",
)
_QUANTILE = 1.645
"""Standard errors of a 90% interval."""
_BINS = ((1, 1), (2, 3), (4, 9), (10, 29), (30, 10**9))
"""Numbers of purchases of a product in training sessions."""
_MAPPING = """\
name = "planted truth"
""" + "".join(
    f'\n[own.{name}]\ncolumn = "{name}"\nkind = "number"\nlevel = "session"\n'
    for name in ("budget", "budget_cents", "random")
)


def write_log(folder: Path, sessions: int, seed: int) -> np.ndarray:
    """Write the files of a log and its mapping. Return the price of each product number."""
    rng = np.random.default_rng(seed)
    products, categories, users = sessions // 25, 40, sessions // 5
    category = rng.integers(0, categories, products)
    prices = 30 * np.exp(rng.normal(0, 0.3, categories)[category] + rng.normal(0, 0.45, products))
    popularity = rng.pareto(1.2, products) + 0.2
    user = rng.integers(0, users, sessions)
    factor = np.exp(rng.normal(0, 0.2, users) - 0.02)[user]
    session = np.repeat(np.arange(sessions), 1 + rng.geometric(0.25, sessions))
    product = rng.choice(products, len(session), p=popularity / popularity.sum())
    kind = rng.choice(list(_SHARES), len(session), p=(0.6, 0.25, 0.15))
    budget = np.round(rng.gamma(4.0, 15.0, sessions), 2)
    added = prices[product] * np.array([_SHARES[word] for word in kind])
    value = _BASE_VALUE + _BUDGET_SHARE * budget + np.bincount(session, added, sessions)
    value = np.round(value * factor * rng.gamma(20, 1 / 20, sessions), 2)
    start = rng.integers(0, 28 * 86_400, sessions)
    seconds = start[session] + 30 * (np.arange(len(session)) - np.searchsorted(session, session))
    first = datetime(2025, 6, 1)
    rows = pl.DataFrame(
        {
            "user_id": [f"USER_{number}" for number in user[session]],
            "product_id": [f"PROD_{number}" for number in product],
            "category_id": [f"CAT_{number}" for number in category[product]],
            "event_time": [(first + timedelta(seconds=int(each))).isoformat() for each in seconds],
            "event_type": kind,
            "user_session": [f"SESSION_{number}" for number in session],
            "session_value": value[session],
            "budget": budget[session],
            "budget_cents": (100 * budget)[session],
            "random": rng.random(sessions)[session],
        }
    )
    in_test = start[session] >= 21 * 86_400
    rows.filter(~pl.Series(in_test)).write_csv(folder / "train.csv")
    rows.filter(pl.Series(in_test)).drop("session_value").write_csv(folder / "test.csv")
    (folder / "mapping.toml").write_text(_MAPPING, encoding="utf-8")
    return prices


def show_prices(finished: Run, train: pl.DataFrame, prices: np.ndarray) -> None:
    """Compare the recovered prices of purchases with the true ones."""
    bought = train.filter(event_type=BUY).group_by("product_id").len("purchases")
    table = finished.table(PRICES_FILE).filter(pl.col("event_type") == BUY, pl.col("learned")).collect()
    table = table.join(bought, on="product_id")
    show_recovered_prices(
        table, prices[table.get_column("product_id").str.slice(len("PROD_")).cast(pl.Int64).to_numpy()]
    )


def show_recovered_prices(table: pl.DataFrame, true: np.ndarray) -> None:
    """Compare recovered prices with true ones, by number of purchases.

    Args:
        table: one row per product: price, standard_error, purchases.
        true: the true price of each row.
    """
    price, error, purchases = (table[name].to_numpy() for name in ("price", "standard_error", "purchases"))
    inside = np.abs(price - true) <= _QUANTILE * error
    for low, high in (*_BINS, (1, 10**9)):
        rows = (purchases >= low) & (purchases <= high)
        if rows.sum() > 1:
            print(
                f"  {low} to {min(high, purchases.max())} purchases: {rows.sum():6,} products, rank correlation "
                f"{spearmanr(price[rows], true[rows])[0]:.3f}, true price within 1.645 standard errors "
                f"{inside[rows].mean():.1%}"
            )


def show_drivers(finished: Run) -> None:
    """Print the strongest drivers, and by method the effect of the random numbers and of the weakest real driver."""
    explanation = Explanation.load(finished.folder / IMPORTANCE_FOLDER)
    ranked = drivers(explanation)
    for row in ranked.head(5).iter_rows(named=True):
        print(f"  driver {row['rank']}: {row['features'][:4]} {row['size']:.2f}")
    budgets = ranked.filter(pl.col("features").list.contains("own_budget"))
    print(f"  budget and its copy: one driver {budgets['features'].to_list()}")
    model = load_model(finished)
    rows, models = held_out_of_model(model, finished.table(FOLDS_FILE).collect()), FoldModels.of_model(model)
    themes = themes_of(models.names, model.spec.own)
    for method in METHODS:
        table = method.compute(models, rows, themes, no_report).filter(learner=STACK, method=method.code)
        values = dict(table.drop_nulls("feature").select("feature", "value").iter_rows())
        if "own_random" in values:
            weakest = min(_REAL_DRIVERS, key=lambda name: values[name])
            print(f"  {method.code}: random numbers {values['own_random']:.3g}, {weakest} {values[weakest]:.3g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=40_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    for seed in options.seeds:
        print(f"seed {seed}")
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder)
            prices = write_log(files, options.sessions, seed)
            train = pl.read_csv(files / "train.csv")
            mapping = load_mapping(files / "mapping.toml")
            inputs = InputFiles(files / "train.csv", files / "test.csv", mapping=mapping)
            finished = run(inputs, RunConfig(), Workspace(files / "home"))
            print(f"  expected MSE {finished.manifest.scores.cv_mse:.1f}")
            show_prices(finished, train, prices)
            show_drivers(finished)


if __name__ == "__main__":
    main()
