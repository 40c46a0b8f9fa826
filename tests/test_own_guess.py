"""The guess of own columns: which columns of a log are useful, and why the others are not."""

from __future__ import annotations

import json
import random
import string
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from core import schema
from core.cli.main import main
from core.ingestion.completed_mapping import complete_mapping, own_note
from core.ingestion.drafts import draft_mapping, fitting_mapping, own_choices, own_settings
from core.ingestion.mapping import Guess, Mapping, guess_mapping, load_mapping, mapping_text, shipped_names
from core.ingestion.mapping.own_names import hint_of, is_known_afterwards, is_personal, own_name
from core.ingestion.mapping.settings import MAX_OWN
from core.ingestion.mapping.toml_file import parse_mapping
from core.ingestion.peek import Peek, peek

Row = dict[str, Any]


def guessed(rows: list[Row]) -> Guess:
    """Return the guess for a log, whose own columns must be part of a valid mapping."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    guess = guess_mapping(header, [[str(row.get(name, "")) for name in header] for row in rows])
    Mapping.checked(**guess.settings)
    return guess


def own(guess: Guess) -> dict[str, tuple[str, str]]:
    """Return column -> kind and level, for the columns that are taken."""
    return {
        column["column"]: (column["kind"], column.get("level", "event"))
        for column in guess.settings.get("own", {}).values()
    }


def reasons(guess: Guess) -> dict[str, str]:
    return {name: str(why.reason) for name, why in guess.unused.items()}


class Shop:
    """Events of a shop with users, products, and sessions of one to eight events."""

    def __init__(self, n_sessions: int = 300, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.users = [
            {
                "id": f"u{number}",
                "age": self.chance.randint(18, 80),
                "gender": self.chance.choice("fm"),
                "segment": self.chance.choice(["new", "regular", "vip"]),
                "joined": f"2024-{self.chance.randint(1, 12):02}-{self.chance.randint(1, 28):02}",
                "city": self.chance.choice(["Bonn", "Köln", "Ulm"]),
            }
            for number in range(90)
        ]
        self.products = [
            {
                "id": f"p{number}",
                "category": f"c{number % 7}",
                "brand": self.chance.choice(["aqua", "nova", "zest", "orbi"]),
                "price": round(self.chance.uniform(3, 300), 2),
                "weight": round(self.chance.uniform(0.1, 9), 3),
            }
            for number in range(120)
        ]
        self.events = [event for session in range(n_sessions) for event in self._session(session)]

    def _session(self, number: int) -> list[Row]:
        session = {
            "session": f"s{number}",
            "user": self.chance.choice(self.users),
            "device": self.chance.choice(["mobile", "desktop", "tablet"]),
            "source": self.chance.choice(["ads", "seo", "mail", "direct"]),
            "visit": self.chance.randint(1, 9),
        }
        start = 1_748_865_600 + 3_600 * number
        return [
            session
            | {
                "time": datetime.fromtimestamp(start + 60 * step, UTC),
                "product": self.chance.choice(self.products),
                "type": self.chance.choice(["VIEW"] * 5 + ["ADD_CART"] * 2 + ["BUY"]),
            }
            for step in range(self.chance.randint(1, 8))
        ]


def standard_row(event: Row) -> Row:
    """Return an event in the standard format."""
    return {
        "event_time": event["time"].isoformat(sep=" "),
        "event_type": event["type"],
        "product_id": event["product"]["id"],
        "category_id": event["product"]["category"],
        "user_id": event["user"]["id"],
        "user_session": event["session"],
        "session_value": "0",
    }


USEFUL = {
    "price": ("money", "event"),
    "list_price": ("money", "product"),
    "brand": ("category", "product"),
    "weight_kg": ("number", "product"),
    "device": ("category", "session"),
    "utm_source": ("category", "session"),
    "visit_number": ("number", "session"),
    "age": ("number", "user"),
    "gender": ("category", "user"),
    "segment": ("category", "user"),
    "registration_date": ("time", "user"),
    "customer_city": ("category", "user"),
    "is_promo": ("flag", "event"),
    "position": ("number", "event"),
}
USELESS = {
    **dict.fromkeys(["empty_1", "empty_2", "refund_amount"], "empty"),
    **dict.fromkeys(["schema_version", "app", "tenant", "legacy_flag", "order_status", "coupon"], "constant"),
    "rare": "mostly_empty",
    **dict.fromkeys(["row", "position_in_file"], "index"),
    **dict.fromkeys(["server_time", "weekday"], "event_time"),
    **dict.fromkeys(["product_code", "funnel_step"], "duplicate"),
    **dict.fromkeys(["revenue", "order_id", "payment_method", "tax", "shipping_cost"], "afterwards"),
    **dict.fromkeys(["session_duration", "pageviews", "converted", "session_total_value", "amount"], "afterwards"),
    **dict.fromkeys(["gift_wrap", "pieces"], "on_purchases"),
    "worth": "is_value",
    **dict.fromkeys(["email", "ip", "phone", "first_name", "street", "contact", "client_host"], "personal"),
    **dict.fromkeys(["raw_payload"], "records"),
    **dict.fromkeys(["page_url", "landing_page"], "url"),
    **dict.fromkeys(["user_agent", "description"], "text"),
    **dict.fromkeys(["event_id", "request_id", "user_no", "trace", "basket_key"], "identifier"),
    "margin_percent": "afterwards",
    "width_cm": "decimal_mark",
    "shelf_since": "time_format",
}


def wide_rows() -> list[Row]:
    """Return a log with 66 columns: 7 roles, 14 useful columns and 45 others."""
    shop = Shop()
    chance = shop.chance
    rows = []
    for number, event in enumerate(shop.events):
        user, product, bought = event["user"], event["product"], event["type"] == "BUY"
        user_number, product_number = int(user["id"][1:]), int(product["id"][1:])
        rows.append(
            standard_row(event)
            | {
                "session_value": 10 + int(event["session"][1:]),
                "price": product["price"],
                "list_price": round(product["price"] * (1, 1.1, 1.25)[product_number % 3], 2),
                "brand": product["brand"],
                "weight_kg": product["weight"],
                "device": event["device"],
                "utm_source": event["source"],
                "visit_number": event["visit"],
                "age": user["age"],
                "gender": user["gender"],
                "segment": user["segment"],
                "registration_date": user["joined"],
                "customer_city": user["city"],
                "is_promo": chance.choice(["true", "false"]),
                "position": chance.randint(1, 40),
                **dict.fromkeys(["empty_1", "empty_2", "refund_amount"], ""),
                **{"schema_version": 3, "app": "web", "tenant": 1, "legacy_flag": 0},
                "order_status": "paid" if bought else "",
                "coupon": "X10" if bought else "",
                "rare": f"x{number % 2}" if number % 400 < 2 else "",
                "row": number,
                "position_in_file": number + 17,
                "server_time": event["time"].isoformat(sep=" "),
                "weekday": event["time"].weekday(),
                "product_name": f"Thing {product_number}",
                "product_code": product["id"].upper(),
                "category_name": f"Aisle {product['category']}",
                "funnel_step": {"VIEW": "top", "ADD_CART": "middle", "BUY": "bottom"}[event["type"]],
                "revenue": product["price"] if bought else "",
                "order_id": f"o{number}" if bought else "",
                "payment_method": chance.choice(["card", "bill"]) if bought else "",
                "tax": product["price"] / 5 if bought else 0,
                "shipping_cost": chance.choice([0, 4.9]) if bought else 0,
                "session_duration": 300 + int(event["session"][1:]),
                "pageviews": chance.randint(1, 9),
                "converted": chance.choice("01"),
                "session_total_value": chance.randint(1, 99),
                "amount": chance.randint(1, 99),
                "gift_wrap": chance.choice(["red", "blue"]) if bought else "",
                "pieces": chance.randint(1, 3) if bought else 1,
                "worth": 10 + int(event["session"][1:]),
                "email": f"{user['id']}@example.org",
                "ip": f"10.0.{chance.randint(0, 255)}.{chance.randint(1, 254)}",
                "phone": f"0{chance.randint(1_000_000, 9_999_999)}",
                "first_name": chance.choice(["Ada", "Bob"]),
                "street": f"Way {chance.randint(1, 90)}",
                "contact": f"{user['id']}@mail.example",
                "client_host": f"10.1.{chance.randint(0, 255)}.{chance.randint(1, 254)}",
                "raw_payload": json.dumps({"a": number}),
                "page_url": f"https://shop.example/{product['id']}?n={number}",
                "landing_page": f"/sale/{chance.randint(1, 9)}",
                "user_agent": f"Mozilla/5.0 (X11; Linux x86_64; rv:{chance.randint(90, 130)}.0) Gecko/20100101",
                "description": f"One of the very nice things, number {chance.randint(1, 400)}",
                "event_id": f"{chance.getrandbits(64):016x}",
                "request_id": chance.getrandbits(48),
                "user_no": 10_000 + (7 * user_number) % 90,
                "trace": "".join(chance.choices(string.ascii_lowercase, k=12)),
                "basket_key": f"k{event['session']}-{chance.randint(1, 2)}",
                "margin_percent": chance.randint(1, 60),
                "width_cm": f"{chance.randint(1, 80)},5",
                "shelf_since": f"{chance.randint(1, 12)}/{chance.randint(13, 28)}/2024",
            }
        )
    return rows


def test_the_useful_columns_of_a_wide_log_are_taken_and_the_others_say_why_not() -> None:
    rows = wide_rows()
    guess = guessed(rows)
    assert own(guess) == USEFUL
    assert reasons(guess) == USELESS
    assert set(rows[0]) == {*schema.TRAIN_COLUMNS, *USEFUL, *USELESS, "product_name", "category_name"}
    assert guess.unused["product_code"].clause == "it repeats column product_id"
    assert guess.settings["names"] == {"product": "product_name", "category": "category_name"}


def test_the_guess_of_a_wide_log_fits_on_a_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    log, out = tmp_path / "wide.csv", tmp_path / "mapping.toml"
    pl.DataFrame(wide_rows(), infer_schema_length=None, strict=False).write_csv(log)
    assert main(["mapping", "guess", str(log), "--out", str(out)]) == 0
    screen = capsys.readouterr().out.replace(str(tmp_path), "FOLDER")
    assert len(screen.splitlines()) <= 40
    assert screen == snapshot
    mapping = load_mapping(out)
    assert {column.column for column in mapping.own.values()} == USEFUL.keys()
    assert main(["mapping", "guess", str(log), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["own"]["brand"] == {"column": "brand", "kind": "category", "level": "product"}
    assert {name: why["code"] for name, why in said["unused"].items()} == USELESS


def rees46_rows(**further: str) -> list[Row]:
    words = {"VIEW": "view", "ADD_CART": "cart", "BUY": "purchase"}
    return [
        {
            "event_time": event["time"].strftime("%Y-%m-%d %H:%M:%S UTC"),
            "event_type": words[event["type"]],
            "product_id": event["product"]["id"],
            "category_id": event["product"]["category"],
            "category_code": f"shop.{event['product']['category']}" if event["product"]["category"] != "c1" else "",
            "brand": event["product"]["brand"],
            "price": event["product"]["price"],
            "user_id": event["user"]["id"],
            "user_session": event["session"],
            **further,
        }
        for event in Shop().events
    ]


def test_rees46_has_price_and_brand() -> None:
    guess = guessed(rees46_rows())
    assert Mapping.checked(**guess.settings) == load_mapping("rees46")
    assert own(guess) == {"price": ("money", "event"), "brand": ("category", "product")}
    assert guess.settings["names"] == {"category": "category_code"}
    assert reasons(guess) == {}


def test_other_columns_of_a_log_with_an_included_mapping_are_listed_but_not_taken() -> None:
    rows = rees46_rows()
    for number, row in enumerate(rows):
        row["placement"] = ("list", "search", "advice")[number * 7 % 11 % 3]
    guess = guessed(rows)
    assert Mapping.checked(**guess.settings) == load_mapping("rees46")
    assert reasons(guess)["placement"] == "not_in_mapping"
    log = Peek("log.csv", tuple(rows[0]), tuple(tuple(map(str, row.values())) for row in rows))
    assert {
        "use": False,
        "column": "placement",
        "kind": "category",
        "level": "event",
        "why": "The included mapping does not use it.",
    } in own_choices(log, guess)


def test_an_included_mapping_reads_a_log_without_its_own_columns(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    pl.DataFrame([{name: cell for name, cell in row.items() if name != "brand"} for row in rees46_rows()]).write_csv(
        log
    )
    completed, notes = complete_mapping(log, load_mapping("rees46"))
    assert (list(completed.own), notes) == (["price"], [])
    assert fitting_mapping(peek(log), {name: load_mapping(name) for name in shipped_names()}) == "rees46"
    with_typing_error = load_mapping("rees46").model_dump(exclude_defaults=True)
    with_typing_error["own"] = {"brand": {"column": "brnad", "kind": "category"}}
    by_hand = Mapping.checked(**with_typing_error)
    assert complete_mapping(log, by_hand)[0].own == by_hand.own


def test_a_google_analytics_export_has_price_device_country_and_traffic_source() -> None:
    words = {"VIEW": "view_item", "ADD_CART": "add_to_cart", "BUY": "purchase"}
    chance = random.Random(2)
    rows = [
        {
            "event_date": f"{event['time']:%Y%m%d}",
            "event_timestamp": int(event["time"].timestamp()) * 1_000_000 + chance.randint(0, 999_999),
            "event_name": words[event["type"]],
            "event_bundle_sequence_id": chance.randint(1, 2_000_000_000),
            "user_pseudo_id": f"{event['user']['id'][1:]}.48271{event['user']['id'][1:]}",
            "user_first_touch_timestamp": (1_700_000_000 + 977 * int(event["user"]["id"][1:])) * 1_000_000,
            "user_ltv.revenue": chance.choice([0, 12.5, 80]),
            "device.category": event["device"],
            "device.operating_system": {"mobile": "Android", "tablet": "iOS"}.get(event["device"], "Windows"),
            "geo.country": chance.choice(["Germany", "Türkiye"]) if event["session"] < "s2" else "Austria",
            "traffic_source.source": event["source"],
            "stream_id": "2100450278",
            "platform": "WEB",
            "page_location": f"https://shop.example/{event['product']['id']}",
            "ecommerce.transaction_id": f"T{number}" if event["type"] == "BUY" else "",
            "ecommerce.purchase_revenue": event["product"]["price"] if event["type"] == "BUY" else "",
            "items.item_id": event["product"]["id"],
            "items.item_category": event["product"]["category"],
            "items.item_name": f"Thing {event['product']['id'][1:]}",
            "items.item_brand": event["product"]["brand"],
            "items.price": event["product"]["price"],
            "items.quantity": 1 if event["type"] != "BUY" else chance.randint(1, 3),
        }
        for number, event in enumerate(Shop().events)
    ]
    guess = guessed(rows)
    assert guess.missing == ()
    assert own(guess) == {
        "items.price": ("money", "event"),
        "user_first_touch_timestamp": ("time", "user"),
        "device.category": ("category", "session"),
        "geo.country": ("category", "session"),
        "traffic_source.source": ("category", "session"),
        "items.item_brand": ("category", "product"),
    }
    assert guess.settings["own"]["items_item_brand"]["column"] == "items.item_brand"
    assert reasons(guess) == {
        "items.quantity": "on_purchases",
        "event_date": "event_time",
        "event_bundle_sequence_id": "identifier",
        "user_ltv.revenue": "afterwards",
        "device.operating_system": "duplicate",
        "stream_id": "constant",
        "platform": "constant",
        "page_location": "url",
        "ecommerce.purchase_revenue": "afterwards",
        "items.item_name": "duplicate",
    }


def test_a_turkish_log_is_understood() -> None:
    words = {"VIEW": "GÖRÜNTÜLEME", "ADD_CART": "SEPETE_EKLE", "BUY": "SATIN_ALMA"}
    rows = [
        {
            "İşlem Zamanı": event["time"].strftime("%Y-%m-%d %H:%M:%S"),
            "İşlem Tipi": words[event["type"]],
            "Ürün ID": event["product"]["id"],
            "Ürün Adı": f"Şey {event['product']['id'][1:]}",
            "Marka": event["product"]["brand"],
            "Kategori": event["product"]["category"],
            "Kullanıcı ID": event["user"]["id"],
            "Ad Soyad": event["user"]["id"][::-1],
            "Yaş": event["user"]["age"],
            "Cinsiyet": event["user"]["gender"],
            "Oturum ID": event["session"],
            "Cihaz": event["device"],
            "Şehir": event["user"]["city"],
            "Birim Fiyat": event["product"]["price"],
            "İndirim Oranı": (0, 5, 10, 20)[number % 4],
            "Kargo Ücreti": (0, 29.9)[number % 2],
            "Sipariş No": f"o{number}" if event["type"] == "BUY" else "",
            "Ödeme Yöntemi": "kart" if number % 2 else "havale",
            "Kampanyalı": "evet" if number % 3 else "hayır",
        }
        for number, event in enumerate(Shop().events)
    ]
    guess = guessed(rows)
    assert guess.missing == ()
    assert own(guess) == {
        "Birim Fiyat": ("money", "event"),
        "Marka": ("category", "product"),
        "Yaş": ("number", "user"),
        "Cinsiyet": ("category", "user"),
        "Cihaz": ("category", "session"),
        "Şehir": ("category", "session"),
        "İndirim Oranı": ("number", "event"),
        "Kampanyalı": ("flag", "event"),
    }
    assert list(guess.settings["own"]) == [
        "birim_fiyat", "marka", "yas", "cinsiyet", "cihaz", "sehir", "indirim_orani", "kampanyali",
    ]  # fmt: skip
    assert guess.settings["names"] == {"product": "Ürün Adı"}
    assert reasons(guess) == {
        "Ad Soyad": "personal",
        "Kargo Ücreti": "afterwards",
        "Ödeme Yöntemi": "afterwards",
    }


def test_a_german_log_has_decimal_commas() -> None:
    rows = [
        standard_row(event)
        | {
            "session_value": "12,50" if event["type"] == "BUY" else "7,25",
            "Preis": f"{event['product']['price']:.2f}".replace(".", ","),
            "Gewicht (kg)": f"{event['product']['weight']:.3f}".replace(".", ","),
            "Kundengruppe": event["user"]["segment"],
            "Gerätetyp": event["device"],
            "Zahlungsart": "Rechnung" if number % 2 else "Karte",
            "PLZ": 50_000 + number % 37,
        }
        for number, event in enumerate(Shop().events)
    ]
    guess = guessed(rows)
    assert guess.settings["decimal"] == ","
    assert own(guess) == {
        "Preis": ("money", "event"),
        "Gewicht (kg)": ("number", "product"),
        "Kundengruppe": ("category", "user"),
        "Gerätetyp": ("category", "session"),
    }
    assert reasons(guess) == {"Zahlungsart": "afterwards", "PLZ": "personal"}


def shopify_rows() -> list[Row]:
    return [
        {
            "Name": f"#{1001 + int(event['session'][1:])}",
            "Email": f"{event['user']['id']}@example.org",
            "Financial Status": "paid",
            "Paid at": event["time"].isoformat(sep=" "),
            "Accepts Marketing": "yes" if int(event["user"]["id"][1:]) % 3 else "no",
            "Subtotal": 3 * number % 70,
            "Shipping": (0, 4.9)[number % 2],
            "Taxes": number / 5,
            "Total": 3 * number % 70 + 5,
            "Discount Code": ("", "WELCOME", "SUMMER")[number % 3],
            "Discount Amount": number % 7,
            "Created at": event["time"].replace(second=0, minute=0).isoformat(sep=" "),
            "Lineitem quantity": 1 + number % 3,
            "Lineitem name": f"Thing {event['product']['id'][1:]}",
            "Lineitem price": event["product"]["price"],
            "Lineitem sku": event["product"]["id"],
            "Billing City": event["user"]["city"],
            "Vendor": event["product"]["brand"],
            "Source": ("web", "pos")[int(event["session"][1:]) % 2],
            "Id": 5_000_000_000 + number,
            "Tags": "",
        }
        for number, event in enumerate(Shop().events)
    ]


def test_an_export_of_orders_keeps_only_what_is_known_before_the_purchase() -> None:
    guess = guessed(shopify_rows())
    assert guess.settings["every_event_is"] == "BUY"
    assert own(guess) == {
        "Lineitem price": ("money", "event"),
        "Accepts Marketing": ("flag", "user"),
        "Vendor": ("category", "product"),
        "Source": ("category", "session"),
    }
    found = reasons(guess)
    assert {name: found[name] for name in ("Subtotal", "Shipping", "Taxes", "Total", "Billing City")} == dict.fromkeys(
        ("Subtotal", "Shipping", "Taxes", "Total", "Billing City"), "afterwards"
    )
    assert (found["Lineitem quantity"], found["Discount Code"], found["Discount Amount"]) == ("of_purchases",) * 3
    assert guess.settings["names"] == {"product": "Lineitem name"}
    assert (found["Id"], found["Tags"]) == ("index", "empty")


def test_a_price_that_is_the_total_of_an_order_is_not_taken() -> None:
    rows = [{name: cell for name, cell in row.items() if name != "Lineitem price"} for row in shopify_rows()]
    totals: dict[str, str] = {}
    for row in rows:
        row["Total"] = totals.setdefault(row["Name"], f"{len(totals)}.50")
    guess = guessed(
        [{name: row[name] for name in ("Name", "Email", "Created at", "Lineitem sku", "Total")} for row in rows]
    )
    assert guess.settings["price_is"] == "order_total"
    assert (own(guess), reasons(guess)) == ({}, {"Total": "afterwards"})


def test_amounts_in_several_currencies_are_not_taken() -> None:
    rows = [
        standard_row(event) | {"price": event["product"]["price"], "currency": ("EUR", "USD")[number % 2]}
        for number, event in enumerate(Shop().events)
    ]
    assert reasons(guessed(rows))["price"] == "currencies"
    assert own(guessed([row | {"currency": "EUR"} for row in rows])) == {"price": ("money", "event")}


def test_a_name_that_occurs_twice_cannot_be_used() -> None:
    rows = rees46_rows()
    cells = [[*map(str, row.values()), "x"] for row in rows]
    guess = guess_mapping([*rows[0], "Brand"], cells)
    assert list(guess.settings["own"]) == ["price"]
    assert reasons(guess)["brand"] == "repeated"
    events = Shop().events
    standard = [[*map(str, standard_row(event).values()), "aab"[n % 3], "c"] for n, event in enumerate(events)]
    assert reasons(guess_mapping([*schema.TRAIN_COLUMNS, "page", "PAGE"], standard)) == {"page": "repeated"}


def test_few_rows_show_too_little() -> None:
    rows = wide_rows()
    few = guessed(rows[:19])
    assert own(few) == {}
    assert set(reasons(few).values()) == {"few_rows", "empty"}
    assert own(guessed(rows[:60])).items() >= {"price": ("money", "event"), "brand": ("category", "product")}.items()


def test_levels_of_columns_with_meaningless_names_follow_from_the_cells() -> None:
    rows = [
        standard_row(event)
        | {
            "x1": event["product"]["brand"],
            "x2": event["user"]["segment"],
            "x3": event["device"],
            "x4": ("a", "b", "c")[number % 3],
            "x5": event["product"]["brand"] if number % 10 else "other",
        }
        for number, event in enumerate(Shop().events)
    ]
    levels = {name: level for name, (_, level) in own(guessed(rows)).items()}
    assert levels == {"x1": "product", "x2": "user", "x3": "session", "x4": "event", "x5": "event"}


def test_cells_overrule_the_level_of_a_name_but_not_without_evidence() -> None:
    shop = Shop()
    rows = [standard_row(event) | {"device": ("a", "b")[number % 2]} for number, event in enumerate(shop.events)]
    assert own(guessed(rows))["device"] == ("category", "event")
    single = [
        standard_row(event) | {"brand": f"b{number % 9}", "product_id": f"p{number}"}
        for number, event in enumerate(shop.events)
    ]
    assert own(guessed(single))["brand"] == ("category", "product")


def test_equal_cells_by_chance_are_no_level() -> None:
    """Nearly all cells are equal, so that those of most products are equal, too."""
    rows = [
        standard_row(event) | {"x": "b" if number % 250 == 7 else "a"} for number, event in enumerate(Shop().events)
    ]
    assert own(guessed(rows))["x"] == ("category", "event")


def test_a_flag_is_not_a_number_and_a_number_of_pieces_is_not_a_flag() -> None:
    rows = [
        standard_row(event) | {"in_stock": number % 3 % 2, "quantity": number % 5 % 2}
        for number, event in enumerate(Shop().events)
    ]
    assert own(guessed(rows)) == {"in_stock": ("flag", "event"), "quantity": ("number", "event")}


def test_the_most_useful_columns_are_taken_if_there_are_too_many() -> None:
    chance = random.Random(5)
    rows = [
        standard_row(event)
        | {f"x{each}": chance.randint(0, 9) for each in range(MAX_OWN + 3)}
        | {"price": 9 + number % 5}
        for number, event in enumerate(Shop().events)
    ]
    guess = guessed(rows)
    assert len(own(guess)) == MAX_OWN
    assert "price" in own(guess)
    assert reasons(guess) == dict.fromkeys(
        [f"x{MAX_OWN - 1}", f"x{MAX_OWN}", f"x{MAX_OWN + 1}", f"x{MAX_OWN + 2}"], "too_many"
    )


_cells = st.text(max_size=8) | st.sampled_from(
    ["", "NA", "1", "0", "2,5", "1.234", "-3.5", "1e5", "yes", "no", "2024-05-01", "01/02/2019 10:00", "{", "[]", "€ 5",
     "https://a.example", "a@b.example", "+49 30 123456", "²", "x" * 300]
)  # fmt: skip


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_the_guess_for_any_columns_is_a_valid_mapping(data: st.DataObject) -> None:
    names = st.sampled_from(
        ["price", "qty", "brand", "Ürün", "a b", "A_B", "2nd", "x" * 90, "signup date", "№", "id", "a.b"]
    )
    further = data.draw(st.lists(names | st.text(max_size=6), min_size=1, max_size=6))
    pools = [data.draw(st.lists(_cells, min_size=1, max_size=4)) for _ in further]
    events = Shop(12).events
    header = [*standard_row(events[0]), *further]
    rows = [
        [*standard_row(event).values(), *(pool[(number * 7 + place) % len(pool)] for place, pool in enumerate(pools))]
        for number, event in enumerate(events)
    ]
    guess = guess_mapping(header, [list(map(str, row)) for row in rows])
    mapping = Mapping.checked(**guess.settings)
    assert parse_mapping(mapping_text(mapping).encode(), "guess") == mapping
    taken = {column["column"] for column in guess.settings.get("own", {}).values()}
    assert not taken & guess.unused.keys()
    assert all(why.clause for why in guess.unused.values())


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("itemBrand", "product"),
        ("device.category", "session"),
        ("customer_country", "user"),
        ("Kundensegment", "user"),
        ("cihaz tipi", "session"),
        ("screen size", "session"),
        ("size", "product"),
        ("sales_channel", "session"),
        ("shoe_size", None),
    ],
)
def test_names_have_levels(name: str, level: str | None) -> None:
    assert hint_of(name).level == level


@pytest.mark.parametrize(
    ("name", "is_afterwards"),
    [
        ("Total", True),
        ("transactionRevenue", True),
        ("Bestellnummer", True),
        ("ödeme_yöntemi", True),
        ("shippingtier", True),
        ("sales_channel", False),
        ("returning_visitor", False),
        ("border_color", False),
    ],
)
def test_names_of_what_is_known_afterwards(name: str, is_afterwards: bool) -> None:
    assert is_known_afterwards(name) == is_afterwards


def test_names_of_personal_data() -> None:
    assert all(
        map(is_personal, ["E-Mail", "Telefonnummer", "ad_soyad", "billing zip", "name", "clientIP", "Doğum Tarihi"])
    )
    assert not any(map(is_personal, ["item name", "ad_id", "is_mobile", "campaign", "zipped", "shipment", "iptal"]))


def test_names_of_own_columns_are_unique() -> None:
    taken: set[str] = set()
    for column in ("Ürün", "urun", "ürün!", "x" * 60, "x" * 61, "№", "1st"):
        taken.add(own_name(column, taken))
    assert taken == {"urun", "urun_2", "urun_3", "x" * 40, f"{'x' * 38}_2", "column", "column_1st"}


# --- note and form ----------------------------------------------------------------------------------------------------
def test_useful_columns_that_a_mapping_does_not_use_are_named(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    log = tmp_path / "log.csv"
    pl.DataFrame(wide_rows(), infer_schema_length=None, strict=False).write_csv(log)
    note = own_note(log, Mapping())
    assert note is not None
    assert "price, list_price, brand" in note
    assert note == snapshot
    assert own_note(log, Mapping.checked(**peek(log).guess().settings)) is None
    assert own_note(log, Mapping(own={})) is None  # a person chose none
    assert own_note(log, load_mapping("online_retail")) is None


def test_a_log_without_useful_columns_has_no_note(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for columns in ({}, {"note": ""}, {"revenue": 3, "version": "1"}):
        pl.DataFrame([standard_row(event) | columns for event in Shop(40).events]).write_csv(log)
        assert own_note(log, Mapping()) is None
    assert own_note(log, Mapping(session_gap_minutes=30)) is None  # the ids of sessions do not describe them
    assert own_note(tmp_path / "absent.csv", Mapping()) is None


def test_choices_in_the_form_begin_with_the_guess_and_become_a_mapping(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    pl.DataFrame(wide_rows(), infer_schema_length=None, strict=False).write_csv(log)
    draft = draft_mapping(peek(log))
    choices = own_choices(peek(log), draft)
    assert [choice["column"] for choice in choices if choice["use"]] == list(USEFUL)
    mapping = Mapping.checked(own=own_settings(choices))
    assert mapping == Mapping.checked(own=draft.settings["own"])
    by_column = {choice["column"]: choice for choice in choices}
    assert by_column["tax"] == {
        "use": False,
        "column": "tax",
        "kind": "number",
        "level": "event",
        "why": "Its name is that of something known only after a purchase or at the end of the session.",
    }
    by_column["tax"]["use"] = by_column["landing_page"]["use"] = True
    by_column["price"]["use"] = False
    changed = Mapping.checked(own=own_settings(choices)).own
    assert (changed["tax"].kind, changed["landing_page"].kind) == ("number", "category")
    assert "price" not in changed
