"""Charts of the Explore page: each frame against a count by hand, and with one row, one user or no value."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain, combinations, groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

from core.audit import classify_files, compare_features, draw_sample
from core.base.workspace import Workspace
from core.dataset import Dataset
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
    session_line,
    session_pauses,
    single_type,
    target_plain,
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
from core.eda.column_summary import column_summary
from core.eda.parts import duration_classes
from core.eda.parts.feature_sample import FeatureSample, join_values
from core.eda.parts.product_counts import ProductCounts, ProductEvents
from core.eda.parts.selected_dataset import SelectedDataset, unit_mask
from core.eda.parts.selection import Selection
from core.eda.parts.session_filter import filter_sessions
from core.eda.parts.session_table import COUNT_COLUMNS, session_table
from core.eda.views import CHARTS, Chart, Source
from core.features import display_names
from core.ingestion import InputFiles, ingest
from core.schema import EVENT_TYPES, ROLES
from tests.rewriting import without_hashes
from tests.test_eda import ONE_ROW, Row, World, mixed

MIXED = World(
    *(
        [
            dataclasses.replace(row, category=f"C{place % 5}" if place % 3 else row.category)
            for place, row in enumerate(rows)
        ]
        for rows in (mixed().train, mixed().test)
    )
)
ONE_USER = World([dataclasses.replace(row, user="U") for row in MIXED.train], MIXED.test[:1])
ALL_ZERO = World([dataclasses.replace(row, value=0.0) for row in MIXED.train], MIXED.test)
ALL_EQUAL = World([dataclasses.replace(row, value=7.0) for row in MIXED.train], MIXED.test)
OF_VALUES = (
    "target",
    "target_plain",
    "lorenz",
    "quantiles",
    "value_spread",
    "type_value",
    "single_type",
    "user_value",
    "week_value",
    "features_together",
)
"""Charts that show only values."""
WORLDS = {
    "mixed": MIXED,
    "one row": ONE_ROW,
    "one user": ONE_USER,
    "all values 0": ALL_ZERO,
    "all values equal": ALL_EQUAL,
}


@pytest.fixture(scope="module", params=WORLDS, ids=list(WORLDS))
def any_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Dataset]:
    world = WORLDS[request.param]
    return world, world.ingested(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return MIXED.ingested(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="module")
def table(dataset: Dataset) -> pl.DataFrame:
    return session_table(dataset)


def second(row: Row) -> int:
    return int(datetime.fromisoformat(row.time).timestamp())


def counted(dataset: Dataset) -> ProductCounts:
    return ProductEvents.of(dataset).count()


def by_session(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows of each session in order of time; rows of equal time keep the order of the file."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.session].append(row)
    return {session: sorted(mine, key=second) for session, mine in found.items()}


# --- the session table ------------------------------------------------------------------------------------------------


def test_the_session_table_against_a_count_by_hand(table: pl.DataFrame) -> None:
    for role in ("train", "test"):
        mine = table.filter(pl.col("file") == role)
        sessions = by_session(MIXED.rows(role))
        assert mine.height == len(sessions)
        by_hand = Counter(
            (
                len(rows),
                second(rows[-1]) - second(rows[0]),
                len({row.product for row in rows}),
                *(sum(row.type == word for row in rows) for word in EVENT_TYPES),
                rows[0].value if role == "train" else None,
            )
            for rows in sessions.values()
        )
        columns = ["events", "duration", "products", *COUNT_COLUMNS.values(), "value"]
        assert Counter(mine.select(columns).iter_rows()) == by_hand


# --- charts against counts by hand ------------------------------------------------------------------------------------


def test_the_lorenz_curve_and_its_gini_coefficient(table: pl.DataFrame) -> None:
    values = np.array(MIXED.values())
    data = lorenz.frame(table)
    gini = np.abs(values[:, None] - values[None, :]).sum() / (2 * len(values) ** 2 * values.mean())
    assert data.item(0, "gini") == pytest.approx(gini)
    for share, held in data.select("sessions", "value").iter_rows():
        assert held == pytest.approx(values[: round(share * len(values))].sum() / values.sum())
    top = values[-len(values) // 10 :].sum() / values.sum()
    assert f"{top:.1%}" in lorenz.finding(data)


def test_quantiles_against_scipy(table: pl.DataFrame) -> None:
    values = np.array([value for value in MIXED.values() if value > 0])
    data = quantiles.frame(table)
    law = data.filter(pl.col("law") == "log-normal")
    shape, scale = np.log(values).std(), np.exp(np.log(values).mean())
    assert law["expected"].to_list() == pytest.approx(stats.lognorm(shape, scale=scale).ppf(law["share"]).tolist())
    normal = data.filter(pl.col("law") == "normal")
    assert normal["expected"].to_list() == pytest.approx(
        stats.norm(values.mean(), values.std()).ppf(normal["share"]).tolist()
    )
    assert normal["value"].to_list() == pytest.approx(np.quantile(values, normal["share"]).tolist())
    assert data["above"].unique().to_list() == [pytest.approx(len(values) / len(MIXED.values()))]
    assert quantiles.finding(data).startswith("Values above 0 are closer to a log-normal")
    assert "99.5% quantile" in quantiles.finding(data)
    positive = quantiles.frame(table.filter(pl.col("value") > 0))
    assert quantiles.finding(positive).startswith("The values are closer to a log-normal")


@pytest.mark.parametrize(
    "values", [[10.0] * 500 + [20.0], [0.0] * 500 + [7.0] * 500 + [9.0], [0.1 + 0.2, 0.3, 0.3], [7.0] * 3, [1.0, 2.0]]
)
def test_quantiles_that_are_all_equal_are_not_compared(values: list[float]) -> None:
    data = quantiles.frame(pl.DataFrame({"value": values}))
    assert data.is_empty()
    assert data.columns == quantiles.frame(pl.DataFrame({"value": [1.0, 2.0, 3.0]})).columns
    assert "too few different values" in quantiles.finding(data)


def test_lengths_and_their_values(table: pl.DataFrame) -> None:
    sessions = by_session(MIXED.train)
    lengths = Counter(len(rows) for rows in sessions.values())
    data = session_length.frame(table).filter(pl.col("file") == "train")
    assert dict(data.select("length", "sessions").iter_rows()) == lengths
    assert data["share"].sum() == pytest.approx(1.0)
    row = session_length_value.frame(table).filter(pl.col("length") == 3).row(0, named=True)
    mine = np.array([rows[0].value for rows in sessions.values() if len(rows) == 3])
    assert (row["mean"], row["median"]) == (pytest.approx(mine.mean()), pytest.approx(np.median(mine)))


def test_long_sessions_are_one_class() -> None:
    sessions = pl.DataFrame({"file": ["train"] * 3, "events": [19, 20, 500], "value": [1.0, 2.0, 4.0]})
    assert session_length.frame(sessions).select("label", "sessions").rows() == [("19", 1), ("20+", 2)]
    assert session_length_value.frame(sessions).select("label", "mean").rows() == [("19", 1.0), ("20+", 3.0)]


def test_values_by_events_of_a_type(table: pl.DataFrame) -> None:
    data = type_value.frame(table)
    for row in data.iter_rows(named=True):
        mine = []
        for rows in by_session(MIXED.train).values():
            times = sum(each.type == row["event_type"] for each in rows)
            if min(times, 5) == row["count"]:
                mine.append(rows[0].value)
        assert (row["sessions"], row["mean"]) == (len(mine), pytest.approx(np.mean(mine)))
        if len(mine) > 1:
            wide = 1.96 * np.std(mine, ddof=1) / np.sqrt(len(mine))
            assert row["high"] - row["mean"] == pytest.approx(wide)
        else:
            assert (row["low"], row["high"]) == (None, None), "one session has no spread"
    assert data.group_by("event_type").agg(pl.col("sessions").sum())["sessions"].unique().to_list() == [120]


def test_days_with_none_between(tmp_path: Path) -> None:
    rows = [
        Row("A", time=f"2024-03-0{day} 10:00:00+00:00", type=kind)
        for day, kind in ((1, "BUY"), (1, "VIEW"), (4, "VIEW"))
    ]
    data = days.frame(World(rows, [Row("B", time="2024-03-05 00:00:00+00:00")]).ingested(tmp_path))
    rows_shown = [(row["file"], f"{row['day']:%d}", row["events"], row["buys"]) for row in data.iter_rows(named=True)]
    assert rows_shown == [
        ("train", "01", 2, 1),
        ("train", "02", 0, 0),
        ("train", "03", 0, 0),
        ("train", "04", 1, 0),
        ("test", "05", 1, 0),
    ]


def test_a_log_of_years_is_counted_by_the_week(tmp_path: Path) -> None:
    rows = [Row("A", time="2020-01-01 10:00:00+00:00"), Row("C", time="2023-01-01 10:00:00+00:00")]
    data = days.frame(World(rows, [Row("B", time="2023-02-01 00:00:00+00:00")]).ingested(tmp_path))
    assert 150 < data.filter(pl.col("file") == "train").height < 160
    assert data["events"].sum() == 3
    assert "events per week on average" in days.finding(data)


def test_a_file_that_begins_within_a_week_keeps_its_first_and_last_day(tmp_path: Path, snapshot: Any) -> None:
    train = [Row("A", time="2024-01-01 10:00:00+00:00"), Row("C", time="2025-03-01 10:00:00+00:00")]
    test = [Row("B", time=f"2025-03-0{day} 00:00:00+00:00") for day in (4, 6)]
    data = days.frame(World(train, test).ingested(tmp_path))
    assert data["days"].unique().to_list() == [7]
    assert set(data["day"].dt.weekday()) == {1}, "weeks begin on a Monday"
    ends = data.select("file", "first", "last").unique(maintain_order=True).rows()
    assert ends == [
        ("train", date(2024, 1, 1), date(2025, 3, 1)),
        ("test", date(2025, 3, 4), date(2025, 3, 6)),
    ]
    assert days.finding(data) == snapshot
    spec = json.loads(days.figure(data).to_json())
    assert spec["description"].startswith("Events by week. ")
    assert "week from" in json.dumps(spec["encoding"]["tooltip"])


def test_the_hours_of_the_week(dataset: Dataset) -> None:
    data = week.frame(dataset)
    by_hand = Counter(
        (datetime.fromtimestamp(second(row), UTC).strftime("%A"), row.hour) for row in [*MIXED.train, *MIXED.test]
    )
    assert data.height == 168
    rows_shown = data.select("weekday", "hour", "events", "times", "mean").rows()
    assert {(day, hour): events for day, hour, events, _, _ in rows_shown if events} == by_hand
    seconds = [second(row) for row in [*MIXED.train, *MIXED.test]]
    hours = range(min(seconds) // 3600, max(seconds) // 3600 + 1)
    came = Counter((each.strftime("%A"), each.hour) for each in (datetime.fromtimestamp(3600 * n, UTC) for n in hours))
    assert {(day, hour): times for day, hour, _, times, _ in rows_shown if times} == came
    assert all(mean == pytest.approx(events / times) for _, _, events, times, mean in rows_shown if times)
    ends = [sum(of[place] for place in of if place[0] in ("Saturday", "Sunday")) / of.total() for of in (by_hand, came)]
    assert f"{100 * ends[0]:.1f}% of the events in {100 * ends[1]:.1f}% of the time" in week.finding(data)


def test_values_by_the_hour_of_the_week(table: pl.DataFrame) -> None:
    data = week_value.frame(table)
    by_hand = defaultdict(list)
    for rows in by_session(MIXED.train).values():
        first = datetime.fromtimestamp(second(rows[0]), UTC)
        by_hand[first.strftime("%A"), first.hour].append(rows[0].value)
    assert {(day, hour): times for day, hour, times, _ in data.iter_rows()} == {
        place: len(values) for place, values in by_hand.items()
    }
    for day, hour, _, mean in data.iter_rows():
        assert mean == pytest.approx(np.mean(by_hand[day, hour]))
    by_day = {day: np.mean([*chain(*(by_hand[at] for at in by_hand if at[0] == day))]) for day, _ in by_hand}
    best = max(by_day, key=lambda day: by_day[day])
    assert f"highest on {best} ({by_day[best]:.1f})" in week_value.finding(data)


def test_the_finding_says_if_weekdays_have_equal_values(table: pl.DataFrame, snapshot: Any) -> None:
    alike = table.with_columns(pl.when(pl.col("value").is_not_null()).then(5.0).alias("value"))
    assert week_value.finding(week_value.frame(alike)) == snapshot


def test_when_people_buy(dataset: Dataset) -> None:
    happened, bought = Counter[str](), Counter[str]()
    for row in [*MIXED.train, *MIXED.test]:
        day = datetime.fromtimestamp(second(row), UTC).strftime("%A")
        happened[day] += 1
        bought[day] += row.type == "BUY"
    rates = {day: bought[day] / happened[day] for day in happened}
    sentence = week_buys.finding(week_buys.frame(dataset))
    first = max(rates, key=lambda day: rates[day])
    assert f"from {100 * min(rates.values()):.1f}% on" in sentence
    assert f"to {100 * rates[first]:.1f}% on {first}." in sentence


def test_in_a_log_of_purchases_weekdays_and_categories_do_not_differ(tmp_path: Path, snapshot: Any) -> None:
    receipts = World(*([dataclasses.replace(row, type="BUY") for row in MIXED.rows(role)] for role in ROLES))
    dataset = receipts.ingested(tmp_path)
    by_category = categories.frame(counted(dataset).categories)
    assert by_category.get_column("buy_rate").to_list() == [1.0] * 5
    assert [week_buys.finding(week_buys.frame(dataset)), categories.finding(by_category)] == snapshot


def test_durations_against_a_count_by_hand(table: pl.DataFrame) -> None:
    ends = [0, 10, 30, 60, 180, 600, 1_800, 3_600, 10_800, 43_200, 10**9]
    for role in ("train", "test"):
        sessions = list(by_session(MIXED.rows(role)).values())
        lasted = [second(rows[-1]) - second(rows[0]) for rows in sessions if len(rows) > 1]
        data = session_duration.frame(table).filter(pl.col("file") == role)
        by_hand = Counter(next(place for place, end in enumerate(ends) if seconds <= end) for seconds in lasted)
        assert dict(data.select("place", "sessions").iter_rows()) == by_hand
        assert data["share"].sum() == pytest.approx(1.0)
        assert data.item(0, "median") == np.median(lasted)
        assert data.item(0, "several") == pytest.approx(len(lasted) / len(sessions))


def test_values_by_duration_against_a_count_by_hand(table: pl.DataFrame) -> None:
    values = defaultdict(list)
    for rows in by_session(MIXED.train).values():
        lasted = second(rows[-1]) - second(rows[0])
        ends = (0, *duration_classes.ENDS[1:])
        place = -1 if len(rows) == 1 else next((at for at, end in enumerate(ends) if lasted <= end), len(ends))
        values[place].append(rows[0].value)
    data = session_duration_value.frame(table)
    assert dict(data.select("place", "sessions").iter_rows()) == {place: len(mine) for place, mine in values.items()}
    for row in data.iter_rows(named=True):
        mine = values[row["place"]]
        assert (row["mean"], row["median"]) == (pytest.approx(np.mean(mine)), pytest.approx(np.median(mine)))
        assert row["low"] <= row["median"] <= row["high"]
        assert row["label"] == ("1 event" if row["place"] < 0 else duration_classes.LABELS[row["place"]])


def test_the_finding_compares_only_classes_of_enough_sessions(snapshot: Any) -> None:
    sessions = pl.DataFrame(
        {
            "events": [1] * 40 + [2] * 40 + [3] * 5,
            "duration": [0.0] * 40 + [45.0] * 40 + [900.0] * 5,
            "value": [10.0] * 40 + [20.0] * 40 + [500.0] * 5,
        }
    )
    cases = (sessions, sessions.tail(20), sessions.with_columns(pl.lit(5.0).alias("value")))
    findings = [session_duration_value.finding(session_duration_value.frame(case)) for case in cases]
    assert "highest for sessions of 30 s to 1 min (20.0) and lowest for those of a single event (10.0)" in findings[0]
    assert findings == snapshot


def test_users_by_their_sessions(table: pl.DataFrame) -> None:
    sessions = by_session(MIXED.train)
    of_user = defaultdict(list)
    for rows in sessions.values():
        of_user[rows[0].user].append(rows[0].value)
    data = user_sessions.frame(table)
    by_hand = Counter(min(len(values), 10) for values in of_user.values())
    assert dict(data.select("count", "users").iter_rows()) == by_hand
    row = data.row(0, named=True)
    mine = [value for values in of_user.values() if min(len(values), 10) == row["count"] for value in values]
    assert row["mean"] == pytest.approx(np.mean(mine))
    assert row["returning"] == 1.0


def test_transitions_against_a_count_by_hand(dataset: Dataset) -> None:
    by_hand: Counter[tuple[str, str]] = Counter()
    for rows in by_session(MIXED.train).values():
        words = ["begin", *(row.type for row in rows), "end"]
        by_hand.update(pairwise(words))
    data = transitions.frame(dataset)
    found = {(a, b): times for a, b, times, _ in data.iter_rows() if times}
    assert found == dict(by_hand)
    assert data.group_by("from_type").agg(pl.col("share").sum())["share"].to_list() == pytest.approx([1.0] * 5)


def test_the_funnel_against_a_count_by_hand(table: pl.DataFrame) -> None:
    sessions = by_session(MIXED.train).values()
    kinds = [{row.type for row in rows} for rows in sessions]
    data = funnel.frame(table).filter(pl.col("file") == "train")
    assert dict(data.select("step", "sessions").iter_rows()) == {
        "any event": len(kinds),
        **{word: sum(word in each for each in kinds) for word in EVENT_TYPES},
        "cart, no purchase": sum("ADD_CART" in each and "BUY" not in each for each in kinds),
    }


def test_the_long_tail_and_the_top_products(dataset: Dataset) -> None:
    rows = [*MIXED.train, *MIXED.test]
    by_hand = Counter(row.product for row in rows)
    data = long_tail.frame(counted(dataset).products)
    assert data["events"].to_list() == sorted(by_hand.values(), reverse=True)
    assert data["held"].to_list()[-1] == pytest.approx(1.0)
    top = long_tail.top_frame(counted(dataset).products, 3)
    (first, times), *_ = sorted(by_hand.items(), key=lambda each: (-each[1], each[0]))
    row = top.row(0, named=True)
    assert (row["product_id"], row["events"]) == (first, times)
    assert row["buy_rate"] == pytest.approx(sum(r.product == first and r.type == "BUY" for r in rows) / times)
    rates = {
        product: sum(r.type == "BUY" for r in rows if r.product == product) / times
        for product, times in by_hand.items()
        if times >= 20
    }
    best = long_tail.top_frame(counted(dataset).products, 4, by="buy_rate")
    assert best["buy_rate"].to_list() == pytest.approx(sorted(rates.values(), reverse=True)[:4])


@pytest.mark.parametrize("session", ["A0", "A7", "B3"])
def test_one_session_as_it_stands_in_the_files(session: str, dataset: Dataset) -> None:
    rows = sorted((row for row in [*MIXED.train, *MIXED.test] if row.session == session), key=second)
    data = session_line.frame(dataset, session)
    rows_shown = data.select("second", "event_type", "product_id", "category_id", "user_id").rows()
    began = second(rows[0])
    assert rows_shown == [(second(row) - began, row.type, row.product, row.category, row.user) for row in rows]
    value = rows[0].value if session.startswith("A") else None
    assert data["session_value"].unique().to_list() == [value]
    known = "is unknown" if value is None else "value units"
    assert session_line.finding(data).startswith(f"{len(rows)} event")
    assert known in session_line.finding(data)
    json.loads(session_line.figure(data).to_json())


def test_a_session_of_very_many_events_is_summarized_whole_and_drawn_in_part(tmp_path: Path, snapshot: Any) -> None:
    first = datetime(2024, 3, 5, tzinfo=UTC)
    rows = [
        Row("A", 12.0, time=(first + timedelta(seconds=second)).isoformat(), user=f"U{second // 500}")
        for second in range(2_000)
    ]
    data = session_line.frame(World(rows, [Row("B")]).ingested(tmp_path), "A")
    assert data.height == 500
    assert data["second"].to_list() == list(range(500))
    assert data.row(0, named=True) | {"all_events": 2_000, "all_seconds": 1_999, "all_users": 4} == data.row(
        0, named=True
    )
    whole = session_line.frame(World(rows[:500], [Row("B")]).ingested(tmp_path), "A")
    assert [session_line.finding(data), session_line.finding(whole)] == snapshot


@pytest.mark.parametrize(
    ("seconds", "length"), [([5], "1 event;"), ([5, 5], "2 events in the same second;"), ([5, 6], "2 events in 1 s;")]
)
def test_the_finding_states_the_length_of_a_session(seconds: list[int], length: str, tmp_path: Path) -> None:
    first = datetime(2024, 3, 5, tzinfo=UTC)
    rows = [Row("A", 12.0, time=(first + timedelta(seconds=second)).isoformat()) for second in seconds]
    finding = session_line.finding(session_line.frame(World(rows, [Row("B")]).ingested(tmp_path), "A"))
    assert finding.startswith(length)
    assert "12.0 value units" in finding


def test_an_unknown_session_id_gives_an_empty_frame(dataset: Dataset, snapshot: Any) -> None:
    data = session_line.frame(dataset, "unknown")
    assert data.is_empty()
    assert session_line.finding(data) == snapshot
    json.loads(session_line.figure(data).to_json())


def test_a_random_session_is_one_of_those_that_are_shown(dataset: Dataset, table: pl.DataFrame) -> None:
    high_value = table.filter(pl.col("value") > 100)
    found = {session_line.draw_session(dataset, high_value, draw) for draw in range(40)}
    values = {row.session: row.value for row in MIXED.train}
    assert 3 < len(found) <= high_value.height
    assert all(values[session] > 100 for session in found)
    assert session_line.draw_session(dataset, high_value, 3) == session_line.draw_session(dataset, high_value, 3)
    assert session_line.draw_session(dataset, high_value.head(0), 3) is None


def test_features_and_the_value_against_scipy(dataset: Dataset) -> None:
    features = join_values(draw_sample(dataset).train_table(), dataset)
    sample, data = features.rows, feature_value.frame(features)
    assert sorted(sample["value"].to_list()) == MIXED.values()
    assert data.height == len(sample.columns) - 1
    for row in data.head(8).iter_rows(named=True):
        column, value = sample[row["feature"]].to_numpy(), sample["value"].to_numpy()
        known = ~np.isnan(column)
        assert row["spearman"] == pytest.approx(stats.spearmanr(column[known], value[known])[0])
        assert row["pearson"] == pytest.approx(stats.pearsonr(column[known], value[known])[0])
    sizes = data["spearman"].abs().fill_null(0.0).to_list()
    assert sizes == sorted(sizes, reverse=True)


def test_mutual_information_against_its_definition() -> None:
    draws = np.random.default_rng(2)
    x = draws.normal(size=3_000)
    columns = {
        "n_events": x,
        "n_buy": x**2,
        "duration": draws.normal(size=3_000),
        "gap_mean": np.where(x > 1, np.nan, x),
    }
    sample = pl.DataFrame({"value": x, **columns}).with_columns(pl.col("gap_mean").fill_nan(None))
    found = dict(feature_value.frame(FeatureSample(sample)).select("feature", "information").iter_rows())
    for name, column in columns.items():
        known = np.sort(column[~np.isnan(column)])
        tenths = [
            np.where(np.isnan(each), -1, np.floor((np.searchsorted(of, each) + 0.5) * 10 / len(of)))
            for each, of in ((x, np.sort(x)), (column, known))
        ]
        joint = np.histogram2d(*tenths, bins=np.arange(-1.5, 10))[0] / len(x)
        alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        information = np.sum(joint[joint > 0] * np.log(joint[joint > 0] / alone[joint > 0]))
        chance = 9 * ((10 if len(known) == len(x) else 11) - 1) / (2 * len(x))
        assert found[name] == pytest.approx(max(information - chance, 0.0), abs=1e-9)
    assert found["n_buy"] > 1.0  # no correlation sees it
    assert found["duration"] < 0.01


def test_features_beside_each_other_against_scipy(dataset: Dataset) -> None:
    features = join_values(draw_sample(dataset).train_table(), dataset)
    sample, data = features.rows, features_together.frame(features)
    code_of = {label: name for name, label in display_names(features.entries).items()}
    assert data.height == 400
    for row in data.filter(pl.col("one") != pl.col("other")).gather_every(37).iter_rows(named=True):
        columns = (sample[code_of[row[side]]] for side in ("one", "other"))
        one, other = (column.fill_null(column.median()).to_numpy() for column in columns)
        assert row["spearman"] == pytest.approx(stats.spearmanr(one, other)[0])
    assert data.filter(pl.col("one") == pl.col("other"))["spearman"].to_list() == [1.0] * 20


def test_paths_against_a_count_by_hand(table: pl.DataFrame) -> None:
    by_hand: dict[str, list[float]] = defaultdict(list)
    for rows in by_session(MIXED.train).values():
        words = [word for word, _ in groupby(row.type for row in rows)]
        path = " → ".join([*words[:5], *(["…"] if len(words) > 5 else [])])
        by_hand[path].append(rows[0].value)
    data = paths.frame(table)
    assert data.height == 15
    for row in data.iter_rows(named=True):
        assert row["sessions"] == len(by_hand[row["path"]])
        assert row["mean"] == pytest.approx(np.mean(by_hand[row["path"]]))
    assert data["sessions"].to_list() == sorted(map(len, by_hand.values()), reverse=True)[:15]


def test_segments_of_users_against_a_count_by_hand(table: pl.DataFrame) -> None:
    sessions = by_session(MIXED.train).values()
    end = max(second(rows[0]) for rows in sessions)
    starts, values = defaultdict(list), defaultdict(list)
    for rows in sessions:
        starts[rows[0].user].append(second(rows[0]))
        values[rows[0].user].append(rows[0].value)
    data = user_segments.frame(table)
    assert data["users"].sum() == len(values)
    assert data["value_share"].sum() == pytest.approx(1.0)
    mine = [sum(values[user]) for user in values if len(values[user]) >= 6 and end - max(starts[user]) < 86_400]
    row = data.filter((pl.col("recency") == "last day") & (pl.col("frequency") == "6 or more")).row(0, named=True)
    assert (row["users"], row["value"]) == (len(mine), pytest.approx(np.mean(mine)))


def test_categories_against_a_count_by_hand(tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    rows = [dataclasses.replace(row, category=f"C{draws.integers(0, 30)}") for row in MIXED.train]
    world = World(rows, MIXED.test)
    data = categories.frame(counted(world.ingested(tmp_path)).categories)
    both = [*world.train, *world.test]
    by_hand = Counter(row.category for row in both)
    assert data["events"].to_list() == sorted(by_hand.values(), reverse=True)[:20]
    row = data.row(3, named=True)
    mine = [each for each in both if each.category == row["category_id"]]
    assert row["buy_rate"] == pytest.approx(sum(each.type == "BUY" for each in mine) / len(mine))
    assert row["products"] == len({each.product for each in mine})
    assert categories.finding(data).endswith(f"({data['buy_rate'].max():.1%} of its events).")


def test_without_purchases_no_category_has_the_highest_share(tmp_path: Path, snapshot: Any) -> None:
    looking = World(*([dataclasses.replace(row, type="VIEW") for row in MIXED.rows(role)] for role in ROLES))
    data = categories.frame(counted(looking.ingested(tmp_path)).categories)
    assert data.get_column("buys").sum() == 0
    assert categories.finding(data) == snapshot


def test_the_size_of_the_files_against_a_count_by_hand(dataset: Dataset) -> None:
    data = overview.frame(dataset)
    for role in ("train", "test"):
        rows = MIXED.rows(role)
        mine = dict(data.filter(pl.col("file") == role).select("measure", "count").iter_rows())
        assert mine == {
            "events": len(rows),
            "sessions": len({row.session for row in rows}),
            "users": len({row.user for row in rows}),
            "products": len({row.product for row in rows}),
            "categories": len({row.category for row in rows}),
            "days": len({second(row) // 86_400 for row in rows}),
        }
    users = {role: {row.user for row in MIXED.rows(role)} for role in ("train", "test")}
    assert data.item(0, "known_users") == pytest.approx(len(users["test"] & users["train"]) / len(users["test"]))
    assert data.group_by("measure").agg(pl.col("share").sum())["share"].to_list() == pytest.approx([1.0] * 6)


def test_quality_states_how_many_rows_could_be_used(dataset: Dataset, tmp_path: Path, snapshot: Any) -> None:
    whole = dataset.card()
    rows = whole.train.rows + whole.test.rows
    twice = World([*MIXED.train, dataclasses.replace(MIXED.train[3], user="")], [*MIXED.test, MIXED.test[2]])
    card = twice.ingested(tmp_path).card()
    assert (card.train.removed, card.test.removed) == (0, 0)  # files in our own form keep them
    assert f"All {rows:,} rows" in overview.quality(whole)
    assert f"Of {rows + 2:,} rows, 1 was quarantined" in overview.quality(card)
    assert [overview.quality(whole), overview.quality(card)] == snapshot


def test_ignored_rows_do_not_count_as_unusable(dataset: Dataset, snapshot: Any) -> None:
    card = dataset.card()

    def quality(**train_counts: int) -> str:
        return overview.quality(card.model_copy(update={"train": card.train.model_copy(update=train_counts)}))

    assert "40 have an event word" in quality(quarantined=40, ignored=40)
    some = quality(quarantined=43, ignored=1, duplicates=2)
    assert "1 has an event word" in some
    assert "42 were quarantined" in some
    assert [quality(quarantined=40, ignored=40), some] == snapshot


def test_what_the_columns_hold_against_a_count_by_hand(dataset: Dataset) -> None:
    data = column_summary(dataset)
    assert data.height == 13  # the test file has no values
    for name, of in (("product_id", "product"), ("user_session", "session"), ("event_type", "type")):
        for role in ("train", "test"):
            by_hand = Counter(getattr(row, of) for row in MIXED.rows(role))
            row = data.filter((pl.col("column") == name) & (pl.col("file") == role)).row(0, named=True)
            assert row["distinct"] == len(by_hand)
            assert by_hand[row["most_frequent"]] == by_hand.most_common(1)[0][1]
            assert row["its_share"] == pytest.approx(by_hand[row["most_frequent"]] / len(MIXED.rows(role)))
            assert row["filled"] == 1.0
    value = data.filter(pl.col("column") == "session_value").row(0, named=True)
    assert float(value["least"].replace(",", "")) == pytest.approx(MIXED.values()[0], rel=0.01)
    time = data.filter((pl.col("column") == "event_time") & (pl.col("file") == "train")).row(0, named=True)
    first = min(second(row) for row in MIXED.train)
    assert time["least"] == datetime.fromtimestamp(first, UTC).strftime("%d %b %Y %H:%M:%S")


def test_the_spread_of_values_against_numpy(table: pl.DataFrame) -> None:
    kinds: dict[str, list[float]] = defaultdict(list)
    for rows in by_session(MIXED.train).values():
        types = {row.type for row in rows}
        furthest = next(word for word in ("BUY", "REMOVE_CART", "ADD_CART", "VIEW") if word in types)
        kinds[furthest].append(rows[0].value)
    data = value_spread.frame(table)
    assert set(data["event_type"]) == set(kinds)
    for row in data.iter_rows(named=True):
        mine = np.array(kinds[row["event_type"]])
        found = [row[name] for name in ("p5", "low", "median", "high", "p95")]
        assert found == pytest.approx(np.quantile(mine, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist())
        assert (row["sessions"], row["mean"]) == (len(mine), pytest.approx(mine.mean()))


def test_sessions_of_a_single_kind_of_event_against_numpy(table: pl.DataFrame) -> None:
    kinds: dict[str, list[float]] = defaultdict(list)
    sessions = by_session(MIXED.train)
    for rows in sessions.values():
        if len(types := {row.type for row in rows}) == 1:
            kinds[types.pop()].append(rows[0].value)
    data = single_type.frame(table)
    assert set(data["event_type"]) == set(kinds)
    assert data["share"].sum() == pytest.approx(sum(map(len, kinds.values())) / len(sessions))
    for row in data.iter_rows(named=True):
        mine = np.array(kinds[row["event_type"]])
        assert [row["p5"], row["median"], row["p95"]] == pytest.approx(np.quantile(mine, [0.05, 0.5, 0.95]).tolist())
        assert (row["sessions"], row["mean"]) == (len(mine), pytest.approx(mine.mean()))
        assert row["label"] == f"{row['event_type']} ({len(mine)})"


def test_pauses_against_a_count_by_hand(dataset: Dataset) -> None:
    data = session_pauses.frame(dataset)
    ends = {
        "0 s": 0,
        "to 10 s": 10,
        "to 30 s": 30,
        "to 1 min": 60,
        "to 3 min": 180,
        "to 10 min": 600,
        "to 30 min": 1800,
    }
    for role in ("train", "test"):
        pauses = [
            second(after) - second(before)
            for rows in by_session(MIXED.rows(role)).values()
            for before, after in pairwise(sorted(rows, key=second))
        ]
        mine = data.filter(pl.col("file") == role)
        assert mine["pauses"].sum() == len(pauses)
        assert mine.item(0, "median") == np.median(pauses)
        assert mine.item(0, "quick") == pytest.approx(np.mean(np.array(pauses) <= 10))
        by_hand = Counter(next((label for label, end in ends.items() if pause <= end), "longer") for pause in pauses)
        pauses = dict(mine.select("label", "pauses").iter_rows())
        assert {label: pauses.get(label, 0) for label in ends} == {label: by_hand[label] for label in ends}


def test_what_users_bring_against_numpy(table: pl.DataFrame) -> None:
    sums: Counter[str] = Counter()
    for rows in by_session(MIXED.train).values():
        sums[rows[0].user] += rows[0].value
    values = np.sort(list(sums.values()))
    data = user_value.frame(table)
    assert data["users"].sum() == len(values)
    assert data.item(0, "median") == pytest.approx(np.median(values))
    top = max(1, len(values) // 100)
    assert data.item(0, "top_share") == pytest.approx(values[-top:].sum() / values.sum())
    assert f"the top user holds {data.item(0, 'top_share'):.1%} of the total value" in user_value.finding(data)
    for row in data.iter_rows(named=True):
        inside = ((values >= row["low"] * 0.999999) & (values <= row["high"] * 1.000001)).sum()
        assert inside >= row["users"]


def test_values_on_a_plain_scale_against_numpy(dataset: Dataset) -> None:
    values = np.array(MIXED.values())
    data = target_plain.frame(dataset)
    upto = data.item(0, "upto")
    assert np.mean(values <= upto) >= 0.99 > np.mean(values < upto)
    counts, edges = np.histogram(values[values <= upto], bins=48, range=(0.0, upto))
    assert data["sessions"].to_list() == counts.tolist()
    assert data["high"].to_list() == pytest.approx(edges[1:].tolist())
    statistics = [data.item(0, name) for name in ("mean", "spread", "all_low", "all_high", "most")]
    assert statistics == pytest.approx([values.mean(), values.std(), *np.quantile(values, [0.25, 0.75]), values.max()])


def test_popularity_and_value_against_scipy(tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    # a product in several categories, also within a session, counts once for each session
    world = World([dataclasses.replace(row, category=f"C{draws.integers(0, 3)}") for row in MIXED.train], MIXED.test)
    values = defaultdict(list)
    for rows in by_session(world.train).values():
        for product in {row.product for row in rows}:
            values[product].append(rows[0].value)
    kept = [(len(mine), np.mean(mine)) for mine in values.values() if len(mine) >= 3]
    data = popularity.frame(counted(world.ingested(tmp_path)).products)
    assert data["products"].sum() == data.item(0, "all") == len(kept)
    assert data.item(0, "spearman") == pytest.approx(stats.spearmanr(*zip(*kept, strict=True)).statistic)
    for row in data.iter_rows(named=True):
        inside = [
            (times, mean)
            for times, mean in kept
            if row["low_sessions"] * 0.999 <= times <= row["high_sessions"] * 1.001
            and row["low_value"] * 0.999 <= mean <= row["high_value"] * 1.001
        ]
        assert len(inside) >= row["products"]


def test_products_whose_sessions_are_worth_0_are_left_out(tmp_path: Path, snapshot: Any) -> None:
    data = popularity.frame(counted(ALL_ZERO.ingested(tmp_path)).products)
    assert data.is_empty()
    assert popularity.finding(data) == snapshot


def test_the_map_of_categories_is_filled_in_proportion(tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    rows = [dataclasses.replace(row, category=f"C{min(draws.geometric(0.02), 90)}") for row in MIXED.train]
    data = category_map.frame(counted(World(rows, MIXED.test).ingested(tmp_path)).categories)
    assert data.height == 61
    assert data["events"].sum() == len(rows) + len(MIXED.test)
    area = (data["right"] - data["left"]) * (data["bottom"] - data["top"])
    assert (area / area.sum()).to_list() == pytest.approx(data["share"].to_list())
    for one, other in combinations(data.select("left", "right", "top", "bottom").rows(), 2):
        apart = one[1] <= other[0] + 1e-9 or other[1] <= one[0] + 1e-9
        assert apart or one[3] <= other[2] + 1e-9 or other[3] <= one[2] + 1e-9


def test_streams_against_a_count_by_hand(table: pl.DataFrame) -> None:
    by_hand: Counter[tuple[int, str, str]] = Counter()
    sessions = by_session(MIXED.train)
    for rows in sessions.values():
        words = [*[word for word, _ in groupby(row.type for row in rows)], "end"]
        by_hand.update((step, a, b) for step, (a, b) in enumerate(pairwise(words), start=1) if step <= 4)
    data = flows.frame(table)
    assert {(step, a, b): times for step, a, b, times, _ in data.iter_rows()} == by_hand
    assert data.filter(pl.col("step") == 1)["share"].sum() == pytest.approx(1.0)
    assert data["share"].to_list() == pytest.approx((data["sessions"] / len(sessions)).to_list())


def test_drift_is_computed_for_files_that_are_large_enough(
    demo_files: InputFiles, dataset: Dataset, tmp_path: Path
) -> None:
    small, large = draw_sample(dataset), draw_sample(ingest(demo_files, Workspace(tmp_path / "demo")))
    assert (compare_features(small), classify_files(small)) == ([], None)
    sizes = [record["psi"] for record in compare_features(large)]
    assert len(sizes) == len(large.names)
    assert sizes == sorted(sizes, reverse=True)
    apart = classify_files(large)
    assert apart is not None
    own, every = apart[0].auc, apart[1].auc
    assert 0.4 < own < every <= 1.0
    assert f"{own:.2f}" in drift.classifier_finding(own, every)


# --- picks in a chart ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chart", "state", "expected"),
    [
        (
            "days",
            {"pick": {"day": [1709596800000.4, 1709856000000.2]}},
            {"first": date(2024, 3, 5), "last": date(2024, 3, 8)},
        ),
        (
            "days",
            {"pick": {"day": [1709856000000, 1709596800000]}},
            {"first": date(2024, 3, 5), "last": date(2024, 3, 8)},
        ),
        ("target", {"pick": {"low": [12.3456, 78.9]}}, {"least_value": 12.3, "most_value": 78.9}),
        ("event_mix", {"pick": [{"event_type": "BUY"}, {"event_type": "VIEW"}]}, {"types": ("VIEW", "BUY")}),
        ("session_length", {"pick": [{"length": 3}]}, {"least_events": 3, "most_events": 3}),
        ("session_length", {"pick": [{"length": 20}, {"length": 4}]}, {"least_events": 4, "most_events": None}),
        ("categories", {"pick": [{"category_id": "C, 3"}]}, {"categories": ("C, 3",)}),
    ],
)
def test_a_pick_becomes_a_filter(chart: str, state: dict[str, object], expected: dict[str, object]) -> None:
    pick = CHARTS[chart].pick
    assert pick is not None
    selection = pick.apply(state, Selection(file="train"))
    assert selection == dataclasses.replace(Selection(file="train"), **expected)  # type: ignore[arg-type]
    assert Selection.from_query(selection.as_query()) == selection


@pytest.mark.parametrize("state", [None, {}, {"pick": {}}, {"pick": []}, {"pick": [{"vgsid_": 3}]}])
def test_an_empty_pick_does_not_filter(state: dict[str, object] | None) -> None:
    pick = CHARTS["event_mix"].pick
    assert pick is not None
    assert pick.apply(state, Selection()) is None


@pytest.mark.parametrize("chart", [chart for chart in CHARTS.values() if chart.pick], ids=lambda chart: chart.name)
def test_a_pick_uses_a_field_that_the_chart_draws(chart: Chart, dataset: Dataset, table: pl.DataFrame) -> None:
    assert chart.pick is not None
    counts = counted(dataset)
    of = {"dataset": dataset, "sessions": table, "products": counts.products, "categories": counts.categories}
    data = chart.frame(of[chart.source])
    assert chart.pick.field in data.columns
    spec = json.loads(chart.pick.add_to(chart.figure(data)).to_json())
    (pick,) = spec["params"]
    assert pick["name"] == "pick"
    if chart.pick.is_span:
        assert spec["encoding"]["x"]["field"] == chart.pick.field


# --- all charts, whatever the world -----------------------------------------------------------------------------------


def test_the_findings_of_all_charts(dataset: Dataset, snapshot: Any) -> None:
    sources = sources_of(dataset, dataset)
    assert {chart.title: chart.finding(chart.frame(sources[chart.source])) for chart in CHARTS.values()} == snapshot


@pytest.mark.parametrize("chart", CHARTS.values(), ids=list(CHARTS))
def test_every_chart_has_a_finding_and_a_figure_in_any_world(chart: Chart, any_world: tuple[World, Dataset]) -> None:
    _, dataset = any_world
    data = chart.data(
        {
            "dataset": lambda: dataset,
            "sessions": lambda: session_table(dataset),
            "products": lambda: counted(dataset).products,
            "categories": lambda: counted(dataset).categories,
            "features": lambda: join_values(draw_sample(dataset).train_table(), dataset),
            "files": lambda: compare_features(draw_sample(dataset)),
        }
    )
    sentence = chart.finding(data)
    assert sentence.endswith(".")
    assert "nan" not in sentence.lower().split()
    assert "None" not in sentence
    spec = json.loads(chart.figure(data).to_json())
    assert sentence in spec["description"]
    for encoding in encodings_on_log_scales(spec):  # by default, 0.1 is "100m" there
        guide = encoding.get("axis") or encoding.get("legend", {})
        assert guide is None or {"labelExpr", "format"} & set(guide), encoding
    assert data.height <= 5_000
    assert data.write_csv()


def encodings_on_log_scales(spec: Any) -> Iterator[dict[str, Any]]:
    """Yield the encodings of positions, colours and sizes whose scale is logarithmic, anywhere in a chart."""
    for part in spec.values() if isinstance(spec, dict) else spec:
        if isinstance(part, dict) and (part.get("scale") or {}).get("type") == "log":
            yield part
        elif isinstance(part, (dict, list)):
            yield from encodings_on_log_scales(part)


def sources_of(dataset: Dataset, whole: Dataset) -> dict[str, object]:
    """The sources of all charts, for a dataset or the part of it that a filter selects."""
    sessions = session_table(dataset)
    chosen = unit_mask(sessions, whole)
    counts, sample = ProductEvents.of(whole).count(chosen), draw_sample(whole).filter(chosen.to_numpy())
    return {
        "dataset": dataset,
        "sessions": sessions,
        "products": counts.products,
        "categories": counts.categories,
        "features": join_values(sample.train_table(), whole),
        "files": compare_features(sample),
    }


@pytest.fixture(scope="module")
def scarce(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """Sources with next to no data: no session, only sessions of test, and no known value."""
    whole = MIXED.ingested(tmp_path_factory.mktemp("scarce"))
    sessions = session_table(whole)
    unvalued = Dataset(tmp_path_factory.mktemp("unvalued") / whole.fingerprint)
    shutil.copytree(whole.folder, unvalued.folder)
    without_hashes(unvalued)
    units = pl.read_parquet(unvalued.folder / "units.parquet")
    units.with_columns(value=pl.lit(None, pl.Float64)).write_parquet(unvalued.folder / "units.parquet")
    return {
        "no session": sources_of(SelectedDataset.from_sessions(whole.folder, sessions.head(0)), whole),
        "all test": sources_of(
            SelectedDataset.from_sessions(whole.folder, filter_sessions(sessions, whole, Selection(file="test"))), whole
        ),
        "no value": sources_of(unvalued, unvalued),
    }


@pytest.mark.parametrize("what", ["no session", "all test", "no value"])
@pytest.mark.parametrize("chart", CHARTS.values(), ids=list(CHARTS))
def test_a_chart_with_next_to_no_data_has_a_finding_and_a_figure(
    chart: Chart, what: str, scarce: dict[str, dict[str, object]]
) -> None:
    data = chart.frame(scarce[what][chart.source])
    if what == "no session":
        counts = {"events", "buys", "sessions", "users", "times", "products"} & set(data.columns)
        assert not any(data.select(pl.col(counts).sum()).row(0) if counts else ())
    if chart.name in OF_VALUES and what != "no session":
        assert data.is_empty()
    sentence = chart.finding(data)
    assert sentence.endswith(".")
    assert not {"nan", "None", "null", "inf"} & set(sentence.replace(".", " ").split())
    json.loads(chart.figure(data).to_json())


def test_every_title_is_a_different_question() -> None:
    titles = [chart.title for chart in CHARTS.values()]
    assert len(set(titles)) == len(titles)
    assert all(title.endswith("?") for title in titles)


# --- filters ----------------------------------------------------------------------------------------------------------

SELECTIONS = [
    Selection(file="test"),
    Selection(first=date(2024, 3, 5)),
    Selection(last=date(2024, 3, 5)),
    Selection(types=("ADD_CART", "BUY")),
    Selection(least_value=20.0, most_value=100.0),
    Selection(least_events=3),
    Selection(most_events=2, file="train"),
    Selection(categories=("C1", "C3")),
]


def holds(selection: Selection, role: str, rows: list[Row]) -> bool:
    """Whether the filter lets a session through, computed row by row."""
    day = datetime.fromtimestamp(second(rows[0]), UTC).date()
    value = rows[0].value if role == "train" else None
    valued = selection.least_value is None and selection.most_value is None
    return (
        selection.file in (None, role)
        and (selection.first is None or day >= selection.first)
        and (selection.last is None or day <= selection.last)
        and set(selection.types) <= {row.type for row in rows}
        and (valued or (value is not None and (selection.least_value or 0) <= value <= (selection.most_value or 1e9)))
        and (not selection.categories or {row.category for row in rows} & set(selection.categories))
        and (selection.least_events or 0) <= len(rows) <= (selection.most_events or 10**9)
    )


@pytest.mark.parametrize("selection", SELECTIONS, ids=lambda selection: selection.describe())
def test_a_filter_selects_the_sessions_that_it_describes_in_every_chart(
    selection: Selection, dataset: Dataset, table: pl.DataFrame
) -> None:
    chosen = filter_sessions(table, dataset, selection)
    kept = {
        (role, session)
        for role in ("train", "test")
        for session, rows in by_session(MIXED.rows(role)).items()
        if holds(selection, role, rows)
    }
    assert 0 < chosen.height == len(kept) < table.height
    selected = SelectedDataset.from_sessions(dataset.folder, chosen)
    rows = [row for role in ("train", "test") for row in MIXED.rows(role) if (role, row.session) in kept]
    assert week.frame(selected)["events"].sum() == len(rows)
    assert event_mix.frame(chosen)["events"].sum() == len(rows)
    counts = ProductEvents.of(dataset).count(unit_mask(chosen, dataset))
    for mine, other in zip(dataclasses.astuple(counts), dataclasses.astuple(counted(selected)), strict=True):
        assert_frame_equal(mine, other, check_row_order=False)
    sample = draw_sample(dataset).filter(unit_mask(chosen, dataset).to_numpy())
    assert sorted([*sample.train.units, *sample.test.units]) == chosen["unit"].to_list()
    of = sources_of(selected, dataset)
    for chart in CHARTS.values():
        data = chart.frame(of[chart.source])
        assert chart.finding(data).endswith(".")
        json.loads(chart.figure(data).to_json())


def test_a_sample_of_users_holds_whole_users_and_is_reproducible(dataset: Dataset, table: pl.DataFrame) -> None:
    half = filter_sessions(table, dataset, Selection(users=0.5))
    users = set(half["user"])
    assert 0 < len(users) < table["user"].n_unique()
    assert half.height == table.filter(pl.col("user").is_in(list(users))).height
    assert filter_sessions(table, dataset, Selection(users=0.5)).equals(half)
    assert set(filter_sessions(table, dataset, Selection(users=0.2))["user"]) <= users


def splitmix64(n: int) -> int:
    """Return output n of the generator with the seed 0, in Python's integers."""
    state = n * 0x9E3779B97F4A7C15 % 2**64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> shift)) * factor % 2**64
    return state ^ (state >> 31)


