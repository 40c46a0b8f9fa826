"""What own columns are worth: the error on the test file with and without them.

    python -m benchmarks.own_columns [--sessions 15000] [--seeds 3] [--data demo journey rees46]

Three kinds of logs. `demo` has list price, brand and device, of which only the price matters. `journey` is real: it has
the department, brand and package of each product, the store, and what is known of the household. `rees46` has the
columns and words of a REES46 log: its rows are those of the demo, and a session's value is the sum of the prices of its
purchases.

Each log is measured with whole sessions and with prefixes: every session of both files is cut to its first k of n
events, with k uniform on 1 to n, and its value stays that of the whole session.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from core.base.workspace import Workspace
from core.config import RunConfig
from core.demo import write_demo
from core.demo.files import MAPPING_FILE
from core.demo.journey import PRODUCTS_FILE, USERS_FILE, write_journey
from core.ingestion import InputFiles
from core.ingestion.mapping import Mapping, load_mapping
from core.ingestion.mapping.nested_settings import Names
from core.pipeline.run import run
from core.runs.store import ANSWERS_FILE
from core.schema import (
    BUY,
    EVENT_COLUMNS,
    EVENT_TIME,
    EVENT_TYPE,
    PRODUCT_ID,
    SESSION_VALUE,
    TRAIN_COLUMNS,
    USER_ID,
    USER_SESSION,
)

Log = tuple[pl.DataFrame, pl.DataFrame, Mapping]
"""Rows of the train file, rows of the test file (both with session values), and the mapping with own columns."""


def _read(folder: Path) -> Log:
    train, test, truth = (
        pl.read_csv(folder / f"{name}.csv", infer_schema=False) for name in ("train", "test", "truth")
    )
    values = truth.with_columns(pl.col(SESSION_VALUE).cast(pl.Float64))
    return (
        train.with_columns(pl.col(SESSION_VALUE).cast(pl.Float64)),
        test.join(values, on=USER_SESSION, how="inner", maintain_order="left"),
        load_mapping(folder / MAPPING_FILE),
    )


def _demo(folder: Path, sessions: int, seed: int) -> Log:
    write_demo(folder, sessions=sessions, seed=seed, own_columns=True)
    return _read(folder)


def _journey(folder: Path, sessions: int, seed: int) -> Log:
    """Baskets with the columns of the tables on each row, which gives the same features as the tables."""
    write_journey(folder, sessions=sessions, seed=seed, own_columns=True)
    train, test, mapping = _read(folder)
    for file, key in ((PRODUCTS_FILE, PRODUCT_ID), (USERS_FILE, USER_ID)):
        table = pl.read_csv(folder / file, infer_schema=False)
        train, test = (rows.join(table, on=key, how="left", maintain_order="left") for rows in (train, test))
    own = {name: column.model_copy(update={"table": None}) for name, column in mapping.own.items()}
    return train, test, mapping.model_copy(update={"own": own, "names": Names()})


def _rees46(folder: Path, sessions: int, seed: int) -> Log:
    train, test, mapping = _demo(folder, sessions, seed)
    spent = pl.when(pl.col(EVENT_TYPE) == BUY).then(pl.col("price").cast(pl.Float64)).otherwise(0.0)
    value = spent.sum().over(USER_SESSION).round(2).alias(SESSION_VALUE)
    own = {name: settings for name, settings in mapping.own.items() if name in ("price", "brand")}
    return train.with_columns(value), test.with_columns(value), mapping.model_copy(update={"own": own})


LOGS: dict[str, Callable[[Path, int, int], Log]] = {"demo": _demo, "journey": _journey, "rees46": _rees46}


def _prefixes(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Cut every session to its first k of n events, by time and then by place in the file."""
    ordered = rows.with_row_index("_place").sort(EVENT_TIME, "_place")
    n = pl.len().over(USER_SESSION)
    draw = pl.col(USER_SESSION).hash(seed) % 1_000_000 / 1_000_000
    return ordered.filter(pl.int_range(pl.len()).over(USER_SESSION) <= (draw * n).floor()).sort("_place").drop("_place")


def _error(train: pl.DataFrame, test: pl.DataFrame, mapping: Mapping) -> float:
    """Return the mean squared error of a quick run on the test sessions."""
    with tempfile.TemporaryDirectory() as name:
        folder, own = Path(name), [settings.column for settings in mapping.own.values()]
        train.select(*TRAIN_COLUMNS, *own).write_csv(folder / "train.csv")
        test.select(*EVENT_COLUMNS, *own).write_csv(folder / "test.csv")
        files = InputFiles(folder / "train.csv", folder / "test.csv", mapping=mapping)
        answers = run(files, RunConfig(), Workspace(folder / "home")).table(ANSWERS_FILE).collect()
        predicted = answers.filter(pl.col("source") != "known").select(USER_SESSION, pl.col(SESSION_VALUE).alias("_p"))
        actual = test.select(USER_SESSION, SESSION_VALUE).unique()
        pairs = predicted.join(actual, on=USER_SESSION)
        return float(((pairs["_p"] - pairs[SESSION_VALUE]) ** 2).mean())  # type: ignore[arg-type]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=15_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", nargs="+", choices=list(LOGS), default=list(LOGS))
    options = parser.parse_args()
    print(
        "| log | sessions | seed | MSE without | MSE with own columns | change |\n| --- | --- | --- | --- | --- | --- |"
    )
    for name in options.data:
        for kind in ("whole", "prefix"):
            changes = []
            for seed in range(1, options.seeds + 1):
                with tempfile.TemporaryDirectory() as folder:
                    train, test, mapping = LOGS[name](Path(folder), options.sessions, seed)
                if kind == "prefix":
                    train, test = _prefixes(train, seed), _prefixes(test, seed)
                without, with_own = (_error(train, test, each) for each in (Mapping(), mapping))
                changes.append(with_own / without - 1)
                print(
                    f"| {name} | {kind} | {seed} | {without:,.1f} | {with_own:,.1f} | {changes[-1]:+.1%} |", flush=True
                )
            print(f"| {name} | {kind} | mean | | | {np.mean(changes):+.1%} |", flush=True)


if __name__ == "__main__":
    main()
