"""Shifted test files, one function per kind of shift, to check the warning kind by kind.

Each function takes the event files of a shop and returns them with another test file and its true values. The change
to the test file is the only difference. All columns are strings, as in the CSV files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

_IDS = ("product_id", "category_id", "user_id", "user_session")
_HALF_A_YEAR = 183
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S+00:00"


@dataclass(frozen=True)
class Files:
    """Event files of a shop; `truth` has one row (user_session, session_value) per test session."""

    train: pl.DataFrame
    test: pl.DataFrame
    truth: pl.DataFrame

    @classmethod
    def read(cls, folder: Path) -> Files:
        """Read the files that `demo` or `journey` wrote."""
        return cls(*(pl.read_csv(folder / f"{name}.csv") for name in ("train", "test", "truth")))

    def write(self, folder: Path) -> None:
        """Write train.csv, test.csv and truth.csv."""
        folder.mkdir(parents=True, exist_ok=True)
        self.train.write_csv(folder / "train.csv")
        self.test.write_csv(folder / "test.csv")
        self.truth.write_csv(folder / "truth.csv")

    def with_test(self, test: pl.DataFrame) -> Files:
        """Replace the test file, and drop the truth of sessions without events."""
        left = test.select("user_session").unique()
        return replace(self, test=test, truth=self.truth.join(left, on="user_session", how="semi"))


Shift = Callable[[Files, Files, int], Files]
"""(files, files of the same kind of shop with another seed, seed) -> files with another test file."""


def _with_position(events: pl.DataFrame) -> pl.DataFrame:
    """Sort events by session and time, and add their `position` (from 0) and the `size` of the session."""
    ordered = events.sort("user_session", "event_time", maintain_order=True)
    return ordered.with_columns(
        pl.int_range(pl.len()).over("user_session").alias("position"), pl.len().over("user_session").alias("size")
    )


def cut_off(files: Files, other: Files, seed: int) -> Files:
    """Each test session ends after a random number of its events; the value is that of the whole session."""
    ordered = _with_position(files.test)
    sessions = ordered.select("user_session", "size").unique(maintain_order=True)
    n_kept = np.random.default_rng(seed).integers(1, sessions["size"].to_numpy() + 1)
    ordered = ordered.join(sessions.select("user_session", pl.Series("n_kept", n_kept)), on="user_session")
    return files.with_test(ordered.filter(pl.col("position") < pl.col("n_kept")).select(files.test.columns))


def doubled(files: Files, other: Files, seed: int) -> Files:
    """Test sessions are merged in pairs: the second follows the first, with the user of the first."""
    pairs = _with_position(files.test).group_by("user_session", maintain_order=True).agg(pl.col("event_time").min())
    pairs = pairs.with_row_index("n").with_columns((pl.col("n") // 2).alias("pair"))
    first = pl.col("user_session").sort_by("n").first().over("pair").alias("into")
    pairs = pairs.with_columns(first).select("user_session", "into")
    time = pl.col("event_time").str.to_datetime(_TIME_FORMAT)
    events = files.test.join(pairs, on="user_session").with_columns(time.alias("_time"))
    spans = events.group_by("user_session").agg(
        pl.col("_time").min().alias("_from"), pl.col("_time").max().alias("_to")
    )
    events = events.join(spans, on="user_session")
    owners = events.select(
        pl.col("user_session").alias("into"), pl.col("user_id").alias("_user"), pl.col("_to").alias("_end")
    ).unique("into")
    events = events.join(owners, on="into", how="left")
    later = pl.col("_end") + (pl.col("_time") - pl.col("_from")) + pl.duration(minutes=1)
    merged = events.with_columns(
        pl.when(pl.col("into") == pl.col("user_session"))
        .then(pl.col("event_time"))
        .otherwise(later.dt.strftime(_TIME_FORMAT))
        .alias("event_time"),
        pl.col("_user").alias("user_id"),
        pl.col("into").alias("user_session"),
    )
    truth = files.truth.join(pairs, on="user_session").group_by("into", maintain_order=True)
    summed = truth.agg(pl.col("session_value").sum()).rename({"into": "user_session"})
    return replace(files, test=merged.select(files.test.columns), truth=summed)


def event_mix(files: Files, other: Files, seed: int) -> Files:
    """Nine of ten VIEWs are missing from test; in a log without VIEWs half of the BUYs are logged as VIEWs."""
    uniform = np.random.default_rng(seed).random(files.test.height)
    is_view = files.test["event_type"] == "VIEW"
    if is_view.any():
        return files.with_test(files.test.filter(~is_view | pl.Series(uniform < 0.1)))
    event_type = pl.when(pl.Series(uniform < 0.5)).then(pl.lit("VIEW")).otherwise("event_type").alias("event_type")
    return files.with_test(files.test.with_columns(event_type))


def half_a_year_later(files: Files, other: Files, seed: int) -> Files:
    """All test sessions start half a year later and three hours earlier in the day; their content is the same."""
    time = pl.col("event_time").str.to_datetime(_TIME_FORMAT)
    moved = time + pl.duration(days=_HALF_A_YEAR) - pl.duration(hours=3)
    return files.with_test(files.test.with_columns(moved.dt.strftime(_TIME_FORMAT).alias("event_time")))


def june_and_december(files: Files, other: Files, seed: int) -> Files:
    """Train is June and test is December of the same log, restricted to sessions with a known value."""
    values = files.train.select("user_session", "session_value").unique()
    values = pl.concat([values, files.truth.select(values.columns)]).unique("user_session")
    events = pl.concat([files.train.select(files.test.columns), files.test])
    start_month = pl.col("event_time").min().over("user_session").str.slice(5, 2)
    events = events.with_columns(start_month.alias("_month"))
    june, december = (events.filter(pl.col("_month") == month).drop("_month") for month in ("06", "12"))
    train = june.join(values, on="user_session").select(files.train.columns)
    return replace(files, train=train, truth=values).with_test(december)


def other_shop(files: Files, other: Files, seed: int) -> Files:
    """The test file of another shop with other ids."""
    test = other.test.with_columns((pl.lit("OTHER_") + pl.col(name)).alias(name) for name in _IDS)
    truth = other.truth.with_columns((pl.lit("OTHER_") + pl.col("user_session")).alias("user_session"))
    return replace(files, test=test, truth=truth)


def other_shop_same_ids(files: Files, other: Files, seed: int) -> Files:
    """The test file of another shop with the same product and category ids, but other users."""
    own_ids = ("user_session", "user_id")
    test = other.test.with_columns((pl.lit("OTHER_") + pl.col(name)).alias(name) for name in own_ids)
    truth = other.truth.with_columns((pl.lit("OTHER_") + pl.col("user_session")).alias("user_session"))
    return replace(files, test=test, truth=truth)


def new_users(files: Files, other: Files, seed: int) -> Files:
    """No user of test is in train."""
    return files.with_test(files.test.with_columns((pl.lit("NEW_") + pl.col("user_id")).alias("user_id")))


SHIFTS: dict[str, tuple[Shift, str]] = {
    "cut off": (cut_off, "cut_off"),
    "doubled length": (doubled, "longer"),
    "event mix": (event_mix, "event_mix"),
    "half a year later": (half_a_year_later, "season"),
    "other shop": (other_shop, "other_shop"),
    "new users": (new_users, "new_users"),
}
"""Name -> function that shifts the test file, and the code that the warning must have."""


def by_users(files: Files, other: Files, seed: int) -> Files:
    """All sessions of a random 30% of the users are test, the others train."""
    return _split_again(files, "user_id", seed)


def by_sessions(files: Files, other: Files, seed: int) -> Files:
    """A random 30% of the sessions are test, the others train."""
    return _split_again(files, "user_session", seed)


def weekends_only(files: Files, other: Files, seed: int) -> Files:
    """Only the test sessions of Saturdays and Sundays."""
    start = pl.col("event_time").min().over("user_session").str.to_datetime(_TIME_FORMAT)
    return files.with_test(files.test.filter(start.dt.weekday() >= 6))


def small(files: Files, other: Files, seed: int) -> Files:
    """A tenth of the users of both files."""
    users = pl.concat([files.train.select("user_id"), files.test.select("user_id")]).unique().sort("user_id")
    chosen = users.sample(fraction=0.1, seed=seed)
    train = files.train.join(chosen, on="user_id", how="semi")
    return replace(files, train=train).with_test(files.test.join(chosen, on="user_id", how="semi"))


def _split_again(files: Files, key: str, seed: int) -> Files:
    test_values = files.test.join(files.truth.select("user_session", "session_value"), on="user_session")
    events = pl.concat([files.train, test_values.select(files.train.columns)])
    keys = events.select(key).unique().sort(key)
    chosen = keys.sample(fraction=0.3, seed=seed)
    train, test = events.join(chosen, on=key, how="anti"), events.join(chosen, on=key, how="semi")
    truth = test.select("user_session", "session_value").unique("user_session", maintain_order=True)
    return Files(train, test.select(files.test.columns), truth)


ALIKE: dict[str, Shift] = {
    "by users": by_users,
    "by sessions": by_sessions,
    "weekends only": weekends_only,
    "a tenth of the users": small,
}
