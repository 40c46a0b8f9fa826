"""Own columns: which ones are used, which ones are not, and how this is reported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.audit.audited_dataset import AuditedDataset
from core.cli.main import main
from core.dataset import Dataset
from core.ingestion.mapping import load_mapping
from core.ingestion.own import own_cards
from core.ingestion.own.explained import cell_codes, explained, explained_within, predicted, similarity
from core.own_columns import Exclusion, OwnColumnCard
from tests.audit.shop import RULE, find, finding_of
from tests.events_on_the_spot import good_events, store
from tests.own_logs import Settings, browsing, buyers, by, cards_of, drawn, receipts, store_own

PROJECT = Path(__file__).resolve().parent.parent
VALUE = pl.col("session_value")
KEYS = {"session": "user_session", "product": "product_id", "user": "user_id"}
NOISES = ("exact", "noise10", "noise50", "buckets3", "buckets5", "buckets10")


def noisy(cells: pl.Series, how: str, key: pl.Series, rng: np.random.Generator) -> tuple[pl.Series, str]:
    """Cells with noise that is the same for equal keys, or in buckets of equal size; and their kind."""
    if how.startswith("noise"):
        draw = np.exp(rng.normal(0, int(how.removeprefix("noise")) / 100, len(cells)))
        return cells * drawn(pl.DataFrame({"key": key}), "key", draw), "money"
    if how.startswith("buckets"):
        k = int(how.removeprefix("buckets"))
        share = cells.rank("min") / len(cells)
        return (share * k).floor().cast(pl.Int64).clip(0, k - 1).cast(pl.String), "category"
    return cells, "money"


def with_leaks(log: pl.DataFrame) -> tuple[pl.DataFrame, Settings]:
    """The log with columns that were made from session values, one for each level and kind of noise."""
    rng, own, columns = np.random.default_rng(1), {}, []
    log = log.with_row_index("row")
    made = {
        "event": log.get_column("session_value"),
        "session": log.get_column("session_value"),
        "product": by(log, KEYS["product"], VALUE.mean()),
        "user": by(log, KEYS["user"], VALUE.mean()),
    }
    for level, cells in made.items():
        key = log.get_column(KEYS.get(level, "row"))
        for how in NOISES:
            noised, kind = noisy(cells, how, key, rng)
            columns.append(noised.alias(f"{level}_{how}"))
            own[f"{level}_{how}"] = (level, kind)
    return log.with_columns(columns), own


@pytest.fixture(scope="module")
def shop() -> pl.DataFrame:
    return browsing()


@pytest.fixture(scope="module")
def leaks(shop: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, OwnColumnCard]:
    return cards_of(store_own(tmp_path_factory.mktemp("leaks"), *with_leaks(shop)))


@pytest.mark.parametrize("how", NOISES)
@pytest.mark.parametrize("level", ["event", "session", "product", "user"])
def test_what_was_made_from_the_value_is_not_used_at_any_level(leaks, level, how):
    card = leaks[f"{level}_{how}"]
    assert card.excluded == Exclusion.GIVES_VALUE_AWAY
    assert "explain" in card.finding or "correlation" in card.finding
    assert card.level == level


@pytest.fixture(scope="module")
def honest(shop: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, OwnColumnCard]:
    """Columns that were known before, with effects as strong as they are in a shop."""
    rng = np.random.default_rng(2)
    n = shop.height
    bought = by(shop, "user_session", (pl.col("event_type") == "BUY").any()).to_numpy()
    rank = shop.get_column("session_value").rank().to_numpy() / n
    number = shop.get_column("number").to_numpy()
    of_session, of_user = rng.random(4000)[number], rng.normal(0, 1, 4000)
    factor = shop.get_column("factor").to_numpy()
    price = shop.get_column("price").to_numpy()
    user = shop.get_column("user_id").str.slice(1).cast(pl.Int64).to_numpy()
    log = shop.with_columns(
        pl.Series("price_now", price * np.exp(rng.normal(0, 0.05, n))),
        pl.Series("brand", [f"B{level}" for level in np.floor(np.log(price) * 3).astype(int)]),
        pl.Series("launch", 1_600_000_000 + (price * 1e5).astype(int)).cast(pl.Int64),
        pl.Series("device", np.where(of_session < np.where(bought, 0.7, 0.4), "desktop", "mobile")),
        pl.Series("campaign", np.floor(rank * 3 + 6 * of_session).astype(int).astype(str)),
        pl.Series("segment", [f"S{level}" for level in np.floor(np.log(factor) * 5).astype(int)]),
        pl.Series("past_value", factor * np.exp(0.3 * of_user[user])),
        pl.Series("loyalty_years", np.floor(np.abs(of_user[user]) * 4)),
        pl.Series("rating", np.where(rng.random(n) < 0.3, rng.random(n), np.nan)).fill_nan(None),
        pl.Series("promo", rng.random(n) < 0.3),
        pl.Series("coupon", np.where(rng.random(n) < 0.2, "yes", "")),
        pl.col("step").alias("hit_number"),
        pl.when(pl.col("event_type") == "ADD_CART").then("price").otherwise(0.0).cum_sum().over("user_session")
        .alias("cart_now"),
        pl.when(pl.col("event_type") != "VIEW").then("price").alias("price_in_cart"),
    )  # fmt: skip
    own = {
        "price": ("product", "money"), "price_now": ("event", "money"), "brand": ("product", "category"),
        "launch": ("product", "time"), "device": ("session", "category"), "campaign": ("session", "category"),
        "segment": ("user", "category"), "past_value": ("user", "money"), "loyalty_years": ("user", "number"),
        "rating": ("event", "number"), "promo": ("event", "flag"), "coupon": ("event", "flag"),
        "hit_number": ("event", "number"), "cart_now": ("event", "money"), "price_in_cart": ("event", "money"),
    }  # fmt: skip
    log = log.with_columns(pl.from_epoch("launch"))
    return cards_of(store_own(tmp_path_factory.mktemp("honest"), log, own))


@pytest.mark.parametrize(
    "name",
    ["price", "price_now", "brand", "launch", "device", "campaign", "segment", "past_value", "loyalty_years", "rating",
     "promo", "coupon", "hit_number", "cart_now", "price_in_cart"],
)  # fmt: skip
def test_what_was_known_before_is_used(honest, name):
    card = honest[name]
    assert (card.excluded, card.finding, card.several) == (None, "", 0.0)
    assert card.with_purchases


@pytest.fixture(scope="module")
def others(shop: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Columns that are known only afterwards, or of no use."""
    rng = np.random.default_rng(3)
    n = shop.height
    is_last = pl.col("step") == pl.col("step").max().over("user_session")
    is_buy = pl.col("event_type") == "BUY"
    any_cells = pl.Series(rng.random(n))
    bought = is_buy.any().over("user_session")
    end = pl.col("event_time").max().over("user_session")
    sessions = drawn(shop, "user_session", rng.random(3000))
    log = shop.with_columns(
        pl.when(is_last).then("session_value").alias("last_value"),
        pl.when(is_last).then(any_cells).alias("last_rating"),
        pl.len().over("user_session").alias("n_hits"),
        pl.from_epoch(end).alias("ended"),
        pl.when(is_buy).then(any_cells).alias("paid"),
        bought.alias("converted"),
        pl.from_epoch(pl.when(bought).then(end)).alias("paid_at"),
        VALUE.filter(is_buy).sum().over("product_id").alias("revenue"),
        VALUE.sum().over("user_id").alias("total"),
        pl.when(pl.col("file") == "train").then(any_cells).alias("only_train"),
        pl.when(pl.int_range(n) % 200 == 0).then(any_cells).alias("rare"),
        pl.lit(1.0).alias("same"),
        pl.lit("see below").alias("words"),
        (pl.lit("tracking-") + pl.col("user_session")).alias("tracking"),
        (pl.lit("Product ") + pl.col("product_id")).alias("title"),
        pl.when(sessions < 0.2).then(any_cells).otherwise(sessions).alias("score"),
    )
    own = {
        "last_value": ("event", "money"), "last_rating": ("session", "number"), "n_hits": ("session", "number"),
        "ended": ("session", "time"), "paid": ("event", "number"), "converted": ("session", "flag"),
        "paid_at": ("session", "time"), "revenue": ("product", "money"), "total": ("user", "money"),
        "only_train": ("event", "number"), "rare": ("event", "number"), "same": ("session", "number"),
        "words": ("event", "number"), "tracking": ("session", "category"), "title": ("product", "category"),
        "score": ("session", "number"),
    }  # fmt: skip
    return store_own(tmp_path_factory.mktemp("others"), log, own, kept=frozenset({"total"}))


