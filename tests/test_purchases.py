"""Session values that are sums of purchases: each kind of export compared with pandas, and damaged rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from core.dataset import Dataset, untrained_lines
from core.errors import InputError, SettingError
from core.ingestion.completed_mapping import complete_mapping
from core.ingestion.mapping import Mapping, load_mapping, mapping_text
from core.ingestion.mapping.toml_file import parse_mapping
from core.ingestion.peek import peek
from core.ingestion.rows.read_counts import OrderCount
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.schema import BUY, EVENT_CODE, UNKNOWN_ID, VIEW
from tests.events_on_the_spot import facts_of, must_add_up, store, values_of
from tests.rewriting import without_hashes

WEB = {
    "event_time": "time",
    "event_type": "event",
    "product_id": "item",
    "category_id": None,
    "user_id": "user",
    "user_session": "session",
    "price": "price",
}
WORDS = {"view": "VIEW", "cart": "ADD_CART", "purchase": "BUY"}
BUY_RATE = 0.3


def web_mapping(**settings: object) -> Mapping:
    columns = WEB | settings.pop("columns", {})  # type: ignore[operator]
    return Mapping.checked(value="price_of_buys", columns=columns, event_words=WORDS, **settings)


def web_log(seed: int = 1, sessions: int = 120) -> pd.DataFrame:
    """Return a log of clicks and purchases: one row per event, with order id, price and quantity."""
    chance = random.Random(seed)
    rows = []
    for session in range(sessions):
        user, start = f"u{session % 45}", 1_748_865_600 + 7_000 * session
        for step in range(chance.randint(1, 6)):
            bought = chance.random() < BUY_RATE
            for line in range(chance.randint(1, 3) if bought else 1):
                rows.append(
                    {
                        "time": pd.Timestamp(start + 40 * step, unit="s", tz="UTC").isoformat(sep=" "),
                        "event": "purchase" if bought else chance.choice(["view", "cart"]),
                        "item": f"p{chance.randint(0, 400)}-{line}",
                        "user": user,
                        "session": f"s{session}",
                        "order": f"o{session}-{step}" if bought else "",
                        "price": f"{chance.randint(1, 90_000) / 100:.2f}",
                        "pieces": str(chance.randint(1, 3)),
                    }
                )
    return pd.DataFrame(rows)


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def of_test(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        session="t" + frame["session"], order="t" + frame["order"].where(frame["order"] != "", other="")
    ).replace({"order": {"t": ""}})


def ingested(folder: Path, train: pd.DataFrame, mapping: Mapping, test: pd.DataFrame | None = None) -> Dataset:
    return store(folder, [], mapping, train=csv(train), test=csv(of_test(train) if test is None else test))


def sums(frame: pd.DataFrame, amount: pd.Series | None = None) -> dict[str, float]:
    """Return session -> sum of its purchases, computed with pandas."""
    amount = frame["price"].astype(float) if amount is None else amount
    bought = amount.where(frame["event"] == "purchase", 0.0)
    return bought.groupby(frame["session"]).sum().to_dict()


def reasons_of(dataset: Dataset) -> dict[str, str]:
    return dict(dataset.untrained().select("user_session", "reason").iter_rows())


# --- exports compared with pandas -------------------------------------------------------------------------------------
def test_prices_times_quantities_give_the_sums_of_pandas(tmp_path: Path) -> None:
    log = web_log()
    dataset = ingested(tmp_path, log, web_mapping(columns={"quantity": "pieces"}))
    amount = log["price"].astype(float) * log["pieces"].astype(int)
    assert values_of(dataset) == pytest.approx(sums(log, amount))
    assert dataset.untrained().is_empty()


def written(log: pd.DataFrame, form: Callable[[float], str]) -> pd.DataFrame:
    return log.assign(price=log["price"].astype(float).map(form))


FORMS: dict[str, Callable[[float], str]] = {
    "currency and thousands": lambda price: f"${price:,.2f}",
    "German": lambda price: f"{price:,.2f}".translate(str.maketrans(",.", ".,")) + " €",
    "French": lambda price: f"{price:,.2f}".replace(",", "\u202f").replace(".", ","),
    "Swiss": lambda price: f"CHF {price:,.2f}".replace(",", "'"),
    "accounting": lambda price: f"{price:,.2f}",
}


@pytest.mark.parametrize("form", FORMS)
def test_formatted_prices_give_the_sums_of_pandas(tmp_path: Path, form: str) -> None:
    log = web_log()
    log["price"] = (log["price"].astype(float) * 10).map("{:.2f}".format)  # thousands
    spelled = written(log, FORMS[form])
    decimal = "," if form in {"German", "French"} else None
    dataset = ingested(tmp_path, spelled, web_mapping(decimal=decimal))
    assert values_of(dataset) == pytest.approx(sums(log))
    assert dataset.untrained().is_empty()
    guess = peek(tmp_path / "files" / "train.csv").guess()
    assert guess.missing == ()
    assert guess.settings.get("decimal") == decimal
    assert guess.settings["columns"]["price"] == "price"


def test_numbers_with_an_ambiguous_decimal_mark_are_refused_until_the_mapping_sets_it(tmp_path: Path) -> None:
    log = web_log()
    log["price"] = [f"{1 + number % 900}.{number % 1000:03}" for number in range(len(log))]
    log.loc[::3, "price"] = "490"
    with pytest.raises(InputError, match=r'Set decimal = "\." or decimal = ","'):
        ingested(tmp_path, log, web_mapping())
    guess = peek(tmp_path / "files" / "train.csv").guess()
    assert guess.missing == ("price",)
    for mark, plain in ((",", log["price"].str.replace(".", "")), (".", log["price"])):
        dataset = ingested(tmp_path / f"d{ord(mark)}", log, web_mapping(decimal=mark))
        assert values_of(dataset) == pytest.approx(sums(log, plain.astype(float)))


def test_numbers_with_the_other_decimal_mark_are_quarantined_not_misread(tmp_path: Path) -> None:
    log = web_log()
    spelled = log.copy()
    other = log.index[log.index % 12 == 0]
    spelled.loc[other, "price"] = spelled.loc[other, "price"].str.replace(".", ",")
    dataset = ingested(tmp_path, spelled, web_mapping(least_usable=0.5))
    lost = set(log.loc[other].query("event == 'purchase'")["session"])
    true = sums(log)
    assert reasons_of(dataset) == dict.fromkeys(lost, "lost_purchase")
    assert values_of(dataset) == pytest.approx(
        {session: None if session in lost else value for session, value in true.items()}
    )


def test_purchases_without_a_product_count(tmp_path: Path) -> None:
    log = web_log()
    nameless = log.assign(item=log["item"].where(log["event"] != "purchase", other=""))
    dataset = ingested(tmp_path, nameless, web_mapping())
    assert values_of(dataset) == pytest.approx(sums(log))
    assert {fact[3] for fact in facts_of(dataset) if fact[5] == "BUY"} == {UNKNOWN_ID}
    must_add_up(dataset)


def test_returned_lines_reduce_the_value_of_a_session(tmp_path: Path) -> None:
    log = web_log()
    bought = log[log["event"] == "purchase"]
    returned = bought.iloc[::4].assign(pieces=lambda rows: "-" + rows["pieces"])
    both = pd.concat([log, returned], ignore_index=True)
    amount = both["price"].astype(float) * both["pieces"].astype(int)
    dataset = ingested(tmp_path, both, web_mapping(columns={"quantity": "pieces"}))
    assert values_of(dataset) == pytest.approx(sums(both, amount), abs=1e-6)


def test_a_session_that_returns_more_than_it_buys_has_no_known_value(tmp_path: Path) -> None:
    log = web_log()
    chosen = log.loc[log["event"] == "purchase", "session"].iloc[0]
    log.loc[log["session"] == chosen, "price"] = "-" + log.loc[log["session"] == chosen, "price"]
    dataset = ingested(tmp_path, log, web_mapping())
    assert reasons_of(dataset) == {chosen: "more_returned"}
    true = sums(log)
    assert values_of(dataset) == pytest.approx(true | {chosen: None})
    assert dataset.card().untrained_value == pytest.approx(true[chosen])


def order_totals(log: pd.DataFrame) -> pd.DataFrame:
    total = log["price"].astype(float).groupby(log["order"]).transform("sum")
    return log.assign(price=total.where(log["event"] == "purchase").map("{:.2f}".format, na_action="ignore"))


@pytest.mark.parametrize("where", ["on every row", "on the first row"])
def test_an_order_total_counts_once_for_each_order(tmp_path: Path, where: str) -> None:
    log = web_log()
    repeated = order_totals(log)
    if where == "on the first row":
        repeated["price"] = repeated["price"].where(~repeated.duplicated("order"))
    total = order_totals(log).drop_duplicates(["session", "order"])
    wanted = dict.fromkeys(log["session"], 0.0) | sums(total, total["price"].astype(float))
    for name, mapping in (
        ("said", web_mapping(columns={"order_id": "order"}, price_is="order_total")),
        ("found", web_mapping()),
    ):
        dataset = ingested(tmp_path / name, repeated, mapping)
        assert values_of(dataset) == pytest.approx(wanted)
        assert dataset.untrained().is_empty()
        assert bool(dataset.card().mapping_notes) == (name == "found")


def test_a_session_with_differing_or_missing_order_totals_has_no_known_value(tmp_path: Path) -> None:
    log = web_log()
    repeated = order_totals(log)
    several = repeated[repeated["order"] != ""].groupby("order").filter(lambda rows: len(rows) > 1)
    orders = list(dict.fromkeys(several["order"]))
    repeated.loc[several.index[several["order"] == orders[0]][0], "price"] = "1.00"
    repeated.loc[repeated["order"] == orders[1], "price"] = None
    mapping = web_mapping(columns={"order_id": "order"}, price_is="order_total")
    dataset = ingested(tmp_path, repeated, mapping)
    sessions = [order.split("-")[0].replace("o", "s") for order in orders[:2]]
    assert reasons_of(dataset) == dict(zip(sessions, ("differing_totals", "no_total"), strict=True))


@pytest.mark.parametrize("later", [45, 86_400], ids=["reloaded", "the next day"])
def test_a_purchase_that_is_sent_again_counts_once(tmp_path: Path, later: int) -> None:
    log = web_log()
    again = log[(log["event"] == "purchase") & (log.index % 3 == 0)].copy()
    again["time"] = (pd.to_datetime(again["time"]) + pd.Timedelta(seconds=later)).map(lambda t: t.isoformat(sep=" "))
    if later == 86_400:
        again["session"] = "again " + again["session"]
    sent = pd.concat([log, again], ignore_index=True)
    dataset = ingested(tmp_path, sent, web_mapping())
    card = dataset.card()
    known = {session: value for session, value in values_of(dataset).items() if not session.startswith("again")}
    assert known == pytest.approx(sums(log))
    assert (card.train.sent_twice, card.train.removed) == (len(again), len(again))
    must_add_up(dataset)
    if later == 86_400:
        assert card.test.sent_twice == 0  # the sessions to predict all stay
        assert not any(session.startswith("again") for session in values_of(dataset))
    else:
        assert card.test.sent_twice == len(again)


def test_equal_lines_of_one_order_are_two_pieces(tmp_path: Path) -> None:
    log = web_log()
    first = log[log["event"] == "purchase"].iloc[:2]
    twice = pd.concat([log, first], ignore_index=True)
    dataset = ingested(tmp_path, twice, web_mapping(columns={"order_id": "order"}))
    assert values_of(dataset) == pytest.approx(sums(twice))
    assert dataset.card().train.sent_twice == 0


def test_an_export_with_doubled_purchases_is_refused_until_the_mapping_decides(tmp_path: Path) -> None:
    log = web_log()
    doubled = pd.concat([log, log[log["event"] == "purchase"]], ignore_index=True)
    with pytest.raises(InputError, match='set duplicates = "remove" to count each once'):
        ingested(tmp_path, doubled, web_mapping())
    once = ingested(tmp_path / "once", doubled, web_mapping(duplicates="remove"))
    assert values_of(once) == pytest.approx(sums(log.drop_duplicates()))
    each = ingested(tmp_path / "each", doubled, web_mapping(duplicates="keep"))
    assert values_of(each) == pytest.approx(sums(doubled))


def shop_orders(seed: int = 3) -> pd.DataFrame:
    """Return orders in Shopify's format: status and currency are only on the first row of an order."""
    chance = random.Random(seed)
    rows = []
    for order in range(90):
        status = chance.choice(["paid", "paid", "paid", "refunded", "voided"])
        for line in range(chance.randint(1, 3)):
            rows.append(
                {
                    "Name": f"#{1000 + order}",
                    "Email": f"c{order % 40}@example.org",
                    "Financial Status": status if line == 0 else "",
                    "Currency": "EUR" if line == 0 else "",
                    "Created at": f"2025-03-{1 + order % 25:02} 10:{order % 60:02}:05 +0300",
                    "Lineitem quantity": chance.randint(1, 3),
                    "Lineitem price": chance.randint(100, 9_000) / 100,
                    "Lineitem sku": f"sku{chance.randint(0, 30)}",
                }
            )
    return pd.DataFrame(rows)


