"""How much worse blends are than the best non-negative blend on the true values.

    python -m benchmarks.blend_weights [--seeds 1 2] [--sessions 20000] [--data demo journey]

Makes the data with each seed, and four quick runs on it that differ in their learner, one of them also in its metric.
Blends their files with equal weights, with weights from out-of-fold predictions, and with weights from returned scores:
those of all sessions, and of a random 30% of them, as of a public leaderboard. Prints one line per blend: its weights,
its mean squared error, and how much higher that is than the lowest one of any non-negative weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import nnls

from benchmarks.quick import core
from core.schema import SESSION_VALUE, USER_SESSION

Vector = NDArray[np.float64]

_RUNS = (
    ("--learners", "lightgbm"),
    ("--learners", "xgboost", "--seed", "8"),
    ("--learners", "linear"),
    ("--learners", "catboost", "--metric", "mae"),
)
_PUBLIC = 0.3
"""Share of the sessions on which a public score is computed."""


def main() -> None:
    """Print one line per blend, and the largest loss of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sessions", default="20000")
    parser.add_argument("--data", nargs="+", default=["demo", "journey"])
    options = parser.parse_args()
    losses: dict[str, list[float]] = {}
    for data in options.data:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as scratch:
                for blend, loss in measure(data, seed, options.sessions, Path(scratch)).items():
                    losses.setdefault(blend, []).append(loss)
    for blend, values in losses.items():
        print(f"{blend:24} mean {np.mean(values):.1%}, largest {max(values):.1%} above the best")


def measure(data: str, seed: int, sessions: str, scratch: Path) -> dict[str, float]:
    """Return blend -> how much higher its error is than that of the best blend, as a share."""
    files, home = scratch / data, scratch / "home"
    core(data, "--out", str(files), "--sessions", sessions, "--seed", str(seed), home=home)
    inputs = [f"--{part}={files / part.replace('-', '_')}.csv" for part in ("train", "test", "sample-submission")]
    runs = [core("run", "--preset", "quick", *inputs, *settings, home=home)[0] for settings in _RUNS]
    truth = pl.read_csv(files / "truth.csv", schema_overrides={USER_SESSION: pl.String})
    predictions = np.column_stack([_values(run["submission"], truth) for run in runs])
    actual = truth[SESSION_VALUE].to_numpy()
    best = _error(_best_blend(predictions, actual), actual)
    print(
        f"\n{data}, seed {seed}: the errors of the files are",
        ", ".join(f"{e:.1f}" for e in _scores(predictions, actual)),
    )
    print(f"{'best':24} {best:9.1f}")
    losses = {}
    for blend, arguments in _kinds(predictions, actual, seed).items():
        names = [run["run_id"] for run in runs]
        made, _ = core("blend", *names, "--run", names[0], *arguments, home=home, exit_codes=(0, 1))
        error = _error(_values(made["submission"], truth), actual)
        weights = " ".join(f"{member['weight']:.2f}" for member in made["weights"])
        losses[blend] = error / best - 1
        print(f"{blend:24} {error:9.1f} {losses[blend]:7.1%}  weights {weights}", flush=True)
    return losses


def _kinds(predictions: NDArray[np.float64], actual: Vector, seed: int) -> dict[str, list[str]]:
    """Return the options of the verb blend for each kind of blend."""
    public = np.random.default_rng(seed).random(len(actual)) < _PUBLIC
    kinds = {"equal": ["--equal"], "out of fold": ["--out-of-fold"]}
    for name, rows in (("all", np.ones_like(public)), ("public", public)):
        scores = [f"{score:.6f}" for score in _scores(predictions[rows], actual[rows])]
        zeros = f"{np.mean(actual[rows] ** 2):.6f}"
        kinds[f"scores of {name}, zeros"] = ["--score-of-zeros", zeros, "--scores", *scores]
        kinds[f"scores of {name}"] = ["--scores", *scores]
    return kinds


def _best_blend(predictions: NDArray[np.float64], actual: Vector) -> Vector:
    """Return the blend with the lowest error of all non-negative weights.

    Sessions that all files value the same are known from train, and keep their value in a blend.
    """
    is_known = np.ptp(predictions, axis=1) == 0
    weights = nnls(predictions[~is_known], actual[~is_known])[0]
    return np.where(is_known, predictions[:, 0], predictions @ weights)


def _scores(predictions: NDArray[np.float64], actual: Vector) -> list[float]:
    return [_error(column, actual) for column in predictions.T]


def _error(predicted: Vector, actual: Vector) -> float:
    return float(np.mean((predicted - actual) ** 2))


def _values(path: str, truth: pl.DataFrame) -> Vector:
    """Return the values of a file in the order of the true ones."""
    rows = pl.read_csv(path, schema_overrides={USER_SESSION: pl.String})
    joined = truth.select(USER_SESSION).join(rows, on=USER_SESSION, maintain_order="left")
    return joined[SESSION_VALUE].to_numpy()


if __name__ == "__main__":
    main()
