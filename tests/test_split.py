"""Charts that are split into groups, against counts by hand."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from core.dataset import Dataset
from core.eda.charts import funnel, session_length, session_length_value, target, time_of_day
from core.eda.parts.session_table import session_table
from core.eda.parts.split import GROUP, KNOWN, NEW, NOT_BUYING, OTHERS, SPLITS, SplitName, all_groups, group_units
from core.eda.views import CHARTS
from core.schema import BUY, CATEGORY, CATEGORY_ID, EVENT_CODE, ROLES, TIME, TYPE, UNIT, USER, VALUE

SPLIT_CHARTS = ("target", "funnel", "session_length", "session_length_value", "time_of_day")


@pytest.fixture(scope="module")
def dataset(finished: tuple) -> Dataset:  # type: ignore[type-arg]
    workspace, run = finished
    return Dataset(workspace.datasets / run.manifest.dataset)


@pytest.fixture(scope="module")
def table(dataset: Dataset) -> pl.DataFrame:
    return session_table(dataset)


@pytest.fixture(scope="module")
def events(dataset: Dataset) -> list[dict[str, int]]:
    """All events of both files, in order of unit and time."""
    return [
        row
        for role in ROLES
        for row in dataset.events(role).select(UNIT, USER, TIME, TYPE, CATEGORY).collect().to_dicts()
    ]


def as_dict(groups: pl.DataFrame) -> dict[int, str]:
    return dict(groups.select(UNIT, pl.col(GROUP).cast(pl.String)).iter_rows())


def test_five_charts_can_be_split() -> None:
    assert {name for name, chart in CHARTS.items() if chart.splits} == set(SPLIT_CHARTS)


def test_a_user_is_known_after_the_first_session(
    dataset: Dataset, table: pl.DataFrame, events: list[dict[str, int]]
) -> None:
    begins: dict[tuple[int, int], int] = {}
    for event in events:
        key = (event[USER], event[UNIT])
        begins[key] = min(begins.get(key, event[TIME]), event[TIME])
    first = {
        user: min(begin for (other, _), begin in begins.items() if other == user) for user, _ in list(begins)[:300]
    }
    groups = as_dict(group_units(table, dataset, "users"))
    checked = {unit: KNOWN if begin > first[user] else NEW for (user, unit), begin in begins.items() if user in first}
    assert {groups[unit] for unit in checked} == {NEW, KNOWN}
    assert {unit: groups[unit] for unit in checked} == checked


def test_the_main_category_has_most_events_of_the_session(
    dataset: Dataset, table: pl.DataFrame, events: list[dict[str, int]]
) -> None:
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    total: Counter[int] = Counter()
    for event in events:
        counts[event[UNIT]][event[CATEGORY]] += 1
        total[event[CATEGORY]] += 1
    main = {
        unit: min(counter, key=lambda code: (-counter[code], -total[code], code)) for unit, counter in counts.items()
    }
    sizes = Counter(main.values())
    top = sorted(sizes, key=lambda code: (-sizes[code], code))[:4]
    ids = dict(dataset.dictionary(CATEGORY_ID).select(CATEGORY, CATEGORY_ID).collect().iter_rows())
    by = group_units(table, dataset, "category")
    assert all_groups(by) == [*(ids[code] for code in top), OTHERS]
    assert as_dict(by) == {unit: ids[code] if code in top else OTHERS for unit, code in main.items()}


@pytest.mark.parametrize("split", SPLITS)
def test_split_frames_equal_the_frames_of_each_group_alone(
    split: SplitName, dataset: Dataset, table: pl.DataFrame, events: list[dict[str, int]]
) -> None:
    by = group_units(table, dataset, split)
    groups = as_dict(by)
    lengths = Counter(event[UNIT] for event in events)
    buying = {event[UNIT] for event in events if event[TYPE] == EVENT_CODE[BUY]}
    values = dict(table.select(UNIT, VALUE).drop_nulls().iter_rows())

    of_length = {(row[GROUP], row["length"]): row["sessions"] for row in session_length.frame(table, by).to_dicts()}
    assert of_length == Counter((groups[unit], min(n, 20)) for unit, n in lengths.items())

    bought = funnel.frame(table, by).filter(pl.col("step") == BUY)
    expected = Counter(groups[unit] for unit in buying)
    assert {row[GROUP]: row["sessions"] for row in bought.to_dicts()} == {
        group: expected[group] for group in dict.fromkeys(groups.values())
    }

    hours = Counter((groups[event[UNIT]], event[TIME] // 3_600 % 24) for event in events)
    by_hour = {(row[GROUP], row["hour"]): row["events"] for row in time_of_day.frame(dataset, by).to_dicts()}
    assert by_hour == {(group, hour): hours[group, hour] for group in all_groups(by) for hour in range(24)}

    worth: dict[tuple[str, int], list[float]] = defaultdict(list)
    for unit, value in values.items():
        worth[groups[unit], min(lengths[unit], 20)].append(value)
    means = {(row[GROUP], row["length"]): row["mean"] for row in session_length_value.frame(table, by).to_dicts()}
    assert means == pytest.approx({key: math.fsum(amounts) / len(amounts) for key, amounts in worth.items()})

    in_bins = target.frame(dataset, by).group_by(GROUP).agg(pl.col("sessions").sum(), pl.col("share").sum())
    n_valued = Counter(groups[unit] for unit in values)
    assert {row[GROUP]: row["sessions"] for row in in_bins.to_dicts()} == n_valued
    assert in_bins.get_column("share").to_list() == pytest.approx([1.0] * in_bins.height)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", SPLIT_CHARTS)
def test_a_group_without_sessions_is_drawn_and_described(
    name: str, split: SplitName, dataset: Dataset, table: pl.DataFrame
) -> None:
    chart = CHARTS[name]
    by = group_units(table, dataset, split)
    one_group = by.filter(pl.col(GROUP) == all_groups(by)[0])
    source = dataset if chart.source == "dataset" else table
    for groups in (by, one_group):
        data = chart.frame(source, by=groups)
        assert "None" not in chart.finding(data)
        assert "nan" not in chart.finding(data)
        chart.figure(data).to_dict()
    if split == "purchase":
        assert NOT_BUYING not in chart.finding(chart.frame(source, by=one_group))


def test_a_chart_without_a_split_is_as_before(dataset: Dataset, table: pl.DataFrame) -> None:
    by_file = table.select(UNIT, pl.col("file").cast(pl.Enum(ROLES)).alias(GROUP))
    assert_frame_equal(session_length.frame(table, by_file).rename({GROUP: "file"}), session_length.frame(table))
    assert_frame_equal(time_of_day.frame(dataset, by_file).rename({GROUP: "file"}), time_of_day.frame(dataset))
    assert_frame_equal(funnel.frame(table, by_file).rename({GROUP: "file"}), funnel.frame(table))
