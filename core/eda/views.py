"""The views of the Explore page: which charts answer which kind of question, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import polars as pl

from core.dataset import Dataset
from core.eda import (
    categories,
    days,
    event_mix,
    feature_value,
    funnel,
    long_tail,
    lorenz,
    paths,
    quantiles,
    session_length,
    target,
    time_of_day,
    transitions,
    type_value,
    user_segments,
    user_sessions,
    week,
)

Source = Literal["dataset", "sessions", "features"]


@dataclass(frozen=True)
class Chart:
    """A question, and how it is answered.

    Attributes:
        name: by which caches and addresses know it.
        title: the question.
        of: what `frame` is made from: the dataset, its session table (core.eda.session_table), or a sample of its
            features (core.eda.feature_value), which no filter narrows.
        frame, finding, figure: the numbers, the sentence, the drawing; see the chart's module.
    """

    name: str
    title: str
    of: Source
    frame: Callable[[Any], pl.DataFrame]
    finding: Callable[[pl.DataFrame], str]
    figure: Callable[[pl.DataFrame], Any]

    def data(
        self, dataset: Dataset, sessions: Callable[[], pl.DataFrame], sample: Callable[[], pl.DataFrame]
    ) -> pl.DataFrame:
        """Its numbers, from the one that it needs."""
        if self.of == "dataset":
            return self.frame(dataset)
        return self.frame(sessions() if self.of == "sessions" else sample())


def _chart(module: ModuleType, of: Source = "sessions") -> Chart:
    name = module.__name__.rpartition(".")[2]
    return Chart(name, module.TITLE, of, module.frame, module.finding, module.figure)


VIEWS: dict[str, tuple[Chart, ...]] = {
    "Value": (_chart(target, "dataset"), _chart(lorenz), _chart(quantiles)),
    "Events": (
        _chart(event_mix, "dataset"),
        _chart(funnel),
        _chart(type_value),
        _chart(transitions, "dataset"),
        _chart(paths, "dataset"),
    ),
    "Sessions": (
        _chart(session_length),
        Chart(
            "session_length_value",
            session_length.VALUE_TITLE,
            "sessions",
            session_length.value_frame,
            session_length.value_finding,
            session_length.value_figure,
        ),
    ),
    "Time": (_chart(days, "dataset"), _chart(week, "dataset"), _chart(time_of_day, "dataset")),
    "Users": (_chart(user_sessions), _chart(user_segments)),
    "Products": (_chart(long_tail, "dataset"), _chart(categories, "dataset")),
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
}
CHARTS: dict[str, Chart] = {chart.name: chart for charts in VIEWS.values() for chart in charts}
