"""Training tables for the other tools: features of a plain pandas script, and features of the product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.pandas_features import features
from core.base.workspace import Workspace
from core.config import RunConfig
from core.features import build_features, session_events
from core.ingestion import InputFiles, ingest
from core.schema import SESSION, UNIT, USER_SESSION
from core.training import training_set
from core.training.folds import NO_FOLD, Folds
from core.training.learned_columns import learn_columns

_TYPES = ["VIEW", "ADD_CART", "REMOVE_CART", "BUY"]
VALUE = "session_value"


def plain_tables(files: Path, out: Path) -> pd.DataFrame:
    """Write train.parquet and test.parquet of a plain pandas script, and return the session id of each test row."""
    frames = [pd.read_csv(files / f"{name}.csv", dtype={"user_session": str}) for name in ("train", "test")]
    values = frames[0].groupby("user_session")[VALUE].first()
    tables = []
    for frame in frames:
        events = pd.DataFrame(
            {
                "unit": frame["user_session"],
                "product": pd.factorize(frame["product_id"])[0],
                "category": pd.factorize(frame["category_id"])[0],
                "type": frame["event_type"].map({name: code for code, name in enumerate(_TYPES)}),
                "time": pd.to_datetime(frame["event_time"], utc=True).astype("int64") // 10**6,
            }
        )
        if events["time"].abs().max() > 10**11:  # some versions of pandas parse to nanoseconds
            events["time"] //= 10**3
        tables.append(features(events, by_apply=False))
    train, test = tables
    train[VALUE] = values.reindex(train.index)
    train.reset_index(drop=True).to_parquet(out / "train.parquet")
    test.reset_index(drop=True).to_parquet(out / "test.parquet")
    return pd.DataFrame({USER_SESSION: test.index})


def own_tables(files: Path, out: Path, home: Path) -> pd.DataFrame:
    """Write the product's features as train.parquet and test.parquet, and return the session id of each test row.

    Columns learned from values are cross-fitted for train, and fitted on all of train for test.
    """
    dataset = ingest(
        InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv"), Workspace(home)
    )
    config = RunConfig()
    table = build_features(dataset, config)
    data = training_set(table, dataset.submission_order().get_column(SESSION), session_events(dataset, config))
    assert data.baskets is not None
    all_rows = Folds(np.full(len(data.y), NO_FOLD), 0, data.users, "forward")  # no fold, one fit on all rows
    columns = learn_columns(data.baskets, data.y, all_rows, times=data.times)
    names = [*data.names, *columns.names]
    train = pd.DataFrame(np.hstack([data.X, columns.train[0]]), columns=names)
    train[VALUE] = data.y
    train.to_parquet(out / "train.parquet")
    pd.DataFrame(np.hstack([data.X_test, columns.test[0]]), columns=names).to_parquet(out / "test.parquet")
    sessions = pl.DataFrame({UNIT: data.test_units}).join(table.units.select(UNIT, SESSION), on=UNIT, how="left")
    ids = dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION).collect()
    ordered = sessions.sort(UNIT).join(ids, on=SESSION, how="left", maintain_order="left")
    return ordered.select(USER_SESSION).to_pandas()
