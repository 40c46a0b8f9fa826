"""The filter of the Explore page: widgets whose values are kept in the URL."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from core.base.amounts import value_unit
from core.base.text import day_of, listed, percent
from core.dataset import DatasetCard
from core.eda.parts.picking import Pick
from core.eda.parts.selection import Selection
from core.schema import EVENT_TYPES, ROLES
from pages._ui.state import get_filter_params, page_state, set_filter_params
from pages._ui.text import plain

_BOTH = "both"
_SHARES = {1.0: "all", 0.5: "50%", 0.1: "10%", 0.01: "1%"}


def show_filter(card: DatasetCard, categories: list[str], own: list[str], labels: Mapping[str, str]) -> Selection:
    """Show the widgets and return the filter, which is written to the URL.

    The filter follows the URL if that has changed (a link, the browser's back button). A visitor who comes from another
    page, whose URL has no filter, sees the last filter again.

    Args:
        card: card of the dataset, whose log limits the days.
        categories: ids to choose from; others can be typed.
        own: cells of own columns to choose from, as `name=cell`; others can be typed.
        labels: id of a category -> what is shown instead.
    """
    state, params = page_state(), get_filter_params()
    is_arriving = "filter-file" not in st.session_state or state.filter_dataset != card.fingerprint
    state.filter_dataset = card.fingerprint
    url_selection = Selection.from_query(params or (state.last_filter if is_arriving else None) or {})
    selection = state.take_next_filter()
    if selection is None and (is_arriving or params != state.last_filter):
        selection, days_outside = _drop_days_outside(url_selection, card)
        invalid = [f"{name}={params[name]}" for name in params if name not in url_selection.as_query()]
        if ignored := invalid + days_outside:
            first, last = _days(card)
            st.warning(
                f"These filter settings do not fit the dataset and are ignored: {plain(listed(ignored))}. "
                f"The log covers {first:%d %b %Y} to {last:%d %b %Y}.",
                icon=":material/filter_alt_off:",
            )
    if selection is not None:
        st.session_state.update(_widget_values(selection, card))
    with st.popover("Filter", icon=":material/filter_alt:"):  # only a visitor opens it
        selection = _show_widgets(card, categories, own, labels)
    set_filter_params(selection.as_query())
    return selection


def _drop_days_outside(selection: Selection, card: DatasetCard) -> tuple[Selection, list[str]]:
    """Remove a span of days that is outside the log from a filter; also return its ends as "name=day"."""
    first, last = _days(card)
    begin, end = selection.first or first, selection.last or last
    if begin <= last and end >= first:
        return selection, []
    removed = [f"{name}={day}" for name, day in (("first", selection.first), ("last", selection.last)) if day]
    return dataclasses.replace(selection, first=None, last=None), removed


def apply_filter(selection: Selection) -> None:
    """Draw the page again with another filter."""
    page_state().next_filter = selection
    st.rerun()


def filter_by_pick(chart: str, pick: Pick, chart_state: Mapping[str, Any], selection: Selection) -> None:
    """Apply what was picked in a chart, if it is new.

    Streamlit reports the same pick at every run of the page. Only a change counts, so the filter can be edited or
    cleared while the marks are still selected in the chart.
    """
    picks = page_state().picks
    if chart_state == picks.get(chart):
        return
    picks[chart] = chart_state
    new_selection = pick.apply(chart_state, selection)
    if new_selection is not None and new_selection != selection:
        apply_filter(new_selection)


def _widget_values(selection: Selection, card: DatasetCard) -> dict[str, Any]:
    """Return the values of the widgets that show a filter, by key."""
    first, last = _days(card)
    begin, end = max(selection.first or first, first), min(selection.last or last, last)
    return {
        "filter-file": selection.file or _BOTH,
        "filter-days": (min(begin, last), max(end, first)),
        "filter-types": list(selection.types),
        "filter-least-value": selection.least_value,
        "filter-most-value": selection.most_value,
        "filter-least-events": selection.least_events,
        "filter-most-events": selection.most_events,
        "filter-categories": list(selection.categories),
        "filter-own": list(selection.own),
        "filter-users": selection.users or 1.0,
    }


def _show_widgets(card: DatasetCard, categories: list[str], own: list[str], labels: Mapping[str, str]) -> Selection:
    """Show the widgets, and return the filter that they describe; arguments as for `show_filter`."""
    first, last = _days(card)
    unit = plain(value_unit())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        file = st.segmented_control("File", [_BOTH, *ROLES], required=True, key="filter-file")
        days = st.date_input("Days (UTC)", min_value=first, max_value=last, key="filter-days", width=240)
        types = st.pills("Sessions with", EVENT_TYPES, selection_mode="multi", key="filter-types")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        least_value = _number_input(f"Minimum value ({unit})", "filter-least-value", 0.0)
        most_value = _number_input(f"Maximum value ({unit})", "filter-most-value", 0.0)
        least_events = _number_input("Minimum events", "filter-least-events", 1)
        most_events = _number_input("Maximum events", "filter-most-events", 1)
        users = _choose_share_of_users()
        selected_categories = _choose_several(
            "Categories", categories, "filter-categories", "an id", lambda category: labels.get(category, category)
        )
        selected_own = own and _choose_several(
            "Extra columns", own, "filter-own", "name=cell", lambda entry: entry.replace("=", ": ", 1)
        )
    begin, end = days if isinstance(days, tuple) and len(days) == 2 else (first, last)
    return Selection(
        file=next((role for role in ROLES if role == file), None),
        first=None if begin == first else begin,
        last=None if end == last else end,
        types=tuple(event_type for event_type in EVENT_TYPES if event_type in types),
        least_value=least_value,
        most_value=most_value,
        least_events=least_events,
        most_events=most_events,
        users=users,
        categories=tuple(selected_categories),
        own=tuple(selected_own),
    )


def _choose_share_of_users() -> float | None:
    """Return the chosen share of the users; None for all of them."""
    shares = sorted({*_SHARES, st.session_state["filter-users"]}, reverse=True)
    share = st.selectbox(
        "Share of users",
        shares,
        format_func=lambda share: _SHARES.get(share, percent(share)),
        key="filter-users",
        width=140,
    )
    return None if share == 1.0 else share


def _choose_several(
    label: str, options: list[str], key: str, form: str, format_option: Callable[[str], str]
) -> list[str]:
    """Return the chosen options, to which others can be added by typing them in the named form."""
    return st.multiselect(
        label,
        options,
        format_func=format_option,
        key=key,
        placeholder=f"any, or type {form}",
        accept_new_options=True,
        width=300,
    )


def _number_input(label: str, key: str, minimum: Any) -> Any:  # noqa: ANN401 (int or float, like `minimum`)
    step = 1 if isinstance(minimum, int) else 10.0
    return st.number_input(label, minimum, None, None, step, key=key, placeholder="any", width=150)


def _days(card: DatasetCard) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last day (UTC) of both files."""
    parts = (card.train, card.test)
    return day_of(min(part.first_time for part in parts)), day_of(max(part.last_time for part in parts))
