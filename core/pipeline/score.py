"""Applies the model of a run: predicts the sessions of a later event file, and computes the importance of features."""

from __future__ import annotations

import io
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from core.base.amounts import money, value_text
from core.base.files import atomic_file, atomic_folder, reporting_full_disk
from core.base.progress import Report, no_report
from core.base.spreadsheet import harmless_cells
from core.base.text import count, listed, percent, verb, whole
from core.dataset import QUARANTINE_FILE
from core.errors import SettingError
from core.features import EngineName
from core.importance import new_importance, training_importance
from core.ingestion import Source, Tables
from core.ingestion.attributes import ID_COLUMN, AttributeTable
from core.model import PRODUCTS_KNOWN, SOURCE, USER_KNOWN, Scoring, SessionValueModel, load_model, save_model
from core.own_columns import TableName
from core.runs import Run
from core.runs.store import FOLDS_FILE
from core.schema import SESSION_VALUE, USER_SESSION

_READING_SHARE = 0.06
"""Share of the time that reading takes, measured with 5 million events; features and predictions take the rest."""
_PARTS = 100
_FEW_PRODUCTS = 0.5
"""Share of the events. In their test files, which follow the train files, the demo has 0.92 and real baskets 0.88."""


@dataclass(frozen=True)
class Scores:
    """The scored sessions of an event file.

    Attributes:
        name: name of the file.
        values: see `core.model.Scoring.values`.
        rows: rows of the file.
        reasons: reason for quarantine -> number of rows.
        quarantine: the quarantined rows: file, line, reason and row.
        empty_own: names in the log of the own columns that the model uses but for which the file has no usable cell.
        in_tables: table of products or users that the model uses -> share of the file's products or users in it.
    """

    name: str
    values: pl.DataFrame
    rows: int
    reasons: dict[str, int]
    quarantine: pl.DataFrame
    empty_own: tuple[str, ...] = ()
    in_tables: dict[TableName, float] = field(default_factory=dict)

    @property
    def value_sum(self) -> float:
        """Sum of all values."""
        return float(self.values.get_column(SESSION_VALUE).sum())

    @property
    def value_mean(self) -> float:
        """Mean of all values."""
        return self.value_sum / self.values.height

    @property
    def n_quarantined(self) -> int:
        """Number of rows that could not be used."""
        return sum(self.reasons.values())

    @property
    def n_defaults(self) -> int:
        """Number of sessions without a usable event, which have the default value of the model."""
        return self.values.filter(pl.col(SOURCE) == "default").height

    @property
    def n_known_users(self) -> int:
        """Number of sessions whose user has an earlier session."""
        return int(self.values.get_column(USER_KNOWN).sum())

    @property
    def products_known(self) -> float:
        """Average share of a session's events that are on products that occurred in training."""
        shares = self.values.get_column(PRODUCTS_KNOWN).drop_nulls()
        return float(shares.sum()) / max(len(shares), 1)

    def highest(self, n_sessions: int) -> pl.DataFrame:
        """Return the rows of the sessions with the highest values, the highest first; ties are sorted by id."""
        return self.values.sort([SESSION_VALUE, USER_SESSION], descending=[True, False]).head(n_sessions)

    def values_as_parquet(self) -> bytes:
        """Return the content of a Parquet file with all values."""
        file = io.BytesIO()
        self.values.write_parquet(file)
        return file.getvalue()

    def summary(self) -> dict[str, object]:
        """Return the figures for programs; values are in value units."""
        return {
            "sessions": self.values.height,
            "rows": self.rows,
            "quarantined": self.n_quarantined,
            "quarantine_reasons": self.reasons,
            "default_values": self.n_defaults,
            "value_sum": self.value_sum,
            "value_mean": self.value_mean,
            "sessions_of_known_users": self.n_known_users,
            "products_known": self.products_known,
            "empty_own_columns": list(self.empty_own),
            "in_tables": self.in_tables,
        }

    def lines(self) -> list[str]:
        """Return sentences for people."""
        lines = [
            f"{self.name}: {count(self.values.height, 'session')} with {money(self.value_sum)} in total, "
            f"{value_text(self.value_mean)} on average.",
            f"{count(self.n_known_users, 'session')} {verb(self.n_known_users, 'is', 'are')} of users with an earlier "
            f"session. {percent(self.products_known)} of the events are on products that occurred in training.",
        ]
        if self.products_known < _FEW_PRODUCTS:
            lines.append(
                "WARNING: Few of these products occurred in training, so most predictions rest on event types and "
                "categories. Is this the log of the same shop?"
            )
        if self.empty_own:
            lines.append(
                f"WARNING: The file has no usable {listed(self.empty_own, conjunction='or')}, which the model uses, so "
                "the values are less accurate."
            )
        for table, share in self.in_tables.items():
            if share < 1:
                lines.append(
                    f"{percent(1 - share)} of the {table} are not in the table of {table}, so they have empty cells. "
                    f"To use a newer table, add --{table} FILE, or choose it on the Score page."
                )
        if self.n_defaults:
            lines.append(
                f"{count(self.n_defaults, 'session')} without a usable event got the default value of the model."
            )
        if self.n_quarantined:
            reasons = listed(f"{whole(rows)} x {reason}" for reason, rows in self.reasons.items())
            amount = f"{whole(self.n_quarantined)} of {count(self.rows, 'row')}"
            lines.append(f"{amount} {verb(self.n_quarantined, 'was', 'were')} quarantined: {reasons}.")
        return lines


