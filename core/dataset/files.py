"""Names of the files of a stored dataset, and the columns of its optional tables."""

from __future__ import annotations

import polars as pl

from core.schema import REASON, REMAINING, SESSION, USER_SESSION, VALUE

EVENTS_FILE = "{role}.parquet"
"""The role is train or test."""
UNITS_FILE = "units.parquet"
ORDER_FILE = "order.parquet"
"""The sessions to predict, in the order of the submission."""
QUARANTINE_FILE = "quarantine.parquet"
CARD_FILE = "card.json"
MAPPING_FILE = "mapping.toml"
DICTIONARY_FILE = "dictionary_{column}.parquet"
"""The column is an id column of the event files, such as user_id."""
UNTRAINED_FILE = "untrained.parquet"
"""Train sessions whose value is unknown or whose id several users share."""
ACTUAL_FILE = "actual.parquet"
"""Only in a dataset that was split from one log by date."""
NAMES_FILE = "names.parquet"
"""Only if the mapping names a column with the names of products or categories."""
HASHES_FILE = "sha256.json"
"""File name -> SHA-256, for the tables and the mapping. Datasets of earlier versions do not have it."""
ACTUAL_SCHEMA = {SESSION: pl.Int64, USER_SESSION: pl.String, VALUE: pl.Float64, REASON: pl.String}
LABEL = "label"
"""Column: what is shown to people instead of an id."""
NAMES_SCHEMA = {"column": pl.String, "id": pl.String, "name": pl.String, LABEL: pl.String}
UNTRAINED_SCHEMA = {SESSION: pl.Int64, USER_SESSION: pl.String, REASON: pl.String, REMAINING: pl.Float64}
"""The columns of a table that an earlier version or another kind of dataset does not have; see `Dataset`."""
