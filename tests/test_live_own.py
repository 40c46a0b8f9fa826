"""Own columns of open sessions: features equal those of batches bit for bit, and values of all kinds are read."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from core.base.workspace import Workspace
from core.demo import write_demo
from core.features.engines.polars_engine import PolarsEngine, open_log
from core.features.groups.own import own_groups
from core.ingestion import InputFiles
from core.ingestion.mapping import Mapping
from core.ingestion.rows.own_cells import own_cells
from core.live import Event, LiveScorer
from core.live.events import with_cells
from core.live.own_features import own_features
from core.live.own_history import OwnHistory
from core.live.own_values import OwnValues
from core.live.past import Past
from core.live.reasons import strongest_reason
from core.live.replay import Click, Replayer
from core.live.service import EventStore, ServedModel, SessionService, application
from core.model import SessionValueModel, load_model
from core.model.history import whole_history
from core.model.rows import prefix_rows
from core.own_columns import Kind, OwnColumn
from core.pipeline.run import run as run_pipeline
from core.schema import CATEGORY, EVENT_TYPES, PRODUCT, PRODUCT_ID, ROLE, TEST_ROLE, TIME, TYPE, UNIT, USER, USER_ID
from tests.conftest import LIVE
from tests.test_live_service import NOON, VIEW, Clock, call
from tests.test_own_features import COLUMNS, clicks, log_of

OWN = {
    "price": {"column": "price", "kind": "money", "table": "products"},
    "brand": {"column": "brand", "kind": "category", "table": "products"},
    "paid": {"column": "paid", "kind": "money"},
    "rank": {"column": "rank", "kind": "number"},
    "promo": {"column": "promo", "kind": "flag"},
    "place": {"column": "place", "kind": "category"},
    "device": {"column": "device", "kind": "category", "level": "session"},
    "joined": {"column": "joined", "kind": "time", "table": "users"},
}


# --- features of random logs ------------------------------------------------------------------------------------------
@settings(max_examples=20, deadline=None, derandomize=True)
@given(log=st.lists(clicks, min_size=1, max_size=25), n_later=st.integers(0, 25))
def test_every_feature_of_every_prefix_equals_the_batch(log: list[Any], n_later: int) -> None:
    events, units = log_of(log)
    with open_log(events, units, "as_of", None) as engine:
        arrays = engine.arrays
        lengths = arrays.events.group_by(UNIT).len().sort(UNIT)
        prefixes = lengths.select(
            UNIT, pl.int_ranges(1, pl.col("len") + 1, dtype=pl.Int64).alias("events_seen")
        ).explode("events_seen")
        batch, _ = engine.prefixes(own_groups(COLUMNS), prefixes)
    # the model knows the sessions with the lower numbers, and learns of the others
    n_units = lengths.height
    first_later = max(n_units - n_later, 1)
    known_events, known_units = (
        frame.filter(pl.col(UNIT) < lengths[UNIT][first_later - 1] + 1) for frame in log_of(log)
    )
    known = PolarsEngine(known_events, known_units, "as_of").arrays
    own = OwnValues(COLUMNS, Mapping())
    past = {key: Past(known, key) for key in (USER, CATEGORY, PRODUCT)}
    history = OwnHistory(COLUMNS, past, known)
    ranked = arrays.events.with_columns(pl.Series("rank", arrays.arrival_ranks)).sort(UNIT, "rank")
    by_unit: dict[int, list[Any]] = {}
    for unit, time, kind, product, category, user, *cells in ranked.select(
        UNIT, TIME, TYPE, PRODUCT, CATEGORY, USER, *(column.stored for column in COLUMNS)
    ).iter_rows():
        event = with_cells(own, cells, time=time, event_type=kind, product=product, category=category)
        by_unit.setdefault(unit, []).append((event, user))
        if unit > lengths[UNIT][first_later - 1]:
            history.add(user, event)
    number = 0
    for pairs in by_unit.values():
        start = min(event.time for event, _ in pairs)
        before = history.before(pairs[0][1], start)
        seen: list[Any] = []
        for event, _ in pairs:
            history.look_up(before, event, start)
            seen = sorted([*seen, event])
            live = own_features(COLUMNS, seen) | history.features(before, seen)
            for name, expected in batch.row(number, named=True).items():
                assert live[name] == expected or (expected is None and math.isnan(live[name])), (name, number)
            number += 1


# --- values as they are sent ------------------------------------------------------------------------------------------
TEXTS = st.one_of(st.text(max_size=120), st.sampled_from(["null", " N/A ", "x\x00", "YES", "Nein", "0", "hayır", "-1"]))
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "number": st.floats(-2e9, 2e9),
    "money": st.integers(-(10**10), 10**10),
    "category": TEXTS.filter(lambda text: text == text.encode("utf-8", "ignore").decode()),
    "flag": st.sampled_from(["1", "y", "TRUE", " off", "ja", "", "none"]),
    "time": st.datetimes(datetime.datetime(1901, 1, 1), datetime.datetime(2199, 1, 1)).map(lambda t: f"{t}+00:00"),
}


def only(kind: Kind) -> OwnValues:
    return OwnValues([OwnColumn(name="x", level="event", kind=kind, label="X")], Mapping())


@pytest.mark.parametrize("kind", list(VALUES))
def test_a_value_becomes_the_cell_that_a_file_would_have(kind: Kind) -> None:
    own, mapping = only(kind), Mapping.checked(own={"x": {"column": "X", "kind": kind}})

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(value=VALUES[kind])
    def check(value: Any) -> None:
        own.check({"x": value})
        (column,), _ = own_cells(pl.DataFrame({"own_x": [value]}), mapping)
        assert own.cells({"x": value}, "", "") == tuple(column)

    check()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("money", ["12.5", True, "cheap"]),
        ("flag", ["perhaps", 2]),
        ("time", [True, "yesterday", "2025-06-02T12:00:00", 1_748_865_600_000, math.nan]),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_in_one_sentence(kind: Kind, values: list[Any]) -> None:
    own = only(kind)
    for value in values:
        with pytest.raises(ValueError, match=f"^own.x is {value}, but a column of the kind {kind} takes [^.]+"):
            own.check({"x": value})
        assert own.cells({"x": value}, "", "") == (None,)


def test_missing_values_and_other_names_are_no_error() -> None:
    for kind in VALUES:
        own = only(kind)
        for values in ({}, {"x": None}, {"x": ""}, {"y": object()}):
            own.check(values)
            assert own.cells(values, "", "") == (None,)
    assert only("number").cells({"x": math.nan}, "", "") == (None,)
    assert only("time").cells({"x": "2025-06-02"}, "", "") == (1_748_822_400,)
    assert only("category").cells({"x": 3.0}, "", "") == ("3",)


# --- a model with own columns -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SessionValueModel:
    """A model of a log with tables of products and users, which do not have all of them."""
    folder, draws = tmp_path_factory.mktemp("live-own"), np.random.default_rng(0)
    write_demo(folder, sessions=800, seed=1, own_columns=True)
    both = []
    for name in ("train", "test"):
        events = pl.read_csv(folder / f"{name}.csv")
        chance = pl.Series("chance", draws.random(events.height))
        events = events.with_columns(
            pl.when(chance < 0.8).then((pl.col("price") * (0.5 + chance)).round(3)).alias("paid"),
            pl.when(chance > 0.1).then(pl.col("product_id").hash(4) % 1_000 / 7).alias("rank"),
            pl.Series("promo", draws.choice(["yes", "no", ""], events.height)),
            pl.when(chance < 0.7).then(pl.lit("place ") + (chance * 30).floor().cast(pl.String)).alias("place"),
            (pl.date(2025, 1, 1) + pl.duration(days=pl.col(USER_ID).hash(2) % 90)).cast(pl.String).alias("joined"),
        )
        both.append(events.select(PRODUCT_ID, USER_ID, "price", "brand", "joined"))
        events.drop("price", "brand", "joined").write_csv(folder / f"{name}.csv")
    for name, key, columns in (("products", PRODUCT_ID, ("price", "brand")), ("users", USER_ID, ("joined",))):
        table = pl.concat(both).unique(key, keep="first", maintain_order=True).select(key, *columns)
        table.filter(pl.col(key).hash(5) % 9 > 0).write_csv(folder / f"{name}.csv")
    tables = {name: folder / f"{name}.csv" for name in ("products", "users")}
    files = InputFiles(folder / "train.csv", folder / "test.csv", mapping=Mapping.checked(own=OWN), tables=tables)
    return load_model(run_pipeline(files, LIVE, Workspace(folder / "home")))


@pytest.fixture(scope="module")
def replayer(model: SessionValueModel) -> Replayer:
    return Replayer(model)


def test_every_prefix_of_the_test_file_equals_the_batch(model: SessionValueModel, replayer: Replayer) -> None:
    units = model.history.as_log[1].filter(pl.col(ROLE) == TEST_ROLE)
    assert [column.name for column in model.spec.own] == list(OWN)
    assert [column.name for column in replayer._scorer.own_columns] == ["paid", "rank", "promo", "place", "device"]
    rows = replayer._events.join(units.select(UNIT, "session"), on=UNIT).sort(UNIT, "_rank")
    seen = rows.select(UNIT, pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(UNIT).alias("events_seen"))
    batch = prefix_rows(whole_history(model.history), model.spec, model.fitted.catalogue, seen)
    by_fit = [matrix for _, matrix, _, _ in model.fitted.matrices(batch, model.spec.fits_for_test)]
    values = model.fitted.predict(batch).stack
    scorer = LiveScorer(model, learns_history=False)
    events = replayer._as_events(rows)
    for number, event in enumerate(events):
        estimate = scorer.update(replace(event, own={name: event.own[name] for name in ("paid", "rank")} | event.own))
        X, learned = scorer.features(event.session, event.user)
        for fit, matrix in enumerate(by_fit):
            np.testing.assert_array_equal(np.concatenate([X, learned[fit]]), matrix[number])
        assert estimate.value == pytest.approx(values[number], rel=1e-6)
    assert len(events) > 400
    named = dict(zip(model.spec.features, batch.X.T, strict=True))
    assert {name for name, column in named.items() if name.startswith("own_") and np.isnan(column).all()} == set()


def test_tables_are_those_of_the_model(model: SessionValueModel) -> None:
    (products,) = (table for table in model.tables if table.name == "products")
    known = next(row for row in products.rows.iter_rows(named=True) if row["own_price"])
    scorer, names = LiveScorer(model), model.spec.features
    scorer.update(Event("a", "u", known[PRODUCT_ID], "c", "ADD_CART", NOON, own={"price": 1e6}))
    X, _ = scorer.features("a", "u")
    assert X[names.index("own_price_in_cart")] == pytest.approx(float(known["own_price"]))
    scorer.update(Event("b", "u", "NEW", "c", "ADD_CART", NOON, own={"price": 1e6}))
    X, _ = scorer.features("b", "u")
    assert X[names.index("own_price_filled")] == 0


def test_an_event_is_history_of_later_sessions_of_its_user_and_category(model: SessionValueModel) -> None:
    scorer, names = LiveScorer(model), model.spec.features
    for number, paid in enumerate((10, 20, None)):
        scorer.update(Event(f"a{number}", "U", "P", "C", "VIEW", NOON + number, own={"paid": paid}))
    scorer.update(Event("b", "U", "P", "C", "VIEW", NOON + 2, own={"paid": 45}))
    X, _ = scorer.features("b", "U")
    assert [X[names.index(f"own_paid_{key}")] for key in ("user_mean", "per_user_mean", "per_category_mean")] == [
        15,
        3,
        3,
    ]
    scorer.update(Event("b", "U", "P", "C", "VIEW", NOON + 1, own={}))
    X, _ = scorer.features("b", "U")
    assert X[names.index("own_paid_user_mean")] == pytest.approx(10)  # the session begins earlier


def test_a_value_of_the_wrong_kind_is_not_counted(model: SessionValueModel) -> None:
    scorer = LiveScorer(model)
    with pytest.raises(ValueError, match=r"own\.paid is cheap, but a column of the kind money takes a number"):
        scorer.update(Event("a", "u", "p", "c", "VIEW", NOON, own={"paid": "cheap"}))
    assert scorer.n_sessions == 0


def test_replays_use_own_columns_and_invented_events_those_of_their_product(
    replayer: Replayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = replayer.random_session(3)
    assert session is not None
    found = replayer.replay(session)
    assert found is not None
    first = found.steps[0][0]
    assert first.own["device"] in {"mobile", "desktop", "tablet"}
    product = replayer.products(1)[0]
    invented = replayer.invent([Click("ADD_CART", product, 5)], session, n_kept=2)
    assert invented is not None
    last = invented.steps[-1][0]
    assert last.own["device"] == first.own["device"]
    assert last.own["brand"] == replayer._products[product][1]["brand"] is not None
    monkeypatch.setattr("core.live.replay.MAX_EVENTS", 1)
    cut = replayer.invent([Click("ADD_CART", product, 5)], session, n_kept=2)
    assert cut is not None
    assert (len(cut.steps), cut.n_invented) == (1, 0)
    assert found.amounts == (("price", "Price"), ("paid", "Paid"))
    assert found.amounts_of(first) == {"Price": first.own["price"], "Paid": first.own["paid"]}
    reasons = {group for step in (found, invented) for _, estimate in step.steps for group, _ in estimate.reasons}
    assert any(group.startswith("own_") for group in reasons)
    assert strongest_reason((("own_paid_history", 2.0),)) == "Paid compared with the usual one (+2.00)"


# --- the service ------------------------------------------------------------------------------------------------------
SENT = VIEW | {"own": {"paid": 12.5, "rank": 3, "promo": True, "place": "place 7", "device": "mobile"}}


def served(model: SessionValueModel) -> ServedModel:
    return ServedModel("run", "run", model, LiveScorer(model), None)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def service(model: SessionValueModel, state: Path) -> SessionService:
    return SessionService(served(model), EventStore(state, "run"), clock=Clock())


@pytest.fixture
def app(service: SessionService) -> Starlette:
    return application(service)


def received(n_sessions: int) -> list[dict[str, Any]]:
    """Return events with own columns, some of them missing, new or of a session that several products share."""
    draws = np.random.default_rng(1)
    return [
        VIEW
        | {"session": f"s{number}", "user": f"u{number % 5}", "product": f"p{draws.integers(9)}", "id": f"{place}"}
        | {"category": f"c{draws.integers(3)}", "time": NOON + 60 * number + int(draws.integers(3))}
        | {"type": EVENT_TYPES[draws.integers(4)]}
        | {
            "own": {
                "paid": None if draws.random() < 0.3 else round(float(draws.random() * 90), 3),
                "place": f"place {draws.integers(60)}",
                "device": "fridge" if number % 2 else "mobile",
                "unused": "x",
            }
            | ({"promo": "no", "rank": -1} if draws.random() < 0.5 else {})
        }
        for number in range(n_sessions)
        for place in range(1 + number % 5)
    ]


def test_received_sessions_with_own_columns_equal_the_batch(app: Starlette) -> None:
    events = received(40)
    assert call(app, "POST", "/v1/events", events)[0] == 200
    result = {"sessions": 40, "prefixes": len(events), "mismatches": 0, "examples": []}
    assert call(app, "POST", "/v1/parity") == (200, result)


def test_own_columns_survive_a_restart(
    service: SessionService, app: Starlette, model: SessionValueModel, state: Path
) -> None:
    call(app, "POST", "/v1/events", [*received(40), SENT])
    for number in range(30):
        assert call(app, "DELETE", f"/v1/sessions/s{number}")[0] == 204
    call(app, "POST", "/v1/events", SENT)
    later = {"type": "BUY", "time": NOON + 9_000, "own": {"paid": 20.0}}
    products = [{"product": f"p{number}", "category": f"c{number % 3}"} for number in range(9)]
    sessions = [
        {"session": f"later{number}", "user": f"u{number}", "events": [later | each for each in products[number:]]}
        for number in range(5)
    ]
    before = call(app, "GET", "/v1/sessions?limit=100"), call(app, "POST", "/v1/score", {"sessions": sessions})
    service.store.close()
    restarted = SessionService(served(model), EventStore(state, "run"), clock=Clock())
    again = application(restarted)
    after = call(again, "GET", "/v1/sessions?limit=100"), call(again, "POST", "/v1/score", {"sessions": sessions})
    assert after == before
    counts, expected = restarted.served.scorer._past.own, service.served.scorer._past.own
    codes = {
        (key, place): list(past._later) for key, pasts in expected._past.items() for place, past in enumerate(pasts)
    }
    assert any(codes.values())
    for (key, place), of_column in codes.items():
        for code in of_column:
            for moment in (NOON + 300, NOON + 9_000):
                assert counts._past[key][place].before(code, moment) == expected._past[key][place].before(code, moment)
    (estimate,) = call(again, "GET", "/v1/sessions/s1")[1]["estimates"]
    without = LiveScorer(model).update(Event("s1", "u1", "p1", "c1", "VIEW", NOON))
    assert estimate["value"] != without.value


def test_a_state_of_an_earlier_version_is_read(state: Path) -> None:
    store = EventStore(state, "run")
    store.add([Event("a", "u", "p", "c", "VIEW", NOON)], NOON)
    store._connection.execute("ALTER TABLE events DROP COLUMN own")
    store.close()
    store = EventStore(state, "run")
    store.add([Event("b", "u", "p", "c", "VIEW", NOON, own={"paid": 1.5, "place": "ö", "promo": None})], NOON)
    assert [each.event.own for each in store.replay()] == [{}, {"paid": 1.5, "place": "ö", "promo": None}]
    store.close()


def test_a_stored_value_that_the_next_model_reads_otherwise_is_an_empty_cell(
    model: SessionValueModel, state: Path
) -> None:
    store = EventStore(state, "run")
    store.add([Event("a", "u", "p", "c", "VIEW", NOON, own={"paid": "cheap", "device": "tv"})], NOON)
    store.add([Event("b", "u", "p", "c", "VIEW", NOON, own={"device": "tv"})], NOON)
    service = SessionService(served(model), store, clock=Clock())
    (first,), (second,) = (service.estimates(session).values() for session in "ab")
    assert first == second
    store.close()


def test_the_service_refuses_wrong_values_and_says_which_columns_there_are(app: Starlette) -> None:
    assert call(app, "GET", "/v1/run")[1]["own"][:2] == [
        {"name": "paid", "level": "event", "kind": "money"},
        {"name": "rank", "level": "event", "kind": "number"},
    ]
    for own, part in (
        ({"paid": "cheap"}, "own.paid is cheap, but a column of the kind money takes a number"),
        ({"paid": [1]}, "own.paid: Value error, a value is a number up to 1e+15, a text"),
        ({"paid": 1e300}, "own.paid: Value error"),
        ({"place": "x" * 257}, "own.place: Value error"),
        ({f"x{number}": 1 for number in range(101)}, "own: Dictionary should have at most 100 items"),
        ([], "own: Input should be an object"),
    ):
        for path, body in (
            ("/v1/events", VIEW | {"own": own}),
            ("/v1/events", [VIEW, VIEW | {"own": own}]),
            ("/v1/score", {"sessions": [{"session": "s1", "events": [{"type": "VIEW", "time": NOON, "own": own}]}]}),
        ):
            status, answer = call(app, "POST", path, body)
            assert (status, part in answer["error"]) == (422, True), answer
    assert call(app, "GET", "/v1/sessions")[1]["open"] == 0
    scored = {
        "sessions": [{"session": "s1", "user": "u1", "events": [{key: SENT[key] for key in ("type", "time", "own")}]}]
    }
    assert call(app, "POST", "/v1/score", scored)[0] == 200