def test_a_sample_has_the_same_users_in_every_version(dataset: Dataset, table: pl.DataFrame) -> None:
    assert [splitmix64(n) for n in (1, 2)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]  # published outputs
    half = filter_sessions(table, dataset, Selection(users=0.5))
    assert set(half["user"]) == {user for user in table["user"] if splitmix64(user + 1) < 2**63}


def test_a_small_share_of_many_users_is_not_empty(dataset: Dataset, table: pl.DataFrame) -> None:
    many = table.head(1).drop("user").join(pl.DataFrame({"user": range(100_000)}), how="cross")
    assert 5 < filter_sessions(many, dataset, Selection(users=0.0002)).height < 50
    assert filter_sessions(many, dataset, Selection(users=1.0)).height == many.height


ODD_IDS = Selection(categories=("with, comma", 'with "quotes"', "plain"))


@pytest.mark.parametrize("selection", [Selection(), Selection(users=0.25), ODD_IDS, *SELECTIONS])
def test_a_filter_is_restored_from_the_address(selection: Selection) -> None:
    assert Selection.from_query(selection.as_query()) == selection
    assert selection.is_empty == (selection.describe() == "")


@pytest.mark.parametrize(
    "query",
    [
        {"file": "both"},
        {"first": "yesterday"},
        {"types": "CLICK"},
        {"least_value": "-1"},
        {"most_value": "inf"},
        {"least_events": "0"},
        {"users": "2"},
        {"users": "nan"},
        {"other": "x"},
        {"categories": "a\nb"},
        {"own": "a\rb"},
        {"own": "device"},
        {"categories": "x" * 200_000},
    ],
)
def test_invalid_parameters_of_an_address_are_ignored(query: dict[str, str]) -> None:
    assert Selection.from_query(query).is_empty
    assert Selection.from_query({"last": "2024-03-05", **query}) == Selection(last=date(2024, 3, 5))


