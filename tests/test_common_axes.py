"""Two filters next to each other: their charts have the axes that Vega gives to both together."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl
import pytest

from core.dataset import Dataset
from core.eda.charts import funnel, session_duration_value, week_value
from core.eda.parts.common_axes import with_common_axes
from core.eda.parts.selection import Selection
from core.eda.parts.session_filter import filter_sessions
from core.eda.parts.session_table import session_table
from core.eda.parts.theme import Figure


@pytest.fixture(scope="module")
def tables(finished: tuple) -> tuple[pl.DataFrame, pl.DataFrame]:  # type: ignore[type-arg]
    workspace, run = finished
    dataset = Dataset(workspace.datasets / run.manifest.dataset)
    table = session_table(dataset)
    return table, filter_sessions(table, dataset, Selection(types=("BUY",)))


def domains(figure: Figure) -> dict[str, Any]:
    """Return channel -> domain of the scales in a chart's specification."""
    found = {}
    for layer in figure.to_dict().get("layer", [figure.to_dict()]):
        for channel in ("x", "y", "color", "opacity"):
            domain = (layer["encoding"].get(channel, {}).get("scale") or {}).get("domain")
            if domain is not None:
                found[channel] = domain
    return found


@pytest.mark.parametrize("chart", [session_duration_value, week_value])
def test_each_chart_is_extended_by_the_numbers_of_the_other(chart: Any, tables: tuple[pl.DataFrame, ...]) -> None:
    data = [chart.frame(table) for table in tables]
    figures = [chart.figure(each) for each in data]
    common = with_common_axes(*figures)
    means = [(each.get_column("mean").min(), each.get_column("mean").max()) for each in data]
    scale = "opacity" if chart is week_value else "y"
    for figure, other in zip(common, reversed(means), strict=True):
        low, high = domains(figure)[scale]["unionWith"]
        assert low <= other[0] and high >= other[1]
    assert scale not in domains(figures[0])  # the charts themselves are not changed


def test_a_domain_that_is_set_stays(tables: tuple[pl.DataFrame, ...]) -> None:
    figures = [funnel.figure(funnel.frame(table)) for table in tables]
    before = domains(figures[0])["x"]
    assert [domains(figure)["x"] for figure in with_common_axes(*figures)] == [before, before]


def test_stacked_marks_are_added_up() -> None:
    days = pl.DataFrame(
        {
            "day": pl.Series([0, 0, 86_400_000], dtype=pl.Datetime("ms")),
            "file": ["train", "test", "test"],
            "n": [3, 4, 5],
        }
    )
    figure = alt.Chart(days).mark_bar().encode(x="day:T", y=alt.Y("n:Q", stack="zero"), color="file:N")
    other = figure.copy(deep=True)
    other.data = days.with_columns(pl.col("n") * 10)
    first, second = with_common_axes(figure, other)
    assert domains(first) == {"x": {"unionWith": [0, 86_400_000]}, "y": {"unionWith": [0, 70]}}
    assert domains(second)["y"] == {"unionWith": [0, 7]}


def test_negative_marks_are_stacked_downwards() -> None:
    data = pl.DataFrame({"x": [1, 1, 2], "file": ["train", "test", "test"], "n": [3, -4, 5]})
    figure = alt.Chart(data).mark_bar().encode(x="x:Q", y=alt.Y("n:Q", stack="zero"), color="file:N")
    first, _ = with_common_axes(figure, figure)
    assert domains(first)["y"] == {"unionWith": [-4, 5]}


def test_layers_of_layers_have_common_axes() -> None:
    def nested(data: pl.DataFrame) -> Figure:
        points = alt.Chart(data).mark_point().encode(x="x:Q")
        return alt.layer(alt.layer(points, points.mark_line()), points.mark_area())

    first, _ = with_common_axes(nested(pl.DataFrame({"x": [1]})), nested(pl.DataFrame({"x": [7, 9]})))
    inner, outer = first.to_dict()["layer"]
    assert [domains(alt.Chart.from_dict(inner))["x"], outer["encoding"]["x"]["scale"]["domain"]] == [
        {"unionWith": [7, 9]},
        {"unionWith": [7, 9]},
    ]


def test_a_figure_of_several_panels_is_refused() -> None:
    points = alt.Chart(pl.DataFrame({"x": [1]})).mark_point().encode(x="x:Q")
    with pytest.raises(TypeError, match="not HConcatChart"):
        with_common_axes(points | points, points)
