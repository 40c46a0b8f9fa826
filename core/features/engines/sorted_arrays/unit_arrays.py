"""The units to describe, as rows of the arrays of the whole log.

A table that does not fit into memory is computed for some units at a time. Their history is that of the whole log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.engines.sorted_arrays.event_arrays import EventArrays, SharedByKey
from core.features.engines.sorted_arrays.packed_numbers import (
    TYPE_BITS,
    Int32s,
    lower,
    require_bits,
    run_starts,
    shifted,
    type_counts_before,
)
from core.schema import UNIT

Rows = range | NDArray[np.int64]
"""Ascending rows of units."""


class OwnCounts(NamedTuple):
    """Events of each unit on each value of a key in it: one element per (unit, value), sorted by unit.

    Attributes:
        unit_row: the unit's row among the selected units.
        value: rank of the value.
        counts: number of events by type, shape (pairs, types).
    """

    unit_row: Int32s
    value: Int32s
    counts: Int32s


@dataclass(frozen=True, eq=False)
class UnitArrays(SharedByKey):
    """Some units of a log and their events.

    Attributes:
        log: arrays of the whole log.
        units: rows of the selected units in the log's units, ascending.
        events: rows of their events in the log's events, ascending.
        unit_of_event: the unit of each of these events, as its row among the selected units.
        height: number of selected units.
        numbers: unit numbers that replace those of the log; None for those of the log.
    """

    log: EventArrays
    units: slice | NDArray[np.int64]
    events: slice | NDArray[np.int64]
    unit_of_event: Int32s
    height: int
    numbers: pl.Series | None = None

    @classmethod
    def select(cls, log: EventArrays, rows: Rows) -> UnitArrays:
        """Select the units in these rows. A range is selected without copying."""
        if isinstance(rows, range):
            events = slice(*map(int, np.searchsorted(log.unit_rows, [rows.start, rows.stop])))
            unit_of_event = log.unit_rows[events] - np.int32(rows.start)
            return cls(log, slice(rows.start, rows.stop), events, unit_of_event, len(rows))
        begins = np.searchsorted(log.unit_rows, rows)
        counts = np.searchsorted(log.unit_rows, rows, "right") - begins
        unit_of_event = np.repeat(np.arange(len(rows), dtype=np.int32), counts)
        position_in_unit = np.arange(len(unit_of_event)) - np.repeat(np.cumsum(counts) - counts, counts)
        return cls(log, rows, begins[unit_of_event] + position_in_unit, unit_of_event, len(rows))

    @classmethod
    def select_prefixes(cls, log: EventArrays, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> UnitArrays:
        """Select the first events of units, as units that are numbered from 0.

        Args:
            rows: row of the unit of each prefix, ascending. A unit may have several prefixes.
            lengths: number of events of each prefix.
        """
        whole = cls.select(log, rows)
        is_kept = log.arrival_ranks[whole.events] < lengths[whole.unit_of_event]
        events, unit_of_event = np.arange(len(log.unit_rows))[whole.events][is_kept], whole.unit_of_event[is_kept]
        return cls(log, rows, events, unit_of_event, len(rows), pl.Series(UNIT, np.arange(len(rows))))

    @property
    def frame(self) -> pl.DataFrame:
        """The selected units as a table."""
        units = self.log.units[self.units]
        return units if self.numbers is None else units.with_columns(self.numbers)

    @property
    def own_events(self) -> pl.DataFrame:
        """The events of the selected units, sorted by unit."""
        events = self.log.events[self.events]
        if self.numbers is None:
            return events
        return events.with_columns(self.numbers.gather(self.unit_of_event).set_sorted())

    def own_counts(self, key: str) -> OwnCounts:
        """Count the events of each unit by value of a key and by type.

        Raises:
            OverflowError: unit, value and type do not fit into a packed number.
        """
        return self.cached(_count_own, key)


def _count_own(selection: UnitArrays, key: str) -> OwnCounts:
    values = selection.log.values(key)[selection.events]
    value_bits = int(values.max(initial=0)).bit_length()
    require_bits(unit=selection.height.bit_length(), value=value_bits, type=TYPE_BITS)
    packed = shifted(selection.unit_of_event, value_bits + TYPE_BITS) | shifted(values, TYPE_BITS)
    packed |= selection.log.types[selection.events]
    packed.sort()
    begins = np.flatnonzero(run_starts(packed >> TYPE_BITS))
    ends = np.append(begins[1:], len(packed))
    counts_before = type_counts_before(packed)
    pairs = packed[begins] >> TYPE_BITS
    return OwnCounts(
        unit_row=(pairs >> value_bits).astype(np.int32),
        value=lower(pairs, value_bits).astype(np.int32),
        counts=counts_before[ends] - counts_before[begins],
    )
