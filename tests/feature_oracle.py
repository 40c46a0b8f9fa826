"""An oracle for every feature: loops over lists and dictionaries that define what each number is."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.features.session_log import HistoryMode
from core.schema import EVENT_CODE, EVENT_TYPES
from tests.events_on_the_spot import Event, Name


@dataclass(frozen=True)
class Unit:
    """What one row of features describes, with everything its features may depend on."""

    name: Name
    events: list[Event]
    others: list[list[Event]]
    """Events of the other visits. A visit is all rows of one session and user in both files."""
    visit_start: int
    """Time of the visit's first row in either file."""
    history: HistoryMode
    log: list[Event]
    """All events of both files."""
    product_codes: Mapping[str, int]
    """They order events of the same second and type."""

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
        """Observed weeks, plus one day."""
        times = [event.time for event in self.log]
        until = self.visit_start if self.history == "as_of" else max(times)
        return (until - min(times) + 24 * 3600) / (7 * 24 * 3600)

    @property
    def in_order(self) -> list[Event]:
        """Events by time, then type, then product."""
        codes = self.product_codes
        return sorted(self.events, key=lambda event: (event.time, EVENT_CODE[event.kind], codes[event.product]))

    @property
    def steps(self) -> list[tuple[Event, Event]]:
        """Pairs of consecutive events."""
        return list(zip(self.in_order, self.in_order[1:], strict=False))

    def of_kind(self, *kinds: str) -> list[Event]:
        return [event for event in self.in_order if event.kind in kinds]

    def count(self, kind: str) -> int:
        return sum(event.kind == kind for event in self.events)

    def distinct(self, key: str, *kinds: str) -> set[str]:
        return {getattr(event, key) for event in self.events if event.kind in (kinds or EVENT_TYPES)}

    def elsewhere(self, key: str, value: str) -> list[Event]:
        """Events on a product, category or user in other visits, as far as the history mode allows."""
        events = [event for other in self.others for event in other if getattr(event, key) == value]
        return events if self.history == "all_rows" else [event for event in events if event.time < self.visit_start]


