"""Accuracy of the expected score and coverage of the intervals, on the test files of six datasets.

    python -m benchmarks.comes_true [--seeds 7 8 9] [--minutes M]

Generates demo (101,500 sessions) and journey (60,000) with each seed, and runs the quick preset, or a tuned run with
`--minutes`, from the command line. Prints one line per dataset:

- the actual test MSE with its standard error, which no forecast can beat except by luck;
- the expected test MSE with its 90% interval, and the plain cross-validated MSE, with the relative error of both;
- the coverage of the 80% and 95% intervals, over all sessions and in the segment farthest from nominal. Segments are
  deciles of the prediction, known and new users, and the number of events.

Sessions whose value is known from train have no interval and are left out of the coverage.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quick import SETS, core
from core.runs import Run, load_run
from core.runs.store import ANSWERS_FILE

_MIN_SEGMENT = 200
"""Sessions per segment; with fewer, its coverage is too noisy."""


def measure_run(name: str, seed: int, minutes: float | None, scratch: Path) -> dict[str, float]:
    """Run once and return the figures of the line; `noise` is a share of the actual error."""
    files = scratch / f"{name}{seed}"
    core(name, "--out", str(files), *SETS[name], "--seed", str(seed), home=files / "home")
    inputs = [f"--{part}={files / part.replace('-', '_')}.csv" for part in ("train", "test", "sample-submission")]
    budget = [] if minutes is None else ["--minutes", str(minutes)]
    summary, seconds = core("run", *budget, *inputs, home=files / "home")
    run = load_run(Path(summary["run_dir"]))
    truth = pl.read_csv(files / "truth.csv", schema_overrides={"user_session": pl.String}).select(
        "user_session", pl.col("session_value").alias("truth")
    )
    rows = run.table(ANSWERS_FILE).collect().join(truth, on="user_session", how="left")
    assert rows["truth"].null_count() == 0
    losses = ((rows["session_value"] - rows["truth"]) ** 2).to_numpy()
    actual = float(losses.mean())
    expected, plain = summary["expected_test_mse"], summary["cv_mse"]
    return {
        "seconds": seconds,
        "actual": actual,
        "expected": expected["value"],
        "low": expected["low"],
        "high": expected["high"],
        "plain": plain,
        "noise": standard_error(losses) / actual,
    } | coverage(rows, run, files)


def standard_error(losses: np.ndarray) -> float:
    """Return the standard error of the mean loss for independent sessions; clustering by user makes it larger."""
    return float(losses.std(ddof=1) / np.sqrt(len(losses)))


def coverage(rows: pl.DataFrame, run: Run, files: Path) -> dict[str, float]:
    """Return the coverage by level, over all sessions and in the segment farthest from the level."""
    test = pl.read_csv(files / "test.csv", schema_overrides={"user_session": pl.String})
    train = pl.read_csv(files / "train.csv", columns=["user_id"]).unique().with_columns(known=pl.lit(value=True))
    sessions = test.group_by("user_session").agg(pl.len().alias("events"), pl.col("user_id").first())
    sessions = sessions.join(train, on="user_id", how="left").with_columns(pl.col("known").fill_null(value=False))
    predicted = rows.filter(pl.col("source") != "known").join(sessions, on="user_session", how="left")
    decile = (predicted["session_value"].rank("ordinal") - 1) * 10 // predicted.height
    length = np.searchsorted([1, 2, 5, 10], predicted["events"].to_numpy())
    predicted = predicted.with_columns(decile.alias("decile"), pl.Series("length", length))
    shares: dict[str, float] = {}
    for level in (80, 95):
        inside = pl.col("truth").is_between(f"low_{level}", f"high_{level}")
        shares[f"inside_{level}"] = float(predicted.select(inside.mean()).item())
        segment_shares = []
        for by in ("decile", "known", "length"):
            segments = predicted.group_by(by).agg(inside.mean().alias("share"), pl.len())
            segment_shares += segments.filter(pl.col("len") >= _MIN_SEGMENT)["share"].to_list()
        shares[f"farthest_{level}"] = max(segment_shares, key=lambda share, level=level: abs(share - level / 100))
    return shares


def main() -> None:
    """Print one line per dataset and a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--minutes", type=float)
    options = parser.parse_args()
    print("data      seconds   actual (+-)  expected (90%), off     plain, off  80: all, farthest  95: all, farthest")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in SETS:
            for seed in options.seeds:
                row = measure_run(name, seed, options.minutes, Path(scratch))
                rows.append(row)
                off, plain = row["expected"] / row["actual"] - 1, row["plain"] / row["actual"] - 1
                expected = f"{row['expected']:8.1f} ({row['low']:.0f} to {row['high']:.0f})"
                start = f"{name:7}{seed:2}  {row['seconds']:7.1f}  {row['actual']:7.1f} {row['noise']:4.1%}  {expected}"
                print(
                    start.ljust(59)
                    + f"{off:6.1%} {row['plain']:7.1f} {plain:6.1%}   {row['inside_80']:6.1%} {row['farthest_80']:6.1%}"
                    f"       {row['inside_95']:6.1%} {row['farthest_95']:6.1%}",
                    flush=True,
                )
    off = np.array([row["expected"] / row["actual"] - 1 for row in rows])
    plain = np.array([row["plain"] / row["actual"] - 1 for row in rows])
    n_inside = sum(row["low"] <= row["actual"] <= row["high"] for row in rows)
    for label, errors in (("expected", off), ("plain", plain)):
        sizes = np.abs(errors)
        print(f"{label}: bias {errors.mean():.1%}, mean error {sizes.mean():.1%}, largest {sizes.max():.1%}")
    print(f"inside the 90% interval: {n_inside} of {len(rows)}")


if __name__ == "__main__":
    main()