def shop_sums(orders: pd.DataFrame, rates: dict[str, float] | None = None) -> dict[str, float]:
    filled = orders.replace("", None).groupby("Name")[["Financial Status", "Currency"]].transform("first")
    amount = orders["Lineitem quantity"] * orders["Lineitem price"]
    amount = amount.where(filled["Financial Status"] == "paid", 0.0)
    if rates:
        amount *= filled["Currency"].map(rates)
    return amount.groupby([orders["Email"], orders["Created at"]]).sum().to_dict()


def by_user_and_time(dataset: Dataset) -> dict[tuple[str, str], float | None]:
    found = {}
    for session, value in values_of(dataset).items():
        user, time = session.rsplit("@", 1)
        found[user, f"{pd.Timestamp(time).tz_convert('Etc/GMT-3'):%Y-%m-%d %H:%M:%S} +0300"] = value
    return found


def test_orders_that_were_refunded_or_voided_are_worth_nothing(tmp_path: Path) -> None:
    orders = shop_orders()
    train, test = csv(orders), csv(orders.assign(Email="x" + orders["Email"]))
    (tmp_path / "orders.csv").write_bytes(train)
    guess = peek(tmp_path / "orders.csv").guess()
    assert guess.missing == ()
    mapping = Mapping.checked(**guess.settings)
    assert mapping.columns.named()["order_status"] == "Financial Status"
    dataset = store(tmp_path, [], mapping, train=train, test=test)
    assert by_user_and_time(dataset) == pytest.approx(shop_sums(orders))


