"""Does the score come true, and do the intervals hold? Expected against actual on the test files of six datasets.

    python -m benchmarks.comes_true [--seeds 7 8 9] [--minutes M]

Makes demo (101,500 sessions) and journey (60,000) with each seed, runs the quick preset (or a tuned one of so many
minutes) as a user would, and compares with truth.csv: the expected test MSE and its 90 % interval, the plain
cross-validated MSE beside it; the standard error of what came, below which no expectation can be right but by luck;
and how many test sessions lie inside their 80 and 95 % intervals, in all and in the segment that is farthest from it
(tenths of the prediction, user known or new, number of events). Sessions whose value is known from train are not asked
about their interval; of those with several users the sums are.
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

_FEWEST = 200
"""Sessions in a segment below which its share inside says little."""


def measured(name: str, seed: int, minutes: float | None, scratch: Path) -> dict[str, float]:
    """One run's figures; errors as a share of what came."""
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
    came = float(losses.mean())
    expected, plain = summary["expected_test_mse"], summary["cv_mse"]
    return {
        "seconds": seconds,
        "came": came,
        "expected": expected["value"],
        "low": expected["low"],
        "high": expected["high"],
        "plain": plain,
        "noise": noise(losses) / came,
    } | coverage(rows, run, files)


def noise(losses: np.ndarray) -> float:
    """Standard error of the test file's own mean loss: how far from it lies the mean of another such test file.

    By the plain formula for sessions drawn alone; that users bring several in common makes it larger.
    """
    return float(losses.std(ddof=1) / np.sqrt(len(losses)))


def coverage(rows: pl.DataFrame, run: Run, files: Path) -> dict[str, float]:
    """Shares inside by level, and those of the segments that are farthest from it."""
    test = pl.read_csv(files / "test.csv", schema_overrides={"user_session": pl.String})
    train = pl.read_csv(files / "train.csv", columns=["user_id"]).unique().with_columns(known=pl.lit(value=True))
    about = test.group_by("user_session").agg(pl.len().alias("events"), pl.col("user_id").first())
    about = about.join(train, on="user_id", how="left").with_columns(pl.col("known").fill_null(value=False))
    asked = rows.filter(pl.col("source") != "known").join(about, on="user_session", how="left")
    tenth = (asked["session_value"].rank("ordinal") - 1) * 10 // asked.height
    length = np.searchsorted([1, 2, 5, 10], asked["events"].to_numpy())
    asked = asked.with_columns(tenth.alias("tenth"), pl.Series("length", length))
    found: dict[str, float] = {}
    for level in (80, 95):
        inside = pl.col("truth").is_between(f"low_{level}", f"high_{level}")
        found[f"inside_{level}"] = float(asked.select(inside.mean()).item())
        parts = []
        for by in ("tenth", "known", "length"):
            segments = asked.group_by(by).agg(inside.mean().alias("share"), pl.len())
            parts += segments.filter(pl.col("len") >= _FEWEST)["share"].to_list()
        found[f"farthest_{level}"] = max(parts, key=lambda share, level=level: abs(share - level / 100))
    return found


def main() -> None:
    """Print one line a dataset and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--minutes", type=float)
    options = parser.parse_args()
    print("data      seconds     came (+-)  expected (90 %), off    plain, off  80: all, farthest  95: all, farthest")
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in SETS:
            for seed in options.seeds:
                row = measured(name, seed, options.minutes, Path(scratch))
                found.append(row)
                off, plain = row["expected"] / row["came"] - 1, row["plain"] / row["came"] - 1
                expected = f"{row['expected']:8.1f} ({row['low']:.0f} to {row['high']:.0f})"
                told = f"{name:7}{seed:2}  {row['seconds']:7.1f}  {row['came']:7.1f} {row['noise']:4.1%}  {expected}"
                print(
                    told.ljust(59)
                    + f"{off:6.1%} {row['plain']:7.1f} {plain:6.1%}   {row['inside_80']:6.1%} {row['farthest_80']:6.1%}"
                    f"       {row['inside_95']:6.1%} {row['farthest_95']:6.1%}",
                    flush=True,
                )
    off = np.array([row["expected"] / row["came"] - 1 for row in found])
    plain = np.array([row["plain"] / row["came"] - 1 for row in found])
    held = sum(row["low"] <= row["came"] <= row["high"] for row in found)
    for told, errors in (("expected", off), ("plain", plain)):
        size = np.abs(errors)
        print(f"{told}: bias {errors.mean():.1%}, mean size {size.mean():.1%}, largest {size.max():.1%}")
    print(f"inside the 90 % interval: {held} of {len(found)}")


if __name__ == "__main__":
    main()
