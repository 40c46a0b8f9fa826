"""Cached explanations of runs, by the folder of a run. Runs do not change, so results do not expire."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core.dataset import Dataset
from core.eda.run_charts import beeswarm
from core.importance import drivers, periods, segments
from core.importance.driver_effects import driver_effects
from core.model import ChangedEvent
from core.pipeline.explain import stored_explanation, stored_methods
from core.pipeline.one_session import SessionExplainer, SessionExplanation
from core.runs import load_run
from pages._ui.table import Frame

_ENTRIES = 16
_EXPLAINERS = 2
"""Models in memory; that of 100,000 sessions takes about 100 MB."""
_SESSIONS = 64
N_SWARMS = 8
"""Drivers in the chart of single sessions."""


class Explained(NamedTuple):
    """What the Importance page shows of a run's explanation; see the functions of core.importance.

    Attributes:
        drivers: the drivers, the strongest first.
        swarm: the effects of the strongest drivers in single sessions.
        curves: effect curves by feature.
        methods: rows of the methods that are part of every run.
        segments: segments of the explained sessions.
        sessions: the explained sessions: unit, fold, value, predicted and base.
    """

    drivers: Frame
    swarm: Frame
    curves: Frame
    methods: Frame
    segments: Frame
    sessions: Frame


@st.cache_data(max_entries=_ENTRIES, show_spinner="Reading the explanation")
def _explained(run_folder: str, dataset_folder: str | None) -> Explained | None:
    explanation = stored_explanation(load_run(Path(run_folder)))
    if explanation is None:
        return None
    ranked = drivers(explanation)
    return Explained(
        ranked,
        beeswarm.frame(driver_effects(explanation, ranked, N_SWARMS)),
        explanation.curves,
        explanation.methods,
        segments(explanation, None if dataset_folder is None else Dataset(Path(dataset_folder))),
        explanation.sessions,
    )


def explained(run_folder: str, dataset_folder: str | None) -> Explained | None:
    """Return the explanation of a run; None for a run of an older version that was not explained on request."""
    found = _explained(run_folder, dataset_folder)
    if found is None:
        _explained.clear(run_folder, dataset_folder)
    return found


@st.cache_data(max_entries=_SESSIONS, show_spinner="Comparing the periods")
def compared_periods(run_folder: str, dataset_folder: str, second_from: date) -> Frame | None:
    """Return the segments before and from a day; None if the run has no explanation. See `core.importance.periods`."""
    explanation = stored_explanation(load_run(Path(run_folder)))
    return None if explanation is None else periods(explanation, Dataset(Path(dataset_folder)), second_from)


@st.cache_resource(max_entries=_EXPLAINERS, show_spinner="Loading the model")
def _explainer(run_folder: str, dataset_folder: str) -> SessionExplainer:
    return SessionExplainer.of_run(load_run(Path(run_folder)), Dataset(Path(dataset_folder)))


@st.cache_data(max_entries=_SESSIONS, show_spinner="Explaining the session")
def explained_session(
    run_folder: str, dataset_folder: str, session_id: str, events: tuple[ChangedEvent, ...] = ()
) -> SessionExplanation | None:
    """Explain the prediction of a session, or what it would be with other events.

    None if the dataset has no such session.
    """
    return _explainer(run_folder, dataset_folder).explain(session_id, events)


@st.cache_data(max_entries=_ENTRIES, show_spinner=False)
def _slow_methods(run_folder: str) -> Frame | None:
    return stored_methods(load_run(Path(run_folder)))


def slow_methods(run_folder: str) -> Frame | None:
    """Return the rows of the slow methods; None if they were not computed yet."""
    found = _slow_methods(run_folder)
    if found is None:
        _slow_methods.clear(run_folder)
    return found
