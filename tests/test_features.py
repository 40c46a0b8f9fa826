"""Every feature against an oracle in plain Python, and the promises of the history features.

The oracle (loops over dictionaries and lists, no frames) says what each feature is; a feature without an oracle fails.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import itertools
import math
import os
import random
import re
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.features import (
    GROUPS,
    FeatureTable,
    all_features,
    build_features,
    changed_by_later_sessions,
    compute_features,
    write_features,
)
from core.features import table as feature_table
from core.features.columns import DISTINCT_ELSEWHERE, LAST_SEEN, VISIT
from core.features.engines import polars_engine
from core.features.engines.polars_engine import PolarsEngine
from core.features.engines.sorted_arrays import event_arrays
from core.features.engines.window_log import WindowLog
from core.features.leakage_check import HISTORY_GROUPS
from core.features.session_log import HistoryMode
from core.features.units import events_and_units
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping as LogMapping
from core.pipeline.run import certify_history
from core.schema import EVENT_CODE, EVENT_TYPES
from tests.events_on_the_spot import NOON, Event, Name, good_events, joined, random_events, store, unit_names, words_of

QUICKLY = settings(max_examples=25, deadline=None, derandomize=True)
PROJECT = Path(__file__).resolve().parent.parent
HISTORIES: tuple[HistoryMode, ...] = ("as_of", "all_rows")
HISTORY_FEATURES = [feature.name for group in GROUPS if group.name in HISTORY_GROUPS for feature in group.features]


# --- the oracle -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Unit:
    """What one row of features describes, and all that it may look at."""

    name: Name
    events: list[Event]
    others: list[list[Event]]
    """The events of every other visit: both files' rows of a session and user are one."""
    visit_start: int
    """When the first of its rows was, in either file."""
    history: HistoryMode
    log: list[Event]
    """Both files."""
    codes: Mapping[str, int]
    """Of products, which order events of one second and type."""

    @property
    def user(self) -> str:
        return self.name[2]

    @property
    def times(self) -> list[int]:
        return sorted(event.time for event in self.events)

    @property
    def start(self) -> int:
        return min(self.times)

    @property
    def weeks(self) -> float:
        """For how long the history was watched, and a day more."""
        times = [event.time for event in self.log]
        until = self.visit_start if self.history == "as_of" else max(times)
        return (until - min(times) + 24 * 3600) / (7 * 24 * 3600)

    @property
    def in_order(self) -> list[Event]:
        return sorted(self.events, key=lambda event: (event.time, EVENT_CODE[event.kind], self.codes[event.product]))

    @property
    def steps(self) -> list[tuple[Event, Event]]:
        """Every event but the first, and the one before it."""
        return list(zip(self.in_order, self.in_order[1:], strict=False))

    def of(self, *kinds: str) -> list[Event]:
        return [event for event in self.in_order if event.kind in kinds]

    def count(self, kind: str) -> int:
        return sum(event.kind == kind for event in self.events)

    def different(self, what: str, *kinds: str) -> set[str]:
        return {getattr(event, what) for event in self.events if event.kind in (kinds or EVENT_TYPES)}

    def seen_elsewhere(self, what: str, which: str) -> list[Event]:
        """Events on this product (category, user) in other units, as far as the regime lets them be seen."""
        found = [event for other in self.others for event in other if getattr(event, what) == which]
        return found if self.history == "all_rows" else [event for event in found if event.time < self.visit_start]


def units_of(
    events: list[Event],
    history: HistoryMode,
    *,
    split: bool = True,
    codes: Mapping[str, int] | None = None,
    products: Mapping[str, int],
) -> list[Unit]:
    """One unit a session id and user of a file; unsplit, all users of a session id count as the one who begins first in
    either file.

    `codes` tells which of several who begin in the same second that is: the one with the lowest code.
    """
    first: dict[str, tuple[int, int, str]] = {}
    for event in events:
        begins = (event.time, (codes or {}).get(event.user, 0), event.user)
        first[event.session] = min(begins, first.get(event.session, begins))
    logs = defaultdict(list)
    for event in events:
        owner = event.user if split else first[event.session][2]
        logs[event.file, event.session, owner].append(dataclasses.replace(event, user=owner))
    visits = defaultdict(list)
    for (_, session, owner), log in logs.items():
        visits[session, owner] += log
    return [
        Unit(
            name,
            log,
            [visits[other] for other in visits if other != name[1:]],
            min(event.time for event in visits[name[1:]]),
            history,
            events,
            products,
        )
        for name, log in logs.items()
    ]


def gaps(unit: Unit) -> list[int]:
    return [later - earlier for earlier, later in zip(unit.times, unit.times[1:], strict=False)]


def began(unit: Unit) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unit.start, datetime.UTC)


def turn_of_day(unit: Unit) -> float:
    clock = began(unit)
    return 2 * math.pi * (clock.hour * 3600 + clock.minute * 60 + clock.second) / 86400


def turn_of_week(unit: Unit) -> float:
    return (2 * math.pi * began(unit).weekday() + turn_of_day(unit)) / 7


def user_events(unit: Unit, *kinds: str) -> int:
    return sum(event.kind in (kinds or EVENT_TYPES) for event in unit.seen_elsewhere("user", unit.user))


