"""Logs of other shops, read with a mapping: columns, event words, times, values and sessions."""

from __future__ import annotations

import calendar
import datetime
import gzip
import io
import json
from pathlib import Path

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.cli import main
from core.dataset import Dataset, list_datasets
from core.errors import InputError
from core.ingestion.mapping import Mapping, load_mapping
from core.ingestion.rows.event_times import epoch_seconds
from core.pipeline.submission_target import target_of_files
from core.submission import check_file
from tests.events_on_the_spot import (
    NOON,
    csv_of,
    facts_of,
    good_events,
    known_of,
    must_add_up,
    parquet_of,
    quarantined_rows,
    rees46_rows,
    rows_of,
    sample_of,
    store,
    values_of,
)


def store_logs(tmp_path: Path, train: bytes, test: bytes, mapping: Mapping) -> Dataset:
    return store(tmp_path, [], mapping, train=train, test=test)


def test_the_value_of_a_rees46_session_is_the_sum_of_its_purchases(tmp_path: Path) -> None:
    dataset = store_logs(tmp_path, csv_of(rees46_rows(10)), csv_of(rees46_rows(11)), load_mapping("rees46"))
    card = dataset.card()
    assert (card.train.rows, card.train.kept, card.train.sessions, card.train.users) == (84, 84, 24, 12)
    assert (card.mapping, card.value_rule) == ("REES46 event log", "price_of_buys")
    assert values_of(dataset) == {
        f"10-{user}-{session}": value for user in range(12) for session, value in ((0, 0.0), (1, 105.35))
    }
    kinds = {fact[5] for fact in facts_of(dataset)}
    assert kinds == {"VIEW", "ADD_CART", "REMOVE_CART", "BUY"}


def test_a_log_without_users_keeps_its_session_ids_and_each_session_is_its_own_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such logs are those of OTTO, YooChoose and Coveo. Session A1 is in both files, so its value is known."""
    events = good_events()
    rows = {
        role: [{name: text for name, text in row.items() if name != "user_id"} for row in rows_of(events, role)]
        for role in ("train", "test")
    }
    rows["test"].append(rows["train"][4] | {})
    del rows["test"][-1]["session_value"]
    sample = sample_of("B3", "A1", "B1")
    mapping = Mapping.checked(columns={"user_id": None})
    dataset = store(tmp_path, [], mapping, train=csv_of(rows["train"]), test=csv_of(rows["test"]), sample=sample)
    assert facts_of(dataset) == sorted(
        [(*event.facts[:2], event.session, *event.facts[3:]) for event in events]
        + [("test", "A1", "A1", *events[4].facts[3:])]
    )
    assert values_of(dataset) == {f"A{number}": 10.5 * number for number in range(10)}
    assert known_of(dataset) == {"A1": 10.5}
    card = dataset.card()
    assert (card.has_users, card.train.sessions, card.train.users, card.test.users) == (False, 10, 10, 11)
    assert dataset.submission_order().get_column("user_session").to_list() == ["B3", "A1", "B1"]
    assert len(set(dataset.units().select("user").collect().to_series())) == 20
    (tmp_path / "mapping.toml").write_text('[columns]\nuser_id = ""\n')
    files = ["--train", f"{tmp_path}/files/train.csv", "--test", f"{tmp_path}/files/test.csv"]
    assert main(["ingest", *files, "--mapping", f"{tmp_path}/mapping.toml"]) == 0
    assert "10 sessions, users unknown, 7 products" in capsys.readouterr().out


def test_repeated_rows_can_be_removed_and_are_counted_either_way(tmp_path: Path) -> None:
    rees46 = load_mapping("rees46")
    kept = store_logs(tmp_path, csv_of(rees46_rows(10)), csv_of(rees46_rows(11)), rees46).card().train
    assert (kept.duplicates, kept.removed, kept.kept) == (12, 0, 84)
    once = rees46.model_copy(update={"duplicates": "remove"})
    dataset = store_logs(tmp_path, csv_of(rees46_rows(10)), csv_of(rees46_rows(11)), once)
    card = dataset.card().train
    assert (card.duplicates, card.removed, card.kept, card.rows) == (12, 12, 72, 84)
    assert values_of(dataset)["10-3-1"] == 105.35


def test_the_command_line_accepts_a_mapping_by_name(
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
    assert "oct.csv has no column session_value" in capsys.readouterr().err


def test_a_submission_is_checked_against_a_log_with_a_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log calls a session a basket; the submission uses our names."""
    head = "household_id,basket_id,product_id,sales_value,transaction_timestamp"
    rows = [f"{number},B{number % 4},7,1.5,2017-01-0{number + 1} 11:53:26" for number in range(8)]
    (tmp_path / "tills.csv").write_text("\n".join([head, *rows]))
    (tmp_path / "submission.csv").write_bytes(sample_of("B0", "B1", "B2", "B3"))
    check = ["check", f"{tmp_path}/submission.csv", "--test", f"{tmp_path}/tills.csv", "--mapping", "complete_journey"]
    assert main(check) == 0
    (tmp_path / "submission.csv").write_bytes(sample_of("B0", "B1", "B2"))
    assert main(check) == 1
    assert main(check[:-2]) == 2
    assert "user_session. Its columns are household_id, basket_id, " in capsys.readouterr().err


