"""Column mappings: the settings they allow, and mapping files."""

from __future__ import annotations

import re
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from core import schema
from core.errors import InputError, SettingError, StudioError
from core.ingestion.mapping import Mapping, load_mapping, mapping_text
from core.ingestion.mapping.fields import LONGEST_TEXT
from core.ingestion.mapping.nested_settings import Columns
from core.ingestion.mapping.settings import MAX_WORDS, EventType
from core.ingestion.mapping.time_format import AUTO, EPOCHS, has_time_of_day, required_change
from core.ingestion.mapping.toml_file import parse_mapping

QUICKLY = settings(deadline=None, derandomize=True)


def refusal(**settings_: Any) -> str:
    with pytest.raises(SettingError) as caught:
        Mapping.checked(**settings_)
    return str(caught.value)


# --- the definition ---------------------------------------------------------------------------------------------------
def test_event_types_are_those_of_the_schema() -> None:
    assert get_args(EventType) == schema.EVENT_TYPES


def test_the_defaults_read_the_products_own_format() -> None:
    mapping = Mapping()
    assert mapping.is_identity
    assert mapping.columns.named() == {column: column for column in schema.TRAIN_COLUMNS}
    assert mapping.words() == {"view": "VIEW", "add_cart": "ADD_CART", "remove_cart": "REMOVE_CART", "buy": "BUY"}
    assert mapping.ignored() == frozenset()
    assert not mapping.dates_only


def test_the_digest_of_the_default_mapping_is_stable() -> None:
    assert Mapping().digest == "44136fa355b3"


@pytest.mark.parametrize(
    "same",
    [
        {"name": "our shop"},
        {"event_words": {" view": "VIEW", "Add_Cart": "ADD_CART", "REMOVE_CART": "REMOVE_CART", "BUY": "BUY"}},
        {"columns": {"user_id": " user_id "}},
        {"columns": {}},
    ],
)
def test_settings_that_change_nothing_leave_the_digest_unchanged(same: dict[str, Any]) -> None:
    assert Mapping.checked(**same).digest == Mapping().digest
    assert Mapping.checked(**same).is_identity


