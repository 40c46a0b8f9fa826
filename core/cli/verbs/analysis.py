"""Verbs that analyse a stored dataset: audit, features."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from core import audit as auditing
from core.base.files import atomic_file
from core.base.workspace import Workspace
from core.cli.output import Outcome
from core.cli.output_files import require_new_file, writing_to
from core.cli.progress_bars import step_progress
from core.cli.run_options import require, run_config, wrong_usage
from core.cli.stored import dataset_named
from core.errors import SettingError
from core.features import feature_catalogue, feature_page, write_features


def features(options: argparse.Namespace) -> Outcome:
    """List the features, or write the feature table of a dataset to a file."""
    if options.dataset:
        if options.markdown:
            raise wrong_usage(options, "--markdown lists the features and takes no DATASET")
        return _feature_table(options)
    if options.out is not None:
        raise SettingError.missing("DATASET", "a stored dataset, whose features are written to --out")
    if hasattr(options, "history") or hasattr(options, "engine"):
        raise wrong_usage(options, "--history and --engine need DATASET")
    catalogue = feature_catalogue()
    content = [{"group": entry.group, "looks_at": entry.looks_at, **asdict(entry.feature)} for entry in catalogue]
    if options.markdown:
        return Outcome({"features": content}, feature_page())
    lines = [
        f"{entry.group:18} {entry.feature.name:28} {entry.looks_at:8} {entry.feature.unit:20} {entry.feature.label}. "
        f"{entry.feature.meaning}"
        for entry in catalogue
    ]
    return Outcome({"features": content}, "\n".join(lines))


def _feature_table(options: argparse.Namespace) -> Outcome:
    require(options.out, "--out", "a Parquet file for the feature table")
    if options.out.suffix not in ("", ".parquet"):
        raise SettingError.not_allowed("--out", str(options.out), "a name that ends in .parquet")
    require_new_file(options.out)
    dataset = dataset_named(Workspace.from_environment(), options.dataset)
    config = run_config(options)
    with step_progress("Features", options) as report, writing_to(options.out), atomic_file(options.out) as path:
        n_rows = write_features(dataset, config, path, report)
    catalogue = feature_catalogue(dataset.card().used_own)
    n_features = sum(entry.looks_at != "values" for entry in catalogue)
    text = (
        f"{options.out} has {n_features} features in {n_rows:,} rows, one per session and user. The other "
        f"{len(catalogue) - n_features} features are learned from session values inside the folds of each run."
    )
    return Outcome({"out": str(options.out), "sessions": n_rows, "features": n_features}, text)


def audit(options: argparse.Namespace) -> Outcome:
    """Report what is unusual about a dataset."""
    dataset = dataset_named(Workspace.from_environment(), options.dataset)
    with step_progress("Audit", options) as report:
        audit_report = auditing.audit(dataset, report, recompute=options.again)
    return Outcome(audit_report.model_dump(), "\n".join(auditing.report_lines(audit_report)))
