"""The fitted model of a run: it turns the events of new sessions into values, intervals and contributions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from core.base.files import scratch_folder, sweep
from core.base.progress import Report, no_report
from core.base.text import count, listed
from core.dataset import MAPPING_FILE, Dataset
from core.errors import SettingError
from core.features import EngineName
from core.ingestion import Query, Source, Tables, event_log
from core.ingestion.attributes import AttributeTable, attribute_file, read_attributes
from core.ingestion.mapping import Mapping, load_mapping
from core.ingestion.mapping.nested_settings import Names
from core.ingestion.parallel import map_in_order
from core.model.fitted_stack import FittedStack, Values
from core.model.history import History, whole_history
from core.model.rows import SessionRows, session_rows
from core.model.scoring import Scoring
from core.model.spec import VERSION, ModelSpec, StoredLink, StoredStack, model_stem
from core.schema import UNIT
from core.training import Matrix, Training
from core.training.live import BuyHead

if TYPE_CHECKING:
    import pandas as pd

Events: TypeAlias = "pl.DataFrame | pl.LazyFrame | pd.DataFrame | Source | str"
"""What can be scored. A text is a path."""

_FRAME_FILE, _SCRATCH = "data_frame.parquet", "svs-score"


@dataclass(frozen=True, eq=False, repr=False)
class SessionValueModel:
    """A fitted model with its history.

    Attributes:
        spec: description of the model.
        mapping: how event files of the shop are read.
        fitted: learned columns, learners, meta-model and intervals.
        history: the events that the model knows.
        tables: tables of products and users with the own columns that the model uses.
    """

    spec: ModelSpec
    mapping: Mapping
    fitted: FittedStack
    history: History
    tables: tuple[AttributeTable, ...] = ()

    def __repr__(self) -> str:
        return f"<SessionValueModel of {listed(self.spec.learners)}, {count(self.history.events.height, 'event')}>"

    @classmethod
    def fit(
        cls, training: Training, dataset: Dataset, versions: dict[str, str], buy: BuyHead | None = None
    ) -> SessionValueModel:
        """Return the model of a finished training on a dataset; `buy` as in `FittedStack`.

        Raises:
            ValueError: nothing was learned from the events of the sessions.
        """
        data, columns = training.data, training.columns
        if columns is None or data.times is None or data.baskets is None:
            raise ValueError("a model needs columns that are learned from events, and the times of sessions")
        spec = _spec(training, columns.names, dataset, versions)
        fitted = FittedStack(
            names=training.names,
            learners={fit.learner: fit.models for fit in training.fits},
            fits_for_test=spec.fits_for_test,
            transforms=columns.transforms,
            catalogue=data.baskets.catalogue,
            valued=data.times.train,
            values=data.y,
            include_later=data.times.include_later,
            stack=replace(training.stack, oof=np.empty(0)),
            calibration=training.intervals.calibration,
            buy=buy,
        )
        mapping = load_mapping(dataset.verified_file(MAPPING_FILE))
        tables = tuple(
            AttributeTable.load(name, dataset.verified_file(attribute_file(name))).with_columns_of(stored)
            for name, stored in used_mapping(mapping, spec).tables_with_columns().items()
        )
        return cls(spec, mapping, fitted, History.of(dataset, data.units, data.own), tables)

    def with_engine(self, engine: EngineName) -> SessionValueModel:
        """Return the model with another engine for its features, which gives the same values."""
        config = self.spec.config.model_copy(update={"engine": engine})
        return replace(self, spec=self.spec.model_copy(update={"config": config}))

    def with_tables(self, files: Tables) -> SessionValueModel:
        """Return the model with other tables of products or users, which replace those of its run.

        Raises:
            InputError: a file cannot be used.
            SettingError: the model uses no such table.
        """
        replaced = {table.name: table for table in self.tables}
        for name, path in files.items():
            if name not in replaced:
                allowed = f"only a table of {listed(replaced)}" if replaced else "no table"
                reason = f"because the model of this run uses no table of {name}"
                raise SettingError.not_allowed(name, path.name, f"{allowed}, {reason}")
            replaced[name] = read_attributes(path, name, used_mapping(self.mapping, self.spec)).table
        return replace(self, tables=tuple(replaced.values()))

    def predict(self, events: Events, report: Report = no_report) -> pl.DataFrame:
        """Predict the value of each session of an event file or a data frame.

        `events` is a Polars or pandas data frame, a path or a query, with the columns of the log that the model was
        trained on. Session values are not needed.

        Returns:
            The columns of `Scoring.values`.

        Raises:
            InputError: the events cannot be used.
        """
        with self.scoring(events, report) as scoring:
            return scoring.values()

    def contributions(self, events: Events) -> pl.DataFrame:
        """Explain the values of the sessions of an event file or a data frame; see `Scoring.contributions`.

        Raises:
            InputError: the events cannot be used.
        """
        with self.scoring(events) as scoring:
            return scoring.contributions()

    @contextmanager
    def scoring(self, events: Events, report: Report = no_report) -> Iterator[Scoring]:
        """Read the events of a file or a data frame. What was read is deleted at the end of the block.

        Raises:
            InputError: the events cannot be used.
        """
        temporary_files = Path(tempfile.gettempdir())
        sweep(temporary_files, _SCRATCH)
        with scratch_folder(temporary_files, f".{_SCRATCH}.") as folder:
            if isinstance(events, str):
                events = Path(events)
            source = events if isinstance(events, (Path, Query)) else _stored_frame(events, folder / _FRAME_FILE)
            mapping = used_mapping(self.mapping, self.spec)
            with event_log(source, mapping, folder, report, tables=self.tables) as log:
                yield Scoring(self, log)

    def predict_units(self, units: pl.Series, report: Report = no_report) -> Values:
        """Predict units of the history as new sessions, in ascending order of their numbers."""
        rows = self.rows_of(units, report)
        return Values.joined(list(map_in_order(self.fitted.predict, rows)))

    def predict_training(self, folds: pl.DataFrame, report: Report = no_report) -> Matrix:
        """Return the learners' out-of-fold predictions of training sessions, shape (units, learners).

        Args:
            folds: unit numbers in the history, ascending, and the `fold` that validates each; NaN is predicted for
                those with -1.
        """
        units, fold_of = folds.get_column(UNIT), folds.get_column("fold").to_numpy()
        parts, done = [], 0
        for rows in self.rows_of(units, report):
            height = rows.units.height
            parts.append(self.fitted.predict_out_of_fold(rows, fold_of[done : done + height]))
            done += height
        return np.concatenate(parts)

    def rows_of(self, units: pl.Series, report: Report = no_report) -> Iterator[SessionRows]:
        """Compute the rows of units of the history, ascending, some at a time."""
        log = whole_history(self.history)
        return session_rows(log, self.spec, self.fitted.catalogue, units=units, report=report)


def _spec(training: Training, learned: tuple[str, ...], dataset: Dataset, versions: dict[str, str]) -> ModelSpec:
    """Return the description of the model of a training; `learned` are the names of the learned columns."""
    data, stack, folds = training.data, training.stack, training.folds
    links = {
        model_stem(fit.learner, index % folds.fit_count, index // folds.fit_count): fitted.link.as_record()
        for fit in training.fits
        for index, fitted in enumerate(fit.models)
    }
    return ModelSpec(
        version=VERSION,
        sha256={},
        features=tuple(data.names),
        learned=learned,
        learners=tuple(fit.learner for fit in training.fits),
        seeds=training.seeds,
        fits=folds.fit_count,
        fits_for_test=tuple(folds.fits_for_test),
        links={stem: StoredLink(**link) for stem, link in links.items()},
        stack=StoredStack(
            weights=tuple(map(float, stack.weights)),
            intercept=stack.intercept,
            alpha=stack.alpha,
            combination=stack.combination,
            start_weight=stack.start_weight,
            lower_bound=stack.lower_bound,
        ),
        config=training.config,
        own=data.own,
        default_value=training.metric.best_constant(data.y),
        versions=versions,
        log_start=min(dataset.card().train.first_time, dataset.card().test.first_time),
    )


def used_mapping(mapping: Mapping, spec: ModelSpec) -> Mapping:
    """Return the mapping of a log with only the own columns that a model uses, and without names for people."""
    names = {column.name for column in spec.own}
    own = {name: column for name, column in mapping.own.items() if name in names}
    return mapping.model_copy(update={"own": own, "names": Names()})


def _stored_frame(events: pl.DataFrame | pl.LazyFrame | pd.DataFrame, path: Path) -> Path:
    """Write a data frame to a Parquet file, which is read like any other. Columns that no log can use are left out."""
    if isinstance(events, pl.LazyFrame):
        frame = events.collect()
    elif isinstance(events, pl.DataFrame):
        frame = events
    else:
        mixed = [name for name, dtype in events.dtypes.items() if str(dtype) == "object"]  # such as ids in two types
        texts = {str(name): events[name].map(str, na_action="ignore") for name in mixed}
        frame = pl.from_pandas(events.assign(**texts))
    unusable = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Object]
    frame.drop(unusable).write_parquet(path)
    return path