@pytest.mark.parametrize(
    "different",
    [
        {"separator": ","},
        {"encoding": "cp1252"},
        {"encoding": "utf-8"},  # if left out, it is detected
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
    ids=lambda settings: next(iter(settings)),
)
def test_every_setting_but_the_name_changes_the_digest(different: dict[str, Any]) -> None:
    assert not Mapping.checked(**different).is_identity


def test_the_digest_does_not_depend_on_the_order_or_letter_case_of_words() -> None:
    one = Mapping(event_words={"a": "VIEW", "b": "BUY"}, ignored_words=("x", "y"))
    other = Mapping(event_words={"B": "BUY", "a ": "VIEW"}, ignored_words=("Y", "x"))
    assert one.digest == other.digest


def test_words_are_compared_trimmed_and_in_lower_case() -> None:
    mapping = Mapping.checked(event_words={" Add To Cart ": "ADD_CART"}, ignored_words=[" Search"])
    assert mapping.words() == {"add to cart": "ADD_CART"}
    assert mapping.ignored() == {"search"}


def test_a_column_that_a_rule_replaces_is_none_by_default() -> None:
    mapping = Mapping.checked(
        every_event_is="BUY", session_gap_minutes=30, value="price_of_buys", columns={"price": "total"}
    )
    assert mapping.columns.event_type is None
    assert mapping.columns.user_session is None
    assert mapping.columns.session_value is None
    assert Mapping(value="price_of_buys", columns=Columns(price="total")).columns.session_value is None


def test_a_mapping_survives_a_round_trip_through_json() -> None:
    mapping = load_mapping("online_retail")
    assert Mapping.model_validate_json(mapping.model_dump_json()) == mapping


def test_a_mapping_is_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Mapping().decimal = ","  # type: ignore[misc]


NOT_ALLOWED: list[tuple[dict[str, Any], str]] = [
    ({"separator": ":"}, "separator"),
    ({"decimal": "comma"}, "decimal"),
    ({"encoding": "rot13"}, "encoding"),
    ({"columns": "user_id"}, "columns"),
    ({"columns": {"price": 3}, "value": "price_of_buys"}, "columns.price"),
    ({"columns": {"user_id": " "}}, "columns.user_id"),
    ({"columns": {"user_id": "x" * 201}}, "columns.user_id"),
    ({"columns": {"user_id": "\ud800"}}, "columns.user_id"),
    ({"event_words": {}}, "event_words"),
    ({"event_words": ["view"]}, "event_words"),
    ({"event_words": {"buy": "Buy"}}, "event_words.buy"),
    ({"event_words": {"": "BUY"}}, "event_words."),
    ({"event_words": {str(at): "BUY" for at in range(MAX_WORDS + 1)}}, "event_words"),
    ({"event_words": {"buy": "BUY", "Buy": "VIEW"}}, "event_words.Buy"),
    ({"ignored_words": "search"}, "ignored_words"),
    ({"ignored_words": [7]}, "ignored_words"),
    ({"event_words": {"cart": "ADD_CART"}, "ignored_words": ["search", "Cart"]}, "ignored_words"),
    ({"every_event_is": "buy"}, "every_event_is"),
    ({"time_zone": "Berlin"}, "time_zone"),
    ({"time_zone": "Europe"}, "time_zone"),
    ({"time_zone": "../UTC"}, "time_zone"),
    ({"time_zone": "localtime"}, "time_zone"),
    ({"value": "price"}, "value"),
    ({"session_gap_minutes": 0}, "session_gap_minutes"),
    ({"session_gap_minutes": 43201}, "session_gap_minutes"),
    ({"session_gap_minutes": "30"}, "session_gap_minutes"),
    ({"session_gap_minutes": float("nan")}, "session_gap_minutes"),
    ({"duplicates": True}, "duplicates"),
    ({"least_usable": 1.5}, "least_usable"),
    ({"least_usable": True}, "least_usable"),
    ({"least_usable": 10**400}, "least_usable"),
    ({"least_usable": 1 << 60000}, "least_usable"),
    ({"time_format": "%Y-%m-%d", "columns": {"time_of_day": "time"}}, "time_format"),
    ({"time_format": "epoch_seconds", "columns": {"time_of_day": "time"}}, "time_format"),
    ({"name": ["x"]}, "name"),
    ({"name": datetime(2020, 1, 1, tzinfo=UTC)}, "name"),
]
"""Settings, and the one that is refused."""


@pytest.mark.parametrize(("settings_", "refused"), NOT_ALLOWED)
def test_a_setting_that_is_not_allowed_is_refused_by_its_name(settings_: dict[str, Any], refused: str) -> None:
    assert refusal(**settings_).startswith(f"{refused} is ")


@pytest.mark.parametrize(
    ("unknown", "sentence"),
    [
        ({"colums": {}}, "There is no setting colums. Allowed: columns, "),
        ({"columns": {"pric": "p"}}, "There is no setting columns.pric. Allowed: columns.price, "),
        ({"columns": {"uid": None, "price": 1}}, "There is no setting columns.uid. Allowed: columns.user_id, "),
        ({"a\nb": 1}, r"There is no setting a\nb. Allowed: "),
        ({"x" * 1000: 1}, f"There is no setting {'x' * 60}…. Allowed: "),
    ],
)
def test_an_unknown_setting_is_refused_with_the_closest_names_first(unknown: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**unknown)


@pytest.mark.parametrize("role", ["event_time", "product_id"])
def test_every_log_needs_a_time_and_a_product(role: str) -> None:
    assert refusal(columns={role: None}).startswith(f"columns.{role} is missing. ")


def test_a_log_needs_users_or_sessions() -> None:
    assert not Mapping.checked(columns={"user_id": None}).has_users
    no_ids = {"session_gap_minutes": 30, "columns": {"user_id": None}}
    assert refusal(**no_ids).startswith("columns.user_id is missing. ")


MISSING: list[tuple[dict[str, Any], str]] = [
    ({"columns": {"event_type": None}}, "columns.event_type"),
    ({"columns": {"user_session": None}}, "columns.user_session"),
    ({"columns": {"session_value": None}}, "columns.session_value"),
    ({"value": "price_of_buys"}, "columns.price"),
]
"""Settings, and the one that they need in addition."""


@pytest.mark.parametrize(("settings_", "missing"), MISSING)
def test_a_role_needs_a_column_or_the_rule_that_replaces_it(settings_: dict[str, Any], missing: str) -> None:
    assert refusal(**settings_).startswith(f"{missing} is missing. ")


def test_refusals_say_what_is_allowed_and_what_to_do_next(snapshot: SnapshotAssertion) -> None:
    assert [refusal(**settings_) for settings_, _ in (*NOT_ALLOWED, *UNUSED, *MISSING)] == snapshot


UNUSED: list[tuple[dict[str, Any], str]] = [
    ({"every_event_is": "BUY", "columns": {"event_type": "kind"}}, "columns.event_type"),
    ({"session_gap_minutes": 30, "columns": {"user_session": "sid"}}, "columns.user_session"),
    ({"value": "price_of_buys", "columns": {"price": "p", "session_value": "v"}}, "columns.session_value"),
    ({"columns": {"price": "p"}}, "columns.price"),
    ({"columns": {"quantity": "n"}}, "columns.quantity"),
    ({"every_event_is": "BUY", "event_words": {"kauf": "BUY"}}, "event_words"),
    ({"every_event_is": "BUY", "ignored_words": ["search"]}, "ignored_words"),
]
"""Settings, and the one that another setting replaces."""


@pytest.mark.parametrize(("settings_", "refused"), UNUSED)
def test_a_setting_that_would_not_be_used_is_refused(settings_: dict[str, Any], refused: str) -> None:
    assert refusal(**settings_).startswith(f"{refused} is ")


@pytest.mark.parametrize(
    ("columns", "later", "first"),
    [
        ({"user_id": "uid", "user_session": " UID "}, "user_id", "user_session"),
        ({"product_id": "item", "category_id": "item"}, "category_id", "product_id"),
        ({"product_id": "event_type"}, "product_id", "event_type"),
        ({"session_value": None, "price": "total", "quantity": "Total"}, "quantity", "price"),
    ],
)
def test_two_roles_cannot_share_a_column(columns: dict[str, str | None], later: str, first: str) -> None:
    rule = {"value": "price_of_buys"} if "price" in columns else {}
    sentence = refusal(columns=columns, **rule)
    assert sentence.startswith(f"columns.{later} is ")
    assert f"columns.{first}" in sentence


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "latin-1", "cp1252", "utf-16", "ascii", "utf_8_sig", "shift_jis"])
def test_text_encodings_are_stored_by_their_canonical_name(name: str) -> None:
    encoding = Mapping.checked(encoding=name).encoding
    assert Mapping.checked(encoding=encoding).encoding == encoding
    assert "a;b".encode(encoding) == "a;b".encode(name)


