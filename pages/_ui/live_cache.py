"""Cached results of models for open sessions. See pages/_ui/cache.py for why they do not expire."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core.dataset import Dataset
from core.eda.run_charts import coverage_by_events, earliness, replayed_session
from core.live.replay import Click, Replay, Replayer
from core.model import load_model
from core.runs import load_run
from core.runs.store import EARLINESS_FILE
from core.schema import PRODUCT_ID
from pages._ui.table import Frame

_ENTRIES, _SESSIONS = 16, 64
_REPLAYERS = 2
"""Models in memory."""
_PRODUCTS = 2_000
"""Products that can be chosen. All of them are sent to the browser."""


class LiveErrors(NamedTuple):
    """The numbers of the charts by events seen: errors, and coverage of the intervals."""

    errors: Frame
    coverage: Frame


class ReplayedSession(NamedTuple):
    """A replay, and the numbers of its chart."""

    replay: Replay
    data: Frame


@st.cache_data(max_entries=_ENTRIES, show_spinner=False)
def live_errors(run_folder: str) -> LiveErrors:
    """Return the errors and the coverage of a run by events seen."""
    table = load_run(Path(run_folder)).table(EARLINESS_FILE).collect()
    return LiveErrors(earliness.frame(table), coverage_by_events.frame(table))


@st.cache_resource(max_entries=_REPLAYERS, show_spinner="Loading the model")
def _replayer(run_folder: str) -> Replayer:
    return Replayer(load_model(load_run(Path(run_folder))))


def draw_session(run_folder: str, seed: int) -> str | None:
    """Return the id of a random session of the test file; None if there is none."""
    return _replayer(run_folder).random_session(seed)


@st.cache_data(max_entries=_SESSIONS, show_spinner="Replaying the session")
def replayed(run_folder: str, session_id: str) -> ReplayedSession | None:
    """Value a session of the test file after each event; None if there is no such session."""
    replay = _replayer(run_folder).replay(session_id)
    return None if replay is None else ReplayedSession(replay, replayed_session.frame(replay.records()))


@st.cache_data(max_entries=_SESSIONS, show_spinner=False)
def invented(run_folder: str, clicks: tuple[Click, ...], session_id: str, n_kept: int) -> ReplayedSession | None:
    """Value invented events, after the first ones of a session of the test file, if any; see `Replayer.invent`."""
    replay = _replayer(run_folder).invent(clicks, session_id, n_kept)
    return None if replay is None else ReplayedSession(replay, replayed_session.frame(replay.records()))


@st.cache_data(max_entries=_ENTRIES, show_spinner="Reading the products")
def product_choices(run_folder: str, dataset_folder: str) -> dict[str, str]:
    """Return id -> what is shown, of the products with the most events, those first."""
    labels = dict(Dataset(Path(dataset_folder)).labels(PRODUCT_ID).collect().iter_rows())
    return {product: labels.get(product, product) for product in _replayer(run_folder).products(_PRODUCTS)}