def test_a_session_with_an_unknown_order_status_has_no_known_value(tmp_path: Path) -> None:
    orders = shop_orders()
    orders.loc[orders["Name"] == "#1003", "Financial Status"] = ["pending", "", ""][: (orders["Name"] == "#1003").sum()]
    (tmp_path / "orders.csv").write_bytes(csv(orders))
    guess = peek(tmp_path / "orders.csv").guess()
    assert "Unknown: pending." in guess.reasons["order_status"]
    test = csv(orders.assign(Email="x" + orders["Email"]))
    dataset = store(tmp_path, [], Mapping.checked(**guess.settings), train=csv(orders), test=test)
    assert list(reasons_of(dataset).values()) == ["unclear_status"]
    settings = guess.settings | {"counted_status": [*guess.settings["counted_status"], "pending"]}
    said = store(tmp_path / "said", [], Mapping.checked(**settings), train=csv(orders), test=test)
    paid = orders.assign(**{"Financial Status": orders["Financial Status"].replace("pending", "paid")})
    assert by_user_and_time(said) == pytest.approx(shop_sums(paid))


def test_several_currencies_are_refused_or_converted(tmp_path: Path) -> None:
    orders = shop_orders()
    orders["Currency"] = (
        orders["Currency"].where(orders["Name"].str[-1].astype(int) % 2 == 0, "TRY").where(orders["Currency"] != "", "")
    )
    train, test = csv(orders), csv(orders.assign(Email="x" + orders["Email"]))
    (tmp_path / "orders.csv").write_bytes(train)
    guess = peek(tmp_path / "orders.csv").guess()
    assert guess.missing == ("currency",)
    with pytest.raises(InputError, match=r"Column Currency of train.csv has several currencies \(EUR and TRY\)"):
        store(tmp_path, [], Mapping.checked(**guess.settings), train=train, test=test)
    settings = guess.settings | {"currency": "EUR", "currency_rates": {"TRY": 0.025}}
    dataset = store(tmp_path / "rates", [], Mapping.checked(**settings), train=train, test=test)
    assert by_user_and_time(dataset) == pytest.approx(shop_sums(orders, {"EUR": 1.0, "TRY": 0.025}), abs=1e-6)