def test_a_submission_is_checked_against_a_sample_and_a_folder_or_glob(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.csv").write_bytes(csv_of(rows_of(good_events(), "test")))
    sample = tmp_path / "sample.csv"
    sample.write_bytes(sample_of("U0-1", "U1-1"))
    mapping = Mapping.checked(session_gap_minutes=30)
    for test in ("logs", "logs/*.csv"):
        results = check_file(sample, target_of_files(tmp_path / test, sample, mapping))
        assert "failed" not in {each.outcome for each in results if each.severity == "error"}
    with pytest.raises(InputError, match=r"There is no file at .*\*\.parquet\. "):
        check_file(sample, target_of_files(tmp_path / "logs" / "*.parquet", sample, mapping))


def test_complete_journey_receipts_are_baskets_of_purchases(tmp_path: Path) -> None:
    head = "household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,week,transaction_timestamp"

    def tills(month: int) -> bytes:
        rows = [
            f"{household},330,{month}{household},10{item},2,{0.5 + item},0,1,2017-{month:02}-0{1 + household} 11:53:26"
            for household in range(9)
            for item in range(3)
        ]
        return "\n".join([head, *rows, ""]).encode()

    dataset = store_logs(tmp_path, tills(1), tills(2), load_mapping("complete_journey"))
    assert set(values_of(dataset).values()) == {4.5}
    assert {fact[4:6] for fact in facts_of(dataset)} == {("(none)", "BUY")}
    assert dataset.card().train.categories == 1


TIMES = {
    "epoch seconds": ("1748865600", {"time_format": "epoch_seconds"}),
    "epoch milliseconds": ("1748865600999", {"time_format": "epoch_milliseconds"}),
    "epoch seconds with a fraction": ("1748865600.75", {"time_format": "epoch_seconds"}),
    "a German time": ("02.06.2025 14:00:00", {"time_format": "%d.%m.%Y %H:%M:%S", "time_zone": "Europe/Berlin"}),
    "an American time": ("06/02/2025 12:00 PM", {"time_format": "%m/%d/%Y %I:%M %p"}),
    "BigQuery": ("2025-06-02 12:00:00.123456 UTC", {}),
    "epoch microseconds": ("1748865600999999", {"time_format": "epoch_microseconds"}),
    "epoch nanoseconds": ("1748865600999999999", {"time_format": "epoch_nanoseconds"}),
    "epoch seconds as a program abbreviates them": ("1.748865600E+09", {"time_format": "epoch_seconds"}),
    "epoch seconds with blanks": (" 1748865600 ", {"time_format": "epoch_seconds"}),
    "a short year": ("2/6/25 12:00", {"time_format": "%d/%m/%y %H:%M"}),
    "the name of the month": ("Jun 2, 2025 12:00:00 PM", {"time_format": "%b %d, %Y %I:%M:%S %p"}),
    "the day of the year": ("2025-153 12:00", {"time_format": "%Y-%j %H:%M"}),
    "hours only": ("2025-06-02 12", {"time_format": "%Y-%m-%d %H"}),
    "a comma before the fraction": ("2025-06-02 12:00:00,123", {}),
    "ISO 8601 basic format": ("20250602T120000Z", {}),
    "GMT": ("2025-06-02 12:00:00 GMT", {}),
    "lower case": ("2025-06-02t12:00:00z", {}),
    "Z where a format has an offset": ("02.06.2025 12:00:00Z", {"time_format": "%d.%m.%Y %H:%M:%S%z"}),
    "no separators": ("20250602120000", {"time_format": "%Y%m%d%H%M%S"}),
    "fraction of a second in a format": ("02.06.2025 12:00:00.25", {"time_format": "%d.%m.%Y %H:%M:%S.%f"}),
    "an offset in a format": ("02/Jun/2025:14:00:00 +0200", {"time_format": "%d/%b/%Y:%H:%M:%S %z"}),
    "an offset in a format beats the zone": (
        "02.06.2025 14:00 +0200",
        {"time_format": "%d.%m.%Y %H:%M %z", "time_zone": "Asia/Tokyo"},
    ),
    "an offset beats the zone": ("2025-06-02 14:00:00+02:00", {"time_zone": "Asia/Tokyo"}),
    "an offset without a colon": ("2025-06-02 14:00:00 +0200", {}),
    "an offset of hours": ("2025-06-02T14:00+02", {}),
    "an offset": ("2025-06-02T14:00:00+02:00", {}),
    "no seconds but an offset": ("2025-06-02 12:00Z", {}),
    "no seconds": ("2025-06-02 12:00", {}),
    "the name of a time zone": ("2025-06-02 15:00:00 Europe/Istanbul", {"time_zone": "Asia/Tokyo"}),
    "an offset beats the name of a time zone": ("2025-06-02T14:00:00.5+02:00[Europe/Istanbul]", {}),
    "Spanish spreadsheets": ("02/06/2025 12:00:00 p.\u00a0m.", {"time_format": "%d/%m/%Y %I:%M:%S %p"}),
    "RFC 2822": ("Mon, 02 Jun 2025 14:00:00 +0200", {"time_format": "%a, %d %b %Y %H:%M:%S %z"}),
    "HTTP": ("Mon, 02 Jun 2025 12:00:00 GMT", {"time_format": "%a, %d %b %Y %H:%M:%S %z"}),
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
def test_a_time_is_the_same_in_any_format(tmp_path: Path, form: str) -> None:
    text, settings_ = TIMES[form]
    dataset = store_logs(tmp_path, shop_log(text), shop_log(text, product_id="Q"), Mapping.checked(**settings_))
    assert {fact[6] for fact in facts_of(dataset)} == {NOON}


@pytest.mark.parametrize(
    ("date", "clock", "settings_"),
    [
        ("2025-06-02", "12:00:00", {}),
        (" 2025-06-02", "12:00 ", {}),
        ("02.06.2025", "14:00", {"time_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Berlin"}),
        ("6/2/2025", "12:00:00 PM", {"time_format": "%m/%d/%Y %I:%M:%S %p"}),
    ],
)
def test_date_and_time_of_day_in_two_columns_are_one_time(
    tmp_path: Path, date: str, clock: str, settings_: dict[str, str]
) -> None:
    mapping = Mapping.checked(**settings_, columns={"time_of_day": "clock"})
    logs = shop_log(date, clock=clock), shop_log(date, clock=clock, product_id="Q") + b"event_time,,,,,,,clock\n"
    dataset = store_logs(tmp_path, *logs, mapping.model_copy(update={"least_usable": 0.8}))
    assert {fact[6] for fact in facts_of(dataset)} == {NOON}
    assert dataset.card().quarantine_reasons == {"it repeats the header": 1}


def test_a_time_of_day_that_is_not_used_is_reported(tmp_path: Path) -> None:
    log = shop_log("02.06.2025", clock="12:00")
    dataset = store_logs(tmp_path, log, log.replace(b"P", b"Q"), Mapping.checked(time_format="%d.%m.%Y"))
    (note,) = dataset.card().mapping_notes
    assert note.startswith("Column clock has the time of day, which is not used")
    assert 'columns.time_of_day = "clock", and a time_format for both columns such as "%d.%m.%Y %H:%M:%S"' in note


def test_times_that_a_spreadsheet_rounded_are_refused_with_the_reason(tmp_path: Path) -> None:
    """Otherwise all events of a month would be at one moment."""
    for settings_ in ({"time_format": "epoch_milliseconds"}, {}):
        log = shop_log("1.74887E+12")
        with pytest.raises(InputError, match=r"4 x event_time has lost its last digits, as in 1\.74E\+12") as refused:
            store_logs(tmp_path, log, log + b"\n", Mapping.checked(**settings_))
        assert str(refused.value).endswith("Export the log again without opening it in a spreadsheet.")


def test_times_in_two_formats_are_refused_with_both_named(tmp_path: Path) -> None:
    rows = [line for time in ("2025-06-02 12:00", "02.06.2025 12:30") for line in shop_log(time).splitlines()[1:]]
    log = b"\n".join([shop_log("x").splitlines()[0], *rows, b""])
    with pytest.raises(InputError) as refused:
        store_logs(tmp_path, log, log + b"\n", Mapping())
    assert refused.value.code == "too_few_valid_rows"
    assert "ISO 8601 (such as 2025-06-02 12:00) and %d.%m.%Y %H:%M (such as 02.06.2025 12:30)" in str(refused.value)
    assert "least_usable" not in str(refused.value)


def test_serial_numbers_of_a_spreadsheet_are_refused_with_the_way_out(tmp_path: Path) -> None:
    log = shop_log("45810.5")
    with pytest.raises(InputError, match=r"count days \(45810\.5\)\. Format the column as yyyy-mm-dd hh:mm:ss"):
        store_logs(tmp_path, log, log + b"\n", Mapping())


def test_the_name_of_a_zone_that_does_not_exist_is_no_time(tmp_path: Path) -> None:
    log = shop_log("2025-06-02 12:00:00 Europe/Atlantis")
    with pytest.raises(InputError, match="4 x event_time is not a time"):
        store_logs(tmp_path, log, log + b"\n", Mapping())


ZONES = [
    ("Europe/Berlin", "2025-03-30 01:59:59", "2025-03-30 00:59:59"),
    ("Europe/Berlin", "2025-03-30 02:30:00", "2025-03-30 01:30:00"),  # skipped: an hour later
    ("Europe/Berlin", "2025-03-30 03:00:00", "2025-03-30 01:00:00"),
    ("Europe/Berlin", "2025-10-26 01:59:59", "2025-10-25 23:59:59"),
    ("Europe/Berlin", "2025-10-26 02:30:00", "2025-10-26 00:30:00"),  # shown twice: the earlier
    ("Europe/Berlin", "2025-10-26 03:00:00", "2025-10-26 02:00:00"),
    ("America/New_York", "2025-11-02 01:30:00", "2025-11-02 05:30:00"),
    ("America/New_York", "2025-03-09 02:15:00", "2025-03-09 07:15:00"),
    ("Asia/Kolkata", "2025-01-01 05:29:59", "2024-12-31 23:59:59"),
    ("UTC", "2025-03-30 02:30:00", "2025-03-30 02:30:00"),
]


@pytest.mark.parametrize(("zone", "shown", "utc"), ZONES)
@pytest.mark.parametrize("form", ["auto", "%Y-%m-%d %H:%M:%S"])
def test_local_times_are_converted_to_utc(tmp_path: Path, zone: str, shown: str, utc: str, form: str) -> None:
    mapping = Mapping(time_zone=zone, time_format=form)
    dataset = store_logs(tmp_path, shop_log(shown), shop_log(shown, product_id="Q"), mapping)
    moment = datetime.datetime.fromisoformat(f"{utc}+00:00").timestamp()
    assert {fact[6] for fact in facts_of(dataset)} == {moment}


def test_typed_times_without_a_time_zone_are_local(tmp_path: Path) -> None:
    frame = pl.read_csv(io.BytesIO(shop_log("2025-06-02 14:00:00"))).with_columns(
        pl.col("event_time").str.to_datetime()
    )
    other = frame.with_columns(pl.lit("Q").alias("product_id"))
    dataset = store_logs(tmp_path, parquet_of(frame), parquet_of(other), Mapping(time_zone="Europe/Berlin"))
    assert {fact[6] for fact in facts_of(dataset)} == {NOON}


def test_dates_are_read_as_times_only_with_a_format_without_a_time_of_day(tmp_path: Path) -> None:
    frame = pl.read_csv(io.BytesIO(shop_log("2025-06-02 14:00:00"))).with_columns(
        pl.col("event_time").str.to_datetime().cast(pl.Date)
    )
    logs = parquet_of(frame), parquet_of(frame.with_columns(pl.lit("Q").alias("product_id")))
    with pytest.raises(InputError, match="event_time is not a time such as"):
        store_logs(tmp_path, *logs, Mapping(time_zone="Europe/Berlin"))
    dataset = store_logs(tmp_path, *logs, Mapping.checked(time_zone="Europe/Berlin", time_format="%d.%m.%Y"))
    assert {fact[6] for fact in facts_of(dataset)} == {NOON - 12 * 3600}, "dates have no time zone"


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "America/New_York", "Pacific/Auckland"])
def test_dates_are_not_shifted_by_daylight_saving_time(tmp_path: Path, zone: str) -> None:
    days = [datetime.date(2025, 3, 28) + datetime.timedelta(days=day) for day in range(7)]
    mapping = Mapping.checked(time_zone=zone, time_format="%Y-%m-%d")
    seconds = epoch_seconds(pl.Series([f"{day}" for day in days]), mapping)
    assert seconds.to_list() == [calendar.timegm(day.timetuple()) for day in days]
    assert epoch_seconds(pl.Series(days), mapping).to_list() == seconds.to_list()


