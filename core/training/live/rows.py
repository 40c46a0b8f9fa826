"""Training rows of a model for open sessions: whole sessions, followed by prefixes of them.

The target of a prefix is the value of its whole session. All rows of a person are in one fold. What is learned from
values (recovered prices, statistics of products, the user's ratio) is learned from whole sessions, and applied to what
a prefix contains. So the start value of a prefix is what its events so far are worth, and the learners add what is
still to come.

The weight of a prefix of k events is 1 / k, divided by the probability with which it was drawn. So a session of n
events counts 1 + 1/2 + ... + 1/n times, which is 4 times for 30 events. Weights that made every session count once
would depend on its length, and the model would learn that sessions end earlier than they do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features import Prefixes
from core.features.columns import EVENTS_SEEN
from core.features.learned.baskets import Baskets, Catalogue
from core.features.learned.user_values import Sessions
from core.features.prefixes import ALWAYS_DRAWN_LENGTH
from core.schema import UNIT
from core.training.training_set import PrefixRows, TrainingSet


def with_prefixes(data: TrainingSet, prefixes: Prefixes, events: pl.DataFrame) -> TrainingSet:
    """Add prefixes to training rows that are all whole sessions.

    Args:
        data: whole sessions, without baskets, in ascending order of their units.
        prefixes: prefixes of these sessions.
        events: events of the whole sessions and of the test rows, from features.session_events.

    Raises:
        ValueError: the sessions have no times.
    """
    if data.times is None:
        raise ValueError("prefixes need the times of their sessions")
    n_prefixes, n_whole = prefixes.units.height, len(data.y)
    whole = np.searchsorted(data.units, prefixes.units.get_column(UNIT).to_numpy())
    rows = np.concatenate([np.arange(n_whole), whole])
    values = np.ascontiguousarray(prefixes.values.select(data.names).to_numpy(), dtype=np.float64)
    durations = prefixes.values.get_column("duration").to_numpy().astype(np.int64)
    train = data.times.train
    starts = train.starts[rows]
    ends = np.concatenate([train.ends, starts[n_whole:] + durations])
    # Prefixes are numbered after the units.
    first_number = int(events.get_column(UNIT).max() or 0) + 1  # type: ignore[arg-type]  # the column has integers
    numbers = np.arange(n_prefixes) + first_number
    all_events = pl.concat([events, prefixes.events.with_columns(pl.col(UNIT) + first_number)])
    all_units = np.concatenate([data.units, numbers, data.test_units])
    return replace(
        data,
        units=data.units[rows],
        users=data.users[rows],
        X=np.concatenate([data.X, values]),
        y=data.y[rows],
        classes=data.classes[rows],
        times=replace(data.times, train=Sessions(train.users[rows], starts, ends), valued=n_whole),
        baskets=Baskets.of(all_events, all_units, Catalogue.empty(data.own)),
        prefixes=_prefix_rows(data, prefixes, rows),
    )


def _prefix_rows(data: TrainingSet, prefixes: Prefixes, rows: NDArray[np.int64]) -> PrefixRows:
    lengths = data.X[:, data.names.index("n_events")]
    seen = prefixes.units.get_column(EVENTS_SEEN).to_numpy()
    # A whole session is always among the rows, so its probability is 1.
    weights = np.concatenate([1.0 / lengths, np.maximum(1.0 / seen, 1.0 / ALWAYS_DRAWN_LENGTH)])
    is_drawn = np.isin(data.units, prefixes.whole.get_column(UNIT).to_numpy())
    return PrefixRows(len(data.y), rows, weights, np.concatenate([is_drawn, np.ones(len(seen), dtype=bool)]))
