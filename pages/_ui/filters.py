"""The filter of the Explore page: widgets over a selection that lives in the address."""

from __future__ import annotations

import datetime
from typing import Any

import streamlit as st

from core.dataset import DatasetCard
from core.eda.selection import Selection
from core.schema import EVENT_TYPES, ROLES
from core.wording import count

_BOTH = "both"
_FIELDS = tuple(Selection.__dataclass_fields__)
_SHARES = {1.0: "all", 0.5: "half", 0.1: "a tenth", 0.01: "a hundredth"}


def selection_of(card: DatasetCard) -> Selection:
    """Draw the widgets, and give what they say; the address follows."""
    asked = Selection.of_query({name: st.query_params[name] for name in _FIELDS if name in st.query_params})
    with st.expander("Filter", icon=":material/filter_alt:", expanded=not asked.is_empty):
        chosen = _widgets(asked, card)
        if not chosen.is_empty and st.button("Clear the filter", icon=":material/filter_alt_off:", key="filter-clear"):
            _write(Selection())
            for key in [key for key in st.session_state if str(key).startswith("filter-")]:
                del st.session_state[key]
            st.rerun()
    _write(chosen)
    return chosen


def shown(chosen: Selection, sessions: tuple[int, int]) -> str:
    """What the charts show, in a sentence."""
    kept, of = sessions
    if chosen.is_empty:
        return f"All {count(of, 'session')} of both files."
    return f"**{kept:,}** of {count(of, 'session')}: those {chosen.words()}."


def _widgets(asked: Selection, card: DatasetCard) -> Selection:
    first, last = (_day(moment) for moment in _ends(card))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        file = st.segmented_control(
            "File", [_BOTH, *ROLES], default=asked.file or _BOTH, required=True, key="filter-file"
        )
        days = st.date_input(
            "Days (UTC)",
            (max(asked.first or first, first), min(asked.last or last, last)),
            min_value=first,
            max_value=last,
            key="filter-days",
            width=240,
        )
        types = st.pills(
            "Sessions with", EVENT_TYPES, selection_mode="multi", default=list(asked.types), key="filter-types"
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        least_value = _number("Worth at least", asked.least_value, "filter-least-value", 0.0)
        most_value = _number("Worth at most", asked.most_value, "filter-most-value", 0.0)
        least_events = _number("Events, at least", asked.least_events, "filter-least-events", 1)
        most_events = _number("Events, at most", asked.most_events, "filter-most-events", 1)
        share = st.selectbox(
            "Users",
            list(_SHARES),
            index=list(_SHARES).index(asked.users) if asked.users in _SHARES else 0,
            format_func=_SHARES.__getitem__,
            key="filter-users",
            width=140,
        )
    begins, ends = days if isinstance(days, tuple) and len(days) == 2 else (first, last)
    return Selection(
        file=None if file == _BOTH else file,
        first=None if begins == first else begins,
        last=None if ends == last else ends,
        types=tuple(word for word in EVENT_TYPES if word in types),
        least_value=least_value,
        most_value=most_value,
        least_events=least_events,
        most_events=most_events,
        users=None if share == 1.0 else share,
    )


def _number(label: str, value: Any, key: str, least: Any) -> Any:  # noqa: ANN401 (int or float, as `least` is)
    step = 1 if isinstance(least, int) else 10.0
    return st.number_input(label, least, None, value, step, key=key, placeholder="any", width=150)


def _ends(card: DatasetCard) -> tuple[int, int]:
    files = (card.train, card.test)
    return min(file.first_time for file in files), max(file.last_time for file in files)


def _day(moment: int) -> datetime.date:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).date()


def _write(chosen: Selection) -> None:
    """Into the address."""
    told = chosen.as_query()
    for name in _FIELDS:
        if name in told:
            st.query_params[name] = told[name]
        elif name in st.query_params:
            del st.query_params[name]
