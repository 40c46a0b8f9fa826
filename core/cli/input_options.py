"""Options that name event files, databases, mappings and tables, for several verbs."""

from __future__ import annotations

import argparse

from core.cli.argument_types import path_argument


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a train and a test file, or one log, with their mapping and tables."""
    parser.add_argument(
        "--train",
        help="Events with session values: a file (CSV, JSON, JSON Lines, ZIP or Parquet), a folder, a quoted glob, or "
        "the address of a database such as sqlite:///shop.db.",
    )
    parser.add_argument("--test", help="Events without session values, in the same forms.")
    parser.add_argument("--train-query", help="SELECT statement for the train events, if --train is a database.")
    parser.add_argument("--test-query", help="SELECT statement for the test events, if --test is a database.")
    parser.add_argument(
        "--sample-submission",
        type=path_argument,
        help="File with the sessions to predict, in the order of the submission.",
    )
    add_log(parser)
    add_mapping(parser)
    add_tables(parser)


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add the options of one log that is split by date."""
    parser.add_argument(
        "--events",
        help="One log with session values, in the same forms. It is split by date, and replaces --train and --test.",
    )
    parser.add_argument("--events-query", help="SELECT statement for the events, if --events is a database.")
    parser.add_argument(
        "--test-days",
        type=float,
        metavar="N",
        help="The sessions that begin in the last N days of --events become the test file. Their values are only used "
        "to evaluate the predictions. Fractions are allowed.",
    )


def add_mapping(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a mapping."""
    parser.add_argument("--mapping", help="Mapping of column names: a TOML file, or a name of `mapping list`.")


def add_tables(parser: argparse.ArgumentParser, note: str = "") -> None:
    """Add an option per kind of table; `note` is appended to its help."""
    for table, level in (("products", "product"), ("users", "user")):
        parser.add_argument(
            f"--{table}",
            type=path_argument,
            metavar="FILE",
            help=f"Table with one row per {level} of the log, whose columns are used like its own (CSV, Parquet ...)."
            f"{note}",
        )


def add_model_inputs(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options that name a model and the events to apply it to."""
    parser.add_argument(
        "--run", required=True, help="Id, its first characters, or folder of a run, or the folder of a model."
    )
    parser.add_argument(
        "--events",
        required=required,
        help="Events of the same shop, with the columns of the run's log: a file, a folder, a quoted glob, or the "
        "address of a database.",
    )
    parser.add_argument("--events-query", help="SELECT statement for the events, if --events is a database.")
