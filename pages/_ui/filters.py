"""The filter of the Explore page: widgets over a selection that lives in the address."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.base.text import count, listed, percent
from core.dataset import DatasetCard
from core.eda.parts.picking import Pick
from core.eda.parts.selection import Selection
from core.schema import EVENT_TYPES, ROLES

_BOTH = "both"
_FIELDS = tuple(Selection.__dataclass_fields__)
_WANTED = "filter wanted"
_ADDRESS = "filter written into the address"
_OF = "dataset that the filter is of"
_SHARES = {1.0: "all", 0.5: "half", 0.1: "a tenth", 0.01: "a hundredth"}


def selection_of(card: DatasetCard, categories: list[str]) -> Selection:
    """Draw the widgets, and give what they say; the address follows. `categories` are offered.

    The address is the filter: who goes back in the browser, or edits it, gets what it says. Who comes back from another
    page, whose address says nothing, finds the filter that was left.
    """
    address = {name: st.query_params[name] for name in _FIELDS if name in st.query_params}
    written = st.session_state.get(_ADDRESS)
    # by another page, or with another dataset, which may have other days
    arrives = "filter-file" not in st.session_state or st.session_state.get(_OF) != card.fingerprint
    st.session_state[_OF] = card.fingerprint
    asked = Selection.from_query(written if arrives and not address and written else address)
    usable, unused = _usable(asked, card)
    unused = [f"{name}={address[name]}" for name in address if name not in asked.as_query()] + unused
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is None and (arrives or address != written):
        wanted = usable
        if unused:
            first, last = _days(card)
            st.warning(
                f"Left out of the filter, as it fits nothing here: {listed(unused)}. "
                f"The log goes from {first:%d %b %Y} to {last:%d %b %Y}.",
                icon=":material/filter_alt_off:",
            )
    if wanted is not None:
        for key, value in _states(wanted, card).items():
            st.session_state[key] = value
    with st.expander("Filter", icon=":material/filter_alt:", expanded=not asked.is_empty):
        chosen = _widgets(card, categories)
    _write(chosen)
    return chosen


def _usable(asked: Selection, card: DatasetCard) -> tuple[Selection, list[str]]:
    """Without days that this log does not have, and what these were."""
    first, last = _days(card)
    outside = (asked.first is not None and asked.first > last) or (asked.last is not None and asked.last < first)
    if not outside and (asked.first is None or asked.last is None or asked.first <= asked.last):
        return asked, []
    told = [f"{name}={day}" for name, day in (("first", asked.first), ("last", asked.last)) if day is not None]
    return dataclasses.replace(asked, first=None, last=None), told


def want(wanted: Selection) -> None:
    """Draw the page anew with another filter."""
    st.session_state[_WANTED] = wanted
    st.rerun()


def follow(name: str, pick: Pick, told: Mapping[str, Any], chosen: Selection) -> None:
    """Filter by what was pointed at in a chart. `told` is what the chart says at every run of the page: only what is
    new in it counts, so that a filter can be changed or cleared while the mark still stands in the chart.
    """
    key = f"picked in {name}"
    if told == st.session_state.get(key):
        return
    st.session_state[key] = told
    wanted = pick.apply(told, chosen)
    if wanted is not None and wanted != chosen:
        want(wanted)


def show(chosen: Selection, sessions: tuple[int, int]) -> str:
    """Say what the charts show, beside a way back to everything; gives the sentence."""
    note = shown(chosen, sessions)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(note, width="content")
        if not chosen.is_empty and st.button(
            "Clear the filter", icon=":material/filter_alt_off:", key="filter-clear", type="tertiary"
        ):
            want(Selection())
    return note


def shown(chosen: Selection, sessions: tuple[int, int]) -> str:
    """What the charts show, in a sentence."""
    kept, of = sessions
    if chosen.is_empty:
        return f"All {count(of, 'session')} of both files."
    return f"**{kept:,}** of {count(of, 'session')}: those {chosen.describe()}."


def _states(asked: Selection, card: DatasetCard) -> dict[str, Any]:
    """What the widgets show for a filter."""
    first, last = _days(card)
    return {
        "filter-file": asked.file or _BOTH,
        "filter-days": (min(max(asked.first or first, first), last), max(min(asked.last or last, last), first)),
        "filter-types": list(asked.types),
        "filter-least-value": asked.least_value,
        "filter-most-value": asked.most_value,
        "filter-least-events": asked.least_events,
        "filter-most-events": asked.most_events,
        "filter-categories": list(asked.categories),
        "filter-users": asked.users or 1.0,
    }


def _widgets(card: DatasetCard, categories: list[str]) -> Selection:
    first, last = _days(card)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        file = st.segmented_control("File", [_BOTH, *ROLES], required=True, key="filter-file")
        days = st.date_input("Days (UTC)", min_value=first, max_value=last, key="filter-days", width=240)
        types = st.pills("Sessions with", EVENT_TYPES, selection_mode="multi", key="filter-types")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        least_value = _number("Worth at least", "filter-least-value", 0.0)
        most_value = _number("Worth at most", "filter-most-value", 0.0)
        least_events = _number("Events, at least", "filter-least-events", 1)
        most_events = _number("Events, at most", "filter-most-events", 1)
        shares = sorted({*_SHARES, st.session_state["filter-users"]}, reverse=True)
        share = st.selectbox("Users", shares, format_func=_share, key="filter-users", width=140)
        within = st.multiselect(
            "Categories",
            categories,
            key="filter-categories",
            placeholder="any, or type an id",
            accept_new_options=True,
            width=300,
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
        categories=tuple(within),
    )


def _share(users: float) -> str:
    return _SHARES.get(users, percent(users))


def _number(label: str, key: str, least: Any) -> Any:  # noqa: ANN401 (int or float, as `least` is)
    step = 1 if isinstance(least, int) else 10.0
    return st.number_input(label, least, None, None, step, key=key, placeholder="any", width=150)


def _days(card: DatasetCard) -> tuple[datetime.date, datetime.date]:
    """First and last of both files."""
    files = (card.train, card.test)
    ends = min(file.first_time for file in files), max(file.last_time for file in files)
    first, last = (datetime.datetime.fromtimestamp(moment, datetime.UTC).date() for moment in ends)
    return first, last


def _write(chosen: Selection) -> None:
    """Into the address."""
    told = chosen.as_query()
    st.session_state[_ADDRESS] = told
    for name in _FIELDS:
        if name in told:
            st.query_params[name] = told[name]
        elif name in st.query_params:
            del st.query_params[name]
