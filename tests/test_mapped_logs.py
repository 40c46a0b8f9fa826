"""Logs of other shops, through a mapping: names, words, times, values and sessions come out as ours."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cli import main
from core.dataset import Dataset, list_datasets
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping, load_mapping
from core.workspace import Workspace
from tests.events_on_the_spot import NOON, csv_of, facts_of, unit_names

REES46 = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)


def rees46_rows(month: int) -> list[dict[str, str]]:
    """Two sessions a user: one that looks and removes, one that buys two products, one of them twice in a second."""
    rows = []
    for user in range(12):
        for session, steps in enumerate(
            (
                [("view", 1, "9.99"), ("cart", 1, "9.99"), ("remove_from_cart", 1, "9.99")],
                [("view", 2, "5.25"), ("purchase", 2, "5.25"), ("purchase", 2, "5.25"), ("purchase", 3, "100.10")],
            )
        ):
            for word, product, price in steps:
                time = datetime.datetime(2019, month, 1 + user, 10 + session, 0, tzinfo=datetime.UTC)
                cells = (f"{time:%Y-%m-%d %H:%M:%S} UTC", word, f"100{product}", "205", "", "", price, f"51{user}")
                rows.append(dict(zip(REES46, (*cells, f"{month}-{user}-{session}"), strict=True)))
    return rows


def store(tmp_path: Path, train: bytes, test: bytes, mapping: Mapping) -> Dataset:
    for name, content in (("train.csv", train), ("test.csv", test)):
        (tmp_path / name).write_bytes(content)
    files = InputFiles(tmp_path / "train.csv", tmp_path / "test.csv", mapping=mapping)
    return ingest(files, Workspace(tmp_path / "home"))


def values_of(dataset: Dataset) -> dict[str, float]:
    units = dataset.units().filter(pl.col("role") == 0).collect()
    return {name[1]: value for name, value in zip(unit_names(dataset, units), units.get_column("value"), strict=True)}


def test_a_rees46_log_goes_in_and_a_session_is_worth_what_it_bought(tmp_path: Path) -> None:
    dataset = store(tmp_path, csv_of(rees46_rows(10)), csv_of(rees46_rows(11)), load_mapping("rees46"))
    card = dataset.card()
    assert (card.train.rows, card.train.kept, card.train.sessions, card.train.users) == (84, 84, 24, 12)
    assert (card.mapping, card.value_rule) == ("REES46 event log", "price_of_buys")
    assert values_of(dataset) == {
        f"10-{user}-{session}": value for user in range(12) for session, value in ((0, 0.0), (1, 110.6))
    }
    kinds = {fact[5] for fact in facts_of(dataset)}
    assert kinds == {"VIEW", "ADD_CART", "REMOVE_CART", "BUY"}


def test_repeated_rows_can_be_removed_and_are_counted_either_way(tmp_path: Path) -> None:
    rees46 = load_mapping("rees46")
    kept = store(tmp_path, csv_of(rees46_rows(10)), csv_of(rees46_rows(11)), rees46).card().train
    assert (kept.duplicates, kept.removed, kept.kept) == (12, 0, 84)
    once = rees46.model_copy(update={"duplicates": "remove"})
    dataset = store(tmp_path, csv_of(rees46_rows(10)), csv_of(rees46_rows(11)), once)
    card = dataset.card().train
    assert (card.duplicates, card.removed, card.kept, card.rows) == (12, 12, 72, 84)
    assert values_of(dataset)["10-3-1"] == 105.35


def test_the_command_line_takes_a_mapping_by_name(
    tmp_path: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, month in (("oct.csv", 10), ("nov.csv", 11)):
        (tmp_path / name).write_bytes(csv_of(rees46_rows(month)))
    files = ["--train", f"{tmp_path}/oct.csv", "--test", f"{tmp_path}/nov.csv"]
    assert main(["ingest", *files, "--mapping", "rees46", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["mapping"] == "REES46 event log"
    assert [dataset.card().train.rows for dataset in list_datasets(workspace)] == [84]
    assert main(["mapping", "guess", f"{tmp_path}/oct.csv", "--json"]) == 0
    assert 'purchase = "BUY"' in json.loads(capsys.readouterr().out.splitlines()[-1])["mapping"]
    assert main(["mapping", "preview", f"{tmp_path}/oct.csv", "--mapping", "rees46", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert shown["usable"] == 10
    assert shown["rows"][0]["event_time"] == "2019-10-01 10:00:00+00:00"
    assert main(["mapping", "list"]) == 0
    assert "complete_journey" in capsys.readouterr().out
    assert main(["ingest", *files]) == 2
    assert "or say with a mapping what this log calls them." in capsys.readouterr().err


def test_tills_of_the_complete_journey_are_baskets_of_purchases(tmp_path: Path) -> None:
    head = "household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,week,transaction_timestamp"

    def tills(month: int) -> bytes:
        rows = [
            f"{household},330,{month}{household},10{item},2,{0.5 + item},0,1,2017-{month:02}-0{1 + household} 11:53:26"
            for household in range(9)
            for item in range(3)
        ]
        return "\n".join([head, *rows, ""]).encode()

    dataset = store(tmp_path, tills(1), tills(2), load_mapping("complete_journey"))
    assert set(values_of(dataset).values()) == {4.5}
    assert {fact[4:6] for fact in facts_of(dataset)} == {("(none)", "BUY")}
    assert dataset.card().train.categories == 1


TIMES = {
    "epoch seconds": ("1748865600", {"time_format": "epoch_seconds"}),
    "epoch milliseconds": ("1748865600999", {"time_format": "epoch_milliseconds"}),
    "epoch seconds with a fraction": ("1748865600.75", {"time_format": "epoch_seconds"}),
    "a German clock": ("02.06.2025 14:00:00", {"time_format": "%d.%m.%Y %H:%M:%S", "time_zone": "Europe/Berlin"}),
    "an American clock": ("06/02/2025 12:00 PM", {"time_format": "%m/%d/%Y %I:%M %p"}),
    "BigQuery's form": ("2025-06-02 12:00:00.123456 UTC", {}),
    "an offset": ("2025-06-02T14:00:00+02:00", {}),
    "no seconds": ("2025-06-02 12:00", {}),
    "a local time without an offset": ("2025-06-02 08:00:00", {"time_zone": "America/New_York"}),
}


def shop_log(time: str, **cells: str) -> bytes:
    rows = [
        {
            "event_time": time,
            "event_type": "VIEW",
            "product_id": "P",
            "category_id": "C",
            "user_id": f"U{number}",
            "user_session": f"S{number}",
            "session_value": "1.5",
        }
        | cells
        for number in range(4)
    ]
    return csv_of(rows)


@pytest.mark.parametrize("form", TIMES)
def test_a_time_is_the_same_moment_in_any_form(tmp_path: Path, form: str) -> None:
    text, settings_ = TIMES[form]
    dataset = store(tmp_path, shop_log(text), shop_log(text, product_id="Q"), Mapping.checked(**settings_))
    assert {fact[6] for fact in facts_of(dataset)} == {NOON}


def test_a_time_that_the_clocks_skipped_is_an_hour_later_and_one_shown_twice_the_earlier(tmp_path: Path) -> None:
    berlin = Mapping(time_zone="Europe/Berlin")
    dataset = store(tmp_path, shop_log("2025-03-30 02:30:00"), shop_log("2025-10-26 02:30:00"), berlin)
    spring = datetime.datetime(2025, 3, 30, 1, 30, tzinfo=datetime.UTC).timestamp()
    autumn = datetime.datetime(2025, 10, 26, 0, 30, tzinfo=datetime.UTC).timestamp()
    assert {(fact[0], fact[6]) for fact in facts_of(dataset)} == {("train", spring), ("test", autumn)}


def test_decimal_commas_quantities_and_words_to_be_ignored(tmp_path: Path) -> None:
    head = "wann;was;artikel;kunde;besuch;preis;menge"
    rows = [
        f"2025-06-0{1 + n} 10:00:00;{was};A;K{n};B{n};2,50;3" for n in range(5) for was in ("Kauf", "Suche", "Ansicht")
    ]
    log = "\n".join([head, *rows, ""]).encode()
    mapping = Mapping.checked(
        decimal=",",
        value="price_of_buys",
        ignored_words=["suche"],
        event_words={"kauf": "BUY", "ansicht": "VIEW"},
        columns={
            "event_time": "wann",
            "event_type": "was",
            "product_id": "artikel",
            "category_id": None,
            "user_id": "kunde",
            "user_session": "besuch",
            "price": "preis",
            "quantity": "menge",
        },
    )
    dataset = store(tmp_path, log, log.replace(b";A;", b";X;"), mapping)
    card = dataset.card().train
    assert (card.rows, card.kept, card.quarantined, card.ignored) == (15, 10, 5, 5)
    assert card.categories == 1
    assert set(values_of(dataset).values()) == {7.5}
    assert dataset.card().quarantine_reasons == {"was is suche, which is to be ignored": 10}


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from([0, 60, 1799, 1800, 1801, 86_400])), min_size=2, max_size=15
    )
)
def test_sessions_are_made_from_pauses(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    """Against a plain loop: a pause of more than 30 minutes ends a session."""
    clock: dict[str, int] = defaultdict(lambda: NOON)
    events = []
    for user, pause in steps:
        clock[user] += pause
        events.append((user, clock[user]))
    rows = [
        {
            "event_time": f"{time}",
            "event_type": "BUY",
            "product_id": f"P{place}",
            "category_id": "C",
            "user_id": user,
            "price": "1",
        }
        for place, (user, time) in enumerate(events)
    ]
    mapping = Mapping.checked(
        time_format="epoch_seconds", session_gap_minutes=30, value="price_of_buys", columns={"price": "price"}
    )
    folder = tmp_path_factory.mktemp("gap")
    dataset = store(folder, csv_of(rows), csv_of(rows[:1]), mapping)
    expected: dict[str, float] = defaultdict(float)
    open_since: dict[str, tuple[str, int]] = {}
    for user, time in sorted(events):
        name, last = open_since.get(user, ("", 0))
        if not name or time - last > 1800:
            name = f"{user}@{datetime.datetime.fromtimestamp(time, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
        open_since[user] = (name, time)
        expected[name] += 1
    assert values_of(dataset) == expected
