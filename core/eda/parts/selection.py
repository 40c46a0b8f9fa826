"""Which sessions the charts look at: a filter that is said in words, lives in an address, and holds everywhere."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.base.text import count, number, percent
from core.dataset import Dataset
from core.eda.parts.session_table import EVENTS, FILE, OF_TYPE, START
from core.schema import CATEGORY, CATEGORY_ID, EVENT_TYPES, ROLES, UNIT, USER, VALUE, Role

_SECONDS_A_DAY = 86_400
_BUCKETS = 1_000
"""Users are dealt to so many buckets by a hash of their number: a sample is whole users, and the same every time."""


@dataclass(frozen=True)
class Selection:
    """A filter on sessions; what is None or empty filters nothing.

    Attributes:
        file: train or test.
        first, last: days (UTC) on which sessions begin, both included.
        types: event types of which a session has at least one event each.
        least_value, most_value: in value units; sessions without a known value then do not count.
        least_events, most_events: length of sessions.
        users: share of the users, 0 to 1, by a hash.
        categories: ids of categories, of one of which at least a session has an event.
    """

    file: Role | None = None
    first: datetime.date | None = None
    last: datetime.date | None = None
    types: tuple[str, ...] = ()
    least_value: float | None = None
    most_value: float | None = None
    least_events: int | None = None
    most_events: int | None = None
    users: float | None = None
    categories: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filtered."""
        return self == Selection()

    def as_query(self) -> dict[str, str]:
        """What of it is to stand in an address, by name."""
        told = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in (None, ()):
                told[field.name] = _line(value) if isinstance(value, tuple) else str(value)
        return told

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Selection:
        """From an address; what cannot be understood there filters nothing."""
        found: dict[str, object] = {}
        for name, parse in _PARSERS.items():
            try:
                found[name] = parse(query[name])
            except (KeyError, ValueError):
                continue
        return cls(**found)  # type: ignore[arg-type]

    def sessions(self, table: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """The rows of a dataset's session table that it lets through."""
        found = table.filter(*self._conditions())
        return found.join(self._in_categories(dataset), on=UNIT, how="semi") if self.categories else found

    def _in_categories(self, dataset: Dataset) -> pl.DataFrame:
        """The units with an event in one of the categories."""
        codes = dataset.dictionary(CATEGORY_ID).filter(pl.col(CATEGORY_ID).is_in(self.categories)).select(CATEGORY)
        events = pl.concat([dataset.events(role).select(UNIT, CATEGORY) for role in ROLES])
        return events.join(codes, on=CATEGORY, how="semi").select(pl.col(UNIT).unique()).collect()

    def words(self) -> str:
        """What it lets through, in words; empty where nothing is filtered."""
        told = []
        if self.file:
            told.append(f"in {self.file}")
        if self.first and self.last:
            told.append(f"begun from {self.first:%d %b %Y} to {self.last:%d %b %Y}")
        elif self.first or self.last:
            told.append(f"begun from {self.first:%d %b %Y} on" if self.first else f"begun until {self.last:%d %b %Y}")
        if self.types:
            told.append("with " + " and ".join(self.types))
        if self.categories:
            told.append("in " + " or ".join(self.categories))
        if (value := _span(self.least_value, self.most_value, number)) is not None:
            told.append(f"worth {value}")
        if (length := _span(self.least_events, self.most_events, lambda events: count(events, "event"))) is not None:
            told.append(f"of {length}")
        if self.users is not None:
            told.append(f"of {percent(self.users)} of the users")
        return ", ".join(told)

    def _conditions(self) -> list[pl.Expr]:
        start, value, events = pl.col(START), pl.col(VALUE), pl.col(EVENTS)
        found = [pl.lit(value=True)]
        if self.file:
            found.append(pl.col(FILE) == self.file)
        if self.first:
            found.append(start >= _second(self.first))
        if self.last:
            found.append(start < _second(self.last) + _SECONDS_A_DAY)
        found += [pl.col(OF_TYPE[word]) > 0 for word in self.types]
        if self.least_value is not None:
            found.append(value >= self.least_value)
        if self.most_value is not None:
            found.append(value <= self.most_value)
        if self.least_events is not None:
            found.append(events >= self.least_events)
        if self.most_events is not None:
            found.append(events <= self.most_events)
        if self.users is not None:
            found.append(pl.col(USER).hash(seed=0) % _BUCKETS < round(self.users * _BUCKETS))
        return found


@dataclass(frozen=True)
class SelectedDataset(Dataset):
    """A dataset of which only some units are seen."""

    chosen: pl.Series
    """Booleans, by unit."""

    @classmethod
    def of(cls, folder: Path, sessions: pl.DataFrame) -> SelectedDataset:
        """The dataset in a folder with the units of these sessions."""
        return cls(folder, units_of(sessions, Dataset(folder)))

    def events(self, role: Role) -> pl.LazyFrame:
        """See Dataset.events."""
        return super().events(role).filter(self._is_chosen)

    def units(self) -> pl.LazyFrame:
        """See Dataset.units."""
        return super().units().filter(self._is_chosen)

    @property
    def _is_chosen(self) -> pl.Expr:
        """A look at a place for each row: joins took four times as long, and give no promise on the order. Within
        Polars: its threads must not wait for Python's lock while several visitors' filters are counted.
        """
        return pl.lit(self.chosen).gather(pl.col(UNIT))


def _span(least: Any, most: Any, told: Callable[[Any], str]) -> str | None:  # noqa: ANN401 (numbers of one kind)
    """Both ends in words; None where there is none."""
    if least is not None and most is not None:
        return told(least) if least == most else f"{told(least)} to {told(most)}"
    if least is not None:
        return f"{told(least)} or more"
    return None if most is None else f"{told(most)} or less"


def units_of(sessions: pl.DataFrame, dataset: Dataset) -> pl.Series:
    """For each unit of a dataset, by unit, whether it is among these rows of its session table."""
    last = dataset.units().select(pl.col(UNIT).max()).collect().item()
    chosen = np.zeros((-1 if last is None else last) + 1, dtype=bool)
    chosen[sessions.get_column(UNIT).to_numpy()] = True
    return pl.Series(UNIT, chosen)


def _second(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())


def _one_of(allowed: tuple[str, ...], text: str) -> str:
    if text not in allowed:
        raise ValueError(text)
    return text


def _not_negative(text: str) -> float:
    found = float(text)
    if not 0 <= found < float("inf"):
        raise ValueError(text)
    return found


def _length(text: str) -> int:
    if (found := int(text)) < 1:
        raise ValueError(text)
    return found


def _share(text: str) -> float:
    if not 0 < (found := float(text)) <= 1:
        raise ValueError(text)
    return found


def _line(words: tuple[str, ...]) -> str:
    """As a line of a CSV file: an id may have a comma in it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(words)
    return out.getvalue()


def _words(text: str) -> tuple[str, ...]:
    return tuple(next(csv.reader([text]), []))


def _types(text: str) -> tuple[str, ...]:
    asked = _words(text)
    return tuple(word for word in EVENT_TYPES if word in asked)


_PARSERS = {
    "file": lambda text: _one_of(ROLES, text),
    "first": datetime.date.fromisoformat,
    "last": datetime.date.fromisoformat,
    "types": _types,
    "least_value": _not_negative,
    "most_value": _not_negative,
    "least_events": _length,
    "most_events": _length,
    "users": _share,
    "categories": _words,
}
