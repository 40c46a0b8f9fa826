"""Cached results of models for open sessions. Runs do not change, so results do not expire."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from core.dataset import Dataset
from core.eda.parts.theme import Theme, spec_without_data
from core.eda.run_charts import coverage_by_events, earliness, purchase_reliability, replayed_session, shop_line
from core.live.final_values import final_values
from core.live.forecast import Spread
from core.live.replay import Click, Replay, Replayer
from core.live.service_client import ask_service
from core.live.shop_day import RankBy, ShopDay, ShopMoment
from core.model import load_model
from core.runs import load_run
from core.runs.store import PREFIXES_FILE
from core.schema import PRODUCT_ID
from core.training.live import earliness_frame
from pages._ui.number_format import cache_texts
from pages._ui.table import Frame

_ENTRIES, _SESSIONS = 16, 64
_REPLAYERS = 2
"""Models in memory."""
_DAYS = 4
"""Replayed days in memory. One of 100,000 events takes about 100 MB."""
SERVICE_POINTS = 600
"""Points of the line of a service: those of ten minutes."""
_PRODUCTS = 2_000
"""Products that can be chosen. All of them are sent to the browser."""


class LiveErrors(NamedTuple):
    """The numbers of the charts of errors, widths and coverage of intervals, and of the probability of a purchase."""

    errors: Frame
    widths: Frame
    coverage: Frame
    purchases: Frame


class ReplayedDay(NamedTuple):
    """A replayed day, and the number of its sessions whose final value is the actual one."""

    shop: ShopDay
    n_actual: int


class ReplayedSession(NamedTuple):
    """A replay, and the numbers of its chart."""

    replay: Replay
    data: Frame


@cache_texts(max_entries=_ENTRIES, show_spinner="Comparing estimates with values")
def live_errors(run_folder: str, by: earliness.By) -> LiveErrors:
    """Return how good the estimates of a run are, by events seen or by seconds since the start."""
    # computed again, because the tables that earlier versions stored have fewer columns
    prefixes = load_run(Path(run_folder)).table(PREFIXES_FILE).collect()
    table = earliness_frame(prefixes)
    return LiveErrors(
        earliness.frame(table, by),
        earliness.frame(table, by, "width"),
        coverage_by_events.frame(table, by),
        purchase_reliability.frame(prefixes),
    )


@st.cache_resource(max_entries=_REPLAYERS, show_spinner="Loading the model")
def _replayer(run_folder: str) -> Replayer:
    return Replayer(load_model(load_run(Path(run_folder))))


def draw_session(run_folder: str, seed: int) -> str | None:
    """Return the id of a random session of the test file; None if there is none."""
    return _replayer(run_folder).random_session(seed)


@cache_texts(max_entries=_SESSIONS, show_spinner="Replaying the session")
def replayed(run_folder: str, session_id: str) -> ReplayedSession | None:
    """Value a session of the test file after each event; None if there is no such session."""
    replay = _replayer(run_folder).replay(session_id)
    return None if replay is None else ReplayedSession(replay, replayed_session.frame(replay.records()))


@cache_texts(max_entries=_SESSIONS, show_spinner=False)
def invented(run_folder: str, clicks: tuple[Click, ...], session_id: str, n_kept: int) -> ReplayedSession | None:
    """Value invented events, after the first ones of a session of the test file, if any; see `Replayer.invent`."""
    replay = _replayer(run_folder).invent(clicks, session_id, n_kept)
    return None if replay is None else ReplayedSession(replay, replayed_session.frame(replay.records()))


@st.cache_data(max_entries=_ENTRIES, show_spinner="Reading the products")
def product_choices(run_folder: str, dataset_folder: str) -> dict[str, str]:
    """Return id -> what is shown, of the products with the most events, those first."""
    labels = dict(Dataset(Path(dataset_folder)).labels(PRODUCT_ID).collect().iter_rows())
    return {product: labels.get(product, product) for product in _replayer(run_folder).products(_PRODUCTS)}


@st.cache_data(max_entries=_ENTRIES, show_spinner=False)
def shop_days(run_folder: str) -> list[tuple[int, int]]:
    """Return the start and the number of events of each day of the test file."""
    return _replayer(run_folder).days()


@st.cache_resource(max_entries=_ENTRIES, show_spinner=False)
def _spread(run_folder: str) -> Spread:
    run = load_run(Path(run_folder))
    replayer = _replayer(run_folder)
    prefixes = run.table(PREFIXES_FILE).collect()
    return Spread.observed(prefixes, replayer.model.history, replayer.idle_seconds)


@st.cache_resource(max_entries=_DAYS, show_spinner="Preparing the day")
def shop_day(run_folder: str, dataset_folder: str, start: int) -> ReplayedDay:
    """Return a day of the test file. All tabs share its estimates."""
    replayer, dataset = _replayer(run_folder), Dataset(Path(dataset_folder))
    finals = final_values(replayer.model, dataset, replayer.units_of_day(start))
    shop = replayer.day(start, finals, _spread(run_folder))
    return ReplayedDay(shop, int(finals.get_column("is_actual").sum()))


@st.cache_data(ttl=0.4, max_entries=_ENTRIES, show_spinner=False)
def service_now(address: str, token: str, by: RankBy, limit: int) -> ShopMoment:
    """Return the open sessions of a service now; tabs that follow the same one share its answers."""
    return ask_service(address, token, by=by, limit=limit)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def shop_line_spec(span: tuple[int, int] | None, theme: Theme) -> dict[str, Any]:
    """Return the chart of the total of open sessions, without data."""
    return spec_without_data(shop_line.figure(shop_line.frame([]), span), theme)
