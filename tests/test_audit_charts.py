"""The charts of the audit: their data compared with plain Python, their sentence, and the drawn figure."""

from __future__ import annotations

import collections
import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.audit import audit
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.eda.charts import drift, log_span
from core.eda.parts import theme
from core.eda.run_charts import tail
from core.ingestion import InputFiles, ingest
from core.schema import ROLES
from tests.events_on_the_spot import NOON, Event, good_events, store

DAY = 86_400
THEME = {theme.ACCENT, theme.MUTED, *theme.FILE_COLOURS.values()}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> Dataset:
    return ingest(demo_files, Workspace(tmp_path_factory.mktemp("demo")))


def axis_titles(spec: dict[str, Any]) -> set[str]:
    """Titles of the axes of a chart, or of its first layer."""
    encoding = spec.get("layer", [spec])[0]["encoding"]
    titles = [encoding[channel].get("title") for channel in ("x", "y")]
    return {"; ".join([title] if isinstance(title, str) else title) for title in titles if title}


def assert_drawn(figure: Any, sentence: str, rows: int) -> dict[str, Any]:
    """Assert that the figure has its sentence as a description and the rows of its data; return its specification."""
    spec: dict[str, Any] = figure.to_dict()
    assert spec["description"].endswith(sentence)
    assert rows in {len(data) for data in spec.get("datasets", {"": []}).values()}
    return spec


# --- drift ------------------------------------------------------------------------------------------------------------


def moved(name: str, psi: float, *, drifted: bool = False, ks: float = 0.2) -> dict[str, object]:
    return {
        "feature": name,
        "label": name,
        "about": "the session",
        "psi": psi,
        "ks": ks,
        "p_value": 0.5,
        "drifted": drifted,
    }


def test_the_drift_chart_has_the_features_with_the_largest_shift_first():
    records = [moved(f"f{number:02d}", number / 100) for number in range(40)]
    data = drift.frame(records)
    assert data.get_column("feature").to_list() == [f"f{number}" for number in range(39, 24, -1)]
    assert data.get_column("psi").to_list() == [number / 100 for number in range(39, 24, -1)]
    assert data.get_column("all").unique().to_list() == [40]
    assert drift.finding(data) == (
        "Of 40 features, f39 differs most (population stability index 0.39, Kolmogorov-Smirnov distance 0.20); the "
        "audit flags none of those shown as drifted."
    )


def test_the_drift_chart_with_one_feature_and_with_none():
    one = drift.frame([moved("n_events", 1.5, drifted=True, ks=0.456)])
    assert one.height == 1
    assert drift.finding(one) == (
        "Of 1 feature, n_events differs most (population stability index 1.50, Kolmogorov-Smirnov distance 0.46); the "
        "audit flags 1 of the 1 shown as drifted."
    )
    assert_drawn(drift.figure(one), drift.finding(one), 1)
    none = drift.frame([])
    assert (none.height, none.columns) == (0, one.columns)
    assert drift.finding(none) == "One of the files has too few sessions for a comparison."
    assert_drawn(drift.figure(none), drift.finding(none), 0)


def test_drifted_features_have_the_accent_colour():
    data = drift.frame([moved("a", 0.5, drifted=True), moved("b", 0.1)])
    spec = assert_drawn(drift.figure(data), drift.finding(data), 2)
    colour = spec["layer"][0]["encoding"]["color"]["scale"]
    assert colour == {"domain": [True, False], "range": [theme.ACCENT, theme.MUTED]}
    assert spec["layer"][1]["encoding"]["x"]["datum"] == drift.MAJOR_PSI
    assert axis_titles(spec) == {"population stability index; line: 0.25, a major shift"}


# --- tail -------------------------------------------------------------------------------------------------------------


def test_the_tail_chart_is_the_curve_of_the_records_by_share():
    records = [
        {"sessions": 1.0, "deviation": 1.0},
        {"sessions": 0.0012, "deviation": 0.3},
        {"sessions": 0.01, "deviation": 0.6},
    ]
    data = tail.frame(records)
    assert data.rows() == [(0.0012, 0.3), (0.01, 0.6), (1.0, 1.0)]
    assert tail.finding(data) == (
        "The 0.1% of the sessions that are farthest from the average value have 30.0% of all squared deviation."
    )
    spec = assert_drawn(tail.figure(data), tail.finding(data), 3)
    assert spec["encoding"]["x"]["scale"]["type"] == "log"
    assert axis_titles(spec) == {
        "share of the sessions, farthest from the average first (log scale)", "share of squared deviation"
    }  # fmt: skip


def test_the_tail_chart_with_one_point_and_with_none():
    one = tail.frame([{"sessions": 1.0, "deviation": 1.0}])
    assert tail.finding(one).startswith("The 100.0% of the sessions")
    assert_drawn(tail.figure(one), tail.finding(one), 1)
    none = tail.frame(())
    assert none.schema == one.schema
    assert tail.finding(none) == "The audit recorded no tail of the values."
    assert_drawn(tail.figure(none), tail.finding(none), 0)


# --- the log's time ---------------------------------------------------------------------------------------------------


def days_of(events: list[Event]) -> dict[tuple[str, datetime.date], int]:
    return collections.Counter(
        (event.file, datetime.datetime.fromtimestamp(event.time, datetime.UTC).date()) for event in events
    )