def units_of(
    events: list[Event],
    history: HistoryMode,
    *,
    split: bool = True,
    codes: Mapping[str, int] | None = None,
    products: Mapping[str, int],
) -> list[Unit]:
    """Return one unit per session id, user and file.

    Without `split`, all users of a session id count as the user who begins first in either file. If several begin in
    the same second, it is the one with the lowest of the `codes`.
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


def start_of(unit: Unit) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unit.start, datetime.UTC)


def angle_of_day(unit: Unit) -> float:
    clock = start_of(unit)
    return 2 * math.pi * (clock.hour * 3600 + clock.minute * 60 + clock.second) / 86400


def angle_of_week(unit: Unit) -> float:
    return (2 * math.pi * start_of(unit).weekday() + angle_of_day(unit)) / 7


def user_events(unit: Unit, *kinds: str) -> int:
    return sum(event.kind in (kinds or EVENT_TYPES) for event in unit.elsewhere("user", unit.user))


def user_sessions(unit: Unit) -> int:
    return sum(
        other[0].user == unit.user
        and (unit.history == "all_rows" or min(event.time for event in other) < unit.visit_start)
        for other in unit.others
    )


def seconds_since_user(unit: Unit) -> int | None:
    earlier = [
        event.time
        for other in unit.others
        for event in other
        if event.user == unit.user and event.time < unit.visit_start
    ]
    return unit.visit_start - max(earlier) if earlier else None


def popularities(unit: Unit, key: str) -> list[float]:
    return [math.log1p(len(unit.elsewhere(key, value)) / unit.weeks) for value in unit.distinct(key)]


def rates(unit: Unit, key: str, kind: str) -> list[float]:
    """Shares of a kind of event, shrunk towards the usual share with the weight of ten events."""
    usual = {"BUY": 0.1, "ADD_CART": 0.3}[kind]
    by_value = [unit.elsewhere(key, value) for value in unit.distinct(key)]
    return [(sum(event.kind == kind for event in events) + 10 * usual) / (len(events) + 10) for events in by_value]


def users_elsewhere(unit: Unit, key: str) -> list[float]:
    by_value = [unit.elsewhere(key, value) for value in unit.distinct(key)]
    return [math.log1p(len({event.user for event in events}) / unit.weeks) for events in by_value]


def times_before(unit: Unit, key: str, value: str) -> list[int]:
    """Times of events on the value in other visits before the start, in both history modes."""
    return [
        event.time
        for other in unit.others
        for event in other
        if getattr(event, key) == value and event.time < unit.visit_start
    ]


def trend(unit: Unit, key: str, value: str) -> float:
    times = times_before(unit, key, value)
    weeks = max((unit.visit_start - min(event.time for event in unit.log)) / 604_800, 1)
    return (sum(time >= unit.visit_start - 604_800 for time in times) + 1) / (len(times) / weeks + 1)


def log_trends(unit: Unit, key: str) -> list[float]:
    return [math.log(trend(unit, key, value)) for value in unit.distinct(key)]


def seconds_since(unit: Unit, key: str) -> int | None:
    times = [time for value in unit.distinct(key) for time in times_before(unit, key, value)]
    return unit.visit_start - max(times) if times else None


def shares(unit: Unit, key: str) -> list[float]:
    counts = Counter(getattr(event, key) for event in unit.events)
    return [count / len(unit.events) for count in counts.values()]


def entropy(unit: Unit, key: str) -> float:
    return -sum(share * math.log(share) for share in shares(unit, key))


def transitions(before: str, after: str) -> Oracle:
    return lambda unit: sum((first.kind, second.kind) == (before, after) for first, second in unit.steps)


def streaks(unit: Unit) -> list[int]:
    return [len(list(run)) for _, run in itertools.groupby(event.kind for event in unit.in_order)]


def events_to(kind: str) -> Oracle:
    return lambda unit: next((number for number, event in enumerate(unit.in_order) if event.kind == kind), None)


def seconds_to(kind: str) -> Oracle:
    return lambda unit: unit.of_kind(kind)[0].time - unit.start if unit.of_kind(kind) else None


def seconds_after(kind: str) -> Oracle:
    return lambda unit: max(unit.times) - unit.of_kind(kind)[-1].time if unit.of_kind(kind) else None


def shop_load_hour(unit: Unit) -> float:
    hours = (unit.start // 60 * 60 - min(event.time for event in unit.log)) / 3600
    usual = events_in_last(unit, 1440) / min(max(hours, 1), 24)
    return round(2 * math.log2((events_in_last(unit, 60) + 1) / (usual + 1)) + 1e-6) / 2


def events_in_last(unit: Unit, minutes: int) -> int:
    """Events of the whole shop in the whole minutes before the minute of the start."""
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
    "n_repeats": lambda unit: len(unit.events) - len(unit.distinct("product")),
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
    "view_then_view": transitions("VIEW", "VIEW"),
    "view_then_add_cart": transitions("VIEW", "ADD_CART"),
    "view_then_buy": transitions("VIEW", "BUY"),
    "add_cart_then_view": transitions("ADD_CART", "VIEW"),
    "add_cart_then_add_cart": transitions("ADD_CART", "ADD_CART"),
    "add_cart_then_remove_cart": transitions("ADD_CART", "REMOVE_CART"),
    "add_cart_then_buy": transitions("ADD_CART", "BUY"),
    "remove_cart_then_add_cart": transitions("REMOVE_CART", "ADD_CART"),
    "buy_then_view": transitions("BUY", "VIEW"),
    "buy_then_buy": transitions("BUY", "BUY"),
    "type_changes": lambda unit: sum(first.kind != second.kind for first, second in unit.steps),
    "stays_on_product": lambda unit: sum(first.product == second.product for first, second in unit.steps),
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
    "start_hour": lambda unit: start_of(unit).hour,
    "start_weekday": lambda unit: start_of(unit).weekday(),
    "hour_sin": lambda unit: math.sin(angle_of_day(unit)),
    "hour_cos": lambda unit: math.cos(angle_of_day(unit)),
    "week_sin": lambda unit: math.sin(angle_of_week(unit)),
    "week_cos": lambda unit: math.cos(angle_of_week(unit)),
    "n_products": lambda unit: len(unit.distinct("product")),
    "n_categories": lambda unit: len(unit.distinct("category")),
    "products_added": lambda unit: len(unit.distinct("product", "ADD_CART")),
    "products_bought": lambda unit: len(unit.distinct("product", "BUY")),
    "products_per_category": lambda unit: len(unit.distinct("product")) / len(unit.distinct("category")),
    "user_is_known": lambda unit: float(user_sessions(unit) > 0),
    "user_sessions_per_week": lambda unit: user_sessions(unit) / unit.weeks,
    "user_events_per_week": lambda unit: user_events(unit) / unit.weeks,
    "user_view_per_week": lambda unit: user_events(unit, "VIEW") / unit.weeks,
    "user_add_cart_per_week": lambda unit: user_events(unit, "ADD_CART") / unit.weeks,
    "user_remove_cart_per_week": lambda unit: user_events(unit, "REMOVE_CART") / unit.weeks,
    "user_buy_per_week": lambda unit: user_events(unit, "BUY") / unit.weeks,
    "user_buy_rate": lambda unit: (user_events(unit, "BUY") + 1) / (user_events(unit) + 10),
    "user_seconds_since": seconds_since_user,
    "user_trend": lambda unit: trend(unit, "user", unit.user),
    **{
        f"{key}_{name}": lambda unit, key=key, oracle=oracle: oracle(unit, key)
        for key in ("product", "category")
        for name, oracle in {
            "users_mean": lambda unit, key: statistics.fmean(users_elsewhere(unit, key)),
            "trend_mean": lambda unit, key: statistics.fmean(log_trends(unit, key)),
            "trend_max": lambda unit, key: max(log_trends(unit, key)),
            "seconds_since": seconds_since,
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
