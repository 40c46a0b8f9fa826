"""The views of the Explore page: the charts of each, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import polars as pl

from core.eda.charts import (
    categories,
    category_map,
    days,
    drift,
    event_mix,
    feature_value,
    features_together,
    flows,
    funnel,
    long_tail,
    lorenz,
    overview,
    paths,
    popularity,
    quantiles,
    session_duration,
    session_duration_value,
    session_length,
    session_length_value,
    session_pauses,
    single_type,
    target,
    target_plain,
    time_of_day,
    transitions,
    type_value,
    user_segments,
    user_sessions,
    user_value,
    value_spread,
    week,
    week_buys,
    week_value,
)
from core.eda.parts.picking import Pick
from core.eda.parts.theme import Figure

Source = Literal["dataset", "sessions", "products", "categories", "features", "files"]
"""What `frame` of a chart is computed from.

dataset: the dataset, or the part of it that the filter selects.
sessions: the session table, see `core.eda.parts.session_table`.
products, categories: counts by product or category, see `core.eda.parts.product_counts`.
features: values and features of a sample, see `core.eda.parts.feature_sample`.
files: the audit's comparison of each feature in train and test, one record per feature.
"""


@dataclass(frozen=True)
class Chart:
    """A chart module as the Explore page uses it.

    Attributes:
        name: Name of the module, which identifies the chart in caches and addresses.
        title: The question that the chart answers.
        source: What `frame` is computed from.
        frame: Function (source) -> numbers of the chart.
        finding: Function (numbers) -> the answer in one sentence.
        figure: Function (numbers) -> drawing.
        pick: How the chart filters the page when it is clicked or dragged over; None if it does not.
    """

    name: str
    title: str
    source: Source
    frame: Callable[[Any], pl.DataFrame]
    finding: Callable[[pl.DataFrame], str]
    figure: Callable[[pl.DataFrame], Figure]
    pick: Pick | None = None

    def data(self, sources: Mapping[Source, Callable[[], Any]]) -> pl.DataFrame:
        """Return the chart's numbers, computed from the one source that it needs."""
        return self.frame(sources[self.source]())


def _chart(module: ModuleType, source: Source) -> Chart:
    name, pick = module.__name__.rpartition(".")[2], getattr(module, "PICK", None)
    return Chart(name, module.TITLE, source, module.frame, module.finding, module.figure, pick)


VIEWS: dict[str, tuple[Chart, ...]] = {
    "Overview": (_chart(overview, "dataset"), _chart(days, "dataset")),
    "Value": (
        _chart(target, "dataset"),
        _chart(target_plain, "dataset"),
        _chart(lorenz, "sessions"),
        _chart(quantiles, "sessions"),
        _chart(value_spread, "sessions"),
    ),
    "Events": (
        _chart(event_mix, "sessions"),
        _chart(funnel, "sessions"),
        _chart(type_value, "sessions"),
        _chart(single_type, "sessions"),
        _chart(transitions, "dataset"),
        _chart(paths, "sessions"),
        _chart(flows, "sessions"),
    ),
    "Sessions": (
        _chart(session_length, "sessions"),
        _chart(session_duration, "sessions"),
        _chart(session_pauses, "dataset"),
        _chart(session_length_value, "sessions"),
        _chart(session_duration_value, "sessions"),
    ),
    "Time": (
        _chart(days, "dataset"),
        _chart(week, "dataset"),
        _chart(week_buys, "dataset"),
        _chart(week_value, "sessions"),
        _chart(time_of_day, "dataset"),
    ),
    "Users": (_chart(user_sessions, "sessions"), _chart(user_value, "sessions"), _chart(user_segments, "sessions")),
    "Products": (
        _chart(long_tail, "products"),
        _chart(popularity, "products"),
        _chart(categories, "categories"),
        _chart(category_map, "categories"),
    ),
    "Features": (_chart(feature_value, "features"), _chart(features_together, "features")),
    "Drift": (_chart(drift, "files"),),
}
"""Name of a view: its charts."""
CHARTS: dict[str, Chart] = {chart.name: chart for charts in VIEWS.values() for chart in charts}
