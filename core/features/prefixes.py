"""Prefixes of training sessions: the first events of a session. A model learns from them to value open sessions.

A prefix is described by the same features as a session. They are computed from its own events alone and from the
history before the session began, so they never depend on the rest of the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from core.config import RunConfig
from core.dataset import Dataset
from core.features.columns import EVENTS_SEEN
from core.features.engines import Report, ignore_progress
from core.features.engines.polars_engine import open_log
from core.features.registry import groups_of
from core.features.units import events_and_units
from core.own_columns import OwnColumn
from core.schema import CATEGORY, PRODUCT, TIME, TYPE, UNIT, USER

ALWAYS_DRAWN_LENGTH: Final = 2
"""Number of events up to which a prefix is always drawn. One of k events is drawn with the probability
min(1, ALWAYS_DRAWN_LENGTH / k)."""
N_EVENTS: Final = "n_events"
"""Number of events of a session, in tables of session lengths."""
_FILE: Final = "{}.arrow"


@dataclass(frozen=True)
class Prefixes:
    """Prefixes that were drawn from training sessions.

    A drawn prefix can be the whole session. Its features are already in the feature table, so only `whole` has it.

    Attributes:
        units: one row per prefix that is shorter than its session: unit of the session, ascending, and EVENTS_SEEN.
        values: the features of these prefixes, in the same rows; one Float64 column per feature.
        events: one row per event of these prefixes: unit, which is the prefix's row in `units`, product, category, type
            and the own columns of categories.
        whole: one row per prefix that is a whole session: unit, ascending, and EVENTS_SEEN.
    """

    units: pl.DataFrame
    values: pl.DataFrame
    events: pl.DataFrame
    whole: pl.DataFrame

    def save(self, folder: Path) -> None:
        """Write the tables to files in an existing folder, for `load`."""
        for name, table in vars(self).items():
            table.write_ipc(folder / _FILE.format(name))

    @classmethod
    def load(cls, folder: Path) -> Prefixes:
        """Read the tables that `save` wrote. They are read into memory, so the folder may be deleted."""
        paths = {field.name: folder / _FILE.format(field.name) for field in fields(cls)}
        return cls(**{name: pl.read_ipc(path.read_bytes()) for name, path in paths.items()})


def build_prefixes(dataset: Dataset, units: pl.Series, config: RunConfig, report: Report = ignore_progress) -> Prefixes:
    """Draw prefixes of these units, and compute their features.

    Args:
        dataset: the dataset of the training.
        units: numbers of the training units.
        config: its seed draws the prefixes.
        report: called with the groups of features done, their number, and the label of the group.
    """
    events, all_units = events_and_units(dataset, config)
    lengths = events.group_by(UNIT).agg(pl.len().alias(N_EVENTS)).collect()
    lengths = lengths.filter(pl.col(UNIT).is_in(units.implode())).sort(UNIT)
    drawn = draw_prefixes(lengths, config.seed).join(lengths, on=UNIT, how="left", maintain_order="left")
    is_whole = pl.col(EVENTS_SEEN) == pl.col(N_EVENTS)
    shorter, whole = (drawn.filter(condition).drop(N_EVENTS) for condition in (~is_whole, is_whole))
    values, prefix_events = describe_prefixes(
        events, all_units, shorter, config, own=dataset.card().used_own, report=report
    )
    return Prefixes(units=shorter, values=values, events=prefix_events, whole=whole)


def draw_prefixes(lengths: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw prefixes of sessions. Each prefix is drawn independently, and the whole session counts as one.

    The probability depends on the length of the prefix, never on that of the session. Otherwise sessions that end after
    k events would be more or less frequent among prefixes of k events than they are in the shop.

    Needs memory for one row per event of the sessions.

    Args:
        lengths: unit and N_EVENTS, one row per session. Another order of the rows gives other prefixes.
        seed: seed of the random numbers, at least 0.

    Returns:
        One row per drawn prefix: unit and EVENTS_SEEN (from 1 to N_EVENTS), sorted by both.
    """
    all_prefixes = lengths.select(UNIT, pl.int_ranges(1, pl.col(N_EVENTS) + 1).alias(EVENTS_SEEN)).explode(EVENTS_SEEN)
    uniform = pl.Series("uniform", np.random.default_rng(seed).random(all_prefixes.height))
    is_drawn = pl.col("uniform") * pl.col(EVENTS_SEEN) < ALWAYS_DRAWN_LENGTH
    return all_prefixes.with_columns(uniform).filter(is_drawn).select(UNIT, EVENTS_SEEN).sort(UNIT, EVENTS_SEEN)


def describe_prefixes(
    events: pl.LazyFrame,
    units: pl.DataFrame,
    prefixes: pl.DataFrame,
    config: RunConfig,
    *,
    own: Iterable[OwnColumn] = (),
    log_start: int | None = None,
    report: Report = ignore_progress,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Compute the features of prefixes.

    Args:
        events, units, log_start: as for `core.features.engines.polars_engine.open_log`.
        prefixes: unit and EVENTS_SEEN, sorted by unit.
        config: its history mode and feature set are used.
        own: the used own columns of the log.
        report: as for `build_prefixes`.

    Returns:
        `values` and `events` of `Prefixes`.
    """
    own_columns = tuple(own)
    stored = [column.stored for column in own_columns]
    categories = [column.stored for column in own_columns if column.kind == "category"]
    log = events.select(UNIT, USER, PRODUCT, CATEGORY, TYPE, TIME, *stored)
    with open_log(log, units.lazy(), config.history, log_start) as engine:
        values, prefix_events = engine.prefixes(groups_of(own_columns, config.features), prefixes, report)
    return values, prefix_events.select(UNIT, PRODUCT, CATEGORY, TYPE, *categories)
