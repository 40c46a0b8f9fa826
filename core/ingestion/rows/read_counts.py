"""Counts collected while a file is read: rows, quarantine reasons, empty cells, purchases and row order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import RowCount, RowOrder
from core.ingestion.rows.row_parser import ParsedBlock
from core.ingestion.sources.tables import FaultCode
from core.ingestion.values.lost_purchases import NO_LOST_PURCHASES, PurchaseCount
from core.ingestion.values.money import MoneyFindings
from core.schema import IGNORED, REASON, SESSION, TIME, TYPE, USER_SESSION, VALUE

_MAX_REASONS = 4  # in a message; the quarantine has all reasons
_CORRELATION_DIGITS = 9  # the last bits of the sums depend on where the file was cut into pieces


class ReadCounts:
    """Counts of the train or the test file. Its blocks must be added in file order.

    Attributes:
        kept: number of usable rows.
        quarantined: number of quarantined rows.
        ignored: number of quarantined rows whose event word the mapping ignores.
        reasons: reason for quarantine -> rows.
        faults: reason -> code, for lines that could not be parsed.
        files: name of a table -> its numbers of rows, in the order of reading.
        purchases: number of BUY rows, usable and quarantined.
        money: evidence for the decimal marks, and the currencies of purchases.
        own: (stored name of an own column, whether the cell is of its kind) -> number of cells with content.
        order: statistics on the order of the usable rows.
    """

    def __init__(self) -> None:
        self.kept = self.quarantined = self.ignored = 0
        self.reasons: Counter[str] = Counter()
        self.faults: dict[str, FaultCode] = {}
        self.files: dict[str, RowCount] = {}
        self.purchases = PurchaseCount()
        self.money = MoneyFindings()
        self.own: Counter[tuple[str, bool]] = Counter()
        self._lost = [NO_LOST_PURCHASES]
        self._sessions = [pl.Series(USER_SESSION, [], dtype=pl.String)]
        self._empty: Counter[tuple[str, str]] = Counter()
        self.order = OrderCount()

    def divide(self, *, train: tuple[int, int], test: tuple[int, int]) -> ReadCounts:
        """Keep the counts of the train part of a log, and return those of its test part.

        The quarantined rows, the tables and the order of the rows stay with the train part. Rows that are in neither
        part are no longer counted.

        Args:
            train, test: usable rows and usable purchases of each part.
        """
        part = ReadCounts()
        part.kept, part.purchases = test[0], PurchaseCount(usable=test[1])
        self.kept, self.purchases = train[0], replace(self.purchases, usable=train[1])
        return part

    def begin(self, name: str) -> None:
        """Register a table, which may have no rows."""
        self.files.setdefault(name, RowCount(rows=0, quarantined=0))

    def add(self, name: str, block: ParsedBlock) -> None:
        """Add the counts of a block of the table `name`."""
        n_kept, n_bad, file = block.rows.height, block.bad.height, self.files[name]
        self.files[name] = RowCount(rows=file.rows + n_kept + n_bad, quarantined=file.quarantined + n_bad)
        self.kept += n_kept
        self.quarantined += n_bad
        self._empty.update(block.empty)
        if n_bad:
            self.ignored += int(block.bad.get_column(IGNORED).sum())
            self.reasons.update(dict(block.bad.group_by(REASON).len().iter_rows()))
        self.faults |= block.faults
        self.order.add(block.rows)
        self.purchases += block.purchases
        self.money |= block.money
        self.own.update(block.own)
        if block.lost.height:
            self._lost.append(block.lost)
        if len(block.quarantined_sessions):
            self._sessions.append(block.quarantined_sessions)

    @property
    def lost_purchases(self) -> pl.DataFrame:
        """Quarantined rows that are or may be purchases; see `lost_purchases.NO_LOST_PURCHASES` for the columns."""
        return pl.concat(self._lost)

    @property
    def quarantined_sessions(self) -> pl.Series:
        """Distinct session ids of the quarantined rows of a test file, in file order."""
        return pl.concat(self._sessions).unique(maintain_order=True)

    @property
    def rows(self) -> int:
        """Number of rows read, usable or not."""
        return self.kept + self.quarantined

    def most_reasons(self) -> list[tuple[str, int]]:
        """Return the most frequent reasons and their rows, most frequent first."""
        return sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:_MAX_REASONS]

    def worst_file(self) -> str | None:
        """Return the table with the most quarantined rows; None if only one was read."""
        return max(self.files, key=lambda name: self.files[name].quarantined) if len(self.files) > 1 else None

    def empty_cells(self) -> dict[str, dict[str, int]]:
        """Return event word -> column -> number of empty cells."""
        counts: dict[str, dict[str, int]] = {}
        for (word, column), rows in sorted(self._empty.items()):
            counts.setdefault(word, {})[column] = rows
        return counts


class OrderCount:
    """Compares each usable row with the previous one, also across blocks.

    If a row has no value, such as a row without the total of its order, nothing is said about the order of the values.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._all_have_value = True
        self._last: dict[str, float] = {}
        self._pairs = 0
        self._changes: Counter[str] = Counter()
        self._rises: Counter[str] = Counter()
        self._sums = np.zeros(6)
        """Number of rows, and sums of x, x², y, y² and xy, where x is a row's position and y the log1p of its value."""

    def add(self, rows: pl.DataFrame) -> None:
        """Add the usable rows of the next block, in file order."""
        if rows.is_empty():
            return
        self._all_have_value &= rows.get_column(VALUE).null_count() == 0
        names = (TIME, TYPE, SESSION, VALUE) if self._all_have_value else (TIME, TYPE, SESSION)
        columns = {name: rows.get_column(name).to_numpy() for name in names}
        if self._last:
            self._compare({name: np.array([self._last[name], column[0]]) for name, column in columns.items()})
        self._compare(columns)
        if self._all_have_value:
            self._add_sums(columns[VALUE])
        self._rows += rows.height
        self._last = {name: column[-1] for name, column in columns.items()}

    def _compare(self, columns: dict[str, NDArray[Any]]) -> None:
        """Count the pairs of adjacent rows in which a column changes or rises."""
        self._pairs += len(columns[TIME]) - 1
        for name, column in columns.items():
            self._changes[name] += int(np.count_nonzero(column[1:] != column[:-1]))
            self._rises[name] += int(np.count_nonzero(column[1:] > column[:-1]))

    def _add_sums(self, values: NDArray[np.float64]) -> None:
        x = np.arange(self._rows, self._rows + len(values), dtype=np.float64)
        y = np.log1p(np.abs(values))  # a return is a negative purchase
        # `@` would leave BLAS threads spinning on a core
        self._sums += [len(values), x.sum(), (x * x).sum(), y.sum(), (y * y).sum(), (x * y).sum()]

    def result(self) -> RowOrder:
        """Return the statistics of all rows so far."""
        n_time_falls = self._changes[TIME] - self._rises[TIME]
        n_value_changes = self._changes[VALUE] if self._all_have_value else 0
        return RowOrder(
            time_rises=(self._pairs - n_time_falls) / self._pairs if self._pairs else None,
            type_changes=self._changes[TYPE],
            session_changes=self._changes[SESSION],
            value_rises=self._rises[VALUE] / n_value_changes if n_value_changes else None,
            value_correlation=self._correlation() if self._all_have_value else None,
        )

    def _correlation(self) -> float | None:
        n, x, xx, y, yy, xy = self._sums
        if n < 2:
            return None
        spread_x, spread_y = xx - x * x / n, yy - y * y / n
        if spread_x <= 0 or spread_y <= 1e-12 * max(yy, 1):  # below the rounding error of the sums
            return None
        return round(float(np.clip((xy - x * y / n) / np.sqrt(spread_x * spread_y), -1, 1)), _CORRELATION_DIGITS)