@pytest.mark.parametrize(
    ("name", "exclusion"),
    {
        "last_value": Exclusion.KNOWN_AFTERWARDS,
        "last_rating": Exclusion.KNOWN_AFTERWARDS,
        "n_hits": Exclusion.KNOWN_AFTERWARDS,
        "ended": Exclusion.KNOWN_AFTERWARDS,
        "paid": Exclusion.KNOWN_BY_PURCHASE,
        "converted": Exclusion.GIVES_VALUE_AWAY,
        "paid_at": Exclusion.KNOWN_AFTERWARDS,
        "revenue": Exclusion.GIVES_VALUE_AWAY,
        "only_train": Exclusion.EMPTY,
        "rare": Exclusion.MOSTLY_EMPTY,
        "same": Exclusion.CONSTANT,
        "words": Exclusion.EMPTY,
        "tracking": Exclusion.IDENTIFIER,
        "title": Exclusion.IDENTIFIER,
    }.items(),
)
def test_what_is_known_afterwards_or_of_no_use_is_not_used(others, name, exclusion):
    card = cards_of(others)[name]
    assert card.excluded == exclusion
    assert card.finding.endswith(".")
    assert name not in {column.name for column in others.card().used_own}


def test_a_mapping_may_keep_a_column_and_the_finding_is_still_told(others):
    card = cards_of(others)["total"]
    assert (card.excluded, card.overridden) == (None, Exclusion.GIVES_VALUE_AWAY)
    assert card.use == "used as the mapping says, although it leaks the session value"
    assert "%" in card.finding
    assert "total" in {column.name for column in others.card().used_own}