@pytest.mark.parametrize("name", ["", "utf-9", "hex", "base64", "zlib", "undefined", "a\0b", "ü"])
def test_codecs_that_are_not_text_encodings_are_refused(name: str) -> None:
    assert "Allowed: an encoding of text" in refusal(encoding=name)


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
def test_a_format_with_date_and_hour_is_allowed(time_format: str) -> None:
    assert not Mapping.checked(time_format=time_format).dates_only


@pytest.mark.parametrize("time_format", ["%Y-%m-%d", "%d.%m.%y", "%Y%j"])
def test_a_format_without_a_time_of_day_is_allowed(time_format: str) -> None:
    assert Mapping.checked(time_format=time_format).dates_only


@pytest.mark.parametrize("time_format", [AUTO, *EPOCHS])
def test_named_time_formats_are_allowed(time_format: str) -> None:
    assert not Mapping.checked(time_format=time_format).dates_only


INVALID_FORMATS = [
    "",
    "iso",
    "%H:%M",
    "%Y %H:%M",
    "%Y-%m %H:%M",
    "%Y %y-%m-%d",
    "%Y-%m-%d %H:%H",
    "%Y-%m-%d %I:%M",
    "%Y-%m-%d %H %p",
    "%Y-%m-%d %M",
    "%Y-%m-%d %H %S",
    "%Y-%m-%d %H %z",
    "%c",
    "%Y-%m-%d %H:%M %Z",
    "%Y-%m-%d %",
    "%Y-%m-%d\x00%H",
]