def test_a_mapping_sets_decimal_commas_quantities_and_ignored_words(tmp_path: Path) -> None:
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
    dataset = store_logs(tmp_path, log, log.replace(b";A;", b";X;"), mapping)
    card = dataset.card().train
    assert (card.rows, card.kept, card.quarantined, card.ignored) == (15, 10, 5, 5)
    assert card.categories == 1
    assert set(values_of(dataset).values()) == {7.5}
    assert dataset.card().quarantine_reasons == {"was is suche, which the mapping ignores": 10}


def test_a_negative_price_with_a_negative_quantity_is_a_return(tmp_path: Path) -> None:
    head = "event_time,event_type,product_id,category_id,user_id,user_session,price,pieces"
    rows = [f"2025-06-01 10:00:0{n},BUY,P,C,U{n},S{n},5,2" for n in range(9)]
    wrong = [f"2025-06-01 10:00:1{n},BUY,P,C,U9,S9,{cells}" for n, cells in enumerate(("-5,-1",))]
    mapping = Mapping.checked(value="price_of_buys", columns={"price": "price", "quantity": "pieces"})
    log = "\n".join([head, *rows, *wrong, ""]).encode()
    dataset = store_logs(tmp_path, log, "\n".join([head, *rows, ""]).replace(",S", ",T").encode(), mapping)
    assert dataset.card().quarantine_reasons == {}
    assert values_of(dataset) == {f"S{n}": 10.0 for n in range(9)} | {"S9": None}
    assert dataset.untrained().select("user_session", "reason", "remaining").rows() == [("S9", "more_returned", -5.0)]