@pytest.mark.parametrize(
    "ends",
    [
        {"least_value": 50.0, "most_value": 20.0},
        {"least_events": 9, "most_events": 2},
        {"first": date(2024, 3, 9), "last": date(2024, 3, 5)},
    ],
)
def test_the_ends_of_a_range_can_be_in_either_order(ends: dict[str, Any]) -> None:
    low, high = ends
    swapped = Selection(**{low: ends[high], high: ends[low]})
    assert Selection(**ends) == swapped
    assert Selection(**ends).describe() == swapped.describe()
    assert Selection.from_query({name: str(end) for name, end in ends.items()}) == swapped


def test_the_ordered_funnel_against_a_count_by_hand(dataset: Dataset) -> None:
    data = ordered_funnel.frame(dataset)
    for role in ROLES:
        sessions = by_session(MIXED.rows(role)).values()
        words = [[row.type for row in rows] for rows in sessions]
        reached = [
            sum(any(combination == wanted for combination in combinations(types, len(wanted))) for types in words)
            for wanted in (("VIEW",), ("VIEW", "ADD_CART"), ("VIEW", "ADD_CART", "BUY"))
        ]
        rows = data.filter(pl.col("file") == role)
        assert rows.get_column("sessions").to_list() == reached
        assert rows.get_column("share").to_list() == pytest.approx([n / len(words) for n in reached])
        assert reached[0] > reached[1] > reached[2] >= 0


