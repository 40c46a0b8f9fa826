"""Prefixes of training sessions: the first events of a session, from which a model learns to value open sessions.

A prefix is described by the same features as a session. They are computed from its own events alone and from the
history before the session began, so they never depend on the rest of the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

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

ALL_DRAWN = 2
"""Prefixes of up to this many events are always drawn, longer ones of k events with the probability ALL_DRAWN / k."""
_FILE = "{}.arrow"


@dataclass(frozen=True)
class Prefixes:
    """Prefixes of training sessions that are shorter than the session, one row each.

    Attributes:
        units: unit (that of the session, ascending) and EVENTS_SEEN.
        values: one Float64 column per feature.
        events: unit (row number of the prefix), product, category, type and the own columns of categories, one row per
            event.
        whole: unit and EVENTS_SEEN of the drawn prefixes that are whole sessions, in ascending order.
    """

    units: pl.DataFrame
    values: pl.DataFrame
    events: pl.DataFrame
    whole: pl.DataFrame

    def save(self, folder: Path) -> None:
        """Write the tables to files in a folder, for `load`."""
        for name, table in vars(self).items():
            table.write_ipc(folder / _FILE.format(name))

    @classmethod
    def load(cls, folder: Path) -> Prefixes:
        """Read tables into memory that `save` wrote."""
        tables = {each.name: pl.read_ipc((folder / _FILE.format(each.name)).read_bytes()) for each in fields(cls)}
        return cls(**tables)


def build_prefixes(dataset: Dataset, units: pl.Series, config: RunConfig, report: Report = ignore_progress) -> Prefixes:
    """Draw prefixes of these units, and compute their features.

    Args:
        units: numbers of the training units.
    """
    events, all_units = events_and_units(dataset, config)
    lengths = events.group_by(UNIT).agg(pl.len().alias("n_events")).collect()
    lengths = lengths.filter(pl.col(UNIT).is_in(units.implode())).sort(UNIT)
    drawn = draw_prefixes(lengths, config.seed)
    is_whole = drawn.join(lengths, on=UNIT, maintain_order="left").select(pl.col(EVENTS_SEEN) == pl.col("n_events"))
    prefixes, whole = drawn.filter(~is_whole.to_series()), drawn.filter(is_whole.to_series())
    values, own_events = describe_prefixes(
        events, all_units, prefixes, config, own=dataset.card().used_own, report=report
    )
    return Prefixes(prefixes, values, own_events, whole)


def draw_prefixes(lengths: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw prefixes of sessions, the whole session among them, independently of each other.

    The probability depends on the length of the prefix, never on that of the session. Otherwise sessions that end after
    k events would be more or less frequent among prefixes of k events than they are in the shop.

    Args:
        lengths: unit and n_events, one row per session.

    Returns:
        unit and EVENTS_SEEN (from 1 to n_events), sorted, one row per prefix.
    """
    every = lengths.select(UNIT, pl.int_ranges(1, pl.col("n_events") + 1).alias(EVENTS_SEEN)).explode(EVENTS_SEEN)
    chances = pl.Series("chance", np.random.default_rng(seed).random(every.height))
    drawn = every.with_columns(chances).filter(pl.col("chance") * pl.col(EVENTS_SEEN) < ALL_DRAWN)
    return drawn.select(UNIT, EVENTS_SEEN).sort(UNIT, EVENTS_SEEN)


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
    """Compute the features of prefixes; return these and their events as in `Prefixes`.

    Args:
        events, units, log_start: as for `core.features.engines.open_engine`.
        prefixes: unit and EVENTS_SEEN, sorted by unit.
        own: the used own columns of the log.
    """
    own = tuple(own)
    stored = [column.stored for column in own]
    categories = [column.stored for column in own if column.kind == "category"]
    needed = events.select(UNIT, USER, PRODUCT, CATEGORY, TYPE, TIME, *stored)
    with open_log(needed, units.lazy(), config.history, log_start) as engine:
        values, own_events = engine.prefixes(groups_of(own, config.features), prefixes, report)
    return values, own_events.select(UNIT, PRODUCT, CATEGORY, TYPE, *categories)
