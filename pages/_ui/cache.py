"""Questions to core whose answers are kept: always by fingerprint or run, never by a frame.

A dataset and a finished run never change, so an answer never gets stale. `max_entries` bounds the memory; all visitors
share the answers.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import streamlit as st

from core.dataset import Dataset, DatasetCard
from core.eda import event_mix, importance, target, time_of_day
from core.importance import price_finding, prices_by_product
from core.runs import load_run
from core.runs.store import IMPORTANCE_FILE, PRICES_FILE

CHARTS: dict[str, ModuleType] = {"target": target, "event_mix": event_mix, "time_of_day": time_of_day}
_KEPT = 32


@st.cache_data(max_entries=_KEPT, show_spinner="Counting")
def chart_frame(chart: str, dataset_folder: str) -> Any:  # noqa: ANN401 (the chart's own frame)
    """The data of one of CHARTS for a dataset."""
    return CHARTS[chart].frame(Dataset(Path(dataset_folder)))


@st.cache_data(max_entries=_KEPT, show_spinner=False)
def importance_frame(run_folder: str, measure: importance.Measure, most: int) -> Any:  # noqa: ANN401
    """The importance of the `most` first features of a run."""
    table = load_run(Path(run_folder)).table(IMPORTANCE_FILE).collect()
    return importance.frame(table, measure, most)


@st.cache_data(max_entries=_KEPT, show_spinner=False)
def recovered_prices(run_folder: str, most: int) -> tuple[str, Any] | None:
    """What was found of recovered prices, and those of the `most` products with most events; None in older runs."""
    run = load_run(Path(run_folder))
    if PRICES_FILE not in run.manifest.sha256:
        return None
    table = run.table(PRICES_FILE).collect()
    return price_finding(table), prices_by_product(table, most)


@st.cache_data(max_entries=_KEPT, show_spinner=False)
def card_of(dataset_folder: str) -> DatasetCard:
    """The card of a dataset."""
    return Dataset(Path(dataset_folder)).card()