def test_an_ordered_funnel_counts_no_purchase_before_the_cart(tmp_path: Path) -> None:
    begin = datetime(2025, 6, 1, tzinfo=UTC)

    def rows(session: str, *types: str) -> list[Row]:
        times = (begin + timedelta(seconds=place) for place in range(len(types)))
        return [
            dataclasses.replace(MIXED.train[0], session=session, time=time.isoformat(), type=event_type)
            for time, event_type in zip(times, types, strict=True)
        ]

    train = [*rows("S1", "BUY", "VIEW", "ADD_CART"), *rows("S2", "ADD_CART", "VIEW", "BUY"), *rows("S3", "BUY")]
    dataset = World([*train, *rows("S4", "VIEW", "VIEW", "ADD_CART", "BUY")], MIXED.test[:1]).ingested(tmp_path)
    data = ordered_funnel.frame(dataset).filter(pl.col("file") == "train")
    assert data.get_column("sessions").to_list() == [3, 2, 1]
    assert ordered_funnel.finding(data) == (
        "25.0% of the train sessions view, then add to the cart, then buy; 66.7% of those with a view go on to the "
        "cart, and 50.0% of these to buying."
    )


def test_event_types_that_do_not_occur_have_no_cells(dataset: Dataset, tmp_path: Path) -> None:
    receipts = World(*([dataclasses.replace(row, type="BUY") for row in MIXED.rows(role)] for role in ROLES))
    drawn = transitions.figure(transitions.frame(receipts.ingested(tmp_path))).to_dict()
    (cells,) = drawn["datasets"].values()
    assert {(cell["from_type"], cell["to_type"]) for cell in cells} == {
        ("begin", "BUY"),
        ("BUY", "BUY"),
        ("BUY", "end"),
    }
    assert all(cell["share"] is not None for cell in cells)


