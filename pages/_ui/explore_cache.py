"""Cached numbers of the Explore page, by the folder of a dataset and the filter.

The content of a dataset never changes, so results do not expire. The exception is its card, which is not cached:
reading the same files under other names rewrites it. All visitors share the results, and none may change them.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.audit import Sample, classify_files, compare_features, draw_sample
from core.base.text import count, listed
from core.dataset import Dataset
from core.eda.charts import categories, long_tail, one_feature, own_value, session_line
from core.eda.column_summary import column_summary
from core.eda.parts.feature_sample import FeatureSample, join_values
from core.eda.parts.product_counts import ProductCounts, ProductEvents
from core.eda.parts.selected_dataset import SelectedDataset, unit_mask
from core.eda.parts.selection import Selection
from core.eda.parts.session_filter import filter_sessions
from core.eda.parts.session_table import COUNT_COLUMNS, count_sessions, session_table, sessions_by_file
from core.eda.parts.split import SplitName, group_units
from core.eda.views import CHARTS
from core.schema import CATEGORY_ID
from pages._ui.number_format import cache_texts
from pages._ui.table import Frame

Query = tuple[tuple[str, str], ...]
"""A filter as query parameters: pairs of name and value."""
_ENTRIES = 32
_FILTERED_ENTRIES = 4 * _ENTRIES
"""More than the others, because every filter has its own."""
_MAX_CATEGORIES = 200
_MAX_OWN_CELLS = 50
"""Cells per own column that the filter offers."""
_MAX_SAMPLED_SESSIONS = 10_000
"""Sessions per file whose features are computed. The standard error of a correlation is then 0.01."""
_TABLES = 4
"""Session tables in memory. The table of five million events takes 250 MB."""


def _dataset(folder: str) -> Dataset:
    return Dataset(Path(folder))


@st.cache_resource(max_entries=_TABLES, show_spinner="Counting sessions")
def _sessions(dataset_folder: str) -> Frame:
    return session_table(_dataset(dataset_folder))


@st.cache_resource(max_entries=_TABLES, show_spinner="Filtering")
def _selected_sessions(dataset_folder: str, query: Query) -> Frame:
    selection = Selection.from_query(dict(query))
    return filter_sessions(_sessions(dataset_folder), _dataset(dataset_folder), selection)


@cache_texts(max_entries=_FILTERED_ENTRIES, show_spinner=False)
def session_counts(dataset_folder: str, query: Query) -> tuple[int, int]:
    """Return the number of sessions that match a filter and of all sessions, each summed over both files."""
    n_sessions = sum(sessions_by_file(_sessions(dataset_folder)).values())
    if not query:
        return n_sessions, n_sessions
    return sum(sessions_by_file(_selected_sessions(dataset_folder, query)).values()), n_sessions


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def event_types(dataset_folder: str) -> list[str]:
    """Return the event types that occur in the log."""
    sums = _sessions(dataset_folder).select(COUNT_COLUMNS.values()).sum().row(0)
    return [event_type for event_type, n in zip(COUNT_COLUMNS, sums, strict=True) if n]


def _unit_mask(dataset_folder: str, query: Query) -> Frame:
    """Return the mask of the units that match a filter."""
    return unit_mask(_selected_sessions(dataset_folder, query), _dataset(dataset_folder))


def _selected_dataset(dataset_folder: str, query: Query) -> Dataset:
    """Return the dataset with the sessions that match a filter."""
    if not query:
        return _dataset(dataset_folder)
    return SelectedDataset.from_sessions(Path(dataset_folder), _selected_sessions(dataset_folder, query))


@st.cache_resource(max_entries=_TABLES, show_spinner="Counting products")
def _product_events(dataset_folder: str) -> ProductEvents:
    return ProductEvents.of(_dataset(dataset_folder))


@st.cache_resource(max_entries=_TABLES, show_spinner="Counting products")
def _products(dataset_folder: str, query: Query) -> ProductCounts:
    return _product_events(dataset_folder).count(_unit_mask(dataset_folder, query) if query else None)


@st.cache_resource(max_entries=_TABLES, show_spinner="Grouping sessions")
def _groups(dataset_folder: str, split: SplitName) -> Frame:
    return group_units(_sessions(dataset_folder), _dataset(dataset_folder), split)


@cache_texts(max_entries=_FILTERED_ENTRIES, show_spinner="Preparing the chart")
def chart_frame(chart: str, dataset_folder: str, query: Query = (), split: SplitName | None = None) -> Frame:
    """Return the numbers of a chart of the Explore page, by the chart's name; `split` splits it into groups."""
    return CHARTS[chart].data(
        {
            "dataset": lambda: _selected_dataset(dataset_folder, query),
            "sessions": lambda: _selected_sessions(dataset_folder, query),
            "products": lambda: _products(dataset_folder, query).products,
            "categories": lambda: _products(dataset_folder, query).categories,
            "features": lambda: _feature_sample(dataset_folder, query),
            "files": lambda: compare_features(_selected_sample(dataset_folder, query)),
        },
        None if split is None else _groups(dataset_folder, split),
    )