def test_a_session_with_a_currency_without_a_rate_has_no_known_value(tmp_path: Path) -> None:
    log = web_log().assign(cur="EUR")
    buys = log.index[log["event"] == "purchase"]
    log.loc[buys[0], "cur"] = "JPY"
    mapping = web_mapping(columns={"currency": "cur"}, currency="EUR", currency_rates={"USD": 0.9})
    dataset = ingested(tmp_path, log, mapping)
    assert reasons_of(dataset) == {log.loc[buys[0], "session"]: "unknown_currency"}


def test_signs_of_several_currencies_next_to_prices_are_refused(tmp_path: Path) -> None:
    log = web_log()
    log["price"] = ["€ " + price if place % 2 else "$" + price for place, price in enumerate(log["price"])]
    with pytest.raises(InputError, match=r"The price column of train.csv has several currencies \(\$ and EUR\)"):
        ingested(tmp_path, log, web_mapping())


def test_the_notes_of_a_stored_dataset_are_those_of_the_latest_mapping(tmp_path: Path) -> None:
    log = web_log()
    silent = ingested(tmp_path, log, web_mapping())
    notes = silent.card().mapping_notes
    assert any("order" in note for note in notes)
    explicit = ingested(tmp_path, log, web_mapping(columns={"order_id": "order", "order_status": None}))
    assert explicit.fingerprint == silent.fingerprint
    assert explicit.card().mapping_notes == ()
    assert ingested(tmp_path, log, web_mapping()).card().mapping_notes == notes


def test_an_excluded_order_id_is_not_used_for_order_totals(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(csv(order_totals(web_log())))
    mapping = web_mapping(columns={"order_id": None})
    completed, _ = complete_mapping(tmp_path / "log.csv", mapping)
    assert (completed.columns.order_id, completed.price_is) == (None, "row")


def test_a_mapping_can_exclude_orders(tmp_path: Path) -> None:
    log = web_log()
    again = log[log["event"] == "purchase"].copy()
    again["time"] = (pd.to_datetime(again["time"]) + pd.Timedelta(seconds=60)).map(lambda t: t.isoformat(sep=" "))
    sent = pd.concat([log, again], ignore_index=True)
    without = web_mapping(columns={"order_id": None, "order_status": None, "currency": None})
    assert parse_mapping(mapping_text(without).encode(), "shop.toml").columns.model_fields_set >= {"order_id"}
    dataset = ingested(tmp_path, sent, parse_mapping(mapping_text(without).encode(), "shop.toml"))
    assert values_of(dataset) == pytest.approx(sums(sent))


def test_a_mapping_with_values_in_a_column_or_without_a_file_is_not_completed(tmp_path: Path) -> None:
    log = web_log()
    (tmp_path / "log.csv").write_bytes(csv(log))
    assert complete_mapping(tmp_path / "log.csv", Mapping()) == (Mapping(), [])
    rees46 = load_mapping("rees46")
    assert complete_mapping(tmp_path / "absent.csv", rees46) == (rees46, [])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"price_is": "order_total"}, "columns.order_id is missing"),
        ({"columns": {"order_id": "order", "quantity": "pieces"}, "price_is": "order_total"}, "columns.quantity is"),
        ({"columns": {"order_status": "state"}}, "counted_status is missing"),
        ({"counted_status": ["paid"]}, "columns.order_status is missing"),
        (
            {"columns": {"order_status": "state"}, "counted_status": ["paid"], "void_status": ["PAID"]},
            "void_status is 'paid'",
        ),
        ({"currency_rates": {"USD": 1.1}}, "columns.currency is missing"),
        ({"columns": {"currency": "cur"}, "currency_rates": {"USD": 0.0}, "currency": "EUR"}, "currency_rates.USD is"),
        (
            {"columns": {"currency": "cur"}, "currency_rates": {"USD": 1.0, "usd": 2.0}, "currency": "EUR"},
            "currency_rates is 'usd'",
        ),
        (
            {"columns": {"currency": "cur"}, "currency_rates": {"eur": 2.0}, "currency": "EUR"},
            "currency_rates is 'eur'",
        ),
    ],
)
def test_order_settings_without_the_setting_they_need_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingError) as refused:
        web_mapping(**settings)
    assert str(refused.value).startswith(sentence)


