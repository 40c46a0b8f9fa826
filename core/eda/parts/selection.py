"""The filter of the Explore page: which sessions the charts show.

A filter is stored in the page's address and described in words. `core.eda.parts.session_filter` applies it.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from core.base.amounts import value_text
from core.base.text import count, percent
from core.schema import EVENT_TYPES, Role

_RANGES: Final = (("first", "last"), ("least_value", "most_value"), ("least_events", "most_events"))
"""Fields that are the ends of a range."""


def _parse_day(value: datetime.date | str) -> datetime.date:
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


def _in_funnel_order(types: tuple[str, ...]) -> tuple[str, ...]:
    """Drop texts that are not event types, as an address can contain any text."""
    return tuple(event_type for event_type in EVENT_TYPES if event_type in types)


def _with_names(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Drop texts that are not `name=cell`, as an address can contain any text."""
    return tuple(cell for cell in cells if "=" in cell)


_Day = Annotated[datetime.date, BeforeValidator(_parse_day)]
_Value = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Length = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Selection:
    """A filter on sessions. A field that is None or empty does not filter.

    The ends of a range can be given in either order. A filter on values excludes sessions whose value is unknown. An
    own column that the dataset lacks matches no session.

    Attributes:
        file: `train` or `test`.
        first: first day (UTC) on which a session may begin, included.
        last: last day (UTC) on which a session may begin, included.
        types: event types; a session needs at least one event of each.
        least_value: lowest session value, included.
        most_value: highest session value, included.
        least_events: smallest number of events, included.
        most_events: largest number of events, included.
        users: share of the users to sample, above 0 and up to 1.
        categories: category ids; a session needs an event in at least one of them.
        own: cells of own columns as `name=cell`; a session needs an event with at least one cell of each named column.
            Names of own columns have no "=". Flags have the cells `yes` and `no`. A filter on a column that the dataset
            does not have matches no session.
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
    own: Annotated[tuple[str, ...], AfterValidator(_with_names)] = ()

    def __post_init__(self) -> None:
        """Put the ends of each range in order."""
        for low_name, high_name in _RANGES:
            low, high = getattr(self, low_name), getattr(self, high_name)
            if low is not None and high is not None and low > high:
                object.__setattr__(self, low_name, high)
                object.__setattr__(self, high_name, low)

    @property
    def is_empty(self) -> bool:
        """Whether every session passes the filter."""
        return self == Selection()

    @property
    def own_cells(self) -> dict[str, list[str]]:
        """Name of an own column -> the cells of it that are filtered.

        >>> Selection(own=("device=mobile", "device=tablet", "brand=a=b")).own_cells
        {'device': ['mobile', 'tablet'], 'brand': ['a=b']}
        """
        cells: dict[str, list[str]] = {}
        for entry in self.own:
            name, _, cell = entry.partition("=")
            cells.setdefault(name, []).append(cell)
        return cells

    def as_query(self) -> dict[str, str]:
        """Return the fields that filter, as query parameters of an address.

        >>> Selection(file="train", categories=("C1", "C2")).as_query()
        {'file': 'train', 'categories': 'C1,C2'}
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: _to_csv(value) if isinstance(value, tuple) else str(value)
            for name, value in values.items()
            if value not in (None, ())
        }

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Selection:
        """Return the filter with these query parameters. Unknown and invalid parameters are ignored.

        >>> Selection.from_query({"file": "train", "least_value": "-1"}).as_query()
        {'file': 'train'}
        """
        values = _field_values(query)
        try:
            return cls(**values)
        except ValidationError as error:
            invalid = {details["loc"][0] for details in error.errors()}  # a location begins with the field's name
            return cls(**{name: value for name, value in values.items() if name not in invalid})

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
        values = _range_phrase("worth", self.least_value, self.most_value, value_text)
        lengths = _range_phrase("with", self.least_events, self.most_events, lambda events: count(events, "event"))
        conditions = [
            (f"in the {self.file} file" if self.file else "", self._without("file")),
            (self._days_phrase(), self._without("first", "last")),
            (f"with {' and '.join(self.types)}" if self.types else "", self._without("types")),
            (f"in {' or '.join(categories)}" if categories else "", self._without("categories")),
            *((f"with {name} {' or '.join(cells)}", self._without_own(name)) for name, cells in self.own_cells.items()),
            (values, self._without("least_value", "most_value")),
            (lengths, self._without("least_events", "most_events")),
            (f"of {percent(self.users)} of the users" if self.users else "", self._without("users")),
        ]
        return [(phrase, rest) for phrase, rest in conditions if phrase]

    def _without(self, *names: str) -> Selection:
        defaults: dict[str, Any] = {field.name: field.default for field in fields(self) if field.name in names}
        return replace(self, **defaults)

    def _without_own(self, name: str) -> Selection:
        return replace(self, own=tuple(entry for entry in self.own if entry.partition("=")[0] != name))

    def _days_phrase(self) -> str:
        if self.first and self.first == self.last:
            return f"starting on {self.first:%d %b %Y}"
        if self.first and self.last:
            return f"starting from {self.first:%d %b %Y} to {self.last:%d %b %Y}"
        if self.first:
            return f"starting on or after {self.first:%d %b %Y}"
        return f"starting until {self.last:%d %b %Y}" if self.last else ""


def _field_values(query: Mapping[str, str]) -> dict[str, Any]:
    """Return field of a selection -> text or texts of its parameter, not yet validated."""
    values: dict[str, Any] = {}
    for field in fields(Selection):
        text = query.get(field.name)
        if text is None:
            continue
        try:
            values[field.name] = _from_csv(text) if isinstance(field.default, tuple) else text
        except csv.Error:  # an address can contain any text
            continue
    return values


def _range_phrase(prefix: str, low: float | None, high: float | None, text: Callable[[Any], str]) -> str:
    if low is not None and high is not None:
        return f"{prefix} {text(low)}" if low == high else f"{prefix} {text(low)} to {text(high)}"
    if low is not None:
        return f"{prefix} {text(low)} or more"
    return f"{prefix} at most {text(high)}" if high is not None else ""


def _to_csv(values: tuple[str, ...]) -> str:
    """Return the values as one line of CSV, because an id may contain a comma."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()


def _from_csv(text: str) -> tuple[str, ...]:
    return tuple(next(csv.reader([text]), []))