@pytest.mark.parametrize("time_format", INVALID_FORMATS)
def test_an_incomplete_or_ambiguous_time_format_is_refused(time_format: str) -> None:
    assert refusal(time_format=time_format).startswith(f"time_format is {time_format!r}. ")


def test_the_refusal_of_a_time_format_says_what_it_lacks(snapshot: SnapshotAssertion) -> None:
    assert {time_format: required_change(time_format) for time_format in INVALID_FORMATS} == snapshot


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["BUY", "auto"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=5,
)
_anything = st.dictionaries(st.sampled_from([*Mapping.model_fields]) | st.text(max_size=5), _values, max_size=4)


@QUICKLY
@given(given_settings=_anything, columns=st.dictionaries(st.sampled_from([*Columns.model_fields]), _values, max_size=3))
def test_any_settings_are_accepted_or_refused_in_one_sentence(
    given_settings: dict[str, Any], columns: dict[str, Any]
) -> None:
    given_settings.setdefault("columns", columns)
    try:
        mapping = Mapping.checked(**given_settings)
    except SettingError as error:
        assert str(error).endswith("try again.")
        assert len(str(error).splitlines()) == 1
    else:
        assert Mapping.checked(**mapping.model_dump()) == mapping


# --- TOML -------------------------------------------------------------------------------------------------------------
def test_a_mapping_is_written_with_a_comment_on_each_setting_and_without_defaults(
    snapshot: SnapshotAssertion,
) -> None:
    mapping = Mapping.checked(
        name="Our shop",
        separator=";",
        columns={"user_id": "Kundennummer", "category_id": None},
        event_words={"In den Warenkorb": "ADD_CART", "kauf": "BUY"},
        ignored_words=["suche"],
    )
    text = mapping_text(mapping)
    assert tomllib.loads(text).keys() == {"name", "separator", "ignored_words", "columns", "event_words"}
    assert text == snapshot


def test_every_setting_has_a_comment_of_its_own() -> None:
    about = [field.description for field in Mapping.model_fields.values()]
    assert all(about)
    assert len(set(about)) == len(about)


def test_comments_in_a_mapping_file_are_wrapped() -> None:
    text = mapping_text(load_mapping("complete_journey"))
    assert max(map(len, text.splitlines())) <= 120