def test_a_column_of_sessions_that_changes_within_them_becomes_one_of_events(others):
    card = cards_of(others)["score"]
    assert (card.level, card.excluded) == ("event", None)
    assert card.several == pytest.approx(0.2, abs=0.03)
    assert card.finding.startswith(f"{card.several:.1%} of the sessions with a cell have several")


def test_the_share_with_several_cells_is_exact_in_a_small_log(tmp_path):
    log = browsing(50).with_columns(
        pl.when(pl.col("number") % 10 == 3).then("step").otherwise(7).alias("own_session"),
        pl.when(pl.col("step") == 0).then(None).otherwise(7).alias("with_gaps"),
    )
    cards = cards_of(
        store_own(tmp_path, log, {"own_session": ("session", "number"), "with_gaps": ("session", "number")})
    )
    assert (cards["own_session"].several, cards["own_session"].level) == (0.1, "event")
    assert (cards["with_gaps"].several, cards["with_gaps"].level) == (0.0, "session")


def test_cells_that_are_mostly_of_another_kind_are_unreadable(tmp_path):
    cells = pl.when(pl.col("step") == 0).then(pl.lit("3.5")).otherwise(pl.lit("none at all")).alias("size")
    card = cards_of(store_own(tmp_path, browsing(200).with_columns(cells), {"size": ("event", "number")}))["size"]
    assert card.excluded == Exclusion.UNREADABLE
    assert card.finding == f"{card.unreadable:.1%} of its cells are not of its kind."


