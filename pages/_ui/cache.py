"""Cached results of core, by the folder of a dataset or run.

The content of a dataset or finished run never changes, so results do not expire. The exception is a dataset's card,
which is not cached: reading the same files under other names rewrites it. All visitors share the results, and none may
change them. `max_entries` bounds the memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

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
from core.eda.parts.session_table import COUNT_COLUMNS, count_sessions, session_table, sessions_by_file
from core.eda.parts.split import SplitName, group_units
from core.eda.run_charts import backtest_days as run_charts_backtest_days
from core.eda.run_charts import error_by_day, importance, predicted_and_true, residuals
from core.eda.views import CHARTS
from core.importance import PriceOrder, price_finding, prices_by_product, with_labels
from core.pipeline import actual_values
from core.pipeline.user_sessions import user_sessions as user_sessions_of
from core.runs import Run, load_run
from core.runs.store import IMPORTANCE_FILE, OOF_FILE, PRICES_FILE, find_damage
from core.schema import CATEGORY_ID, UNIT
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


@st.cache_resource(max_entries=_TABLES, show_spinner="Counting sessions")
def _sessions(dataset_folder: str) -> Frame:
    return session_table(Dataset(Path(dataset_folder)))


@st.cache_resource(max_entries=_TABLES, show_spinner="Filtering")
def _selected_sessions(dataset_folder: str, query: Query) -> Frame:
    return Selection.from_query(dict(query)).filter_sessions(_sessions(dataset_folder), Dataset(Path(dataset_folder)))


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
    return _product_events(dataset_folder).count(_unit_mask(dataset_folder, query) if query else None)


@st.cache_resource(max_entries=_TABLES, show_spinner="Grouping sessions")
def _groups(dataset_folder: str, split: SplitName) -> Frame:
    return group_units(_sessions(dataset_folder), Dataset(Path(dataset_folder)), split)


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
    return join_values(_selected_sample(dataset_folder, query).train_table(), Dataset(Path(dataset_folder)))


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
    return draw_sample(Dataset(Path(dataset_folder)), max_units=_MAX_SAMPLED_SESSIONS)


def _selected_sample(dataset_folder: str, query: Query) -> Sample:
    sample = _sample(dataset_folder)
    return sample.filter(_unit_mask(dataset_folder, query).to_numpy()) if query else sample


@cache_texts(max_entries=_FILTERED_ENTRIES, show_spinner=False)
def describe_sample(dataset_folder: str, query: Query, *, both: bool) -> str:
    """Say how many sessions a view of features uses: those of both files, or train sessions with a known value."""
    sample, card = _selected_sample(dataset_folder, query), Dataset(Path(dataset_folder)).card()
    files = [("train", sample.train.units, card.train), ("test", sample.test.units, card.test)][: 2 if both else 1]
    counts = [
        count(count_sessions(_sessions(dataset_folder), units, valued=not both), f"{role} session")
        + (" with a known value" if not both else "")
        for role, units, _ in files
    ]
    is_sampled = any(file.sessions > _MAX_SAMPLED_SESSIONS for _, _, file in files)
    return (
        f"Based on {listed(counts)}{' that match the filter' if query else ''}"
        f"{', from a random sample' if is_sampled else ''}."
    )


@cache_texts(max_entries=_ENTRIES, show_spinner="Ranking products")
def top_products(dataset_folder: str, query: Query, by: long_tail.Order) -> Frame:
    """Return the products with the most events, or the most purchases per event."""
    return long_tail.top_frame(_products(dataset_folder, query).products, by=by)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def frequent_categories(dataset_folder: str) -> list[str]:
    """Return the ids of the categories with the most events."""
    return categories.most_frequent(Dataset(Path(dataset_folder)), _MAX_CATEGORIES)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def category_labels(dataset_folder: str) -> dict[str, str]:
    """Return id of a category -> what is shown instead; empty if the log has no names."""
    return dict(Dataset(Path(dataset_folder)).labels(CATEGORY_ID).collect().iter_rows())


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def own_cells(dataset_folder: str) -> list[str]:
    """Return the most frequent cells of the own columns, as `name=cell`."""
    dataset = Dataset(Path(dataset_folder))
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
    return session_line.draw_session(Dataset(Path(dataset_folder)), _selected_sessions(dataset_folder, query), seed)


@cache_texts(max_entries=_ENTRIES, show_spinner="Looking for the session")
def session_events(dataset_folder: str, session_id: str) -> Frame:
    """Return the events of one session, see `session_line.frame`."""
    return session_line.frame(Dataset(Path(dataset_folder)), session_id)


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
        days = error_by_day.frame(oof, Dataset(Path(dataset_folder)).units().select(UNIT, "start").collect())
    return ErrorFrames(predicted_and_true.frame(oof), residuals.frame(oof), days)


@cache_texts(max_entries=_ENTRIES, show_spinner=False)
def _comparison_with_actual(run_folder: str, dataset_folder: str) -> actual_values.Comparison | None:
    return actual_values.compare_with_actual(load_run(Path(run_folder)), Dataset(Path(dataset_folder)))


def comparison_with_actual(run: Run, dataset: Dataset) -> actual_values.Comparison | None:
    """Compare the expected score of a run with the actual one; None if no actual value is known."""
    return _comparison_with_actual(str(run.folder), str(dataset.folder))


@cache_texts(max_entries=_ENTRIES, show_spinner="Comparing predictions with actual values")
def backtest_days(run_folder: str, dataset_folder: str) -> Frame:
    """Return the numbers of the chart of expected and actual totals by day."""
    run, dataset = load_run(Path(run_folder)), Dataset(Path(dataset_folder))
    return run_charts_backtest_days.frame(actual_values.daily_totals(run, dataset))


def damaged_files(run_folder: str) -> list[str]:
    """Describe the files of a run that differ from its manifest. The hashes of unchanged files are remembered."""
    return find_damage(load_run(Path(run_folder))).descriptions()
