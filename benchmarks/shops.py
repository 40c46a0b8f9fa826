"""Errors on shops that differ from each other: of simple predictions, of each learner, and of the stack.

    python -m benchmarks.shops [--shops demo journey ...] [--sessions 30000] [--seeds 1 2] [--save F] [--against F]

`demo` is the simulator and `journey` has real baskets. The others are the demo with other values or users:

| shop | what differs |
|---|---|
| `purchases` | a value is the sum of the prices of the purchases, so most sessions are worth 0, as in REES46 |
| `strong_users` | 40% of the mean value is the same for all users; the rest is multiplied by a factor of the user |
| `one_session` | every session has a user of its own |
| `few_users` | 300 users |
| `drift` | values rise by 50% within the month |
| `sale_week` | values are 40% lower in the last week of the train file |
| `heavy_tail` | values are in thousands, and the largest are much larger |

Errors are mean squared errors out of fold and on the test sessions, relative to the variance of the values in percent.
`--save` keeps the squared errors of the stack. `--against` compares with those that another version of the program
kept: the difference in percent, with its standard error over users.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.ablation import true_values
from core.base.workspace import Workspace
from core.config import RunConfig
from core.demo import write_demo
from core.demo.journey import write_journey
from core.features import build_features, session_events
from core.ingestion import InputFiles, ingest
from core.schema import (
    BUY,
    EVENT_COLUMNS,
    EVENT_TIME,
    EVENT_TYPE,
    SESSION,
    SESSION_VALUE,
    TRAIN_COLUMNS,
    USER_ID,
    USER_SESSION,
)
from core.training import Training, prepare, train, training_set

Events = pl.DataFrame
"""Rows of both files with their session values."""
_VALUE = pl.col(SESSION_VALUE)


def _purchases(events: Events) -> Events:
    spent = pl.when(pl.col(EVENT_TYPE) == BUY).then(pl.col("price").cast(pl.Float64)).otherwise(0.0)
    return events.with_columns(spent.sum().over(USER_SESSION).alias(SESSION_VALUE))


def _strong_users(events: Events) -> Events:
    users = events.select(USER_ID).unique().sort(USER_ID)
    factors = np.exp(np.random.default_rng(5).normal(-0.125, 0.5, users.height))
    fixed = 0.4 * _VALUE.mean()
    joined = events.join(users.with_columns(pl.Series("_factor", factors)), on=USER_ID, maintain_order="left")
    above = pl.max_horizontal(_VALUE - fixed, 0.0)
    return joined.with_columns(_VALUE - above + above * pl.col("_factor").first().over(USER_SESSION))


def _one_session(events: Events) -> Events:
    return events.with_columns(pl.concat_str(USER_ID, pl.lit("_"), USER_SESSION).alias(USER_ID))


def _few_users(events: Events) -> Events:
    number = pl.col(USER_ID).first().over(USER_SESSION).rank("dense") % 300
    return events.with_columns(number.cast(pl.Int64).cast(pl.String).alias(USER_ID))


def _day(events: Events) -> pl.Series:
    times = events.get_column(EVENT_TIME).str.slice(0, 19).str.to_datetime("%Y-%m-%d %H:%M:%S")
    starts = events.with_columns(times.alias("_time")).select(pl.col("_time").min().over(USER_SESSION)).to_series()
    return (starts - starts.min()).dt.total_seconds() / 86_400


def _drift(events: Events) -> Events:
    return events.with_columns(_VALUE * (1 + 0.5 * _day(events) / 30))


def _sale_week(events: Events) -> Events:
    in_sale = _day(events).is_between(14, 21)
    return events.with_columns(pl.when(in_sale).then(_VALUE * 0.6).otherwise(_VALUE))


def _heavy_tail(events: Events) -> Events:
    return events.with_columns(_VALUE**1.25 * 20)


CHANGES: dict[str, Callable[[Events], Events]] = {
    "purchases": _purchases,
    "strong_users": _strong_users,
    "one_session": _one_session,
    "few_users": _few_users,
    "drift": _drift,
    "sale_week": _sale_week,
    "heavy_tail": _heavy_tail,
}
SHOPS = ("demo", "journey", *CHANGES)


def write_shop(shop: str, folder: Path, sessions: int, seed: int) -> InputFiles:
    """Write the files of a shop and truth.csv into a folder."""
    if shop == "journey":
        write_journey(folder, sessions=sessions, seed=seed)
    else:
        write_demo(folder, sessions=sessions, seed=seed, own_columns=shop == "purchases")
    if shop in CHANGES:
        parts = {name: pl.read_csv(folder / f"{name}.csv", infer_schema=False) for name in ("train", "test", "truth")}
        truth = parts["truth"].select(USER_SESSION, _VALUE.cast(pl.Float64))
        train = parts["train"].with_columns(_VALUE.cast(pl.Float64), file=pl.lit("train"))
        test = parts["test"].join(truth, on=USER_SESSION, maintain_order="left").with_columns(file=pl.lit("test"))
        changed = CHANGES[shop](pl.concat([train, test.select(train.columns)])).with_columns(_VALUE.round(2))
        train, test = (changed.filter(file=name) for name in ("train", "test"))
        train.select(TRAIN_COLUMNS).write_csv(folder / "train.csv")
        test.select(EVENT_COLUMNS).write_csv(folder / "test.csv")
        test.group_by(USER_SESSION).agg(_VALUE.first()).write_csv(folder / "truth.csv")
    return InputFiles(folder / "train.csv", folder / "test.csv", folder / "sample_submission.csv")


def trained(files: InputFiles, config: RunConfig, home: Path) -> tuple[Training, np.ndarray]:
    """Return a training, and the true value of each test row; NaN for rows that are not scored."""
    dataset = ingest(files, Workspace(home))
    sessions = dataset.submission_order().get_column(SESSION)
    data = training_set(build_features(dataset, config), sessions, session_events(dataset, config))
    assert isinstance(files.train, Path)
    truth = true_values(dataset, data.test_units, files.train.parent / "truth.csv")
    return train(prepare(data, config), known_share=0.0), truth


def errors(training: Training, truth: np.ndarray) -> dict[str, tuple[float, float | None]]:
    """Return prediction -> mean squared error out of fold and on the test sessions, in percent of the variance."""
    y, is_scored = training.data.y, np.isfinite(truth)

    def both(oof: np.ndarray | None, test: np.ndarray | None) -> tuple[float, float | None]:
        out = 100 * float(np.nanmean((oof - y) ** 2)) / float(y.var())
        if test is None:
            return out, None
        return out, 100 * float(np.mean((test - truth)[is_scored] ** 2)) / float(truth[is_scored].var())

    return {
        "average": both(training.constant, np.full(len(truth), y.mean())),
        "recovered prices": both(training.start, None),
        **{fit.learner: both(fit.oof, fit.test) for fit in training.fits},
        f"stack ({training.stack.combination})": both(training.stack.oof, training.test),
    }


def squared_errors(training: Training, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the squared errors of the stack out of fold and on the test sessions, and the users of both."""
    data, is_scored = training.data, np.isfinite(truth)
    assert data.times is not None
    is_predicted = np.isfinite(training.stack.oof)
    return {
        "oof": (training.stack.oof - data.y)[is_predicted] ** 2,
        "oof_users": data.users[is_predicted],
        "test": (training.test - truth)[is_scored] ** 2,
        "test_users": data.times.test.users[is_scored],
    }