def test_names_that_products_share_are_used(tmp_path):
    names = pl.col("product_id").str.slice(0, 3).alias("family")
    log = browsing(300).with_columns(names)
    assert cards_of(store_own(tmp_path, log, {"family": ("product", "category")}))["family"].excluded is None


# --- where values are sums of prices ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OwnColumnCard]:
    log, rng = receipts(), np.random.default_rng(4)
    rest = VALUE - pl.col("line").cum_sum().over("user_session")
    log = log.with_columns(
        (pl.col("line") * 0.84).alias("net"), VALUE.alias("total"), rest.alias("rest"),
        (VALUE * pl.Series(np.exp(rng.normal(0, 0.2, log.height)))).alias("blurred"),
    )  # fmt: skip
    own = dict.fromkeys(("line", "net", "total", "rest", "blurred"), ("event", "money"))
    return cards_of(store_own(tmp_path_factory.mktemp("till"), log, own))


def test_the_lines_of_receipts_are_used_but_not_those_of_the_session_itself(till):
    for name in ("line", "net"):
        assert (till[name].excluded, till[name].with_purchases) == (None, False)
        assert till[name].use == "used, except for BUY events of the session itself"
        assert "add up to the value of 100.0% of the sessions" in till[name].finding


@pytest.mark.parametrize("name", ["total", "rest", "blurred"])
def test_totals_on_the_lines_of_receipts_are_not_used(till, name):
    assert till[name].excluded == Exclusion.GIVES_VALUE_AWAY


def test_totals_of_small_receipts_are_told_from_their_lines(tmp_path):
    log = receipts(items=(1, 4)).with_columns(VALUE.alias("total"))
    cards = cards_of(store_own(tmp_path, log, {"line": ("event", "money"), "total": ("event", "money")}))
    assert (cards["line"].excluded, cards["line"].with_purchases) == (None, False)
    assert cards["total"].excluded == Exclusion.GIVES_VALUE_AWAY


def test_the_mean_of_a_users_many_train_sessions_is_not_used(tmp_path):
    log = receipts(2000, users=200)
    of_train = VALUE.filter(pl.col("file") == "train")
    of_sessions = log.unique("user_session").select("user_id", by_session=of_train.mean().over("user_id"))
    log = log.join(of_sessions.unique("user_id"), on="user_id", how="left", maintain_order="left")
    log = log.with_columns(by(log, "user_id", of_train.mean()).alias("by_event"))
    cards = cards_of(store_own(tmp_path, log, dict.fromkeys(("by_session", "by_event"), ("user", "money"))))
    for name, aggregate in (("by_session", "mean of the session values is"), ("by_event", "over its events is")):
        assert cards[name].excluded == Exclusion.GIVES_VALUE_AWAY
        assert f"{aggregate} 100.0% (200 users with several sessions)." in cards[name].finding


def test_prices_that_make_up_the_value_are_used_without_the_purchases(tmp_path):
    log = receipts(400)
    own = {"line": ("event", "money")}
    settings = {"value": "price_of_buys", "columns": {"price": "line", "session_value": None}}
    card = cards_of(store_own(tmp_path, log.with_columns(VALUE.alias("session_value")), own, **settings))["line"]
    assert (card.excluded, card.with_purchases) == (None, False)


def test_the_price_of_sessions_with_one_product_is_used(tmp_path):
    log = receipts(1500, items=(1, 2)).with_columns(pl.col("line").first().over("product_id").alias("price"))
    log = log.with_columns(pl.col("price").alias("session_value"))
    own = {"price": ("product", "money"), "line": ("event", "money")}
    for name, card in cards_of(store_own(tmp_path, log, own)).items():
        assert (card.excluded, card.with_purchases) == (None, name != "price")


