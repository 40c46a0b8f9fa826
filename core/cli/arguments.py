"""Options that several verbs share: run settings, files, mappings and datasets."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from core import ingestion
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset, list_datasets
from core.errors import RunError, SettingError
from core.ingestion.mapping import Mapping, load_mapping

_TYPES = {"integer": int, "number": float}
"""Python types of the kinds of settings that are numbers; the others are texts."""


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add an option for each of the named run settings.

    Options that are not on the command line are absent from the result, so `RunConfig` supplies their defaults.
    """
    for name in names:
        setting = RunConfig.setting(name)
        details = [f"{value}: {label}" for value, label in setting.choices.items() if label.lower() != value]
        text = " ".join([setting.description, *([f"({'; '.join(details)})"] if details else [])])
        if setting.kind == "array":
            text += " Repeat the option for several values."
        if setting.kind == "boolean":
            text += f" Default: {'yes' if setting.default else 'no'}."
        elif setting.default not in (None, []):
            text += f" Default: {'all' if setting.default == list(setting.choices) else setting.default}."
        option = f"--{name.replace('_', '-')}"
        text = text.replace("%", "%%")
        if setting.kind == "boolean":
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
        else:
            parser.add_argument(
                option,
                action="append" if setting.kind == "array" else "store",
                type=_TYPES.get(setting.kind, str),
                choices=list(setting.choices) or None,
                default=argparse.SUPPRESS,
                help=text,
            )


def run_config(options: argparse.Namespace) -> RunConfig:
    """Return the configuration that the options ask for.

    A time budget or a number of trials without a preset selects the preset standard.

    Raises:
        SettingError: a setting is out of its limits.
    """
    settings = {name: getattr(options, name) for name in RunConfig.model_fields if hasattr(options, name)}
    if settings.keys() & {"minutes", "trials"}:
        settings = {"preset": "standard", **settings}
    return RunConfig.checked(**settings)


def required(value: object, name: str, allowed: str) -> None:
    """Raise a `SettingError` if a needed option or argument is missing."""
    if value is None:
        raise SettingError.missing(name, allowed)


def input_files(options: argparse.Namespace) -> ingestion.InputFiles:
    """Return the event files, or database queries, that the options name."""
    for name in ("train", "test"):
        required(getattr(options, name), f"--{name}", "the path of an event file, or the address of a database")
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
