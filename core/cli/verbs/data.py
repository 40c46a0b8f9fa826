"""Verbs that make event files, read them, and tell of datasets."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from core import audit as auditing
from core import ingestion
from core.base.files import atomic_file
from core.base.text import count, listed
from core.base.workspace import Workspace
from core.cli.arguments import dataset_named, input_files, mapping_of, required, run_config
from core.cli.output import EXIT_DONE, Outcome, bar, writing_to
from core.dataset import Dataset, UnknownValue, list_datasets, untrained_lines
from core.demo import write_demo
from core.demo.journey import write_journey
from core.errors import RunError, SettingError
from core.features import feature_catalogue, feature_page, write_features
from core.ingestion.mapping import Mapping, load_mapping, mapping_text, shipped_names
from core.ingestion.preview import count_usable, peek, preview_rows
from core.schema import ROLE, ROLES, USER_SESSION


def demo(options: argparse.Namespace) -> Outcome:
    """Write synthetic event files."""
    _nothing_there(options.out)
    with bar("Simulating a shop", shown=not options.json) as advance, writing_to(options.out):
        made = write_demo(options.out, sessions=options.sessions, seed=options.seed, progress=advance)
    ingestion.remember(Workspace.from_environment(), options.out / "train.csv")
    words = f"Synthetic event files are in {options.out}: train.csv, test.csv, sample_submission.csv, truth.csv."
    return EXIT_DONE, asdict(made) | {"out": str(options.out)}, words


def journey(options: argparse.Namespace) -> Outcome:
    """Write event files of real baskets."""
    _nothing_there(options.out)
    with writing_to(options.out):
        made = write_journey(options.out, sessions=options.sessions, seed=options.seed, prefix=options.prefix)
    words = f"Real baskets are in {options.out}: train.csv, test.csv, sample_submission.csv, truth.csv."
    return EXIT_DONE, asdict(made) | {"out": str(options.out)}, words


def _nothing_there(folder: Path) -> None:
    """Somebody's own train.csv is not written over.

    Raises:
        RunError: the folder has one of the files that would be written.
    """
    for name in ("train.csv", "test.csv", "sample_submission.csv", "truth.csv"):
        if (folder / name).exists():
            raise RunError.file_exists(folder / name)


def ingest(options: argparse.Namespace) -> Outcome:
    """Read and store two event files."""
    with bar("Reading", shown=not options.json) as advance:
        dataset = ingestion.ingest(
            input_files(options),
            Workspace.from_environment(),
            lambda part, parts, text: advance(part / parts, text),
        )
    card = dataset.card()
    lines = [f"Dataset {card.fingerprint}"]
    for file in (card.train, card.test):
        lines.append(
            f"  {file.name}: {file.rows:,} rows = {file.kept:,} kept + {file.quarantined:,} quarantined + "
            f"{file.removed:,} duplicates removed; {file.sessions:,} sessions, {count(file.users, 'user')}, "
            f"{file.products:,} products"
        )
        if len(file.files) > 1:
            lines += [
                f"    {name}: {rows.rows:,} rows, {rows.quarantined:,} of them quarantined"
                for name, rows in file.files.items()
            ]
        if file.passed_over:
            lines.append(f"    not read, as not named like event files: {listed(file.passed_over)}")
    lines += [f"  {note}" for note in card.mapping_notes]
    for name, file in (("train", card.train), ("test", card.test)):
        if file.sent_twice:
            lines.append(f"  {count(file.sent_twice, 'purchase')} of {name} removed, as the same order was sent before")
        if file.joined_visits:
            lines.append(f"  {count(file.joined_visits, 'session')} of {name} with a change of user, as at a log-in")
    lines += [f"  {line}" for line in untrained_lines(card)]
    lines += [f"  quarantined: {rows:,} x {reason}" for reason, rows in card.quarantine_reasons.items()]
    lines.append(f"  {card.to_predict:,} sessions to predict, {card.known_sessions:,} of them known from train")
    return EXIT_DONE, card.model_dump(), "\n".join(lines)


def quarantine(options: argparse.Namespace) -> Outcome:
    """Show the rows of a dataset that were set aside, or write all of them to a file."""
    dataset = dataset_named(Workspace.from_environment(), options.dataset)
    if options.sessions:
        return _untrained(dataset, options)
    rows = dataset.quarantine().with_columns(pl.col(ROLE).replace_strict(dict(enumerate(ROLES))).alias("part"))
    rows = rows.select("part", "file", "line", "reason", "row")
    card = dataset.card()
    reasons = card.quarantine_reasons
    content: dict[str, Any] = {"rows": sum(reasons.values()), "reasons": reasons}
    lines = [f"{amount:>12,} x {reason}" for reason, amount in reasons.items()] or ["Every row can be used."]
    if options.out:
        if options.out.exists():
            raise RunError.file_exists(options.out)
        with writing_to(options.out):
            rows.sink_csv(options.out)
        return EXIT_DONE, content | {"out": str(options.out)}, "\n".join([*lines, f"All rows are in {options.out}."])
    shown = rows.head(options.rows).collect()
    lines += [f"{file}, line {line}: {reason}\n    {row}" for _, file, line, reason, row in shown.iter_rows()]
    return EXIT_DONE, content | {"shown": shown.to_dicts()}, "\n".join(lines)


def _untrained(dataset: Dataset, options: argparse.Namespace) -> Outcome:
    """Show the train sessions that will not train, or write them to a file."""
    card, sessions = dataset.card(), dataset.untrained().select(USER_SESSION, "reason", "remaining")
    content: dict[str, Any] = {
        "sessions": sessions.height,
        "reasons": card.untrained,
        "value_of_other_purchases": card.untrained_value,
        "value_of_lost_purchases": card.lost_value,
        "unassigned_purchases": card.unassigned_purchases,
    }
    lines = untrained_lines(card) or ["Every train session trains."]
    if options.out:
        if options.out.exists():
            raise RunError.file_exists(options.out)
        with writing_to(options.out):
            sessions.write_csv(options.out)
        return EXIT_DONE, content | {"out": str(options.out)}, "\n".join([*lines, f"All are in {options.out}."])
    shown = sessions.head(options.rows)
    lines += [f"{session}: {UnknownValue(reason).words}" for session, reason, _ in shown.iter_rows()]
    return EXIT_DONE, content | {"shown": shown.to_dicts()}, "\n".join(lines)


def features(options: argparse.Namespace) -> Outcome:
    """List the features that learners are given, or write those of a dataset to a file."""
    if options.dataset:
        return _feature_table(options)
    if options.out is not None:
        raise SettingError.missing(
            "DATASET", "a dataset that was read (see `datasets list`), whose features go to --out"
        )
    described = feature_catalogue()
    content = [{"group": each.group, "looks_at": each.looks_at, **asdict(each.feature)} for each in described]
    if options.markdown:
        return EXIT_DONE, {"features": content}, feature_page()
    lines = [
        f"{each.group:18} {each.feature.name:28} {each.looks_at:8} {each.feature.unit:20} {each.feature.meaning}"
        for each in described
    ]
    return EXIT_DONE, {"features": content}, "\n".join(lines)


def _feature_table(options: argparse.Namespace) -> Outcome:
    required(options.out, "--out", "a Parquet file for the feature table")
    if options.out.suffix not in ("", ".parquet"):
        raise SettingError.not_allowed(
            "--out", str(options.out), "a name that ends in .parquet, which is what is written"
        )
    if options.out.exists():
        raise RunError.file_exists(options.out)
    dataset = dataset_named(Workspace.from_environment(), options.dataset)
    config = run_config(options)
    with (
        bar("Features", shown=not options.json) as advance,
        writing_to(options.out),
        atomic_file(options.out) as path,
    ):
        written = write_features(dataset, config, path, lambda part, parts, text: advance(part / parts, text))
    columns = sum(each.looks_at != "values" for each in feature_catalogue())
    words = (
        f"{columns} features of {written:,} sessions are in {options.out}, one row a session and user; "
        f"the {len(feature_catalogue()) - columns} that are learned from values are made inside the folds of each run."
    )
    return EXIT_DONE, {"out": str(options.out), "sessions": written, "features": columns}, words


def audit(options: argparse.Namespace) -> Outcome:
    """Look for what is odd about a dataset."""
    dataset = dataset_named(Workspace.from_environment(), options.dataset)
    with bar("Looking", shown=not options.json) as advance:
        report = auditing.audit(dataset, lambda part, parts, text: advance(part / parts, text), again=options.again)
    return EXIT_DONE, report.model_dump(), "\n".join(auditing.lines(report))


def mapping(options: argparse.Namespace) -> Outcome:
    """List the mappings that ship with the product, show one, guess one, or show how it has a log understood."""
    if options.action == "list":
        names = [(name, load_mapping(name).name) for name in shipped_names()]
        return EXIT_DONE, {"mappings": dict(names)}, "\n".join(f"{name:18} {title}" for name, title in names)
    required(options.of, "FILE", "a mapping's name or file (show), or an event file (guess, preview)")
    if options.action == "show":
        text = mapping_text(load_mapping(options.of))
        return EXIT_DONE, {"mapping": text}, text.rstrip()
    if options.action == "guess":
        return _guess(options)
    shown = preview_rows(ingestion.source_of(options.of), mapping_of(options), with_value=not options.without_value)
    usable, rows = count_usable(shown)
    with pl.Config(
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_width_chars=200,
        fmt_str_lengths=80,
    ):
        words = f"{shown}\n{usable} of the first {rows} rows can be used."
    return EXIT_DONE, {"rows": shown.to_dicts(), "usable": usable}, words


def _guess(options: argparse.Namespace) -> Outcome:
    if options.out and options.out.exists():  # nobody means to lose the log, or a mapping that was mended by hand
        raise RunError.file_exists(options.out)
    given = mapping_of(options)
    guess = peek(ingestion.source_of(options.of), given).guess(with_value=not options.without_value)
    kept = given.model_dump(include={"encoding", "separator"}, exclude_defaults=True)
    text = mapping_text(Mapping.checked(**guess.settings | kept))
    if options.out:
        with writing_to(options.out):
            options.out.write_text(text, encoding="utf-8")
    lines = [] if options.out else [text]
    lines += [f"{role}: {reason}" for role, reason in guess.reasons.items()]
    if options.mapping:
        lines.append(f"Encoding and separator are those of the mapping {options.mapping}; the rest is guessed.")
    if guess.missing:
        lines.append(f"Still to be filled in: {listed(guess.missing)}.")
    elif options.out:
        lines.append(f"The mapping is in {options.out}: look at it with `mapping preview`, then use it with --mapping.")
    content = {"mapping": text, "missing": list(guess.missing), "reasons": guess.reasons}
    return EXIT_DONE, content, "\n".join(lines)


def datasets(options: argparse.Namespace) -> Outcome:
    """List the datasets of the workspace."""
    cards = [dataset.card() for dataset in list_datasets(Workspace.from_environment())]
    lines = [f"{card.fingerprint[:12]}  {card.name:16}  {card.train.rows + card.test.rows:>12,} rows" for card in cards]
    content = {"datasets": [card.model_dump() for card in cards]}
    return EXIT_DONE, content, "\n".join(lines) or "There is no dataset yet."
