"""Cached results of core, by the folder of a dataset or run.

The content of a dataset or finished run never changes, so results never expire. All visitors share them, and none may
change them. `max_entries` bounds the memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.audit import Sample, classify_files, compare_features, draw_sample
from core.base.text import count, joined
from core.dataset import Dataset, DatasetCard
from core.eda.charts import categories, long_tail, session_line
from core.eda.column_summary import column_summary
from core.eda.parts.feature_sample import join_values
from core.eda.parts.product_counts import ProductCounts, ProductEvents
from core.eda.parts.selected_dataset import SelectedDataset, unit_mask
from core.eda.parts.selection import Selection
from core.eda.parts.session_table import session_count, session_table, sessions_of
from core.eda.run_charts import error_by_day, importance, predicted_and_true, residuals
from core.eda.views import CHARTS
from core.importance import PriceOrder, price_finding, prices_by_product
from core.runs import Comparison, compare_runs, load_run
from core.runs.store import IMPORTANCE_FILE, OOF_FILE, PRICES_FILE, find_damage
from core.schema import UNIT, USER

_ENTRIES = 32
_CATEGORIES = 200
_SAMPLE = 10_000
"""Sessions per file whose features are computed. The standard error of a correlation is then 0.01."""
_DAMAGE_TTL = 60.0
"""Seconds until the files of a run are verified again."""
_TABLES = 4
"""Session tables in memory. One of five million events takes 250 MB."""


@st.cache_resource(max_entries=_TABLES, show_spinner="Counting sessions")
def _sessions(dataset_folder: str) -> Any:  # noqa: ANN401 (core's frame)
    return session_table(Dataset(Path(dataset_folder)))


Query = tuple[tuple[str, str], ...]
"""A filter as in the address: pairs of name and text."""


@st.cache_resource(max_entries=_TABLES, show_spinner="Filtering")
def _selected_sessions(dataset_folder: str, query: Query) -> Any:  # noqa: ANN401 (core's frame)
    return Selection.from_query(dict(query)).filter_sessions(_sessions(dataset_folder), Dataset(Path(dataset_folder)))


@st.cache_data(max_entries=4 * _ENTRIES, show_spinner=False)
def session_counts(dataset_folder: str, query: Query) -> tuple[int, int]:
    """Return the number of sessions that pass a filter and of all sessions, each summed over both files."""
    total = _count(_sessions(dataset_folder))
    return (_count(_selected_sessions(dataset_folder, query)) if query else total), total


def _count(sessions: Any) -> int:  # noqa: ANN401 (core's frame)
    return sum(session_count(sessions).values())


def _unit_mask(dataset_folder: str, query: Query) -> Any:  # noqa: ANN401 (core's column)
    """Return for each unit whether it passes a filter."""
    return unit_mask(_selected_sessions(dataset_folder, query), Dataset(Path(dataset_folder)))


def _selected_dataset(dataset_folder: str, query: Query) -> Dataset:
    folder = Path(dataset_folder)
    if not query:
        return Dataset(folder)
    return SelectedDataset.from_sessions(folder, _selected_sessions(dataset_folder, query))


@st.cache_resource(max_entries=_TABLES, show_spinner="Counting products")
def _product_events(dataset_folder: str) -> ProductEvents:
    return ProductEvents.of(Dataset(Path(dataset_folder)))


@st.cache_resource(max_entries=_TABLES, show_spinner="Counting products")
def _products(dataset_folder: str, query: Query) -> ProductCounts:
    events = _product_events(dataset_folder)
    return events.count(_unit_mask(dataset_folder, query) if query else None)


@st.cache_data(max_entries=4 * _ENTRIES, show_spinner="Counting")
def chart_frame(chart: str, dataset_folder: str, query: Query = ()) -> Any:  # noqa: ANN401 (the chart's own frame)
    """Return the data of a chart of the Explore page, by the chart's name."""
    return CHARTS[chart].data(
        {
            "dataset": lambda: _selected_dataset(dataset_folder, query),
            "sessions": lambda: _selected_sessions(dataset_folder, query),
            "products": lambda: _products(dataset_folder, query).products,
            "categories": lambda: _products(dataset_folder, query).categories,
            "features": lambda: join_values(
                _selected_sample(dataset_folder, query).train_table(), Dataset(Path(dataset_folder))
            ),
            "files": lambda: compare_features(_selected_sample(dataset_folder, query)),
        }
    )


@st.cache_data(max_entries=_ENTRIES, show_spinner="Comparing the two files")
def classifier_scores(dataset_folder: str) -> tuple[float, float] | None:
    """Return the AUC of telling test sessions from train sessions: without, and with, calendar and history features.

    None if the files are too small.
    """
    results = classify_files(_sample(dataset_folder))
    return None if results is None else (results[0].auc, results[1].auc)


@st.cache_data(max_entries=_ENTRIES, show_spinner="Counting")
def column_summaries(dataset_folder: str, query: Query = ()) -> Any:  # noqa: ANN401 (core's frame)
    """Return one row per column and file, see `core.eda.column_summary`."""
    return column_summary(_selected_dataset(dataset_folder, query))