def user_sessions(unit: Unit) -> int:
    return sum(
        other[0].user == unit.user
        and (unit.history == "all_rows" or min(event.time for event in other) < unit.visit_start)
        for other in unit.others
    )


def since_user_was_seen(unit: Unit) -> int | None:
    earlier = [
        event.time
        for other in unit.others
        for event in other
        if event.user == unit.user and event.time < unit.visit_start
    ]
    return unit.visit_start - max(earlier) if earlier else None


def popularities(unit: Unit, what: str) -> list[float]:
    return [math.log1p(len(unit.seen_elsewhere(what, which)) / unit.weeks) for which in unit.different(what)]


def rates(unit: Unit, what: str, kind: str) -> list[float]:
    """Shrunk towards the usual share of the kind as if ten more events had been seen."""
    usual = {"BUY": 0.1, "ADD_CART": 0.3}[kind]
    seen = [unit.seen_elsewhere(what, which) for which in unit.different(what)]
    return [(sum(event.kind == kind for event in events) + 10 * usual) / (len(events) + 10) for events in seen]


def users_elsewhere(unit: Unit, what: str) -> list[float]:
    seen = [unit.seen_elsewhere(what, which) for which in unit.different(what)]
    return [math.log1p(len({event.user for event in events}) / unit.weeks) for events in seen]


def earlier(unit: Unit, what: str, which: str) -> list[int]:
    """Times of events on it in other units before the start, in both regimes."""
    return [
        event.time
        for other in unit.others
        for event in other
        if getattr(event, what) == which and event.time < unit.visit_start
    ]


def trend_of(unit: Unit, what: str, which: str) -> float:
    times = earlier(unit, what, which)
    weeks = max((unit.visit_start - min(event.time for event in unit.log)) / 604_800, 1)
    return (sum(time >= unit.visit_start - 604_800 for time in times) + 1) / (len(times) / weeks + 1)


def trends(unit: Unit, what: str) -> list[float]:
    return [math.log(trend_of(unit, what, which)) for which in unit.different(what)]


def since_seen(unit: Unit, what: str) -> int | None:
    times = [time for which in unit.different(what) for time in earlier(unit, what, which)]
    return unit.visit_start - max(times) if times else None


def shares(unit: Unit, what: str) -> list[float]:
    counts = Counter(getattr(event, what) for event in unit.events)
    return [count / len(unit.events) for count in counts.values()]


def entropy(unit: Unit, what: str) -> float:
    return -sum(share * math.log(share) for share in shares(unit, what))


def turned(before: str, after: str) -> Oracle:
    return lambda unit: sum((one.kind, other.kind) == (before, after) for one, other in unit.steps)


def streaks(unit: Unit) -> list[int]:
    return [len(list(run)) for _, run in itertools.groupby(event.kind for event in unit.in_order)]


def events_to(kind: str) -> Oracle:
    return lambda unit: next((place for place, event in enumerate(unit.in_order) if event.kind == kind), None)


def seconds_to(kind: str) -> Oracle:
    return lambda unit: unit.of(kind)[0].time - unit.start if unit.of(kind) else None


def seconds_after(kind: str) -> Oracle:
    return lambda unit: max(unit.times) - unit.of(kind)[-1].time if unit.of(kind) else None


