"""Verbs on event files and datasets: mapping, ingest, quarantine."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any, Final

import polars as pl

from core import ingestion
from core.base.number_format import use_format
from core.base.spreadsheet import harmless_cells
from core.base.text import count, listed
from core.base.workspace import Workspace
from core.cli.inputs import input_files, mapping_of, tables_of
from core.cli.output import Outcome
from core.cli.output_files import refuse_existing, writing_to
from core.cli.progress_bars import step_progress
from core.cli.run_options import refuse_unused, require
from core.cli.stored import dataset_named
from core.dataset import (
    Dataset,
    DatasetCard,
    UnknownValue,
    split_lines,
    table_lines,
    untrained_lines,
    without_events_line,
)
from core.ingestion.attributes import read_attributes
from core.ingestion.attributes.completion import complete_with_tables
from core.ingestion.completed_mapping import complete_mapping, own_note
from core.ingestion.mapping import Mapping, load_mapping, mapping_text, shipped_names
from core.ingestion.mapping.own_text import Unused, describe, describe_unused
from core.ingestion.peek import peek
from core.ingestion.preview import count_usable, preview_rows
from core.own_columns import own_lines
from core.schema import ROLE, ROLES, USER_SESSION

_OF_FILES: Final = ("FILE", "--mapping", "--products", "--users", "--without-value")
_USED: Final[dict[str, tuple[str, ...]]] = {
    "list": (),
    "show": ("FILE",),
    "guess": (*_OF_FILES, "--out"),
    "preview": _OF_FILES,
}
"""Action of mapping -> the arguments that it uses."""


def ingest(options: argparse.Namespace) -> Outcome:
    """Read and store event files."""
    with step_progress("Reading", options) as report:
        dataset = ingestion.ingest(input_files(options), Workspace.from_environment(), report)
    use_format(dataset.note.number_format)
    card = dataset.card()
    return Outcome(card.model_dump(), "\n".join(_card_lines(card)))


def _card_lines(card: DatasetCard) -> list[str]:
    lines = [f"Dataset {card.fingerprint}"]
    for file in (card.train, card.test):
        users = count(file.users, "user") if card.has_users else "users unknown"
        lines.append(
            f"  {file.name}: {count(file.rows, 'row')} = {file.kept:,} kept + {file.quarantined:,} quarantined + "
            f"{count(file.removed, 'duplicate')} removed; {count(file.sessions, 'session')}, "
            f"{users}, {count(file.products, 'product')}"
        )
        if len(file.files) > 1:
            lines += [
                f"    {name}: {count(rows.rows, 'row')}, {rows.quarantined:,} of them quarantined"
                for name, rows in file.files.items()
            ]
        if file.passed_over:
            lines.append(f"    not read (subfolders and files of other types): {listed(file.passed_over)}")
        if file.sent_twice:
            lines.append(f"    {count(file.sent_twice, 'purchase')} removed, because the same order was sent before")
        if file.joined_visits:
            lines.append(f"    {count(file.joined_visits, 'session')} with a change of user, such as at a log-in")
    lines += [f"  {line}" for line in (*split_lines(card), *card.mapping_notes)]
    lines += [f"  {line}" for line in (*table_lines(card), *own_lines(card.own), *untrained_lines(card))]
    lines += [f"  quarantined: {rows:,} x {reason}" for reason, rows in card.quarantine_reasons.items()]
    known_sessions = f"{card.known_sessions:,} of them in both files"
    lines.append(f"  {count(card.to_predict, 'session')} to predict, {known_sessions}")
    if line := without_events_line(card):
        lines.append(f"  {line}")
    return lines


def quarantine(options: argparse.Namespace) -> Outcome:
    """Show the quarantined rows of a dataset, or write all of them to a file."""
    dataset = dataset_named(Workspace.from_environment(), options.dataset)
    if options.sessions:
        return _untrained(dataset, options)
    part = pl.col(ROLE).replace_strict(dict(enumerate(ROLES))).alias("part")
    rows = dataset.quarantine().select(part, "file", "line", "reason", "row")
    reasons = dataset.card().quarantine_reasons
    content: dict[str, Any] = {"rows": sum(reasons.values()), "reasons": reasons}
    lines = [f"{n_rows:>12,} x {reason}" for reason, n_rows in reasons.items()] or ["All rows are valid."]
    if options.out:
        return _write_csv(rows, options.out, content, lines)
    shown = rows.head(options.rows).collect()
    lines += [f"{file}, line {line}: {reason}\n    {row}" for _, file, line, reason, row in shown.iter_rows()]
    return Outcome(content | {"shown": shown.to_dicts()}, "\n".join(lines))


def _write_csv(rows: pl.LazyFrame, path: Path, content: dict[str, Any], lines: list[str]) -> Outcome:
    """Write all rows to a new CSV file, and add its path to the outcome."""
    refuse_existing(path)
    with writing_to(path):
        harmless_cells(rows).sink_csv(path)
    return Outcome(content | {"out": str(path)}, "\n".join([*lines, f"All of them are in {path}."]))


def _untrained(dataset: Dataset, options: argparse.Namespace) -> Outcome:
    """Show the train sessions that are excluded from training, or write all of them to a file."""
    card = dataset.card()
    sessions = dataset.untrained().select(USER_SESSION, "reason", "remaining")
    content: dict[str, Any] = {
        "sessions": sessions.height,
        "reasons": card.untrained,
        "value_of_other_purchases": card.untrained_value,
        "value_of_lost_purchases": card.lost_value,
        "unassigned_purchases": card.unassigned_purchases,
    }
    lines = untrained_lines(card) or ["No train session is excluded from training."]
    if options.out:
        return _write_csv(sessions.lazy(), options.out, content, lines)
    shown = sessions.head(options.rows)
    lines += [f"{session}: {UnknownValue(reason).clause}" for session, reason, _ in shown.iter_rows()]
    return Outcome(content | {"shown": shown.to_dicts()}, "\n".join(lines))


def mapping(options: argparse.Namespace) -> Outcome:
    """List the included mappings, show a mapping, guess one for a file, or preview the rows that a mapping produces."""
    refuse_unused(options, _USED)
    if options.action == "list":
        names = [(name, load_mapping(name).name) for name in shipped_names()]
        return Outcome({"mappings": dict(names)}, "\n".join(f"{name:18} {title}" for name, title in names))
    require(options.file, "FILE", "a mapping's name or file (show), or an event file (guess, preview)")
    if options.action == "show":
        text = mapping_text(load_mapping(options.file))
        return Outcome({"mapping": text}, text.rstrip())
    return _guess(options) if options.action == "guess" else _preview(options)


def _preview(options: argparse.Namespace) -> Outcome:
    """Show the first rows of an event file as the mapping reads them."""
    source = ingestion.source_of(options.file)
    with_value = not options.without_value
    files = tables_of(options)
    with_tables = complete_with_tables(mapping_of(options), files)
    tables = [read_attributes(path, name, with_tables.mapping).table for name, path in files.items()]
    preview = preview_rows(source, with_tables.mapping, with_value=with_value, tables=tables)
    completed, notes = complete_mapping(source, mapping_of(options), with_value=with_value)
    notes += [*with_tables.notes, *filter(None, [own_note(source, completed)])]
    n_usable, n_rows = count_usable(preview)
    with pl.Config(
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_width_chars=200,
        fmt_str_lengths=80,
    ):
        lines = [str(preview), f"{n_usable} of the first {n_rows} rows are valid.", *notes]
    return Outcome({"rows": preview.to_dicts(), "usable": n_usable, "notes": notes}, "\n".join(lines))


def _guess(options: argparse.Namespace) -> Outcome:
    """Guess the mapping of an event file, and write it to a file or show it."""
    if options.out:
        refuse_existing(options.out)  # it may be the log itself, or a mapping that was edited by hand
    mapping = mapping_of(options)
    log = peek(ingestion.source_of(options.file), mapping)
    guess = log.guess(with_value=not options.without_value)
    file_settings = mapping.model_dump(include={"encoding", "separator", "tables"}, exclude_defaults=True)
    reasons: dict[str, str] = {}
    detected = log.encoding
    if mapping.encoding is None and detected is not None and detected.note and "encoding" not in guess.settings:
        file_settings["encoding"] = detected.encoding
        reasons["encoding"] = detected.sentence
    reasons |= guess.reasons
    guessed = Mapping.checked(**guess.settings | file_settings)
    completed = complete_with_tables(guessed, tables_of(options))
    text = mapping_text(completed.mapping)
    if options.out:
        with writing_to(options.out):
            options.out.write_text(text, encoding="utf-8")
    own = completed.mapping.model_dump(exclude_defaults=True).get("own", {})
    content = {
        "mapping": text,
        "missing": list(guess.missing),
        "reasons": reasons,
        "own": own,
        "unused": _reasons_by_column(guess.unused),
    }
    if completed.unused:
        content["unused_of_tables"] = {
            table: _reasons_by_column(columns) for table, columns in completed.unused.items()
        }
    lines = [
        *(f"{role}: {reason}" for role, reason in reasons.items()),
        *_titled("Own columns:", describe(own) if own else ()),
        *_titled("Not used:", describe_unused(guess.unused)),
    ]
    for table, columns in completed.unused.items():
        lines += _titled(f"Not used, of the {table}:", describe_unused(columns))
    lines += _next_steps(options, mapping, guess.missing)
    if not options.out:  # comments, so that the output can be redirected to a mapping file
        lines = [text, *(f"# {line}" for line in lines)]
    return Outcome(content, "\n".join(lines))


def _next_steps(options: argparse.Namespace, stated: Mapping, missing: Sequence[str]) -> Iterator[str]:
    """Say what is not guessed, what to set, and where the guessed mapping is.

    Args:
        stated: the mapping that the options name.
        missing: settings that a person must set.
    """
    if options.mapping:
        what = "Encoding, separator and keys of tables" if stated.tables else "Encoding and separator"
        yield f"{what} are those of the mapping {options.mapping}. All else is guessed."
    if missing:
        yield f"Complete the mapping: set {listed(missing)}."
    elif options.out:
        yield f"The mapping is in {options.out}. Check it with `mapping preview`, then use it with --mapping."


def _titled(title: str, lines: Iterable[str]) -> list[str]:
    """Return indented lines below a title; empty without lines."""
    indented = [f"  {line}" for line in lines]
    return [title, *indented] if indented else []


def _reasons_by_column(unused: Table[str, Unused]) -> dict[str, dict[str, str]]:
    """Return column -> code and clause of the reason why it is not used."""
    return {name: {"code": why.reason, "reason": why.clause} for name, why in unused.items()}
