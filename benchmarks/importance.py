"""Explanations: their cost, the error of stretched effects, and recovered prices against the hidden ones of the demo.

    python -m benchmarks.importance [--sessions 101500] [--seed 7]

The data are a demo, on which a quick run is made. The hidden price of a product is known from its simulation. Seconds
are those of the processor, on all threads together.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.planted_truth import show_recovered_prices
from core.base.arrays import Vector
from core.base.progress import no_report
from core.base.workspace import Workspace
from core.config import RunConfig
from core.demo import Shop, n_lost_sessions, write_demo
from core.importance.effects import effect_curves
from core.importance.fold_models import FoldModels, FoldRows, held_out_of_model
from core.importance.methods import METHODS
from core.importance.themes import themes_of
from core.ingestion import InputFiles
from core.model import load_model
from core.pipeline.run import run
from core.runs import Run
from core.runs.store import FOLDS_FILE, PRICES_FILE
from core.schema import BUY, EVENT_TYPES, STACK

_CURVES = 8
_MANY = 5_000
"""Sessions in the measurement of SHAP."""


def processor_seconds(compute: Callable[[], pl.DataFrame]) -> tuple[pl.DataFrame, float]:
    """Return a result and the seconds that it took."""
    start = time.process_time()
    result = compute()
    return result, time.process_time() - start


def repeated(part: FoldRows, n_rows: int) -> FoldRows:
    """Return as many rows by repeating those of a fold."""
    at = np.arange(n_rows) % len(part.y)
    return FoldRows(part.fit, part.units[at], part.X[at], part.y[at])


def peak_memory() -> float:
    """Return the largest memory that the process had so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def show_cost(finished: Run) -> None:
    """Print the seconds of every method, and the share of the effects that stretching moves to other features."""
    model = load_model(finished)
    rows, models = held_out_of_model(model, finished.table(FOLDS_FILE).collect()), FoldModels.of_model(model)
    themes, tables = themes_of(models.names, model.spec.own), {}
    for method in METHODS:
        tables[method.code], seconds = processor_seconds(
            lambda each=method: each.compute(models, rows, themes, no_report)
        )
        print(f"{method.code:20} {seconds:6.2f} s{'  in every run' if method.in_run else ''}", flush=True)
    many = [repeated(part, _MANY // len(rows)) for part in rows]
    start, before = time.perf_counter(), peak_memory()
    models.attribute(many)
    print(
        f"SHAP of the stack, {_MANY:,} sessions: {time.perf_counter() - start:.1f} s on the clock, peak memory "
        f"{before:.2f} GB before and {peak_memory():.2f} GB after",
        flush=True,
    )
    top = tables["shap"].filter(learner=STACK).sort("value", descending=True)["feature"].head(_CURVES).to_list()
    _, seconds = processor_seconds(lambda: effect_curves(models, rows, top))
    print(f"{'effect curves':20} {seconds:6.2f} s  in every run")
    totals = tables["sampled_shapley"].group_by("method", "learner").agg(pl.col("value").sum())
    sizes = {(method, learner): value for method, learner, value in totals.iter_rows()}
    for learner in models.learners:
        share = sizes["stretching", learner] / sizes["sampled_shapley", learner]
        print(f"stretching of {learner:10} {share:.1%} of the effects")


def added_by_purchases(train: pl.DataFrame, hidden: Vector) -> tuple[float, float]:
    """Return what a purchase adds to a value: a fixed amount, and a multiple of the hidden price of its product.

    Both are estimated by regression on the hidden prices. The fixed amount comes from events that have no row.
    """
    hidden_price = pl.Series(hidden[product_numbers(train)])
    counts = train.with_columns(hidden_price.alias("hidden")).group_by("user_session", maintain_order=True)
    types = [pl.col("event_type") == event_type for event_type in EVENT_TYPES]
    sums = counts.agg(
        *(each.sum().alias(f"n_{number}") for number, each in enumerate(types)),
        *(pl.col("hidden").filter(each).sum().alias(f"price_{number}") for number, each in enumerate(types)),
        pl.col("session_value").first(),
    )
    y = sums["session_value"].to_numpy()
    design = np.column_stack([np.ones(len(y)), sums.drop("user_session", "session_value").to_numpy()])
    expected = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    weights = 1 / np.maximum(expected, 0.1 * y.mean())  # because the noise of a value grows with it
    coefficients = np.linalg.lstsq(design * weights[:, None], y * weights, rcond=None)[0]
    buy = 1 + EVENT_TYPES.index(BUY)
    return float(coefficients[buy]), float(coefficients[buy + len(EVENT_TYPES)])


def product_numbers(table: pl.DataFrame) -> NDArray[np.int64]:
    """Return the number in each product_id."""
    return table.get_column("product_id").str.slice(len("PROD_")).cast(pl.Int64).to_numpy()


def show_prices(finished: Run, shop: Shop, train: pl.DataFrame) -> None:
    """Compare the recovered prices of purchases with the true ones, by number of purchases in the train file."""
    hidden = np.asarray(shop.catalogue.prices)
    bought = train.filter(event_type=BUY).group_by("product_id").len("purchases")
    table = finished.table(PRICES_FILE).filter(pl.col("event_type") == BUY, pl.col("learned")).collect()
    table = table.join(bought, on="product_id")
    fixed, multiple = added_by_purchases(train.drop_nulls(), hidden)
    true = fixed + multiple * hidden[product_numbers(table)]
    show_recovered_prices(table, true)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=101_500)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        write_demo(files, sessions=options.sessions, seed=options.seed)
        inputs = InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv")
        finished = run(inputs, RunConfig(), Workspace(files / "home"))
        print(f"importance step of the run: {finished.manifest.timings['importance']:.1f} s on the clock")
        show_cost(finished)
        shop = Shop.open(options.seed, options.sessions + sum(n_lost_sessions(options.sessions)) - 1)
        show_prices(finished, shop, pl.read_csv(files / "train.csv"))


if __name__ == "__main__":
    main()