def difference(before: Path, after: Path, part: str) -> str:
    """Return the difference of two stored mean squared errors in percent, with its standard error over users."""
    (first, users), (second, same_users) = (
        (arrays[part], arrays[f"{part}_users"]) for arrays in (np.load(before), np.load(after))
    )
    assert np.array_equal(users, same_users)
    _, user = np.unique(users, return_inverse=True)
    by_user = np.bincount(user, weights=second - first)
    relative = 100 / float(first.sum())
    return f"{relative * by_user.sum():+.2f}% ± {relative * np.sqrt(np.sum(by_user**2)):.2f}"


def main() -> None:
    """Print one row per shop, seed and prediction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", nargs="+", choices=SHOPS, default=SHOPS)
    parser.add_argument("--sessions", type=int, default=30_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    print("| shop | seed | prediction | out of fold | test |\n|---|---|---|---|---|", flush=True)
    for shop in options.shops:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as name:
                files = write_shop(shop, Path(name) / "files", options.sessions, seed)
                training, truth = trained(files, RunConfig(), Path(name) / "home")
            found = errors(training, truth)
            for prediction, (oof, test) in found.items():
                shown = "" if test is None else f"{test:.1f}%"
                print(f"| {shop} | {seed} | {prediction} | {oof:.1f}% | {shown} |", flush=True)
            if options.save is not None:
                options.save.mkdir(parents=True, exist_ok=True)
                np.savez(options.save / f"{shop}-{seed}.npz", **squared_errors(training, truth))
                if options.against is not None:
                    files_of = [folder / f"{shop}-{seed}.npz" for folder in (options.against, options.save)]
                    oof_change, test_change = (difference(*files_of, part) for part in ("oof", "test"))
                    print(f"| {shop} | {seed} | stack, change | {oof_change} | {test_change} |", flush=True)


if __name__ == "__main__":
    main()
