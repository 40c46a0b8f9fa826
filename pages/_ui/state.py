"""What the pages remember for a visitor, besides the values of widgets (which are in the session state by their key).

The session state lasts until the tab is closed. The address also survives a reload, and can be shared as a link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from core.eda.parts.selection import Selection
from core.ingestion.preview import Peek

Param = Literal["dataset", "run", "job", "view", "session"]
_FILTER_PARAMS = tuple(Selection.__dataclass_fields__)
_KEY = "page_state"


@dataclass(frozen=True)
class BrokenLink:
    """A link to a dataset or run that does not exist here.

    Attributes:
        shown: id of what is shown instead.
        warning: the message, which stays until something else is chosen.
    """

    shown: str
    warning: str


@dataclass
class PageState:
    """The state of one browser tab, shared by all pages.

    Attributes:
        chosen: id of the chosen dataset and run; survives a change of page, which the value of a widget does not.
        broken_links: by the parameter of the address that could not be followed.
        message: shown once, by the next page that is drawn.
        last_view: the view of Explore that was last written to the address.
        upload_ids, upload_paths: the uploaded files by part (train, test, sample), and their copies on disk.
        preview_stamp, preview: the first rows of a log, and the source with the times of change that they belong to.
        next_filter: the filter to apply when the page is drawn again.
        last_filter: the filter that was last written to the address; None before the first visit to Explore.
        filter_dataset: fingerprint of the dataset that the filter belongs to.
        picks: what is selected in each chart, by the name of the chart.
        n_draws: how often a random session was requested.
    """

    chosen: dict[Param, str] = field(default_factory=dict)
    broken_links: dict[Param, BrokenLink] = field(default_factory=dict)
    message: str = ""
    last_view: str = ""
    upload_ids: dict[str, str] = field(default_factory=dict)
    upload_paths: dict[str, Path] = field(default_factory=dict)
    preview_stamp: object = None
    preview: Peek | None = None
    next_filter: Selection | None = None
    last_filter: dict[str, str] | None = None
    filter_dataset: str = ""
    picks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    n_draws: int = 0

    def take_message(self) -> str:
        """Return the message and forget it."""
        message, self.message = self.message, ""
        return message

    def take_next_filter(self) -> Selection | None:
        """Return the filter to apply, and forget it."""
        selection, self.next_filter = self.next_filter, None
        return selection


def page_state() -> PageState:
    """Return the state of the visitor's tab."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = PageState()
    state: PageState = st.session_state[_KEY]
    return state


def get_param(name: Param) -> str:
    """Return a parameter of the address; empty if it is missing."""
    return st.query_params.get(name, "")


def set_param(name: Param, value: str) -> None:
    """Write a parameter into the address; an empty value removes it."""
    _write_params((name,), {name: value})


def get_filter_params() -> dict[str, str]:
    """Return the parameters of the address that describe a filter."""
    return {name: st.query_params[name] for name in _FILTER_PARAMS if name in st.query_params}


def set_filter_params(query: Mapping[str, str]) -> None:
    """Replace the filter in the address."""
    page_state().last_filter = dict(query)
    _write_params(_FILTER_PARAMS, query)


def _write_params(names: Iterable[str], values: Mapping[str, str]) -> None:
    for name in names:
        if values.get(name):
            st.query_params[name] = values[name]
        elif name in st.query_params:
            del st.query_params[name]
