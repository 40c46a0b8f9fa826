"""The views of the Explore page: which charts answer which kind of question, in their order."""

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
    flows,
    funnel,
    long_tail,
    lorenz,
    overview,
    paths,
    popularity,
    quantiles,
    session_duration,
    session_length,
    session_pauses,
    single_type,
    target,
    time_of_day,
    transitions,
    type_value,
    user_segments,
    user_sessions,
    user_value,
    value_spread,
    week,
)
from core.eda.parts.picking import Pick

Source = Literal["dataset", "sessions", "products", "categories", "features", "files"]


@dataclass(frozen=True)
class Chart:
    """A question, and how it is answered.

    Attributes:
        name: by which caches and addresses know it.
        title: the question.
        of: what `frame` is made from: the dataset, its session table (core.eda.parts.session_table), what happened to
            its products or in its categories (core.eda.parts.product_counts), the features and values of a sample
            (core.eda.charts.feature_value), or what the audit says of such a sample's features in the two files.
        frame, finding, figure: the numbers, the sentence, the drawing; see the chart's module.
        pick: how it is pointed at to filter the rest; None where it is only looked at.
    """

    name: str
    title: str
    of: Source
    frame: Callable[[Any], pl.DataFrame]
    finding: Callable[[pl.DataFrame], str]
    figure: Callable[[pl.DataFrame], Any]
    pick: Pick | None = None

    def data(self, sources: Mapping[Source, Callable[[], Any]]) -> pl.DataFrame:
        """Its numbers, from the source that it needs."""
        return self.frame(sources[self.of]())


def _chart(module: ModuleType, of: Source = "sessions") -> Chart:
    name = module.__name__.rpartition(".")[2]
    return Chart(name, module.TITLE, of, module.frame, module.finding, module.figure, getattr(module, "PICK", None))


VIEWS: dict[str, tuple[Chart, ...]] = {
    "Overview": (_chart(overview, "dataset"), _chart(days, "dataset")),
    "Value": (
        _chart(target, "dataset"),
        Chart(
            "target_plain", target.PLAIN_TITLE, "dataset", target.plain_frame, target.plain_finding, target.plain_figure
        ),
        _chart(lorenz),
        _chart(quantiles),
        _chart(value_spread),
    ),
    "Events": (
        _chart(event_mix),
        _chart(funnel),
        _chart(type_value),
        _chart(single_type),
        _chart(transitions, "dataset"),
        _chart(paths),
        _chart(flows),
    ),
    "Sessions": (
        _chart(session_length),
        _chart(session_duration),
        _chart(session_pauses, "dataset"),
        Chart(
            "session_length_value",
            session_length.VALUE_TITLE,
            "sessions",
            session_length.value_frame,
            session_length.value_finding,
            session_length.value_figure,
        ),
        Chart(
            "session_duration_value",
            session_duration.VALUE_TITLE,
            "sessions",
            session_duration.value_frame,
            session_duration.value_finding,
            session_duration.value_figure,
        ),
    ),
    "Time": (
        _chart(days, "dataset"),
        _chart(week, "dataset"),
        Chart("week_buys", week.BUYS_TITLE, "dataset", week.frame, week.buys_finding, week.buys_figure),
        Chart("week_value", week.VALUE_TITLE, "sessions", week.value_frame, week.value_finding, week.value_figure),
        _chart(time_of_day, "dataset"),
    ),
    "Users": (_chart(user_sessions), _chart(user_value), _chart(user_segments)),
    "Products": (
        _chart(long_tail, "products"),
        _chart(popularity, "products"),
        _chart(categories, "categories"),
        _chart(category_map, "categories"),
    ),
    "Features": (
        _chart(feature_value, "features"),
        Chart(
            "features_together",
            feature_value.TOGETHER_TITLE,
            "features",
            feature_value.together_frame,
            feature_value.together_finding,
            feature_value.together_figure,
        ),
    ),
    "Drift": (_chart(drift, "files"),),
}
CHARTS: dict[str, Chart] = {chart.name: chart for charts in VIEWS.values() for chart in charts}