# --- exports of other shops -------------------------------------------------------------------------------------------
def later(rows: pd.DataFrame, seconds: int) -> pd.DataFrame:
    moved = pd.to_datetime(rows["time"]) + pd.Timedelta(seconds=seconds)
    return rows.assign(time=moved.map(lambda moment: moment.isoformat(sep=" ")))


def test_a_purchase_repeated_a_second_later_counts_once(tmp_path: Path) -> None:
    log = web_log()
    twice = pd.concat([log, later(log[log["event"] == "purchase"], 1)], ignore_index=True)
    assert values_of(ingested(tmp_path, twice, web_mapping())) == pytest.approx(sums(log))


def test_purchases_that_a_join_repeats_with_another_category_are_refused(tmp_path: Path) -> None:
    log = web_log().assign(cat="a")
    joined = pd.concat([log, log[log["event"] == "purchase"].assign(cat="b")], ignore_index=True)
    mapping = {"category_id": "cat", "order_id": None}
    with pytest.raises(InputError, match=r"purchase rows in train\.csv are equal to another row"):
        ingested(tmp_path, joined, web_mapping(columns=mapping))
    once = ingested(tmp_path / "once", joined, web_mapping(columns=mapping, duplicates="remove"))
    assert values_of(once) == pytest.approx(sums(log.drop_duplicates()))


def test_order_totals_of_void_orders_are_not_session_values(tmp_path: Path) -> None:
    """In this log each order is a session, and its total is on all of its rows."""
    orders = shop_orders().drop(columns=["Lineitem quantity", "Name"])
    orders["order_id"] = shop_orders()["Name"]
    filled = orders.groupby("order_id")["Financial Status"].transform("first")
    orders["order_status"] = "wc-" + filled.replace("paid", "completed").replace("voided", "cancelled")
    orders["order_total"] = orders.groupby("order_id")["Lineitem price"].transform("sum").round(2)
    orders = orders.drop(columns=["Financial Status", "Currency", "Lineitem price"])
    (tmp_path / "orders.csv").write_bytes(csv(orders))
    guess = peek(tmp_path / "orders.csv").guess()
    assert (guess.settings["value"], guess.settings["price_is"]) == ("price_of_buys", "order_total")
    test = csv(orders.assign(order_id="x" + orders["order_id"]))
    dataset = store(tmp_path, [], Mapping.checked(**guess.settings), train=csv(orders), test=test)
    first = orders.drop_duplicates("order_id").set_index("order_id")
    wanted = first["order_total"].where(first["order_status"] == "wc-completed", 0.0)
    assert values_of(dataset) == pytest.approx(wanted.to_dict())


def test_a_few_unambiguous_cells_decide_the_decimal_mark_of_a_column(tmp_path: Path) -> None:
    log = web_log()
    log["price"] = [("400", "7.250", "12,50")[0 if number % 10 else number // 10 % 2 + 1] for number in range(len(log))]
    with pytest.raises(InputError, match=r"7\.250 in column price of train\.csv has two readings"):
        ingested(tmp_path, log, web_mapping())
    guess = peek(tmp_path / "files" / "train.csv").guess()
    assert (guess.missing, guess.settings["decimal"]) == ((), ",")


@pytest.mark.parametrize(
    ("statuses", "value"),
    [(("paid", "refunded"), None), (("paid", "paid"), 60.0), (("refunded", "refunded"), 0.0), (("paid", ""), 60.0)],
)
def test_an_order_with_contradictory_statuses_has_no_known_value(
    tmp_path: Path, statuses: tuple[str, str], value: float | None
) -> None:
    log = web_log().assign(state="paid")
    rows = [
        {"time": "2025-06-01 10:00:00+00:00", "event": "purchase", "item": f"x{line}", "user": "v", "session": "MIX"}
        | {"order": "mix", "price": "30", "pieces": "1", "state": status}
        for line, status in enumerate(statuses)
    ]
    both = pd.concat([log, pd.DataFrame(rows)], ignore_index=True)
    mapping = web_mapping(
        columns={"order_id": "order", "order_status": "state"}, counted_status=["paid"], void_status=["refunded"]
    )
    dataset = ingested(tmp_path, both, mapping)
    assert values_of(dataset)["MIX"] == value
    assert reasons_of(dataset) == ({"MIX": "unclear_status"} if value is None else {})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("status", "payée", "remboursée"), ("status", "betaald", "terugbetaald"), ("cancelled", "false", "true")],
)
def test_refunds_are_recognised_in_several_languages_and_as_flags(
    tmp_path: Path, name: str, good: str, bad: str
) -> None:
    log = web_log()
    log[name] = [bad if int(session[1:]) % 9 == 0 else good for session in log["session"]]
    dataset = ingested(tmp_path, log, web_mapping())
    amount = log["price"].astype(float).where(log[name] == good, 0.0)
    assert values_of(dataset) == pytest.approx(sums(log, amount))


