"""Event files, mappings and tables that the options of a verb name."""

from __future__ import annotations

import argparse
from pathlib import Path

from core import ingestion
from core.cli.run_options import refuse_combination, require
from core.ingestion.mapping import Mapping, load_mapping
from core.own_columns import TableName

LOG_OPTIONS = ("events", "events_query", "test_days")


def input_files(options: argparse.Namespace) -> ingestion.InputFiles:
    """Return the event files, or database queries, that the options name: train and test, or one log to split."""
    if any(getattr(options, name) is not None for name in LOG_OPTIONS):
        others = ("train", "test", "train_query", "test_query", "sample_submission")
        refuse_combination(options, "--events", others, "One log is split by date into the train and the test file.")
        return log_file(options)
    for name in ("train", "test"):
        require(getattr(options, name), f"--{name}", "the path of an event file, or the address of a database")
    return ingestion.InputFiles(
        ingestion.source_of(options.train, options.train_query, "--train-query"),
        ingestion.source_of(options.test, options.test_query, "--test-query"),
        options.sample_submission,
        mapping=mapping_of(options),
        tables=tables_of(options),
    )


def log_file(options: argparse.Namespace, windows_back: int = 0) -> ingestion.InputFiles:
    """Return the log that `--events` names, split by date; see `DateSplit` for `windows_back`."""
    require(options.events, "--events", "the path of an event file with session values, or the address of a database")
    require(options.test_days, "--test-days", "the number of days at the end of the log that become the test file")
    return ingestion.InputFiles(
        ingestion.source_of(options.events, options.events_query, "--events-query"),
        mapping=mapping_of(options),
        split=ingestion.DateSplit(options.test_days, windows_back),
        tables=tables_of(options),
    )


def tables_of(options: argparse.Namespace) -> ingestion.Tables:
    """Return the tables that `--products` and `--users` name."""
    named: dict[TableName, Path | None] = {"products": options.products, "users": options.users}
    return {table: path for table, path in named.items() if path is not None}


def mapping_of(options: argparse.Namespace) -> Mapping:
    """Return the mapping that `--mapping` names, or the default mapping."""
    return load_mapping(options.mapping) if options.mapping else Mapping()