def shop_load_hour(unit: Unit) -> float:
    hours = (unit.start // 60 * 60 - min(event.time for event in unit.log)) / 3600
    usual = events_in_last(unit, 1440) / min(max(hours, 1), 24)
    return round(2 * math.log2((events_in_last(unit, 60) + 1) / (usual + 1)) + 1e-6) / 2


def events_in_last(unit: Unit, minutes: int) -> int:
    """Events of the whole shop in so many whole minutes before the minute of the start."""
    return sum(0 < unit.start // 60 - event.time // 60 <= minutes for event in unit.log)


Oracle = Callable[["Unit"], "float | None"]
ORACLE: dict[str, Oracle] = {
    "n_events": lambda unit: len(unit.events),
    "n_view": lambda unit: unit.count("VIEW"),
    "n_add_cart": lambda unit: unit.count("ADD_CART"),
    "n_remove_cart": lambda unit: unit.count("REMOVE_CART"),
    "n_buy": lambda unit: unit.count("BUY"),
    "share_view": lambda unit: unit.count("VIEW") / len(unit.events),
    "share_add_cart": lambda unit: unit.count("ADD_CART") / len(unit.events),
    "share_remove_cart": lambda unit: unit.count("REMOVE_CART") / len(unit.events),
    "share_buy": lambda unit: unit.count("BUY") / len(unit.events),
    "buy_per_view": lambda unit: unit.count("BUY") / (unit.count("VIEW") + 1),
    "buy_per_add_cart": lambda unit: unit.count("BUY") / (unit.count("ADD_CART") + 1),
    "add_cart_per_view": lambda unit: unit.count("ADD_CART") / (unit.count("VIEW") + 1),
    "remove_cart_per_add_cart": lambda unit: unit.count("REMOVE_CART") / (unit.count("ADD_CART") + 1),
    "net_cart": lambda unit: unit.count("ADD_CART") - unit.count("REMOVE_CART"),
    "n_repeats": lambda unit: len(unit.events) - len(unit.different("product")),
    "duration": lambda unit: max(unit.times) - min(unit.times),
    "gap_mean": lambda unit: statistics.fmean(gaps(unit)) if gaps(unit) else None,
    "gap_max": lambda unit: max(gaps(unit), default=None),
    "gap_sd": lambda unit: statistics.pstdev(gaps(unit)) if gaps(unit) else None,
    "gap_first": lambda unit: gaps(unit)[0] if gaps(unit) else None,
    "gap_last": lambda unit: gaps(unit)[-1] if gaps(unit) else None,
    "share_quick": lambda unit: statistics.fmean(gap <= 10 for gap in gaps(unit)) if gaps(unit) else None,
    "events_per_minute": lambda unit: len(unit.events) / ((max(unit.times) - unit.start) / 60 + 1),
    **{
        f"first_is_{kind.lower()}": lambda unit, kind=kind: float(unit.in_order[0].kind == kind) for kind in EVENT_TYPES
    },
    **{
        f"last_is_{kind.lower()}": lambda unit, kind=kind: float(unit.in_order[-1].kind == kind) for kind in EVENT_TYPES
    },
    "view_then_view": turned("VIEW", "VIEW"),
    "view_then_add_cart": turned("VIEW", "ADD_CART"),
    "view_then_buy": turned("VIEW", "BUY"),
    "add_cart_then_view": turned("ADD_CART", "VIEW"),
    "add_cart_then_add_cart": turned("ADD_CART", "ADD_CART"),
    "add_cart_then_remove_cart": turned("ADD_CART", "REMOVE_CART"),
    "add_cart_then_buy": turned("ADD_CART", "BUY"),
    "remove_cart_then_add_cart": turned("REMOVE_CART", "ADD_CART"),
    "buy_then_view": turned("BUY", "VIEW"),
    "buy_then_buy": turned("BUY", "BUY"),
    "type_changes": lambda unit: sum(one.kind != other.kind for one, other in unit.steps),
    "stays_on_product": lambda unit: sum(one.product == other.product for one, other in unit.steps),
    "streak_max": lambda unit: max(streaks(unit)),
    "streak_last": lambda unit: streaks(unit)[-1],
    "ends_where_it_began": lambda unit: float(unit.in_order[0].product == unit.in_order[-1].product),
    "events_to_add_cart": events_to("ADD_CART"),
    "events_to_buy": events_to("BUY"),
    "seconds_to_add_cart": seconds_to("ADD_CART"),
    "seconds_to_buy": seconds_to("BUY"),
    "seconds_after_add_cart": seconds_after("ADD_CART"),
    "seconds_after_buy": seconds_after("BUY"),
    "product_share_top": lambda unit: max(shares(unit, "product")),
    "category_share_top": lambda unit: max(shares(unit, "category")),
    "product_entropy": lambda unit: entropy(unit, "product"),
    "category_entropy": lambda unit: entropy(unit, "category"),
    "shop_load_hour": shop_load_hour,
    "start_hour": lambda unit: began(unit).hour,
    "start_weekday": lambda unit: began(unit).weekday(),
    "hour_sin": lambda unit: math.sin(turn_of_day(unit)),
    "hour_cos": lambda unit: math.cos(turn_of_day(unit)),
    "week_sin": lambda unit: math.sin(turn_of_week(unit)),
    "week_cos": lambda unit: math.cos(turn_of_week(unit)),
    "n_products": lambda unit: len(unit.different("product")),
    "n_categories": lambda unit: len(unit.different("category")),
    "products_added": lambda unit: len(unit.different("product", "ADD_CART")),
    "products_bought": lambda unit: len(unit.different("product", "BUY")),
    "products_per_category": lambda unit: len(unit.different("product")) / len(unit.different("category")),
    "user_is_known": lambda unit: float(user_sessions(unit) > 0),
    "user_sessions_per_week": lambda unit: user_sessions(unit) / unit.weeks,
    "user_events_per_week": lambda unit: user_events(unit) / unit.weeks,
    "user_view_per_week": lambda unit: user_events(unit, "VIEW") / unit.weeks,
    "user_add_cart_per_week": lambda unit: user_events(unit, "ADD_CART") / unit.weeks,
    "user_remove_cart_per_week": lambda unit: user_events(unit, "REMOVE_CART") / unit.weeks,
    "user_buy_per_week": lambda unit: user_events(unit, "BUY") / unit.weeks,
    "user_buy_rate": lambda unit: (user_events(unit, "BUY") + 1) / (user_events(unit) + 10),
    "user_seconds_since": since_user_was_seen,
    "user_trend": lambda unit: trend_of(unit, "user", unit.user),
    **{
        name.format(what=what): lambda unit, what=what, oracle=oracle: oracle(unit, what)
        for what in ("product", "category")
        for name, oracle in {
            "{what}_users_mean": lambda unit, what: statistics.fmean(users_elsewhere(unit, what)),
            "{what}_trend_mean": lambda unit, what: statistics.fmean(trends(unit, what)),
            "{what}_trend_max": lambda unit, what: max(trends(unit, what)),
            "{what}_seconds_since": since_seen,
        }.items()
    },
    "product_popularity_mean": lambda unit: statistics.fmean(popularities(unit, "product")),
    "product_popularity_min": lambda unit: min(popularities(unit, "product")),
    "product_buy_rate_mean": lambda unit: statistics.fmean(rates(unit, "product", "BUY")),
    "product_buy_rate_max": lambda unit: max(rates(unit, "product", "BUY")),
    "product_add_cart_rate_mean": lambda unit: statistics.fmean(rates(unit, "product", "ADD_CART")),
    "product_add_cart_rate_max": lambda unit: max(rates(unit, "product", "ADD_CART")),
    "category_popularity_mean": lambda unit: statistics.fmean(popularities(unit, "category")),
    "category_popularity_min": lambda unit: min(popularities(unit, "category")),
    "category_buy_rate_mean": lambda unit: statistics.fmean(rates(unit, "category", "BUY")),
    "category_buy_rate_max": lambda unit: max(rates(unit, "category", "BUY")),
    "category_add_cart_rate_mean": lambda unit: statistics.fmean(rates(unit, "category", "ADD_CART")),
    "category_add_cart_rate_max": lambda unit: max(rates(unit, "category", "ADD_CART")),
}

Row = dict[str, float | None]


def features_by_name(dataset: Dataset, config: RunConfig) -> dict[Name, Row]:
    table = build_features(dataset, config)
    return dict(zip(unit_names(dataset, table.units), table.values.to_dicts(), strict=True))


def assert_same(found: Row, expected: Row, where: object) -> None:
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, f"{name} of {where}"
        else:
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), f"{name} of {where}"


def test_every_feature_has_an_oracle() -> None:
    assert set(ORACLE) == {feature.name for feature in all_features()}


@QUICKLY
@given(events=random_events())
def test_every_feature_is_what_its_oracle_says(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    dataset = store(tmp_path_factory.mktemp("oracle"), events, LogMapping(least_usable=0.0))
    events = joined(events)
    codes = {user: code for code, user in words_of(dataset, "user_id").items()}
    products = {product: code for code, product in words_of(dataset, "product_id").items()}
    for history in HISTORIES:
        for split in (True, False):
            found = features_by_name(dataset, RunConfig(history=history, split_composite_sessions=split))
            units = units_of(events, history, split=split, codes=codes, products=products)
            assert set(found) == {unit.name for unit in units}
            for unit in units:
                expected = {name: oracle(unit) for name, oracle in ORACLE.items()}
                assert_same(found[unit.name], expected, (unit.name, history, split))


# --- what the features say of sessions that a reader can follow -------------------------------------------------------
def history_of(tmp_path: Path, events: list[Event], history: HistoryMode = "as_of") -> Row:
    """The features of the session NOW of user ME, in a log that has unrelated sessions too."""
    elsewhere = [
        dataclasses.replace(event, user=f"X{event.user}", product=f"X{event.product}") for event in good_events()
    ]
    elsewhere = [dataclasses.replace(event, category="XC") for event in elsewhere]
    dataset = store(tmp_path, [*elsewhere, *events])
    return features_by_name(dataset, RunConfig(history=history))["train", "NOW", "ME"]


NOW = Event("train", "NOW", "ME")
EARLIER = dataclasses.replace(NOW, session="THEN", time=NOON - 1, kind="BUY")
SAME_SECOND = dataclasses.replace(NOW, session="THEN", kind="BUY")
LATER = dataclasses.replace(NOW, session="THEN", time=NOON + 1, kind="BUY")
NEW_USER = {
    "user_is_known": 0,
    "user_sessions_per_week": 0,
    "user_events_per_week": 0,
    "user_buy_per_week": 0,
    "user_buy_rate": 0.1,
    "user_seconds_since": None,
    "product_buy_rate_mean": 0.1,
    "category_add_cart_rate_max": 0.3,
}


def after_one_purchase(seconds_watched: int, since: int | None) -> Row:
    """What is known of the user, product and category after one purchase elsewhere; the watch is a day longer."""
    weeks = (seconds_watched + 86_400) / 604_800
    return {
        "user_is_known": 1,
        "user_sessions_per_week": 1 / weeks,
        "user_events_per_week": 1 / weeks,
        "user_buy_per_week": 1 / weeks,
        "user_buy_rate": 2 / 11,
        "user_seconds_since": since,
        "product_popularity_mean": math.log1p(1 / weeks),
        "product_buy_rate_mean": 2 / 11,
        "category_add_cart_rate_max": 3 / 11,
    }


END_OF_LOG = max(event.time for event in good_events()) - NOON


@pytest.mark.parametrize(
    ("other", "history", "expected"),
    [
        (EARLIER, "as_of", after_one_purchase(1, since=1)),
        (SAME_SECOND, "as_of", {**NEW_USER, "product_popularity_mean": 0.0}),
        (LATER, "as_of", {**NEW_USER, "product_popularity_mean": 0.0}),
        (EARLIER, "all_rows", after_one_purchase(END_OF_LOG + 1, since=1)),
        (SAME_SECOND, "all_rows", after_one_purchase(END_OF_LOG, since=None)),
        (LATER, "all_rows", after_one_purchase(END_OF_LOG, since=None)),
    ],
    ids=[f"{history}: {when}" for history in HISTORIES for when in ("a second before", "the same second", "after")],
)
def test_as_of_sees_what_happened_strictly_before_the_session_and_all_rows_everything(
    tmp_path: Path, other: Event, history: HistoryMode, expected: Row
) -> None:
    assert_same(history_of(tmp_path, [NOW, other], history), expected, other)


def test_the_same_history_counts_less_the_longer_it_was_watched(tmp_path: Path) -> None:
    week_before = dataclasses.replace(EARLIER, time=NOON - 6 * 86_400)
    assert_same(history_of(tmp_path, [NOW, week_before]), {"user_events_per_week": 1, "user_buy_rate": 2 / 11}, "NOW")


@pytest.mark.parametrize("history", HISTORIES)
def test_a_first_session_has_no_history_however_much_happens_in_it(tmp_path: Path, history: HistoryMode) -> None:
    events = [dataclasses.replace(NOW, kind=kind, time=NOON + step) for step, kind in enumerate(EVENT_TYPES * 3)]
    assert_same(history_of(tmp_path, events, history), NEW_USER, history)


@pytest.mark.parametrize("history", HISTORIES)
def test_the_halves_of_a_known_session_are_no_history_of_each_other(tmp_path: Path, history: HistoryMode) -> None:
    half = dataclasses.replace(NOW, file="test", time=NOON - 60)
    assert_same(history_of(tmp_path, [NOW, half], history), NEW_USER, history)


def test_a_product_seen_at_a_steady_pace_is_not_on_the_rise_however_late_it_is(tmp_path: Path) -> None:
    weekly = [dataclasses.replace(NOW, session=f"W{week}", time=NOON - week * 604_800) for week in range(1, 8)]
    assert history_of(tmp_path, [NOW, *weekly])["product_trend_mean"] == pytest.approx(0.0)


def test_the_users_of_a_shared_session_id_have_histories_of_their_own(tmp_path: Path) -> None:
    other_user = dataclasses.replace(NOW, user="YOU", product="P1", category="C1", time=NOON - 10_000)
    assert_same(history_of(tmp_path, [NOW, other_user]), {**NEW_USER, "n_events": 1}, "ME")


def test_an_event_at_the_epoch_is_an_event(tmp_path: Path) -> None:
    events = [dataclasses.replace(NOW, time=50), dataclasses.replace(EARLIER, time=0)]
    assert history_of(tmp_path, events)["user_seconds_since"] == 50


def test_a_session_of_one_event_has_no_gaps(tmp_path: Path) -> None:
    assert_same(history_of(tmp_path, [NOW]), {"duration": 0, "gap_mean": None, "gap_max": None}, "NOW")


def test_monday_noon_is_hour_twelve_of_day_zero(tmp_path: Path) -> None:
    expected = {"start_hour": 12, "start_weekday": 0, "hour_sin": 0, "hour_cos": -1}
    assert_same(history_of(tmp_path, [NOW]), expected, "NOW")


def test_a_user_who_came_earlier_but_met_the_product_later_has_not_yet_met_it() -> None:
    log = [
        Click(0, 0, 0, 0, NOON),
        Click(1, 1, 0, 0, NOON - 2),
        Click(1, 0, 0, 0, NOON + 1),
        Click(2, 0, 0, 0, NOON - 1),
    ]
    events, units = frames_of(log)
    sorted_log = PolarsEngine(events.lazy(), units.lazy(), "as_of").log_of(range(units.height))
    shared = {field.name: getattr(sorted_log, field.name) for field in dataclasses.fields(WindowLog)}
    window_log = WindowLog(**shared | {"events": sorted_log.events.with_columns(nw.col("unit").alias(VISIT))})
    for log_ in (sorted_log, window_log):
        counts = nw.to_native(log_.counts_elsewhere("product")).filter(pl.col("unit") == 0).collect()
        assert counts.select(DISTINCT_ELSEWHERE, LAST_SEEN).rows() == [(1, NOON - 1)]


def test_keys_gone_through_in_parts_where_bits_are_few_meet_the_same_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a log of hundreds of millions of events, whose keys, users and times do not fit into one number."""
    draws = random.Random(3)
    rows = [
        (unit, unit % 8, draws.randrange(8), 0, 0, NOON + draws.randrange(16)) for unit in range(12) for _ in range(6)
    ]
    events = pl.DataFrame(
        [(0, 0, 0, 0, 0, NOON), (0, 0, 7, 0, 0, NOON + 15), *rows], schema=EVENTS_SCHEMA, orient="row"
    )
    units = events.group_by("unit", "user").agg(pl.col("time").min().alias("start")).sort("unit")
    whole = compute_features(events.lazy(), units.lazy(), "as_of")
    sorted_sizes: list[int] = []
    monkeypatch.setattr(event_arrays, "MOST_BITS", 9)
    run_starts = event_arrays.run_starts
    monkeypatch.setattr(
        event_arrays, "run_starts", lambda numbers: sorted_sizes.append(len(numbers)) or run_starts(numbers)
    )
    parts = compute_features(events.lazy(), units.lazy(), "as_of")
    assert parts.equals(whole)
    assert any(0 < size < events.height // 2 for size in sorted_sizes)


# --- the table as a file ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("history", ["as_of", "all_rows"])
@pytest.mark.parametrize("units_per_batch", [1, 7, 1_000])
def test_a_table_written_in_batches_equals_the_table_built_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: str, units_per_batch: int
) -> None:
    draws = random.Random(units_per_batch)
    rows = [
        Event(
            draws.choice(["train", "test"]),
            f"S{draws.randrange(12)}",
            f"U{draws.randrange(5)}",
            f"P{draws.randrange(4)}",
            time=NOON + draws.randrange(900_000),
        )
        for _ in range(90)
    ]
    dataset, config = store(tmp_path, [*good_events(), *rows]), RunConfig(history=history)
    whole = build_features(dataset, config)
    monkeypatch.setattr(polars_engine, "_UNITS_PER_BATCH", units_per_batch)
    in_batches = build_features(dataset, config)
    assert_frame_equal(in_batches.values, whole.values, rel_tol=1e-14, abs_tol=0)
    monkeypatch.setattr(feature_table, "_IDS_AT_ONCE", 2 * units_per_batch)
    progress: list[tuple[int, int]] = []
    n_written = write_features(
        dataset, config, tmp_path / "f.parquet", lambda done, total, _: progress.append((done, total))
    )
    assert n_written == whole.units.height > 30
    table = pl.read_parquet(tmp_path / "f.parquet")
    assert_frame_equal(
        table.drop("user_session", "user_id"), whole.units.hstack(whole.values), rel_tol=1e-14, abs_tol=0
    )
    for id_column, number in (("user_session", "session"), ("user_id", "user")):
        ids = words_of(dataset, id_column)
        assert table[id_column].to_list() == [ids[code] for code in table[number]]
    n_steps = -(-n_written // units_per_batch) * len(GROUPS)
    assert progress[-1] == (n_steps, n_steps)
    assert [done for done, _ in progress] == list(range(n_steps + 1))


# --- composite sessions unsplit ---------------------------------------------------------------------------------------
def test_unsplit_the_users_of_a_session_id_become_one_unit(tmp_path: Path) -> None:
    shared = [Event("train", "S", f"U{number}", f"P{number}", time=NOON + 10_000 * number) for number in (2, 1, 0)]
    dataset = store(tmp_path, [*good_events(), *shared])
    split, merged = (build_features(dataset, RunConfig(split_composite_sessions=split)) for split in (True, False))
    assert (split.units.height, merged.units.height) == (23, 21)
    assert merged.values.height == merged.units.height
    (row,) = np.flatnonzero(merged.units.get_column("composite"))
    assert unit_names(dataset, merged.units)[row] == ("train", "S", "U0")
    assert merged.units.row(row, named=True)["start"] == NOON
    assert_same(merged.values.row(row, named=True), {"n_events": 3, "n_products": 3, "duration": 20_000}, "S")


@pytest.mark.parametrize("history", ["as_of", "all_rows"])
def test_unsplit_the_parts_of_a_session_in_both_files_are_no_past_of_each_other(
    history: HistoryMode, tmp_path: Path
) -> None:
    """Another user begins in each file."""
    shared = [
        Event("train", "S", "UA", "PX", "CX", time=NOON),
        Event("train", "S", "UB", "PX", "CX", time=NOON + 10_000),
        Event("test", "S", "UB", "PX", "CX", time=NOON + 20_000),
        Event("test", "S", "UA", "PX", "CX", time=NOON + 30_000),
    ]
    dataset = store(tmp_path, [*good_events(), *shared])
    found = build_features(dataset, RunConfig(split_composite_sessions=False, history=history))
    rows = np.flatnonzero(found.units.get_column("composite"))
    assert [unit_names(dataset, found.units)[row] for row in rows] == [("train", "S", "UA"), ("test", "S", "UA")]
    assert found.values[rows].get_column("product_seconds_since").to_list() == [None, None]


# --- the table --------------------------------------------------------------------------------------------------------
def test_the_table_has_one_row_a_unit_and_one_column_a_feature_in_order(tmp_path: Path) -> None:
    table = build_features(store(tmp_path, good_events()), RunConfig())
    assert table.units.get_column("unit").to_list() == list(range(20))
    assert table.names == [feature.name for feature in all_features()]
    assert set(table.values.schema.values()) == {pl.Float64}


def test_the_matrix_holds_the_chosen_rows_with_nan_for_nothing(tmp_path: Path) -> None:
    dataset = store(tmp_path, [*good_events(), Event("train", "ONE", "U1")])
    table = build_features(dataset, RunConfig())
    chosen = table.units.get_column("role") == 0
    matrix = table.matrix(chosen)
    assert matrix.shape == (11, len(table.names))
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    (row,) = np.flatnonzero(matrix[:, table.names.index("n_events")] == 1)
    assert np.isnan(matrix[row, table.names.index("gap_mean")])


def test_every_group_is_reported_by_name(tmp_path: Path) -> None:
    said: list[tuple[int, int, str]] = []
    build_features(store(tmp_path, good_events()), RunConfig(), lambda *moment: said.append(moment))
    assert {text for _, _, text in said} == {*(group.name.replace("_", " ") for group in GROUPS), ""}
    assert [part for part, _, _ in said] == list(range(len(GROUPS) + 1))


@settings(QUICKLY, max_examples=15)
@given(events=random_events(), seed=st.integers(0, 999), history=st.sampled_from(HISTORIES))
def test_the_row_order_of_the_files_changes_no_feature(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], seed: int, history: HistoryMode
) -> None:
    folder = tmp_path_factory.mktemp("order")
    shuffled = random.Random(seed).sample(events, len(events))
    tables = [
        build_features(store(folder / name, rows, LogMapping(least_usable=0.0)), RunConfig(history=history)).values
        for name, rows in (("a", events), ("b", shuffled))
    ]
    assert tables[0].equals(tables[1])


# --- the registry -----------------------------------------------------------------------------------------------------
def test_features_and_groups_have_names_of_their_own() -> None:
    names = [feature.name for feature in all_features()]
    groups = [group.name for group in GROUPS]
    assert len(set(names)) == len(names)
    assert len(set(groups)) == len(groups)
    assert set(HISTORY_GROUPS) == {"context", *(name for name in groups if name.endswith("_history"))}
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in [*names, *groups])


@pytest.mark.parametrize("feature", all_features(), ids=lambda feature: feature.name)
def test_a_feature_has_a_unit_and_a_sentence_that_says_what_it_means(feature) -> None:
    assert feature.unit.strip()
    assert re.fullmatch(r"[A-Z][^\n]*[^\s.]\.", feature.meaning)


# --- canaries: what history must never notice -------------------------------------------------------------------------
EVENTS_SCHEMA = {
    "unit": pl.Int64,
    "user": pl.Int64,
    "product": pl.Int64,
    "category": pl.Int64,
    "type": pl.Int8,
    "time": pl.Int64,
}


@dataclass(frozen=True)
class Click:
    """An event as stored. A unit has one user: unit 0 and 3 are of user 0, 1 and 4 of user 1, and so on."""

    unit: int
    product: int
    category: int
    kind: int
    time: int

    @property
    def row(self) -> tuple[int, ...]:
        return self.unit, self.unit % 3, self.product, self.category, self.kind, self.time


clicks = st.builds(
    Click,
    unit=st.integers(0, 7),
    product=st.integers(0, 3),
    category=st.integers(0, 1),
    kind=st.integers(0, 3),
    time=st.integers(NOON, NOON + 12),
)
logs = st.lists(clicks, min_size=5, max_size=40)


def frames_of(log: list[Click]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events of a log and its units, as stored."""
    events = pl.DataFrame([click.row for click in log], schema=EVENTS_SCHEMA, orient="row")
    return events, events.group_by("unit", "user").agg(pl.col("time").min().alias("start")).sort("unit")


def history_of_unit(log: list[Click], unit: int, history: HistoryMode) -> Row:
    """The history features of one unit of the log."""
    events, units = frames_of(log)
    groups = tuple(group for group in GROUPS if group.name in HISTORY_GROUPS)
    values = compute_features(events.lazy(), units.lazy(), history, groups=groups)
    return values.row(units.get_column("unit").to_list().index(unit), named=True)


def later_elsewhere(log: list[Click], unit: int) -> tuple[list[Click], list[Click]]:
    """The events of other units at or after the unit's start, and all the rest."""
    start = min(click.time for click in log if click.unit == unit)
    later = [click for click in log if click.unit != unit and click.time >= start]
    return later, [click for click in log if click not in later]


@QUICKLY
@given(log=logs, seed=st.integers(0, 999))
def test_as_of_permuting_later_events_of_other_sessions_changes_no_history(log: list[Click], seed: int) -> None:
    unit, shuffle = log[0].unit, random.Random(seed)
    later, rest = later_elsewhere(log, unit)
    assume(len(later) > 1)
    columns = [
        shuffle.sample([getattr(click, field) for click in later], len(later))
        for field in ("unit", "product", "category", "kind", "time")
    ]
    permuted = [Click(*cells) for cells in zip(*columns, strict=True)]
    assert history_of_unit([*permuted, *rest], unit, "as_of") == history_of_unit(log, unit, "as_of")


@QUICKLY
@given(log=logs)
def test_as_of_deleting_later_events_of_other_sessions_changes_no_history(log: list[Click]) -> None:
    unit = log[0].unit
    later, rest = later_elsewhere(log, unit)
    assume(later)
    assert history_of_unit(rest, unit, "as_of") == history_of_unit(log, unit, "as_of")


@QUICKLY
@given(log=logs, more=st.lists(clicks, min_size=1, max_size=20))
def test_as_of_adding_later_events_to_other_sessions_changes_no_history(log: list[Click], more: list[Click]) -> None:
    unit = log[0].unit
    start = min(click.time for click in log if click.unit == unit)
    added = [
        dataclasses.replace(
            click, unit=click.unit + 8 if click.unit == unit else click.unit, time=start + click.time - NOON
        )
        for click in more
    ]
    assert history_of_unit([*log, *added], unit, "as_of") == history_of_unit(log, unit, "as_of")


@QUICKLY
@given(log=logs, history=st.sampled_from(HISTORIES), seed=st.integers(0, 999))
def test_own_events_never_count_in_history(log: list[Click], history: HistoryMode, seed: int) -> None:
    unit, chance = log[0].unit, random.Random(seed)
    own = [click for click in log if click.unit == unit]
    times = [click.time for click in own]  # when the log ends is of the log, and may be told by an own event
    repeated = [dataclasses.replace(click, kind=chance.randrange(4), time=chance.choice(times)) for click in own * 3]
    assert history_of_unit([*log, *repeated], unit, history) == history_of_unit(log, unit, history)


def test_the_canaries_sing_in_the_regime_that_looks_ahead() -> None:
    log = [Click(0, 0, 0, EVENT_CODE["VIEW"], NOON), Click(3, 0, 0, EVENT_CODE["BUY"], NOON)]
    alone = history_of_unit(log[:1], 0, "all_rows")
    noticed = {name for name, value in history_of_unit(log, 0, "all_rows").items() if value != alone[name]}
    blind = {"user_view_per_week", "user_add_cart_per_week", "user_remove_cart_per_week"}
    blind |= {name for name in HISTORY_FEATURES if re.search("seconds_since|trend|shop_load", name)}
    assert noticed == set(HISTORY_FEATURES) - blind


# --- on the demo: honesty and determinism -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> Dataset:
    return ingest(demo_files, Workspace(tmp_path_factory.mktemp("demo")))


@pytest.mark.parametrize("split", [True, False])
def test_the_history_of_the_demo_is_honest(demo: Dataset, split: bool) -> None:
    config = RunConfig(split_composite_sessions=split)
    changed, compared = changed_by_later_sessions(demo, build_features(demo, config), config)
    assert changed == 0
    assert compared > 5000


def history_that_knows_all(demo: Dataset, honest: FeatureTable) -> FeatureTable:
    return build_features(demo, RunConfig(history="all_rows"))


def history_that_looks_a_day_ahead(demo: Dataset, honest: FeatureTable) -> FeatureTable:
    events, units = events_and_units(demo, RunConfig())
    ahead = units.lazy().with_columns(pl.col("start") + 86_400)
    return FeatureTable(units, compute_features(events, ahead, "as_of"))


def history_that_forgets_when_a_user_came_back(demo: Dataset, honest: FeatureTable) -> FeatureTable:
    return FeatureTable(honest.units, honest.values.with_columns(user_seconds_since=pl.lit(None, dtype=pl.Float64)))


@pytest.mark.parametrize(
    "plant", [history_that_knows_all, history_that_looks_a_day_ahead, history_that_forgets_when_a_user_came_back]
)
def test_a_planted_dishonest_history_is_caught(
    demo: Dataset, plant: Callable[[Dataset, FeatureTable], FeatureTable]
) -> None:
    changed, _ = changed_by_later_sessions(demo, plant(demo, build_features(demo, RunConfig())), RunConfig())
    assert changed > 100


def test_one_dishonest_cell_is_caught(demo: Dataset) -> None:
    honest = build_features(demo, RunConfig())
    first = int(honest.units.get_column("start").arg_min() or 0)
    one_more = pl.col("user_buy_rate") + (pl.int_range(pl.len()) == first)
    planted = FeatureTable(honest.units, honest.values.with_columns(one_more))
    assert changed_by_later_sessions(demo, planted, RunConfig())[0] == 1


def test_a_log_without_anything_later_is_not_called_honest(tmp_path: Path) -> None:
    """Dates without times: all sessions of one day begin, and end, at one moment."""
    rows = ["event_time,event_type,product_id,category_id,user_id,user_session,session_value"]
    rows += [f"2025-06-01 00:00:00+00:00,VIEW,P{n % 7},C{n % 3},U{n},S{n},{n}" for n in range(40)]
    test = [",".join(row.replace(",S", ",T").split(",")[:6]) for row in rows]
    for name, lines in (("train", rows), ("test", test)):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    dataset = ingest(InputFiles(tmp_path / "train.csv", tmp_path / "test.csv"), Workspace(tmp_path / "home"))
    config = RunConfig()
    table = build_features(dataset, config)
    assert changed_by_later_sessions(dataset, table, config) == (0, 0)
    assert certify_history(dataset, table, config).outcome == "not_applicable"


def digest_of(values: pl.DataFrame) -> str:
    """Of the numbers as the learners get them."""
    return hashlib.sha256(np.ascontiguousarray(values.to_numpy()).tobytes()).hexdigest()


IN_A_PROCESS_OF_ITS_OWN = """
import sys
from pathlib import Path
from core.config import RunConfig
from core.dataset import Dataset
from core.features import build_features
from tests.test_features import digest_of
print(digest_of(build_features(Dataset(Path(sys.argv[1])), RunConfig(history=sys.argv[2])).values))
"""


@pytest.mark.parametrize("history", HISTORIES)
def test_the_same_files_give_the_same_bytes_in_any_process_with_any_number_of_threads(
    demo: Dataset, history: HistoryMode
) -> None:
    here = digest_of(build_features(demo, RunConfig(history=history)).values)
    assert digest_of(build_features(demo, RunConfig(history=history)).values) == here
    elsewhere = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, str(demo.folder), history],
        cwd=PROJECT,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == here