def test_a_column_of_unknown_statuses_is_mentioned_in_the_notes(tmp_path: Path) -> None:
    log = web_log()
    log["payment_status"] = ["kifizetve" if number % 9 else "visszatérítve" for number in range(len(log))]
    notes = ingested(tmp_path, log, web_mapping()).card().mapping_notes
    (note,) = [note for note in notes if "payment_status" in note]
    assert "kifizetve and visszatérítve" in note


@pytest.mark.parametrize("name", ["currency", "para_birimi"])
def test_currencies_are_recognised_by_code_and_sign(tmp_path: Path, name: str) -> None:
    log = web_log()
    log[name] = ["TL" if number % 9 else "USD" for number in range(len(log))]
    with pytest.raises(InputError, match=r"has several currencies \(TRY and USD\)"):
        ingested(tmp_path, log, web_mapping())
    one = log.assign(**{name: "USD"}, price="$" + log["price"])
    assert values_of(ingested(tmp_path / "one", one, web_mapping())) == pytest.approx(sums(log))


def test_a_visit_that_lost_a_purchase_before_a_log_in_has_no_known_value(tmp_path: Path) -> None:
    log = web_log()
    visit = {"time": "2025-06-01 10:00:00+00:00", "event": "view", "item": "x", "user": "cookie", "session": "VISIT"}
    visit |= {"order": "", "price": "50", "pieces": "1"}
    rows = [
        visit,
        visit | {"time": "2025-06-01 10:05:00+00:00", "event": "purchase", "session": ""},
        visit | {"time": "2025-06-01 10:07:00+00:00", "user": "account"},
    ]
    dataset = ingested(tmp_path, pd.concat([log, pd.DataFrame(rows)], ignore_index=True), web_mapping())
    assert reasons_of(dataset) == {"VISIT": "lost_purchase"}


@pytest.mark.parametrize("change", ["user", "order"])
def test_a_purchase_sent_again_under_another_user_or_a_number_with_a_decimal_counts_once(
    tmp_path: Path, change: str
) -> None:
    log = web_log()
    log["order"] = log["order"].str.replace("o", "9").str.replace("-", "00")
    again = later(log[log["event"] == "purchase"], 45)
    again = (
        again.assign(user="cookie " + again["user"]) if change == "user" else again.assign(order=again["order"] + ".0")
    )
    dataset = ingested(tmp_path, pd.concat([log, again], ignore_index=True), web_mapping(columns={"order_id": "order"}))
    assert values_of(dataset) == pytest.approx(sums(log))


def test_the_total_of_an_order_in_two_sessions_counts_in_the_first(tmp_path: Path) -> None:
    log = order_totals(web_log())
    total = log.drop_duplicates(["session", "order"])
    wanted = dict.fromkeys(log["session"], 0.0) | sums(total, total["price"].astype(float))
    back = later(log[log["event"] == "purchase"], 300)
    back = back.assign(session="back " + back["session"], item="other " + back["item"])
    mapping = web_mapping(columns={"order_id": "order"}, price_is="order_total")
    dataset = ingested(tmp_path, pd.concat([log, back], ignore_index=True), mapping)
    assert values_of(dataset) == pytest.approx(wanted)


def test_equal_returns_and_till_scans_are_not_repeated_purchases(tmp_path: Path) -> None:
    log = web_log()
    first = log[log["event"] == "purchase"].iloc[:1]
    returned = [later(first.assign(price="-1.00"), seconds) for seconds in (60, 90)]
    dataset = ingested(tmp_path, pd.concat([log, *returned], ignore_index=True), web_mapping())
    assert values_of(dataset)[first["session"].item()] == pytest.approx(sums(log)[first["session"].item()] - 2)
    till = log[log["event"] == "purchase"]
    scans = pd.concat([till, later(till, 6)], ignore_index=True)
    mapping = web_mapping(columns={"order_id": "order"})
    assert values_of(ingested(tmp_path / "till", scans, mapping)) == pytest.approx(sums(scans))


def test_a_shop_with_a_single_price_has_no_order_totals(tmp_path: Path) -> None:
    log = web_log().assign(price="12.00")
    assert values_of(ingested(tmp_path, log, web_mapping())) == pytest.approx(sums(log))


def test_orders_are_found_where_purchases_come_after_thousands_of_views(tmp_path: Path) -> None:
    log = web_log().assign(status="paid")
    refunded = log["session"].str[-1] == "3"
    log.loc[refunded, "status"] = "refunded"
    views = pd.concat([log[log["event"] == "view"]] * 60).assign(status="", order="")
    late = pd.concat([views, log[log["event"] != "view"]], ignore_index=True)
    dataset = ingested(tmp_path, late, web_mapping())
    assert values_of(dataset) == pytest.approx(
        sums(late, late["price"].astype(float).where(late["status"] == "paid", 0.0))
    )


def test_order_totals_on_rows_without_a_product_are_not_repeated_purchases(tmp_path: Path) -> None:
    log = order_totals(web_log()).assign(item="")
    mapping = web_mapping(columns={"order_id": "order"}, price_is="order_total")
    total = log.drop_duplicates(["session", "order"])
    wanted = dict.fromkeys(log["session"], 0.0) | sums(total, total["price"].astype(float))
    assert values_of(ingested(tmp_path, log, mapping)) == pytest.approx(wanted)