def test_similar_prices_in_a_log_of_buyers_are_used_and_a_copy_of_the_value_is_not(tmp_path):
    log = buyers().with_columns(VALUE.alias("copy"))
    log = log.with_columns(by(log, "product_id", VALUE.mean()).alias("product_mean"))
    own = {"price": ("event", "money"), "copy": ("event", "money")}
    cards = cards_of(store_own(tmp_path, log, own))
    values = (
        pl.DataFrame(log).filter(pl.col("event_type") == "VIEW").group_by("user_session", maintain_order=True).first()
    )
    assert np.corrcoef(values["price"].log(), values["session_value"].log())[0, 1] ** 2 > 0.6  # a strong price
    assert (cards["price"].excluded, cards["price"].with_purchases) == (None, False)
    assert cards["copy"].excluded == Exclusion.GIVES_VALUE_AWAY


# --- logs with hardly anything in them --------------------------------------------------------------------------------
@pytest.mark.parametrize("level", ["event", "session", "product", "user"])
@pytest.mark.parametrize("sessions", [2, 5, 150])
@pytest.mark.parametrize("kinds", [("VIEW",), ("BUY",), ("VIEW", "ADD_CART", "BUY")])
def test_small_and_one_sided_logs_are_described(tmp_path, level, sessions, kinds):
    log = browsing(sessions).filter(pl.col("event_type").is_in(kinds) | (pl.col("step") == 0))
    log = log.with_columns(pl.when(pl.col("event_type").is_in(kinds)).then("event_type").otherwise(pl.lit(kinds[0])))
    log = log.with_columns(
        pl.lit(None, dtype=pl.Float64).alias("nothing"),
        pl.lit(5.0).alias("same"),
        pl.Series("text", ["a", "b", ""] * log.height)[: log.height],
        (pl.col("step") % 2 == 0).alias("even"),
        pl.from_epoch("event_time").alias("seen"),
        pl.when(pl.col("step") == 0).then("price").alias("gap"),
    )
    kind_of = {"nothing": "number", "same": "money", "text": "category", "even": "flag", "seen": "time", "gap": "money"}
    cards = cards_of(store_own(tmp_path, log, {name: (level, kind) for name, kind in kind_of.items()}))
    assert cards["nothing"].excluded == Exclusion.EMPTY
    assert cards["same"].excluded == Exclusion.CONSTANT
    assert (cards["same"].filled_train, cards["same"].distinct) == (1.0, 1)


def test_a_log_without_different_values_is_described(tmp_path):
    log = browsing(300).with_columns(pl.lit(9.0).alias("session_value"))
    assert cards_of(store_own(tmp_path, log, {"price": ("product", "money")}))["price"].excluded is None


def test_the_same_files_give_the_same_cards(others):
    mapping = load_mapping(others.folder / "mapping.toml")
    first, second = (own_cards(others.folder, mapping, {}) for _ in range(2))
    assert first == second


# --- the measures -----------------------------------------------------------------------------------------------------
def test_a_copy_explains_nearly_everything_and_chance_nothing():
    rng = np.random.default_rng(5)
    target = rng.normal(size=2000)
    copy = cell_codes(pl.Series(target), "number")
    chance = cell_codes(pl.Series(rng.integers(0, 300, 2000).astype(str)), "category")
    assert explained(predicted(copy, target), target) > 0.97
    assert explained(predicted(chance, target), target) < 0.02
    with_empty = cell_codes(pl.Series([1.0, None, 2.0, None]), "number")
    assert with_empty[1] == with_empty[3] == 0
    assert len({*with_empty}) == 3


def test_similarity_is_the_intraclass_correlation():
    rng = np.random.default_rng(6)
    groups = pl.Series(np.repeat(np.arange(3000), 3))
    values = np.repeat(rng.normal(0, 1, 3000), 3) + rng.normal(0, 2, 9000)  # 1 / (1 + 4)
    assert similarity(values, groups) == pytest.approx(0.2, abs=0.03)
    assert similarity(values, pl.Series(np.arange(9000))) == 0.0
    assert explained_within(values, values, groups) == pytest.approx(1.0)
    assert explained_within(values, values, pl.Series(np.arange(9000))) is None


