"""Questions to core whose answers are kept: always by fingerprint or run, never by a frame.

A dataset and a finished run never change but for what they are called, so an answer never gets stale. `max_entries`
bounds the memory; all visitors share the answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.audit import Sample, classify_files, compare_features, draw_sample
from core.base.text import count
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

_KEPT = 32
_CATEGORIES = 200
_SAMPLE = 10_000
"""Sessions of each file whose features are looked at: a correlation is known to 0.01 then."""
_LOOK_AGAIN = 60.0
"""Seconds after which the files of a run are read once more."""
_TABLES_KEPT = 4
"""Session tables in memory: at five million events one is 250 MB."""


@st.cache_resource(max_entries=_TABLES_KEPT, show_spinner="Counting sessions")
def _sessions(dataset_folder: str) -> Any:  # noqa: ANN401 (core's frame)
    """One row a session and user; shared by all visitors, none of whom changes it."""
    return session_table(Dataset(Path(dataset_folder)))


Query = tuple[tuple[str, str], ...]
"""A filter as it stands in the address: names and texts."""


@st.cache_resource(max_entries=_TABLES_KEPT, show_spinner="Filtering")
def _chosen(dataset_folder: str, query: Query) -> Any:  # noqa: ANN401 (core's frame)
    """The rows of the session table that a filter lets through."""
    return Selection.from_query(dict(query)).filter_sessions(_sessions(dataset_folder), Dataset(Path(dataset_folder)))


@st.cache_data(max_entries=4 * _KEPT, show_spinner=False)
def sessions_chosen(dataset_folder: str, query: Query) -> tuple[int, int]:
    """How many sessions a filter lets through, and how many there are; those of both files count in each."""
    every = _count(_sessions(dataset_folder))
    return (_count(_chosen(dataset_folder, query)) if query else every), every


def _count(sessions: Any) -> int:  # noqa: ANN401 (core's frame)
    return sum(session_count(sessions).values())


def _units(dataset_folder: str, query: Query) -> Any:  # noqa: ANN401 (core's column)
    """For each unit whether a filter lets it through."""
    return unit_mask(_chosen(dataset_folder, query), Dataset(Path(dataset_folder)))


def _selected(dataset_folder: str, query: Query) -> Dataset:
    """The dataset as a filter shows it."""
    folder = Path(dataset_folder)
    return SelectedDataset.from_sessions(folder, _chosen(dataset_folder, query)) if query else Dataset(folder)


@st.cache_resource(max_entries=_TABLES_KEPT, show_spinner="Counting products")
def _product_events(dataset_folder: str) -> ProductEvents:
    """What the events are on; shared by all visitors, none of whom changes it."""
    return ProductEvents.of(Dataset(Path(dataset_folder)))


@st.cache_resource(max_entries=_TABLES_KEPT, show_spinner="Counting products")
def _products(dataset_folder: str, query: Query) -> ProductCounts:
    """What the sessions that a filter lets through did, by product and by category."""
    events = _product_events(dataset_folder)
    return events.count(_units(dataset_folder, query) if query else None)


@st.cache_data(max_entries=4 * _KEPT, show_spinner="Counting")
def chart_frame(chart: str, dataset_folder: str, query: Query = ()) -> Any:  # noqa: ANN401 (the chart's own frame)
    """The data of a chart of the Explore page, by its name."""
    return CHARTS[chart].data(
        {
            "dataset": lambda: _selected(dataset_folder, query),
            "sessions": lambda: _chosen(dataset_folder, query),
            "products": lambda: _products(dataset_folder, query).products,
            "categories": lambda: _products(dataset_folder, query).categories,
            "features": lambda: join_values(
                _sampled(dataset_folder, query).train_table(), Dataset(Path(dataset_folder))
            ),
            "files": lambda: compare_features(_sampled(dataset_folder, query)),
        }
    )


@st.cache_data(max_entries=_KEPT, show_spinner="Telling the two files apart")
def files_told_apart(dataset_folder: str) -> tuple[float, float] | None:
    """How well a model guesses the file of a session (AUC): by the session itself, and by calendar and past as well."""
    results = classify_files(_sample(dataset_folder))
    return None if results is None else (results[0].auc, results[1].auc)


@st.cache_data(max_entries=_KEPT, show_spinner="Counting")
def columns_described(dataset_folder: str, query: Query = ()) -> Any:  # noqa: ANN401 (core's frame)
    """What each column of both files holds."""
    return column_summary(_selected(dataset_folder, query))


@st.cache_resource(max_entries=_TABLES_KEPT, show_spinner="Computing features")
def _sample(dataset_folder: str) -> Sample:
    """The features of some sessions of both files; shared by all visitors, none of whom changes it."""
    return draw_sample(Dataset(Path(dataset_folder)), most=_SAMPLE)


def _sampled(dataset_folder: str, query: Query) -> Sample:
    """Those that a filter lets through."""
    sample = _sample(dataset_folder)
    return sample.only(_units(dataset_folder, query).to_numpy()) if query else sample


@st.cache_data(max_entries=4 * _KEPT, show_spinner=False)
def sampled_sessions(dataset_folder: str, query: Query, *, both: bool) -> str:
    """Which sessions of train that have a value, or of both files, the views of features look at, in a sentence."""
    sample, card = _sampled(dataset_folder, query), card_of(dataset_folder)
    told, drawn = [], False
    for role, units, file in (("train", sample.train_units, card.train), ("test", sample.test_units, card.test)):
        if role == "train" or both:
            found = sessions_of(_sessions(dataset_folder), units, valued=not both)
            told.append(count(found, f"{role} session"))
            drawn = drawn or file.sessions > _SAMPLE
    which = " that the filter lets through" if query else ""
    return f"Counted on {' and '.join(told)}{which}{', of those drawn at random' if drawn else ''}."


@st.cache_data(max_entries=_KEPT, show_spinner="Counting")
def top_products(dataset_folder: str, query: Query, by: long_tail.Order) -> Any:  # noqa: ANN401 (core's frame)
    """The products with most events, or most purchases an event."""
    return long_tail.top_frame(_products(dataset_folder, query).products, by=by)


@st.cache_data(max_entries=_KEPT, show_spinner=False)
def frequent_categories(dataset_folder: str) -> list[str]:
    """Ids of the categories with most events, to choose from."""
    return categories.most_frequent(Dataset(Path(dataset_folder)), _CATEGORIES)


def session_drawn(dataset_folder: str, query: Query, draw: int) -> str | None:
    """The id of a session that a filter lets through, another one for each draw."""
    return session_line.draw_session(Dataset(Path(dataset_folder)), _chosen(dataset_folder, query), draw)


@st.cache_data(max_entries=_KEPT, show_spinner="Looking for the session")
def session_events(dataset_folder: str, session_id: str) -> Any:  # noqa: ANN401 (core's frame)
    """The events of one session."""
    return session_line.frame(Dataset(Path(dataset_folder)), session_id)


@st.cache_data(max_entries=_KEPT, show_spinner=False)
def importance_frame(run_folder: str, measure: importance.Measure, most: int) -> Any:  # noqa: ANN401
    """The importance of the `most` first features of a run."""
    table = load_run(Path(run_folder)).table(IMPORTANCE_FILE).collect()
    return importance.frame(table, measure, most)


@st.cache_data(max_entries=_KEPT, show_spinner=False)
def recovered_prices(run_folder: str, most: int, by: PriceOrder = "events") -> tuple[str, Any] | None:
    """What was found of recovered prices, and those of the `most` products that come first; None in older runs."""
    run = load_run(Path(run_folder))
    if PRICES_FILE not in run.manifest.sha256:
        return None
    table = run.table(PRICES_FILE).collect()
    return price_finding(table), prices_by_product(table, most, by)


@st.cache_data(max_entries=_KEPT, show_spinner="Comparing predictions with values")
def error_frames(run_folder: str, dataset_folder: str | None) -> tuple[Any, Any, Any | None]:
    """Predictions against values, errors by tenth, errors by day (None without the dataset) of a run."""
    oof = load_run(Path(run_folder)).table(OOF_FILE).collect()
    days = None
    if dataset_folder is not None:
        days = error_by_day.frame(oof, Dataset(Path(dataset_folder)).units().select(UNIT, "start").collect())
    return predicted_and_true.frame(oof), residuals.frame(oof), days


@st.cache_data(max_entries=_KEPT, show_spinner="Comparing the runs")
def comparison(first_folder: str, second_folder: str, dataset_folder: str | None) -> Comparison:
    """Two runs side by side."""
    users = None if dataset_folder is None else Dataset(Path(dataset_folder)).units().select(UNIT, USER).collect()
    return compare_runs(load_run(Path(first_folder)), load_run(Path(second_folder)), users)


@st.cache_data(max_entries=_KEPT, ttl=_LOOK_AGAIN, show_spinner=False)
def damaged_files(run_folder: str) -> list[str]:
    """What is not as the run's manifest says, in words."""
    return find_damage(load_run(Path(run_folder))).descriptions()


def card_of(dataset_folder: str) -> DatasetCard:
    """The card of a dataset; not kept: the same files read again under other names rewrite it."""
    return Dataset(Path(dataset_folder)).card()