def score(
    model: SessionValueModel,
    source: Source,
    *,
    tables: Tables | None = None,
    advance_to: Path | None = None,
    engine: EngineName | None = None,
    report: Report = no_report,
) -> Scores:
    """Predict the value of every session of an event file.

    Args:
        source: events with the columns of the log that the model was trained on; session values are not needed.
        tables: files of products or users that replace those of the run.
        advance_to: folder for the model with the events of the file in its history, which must not exist.
        engine: engine that computes the features; None for that of the run.

    Raises:
        InputError: the file cannot be used.
        RunError: the model cannot be written.
        SettingError: the disk of the temporary folder is full, or the model uses no such table.
    """
    if tables:
        report(0, _PARTS, "reading tables")
        model = model.with_tables(tables)
    if engine is not None:
        model = model.with_engine(engine)

    def report_reading(part: int, parts: int, text: str) -> None:
        report(int(_PARTS * _READING_SHARE * part / max(parts, 1)), _PARTS, text)

    def report_scoring(part: int, parts: int, text: str) -> None:
        share = _READING_SHARE + (1 - _READING_SHARE) * part / max(parts, 1)
        report(int(_PARTS * share), _PARTS, text)

    with ExitStack() as stack:
        with reporting_full_disk(Path(tempfile.gettempdir()), SettingError.temporary_folder_full):
            scoring = stack.enter_context(model.scoring(source, report_reading))
            values = scoring.values(report_scoring)
        if advance_to is not None:
            with atomic_folder(advance_to) as folder:
                save_model(scoring.advanced(), folder)
        used = {column.stored: column.label for column in model.spec.own}
        empty_own = tuple(label for stored, label in used.items() if not scoring.events.counts.own[stored, True])
        in_tables = {table.name: _share_in(table, scoring) for table in model.tables}
        return Scores(
            name=source.name,
            values=values,
            rows=scoring.events.counts.rows,
            reasons=_reasons(scoring),
            quarantine=_quarantine(scoring),
            empty_own=empty_own,
            in_tables=in_tables,
        )


def _share_in(table: AttributeTable, scoring: Scoring) -> float:
    """Return the share of the products or users of an event file that are in a table."""
    ids = scoring.events.tables.dictionary(ID_COLUMN[table.name]).collect().get_column(ID_COLUMN[table.name])
    return int(table.has(ids).sum()) / max(len(ids), 1)


def _reasons(scoring: Scoring) -> dict[str, int]:
    """Return reason -> number of quarantined rows, the most frequent first."""
    return dict(sorted(scoring.events.counts.reasons.items(), key=lambda item: (-item[1], item[0])))


def _quarantine(scoring: Scoring) -> pl.DataFrame:
    """Return the quarantined rows, read into memory because the folder of the file is temporary."""
    path = scoring.events.tables.folder / QUARANTINE_FILE
    return pl.read_parquet(path, memory_map=False, glob=False).select("file", "line", "reason", "row")


def importance_of_run(run: Run, report: Report = no_report) -> pl.DataFrame:
    """Compute the importance of the features in training sessions of a run again; see `core.importance`.

    Raises:
        RunError: the run has no model, or is damaged.
    """
    return training_importance(load_model(run), run.table(FOLDS_FILE).collect(), report)


def importance_of_events(model: SessionValueModel, source: Source, report: Report = no_report) -> pl.DataFrame:
    """Compute the importance of the features in the sessions of an event file; see `core.importance`.

    Raises:
        InputError: the file cannot be used.
    """
    with model.scoring(source, report) as scoring:
        return new_importance(scoring, report)


def write_values(values: pl.DataFrame, path: Path) -> None:
    """Write a table to a new file: Parquet if its name ends in .parquet, otherwise CSV for people."""
    with atomic_file(path) as draft:
        if path.suffix == ".parquet":
            values.write_parquet(draft)
        else:
            harmless_cells(values.lazy()).sink_csv(draft)