# --- lost purchases ---------------------------------------------------------------------------------------------------
def test_a_log_without_usable_purchases_is_refused_whatever_its_other_rows(tmp_path: Path) -> None:
    log = web_log()
    log.loc[log["event"] == "purchase", "price"] = "call us"
    views = pd.concat([log, *[log[log["event"] == "view"]] * 20], ignore_index=True)
    bought = int((log["event"] == "purchase").sum())
    with pytest.raises(InputError, match=rf"Only 0 of {bought} purchases in train.csv are valid"):
        ingested(tmp_path, views, web_mapping(duplicates="keep"))


def test_lost_purchases_are_counted_with_their_sessions_and_revenue(tmp_path: Path) -> None:
    log = web_log()
    buys = log[log["event"] == "purchase"]
    one = buys.index[0]
    spoiled = log.copy()
    spoiled.loc[one, "time"] = "yesterday"
    session = log.loc[one, "session"]
    dataset = ingested(tmp_path, spoiled, web_mapping())
    card = dataset.card()
    assert reasons_of(dataset) == {session: "lost_purchase"}
    assert card.lost_value == pytest.approx(float(log.loc[one, "price"]))
    assert card.untrained_value == pytest.approx(sums(log)[session] - float(log.loc[one, "price"]))
    assert (card.train.lost_purchases, card.train.purchases) == (1, len(buys) - 1)
    first, second = untrained_lines(card)
    assert first.startswith("1 of 120 train sessions is not used for training: for 1, a purchase row is or may be")
    assert second.startswith("The quarantined purchases of the train file add up to at least ")


