"""Write a model into a folder, and load it again.

Trees are in the formats of their libraries, tables in Parquet and NPZ, the rest in JSON and TOML. Nothing is pickled.
`model.json` is sealed and has the hash of every other file, which is compared before the file is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
import polars as pl
from pydantic import ValidationError

from core.base.arrays import load_arrays, save_arrays
from core.base.files import is_file
from core.base.stored_files import (
    UnusableFileError,
    hash_folder,
    hash_stored,
    is_sealed,
    read_sealed_json,
    sealed_json,
    stored_names,
)
from core.errors import RunError, StudioError
from core.features.learned.baskets import Catalogue
from core.features.learned.fold_transform import FoldTransform
from core.features.learned.user_values import Sessions
from core.ingestion.attributes import AttributeTable, attribute_file
from core.ingestion.mapping import Mapping, load_mapping, mapping_text
from core.metric import metric_named
from core.model.fitted_stack import FittedStack
from core.model.history import History
from core.model.model import SessionValueModel, used_mapping
from core.model.spec import VERSION, ModelSpec, model_stem
from core.own_columns import OwnColumn
from core.training import LEARNERS, Stack
from core.training.fitting import FittedLearner
from core.training.intervals import Calibration
from core.training.learners import FitContext
from core.training.live import BuyHead, LengthCalibration
from core.training.targets import Link

MODEL_FILE = "model.json"
_MODEL_FOLDER = "model"
"""Subfolder of a run."""
_MAPPING_FILE = "mapping.toml"
_LEARNERS, _LEARNED, _INTERVALS, _HISTORY, _TABLES = "learners", "learned", "intervals", "history", "tables"
_ITEMS_FILE, _GROUPS_FILE, _VALUED_FILE = "items.parquet", "groups.parquet", "sessions.npz"
_BUY = "buy"
_VALUES = "values"


class StoredRun(Protocol):
    """A run in the run store."""

    @property
    def folder(self) -> Path: ...


def save_model(model: SessionValueModel, folder: Path) -> None:
    """Write a model into an existing, empty folder."""
    for name in (_LEARNERS, _LEARNED, _INTERVALS, _HISTORY):
        (folder / name).mkdir()
    fitted, spec = model.fitted, model.spec
    for learner, models in fitted.learners.items():
        for index, each in enumerate(models):
            seed, fit = divmod(index, fitted.n_fits)
            each.model.save(folder / _LEARNERS, model_stem(learner, fit, seed))
    for fit, transform in enumerate(fitted.transforms):
        save_arrays(folder / _LEARNED / _transform_file(fit), transform.arrays())
    fitted.catalogue.items.write_parquet(folder / _LEARNED / _ITEMS_FILE)
    fitted.catalogue.groups.write_parquet(folder / _LEARNED / _GROUPS_FILE)
    for column, categories in fitted.catalogue.own.items():
        categories.write_parquet(folder / _LEARNED / _own_file(column))
    times = {name: value for name, value in asdict(fitted.valued).items() if value is not None}
    save_arrays(folder / _LEARNED / _VALUED_FILE, times | {_VALUES: fitted.values})
    fitted.calibration.save(folder / _INTERVALS)
    if fitted.buy is not None:
        (folder / _BUY).mkdir()
        fitted.buy.save(folder / _BUY)
    model.history.save(folder / _HISTORY)
    if model.tables:
        (folder / _TABLES).mkdir()
    for table in model.tables:
        table.save(folder / _TABLES)
    (folder / _MAPPING_FILE).write_text(mapping_text(model.mapping), encoding="utf-8")
    hashes = hash_folder(folder)
    text = spec.model_copy(update={"sha256": hashes}).model_dump_json()
    (folder / MODEL_FILE).write_text(sealed_json(text), encoding="utf-8")


def is_model_folder(folder: Path) -> bool:
    """Return whether a folder has a model that `save_model` wrote."""
    return is_file(folder / MODEL_FILE)


def load_model(source: Path | str | StoredRun) -> SessionValueModel:
    """Load the model of a run, or a model that `save_model` wrote.

    Args:
        source: a run, the folder of a run, or the folder of a model.

    Raises:
        RunError: there is no model, a file of it is missing or damaged, or another version of the program wrote it.
    """
    folder = _model_folder(source)
    try:
        if not is_sealed(folder / MODEL_FILE):
            raise RunError.damaged_model(folder, f"{MODEL_FILE} has no seal")
        content = read_sealed_json(folder / MODEL_FILE)
        if json.loads(content).get("version") != VERSION:
            raise RunError.other_model_version(folder)
        spec = ModelSpec.model_validate_json(content)
    except UnusableFileError as error:
        raise RunError.damaged_model(folder, f"{MODEL_FILE} {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}".removeprefix(": ").replace("Value error, ", "")
        raise RunError.damaged_model(folder, f"{MODEL_FILE}: {reason}") from error
    if not spec.fits_this_program:
        raise RunError.other_model_version(folder)
    for name, expected in spec.sha256.items():
        _require_whole(folder, name, expected)
    if unlisted := [name for name in stored_names(folder, (MODEL_FILE,)) if name not in spec.sha256]:
        raise RunError.damaged_model(folder, f"{unlisted[0]} is not part of it")
    try:
        mapping, history = load_mapping(folder / _MAPPING_FILE), History.load(folder / _HISTORY)
        return SessionValueModel(
            spec, mapping, _load_fitted(folder, spec), history, _load_tables(folder, used_mapping(mapping, spec))
        )
    except StudioError:
        raise
    except Exception as error:  # each library has its own errors for a file that it cannot read
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError.damaged_model(folder, reason) from error


def _model_folder(source: Path | str | StoredRun) -> Path:
    path = Path(source) if isinstance(source, (str, Path)) else source.folder
    for folder in (path / _MODEL_FOLDER, path):
        if os.path.lexists(folder / MODEL_FILE):
            return folder
    raise RunError.no_model(path)


def _require_whole(folder: Path, name: str, expected: str) -> None:
    path, pure = folder / name, PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\0" in name or "\\" in name:
        raise RunError.damaged_model(folder, "it names a file outside the folder")
    try:
        if hash_stored(path) != expected:
            raise RunError.damaged_model(folder, f"{name} changed")
    except UnusableFileError as error:
        raise RunError.damaged_model(folder, f"{name} {error}") from error
    if not path.resolve().is_relative_to(folder.resolve()):  # its folder is a link
        raise RunError.damaged_model(folder, f"{name} is outside the folder")


def _load_tables(folder: Path, mapping: Mapping) -> tuple[AttributeTable, ...]:
    """Return the tables of products and users from which a mapping takes own columns."""
    tables = []
    for name, stored in mapping.tables_with_columns().items():
        path = folder / _TABLES / attribute_file(name)
        if not path.is_file():
            raise RunError.damaged_model(folder, f"it has no table of {name}")
        tables.append(AttributeTable.load(name, path).with_columns_of(stored))
    return tuple(tables)


def _load_fitted(folder: Path, spec: ModelSpec) -> FittedStack:
    context, is_live = FitContext(spec.names, threads=1, seed=spec.config.seed), spec.config.is_live
    arrays = load_arrays(folder / _LEARNED / _VALUED_FILE)
    values = arrays.pop(_VALUES)
    return FittedStack(
        names=spec.names,
        learners={name: _load_models(folder / _LEARNERS, name, spec, context) for name in spec.learners},
        fits_for_test=spec.fits_for_test,
        transforms=tuple(
            FoldTransform.of_arrays(load_arrays(folder / _LEARNED / _transform_file(fit))) for fit in range(spec.fits)
        ),
        catalogue=_load_catalogue(folder / _LEARNED, spec.own),
        valued=Sessions(**arrays),
        values=values,
        include_later=spec.config.history == "all_rows",
        stack=_stack_of(spec),
        calibration=(LengthCalibration if is_live else Calibration).load(folder / _INTERVALS),
        buy=BuyHead.load(folder / _BUY, context) if is_live else None,
    )


def _load_models(folder: Path, name: str, spec: ModelSpec, context: FitContext) -> tuple[FittedLearner, ...]:
    """Load the models of a learner, in the order of the fits."""
    learner = {learner.name: learner for learner in LEARNERS}[name]
    return tuple(
        FittedLearner(learner.load(folder, stem, context), Link(**spec.links[stem].model_dump()))
        for stem in spec.stems
        if stem.startswith(f"{name}-")
    )


def _load_catalogue(folder: Path, own: Iterable[OwnColumn]) -> Catalogue:
    def table(name: str) -> pl.DataFrame:
        return pl.read_parquet(folder / name, memory_map=False, glob=False)

    return Catalogue(
        items=table(_ITEMS_FILE),
        groups=table(_GROUPS_FILE),
        own={column: table(_own_file(column)) for column in Catalogue.empty(own).own},
    )


def _stack_of(spec: ModelSpec) -> Stack:
    """Return the stored meta-model, without its out-of-fold predictions."""
    return Stack(
        weights=np.array(spec.stack.weights),
        intercept=spec.stack.intercept,
        alpha=spec.stack.alpha,
        oof=np.empty(0),
        metric=metric_named(spec.config.metric),
        lower_bound=spec.stack.lower_bound,
        combination=spec.stack.combination,
        start_weight=spec.stack.start_weight,
    )


def _own_file(column: OwnColumn) -> str:
    return f"{column.stored}.parquet"


def _transform_file(fit: int) -> str:
    return f"fold{fit}.npz"