@cache_texts(max_entries=_FILTERED_ENTRIES, show_spinner="Preparing the chart")
def feature_frame(name: str, dataset_folder: str, query: Query = ()) -> Frame:
    """Return the numbers of the chart of values by one feature."""
    return one_feature.frame(_feature_sample(dataset_folder, query), name)


def _feature_sample(dataset_folder: str, query: Query) -> FeatureSample:
    return join_values(_selected_sample(dataset_folder, query).train_table(), _dataset(dataset_folder))


@cache_texts(max_entries=_ENTRIES, show_spinner="Comparing the two files")
def classifier_scores(dataset_folder: str) -> tuple[float, float] | None:
    """Return the AUC of a classifier of train and test sessions, without and with calendar and history features.

    None if a file has too few sessions.
    """
    results = classify_files(_sample(dataset_folder))
    return None if results is None else (results[0].auc, results[1].auc)


@cache_texts(max_entries=_ENTRIES, show_spinner="Summarizing the columns")
def column_summaries(dataset_folder: str, query: Query = ()) -> Frame:
    """Return one row per (column, file), see `core.eda.column_summary`."""
    return column_summary(_selected_dataset(dataset_folder, query))


@st.cache_resource(max_entries=_TABLES, show_spinner="Computing features")
def _sample(dataset_folder: str) -> Sample:
    return draw_sample(_dataset(dataset_folder), max_units=_MAX_SAMPLED_SESSIONS)


def _selected_sample(dataset_folder: str, query: Query) -> Sample:
    sample = _sample(dataset_folder)
    return sample.filter(_unit_mask(dataset_folder, query).to_numpy()) if query else sample


@cache_texts(max_entries=_FILTERED_ENTRIES, show_spinner=False)
def describe_sample(dataset_folder: str, query: Query, *, both: bool) -> str:
    """Say how many sessions a view of features uses: those of both files, or train sessions with a known value."""
    sample, card = _selected_sample(dataset_folder, query), _dataset(dataset_folder).card()
    files = [("train", sample.train, card.train)]
    if both:
        files.append(("test", sample.test, card.test))
    condition = "" if both else " with a known value"
    counts = [
        count(count_sessions(_sessions(dataset_folder), part.units, valued=not both), f"{role} session") + condition
        for role, part, _ in files
    ]
    matching = " that match the filter" if query else ""
    sampled = ", from a random sample" if any(file.sessions > _MAX_SAMPLED_SESSIONS for _, _, file in files) else ""
    return f"Based on {listed(counts)}{matching}{sampled}."


@cache_texts(max_entries=_ENTRIES, show_spinner="Ranking products")
def top_products(dataset_folder: str, query: Query, by: long_tail.Order) -> Frame:
    """Return the products with the most events, or the most purchases per event."""
    return long_tail.top_frame(_products(dataset_folder, query).products, by=by)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def frequent_categories(dataset_folder: str) -> list[str]:
    """Return the ids of the categories with the most events."""
    return categories.most_frequent(_dataset(dataset_folder), _MAX_CATEGORIES)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def category_labels(dataset_folder: str) -> dict[str, str]:
    """Return id of a category -> what is shown instead; empty if the log has no names."""
    return dict(_dataset(dataset_folder).labels(CATEGORY_ID).collect().iter_rows())


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def own_cells(dataset_folder: str) -> list[str]:
    """Return the most frequent cells of the own columns, as `name=cell`."""
    dataset = _dataset(dataset_folder)
    return [
        f"{card.name}={cell}"
        for card in dataset.card().own
        for cell in own_value.frequent_cells(dataset, card.column, _MAX_OWN_CELLS)
    ]


@cache_texts(max_entries=_FILTERED_ENTRIES, show_spinner="Preparing the chart")
def own_value_frame(name: str, dataset_folder: str, query: Query = ()) -> Frame:
    """Return the numbers of the chart of values by an own column, by its name."""
    dataset = _selected_dataset(dataset_folder, query)
    return own_value.frame(dataset, next(own.column for own in dataset.card().own if own.name == name))


def draw_session(dataset_folder: str, query: Query, seed: int) -> str | None:
    """Return the id of a random session that matches the filter; None if there is none."""
    return session_line.draw_session(_dataset(dataset_folder), _selected_sessions(dataset_folder, query), seed)


@cache_texts(max_entries=_ENTRIES, show_spinner="Looking for the session")
def session_events(dataset_folder: str, session_id: str) -> Frame:
    """Return the events of one session, see `session_line.frame`."""
    return session_line.frame(_dataset(dataset_folder), session_id)