# --- missing columns and spellings ------------------------------------------------------------------------------------
def test_all_products_share_one_category_if_the_log_has_none(tmp_path: Path) -> None:
    mapping = Mapping.checked(columns={"category_id": None})
    dataset = store_logs(
        tmp_path, shop_log("2025-06-02 12:00:00", category_id=""), shop_log("2025-06-02 13:00:00"), mapping
    )
    assert {fact[4] for fact in facts_of(dataset)} == {"(none)"}
    assert dataset.card().train.quarantined == 0


def test_every_event_is_overrides_the_event_types_of_the_log(tmp_path: Path) -> None:
    mapping = Mapping(every_event_is="BUY")
    rows = rows_of(good_events(), "train")
    dataset = store_logs(tmp_path, csv_of(rows), csv_of(rows_of(good_events(), "test")), mapping)
    assert {fact[5] for fact in facts_of(dataset)} == {"BUY"}


def test_event_words_match_in_any_letter_case_and_with_surrounding_blanks(tmp_path: Path) -> None:
    words = {"Produkt  Ansicht": "VIEW", "ÜBERZUG": "BUY"}
    log = shop_log("2025-06-02 12:00:00", event_type=" produkt  ansicht ")
    later = shop_log("2025-06-02 13:00:00", event_type="überzug")
    dataset = store_logs(tmp_path, log, later, Mapping.checked(event_words=words))
    assert {fact[::5] for fact in facts_of(dataset)} == {("train", "VIEW"), ("test", "BUY")}


