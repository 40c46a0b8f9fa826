"""The views of the Explore page: the charts of each, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

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
    ordered_funnel,
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
from core.eda.parts.split import SplitName
from core.eda.parts.theme import Figure

Source = Literal["dataset", "sessions", "products", "categories", "features", "files"]
"""Input of a chart's `frame`.

dataset: the dataset, limited to the sessions that pass the filter.
sessions: the session table, see `core.eda.parts.session_table`.
products, categories: counts by product or category, see `core.eda.parts.product_counts`.
features: values and features of a sample, see `core.eda.parts.feature_sample`.
files: the audit's comparison of each feature between the train and the test file, one record per feature.
"""


@dataclass(frozen=True)
class Chart:
    """A chart module as used by the Explore page.

    Attributes:
        name: name of the module, which identifies the chart.
        title: TITLE of the module, the question that the chart answers.
        source: input of `frame`.
        frame: function (source) -> numbers of the chart. If the chart has splits, it also takes the argument `by`.
        finding: function (numbers) -> the answer in one sentence.
        figure: function (numbers) -> drawing.
        pick: PICK of the module, how clicking or dragging in the chart filters the page; None if it does not.
        splits: SPLITS of the module, what can split the chart into groups; see `core.eda.parts.split`.
        needs_types: NEEDS_TYPES of the module, whether the chart compares event types, and so says nothing about a log
            of a single one.
    """

    name: str
    title: str
    source: Source
    frame: Callable[..., pl.DataFrame]
    finding: Callable[[pl.DataFrame], str]
    figure: Callable[[pl.DataFrame], Figure]
    pick: Pick | None = None
    splits: tuple[SplitName, ...] = ()
    needs_types: bool = False

    def data(self, sources: Mapping[Source, Callable[[], Any]], by: pl.DataFrame | None = None) -> pl.DataFrame:
        """Return the chart's numbers, computed from the one source that it needs.

        Args:
            sources: name of a source -> function that returns it.
            by: the groups that split the chart; see `core.eda.parts.split.group_units`. None for no split, and for a
                chart without splits.
        """
        source = sources[self.source]()
        return self.frame(source) if by is None else self.frame(source, by=by)


class ChartModule(Protocol):
    """What a chart module must define, see `Chart`. PICK, SPLITS and NEEDS_TYPES are optional."""

    __name__: str
    TITLE: str

    @property
    def frame(self) -> Callable[..., pl.DataFrame]: ...

    @property
    def finding(self) -> Callable[[pl.DataFrame], str]: ...

    @property
    def figure(self) -> Callable[[pl.DataFrame], Figure]: ...


def _charts(source: Source, *modules: ChartModule) -> tuple[Chart, ...]:
    return tuple(
        Chart(
            name=module.__name__.rpartition(".")[2],
            title=module.TITLE,
            source=source,
            frame=module.frame,
            finding=module.finding,
            figure=module.figure,
            pick=getattr(module, "PICK", None),
            splits=getattr(module, "SPLITS", ()),
            needs_types=getattr(module, "NEEDS_TYPES", False),
        )
        for module in modules
    )


_DAYS = _charts("dataset", days)
"""In two views."""
VIEWS = {
    "Overview": _charts("dataset", overview) + _DAYS,
    "Value": _charts("dataset", target, target_plain) + _charts("sessions", lorenz, quantiles, value_spread),
    "Events": (
        _charts("sessions", event_mix, funnel)
        + _charts("dataset", ordered_funnel)
        + _charts("sessions", type_value, single_type)
        + _charts("dataset", transitions)
        + _charts("sessions", paths, flows)
    ),
    "Sessions": (
        _charts("sessions", session_length, session_duration)
        + _charts("dataset", session_pauses)
        + _charts("sessions", session_length_value, session_duration_value)
    ),
    "Time": (
        _DAYS + _charts("dataset", week, week_buys) + _charts("sessions", week_value) + _charts("dataset", time_of_day)
    ),
    "Users": _charts("sessions", user_sessions, user_value, user_segments),
    "Products": _charts("products", long_tail, popularity) + _charts("categories", categories, category_map),
    "Features": _charts("features", feature_value, features_together),
    "Drift": _charts("files", drift),
}
"""Name of a view: its charts."""
CHARTS = {chart.name: chart for charts in VIEWS.values() for chart in charts}
"""Name of a chart: the chart."""