def test_a_log_with_many_unknown_session_values_is_refused(tmp_path: Path) -> None:
    """Few rows are lost but many sessions: training on the rest would be biased to small orders."""
    log = web_log()
    buys = log[log["event"] == "purchase"]
    chosen = buys.drop_duplicates("session").index[: buys["session"].nunique() // 4]
    log.loc[chosen, "price"] = ""
    with pytest.raises(InputError, match=r"sessions in train\.csv is unknown"):
        ingested(tmp_path, log, web_mapping(least_usable=0.8))


def cut(line: str, chance: random.Random) -> str:
    return line[: chance.randint(1, max(1, len(line) - 1))]


DAMAGES: dict[str, Callable[[list[str], random.Random], str]] = {
    "an empty cell": lambda cells, chance: ",".join(_with(cells, chance.randrange(len(cells)), "")),
    "a word for a price": lambda cells, chance: ",".join(_with(cells, len(cells) - 2, "free")),
    "no time": lambda cells, chance: ",".join(_with(cells, 0, "never")),
    "an unknown word": lambda cells, chance: ",".join(_with(cells, 1, "prchase")),
    "a NUL": lambda cells, chance: ",".join(_with(cells, 4, cells[4] + "\x00")),
    "a line cut short": lambda cells, chance: cut(",".join(cells), chance),
    "a cell too many": lambda cells, chance: ",".join([*cells[:3], "x", *cells[3:]]),
    "an open quote": lambda cells, chance: '"' + ",".join(cells),
}


def _with(cells: list[str], place: int, text: str) -> list[str]:
    return [*cells[:place], text, *cells[place + 1 :]]


@pytest.mark.parametrize("gap", [False, True], ids=["sessions named", "sessions by pauses"])
@pytest.mark.parametrize("seed", range(5))
def test_a_session_never_trains_with_a_value_that_damage_changed(tmp_path: Path, seed: int, *, gap: bool) -> None:
    """After random damage, a session has its true value or none; otherwise its lost row is counted as unassigned."""
    chance = random.Random(seed)
    log = web_log(seed)
    if gap:
        log = log.drop(columns="session")
    lines = csv(log).decode().splitlines()
    spoiled = [lines[0]]
    for line in lines[1:]:
        damage = DAMAGES[chance.choice(list(DAMAGES))]
        spoiled.append(damage(line.split(","), chance) if chance.random() < 0.06 else line)
    columns = {"user_session": None, "order_id": None} if gap else {"order_id": None}
    settings = {"session_gap_minutes": 30} if gap else {}
    mapping = web_mapping(columns=columns, least_usable=0.0, duplicates="keep", **settings)
    test = csv(of_test(web_log(seed + 1)))
    true = values_of(store(tmp_path / "true", [], mapping, train=csv(log), test=test))
    dataset = store(tmp_path / "spoiled", [], mapping, train="\n".join(spoiled).encode(), test=test)
    found = {session: value for session, value in values_of(dataset).items() if value is not None}
    wrong = {session for session, value in found.items() if session in true and abs(value - true[session]) > 1e-6}
    assert len(wrong) <= dataset.card().unassigned_purchases
    assert len(reasons_of(dataset)) > 0
    assert len(found) > len(true) / 2
    must_add_up(dataset)


def test_a_lost_purchase_without_a_session_makes_all_values_of_its_user_unknown(tmp_path: Path) -> None:
    log = web_log()
    one = log.index[log["event"] == "purchase"][0]
    user = log.loc[one, "user"]
    theirs = set(log.loc[log["user"] == user, "session"])
    log.loc[one, "session"] = ""
    dataset = ingested(tmp_path, log, web_mapping())
    assert reasons_of(dataset) == dict.fromkeys(theirs, "lost_purchase")


def test_a_lost_purchase_without_session_and_user_is_counted(tmp_path: Path) -> None:
    log = web_log()
    one = log.index[log["event"] == "purchase"][0]
    log.loc[one, ["session", "user"]] = ""
    card = ingested(tmp_path, log, web_mapping()).card()
    assert (card.unassigned_purchases, card.untrained) == (1, {})
    assert untrained_lines(card)[-1:] == [
        "1 quarantined train row may be a purchase of an unknown session, so session values may be too low."
    ]


def test_a_quarantined_row_that_is_not_a_purchase_leaves_the_session_value_known(tmp_path: Path) -> None:
    log = web_log()
    log = pd.concat([log, log.iloc[:3].assign(event="add_to_wishlist")], ignore_index=True)
    dataset = ingested(tmp_path, log, web_mapping())
    assert dataset.untrained().is_empty()
    assert dataset.card().train.quarantined == 3


def test_a_total_in_the_last_line_is_not_a_purchase(tmp_path: Path) -> None:
    log = web_log()
    total = pd.DataFrame([{"price": "8935.21"}, {}], columns=log.columns)
    text = csv(log) + total.to_csv(index=False, header=False).encode()
    dataset = store(tmp_path, [], web_mapping(), train=text, test=csv(of_test(log)))
    assert values_of(dataset) == pytest.approx(sums(log))
    assert (dataset.untrained().is_empty(), dataset.card().unassigned_purchases) == (True, 0)


def test_a_dataset_of_an_older_version_has_an_empty_list_of_untrained_sessions(tmp_path: Path) -> None:
    dataset = ingested(tmp_path, web_log(), web_mapping())
    without_hashes(dataset)
    (dataset.folder / "untrained.parquet").unlink()
    assert (dataset.untrained().height, dataset.untrained().columns) == (
        0,
        ["session", "user_session", "reason", "remaining"],
    )


def test_an_order_total_in_two_sessions_of_one_second_counts_in_the_same_one_in_any_row_order() -> None:
    mapping = web_mapping(columns={"order_id": "order"}, price_is="order_total")
    rows = [
        {"order": 1, "product": session, "value": 5.0, "user": 1, "session": session, "time": 9} for session in "ab"
    ]
    rows = [
        row | {"session": ord(row["session"]), "product": ord(row["product"]), "type": EVENT_CODE[BUY]} for row in rows
    ]
    rows.append(rows[0] | {"order": None, "type": EVENT_CODE[VIEW]})
    kept = set()
    for some_order in permutations(rows):
        frame = pl.DataFrame(some_order)
        orders = RepeatedOrders(mapping)
        orders.add(frame)
        orders.find()
        left = orders.without_repeats(frame, within_sessions=False)
        kept.add(tuple(left.filter(pl.col("order").is_not_null())["session"]))
    assert kept == {(ord("a"),)}


def test_repeated_orders_refuse_calls_in_another_order() -> None:
    orders = RepeatedOrders(web_mapping(columns={"order_id": "order"}))
    with pytest.raises(RuntimeError, match="before `find`"):
        orders.without_repeats(pl.DataFrame(), within_sessions=True)
    orders.find()
    with pytest.raises(RuntimeError, match="after `find`"):
        orders.add(pl.DataFrame())


@pytest.mark.parametrize("cut", range(1, 5))
def test_the_order_of_rows_is_the_same_wherever_a_file_with_missing_totals_is_cut(cut: int) -> None:
    rows = pl.DataFrame(
        {
            "time": [1, 2, 4, 3, 5],
            "type": [0, 3, 3, 0, 3],
            "session": [1, 1, 1, 2, 2],
            "value": [0.0, None, 2.0, 0.0, 5.0],
        }
    )
    order = OrderCount()
    for block in (rows[:cut], rows[cut:]):
        order.add(block)
    result = order.result()
    assert (result.time_rises, result.type_changes, result.session_changes) == (0.75, 3, 1)
    assert (result.value_rises, result.value_correlation) == (None, None)


@pytest.mark.parametrize(("column", "next_to_price"), [("Kč", "Kč"), ("KČ", "CZK"), ("zł", "PLN"), ("Rs.", "INR")])
def test_a_currency_written_as_sign_and_code_is_one_currency(column: str, next_to_price: str, tmp_path: Path) -> None:
    log = web_log(sessions=40)
    wanted = sums(log)
    log["currency"] = column
    log["price"] = log["price"] + f" {next_to_price}"
    assert values_of(ingested(tmp_path, log, web_mapping(columns={"currency": "currency"}))) == pytest.approx(wanted)


def test_purchases_are_searched_in_tables_with_other_columns(tmp_path: Path) -> None:
    log = web_log().assign(currency="EUR")
    columns = [*(name for name in log.columns if name not in {"event", "currency", "pieces", "order"}), "event"]
    (tmp_path / "a.csv").write_bytes(csv(log.loc[log["event"] != "purchase", columns]))
    (tmp_path / "b.csv").write_text("page\nhome\n")
    (tmp_path / "c.csv").write_bytes(csv(log.loc[log["event"] == "purchase", [*log.columns[::-1]]]))
    completed, notes = complete_mapping(tmp_path, web_mapping())
    assert (completed.columns.order_id, completed.columns.currency) == ("order", "currency")
    assert len(notes) == 2
