"""The filter of the Explore page: which sessions the charts show.

A filter is stored in the page's address, described in words, and applied to the session table.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from core.base.amounts import value_text
from core.base.text import count, percent
from core.dataset import Dataset
from core.eda.parts.session_table import COUNT_COLUMNS, EVENTS, FILE
from core.schema import CATEGORY, CATEGORY_ID, EVENT_TYPES, ROLES, SECONDS_PER_DAY, START, UNIT, USER, VALUE, Role

_BUCKETS = 1_000
"""Number of hash buckets of users. A sample consists of buckets, so it has whole users and is reproducible."""


def _parse_day(value: datetime.date | str) -> datetime.date:
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


def _in_funnel_order(types: tuple[str, ...]) -> tuple[str, ...]:
    """Drop texts that are not event types, as an address can contain any text."""
    return tuple(event_type for event_type in EVENT_TYPES if event_type in types)


_Day = Annotated[datetime.date, BeforeValidator(_parse_day)]
_Value = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Length = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Selection:
    """A filter on sessions. A field that is None or empty does not filter.

    Attributes:
        file: `train` or `test`.
        first: first day (UTC) on which a session may begin, included.
        last: last day (UTC) on which a session may begin, included.
        types: event types; a session needs at least one event of each.
        least_value: lowest session value. A filter on values excludes sessions whose value is unknown.
        most_value: highest session value, included.
        least_events: smallest number of events.
        most_events: largest number of events, included.
        users: share of the users to sample, above 0 and up to 1.
        categories: category ids; a session needs an event in at least one of them.
        own: cells of own columns as `name=cell`; a session needs an event with at least one cell of each named column.
            Flags have the cells `yes` and `no`. A filter on a column that the dataset does not have matches no session.
    """

    file: Role | None = None
    first: _Day | None = None
    last: _Day | None = None
    types: Annotated[tuple[str, ...], AfterValidator(_in_funnel_order)] = ()
    least_value: _Value | None = None
    most_value: _Value | None = None
    least_events: _Length | None = None
    most_events: _Length | None = None
    users: Annotated[float, Field(gt=0, le=1)] | None = None
    categories: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every session passes the filter."""
        return self == Selection()

    def as_query(self) -> dict[str, str]:
        """Return the fields that filter, as query parameters of an address.

        >>> Selection(file="train", categories=("C1", "C2")).as_query()
        {'file': 'train', 'categories': 'C1,C2'}
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: _join(value) if isinstance(value, tuple) else str(value)
            for name, value in values.items()
            if value not in (None, ())
        }

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Selection:
        """Return the filter with these query parameters. Unknown and invalid parameters are ignored.

        >>> Selection.from_query({"file": "train", "least_value": "-1"}).as_query()
        {'file': 'train'}
        """
        values: dict[str, Any] = {
            field.name: _split(query[field.name]) if field.default == () else query[field.name]
            for field in fields(cls)
            if field.name in query
        }
        try:
            return cls(**values)
        except ValidationError as error:
            invalid = {details["loc"][0] for details in error.errors()}
            return cls(**{name: value for name, value in values.items() if name not in invalid})

    def filter_sessions(self, table: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Return the rows of a dataset's session table that pass the filter."""
        sessions = table.filter(*self._conditions())
        if self.categories:
            sessions = sessions.join(self._category_units(dataset), on=UNIT, how="semi")
        for units in self._own_units(dataset):
            sessions = sessions.join(units, on=UNIT, how="semi")
        return sessions

    def describe(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the filter as a phrase that follows "sessions"; empty if nothing is filtered.

        Args:
            labels: id of a category -> what is shown instead.

        >>> Selection(types=("BUY",), least_value=50.0, most_events=3).describe()
        'with BUY, worth 50.0 or more, with at most 3 events'
        """
        return ", ".join(phrase for phrase, _ in self.conditions(labels))

    def conditions(self, labels: Mapping[str, str] | None = None) -> list[tuple[str, Selection]]:
        """Return the conditions of the filter: a phrase that follows "sessions", and the filter without the condition.

        Args:
            labels: id of a category -> what is shown instead.

        >>> [(phrase, rest.as_query()) for phrase, rest in Selection(file="train", users=0.1).conditions()]
        [('in the train file', {'users': '0.1'}), ('of 10.0% of the users', {'file': 'train'})]
        """
        categories = [(labels or {}).get(category, category) for category in self.categories]
        own = self.own_cells()
        phrases: list[tuple[str | None, dict[str, Any]]] = [
            (self.file and f"in the {self.file} file", {"file": None}),
            (self._describe_days(), {"first": None, "last": None}),
            (f"with {' and '.join(self.types)}" if self.types else "", {"types": ()}),
            (f"in {' or '.join(categories)}" if categories else "", {"categories": ()}),
            *((f"with {name} {' or '.join(cells)}", {"own": self._own_without(name)}) for name, cells in own.items()),
            (
                _describe_range("worth", self.least_value, self.most_value, value_text),
                {"least_value": None, "most_value": None},
            ),
            (
                _describe_range("with", self.least_events, self.most_events, lambda events: count(events, "event")),
                {"least_events": None, "most_events": None},
            ),
            (f"of {percent(self.users)} of the users" if self.users else "", {"users": None}),
        ]
        return [(phrase, replace(self, **changes)) for phrase, changes in phrases if phrase]

    def _own_without(self, name: str) -> tuple[str, ...]:
        return tuple(entry for entry in self.own if entry.partition("=")[0] != name)

    def own_cells(self) -> dict[str, list[str]]:
        """Return the name of an own column -> its cells.

        >>> Selection(own=("device=mobile", "device=tablet", "brand=a=b")).own_cells()
        {'device': ['mobile', 'tablet'], 'brand': ['a=b']}
        """
        cells: dict[str, list[str]] = {}
        for entry in self.own:
            name, is_cell, cell = entry.partition("=")
            if is_cell:
                cells.setdefault(name, []).append(cell)
        return cells

    def _describe_days(self) -> str:
        if self.first and self.first == self.last:
            return f"starting on {self.first:%d %b %Y}"
        if self.first and self.last:
            return f"starting from {self.first:%d %b %Y} to {self.last:%d %b %Y}"
        if self.first:
            return f"starting on or after {self.first:%d %b %Y}"
        return f"starting until {self.last:%d %b %Y}" if self.last else ""

    def _category_units(self, dataset: Dataset) -> pl.DataFrame:
        """Return the units with an event in one of the categories."""
        codes = dataset.dictionary(CATEGORY_ID).filter(pl.col(CATEGORY_ID).is_in(self.categories)).select(CATEGORY)
        events = pl.concat([dataset.events(role).select(UNIT, CATEGORY) for role in ROLES])
        return events.join(codes, on=CATEGORY, how="semi").select(pl.col(UNIT).unique()).collect()

    def _own_units(self, dataset: Dataset) -> Iterator[pl.DataFrame]:
        """Yield the units with one of the cells, for each own column that is filtered."""
        if not self.own:
            return
        columns = {column.name: column for column in dataset.card().own}
        for name, cells in self.own_cells().items():
            if name not in columns:
                yield pl.DataFrame(schema={UNIT: pl.Int64})
                continue
            stored = pl.col(columns[name].stored)
            if columns[name].kind == "flag":
                stored = pl.when(stored).then(pl.lit("yes")).when(~stored).then(pl.lit("no"))
            events = pl.concat(
                [dataset.events(role).filter(stored.cast(pl.String).is_in(cells)).select(UNIT) for role in ROLES]
            )
            yield events.unique().collect()

    def _conditions(self) -> list[pl.Expr]:
        start, value, events = pl.col(START), pl.col(VALUE), pl.col(EVENTS)
        limits: tuple[tuple[Any, Callable[[Any], pl.Expr]], ...] = (
            (self.file, lambda role: pl.col(FILE) == role),
            (self.first, lambda day: start >= _epoch_seconds(day)),
            (self.last, lambda day: start < _epoch_seconds(day) + SECONDS_PER_DAY),
            (self.least_value, lambda low: value >= low),
            (self.most_value, lambda high: value <= high),
            (self.least_events, lambda low: events >= low),
            (self.most_events, lambda high: events <= high),
            (self.users, lambda share: pl.col(USER).hash(seed=0) % _BUCKETS < round(share * _BUCKETS)),
        )
        conditions = [pl.col(COUNT_COLUMNS[event_type]) > 0 for event_type in self.types]
        conditions += [condition(limit) for limit, condition in limits if limit is not None]
        return conditions or [pl.lit(value=True)]


def _describe_range(prefix: str, low: float | None, high: float | None, text: Callable[[Any], str]) -> str:
    if low is not None and high is not None:
        return f"{prefix} {text(low)}" if low == high else f"{prefix} {text(low)} to {text(high)}"
    if low is not None:
        return f"{prefix} {text(low)} or more"
    return f"{prefix} at most {text(high)}" if high is not None else ""


def _epoch_seconds(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())


def _join(values: tuple[str, ...]) -> str:
    """Return the values as one line of CSV, because an id may contain a comma."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()


def _split(text: str) -> tuple[str, ...]:
    return tuple(next(csv.reader([text]), []))
