"""The filter of the Explore page: which sessions the charts show.

A filter is stored in the page's address, described in words, and applied to the session table.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from core.base.text import count, number, percent
from core.dataset import Dataset
from core.eda.parts.session_table import EVENTS, FILE, OF_TYPE
from core.schema import CATEGORY, CATEGORY_ID, EVENT_TYPES, ROLES, SECONDS_PER_DAY, START, UNIT, USER, VALUE, Role

_BUCKETS = 1_000
"""Users are hashed into this many buckets, so that a sample holds whole users and is the same every time."""


def _parse_day(value: datetime.date | str) -> datetime.date:
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


def _in_funnel_order(types: tuple[str, ...]) -> tuple[str, ...]:
    """Drop words that are no event types; an address can hold anything."""
    return tuple(word for word in EVENT_TYPES if word in types)


_Day = Annotated[datetime.date, BeforeValidator(_parse_day)]
_Value = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Length = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Selection:
    """A filter on sessions. A field that is None or empty does not filter.

    Attributes:
        file: `train` or `test`.
        first: First day (UTC) on which a session may begin, included.
        last: Last day (UTC) on which a session may begin, included.
        types: Event types; a session needs at least one event of each.
        least_value: Lowest session value. A filter on values excludes sessions whose value is unknown.
        most_value: Highest session value, included.
        least_events: Smallest number of events.
        most_events: Largest number of events, included.
        users: Share of the users to sample, above 0 and up to 1.
        categories: Category ids; a session needs an event in at least one of them.
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

    @property
    def is_empty(self) -> bool:
        """Whether the filter lets every session through."""
        return self == Selection()

    def as_query(self) -> dict[str, str]:
        """Return the fields that filter, as the parameters of an address.

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
        """Return the filter of an address. Parameters that are unknown or invalid are ignored.

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
        """Return the rows of a dataset's session table that the filter lets through."""
        sessions = table.filter(*self._conditions())
        return sessions.join(self._category_units(dataset), on=UNIT, how="semi") if self.categories else sessions

    def describe(self) -> str:
        """Return the filter in words, to follow "sessions"; empty if nothing is filtered.

        >>> Selection(types=("BUY",), least_value=50.0, most_events=3).describe()
        'with BUY, worth 50.0 or more, of 3 events or less'
        """
        phrases = (
            self.file and f"in {self.file}",
            self._describe_days(),
            self.types and f"with {' and '.join(self.types)}",
            self.categories and f"in {' or '.join(self.categories)}",
            _describe_range("worth", self.least_value, self.most_value, number),
            _describe_range("of", self.least_events, self.most_events, lambda events: count(events, "event")),
            self.users and f"of {percent(self.users)} of the users",
        )
        return ", ".join(phrase for phrase in phrases if phrase)

    def _describe_days(self) -> str:
        if self.first and self.last:
            return f"begun from {self.first:%d %b %Y} to {self.last:%d %b %Y}"
        if self.first:
            return f"begun from {self.first:%d %b %Y} on"
        return f"begun until {self.last:%d %b %Y}" if self.last else ""

    def _category_units(self, dataset: Dataset) -> pl.DataFrame:
        """Return the units with an event in one of the categories."""
        codes = dataset.dictionary(CATEGORY_ID).filter(pl.col(CATEGORY_ID).is_in(self.categories)).select(CATEGORY)
        events = pl.concat([dataset.events(role).select(UNIT, CATEGORY) for role in ROLES])
        return events.join(codes, on=CATEGORY, how="semi").select(pl.col(UNIT).unique()).collect()

    def _conditions(self) -> list[pl.Expr]:
        start, value, events = pl.col(START), pl.col(VALUE), pl.col(EVENTS)
        conditions = [pl.col(OF_TYPE[word]) > 0 for word in self.types]
        if self.file:
            conditions.append(pl.col(FILE) == self.file)
        if self.first:
            conditions.append(start >= _epoch_seconds(self.first))
        if self.last:
            conditions.append(start < _epoch_seconds(self.last) + SECONDS_PER_DAY)
        if self.least_value is not None:
            conditions.append(value >= self.least_value)
        if self.most_value is not None:
            conditions.append(value <= self.most_value)
        if self.least_events is not None:
            conditions.append(events >= self.least_events)
        if self.most_events is not None:
            conditions.append(events <= self.most_events)
        if self.users is not None:
            conditions.append(pl.col(USER).hash(seed=0) % _BUCKETS < round(self.users * _BUCKETS))
        return conditions or [pl.lit(value=True)]


def _describe_range(prefix: str, low: float | None, high: float | None, text: Callable[[Any], str]) -> str:
    if low is not None and high is not None:
        return f"{prefix} {text(low)}" if low == high else f"{prefix} {text(low)} to {text(high)}"
    if low is not None:
        return f"{prefix} {text(low)} or more"
    return f"{prefix} {text(high)} or less" if high is not None else ""


def _epoch_seconds(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())


def _join(values: tuple[str, ...]) -> str:
    """Return the values as one line of CSV, because an id may contain a comma."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()


def _split(text: str) -> tuple[str, ...]:
    return tuple(next(csv.reader([text]), []))