@st.cache_resource(max_entries=_TABLES, show_spinner="Computing features")
def _sample(dataset_folder: str) -> Sample:
    return draw_sample(Dataset(Path(dataset_folder)), most=_SAMPLE)


def _selected_sample(dataset_folder: str, query: Query) -> Sample:
    sample = _sample(dataset_folder)
    return sample.only(_unit_mask(dataset_folder, query).to_numpy()) if query else sample


@st.cache_data(max_entries=4 * _ENTRIES, show_spinner=False)
def describe_sample(dataset_folder: str, query: Query, *, both: bool) -> str:
    """Say how many sessions the views of features use: of train with a known value, or of both files."""
    sample, card = _selected_sample(dataset_folder, query), card_of(dataset_folder)
    files = [("train", sample.train_units, card.train), ("test", sample.test_units, card.test)][: 2 if both else 1]
    counts = [
        count(sessions_of(_sessions(dataset_folder), units, valued=not both), f"{role} session")
        for role, units, _ in files
    ]
    is_sampled = any(file.sessions > _SAMPLE for _, _, file in files)
    return (
        f"Based on {joined(counts)}{' that pass the filter' if query else ''}"
        f"{', from a random sample' if is_sampled else ''}."
    )


@st.cache_data(max_entries=_ENTRIES, show_spinner="Counting")
def top_products(dataset_folder: str, query: Query, by: long_tail.Order) -> Any:  # noqa: ANN401 (core's frame)
    """Return the products with the most events, or the most purchases per event."""
    return long_tail.top_frame(_products(dataset_folder, query).products, by=by)


@st.cache_data(max_entries=_ENTRIES, show_spinner=False)
def frequent_categories(dataset_folder: str) -> list[str]:
    """Return the ids of the categories with the most events."""
    return categories.most_frequent(Dataset(Path(dataset_folder)), _CATEGORIES)


def draw_session(dataset_folder: str, query: Query, draw: int) -> str | None:
    """Return the id of a random session that passes the filter, another one for each `draw`; None if there is none."""
    return session_line.draw_session(Dataset(Path(dataset_folder)), _selected_sessions(dataset_folder, query), draw)


@st.cache_data(max_entries=_ENTRIES, show_spinner="Looking for the session")
def session_events(dataset_folder: str, session_id: str) -> Any:  # noqa: ANN401 (core's frame)
    """Return the events of one session, see `session_line.frame`."""
    return session_line.frame(Dataset(Path(dataset_folder)), session_id)


@st.cache_data(max_entries=_ENTRIES, show_spinner=False)
def importance_frame(run_folder: str, measure: importance.Measure, most: int) -> Any:  # noqa: ANN401
    """Return the importance of the top features of a run, see `importance.frame`."""
    table = load_run(Path(run_folder)).table(IMPORTANCE_FILE).collect()
    return importance.frame(table, measure, most)


@st.cache_data(max_entries=_ENTRIES, show_spinner=False)
def recovered_prices(run_folder: str, most: int, by: PriceOrder = "events") -> tuple[str, Any] | None:
    """Return the finding on recovered prices, and the prices of the top products; None for a run without prices."""
    run = load_run(Path(run_folder))
    if PRICES_FILE not in run.manifest.sha256:
        return None
    table = run.table(PRICES_FILE).collect()
    return price_finding(table), prices_by_product(table, most, by)


@st.cache_data(max_entries=_ENTRIES, show_spinner="Comparing predictions with values")
def error_frames(run_folder: str, dataset_folder: str | None) -> tuple[Any, Any, Any | None]:
    """Return predictions with values, errors by decile, and errors by day (None without the dataset) of a run."""
    oof = load_run(Path(run_folder)).table(OOF_FILE).collect()
    days = None
    if dataset_folder is not None:
        days = error_by_day.frame(oof, Dataset(Path(dataset_folder)).units().select(UNIT, "start").collect())
    return predicted_and_true.frame(oof), residuals.frame(oof), days


@st.cache_data(max_entries=_ENTRIES, show_spinner="Comparing the runs")
def comparison(first_folder: str, second_folder: str, dataset_folder: str | None) -> Comparison:
    """Compare two runs; with the dataset, errors are also compared user by user."""
    users = None if dataset_folder is None else Dataset(Path(dataset_folder)).units().select(UNIT, USER).collect()
    return compare_runs(load_run(Path(first_folder)), load_run(Path(second_folder)), users)


@st.cache_data(max_entries=_ENTRIES, ttl=_DAMAGE_TTL, show_spinner=False)
def damaged_files(run_folder: str) -> list[str]:
    """Describe the files of a run that differ from its manifest."""
    return find_damage(load_run(Path(run_folder))).descriptions()


def card_of(dataset_folder: str) -> DatasetCard:
    """Return the card of a dataset. It is not cached, because reading the same files under other names rewrites it."""
    return Dataset(Path(dataset_folder)).card()
