"""The filter of the Explore page: widgets whose values are kept in the address."""

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
from pages._ui.state import get_filter_params, page_state, set_filter_params

_BOTH = "both"
_SHARES = {1.0: "all", 0.5: "50%", 0.1: "10%", 0.01: "1%"}


def show_filter(card: DatasetCard, categories: list[str]) -> Selection:
    """Show the widgets and return the filter, which is written to the address.

    The filter follows the address if that has changed (a link, the browser's back button). A visitor who comes from
    another page, where the address has no filter, sees the last one again.

    Args:
        card: of the dataset; its first and last day limit the days.
        categories: ids to choose from; others can be typed.
    """
    state, address = page_state(), get_filter_params()
    arrives = "filter-file" not in st.session_state or state.filter_dataset != card.fingerprint
    state.filter_dataset = card.fingerprint
    linked = Selection.from_query(state.last_filter if arrives and not address and state.last_filter else address)
    selection = state.take_next_filter()
    if selection is None and (arrives or address != state.last_filter):
        selection, unknown_days = _drop_unknown_days(linked, card)
        ignored = [f"{name}={address[name]}" for name in address if name not in linked.as_query()] + unknown_days
        if ignored:
            first, last = _days(card)
            st.warning(
                f"Ignored in the filter because it does not fit this dataset: {listed(ignored)}. "
                f"The log covers {first:%d %b %Y} to {last:%d %b %Y}.",
                icon=":material/filter_alt_off:",
            )
    if selection is not None:
        st.session_state.update(_widget_values(selection, card))
    with st.expander("Filter", icon=":material/filter_alt:", expanded=not linked.is_empty):
        selection = _widgets(card, categories)
    set_filter_params(selection.as_query())
    return selection


def _drop_unknown_days(selection: Selection, card: DatasetCard) -> tuple[Selection, list[str]]:
    """Remove days that the log does not cover from a filter; also return them as "name=day"."""
    first, last = _days(card)
    begins, ends = selection.first or first, selection.last or last
    if begins <= last and ends >= first and (None in (selection.first, selection.last) or begins <= ends):
        return selection, []
    days = {"first": selection.first, "last": selection.last}
    return (
        dataclasses.replace(selection, first=None, last=None),
        [f"{name}={day}" for name, day in days.items() if day is not None],
    )


def apply_filter(selection: Selection) -> None:
    """Draw the page again with another filter."""
    page_state().next_filter = selection
    st.rerun()


def filter_by_pick(chart: str, pick: Pick, picked: Mapping[str, Any], selection: Selection) -> None:
    """Apply what was picked in a chart, if it is new.

    Streamlit reports the same pick at every run of the page. Only a change counts, so that the filter can be edited or
    cleared while the mark is still in the chart.
    """
    picks = page_state().picks
    if picked == picks.get(chart):
        return
    picks[chart] = picked
    narrowed = pick.apply(picked, selection)
    if narrowed is not None and narrowed != selection:
        apply_filter(narrowed)


def show_selected(selection: Selection, n_selected: int, n_sessions: int) -> str:
    """Say which sessions the charts show, with a button that clears the filter; also return the sentence."""
    note = (
        f"All {count(n_sessions, 'session')} of both files."
        if selection.is_empty
        else f"**{n_selected:,}** of {count(n_sessions, 'session')}: those {selection.describe()}."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(note, width="content")
        if not selection.is_empty and st.button(
            "Clear the filter", icon=":material/filter_alt_off:", key="filter-clear", type="tertiary"
        ):
            apply_filter(Selection())
    return note


def _widget_values(selection: Selection, card: DatasetCard) -> dict[str, Any]:
    first, last = _days(card)
    begins, ends = max(selection.first or first, first), min(selection.last or last, last)
    return {
        "filter-file": selection.file or _BOTH,
        "filter-days": (min(begins, last), max(ends, first)),
        "filter-types": list(selection.types),
        "filter-least-value": selection.least_value,
        "filter-most-value": selection.most_value,
        "filter-least-events": selection.least_events,
        "filter-most-events": selection.most_events,
        "filter-categories": list(selection.categories),
        "filter-users": selection.users or 1.0,
    }


def _widgets(card: DatasetCard, categories: list[str]) -> Selection:
    first, last = _days(card)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        file = st.segmented_control("File", [_BOTH, *ROLES], required=True, key="filter-file")
        days = st.date_input("Days (UTC)", min_value=first, max_value=last, key="filter-days", width=240)
        types = st.pills("Sessions with", EVENT_TYPES, selection_mode="multi", key="filter-types")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        least_value = _number_input("Lowest value", "filter-least-value", 0.0)
        most_value = _number_input("Highest value", "filter-most-value", 0.0)
        least_events = _number_input("Fewest events", "filter-least-events", 1)
        most_events = _number_input("Most events", "filter-most-events", 1)
        shares = sorted({*_SHARES, st.session_state["filter-users"]}, reverse=True)
        users = st.selectbox(
            "Users",
            shares,
            format_func=lambda share: _SHARES.get(share, percent(share)),
            key="filter-users",
            width=140,
        )
        chosen_categories = st.multiselect(
            "Categories",
            categories,
            key="filter-categories",
            placeholder="any, or type an id",
            accept_new_options=True,
            width=300,
        )
    begins, ends = days if isinstance(days, tuple) and len(days) == 2 else (first, last)
    return Selection(
        file=next((role for role in ROLES if role == file), None),
        first=None if begins == first else begins,
        last=None if ends == last else ends,
        types=tuple(event_type for event_type in EVENT_TYPES if event_type in types),
        least_value=least_value,
        most_value=most_value,
        least_events=least_events,
        most_events=most_events,
        users=None if users == 1.0 else users,
        categories=tuple(chosen_categories),
    )


def _number_input(label: str, key: str, least: Any) -> Any:  # noqa: ANN401 (int or float, as `least` is)
    step = 1 if isinstance(least, int) else 10.0
    return st.number_input(label, least, None, None, step, key=key, placeholder="any", width=150)


def _days(card: DatasetCard) -> tuple[datetime.date, datetime.date]:
    """First and last day of both files."""
    files = (card.train, card.test)
    ends = min(file.first_time for file in files), max(file.last_time for file in files)
    first, last = (datetime.datetime.fromtimestamp(seconds, datetime.UTC).date() for seconds in ends)
    return first, last
