"""Explanations: their cost, the error of stretched effects, and recovered prices against the hidden ones of the demo.

    python -m benchmarks.importance [--sessions 101500] [--seed 7]

The data are a demo, on which a quick run is made. The hidden price of a product is known from its simulation; purchases
add it to the value, up to a factor. Seconds are those of the processor, on all threads together.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from core.base.progress import no_report
from core.base.workspace import Workspace
from core.config import RunConfig
from core.demo import Shop, n_lost_sessions, write_demo
from core.importance.effects import effect_curves
from core.importance.fold_models import FoldModels, held_out_of_model
from core.importance.methods import METHODS
from core.importance.themes import themes_of
from core.ingestion import InputFiles
from core.model import load_model
from core.pipeline.run import run
from core.runs import Run
from core.runs.store import FOLDS_FILE, PRICES_FILE
from core.schema import STACK

_CURVES = 8
_BINS = ((1, 1), (2, 3), (4, 9), (10, 29), (30, 10**9))
"""Numbers of purchases of a product."""
_QUANTILE = 1.645
"""Standard errors of a 90% interval."""


def processor_seconds(compute: Callable[[], pl.DataFrame]) -> tuple[pl.DataFrame, float]:
    """Return a result and the seconds that it took."""
    start = time.process_time()
    result = compute()
    return result, time.process_time() - start


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
    top = tables["shap"].filter(learner=STACK).sort("value", descending=True)["feature"].head(_CURVES).to_list()
    _, seconds = processor_seconds(lambda: effect_curves(models, rows, top))
    print(f"{'effect curves':20} {seconds:6.2f} s  in every run")
    totals = tables["sampled_shapley"].group_by("method", "learner").agg(pl.col("value").sum())
    sizes = {(method, learner): value for method, learner, value in totals.iter_rows()}
    for learner in models.learners:
        share = sizes["stretching", learner] / sizes["sampled_shapley", learner]
        print(f"stretching of {learner:10} {share:.1%} of the effects")


def show_prices(finished: Run, shop: Shop) -> None:
    """Compare the recovered prices of purchases with the hidden prices, by number of purchases."""
    table = finished.table(PRICES_FILE).filter(pl.col("event_type") == "BUY", pl.col("learned")).collect()
    numbers = table.get_column("product_id").str.slice(len("PROD_")).cast(pl.Int64).to_numpy()
    hidden, price = np.asarray(shop.catalogue.prices)[numbers], table["price"].to_numpy()
    events, error = table["events"].to_numpy(), table["standard_error"].to_numpy()
    factor = float((price * events).sum() / (hidden * events).sum())
    for low, high in _BINS:
        rows = (events >= low) & (events <= high)
        if rows.sum() > 1:
            inside = np.abs(price - factor * hidden)[rows] <= _QUANTILE * error[rows]
            correlation = spearmanr(price[rows], hidden[rows])[0]
            print(
                f"products with {low} to {min(high, int(events.max()))} purchases: {rows.sum():6,}  rank correlation "
                f"{correlation:.3f}, hidden price within 1.645 standard errors {inside.mean():.1%}"
            )


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
        show_prices(finished, Shop.open(options.seed, options.sessions + sum(n_lost_sessions(options.sessions)) - 1))


if __name__ == "__main__":
    main()