def test_the_log_chart_counts_events_by_day_and_file_without_gaps(tmp_path):
    events = [Event("train", f"A{n}", "U", f"P{n}", time=NOON + 11 * 3_600 * n) for n in range(9)]
    events += [Event("test", f"B{n}", "U", f"P{n}", time=NOON + 20 * DAY + 3_600 * n) for n in range(15)]
    data = log_span.frame(store(tmp_path, events))
    assert {(file, day): count for file, day, count in data.select("file", "day", "events").rows()} == days_of(events)
    assert data.get_column("file").to_list() == sorted(data.get_column("file"), key=ROLES.index)
    assert (data.get_column("until") - data.get_column("day")).unique().to_list() == [datetime.timedelta(days=1)]
    assert log_span.finding(data) == (
        "The train file covers 2025-06-02 to 2025-06-06 (9 events); the test file covers 2025-06-22 to 2025-06-23 "
        "(15 events)."
    )
    spec = assert_drawn(log_span.figure(data), log_span.finding(data), data.height)
    assert axis_titles(spec) == {"day (UTC)", "events per day"}
    assert spec["encoding"]["color"]["scale"]["range"] == list(theme.FILE_COLOURS.values())


def test_the_log_chart_with_one_event_per_file_has_one_day_per_file(tmp_path):
    data = log_span.frame(store(tmp_path, [Event("train", "A", "U", time=-5), Event("test", "B", "U", time=0)]))
    before, day, after = datetime.date(1969, 12, 31), datetime.date(1970, 1, 1), datetime.date(1970, 1, 2)
    assert data.rows() == [("train", before, day, 1, 1, before, before), ("test", day, after, 1, 1, day, day)]
    assert_drawn(log_span.figure(data), log_span.finding(data), 2)


def test_a_log_without_events_has_an_empty_chart(tmp_path):
    full = store(tmp_path, good_events())
    folder = tmp_path / "empty"
    folder.mkdir()
    for name in ("train.parquet", "test.parquet"):
        pl.read_parquet(full.folder / name).clear().write_parquet(folder / name)
    data = log_span.frame(Dataset(folder))
    assert data.is_empty()
    assert log_span.finding(data) == "There are no events."
    assert_drawn(log_span.figure(data), log_span.finding(data), 0)


def with_days(dataset: Dataset, folder: Path, days: int) -> Dataset:
    """A dataset whose train file has one event on each of this many days, from a Monday on."""
    folder.mkdir()
    monday = NOON - NOON % DAY
    one = pl.read_parquet(dataset.folder / "train.parquet").head(1)
    many = one.select(pl.all().repeat_by(days).explode()).with_columns(
        pl.Series("time", [monday + DAY * day for day in range(days)])
    )
    many.write_parquet(folder / "train.parquet")
    pl.read_parquet(dataset.folder / "test.parquet").write_parquet(folder / "test.parquet")
    return Dataset(folder)


@pytest.mark.parametrize(("days", "step"), [(1_400, 1), (7_000, 7), (28_000, 28), (60_000, 364)])
def test_the_log_chart_of_a_long_log_has_bins_of_weeks_or_more_and_loses_no_event(tmp_path, days, step):
    data = log_span.frame(with_days(store(tmp_path, good_events()), tmp_path / "long", days))
    assert data.get_column("days").unique().to_list() == [step]
    train = data.filter(pl.col("file") == "train")
    assert train.get_column("events").sum() == days
    assert set(train.get_column("events").to_list()[1:-1]) == {step}
    if step > 1:
        assert set(data.get_column("day").dt.weekday()) == {1}, "bins begin on a Monday"
    last = datetime.date(2025, 6, 2) + datetime.timedelta(days=days - 1)
    assert log_span.finding(data).startswith(f"The train file covers 2025-06-02 to {last} ("), (
        "not to the end of its bin"
    )
    title = "events per day" if step == 1 else f"events per {step} days"
    assert axis_titles(log_span.figure(data).to_dict()) == {"day (UTC)", title}


# --- from the audit to the charts -------------------------------------------------------------------------------------


def test_the_findings_of_the_demo_are_drawn_by_their_charts(demo):
    findings = {finding.code: finding for finding in audit(demo).findings}
    moved_most, steep = findings["feature_drift"], findings["heavy_tail"]
    assert (moved_most.chart, steep.chart) == ("drift", "tail")
    features = drift.frame(moved_most.table)
    assert features.filter("drifted").height == moved_most.count
    assert features.get_column("all")[0] == len(moved_most.table)
    curve = tail.frame(steep.table)
    assert curve.get_column("deviation").is_sorted()
    assert tail.finding(curve).split("have ")[1].split(" of")[0] in steep.explanation
    assert log_span.finding(log_span.frame(demo)).startswith("The train file covers 2025-06-01 to 2025-06-21 (")
    for figure in (drift.figure(features), tail.figure(curve), log_span.figure(log_span.frame(demo))):
        colours = {text for text in _texts(figure.to_dict()) if text.startswith("#")}
        assert colours <= THEME, "no colour but the theme's"


def _texts(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [text for key, value in part.items() if key != "datasets" for text in _texts(value)]
    if isinstance(part, list):
        return [text for value in part for text in _texts(value)]
    return [part] if isinstance(part, str) else []