def test_column_names_match_in_any_letter_case_and_with_surrounding_blanks(tmp_path: Path) -> None:
    log = shop_log("2025-06-02 12:00:00").replace(b"user_id", b'"  Wer da? "')
    mapping = Mapping.checked(columns={"user_id": "WER DA?"})
    dataset = store_logs(tmp_path, log, log.replace(b",P,", b",Q,"), mapping)
    assert {fact[2] for fact in facts_of(dataset)} == {"U0", "U1", "U2", "U3"}


def test_of_two_columns_that_differ_in_case_the_exact_match_is_read(tmp_path: Path) -> None:
    log = shop_log("2025-06-02 12:00:00", USER_ID="other")
    dataset = store_logs(tmp_path, log, log.replace(b",P,", b",Q,"), Mapping())
    assert {fact[2] for fact in facts_of(dataset)} == {"U0", "U1", "U2", "U3"}


DECIMAL_COMMAS = {"1,5": 1.5, "1.234,56": 1234.56, "1.234": 1234.0, " 2 ": 2.0, "1e2": 100.0, "+3,25": 3.25}


@pytest.mark.parametrize(("text", "value"), DECIMAL_COMMAS.items())
def test_values_are_parsed_with_the_decimal_comma_of_the_mapping(tmp_path: Path, text: str, value: float) -> None:
    log = shop_log("2025-06-02 12:00:00", session_value=text)
    dataset = store_logs(tmp_path, log, log.replace(b",P,", b",Q,"), Mapping(decimal=","))
    assert set(values_of(dataset).values()) == {value}