FLOATS = pl.selectors.float()
DEGENERATE: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "nothing": lambda data: data.clear(),
    "one row": lambda data: data.head(1),
    "all 0": lambda data: data.with_columns(FLOATS * 0),
    "all equal": lambda data: data.with_columns(FLOATS.first()),
}
FIXED_ROWS = ("overview", "week", "week_buys", "quantiles", "funnel", "ordered_funnel")
"""Charts whose frame always has all its rows."""


@pytest.mark.parametrize("degenerate", DEGENERATE)
@pytest.mark.parametrize("chart", CHARTS.values(), ids=list(CHARTS))
def test_a_finding_of_degenerate_numbers_is_a_sentence(
    chart: Chart, degenerate: str, frame_of: Callable[[Chart], pl.DataFrame]
) -> None:
    data = frame_of(chart)
    if chart.name not in FIXED_ROWS or degenerate not in ("nothing", "one row"):
        data = DEGENERATE[degenerate](data)
    text = chart.finding(data)
    assert text.endswith(".")
    words = text.lower().replace(",", "").replace(";", "").rstrip(".").split()
    assert not {"nan", "nan%", "inf", "none:", "null"} & set(words)
    assert not re.search(r"\b1 (events|sessions|users|days|products|categories|paths|pairs|hours)\b", text), text
    chart.figure(data).to_dict()


@pytest.fixture(scope="module")
def frame_of(dataset: Dataset, table: pl.DataFrame) -> Callable[[Chart], pl.DataFrame]:
    counts, sample = counted(dataset), draw_sample(dataset, max_units=500)
    sources: dict[Source, Callable[[], Any]] = {
        "dataset": lambda: dataset,
        "sessions": lambda: table,
        "products": lambda: counts.products,
        "categories": lambda: counts.categories,
        "features": lambda: join_values(sample.train_table(), dataset),
        "files": lambda: compare_features(sample),
    }
    return lambda chart: chart.data(sources)
