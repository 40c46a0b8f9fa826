"""Features of an open session's own events: counts, times, content and order.

They are those of core.features.groups, computed in plain Python for one session. tests/test_live_parity.py compares
them with the batch features bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from core.features.fixed_point import ONE
from core.features.groups import timing
from core.features.groups.sequence import TRANSITIONS
from core.features.session_log import DAY, WEEK
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_TYPES, REMOVE_CART, VIEW

_VIEW, _ADD, _REMOVE, _BUY = (EVENT_CODE[event_type] for event_type in (VIEW, ADD_CART, REMOVE_CART, BUY))
_NAMES = tuple(event_type.lower() for event_type in EVENT_TYPES)
_PAIRS = {(EVENT_CODE[before], EVENT_CODE[after]): name for (before, after), name in TRANSITIONS.items()}


class LiveEvent(NamedTuple):
    """An event with codes; events sort as in the log.

    Attributes:
        own: sort keys of the cells of its own columns (core.live.own_values).
        cells: the same as whole millionths; None for empty cells and for categories (core.live.own_features).
    """

    time: int
    type: int
    product: int
    own: tuple[str | float, ...]
    category: int
    cells: tuple[int | None, ...]


def activity(events: Sequence[LiveEvent], n_products: int) -> dict[str, float]:
    """Return the features of the group activity.

    Args:
        events: the session's events, at least one, in order; as for the other functions.
        n_products: number of its different products.
    """
    total, counts = len(events), [0] * len(EVENT_TYPES)
    for event in events:
        counts[event.type] += 1
    views, adds, removes, buys = (counts[code] for code in (_VIEW, _ADD, _REMOVE, _BUY))
    features: dict[str, float] = {
        "n_events": total,
        "buy_per_view": buys / (views + 1),
        "buy_per_add_cart": buys / (adds + 1),
        "add_cart_per_view": adds / (views + 1),
        "remove_cart_per_add_cart": removes / (adds + 1),
        "net_cart": adds - removes,
        "n_repeats": total - n_products,
    }
    for name, count in zip(_NAMES, counts, strict=True):
        features[f"n_{name}"] = count
        features[f"share_{name}"] = count / total
    return features


def times(events: Sequence[LiveEvent]) -> dict[str, float]:
    """Return the features of the group timing."""
    gaps = [after.time - before.time for before, after in pairwise(events)]
    start, n_gaps = events[0].time, len(gaps)
    duration = events[-1].time - start
    features = {
        "duration": duration,
        "events_per_minute": (n_gaps + 1) * 60 / (duration + 60),
        "start_hour": (start % DAY) // 3_600,
        "start_weekday": ((start - timing.MONDAY) % WEEK) // DAY,
    }
    for name, seconds, period in (("hour", start, DAY), ("week", start - timing.MONDAY, WEEK)):
        angle = (seconds % period) * (2 * math.pi / period)
        features[f"{name}_sin"] = math.sin(angle)
        features[f"{name}_cos"] = math.cos(angle)
    if not gaps:
        names = ("gap_mean", "gap_sd", "gap_max", "gap_first", "gap_last", "share_quick")
        return features | dict.fromkeys(names, math.nan)
    bounded = [min(gap, timing.MAX_GAP) for gap in gaps]
    total = float(sum(bounded))
    spread = n_gaps * float(sum(gap * gap for gap in bounded)) - total * total
    return features | {
        "gap_mean": duration / n_gaps,
        "gap_sd": math.sqrt(max(spread, 0.0)) / n_gaps,
        "gap_max": max(gaps),
        "gap_first": gaps[0],
        "gap_last": gaps[-1],
        "share_quick": sum(gap <= timing.QUICK for gap in gaps) / n_gaps,
    }


def content(events: Sequence[LiveEvent]) -> dict[str, float]:
    """Return the features of the group content."""
    by_product: dict[int, int] = {}
    by_category: dict[int, int] = {}
    for event in events:
        by_product[event.product] = by_product.get(event.product, 0) + 1
        by_category[event.category] = by_category.get(event.category, 0) + 1
    features = _spread("product", by_product, len(events)) | _spread("category", by_category, len(events))
    n_products, n_categories = len(by_product), len(by_category)
    return features | {
        "n_products": n_products,
        "n_categories": n_categories,
        "products_added": len({event.product for event in events if event.type == _ADD}),
        "products_bought": len({event.product for event in events if event.type == _BUY}),
        "products_per_category": n_products / n_categories,
    }


def _spread(key: str, counts: dict[int, int], total: int) -> dict[str, float]:
    """Return how evenly `total` events spread over the products or categories, given their numbers of events."""
    n_log_n = sum(round(n * math.log(n) * ONE) for n in counts.values())
    entropy = math.log(total) - n_log_n / ONE / total
    return {f"{key}_share_top": max(counts.values()) / total, f"{key}_entropy": max(entropy, 0.0)}


def sequence(events: Sequence[LiveEvent]) -> dict[str, float]:
    """Return the features of the group sequence."""
    first, last = events[0], events[-1]
    features: dict[str, float] = dict.fromkeys(_PAIRS.values(), 0)
    for code, name in enumerate(_NAMES):
        features[f"first_is_{name}"] = first.type == code
        features[f"last_is_{name}"] = last.type == code
    changes = stays = 0
    streak = longest = 1
    for before, after in pairwise(events):
        if (transition := _PAIRS.get((before.type, after.type))) is not None:
            features[transition] += 1
        streak = streak + 1 if after.type == before.type else 1
        longest = max(longest, streak)
        changes += after.type != before.type
        stays += after.product == before.product
    features |= {
        "type_changes": changes,
        "stays_on_product": stays,
        "streak_max": longest,
        "streak_last": streak,
        "ends_where_it_began": first.product == last.product,
    }
    for code in (_ADD, _BUY):
        places = [place for place, event in enumerate(events) if event.type == code]
        name = _NAMES[code]
        features[f"events_to_{name}"] = places[0] if places else math.nan
        features[f"seconds_to_{name}"] = events[places[0]].time - first.time if places else math.nan
        features[f"seconds_after_{name}"] = last.time - events[places[-1]].time if places else math.nan
    return features
