"""The expected score of files of other tools, next to the actual one.

    python -m benchmarks.foreign_files [--seeds 1 2 3] [--sessions 20000] [--environments FOLDER --minutes 2]

Makes demo and journey with each seed, runs the quick preset, and estimates the score of files that it did not make: a
constant, our own file shuffled, rounded and halved, and models on the features of a plain pandas script (ridge
regression, gradient boosting, a random forest). With `--environments`, FLAML, mljar and AutoGluon are among them; see
benchmarks.peers. Prints one line per file, and a summary.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.__main__ import predict_with_peer
from benchmarks.peers.tables import VALUE, plain_tables
from benchmarks.quick import core
from core.schema import USER_SESSION

_MODELS: dict[str, Callable[[int], object]] = {
    "ridge": lambda seed: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13))),
    "gradient boosting": lambda seed: HistGradientBoostingRegressor(
        random_state=seed, max_iter=150, learning_rate=0.06
    ),
    "random forest": lambda seed: RandomForestRegressor(150, min_samples_leaf=8, random_state=seed, n_jobs=2),
}
_PEERS = ("flaml", "mljar", "autogluon")


def files_of_others(
    files: Path, ours: pd.DataFrame, options: argparse.Namespace, seed: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and predictions of each file, with the sessions of our file."""
    rng = np.random.default_rng(seed)
    train = pd.read_csv(files / "train.csv", usecols=[USER_SESSION, VALUE], dtype={USER_SESSION: str})
    values = train.groupby(USER_SESSION)[VALUE].first()
    yield "constant", ours.assign(**{VALUE: values.mean()})
    yield "zeros", ours.assign(**{VALUE: 0.0})
    yield "ours, shuffled", ours.assign(**{VALUE: rng.permutation(ours[VALUE])})
    yield "ours, halved", ours.assign(**{VALUE: ours[VALUE] / 2})
    yield "ours, rounded to tens", ours.assign(**{VALUE: ours[VALUE].round(-1)})
    with tempfile.TemporaryDirectory() as folder:
        ids = plain_tables(files, Path(folder))
        rows, test = (pd.read_parquet(Path(folder) / f"{name}.parquet") for name in ("train", "test"))
    y = rows.pop(VALUE)
    rows, test = rows.fillna(0.0), test.fillna(0.0)
    for name, build in _MODELS.items():
        model = build(seed)
        predicted = model.fit(rows, y).predict(test)  # type: ignore[attr-defined]
        yield name, ids.assign(**{VALUE: np.maximum(predicted, 0.0)})
    for name in _PEERS if options.environments else ():
        if (options.environments / name).exists():
            predicted = predict_with_peer(name, files, options)
            yield name, predicted.assign(**{VALUE: predicted[VALUE].clip(lower=0)})


def main() -> None:
    """Print one line per file, and a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sessions", default="20000")
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--data", nargs="+", default=["demo", "journey"])
    options = parser.parse_args()
    print(f"{'data':8} {'file':22} {'actual':>9} {'expected (90%)':>32} {'off':>7}")
    rows = []
    for data in options.data:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as scratch:
                rows += measure(data, seed, Path(scratch), options)
    table = pl.DataFrame(rows)
    off = table["foreseen"] / table["actual"] - 1
    inside = ((table["low"] <= table["actual"]) & (table["actual"] <= table["high"])).mean()
    print(
        f"mean error {off.abs().mean():.1%}, bias {off.mean():.1%}, largest {off.abs().max():.1%}; inside {inside:.0%}"
    )


def measure(data: str, seed: int, scratch: Path, options: argparse.Namespace) -> list[dict[str, float | str]]:
    """Run once, and return one row per file."""
    files, home = scratch / data, scratch / "home"
    core(data, "--out", str(files), "--sessions", options.sessions, "--seed", str(seed), home=home)
    inputs = [f"--{part}={files / part.replace('-', '_')}.csv" for part in ("train", "test", "sample-submission")]
    summary, _ = core("run", "--preset", "quick", *inputs, home=home)
    ours = pd.read_csv(summary["submission"], dtype={USER_SESSION: str})
    truth = pd.read_csv(files / "truth.csv", dtype={USER_SESSION: str}).set_index(USER_SESSION)[VALUE]
    rows = []
    for name, predicted in [("ours", ours), *files_of_others(files, ours, options, seed)]:
        by_session = predicted.groupby(USER_SESSION)[VALUE].sum().reindex(ours[USER_SESSION])
        path = scratch / "file.csv"
        by_session.reset_index().to_csv(path, index=False)
        checked, _ = core("check", str(path), "--run", summary["run_dir"], home=home, exit_codes=(0, 1))
        actual = float(((by_session - truth.reindex(by_session.index)) ** 2).mean())
        score = checked["expected_score"]
        rows.append(
            {
                "data": data,
                "file": name,
                "actual": actual,
                "foreseen": score["value"],
                "low": score["low"],
                "high": score["high"],
            }
        )
        interval = f"{score['value']:.1f} ({score['low']:.1f} to {score['high']:.1f})"
        print(f"{data:8} {name:22} {actual:9.1f} {interval:>32} {score['value'] / actual - 1:7.1%}", flush=True)
    return rows


if __name__ == "__main__":
    main()
