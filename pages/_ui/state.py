"""What the pages remember for a visitor, besides the values of widgets, which Streamlit stores by their key.

The session state lasts until the tab is closed. The URL also survives a reload, and can be shared as a link.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from core.eda.parts.selection import Selection
from core.ingestion.peek import Peek
from core.live.replay import Click
from core.live.shop_day import LinePoint
from pages._ui.shop_clock import ShopClock

Param = Literal["dataset", "run", "job", "view", "session", "scores", "by", "with"]
_FILTER_PARAMS = tuple(Selection.__dataclass_fields__)
_MESSAGE_SECONDS = 5.0
MAX_LINK_TEXT = 40
"""Characters of an unknown value in the URL that a warning repeats."""


@dataclass(frozen=True)
class BrokenLink:
    """A link to a dataset or run that does not exist in this workspace.

    Attributes:
        fallback_id: id of the dataset or run that is shown instead.
        warning: message that is shown until the visitor chooses something else.
    """

    fallback_id: str
    warning: str


@dataclass
class PageState:
    """The state of one browser tab, shared by all pages.

    Attributes:
        selected_ids: ids of the selected dataset and run. Unlike the value of a widget, they survive a change of page.
        broken_links: broken links by query parameter.
        message: text that the next page shows for a few seconds.
        message_end: time of the monotonic clock at which the message is forgotten; None until it was shown.
        last_views: page with views -> its view that was last written to the URL.
        upload_ids, upload_paths: the uploaded files by part (train, test, ...), and their copies on disk. They
            survive a look at another page, although the upload fields are empty then.
        kept_fields: values of the fields that survive a look at another page, by key; see `kept_fields.py`.
        n_reads: number of times that uploads were read. It is part of the upload fields' keys, so that they are empty
            again.
        score_ids: run -> id of the scored file that its page shows last.
        preview, preview_stamp: the first rows of a log, and the source and modification times that they belong to.
        next_filter: filter to apply when the page is drawn again.
        last_filter: filter that was last written to the URL; None before the first visit to Explore.
        filter_dataset: fingerprint of the dataset that the filter belongs to.
        picks: selection state of each chart, by the name of the chart.
        n_draws: number of random sessions drawn.
        desk_path: the file that the Submission page shows in the view for any file.
        desk_typed: path that was last typed there.
        clicks: events that the visitor clicked together on the Live page.
        clicks_after: session of the test file that they continue, and the number of its events before them; "" and 0
            for a session that is invented from its first event.
        clock: the clock of the replayed day.
        service_points: address of a service -> what its open sessions were worth while it was followed.
    """

    selected_ids: dict[Param, str] = field(default_factory=dict)
    broken_links: dict[Param, BrokenLink] = field(default_factory=dict)
    message: str = ""
    message_end: float | None = None
    last_views: dict[str, str] = field(default_factory=dict)
    upload_ids: dict[str, str] = field(default_factory=dict)
    upload_paths: dict[str, Path] = field(default_factory=dict)
    kept_fields: dict[str, Any] = field(default_factory=dict)
    n_reads: int = 0
    score_ids: dict[str, str] = field(default_factory=dict)
    preview: Peek | None = None
    preview_stamp: object = None
    next_filter: Selection | None = None
    last_filter: dict[str, str] | None = None
    filter_dataset: str = ""
    picks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    n_draws: int = 0
    desk_path: Path | None = None
    desk_typed: str = ""
    clicks: list[Click] = field(default_factory=list)
    clicks_after: tuple[str, int] = ("", 0)
    clock: ShopClock = field(default_factory=ShopClock)
    service_points: dict[str, list[LinePoint]] = field(default_factory=dict)

    def leave_message(self, text: str) -> None:
        """Show a text when a page is drawn again."""
        self.message, self.message_end = text, None

    def take_message(self) -> str:
        """Return the message, and forget it a few seconds later.

        A browser can draw a page twice in a row, such as when an upload field disappears.
        """
        now = time.monotonic()
        if self.message and self.message_end is None:
            self.message_end = now + _MESSAGE_SECONDS
        elif self.message_end is not None and now > self.message_end:
            self.message, self.message_end = "", None
        return self.message

    def take_next_filter(self) -> Selection | None:
        """Return the filter to apply, and forget it."""
        selection, self.next_filter = self.next_filter, None
        return selection


def page_state() -> PageState:
    """Return the state of the visitor's tab."""
    state: PageState = st.session_state.setdefault("page_state", PageState())
    return state


def get_param(name: Param) -> str:
    """Return a query parameter of the URL; empty if it is missing."""
    return st.query_params.get(name, "")


def set_param(name: Param, value: str) -> None:
    """Set a query parameter of the URL; an empty value removes it."""
    _write_params((name,), {name: value})


def get_filter_params() -> dict[str, str]:
    """Return the query parameters that describe a filter."""
    return {name: st.query_params[name] for name in _FILTER_PARAMS if name in st.query_params}


def set_filter_params(query: Mapping[str, str]) -> None:
    """Replace the filter in the URL."""
    page_state().last_filter = dict(query)
    _write_params(_FILTER_PARAMS, query)


def _write_params(names: Iterable[str], values: Mapping[str, str]) -> None:
    for name in names:
        if values.get(name):
            st.query_params[name] = values[name]
        elif name in st.query_params:
            del st.query_params[name]