@pytest.mark.parametrize("text", ["1.5", "1234.56", "1,234.5", "1.23.456", "12.3456", "1.234.5"])
def test_values_that_are_not_numbers_with_a_decimal_comma_are_quarantined(tmp_path: Path, text: str) -> None:
    log = shop_log("2025-06-02 12:00:00", session_value=text)
    with pytest.raises(InputError, match="session_value is not a finite number"):
        store_logs(tmp_path, log, log.replace(b",P,", b",Q,"), Mapping(decimal=","))


def test_the_separator_of_the_mapping_overrides_detection(tmp_path: Path) -> None:
    """A column name with many bars looks like a header separated by bars."""
    log = shop_log("2025-06-02 12:00:00", **{"a|b|c|d|e|f|g|h|i|j": "x"})
    with pytest.raises(InputError, match="has no columns event_time, "):
        store_logs(tmp_path, log, log.replace(b",P,", b",Q,"), Mapping())
    dataset = store_logs(tmp_path, log, log.replace(b",P,", b",Q,"), Mapping(separator=","))
    assert dataset.card().train.kept == 4


# --- published logs ---------------------------------------------------------------------------------------------------
def test_a_compressed_rees46_log_with_damaged_rows_is_read(tmp_path: Path) -> None:
    """Compressed as published, with an empty session id, a return and a repeated header."""
    rows = rees46_rows(10)
    rows[0]["user_session"] = ""
    rows[3] |= {"category_code": "electronics.smartphone", "brand": 'o"neill', "price": ""}
    rows[5]["price"] = "-5.25"
    lines = csv_of(rows).split(b"\n")
    train = gzip.compress(b"\n".join([*lines[:50], lines[0], *lines[50:]]))
    dataset = store_logs(tmp_path, train, gzip.compress(csv_of(rees46_rows(11))), load_mapping("rees46"))
    assert [(line, reason) for line, reason, _ in quarantined_rows(dataset)] == [
        (2, "empty user_session"),
        (51, "it repeats the header"),
    ]
    assert values_of(dataset)["10-0-1"] == 94.85
    must_add_up(dataset)


