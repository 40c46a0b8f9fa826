"""One log that is split by date: the same dataset as from two files, with the values of the test part kept apart."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from core.base.workspace import Workspace
from core.cli import main
from core.dataset import ACTUAL_FILE, Dataset, split_lines
from core.errors import InputError, SettingError
from core.ingestion import DateSplit, InputFiles, Query, Source, ingest
from core.ingestion.mapping import Mapping, load_mapping
from core.ingestion.sessions import date_split, partitions
from core.schema import EVENT_TYPES, SECONDS_PER_DAY, TRAIN_COLUMNS
from tests.events_on_the_spot import (
    NOON,
    Event,
    csv_of,
    frames_of,
    must_add_up,
    random_events,
    rees46_rows,
    rows_of,
    text_of,
    values_of,
)

DAY = SECONDS_PER_DAY


def shop_log(sessions: int = 40, hours: int = 12) -> list[Event]:
    """Return a log with a session of three events every `hours` hours, by seven users."""
    return [
        Event(
            "train",
            f"S{number:02}",
            f"U{number % 7}",
            f"P{(number + step) % 5}",
            f"C{(number + step) % 3}",
            EVENT_TYPES[step],
            NOON + number * hours * 3600 + 60 * step,
            10.5 * number,
        )
        for number in range(sessions)
        for step in range(3)
    ]


def write_log(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_of(rows))
    return path


def store_log(
    folder: Path, rows: Sequence[dict[str, str]], split: DateSplit, mapping: Mapping | None = None
) -> Dataset:
    log = write_log(folder / "log" / "events.csv", rows)
    return ingest(InputFiles(log, mapping=mapping or Mapping(), split=split), Workspace(folder / "home"))


def actual_of(dataset: Dataset) -> dict[str, float | None]:
    return dict(dataset.actual_values().select("user_session", "value").iter_rows())


def cut_by_hand(events: Iterable[Event], days: float, back: int = 0) -> list[Event]:
    """Return the events with the file that a person would put their session in, without sessions that end too late."""
    sessions = defaultdict(list)
    for event in events:
        sessions[event.session].append(event)
    last = max(event.time for session in sessions.values() for event in session)
    end = last + 1 - round(days * DAY * back)
    start = last + 1 - round(days * DAY * (back + 1))
    return [
        dataclasses.replace(event, file="train" if min(one.time for one in session) < start else "test")
        for session in sessions.values()
        for event in session
        if max(one.time for one in session) < end
    ]


def same_tables(split: Dataset, separate: Dataset) -> bool:
    left, right = frames_of(split), frames_of(separate)
    del left[ACTUAL_FILE]
    return left.keys() == right.keys() and all(frame.equals(right[name]) for name, frame in left.items())


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    events=random_events(),
    window=st.tuples(st.sampled_from([1.0, 2.5, 4.0]), st.sampled_from([0, 0, 1])),
    rows_a_partition=st.sampled_from([1_000_000, 3]),
)
def test_a_split_log_is_the_dataset_of_two_files_cut_by_hand(
    events: list[Event],
    window: tuple[float, int],
    rows_a_partition: int,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(date_split, "MIN_SESSIONS", 1)
    monkeypatch.setattr(partitions, "_ROWS_A_PART", rows_a_partition)
    monkeypatch.setattr(partitions, "_IN_MEMORY", rows_a_partition)  # so that small partitions are also spilled
    log = [  # sessions begin two days after each other, but may last for a week
        dataclasses.replace(event, file="train", time=event.time + 2 * DAY * int(event.session[1:])) for event in events
    ]
    anything = Mapping(least_usable=0.0)
    by_hand = cut_by_hand(log, *window)
    assume({event.file for event in by_hand} == {"train", "test"})
    folder = tmp_path_factory.mktemp("split")
    dataset = store_log(folder, rows_of(log, "train"), DateSplit(*window), anything)
    train, test = (write_log(folder / f"{file}.csv", rows_of(by_hand, file)) for file in ("train", "test"))
    separate = ingest(InputFiles(train, test, mapping=anything), Workspace(folder / "separate"))
    assert same_tables(dataset, separate)
    must_add_up(dataset)
    values = defaultdict(set)
    for event in by_hand:
        if event.file == "test":
            values[event.session].add(event.value)
    assert actual_of(dataset) == {name: each.pop() if len(each) == 1 else None for name, each in values.items()}


def test_the_last_days_are_the_test_file(tmp_path: Path) -> None:
    dataset = store_log(tmp_path, rows_of(shop_log(), "train"), DateSplit(7))
    card = dataset.card()
    # 40 sessions, 12 hours apart: the last event is 19.5 days and 2 minutes after noon
    last = NOON + 39 * 12 * 3600 + 120
    assert card.split is not None
    assert (card.split.start, card.split.end) == (last + 1 - 7 * DAY, last + 1)
    assert actual_of(dataset) == {f"S{number:02}": 10.5 * number for number in range(26, 40)}
    assert set(values_of(dataset)) == {f"S{number:02}" for number in range(26)}
    assert (card.train.sessions, card.test.sessions, card.to_predict, card.known_sessions) == (26, 14, 14, 0)
    assert (card.split.actual_values, card.split.left_out_sessions, card.users_in_both) == (14, 0, 7)
    assert (card.train.rows, card.test.rows) == (78, 42)
    assert (card.train.name, card.test.name) == ("events.csv (train part)", "events.csv (test part)")
    assert card.test.value_mean is None
    assert "2025-06-15 00:02:01 UTC" in split_lines(card)[0]
    assert dataset.damage() == []


def test_a_window_back_in_time_has_no_later_events(tmp_path: Path) -> None:
    rows = rows_of(shop_log(), "train")
    datasets = [store_log(tmp_path, rows, DateSplit(5, back)) for back in range(3)]
    tested = [set(actual_of(dataset)) for dataset in datasets]
    assert [len(names) for names in tested] == [10, 10, 10]
    assert len(set.union(*tested)) == 30
    last = NOON + 39 * 12 * 3600 + 120
    for back, dataset in enumerate(datasets):
        split = dataset.card().split
        assert split is not None
        assert (split.start, split.end) == (last + 1 - (back + 1) * 5 * DAY, last + 1 - back * 5 * DAY)
        assert split.left_out_sessions == 10 * back
        assert split.left_out_rows == 30 * back
        events = pl.concat([dataset.events("train"), dataset.events("test")]).collect()
        assert events["time"].max() < split.end
    assert len({dataset.fingerprint for dataset in datasets}) == 3
    assert len({dataset.card().split.log for dataset in datasets}) == 1


def test_a_session_is_never_divided(tmp_path: Path) -> None:
    events = shop_log()
    last = max(event.time for event in events)
    start = last + 1 - 7 * DAY
    events += [Event("train", "crossing", "U1", time=start + step, value=3.0) for step in (-60, -1, 0, 90)]
    events += [Event("train", "later", "U1", time=start + step, value=4.0) for step in (0, 5)]
    # an id that two strangers share: it begins before the window, and both are in train
    events += [
        Event("train", "shared", user, time=start + step, value=5.0) for user, step in (("U1", -9e4), ("U2", 9e4))
    ]
    events = [dataclasses.replace(event, time=int(event.time)) for event in events]
    dataset = store_log(tmp_path, rows_of(events, "train"), DateSplit(7))
    assert {"crossing", "shared"} <= set(values_of(dataset))
    assert actual_of(dataset)["later"] == 4.0
    assert not {"crossing", "shared"} & set(actual_of(dataset))
    units = dataset.units().collect()
    assert units.group_by("session").agg(pl.col("role").n_unique())["role"].max() == 1
    assert units["known_value"].null_count() == units.height
    assert dataset.card().composite_train == 1
    assert dataset.events("train").collect().filter(pl.col("time") >= start).height == 3


def test_the_values_of_the_test_part_are_in_no_other_table(tmp_path: Path) -> None:
    events = shop_log()
    changed = [
        dataclasses.replace(event, value=event.value + (1000 if int(event.session[1:]) >= 26 else 0))
        for event in events
    ]
    first, second = (
        store_log(tmp_path / name, rows_of(log, "train"), DateSplit(7)) for name, log in (("a", events), ("b", changed))
    )
    left, right = frames_of(first), frames_of(second)
    assert [name for name in left if not left[name].equals(right[name])] == [ACTUAL_FILE]
    assert actual_of(second) == {name: value + 1000 for name, value in actual_of(first).items()}
    assert first.card().train.value_mean == second.card().train.value_mean


def test_a_log_of_purchases_with_its_test_values(tmp_path: Path) -> None:
    rows, mapping = rees46_rows(10), load_mapping("rees46")
    dataset = store_log(tmp_path, rows, DateSplit(5.5), mapping)
    cut = "2019-10-07 "  # the last event is on day 12 at 11:00, so the window begins on day 6 at 23:00
    parts = [row for row in rows if row["event_time"] < cut], [row for row in rows if row["event_time"] >= cut]
    train, test = (write_log(tmp_path / f"{number}.csv", part) for number, part in enumerate(parts))
    separate = ingest(InputFiles(train, test, mapping=mapping), Workspace(tmp_path / "separate"))
    assert same_tables(dataset, separate)
    must_add_up(dataset)
    assert actual_of(dataset) == {
        f"10-{user}-{session}": value for user in range(6, 12) for session, value in enumerate((0.0, 105.35))
    }
    assert dataset.card().test.purchases == separate.card().test.purchases == 12
    assert dataset.card().train.purchases == separate.card().train.purchases == 12


def test_a_lost_purchase_makes_the_actual_value_unknown(tmp_path: Path) -> None:
    rows, mapping = rees46_rows(10), load_mapping("rees46")
    lost = next(index for index, row in enumerate(rows) if row["user_session"] == "10-9-1" and row["price"] == "100.10")
    rows[lost]["price"] = "n/a"
    mapping = mapping.model_copy(update={"least_usable": 0.5})
    dataset = store_log(tmp_path, rows, DateSplit(5.5), mapping)
    unknown = dataset.actual_values().filter(pl.col("value").is_null())
    assert unknown.select("user_session", "reason").rows() == [("10-9-1", "lost_purchase")]
    card = dataset.card()
    assert card.split is not None
    assert (card.split.actual_values, card.test.sessions, card.untrained) == (11, 12, {})
    assert (card.train.quarantined, card.test.quarantined, card.unassigned_purchases) == (1, 0, 0)
    must_add_up(dataset)


def test_an_order_sent_again_in_the_test_part_counts_once(tmp_path: Path) -> None:
    columns = ("event_time", "event_type", "product_id", "category_id", "user_id", "user_session", "price", "order_id")

    def row(number: int, kind: str, order: str, product: str = "P", step: int = 0) -> dict[str, str]:
        time = text_of(NOON + number * DAY // 2 + step)
        return dict(
            zip(columns, (time, kind, product, "C", f"U{number % 3}", f"S{number:02}", "7.5", order), strict=True)
        )

    rows = [row(number, kind, order, step=step) for number in range(30)
            for step, (kind, order) in enumerate([("VIEW", ""), ("VIEW", ""), ("BUY", f"O{number}")])]  # fmt: skip
    rows.append(row(28, "BUY", "O25", step=9))  # user 1 sends order 25 again, three sessions later
    mapping = Mapping.checked(value="price_of_buys", columns={"price": "price", "order_id": "order_id"})
    dataset = store_log(tmp_path, rows, DateSplit(6), mapping)
    assert actual_of(dataset) == {f"S{number:02}": 7.5 for number in range(18, 30)}
    assert dataset.events("test").collect().height == 37  # as in a test file, a repeated purchase stays an event


def test_sessions_made_by_a_timeout(tmp_path: Path) -> None:
    events = [
        dataclasses.replace(event, time=event.time + step * 1500)
        for number, event in enumerate(shop_log())
        for step in [number % 3]
    ]
    rows = [{name: cell for name, cell in row.items() if name != "user_session"} for row in rows_of(events, "train")]
    for row in rows:
        row["price"] = "2.5"
        del row["session_value"]
    mapping = Mapping.checked(
        value="price_of_buys", session_gap_minutes=30, columns={"price": "price", "user_session": None}
    )
    rows = [{**row, "event_type": "BUY" if row["product_id"] == "P1" else "VIEW"} for row in rows]
    dataset = store_log(tmp_path, rows, DateSplit(7), mapping)
    split = dataset.card().split
    assert split is not None
    first_times: dict[str, int] = {}
    for event in events:  # all pauses within a session are below 30 minutes, and all others are longer
        first_times[event.session] = min(event.time, first_times.get(event.session, event.time))
    in_test = [first_times[event.session] >= split.start for event in events]
    train, test = (
        write_log(
            tmp_path / f"{part}.csv", [row for row, is_test in zip(rows, in_test, strict=True) if is_test == part]
        )
        for part in (False, True)
    )
    assert same_tables(dataset, ingest(InputFiles(train, test, mapping=mapping), Workspace(tmp_path / "separate")))
    bought = defaultdict(float)
    for event, row in zip(events, rows, strict=True):
        if first_times[event.session] >= split.start:
            name = f"{event.user}@{text_of(first_times[event.session])[:19].replace(' ', 'T')}Z"
            bought[name] += 2.5 if row["event_type"] == "BUY" else 0.0
    assert actual_of(dataset) == bought


def test_a_log_from_a_database(tmp_path: Path) -> None:
    rows = rows_of(shop_log(), "train")
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute(f"CREATE TABLE events ({', '.join(TRAIN_COLUMNS)})")
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", [tuple(row.values()) for row in rows])
    connection.commit()
    connection.close()
    query: Source = Query(f"sqlite:///{tmp_path / 'shop.db'}", "SELECT * FROM events")
    dataset = ingest(InputFiles(query, split=DateSplit(7)), Workspace(tmp_path / "home"))
    other = store_log(tmp_path / "file", rows, DateSplit(7))
    assert all(frame.equals(frames_of(other)[name]) for name, frame in frames_of(dataset).items())


def test_the_same_log_and_split_are_found_again(tmp_path: Path) -> None:
    rows = rows_of(shop_log(), "train")
    first = store_log(tmp_path, rows, DateSplit(7))
    created = first.card().created
    copy = write_log(tmp_path / "copy" / "renamed.csv", rows)
    again = ingest(InputFiles(copy, split=DateSplit(7.0)), Workspace(tmp_path / "home"))
    assert again == first
    assert (again.card().created, again.card().test.name) == (created, "renamed.csv (test part)")
    assert ingest(InputFiles(copy, split=DateSplit(8)), Workspace(tmp_path / "home")) != first


@pytest.mark.parametrize("days", [0.01, 19, 50, 1_000])
def test_a_part_that_is_too_small_is_refused_with_the_allowed_range(days: float, tmp_path: Path) -> None:
    rows = rows_of(shop_log(), "train")
    with pytest.raises(InputError) as caught:
        store_log(tmp_path, rows, DateSplit(days))
    assert (caught.value.code, caught.value.actual) == ("split_too_small", days)
    low, high = caught.value.allowed
    # the tenth session from the end begins 4.5 days and 2 minutes before it, the tenth from the start 15 days
    assert (low, high) == (4.5015, 15.0013)
    assert f"{low:g} to {high:g} days" in str(caught.value)
    assert store_log(tmp_path, rows, DateSplit(low)).card().test.sessions == 10
    assert store_log(tmp_path, rows, DateSplit(high)).card().train.sessions == 10
    assert [path.name for path in (tmp_path / "home" / "datasets").iterdir() if path.name.startswith(".")] == []


def test_a_log_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        store_log(tmp_path, rows_of(shop_log(15), "train"), DateSplit(2))
    assert (caught.value.code, caught.value.allowed) == ("split_too_small", None)


def test_too_many_windows_are_refused_with_the_longest_window(tmp_path: Path) -> None:
    rows = rows_of(shop_log(), "train")
    with pytest.raises(InputError) as caught:
        store_log(tmp_path, rows, DateSplit(6, windows_back=2))
    assert caught.value.allowed[1] == 5.0004
    assert store_log(tmp_path, rows, DateSplit(5, windows_back=2)).card().train.sessions == 10


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_number_of_days_out_of_range_is_refused(days: float) -> None:
    with pytest.raises(SettingError) as caught:
        DateSplit(days)
    assert caught.value.code == "setting_not_allowed"


def test_the_command_line_reads_one_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = str(write_log(tmp_path / "log" / "events.csv", rows_of(shop_log(), "train")))
    assert main(["ingest", "--events", log, "--test-days", "7"]) == 0
    assert "split by date at 2025-06-15 00:02:01 UTC" in capsys.readouterr().out
    assert main(["ingest", "--events", log, "--test-days", "7", "--json"]) == 0
    card = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (card["train"]["sessions"], card["test"]["sessions"], card["split"]["days"]) == (26, 14, 7.0)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ingest"], "missing_setting"),
        (["ingest", "--events", "LOG"], "missing_setting"),
        (["ingest", "--test-days", "7"], "missing_setting"),
        (["ingest", "--events", "LOG", "--test-days", "0"], "setting_not_allowed"),
        (["ingest", "--events", "LOG", "--test-days", "week"], "invalid_command"),
        (["ingest", "--events", "LOG", "--test-days", "7", "--test", "LOG"], "conflicting_options"),
        (["ingest", "--events", "LOG", "--test-days", "7", "--sample-submission", "LOG"], "conflicting_options"),
        (["run", "--events", "LOG", "--test-days", "7", "--dataset", "abc"], "conflicting_options"),
        (["run", "--events", "LOG", "--test-days", "100"], "split_too_small"),
    ],
)
def test_wrong_options_are_one_sentence(
    arguments: list[str], code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = str(write_log(tmp_path / "log" / "events.csv", rows_of(shop_log(), "train")))
    assert main([log if word == "LOG" else word for word in arguments] + ["--json"]) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["code"] == code
