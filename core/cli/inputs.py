"""Event files, mappings and stored datasets that the options of a verb name."""

from __future__ import annotations

import argparse

from core import ingestion
from core.base.workspace import Workspace
from core.cli.run_options import require
from core.dataset import Dataset, list_datasets
from core.errors import RunError
from core.ingestion.mapping import Mapping, load_mapping


def input_files(options: argparse.Namespace) -> ingestion.InputFiles:
    """Return the event files, or database queries, that the options name."""
    for name in ("train", "test"):
        require(getattr(options, name), f"--{name}", "the path of an event file, or the address of a database")
    return ingestion.InputFiles(
        ingestion.source_of(options.train, options.train_query, "--train-query"),
        ingestion.source_of(options.test, options.test_query, "--test-query"),
        options.sample_submission,
        mapping=mapping_of(options),
    )


def mapping_of(options: argparse.Namespace) -> Mapping:
    """Return the mapping that `--mapping` names, or the default mapping."""
    return load_mapping(options.mapping) if options.mapping else Mapping()


def dataset_named(workspace: Workspace, name: str) -> Dataset:
    """Return the stored dataset whose fingerprint starts with `name`.

    Raises:
        RunError: no dataset, or more than one, has such a fingerprint.
    """
    datasets = list_datasets(workspace)
    matches = [dataset for dataset in datasets if dataset.fingerprint.startswith(name)]
    if len(matches) != 1:
        raise RunError.unknown("dataset", name, [dataset.fingerprint[:12] for dataset in datasets])
    return matches[0]
