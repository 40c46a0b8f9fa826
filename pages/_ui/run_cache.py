"""Cached results of finished runs, by the folder of a run.

The content of a finished run never changes, so results do not expire. All visitors share them, and none may
change them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core.dataset import Dataset
from core.eda.run_charts import backtest_days, error_by_day, importance, predicted_and_true, residuals
from core.importance import PriceOrder, price_finding, prices_by_product, with_labels
from core.pipeline import actual_values
from core.pipeline.user_sessions import user_sessions as user_sessions_of
from core.runs import Run, load_run
from core.runs.store import IMPORTANCE_FILE, OOF_FILE, PRICES_FILE, find_damage
from core.schema import START, UNIT
from pages._ui.number_format import cache_texts
from pages._ui.table import Frame

_ENTRIES = 32


@st.cache_data(max_entries=_ENTRIES, show_spinner="Looking for the user's sessions")
def user_sessions(dataset_folder: str, run_folder: str | None, session_id: str) -> Frame:
    """Return the sessions of the users of a session, see `core.pipeline.user_sessions`."""
    run = None if run_folder is None else load_run(Path(run_folder))
    return user_sessions_of(Dataset(Path(dataset_folder)), run, session_id)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def importance_frame(run_folder: str, measure: importance.Measure, n_features: int) -> Frame:
    """Return the importance of the top features of a run, see `importance.frame`."""
    return importance.frame(load_run(Path(run_folder)).table(IMPORTANCE_FILE).collect(), measure, n_features)


class RecoveredPrices(NamedTuple):
    """The finding on a run's recovered prices, and the prices of the top products (see `prices_by_product`)."""

    finding: str
    products: Frame


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def recovered_prices(
    run_folder: str, n_products: int, by: PriceOrder = "events", *, dataset_folder: str | None = None
) -> RecoveredPrices | None:
    """Return the recovered prices of a run; None for a run without them.

    Args:
        dataset_folder: dataset of the run, for the names of products and categories.
    """
    run = load_run(Path(run_folder))
    if PRICES_FILE not in run.manifest.sha256:
        return None
    table = run.table(PRICES_FILE).collect()
    products = prices_by_product(table, n_products, by)
    if dataset_folder is not None:
        products = with_labels(products, Dataset(Path(dataset_folder)))
    return RecoveredPrices(price_finding(table), products)


class ErrorFrames(NamedTuple):
    """Numbers of a run's error charts: pairs of prediction and value, and errors by decile and by day."""

    pairs: Frame
    deciles: Frame
    days: Frame | None


@cache_texts(max_entries=_ENTRIES, show_spinner="Comparing predictions with values")
def error_frames(run_folder: str, dataset_folder: str | None) -> ErrorFrames:
    """Return the numbers of a run's error charts; without the dataset, there are no errors by day."""
    oof = load_run(Path(run_folder)).table(OOF_FILE).collect()
    days = None
    if dataset_folder is not None:
        days = error_by_day.frame(oof, Dataset(Path(dataset_folder)).units().select(UNIT, START).collect())
    return ErrorFrames(predicted_and_true.frame(oof), residuals.frame(oof), days)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def _comparison_with_actual(run_folder: str, dataset_folder: str) -> actual_values.Comparison | None:
    return actual_values.compare_with_actual(load_run(Path(run_folder)), Dataset(Path(dataset_folder)))


def comparison_with_actual(run: Run, dataset: Dataset) -> actual_values.Comparison | None:
    """Compare the expected score of a run with the actual one; None if no actual value is known."""
    return _comparison_with_actual(str(run.folder), str(dataset.folder))


@cache_texts(max_entries=_ENTRIES, show_spinner="Comparing predictions with actual values")
def daily_totals(run_folder: str, dataset_folder: str) -> Frame:
    """Return the numbers of the chart of expected and actual totals by day, see `backtest_days.frame`."""
    run, dataset = load_run(Path(run_folder)), Dataset(Path(dataset_folder))
    return backtest_days.frame(actual_values.daily_totals(run, dataset))


def damaged_files(run_folder: str) -> list[str]:
    """Describe the files of a run that differ from its manifest. The hashes of unchanged files are remembered."""
    return find_damage(load_run(Path(run_folder))).descriptions()
