"""A history in which one session has hypothetical events, to predict the session with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from core.errors import RunError
from core.model.history import History
from core.schema import EVENT_CODE, PRODUCT, PRODUCT_ID, START, TIME, TYPE, UNIT

_EXAMPLES = 3


@dataclass(frozen=True)
class ChangedEvent:
    """An event of a hypothetical session.

    Attributes:
        second: seconds since the first event of the session as it is; may be negative.
        event_type: one of EVENT_TYPES.
        product_id: id of a product with an event in the history.
    """

    second: int
    event_type: str
    product_id: str


def with_changed_session(history: History, unit: int, events: Sequence[ChangedEvent]) -> History:
    """Return the history with other events of one session.

    An event gets its category and own columns from an event on the same product: one of the session if there is one,
    otherwise the latest one in the history.

    Args:
        unit: number of the unit.
        events: all events of the session, at least one, in any order.

    Raises:
        ValueError: there are no events.
        RunError: a product has no event in the history.
    """
    if not events:
        raise ValueError("a session needs at least one event")
    start = int(history.units.item(unit, START))
    codes = dict(history.ids[PRODUCT].select(PRODUCT_ID, PRODUCT).iter_rows())
    templates = _latest_events(
        history, unit, {codes[event.product_id] for event in events if event.product_id in codes}
    )
    rows = []
    for event in sorted(events, key=lambda each: each.second):
        template = templates.get(codes.get(event.product_id))
        if template is None:
            examples = [product_id for product_id, code in codes.items() if code in templates] or list(codes)
            raise RunError.unknown_product(event.product_id, examples[:_EXAMPLES])
        rows.append(template | {UNIT: unit, TYPE: EVENT_CODE[event.event_type], TIME: start + event.second})
    changed = pl.DataFrame(rows, schema=history.events.schema)
    starts = pl.when(pl.int_range(pl.len()) == unit).then(pl.lit(changed[TIME].min())).otherwise(START)
    units = history.units.with_columns(starts.cast(history.units.schema[START]).alias(START))
    others = history.events.filter(pl.col(UNIT) != unit)
    return replace(history, events=others.merge_sorted(changed, key=UNIT), units=units)


def _latest_events(history: History, unit: int, products: Iterable[int]) -> dict[int | None, dict[str, Any]]:
    """Return code of a product -> its latest event: one of the unit if there is one, otherwise one of the history."""
    on_products = history.events.filter(pl.col(PRODUCT).is_in(list(products)))
    # events of one second keep their order, so that the same one is always taken
    by_time = on_products.sort(pl.col(UNIT) == unit, TIME, maintain_order=True)
    return {row[PRODUCT]: row for row in by_time.unique(PRODUCT, keep="last").iter_rows(named=True)}