_names = st.text(min_size=1, max_size=30).filter(lambda name: name.strip())
_formats = st.sampled_from(["auto", "epoch_seconds", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d", '%Y "%m" \\%d%%'])


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    """Generate valid mappings."""
    roles = len(Columns.model_fields)
    unique = st.lists(_names, min_size=roles, max_size=roles, unique_by=lambda name: name.strip().lower())
    columns: dict[str, str | None] = dict(zip(Columns.model_fields, draw(unique), strict=True))
    given: dict[str, Any] = {"columns": columns, "time_format": draw(_formats)}
    if given["time_format"] in EPOCHS or not has_time_of_day(given["time_format"]) or draw(st.booleans()):
        columns["time_of_day"] = None
    columns["category_id"] = draw(st.sampled_from([None, columns["category_id"]]))
    if draw(st.booleans()):
        columns["user_id"] = None
    elif draw(st.booleans()):
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
        time_zone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        duplicates=draw(st.sampled_from([None, "remove", "keep"])),
        least_usable=draw(st.floats(0, 1)),
    )


@QUICKLY
@given(mapping=mappings())
def test_any_mapping_survives_a_round_trip_through_toml(mapping: Mapping) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mapping.toml"
        path.write_text(mapping_text(mapping), encoding="utf-8")
        again = load_mapping(path)
    assert again == mapping
    assert again.digest == mapping.digest


def test_the_longest_valid_mapping_can_be_read_back() -> None:
    longest = [f"{at:03d}" + "\x01" * (LONGEST_TEXT - 3) for at in range(2 * MAX_WORDS)]
    mapping = Mapping.checked(
        event_words=dict.fromkeys(longest[:MAX_WORDS], "REMOVE_CART"), ignored_words=longest[MAX_WORDS:]
    )
    assert parse_mapping(mapping_text(mapping).encode(), "long.toml") == mapping


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_bytes(b'\xef\xbb\xbfdecimal = ","\r\n\r\n[columns]\r\nuser_id = "K\xc3\xa4ufer"\r\ncategory_id = ""\r\n')
    mapping = load_mapping(path)
    assert mapping.columns.user_id == "Käufer"
    assert mapping.columns.category_id is None
    assert load_mapping(str(path)) == mapping


NOT_TOML: dict[str, tuple[bytes, str]] = {
    "value": (b'name = "x"\ndecimal = ,\n', "line 2"),
    "table": (b'[columns\nuser_id = "x"', "line 1"),
    "string": (b'\n\nname = "x', "line 3"),
    "twice": (b'decimal = ","\ndecimal = "."', "line 2"),
    "csv": (b"event_time,event_type\n1,2", "line 1"),
    "encoding": (b'name = "a"\n# K\xe4ufer', "line 2"),
    "size": (b"#" * 1000001, "1 MB"),
    "nesting": (b"name = " + b"[" * 100000, ""),
    "digits": (b"name = " + b"9" * 10000, ""),
}
"""Content of a file, and what the message must say of the place."""


def file_refusal(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse_mapping(content, "shop.toml")
    return str(caught.value)


@pytest.mark.parametrize("kind", NOT_TOML)
def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path, kind: str) -> None:
    content, place = NOT_TOML[kind]
    path = tmp_path / "shop.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_mapping(path)
    assert str(caught.value).startswith("shop.toml ")
    assert place in str(caught.value)


def test_the_refusal_of_a_file_says_what_to_do_next(snapshot: SnapshotAssertion) -> None:
    assert {kind: file_refusal(content) for kind, (content, _) in NOT_TOML.items()} == snapshot


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"colums = 1", "colums"),
        (b"[columns]\nuid = 'x'", "columns.uid"),
        (b"[columns]\nprice = 1", "columns.price"),
        (b"[columns]\nproduct_id = ''", "columns.product_id"),
        (b"columns = []", "columns"),
        (b"least_usable = 2020-01-01", "least_usable"),
        (b"least_usable = '1'", "least_usable"),
        (b"decimal." + b"a." * 5000 + b"a = 1", "decimal"),
        (b"decimal = 0x" + b"f" * 50000, "decimal"),
    ],
)
def test_a_wrong_setting_in_a_file_is_refused_with_the_name_of_the_file(content: bytes, refused: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_mapping(content, "shop.toml")
    assert re.match(rf"shop\.toml: (There is no setting )?{refused}( is |\.)", str(caught.value))


@QUICKLY
@given(content=st.binary(max_size=60) | st.text(alphabet="[]={}\"'.,\n#ab1_ é", max_size=60).map(str.encode))
def test_any_file_is_read_or_refused_in_one_sentence(content: bytes) -> None:
    try:
        parse_mapping(content, "any.toml")
    except StudioError as error:
        assert str(error).startswith("any.toml")


@pytest.mark.parametrize("name", ["rees47", "", "x" * 5000, "a\0b"])
def test_an_unknown_name_is_refused_with_the_shipped_names(name: str) -> None:
    with pytest.raises(InputError, match=r"There is no mapping named .*complete_journey, online_retail or rees46"):
        load_mapping(name)


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    for given_path in (path, str(path), "absent.toml"):
        with pytest.raises(
            InputError, match=r"There is no file at .*absent.toml. Check the path, or choose another file."
        ):
            load_mapping(given_path)
    with pytest.raises(InputError, match="it is not a file"):
        load_mapping(tmp_path)