# --- where it is shown ------------------------------------------------------------------------------------------------
def test_ingest_lists_the_columns_with_their_use(others, capsys):
    folder = others.folder.parents[2]
    files = ["--train", str(folder / "train.parquet"), "--test", str(folder / "test.parquet")]
    arguments = ["ingest", *files, "--mapping", str(others.folder / "mapping.toml")]
    assert main(arguments) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if "extra column" in line]
    assert len(lines) == 16
    assert (
        "extra column same (number, session, 100.0% filled): not used, because all of its cells are equal." in lines[11]
    )
    assert main([*arguments, "--json"]) == 0
    cards = json.loads(capsys.readouterr().out.splitlines()[-1])["own"]
    assert {card["name"]: card["excluded"] for card in cards}["paid"] == "known_by_purchase"


def test_the_data_page_shows_the_columns_with_their_use(workspace, shop, tmp_path):
    log = shop.with_columns(VALUE.alias("copy"))
    dataset = store_own(tmp_path, log, {"price": ("product", "money"), "copy": ("session", "money")})
    dataset.folder.rename(workspace.datasets / dataset.fingerprint)
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60).switch_page("pages/1_Data.py")
    app.query_params["dataset"] = dataset.fingerprint
    app.run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "Used" in frame.value)
    assert list(table["Column"]) == ["price", "copy"]
    assert list(table["Used"]) == ["yes", "no"]
    assert any("copy: not used, because it leaks the session value. " in text.value for text in app.markdown)
    assert list(table["Filled"]) == ["100.0%", "100.0%"]


# --- the audit --------------------------------------------------------------------------------------------------------
def test_the_audit_reports_leaks_useless_columns_and_wrong_levels(others):
    leaking = finding_of("own_leaks", others)
    assert (leaking.severity, leaking.count) == ("serious", 9)  # one of them is kept
    useless = finding_of("own_unusable", others)
    assert (useless.severity, useless.count) == ("warning", 6)
    levels = finding_of("own_levels", others)
    assert (levels.severity, levels.count) == ("warning", 1)
    assert levels.examples[0].startswith("score: ")
    assert find("own_drift", others) is None


def test_the_audit_reports_columns_that_differ_between_the_files(tmp_path, shop):
    in_test, rng = pl.col("file") == "test", np.random.default_rng(7)
    log = shop.with_columns(
        pl.when(in_test & (pl.col("step") % 2 == 0)).then(None).otherwise("price").alias("emptier"),
        (pl.col("price") * pl.when(in_test).then(3.0).otherwise(1.0)).alias("dearer"),
        pl.when(in_test).then(pl.lit("new")).otherwise(pl.lit("old")).alias("design"),
        pl.Series("stable", rng.integers(0, 50, shop.height)).cast(pl.String),
        pl.when(in_test).then(pl.col("step") % 5 == 0).otherwise(pl.col("step") % 5 > 0).cast(pl.String).alias("moved"),
        pl.from_epoch("event_time").alias("seen"),
    )
    own = {
        "emptier": ("event", "money"), "dearer": ("event", "money"), "design": ("event", "category"),
        "stable": ("event", "category"), "moved": ("event", "category"), "seen": ("event", "time"),
    }  # fmt: skip
    finding = finding_of("own_drift", store_own(tmp_path, log, own))
    assert finding.severity == "warning"
    assert [example.split(":")[0] for example in finding.examples] == ["emptier", "dearer", "design", "moved"]
    assert "100.0% of the test cells" in finding.examples[2]


def test_the_audit_of_a_log_without_own_columns_has_nothing_to_say_about_them(tmp_path):
    outcome, finding = RULE["own_leaks"].examine(AuditedDataset(store(tmp_path, good_events())))
    assert (outcome.outcome, outcome.reason, finding) == ("not_applicable", "the mapping names no extra columns", None)
