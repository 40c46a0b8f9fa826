"""Count while a file is read: rows, quarantine reasons, empty cells, purchases and row order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import RowCount, RowOrder
from core.ingestion.rows.row_parser import ParsedBlock
from core.ingestion.sources.tables import FaultCode
from core.ingestion.values.lost_purchases import NO_LOST_PURCHASES, PurchaseCount
from core.ingestion.values.money import MoneyFindings
from core.schema import IGNORED, REASON, SESSION, TIME, TYPE, VALUE

_CORRELATION_DIGITS = 9
_REASONS_SHOWN = 4  # in a message; the quarantine has all


class ReadCounts:
    """Counts over the blocks of one role (train or test), which must be added in file order."""

    def __init__(self) -> None:
        self.kept = 0
        self.quarantined = 0
        self.ignored = 0
        self.reasons: Counter[str] = Counter()
        self.faults: dict[str, FaultCode] = {}
        """Reason -> code, for lines that could not be parsed."""
        self.purchases = PurchaseCount()
        self.money = MoneyFindings()
        self.lost: list[pl.DataFrame] = []
        self._empty: Counter[tuple[str, str]] = Counter()
        self._files: dict[str, list[int]] = {}
        self._order = _OrderCount()

    def begin(self, name: str) -> None:
        """Register a table, which may have no rows."""
        self._files.setdefault(name, [0, 0])

    def add(self, name: str, block: ParsedBlock) -> None:
        """Add the counts of a block of the table `name`."""
        count = self._files[name]
        count[0] += block.rows.height + block.bad.height
        count[1] += block.bad.height
        self.kept += block.rows.height
        self.quarantined += block.bad.height
        self._empty.update(block.empty)
        if block.bad.height:
            self.ignored += int(block.bad.get_column(IGNORED).sum())
            self.reasons.update(dict(block.bad.group_by(REASON).len().iter_rows()))
        self.faults |= block.faults
        self._order.add(block.rows)
        self.purchases += block.purchases
        self.money |= block.money
        if block.lost.height:
            self.lost.append(block.lost)

    @property
    def lost_purchases(self) -> pl.DataFrame:
        """Quarantined rows that are or may be purchases; see `lost_purchases.NO_LOST_PURCHASES` for the columns."""
        return pl.concat([NO_LOST_PURCHASES, *self.lost])

    @property
    def rows(self) -> int:
        """Number of rows read, usable or not."""
        return self.kept + self.quarantined

    def most_reasons(self) -> list[tuple[str, int]]:
        """Return the most frequent reasons and their rows, most frequent first."""
        return sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:_REASONS_SHOWN]

    def files(self) -> dict[str, RowCount]:
        """Return the counts of each table by name, in the order of reading."""
        return {name: RowCount(rows=rows, quarantined=bad) for name, (rows, bad) in self._files.items()}

    def worst_file(self) -> str | None:
        """Return the file with the most quarantined rows; None if only one was read."""
        return max(self._files, key=lambda name: self._files[name][1]) if len(self._files) > 1 else None

    def empty_cells(self) -> dict[str, dict[str, int]]:
        """Return event word -> column -> number of empty cells."""
        counts: dict[str, dict[str, int]] = {}
        for (word, column), rows in sorted(self._empty.items()):
            counts.setdefault(word, {})[column] = rows
        return counts

    def order(self) -> RowOrder:
        """Return statistics on the order of the usable rows."""
        return self._order.result()


class _OrderCount:
    """Compares each row with the previous one, across blocks."""

    def __init__(self) -> None:
        self._rows = 0
        self._last: dict[str, float] = {}
        self._pairs = self._rises = self._types = self._sessions = self._value_pairs = self._value_rises = 0
        self._sums = np.zeros(6)  # n, place, place squared, value, value squared, place times value (log1p values)

    def add(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        has_value = rows.get_column(VALUE).null_count() == 0
        names = (TIME, TYPE, SESSION, VALUE) if has_value else (TIME, TYPE, SESSION)
        columns = {name: rows.get_column(name).to_numpy() for name in names}
        if self._last:
            self._compare({name: np.array([self._last[name], column[0]]) for name, column in columns.items()})
        self._compare(columns)
        if has_value:
            self._add_sums(columns[VALUE])
        self._rows += rows.height
        self._last = {name: column[-1] for name, column in columns.items()}

    def _compare(self, columns: dict[str, NDArray[Any]]) -> None:
        """Compare neighbouring rows."""
        time, kind, session = columns[TIME], columns[TYPE], columns[SESSION]
        self._pairs += len(time) - 1
        self._rises += int(np.count_nonzero(time[1:] >= time[:-1]))
        self._types += int(np.count_nonzero(kind[1:] != kind[:-1]))
        self._sessions += int(np.count_nonzero(session[1:] != session[:-1]))
        if VALUE in columns:
            value = columns[VALUE]
            self._value_pairs += int(np.count_nonzero(value[1:] != value[:-1]))
            self._value_rises += int(np.count_nonzero(value[1:] > value[:-1]))

    def _add_sums(self, values: NDArray[np.float64]) -> None:
        place = np.arange(self._rows, self._rows + len(values), dtype=np.float64)
        size = np.log1p(np.abs(values))  # a return is a negative purchase
        # not by `@`, whose BLAS threads would spin on a core afterwards
        products = ((place * place).sum(), (size * size).sum(), (place * size).sum())
        self._sums += [len(values), place.sum(), products[0], size.sum(), *products[1:]]

    def result(self) -> RowOrder:
        return RowOrder(
            time_rises=self._rises / self._pairs if self._pairs else None,
            type_changes=self._types,
            session_changes=self._sessions,
            value_rises=self._value_rises / self._value_pairs if self._value_pairs else None,
            value_correlation=self._correlation(),
        )

    def _correlation(self) -> float | None:
        n, x, xx, y, yy, xy = self._sums
        if n < 2:
            return None
        spread_x, spread_y = xx - x * x / n, yy - y * y / n
        if spread_x <= 0 or spread_y <= 1e-12 * max(yy, 1):  # below the rounding error of the sums
            return None
        # rounded, because the last bits of the sums depend on where the file was cut into pieces
        return round(float(np.clip((xy - x * y / n) / np.sqrt(spread_x * spread_y), -1, 1)), _CORRELATION_DIGITS)
