"""What a verb is given: files, mappings and datasets, by the options of the command line."""

from __future__ import annotations

import argparse

from core import ingestion
from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets
from core.errors import RunError, SettingError
from core.ingestion.mapping import Mapping, load_mapping


def required(value: object, name: str, allowed: str) -> None:
    if value is None:
        raise SettingError.missing(name, allowed)


def input_files(options: argparse.Namespace) -> ingestion.InputFiles:
    for name in ("train", "test"):
        required(getattr(options, name), f"--{name}", "the path of an event file, or the address of a database")
    return ingestion.InputFiles(
        ingestion.source_of(options.train, options.train_query, "--train-query"),
        ingestion.source_of(options.test, options.test_query, "--test-query"),
        options.sample_submission,
        mapping=mapping_of(options),
    )


def mapping_of(options: argparse.Namespace) -> Mapping:
    return load_mapping(options.mapping) if options.mapping else Mapping()


def dataset_named(workspace: Workspace, name: str) -> Dataset:
    known = list_datasets(workspace)
    matches = [dataset for dataset in known if dataset.fingerprint.startswith(name)]
    if len(matches) != 1:
        raise RunError.unknown("dataset", name, [dataset.fingerprint[:12] for dataset in known])
    return matches[0]