def test_complete_journey_receipts_are_read_from_parquet(tmp_path: Path) -> None:
    """Columns have the types of the published data frame."""

    def tills(month: int) -> bytes:
        baskets = [(household, item) for household in range(9) for item in range(3)]
        return parquet_of(
            pl.DataFrame(
                {
                    "household_id": [float(household) for household, _ in baskets],
                    "store_id": [330] * 27,
                    "basket_id": [month * 10**10 + household for household, _ in baskets],
                    "product_id": [1_000_000 + item for _, item in baskets],
                    "quantity": [2] * 27,
                    "sales_value": [0.5 + item for _, item in baskets],
                    "week": [month] * 27,
                    "transaction_timestamp": [
                        datetime.datetime(2017, month, 1 + household, 22, item) for household, item in baskets
                    ],
                }
            )
        )

    dataset = store_logs(tmp_path, tills(1), tills(2), load_mapping("complete_journey"))
    assert values_of(dataset) == {f"{10**10 + household}": 4.5 for household in range(9)}
    assert {fact[2:6] for fact in facts_of(dataset) if fact[2] == "3"} == {
        ("3", f"{1_000_000 + item}", "(none)", "BUY") for item in range(3)
    }
    assert dataset.card().train.first_time == datetime.datetime(2017, 1, 1, 22, tzinfo=datetime.UTC).timestamp()


def test_online_retail_invoices_without_a_customer_are_quarantined_and_returns_have_no_value(tmp_path: Path) -> None:
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

    def invoices(month: int) -> bytes:
        lines = [head]
        for number in range(8):
            when = f"{month}/{number + 1}/2011 8:26"
            lines.append(
                f'{month}{number},8512{number},"WHITE ""HEART"", £2",6,{when},2.55,1785{number},United Kingdom'
            )
            lines.append(f"{month}{number},71053,LANTERN,6,{when},3.39,1785{number},United Kingdom")
        lines.append(f"C{month},71053,LANTERN,-6,{month}/9/2011 8:26,3.39,17850,United Kingdom")
        lines.append(f"{month}9,71053,,1,{month}/9/2011 8:26,0.0,,United Kingdom")
        return "\n".join(lines).encode("latin-1")

    dataset = store_logs(tmp_path, invoices(1), invoices(7), load_mapping("online_retail"))
    assert values_of(dataset) == {f"1{number}": 35.64 for number in range(8)} | {"C1": None}
    assert dataset.card().quarantine_reasons == {"empty CustomerID": 2}
    assert dataset.untrained().select("user_session", "reason", "remaining").rows() == [("C1", "more_returned", -20.34)]
    times = {fact[6] for fact in facts_of(dataset) if fact[1] == "70"}
    assert times == {datetime.datetime(2011, 7, 1, 7, 26, tzinfo=datetime.UTC).timestamp()}  # British summer
