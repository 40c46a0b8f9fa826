"""A shop without defects as events, ways to spoil it, and the finding of one rule on a dataset."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable, Iterable

from core.audit import RULES, AuditReport, Finding
from core.audit.audited_dataset import AuditedDataset
from core.dataset import Dataset, RowOrder
from core.schema import ROLES
from tests.events_on_the_spot import Event
from tests.rewriting import read_sealed, write_sealed

RULE = {rule.code: rule for rule in RULES}
DAY = 86_400
MIDNIGHT = 1_748_736_000
"""2025-06-01 00:00:00 UTC, a Sunday."""

Change = Callable[[list[Event]], list[Event]]


def calm(train: int = 1500, test: int = 600, *, test_days: tuple[int, int] = (20, 28)) -> list[Event]:
    """A shop without defects: train is 20 days long, test the 8 days after it, evenly filled.

    Every session is of a user of its own, has a VIEW, an ADD_CART and a BUY of one of twenty products, a minute apart,
    and a value of its own between 10 and 110.
    """
    draws = random.Random(5)
    events = []
    for file, sessions, (first, last) in (("train", train, (0, 20)), ("test", test, test_days)):
        for number in range(sessions):
            slot = (last - first) * DAY // sessions
            start = MIDNIGHT + first * DAY + number * slot + draws.randrange(slot - 120)
            product = draws.randrange(20)
            value = round(10 + 100 * draws.random(), 2)
            for step, kind in enumerate(("VIEW", "ADD_CART", "BUY")):
                events.append(
                    Event(
                        file,
                        f"S-{file}-{number}",
                        f"U-{file}-{number}",
                        f"P{product}",
                        f"C{product % 5}",
                        kind,
                        start + 60 * step,
                        value,
                    )
                )
    return events


def at_the_same_time() -> list[Event]:
    """A shop without defects whose test sessions are of the days of train."""
    return calm(test_days=(0, 20))


def visit(
    file: str,
    session: str,
    user: str,
    *,
    times: Iterable[int],
    value: float = 50.0,
    product: str = "P1",
    kind: str = "VIEW",
) -> list[Event]:
    """A session with an event of one kind at each of the times (seconds after MIDNIGHT)."""
    category = f"C{int(product[1:]) % 5}" if product[1:].isdigit() else "C0"
    return [Event(file, session, user, product, category, kind, MIDNIGHT + time, value) for time in times]


def changed(events: list[Event], change: Callable[[Event], dict[str, object]]) -> list[Event]:
    """The events with the fields that `change` returns for each."""
    return [dataclasses.replace(event, **change(event)) for event in events]


def number_of(event: Event) -> int:
    return int(event.session.split("-")[-1])


def with_card(dataset: Dataset, both: dict[str, object] | None = None, /, **fields: object) -> Dataset:
    """The dataset with another card; `both` changes the cards of both files."""
    card = read_sealed(dataset.folder / "card.json")
    for name in ROLES:
        card[name] |= both or {}
    for name, content in fields.items():
        card[name] = card[name] | content if isinstance(content, dict) and name in ROLES else content
    write_sealed(dataset.folder / "card.json", card)
    return dataset


def find(code: str, dataset: Dataset) -> Finding | None:
    """The finding of one rule, which must apply."""
    outcome, finding = RULE[code].examine(AuditedDataset(dataset))
    assert outcome.outcome == ("quiet" if finding is None else "found"), outcome
    return finding


def finding_of(code: str, dataset: Dataset) -> Finding:
    """The finding of one rule, which must find something."""
    finding = find(code, dataset)
    assert finding is not None
    return finding


def figures(finding: Finding) -> str:
    """The dates and numbers in the explanation, in their order."""
    return " ".join(re.findall(r"\d{4}-\d\d-\d\d|\d+(?:,\d{3})*(?:\.\d+)?%?", finding.explanation))


def ordered(**now: object) -> dict[str, object]:
    usual = {
        "time_rises": 0.5, "type_changes": 2_800, "session_changes": 3_000, "value_rises": 0.5, "value_correlation": 0.0
    }  # fmt: skip
    return {"order": RowOrder.model_validate(usual | now).model_dump()}


def longer_test() -> list[Event]:
    """Each session of test has ten more views of another product."""
    events = calm()
    views = [event for event in events if event.file == "test" and event.kind == "VIEW"]
    return events + [
        dataclasses.replace(event, time=event.time + 7 * step, product="P19", category="C4")
        for event in views
        for step in range(1, 11)
    ]


def messy() -> list[Event]:
    """A shop with nearly every defect that event files alone can have."""
    events = [event for event in longer_test() if (event.time - MIDNIGHT) // DAY not in (5, 6, 22)]
    spellings = {"U-train-20": "007", "U-train-21": "7", "U-train-22": "-1"}

    def spoil(event: Event) -> dict[str, object]:
        number, value = number_of(event), event.value * (1.5 if number_of(event) > 750 else 1.0)
        changes: dict[str, object] = {"user": spellings.get(event.user, event.user)}
        changes["value"] = 900.0 if number % 300 == 7 else 0.0 if number % 100 == 9 else value
        if number == 11 and event.kind == "BUY":
            changes["value"] = value + 1
        if 100 <= number < 150:
            changes["user"] = "guests"
        if event.file == "test" and number < 6:
            changes |= {"product": "NEW", "category": "#REF!"}
        return changes

    events = changed(events, spoil)
    train = [event for event in events if event.file == "train"]
    events += [dataclasses.replace(event, file="test") for event in train if number_of(event) < 2]
    for user in range(3):
        events += visit("train", "LOST", f"V{user}", times=[(1 + user) * DAY])
    for number in range(5):
        events += visit("train", f"LONG{number}", f"W{number}", times=[3_600, 3_600 + (3 + number) * DAY])
        events += visit("train", f"EARLY{number}", f"X{number}", times=[number, 90])
    events += visit("test", "S-train-4", "another user", times=[21 * DAY])
    events += visit("train", "FAST", "R1", times=[DAY + second for second in range(30)])
    events += visit("train", "OLD", "V9", times=[-MIDNIGHT])
    return [*events, dataclasses.replace(visit("train", "MOVED", "Y", times=[DAY], product="P3")[0], category="OTHER")]


def coarse() -> list[Event]:
    """A small log without times of day, with one product and few carts."""
    events = [event for event in calm(150, 60) if event.kind != "ADD_CART" or number_of(event) % 10 == 0]
    return changed(events, lambda event: {"product": "P7", "time": event.time // DAY * DAY})


NO_EVENTS = "the files have no events"
OF_OWN_COLUMNS = ("own_leaks", "own_unusable", "own_levels", "own_drift")
TINY = {
    **dict.fromkeys(OF_OWN_COLUMNS, "the mapping names no extra columns"),
    "row_order": "the order of the rows is unknown, or the files have fewer than 100 sessions",
    "missing_days": "the log has fewer than 7 whole days",
    "coarse_times": "there are fewer than 100 events",
    "cut_sessions": "fewer than 30 sessions have several events",
    "thin_sample": "there are fewer than 100 sessions",
    "heavy_tail": "fewer than 1,000 train sessions have a value",
    "value_in_test": "the values are in a column, not added up from prices",
    "unknown_values": "the values are in a column, not added up from prices",
    "capped_values": "the train sessions have fewer than 100 distinct values",
    "value_trend": "a half of the train file has fewer than 200 sessions with a value",
    "feature_drift": "a file has fewer than 200 sessions",
    "told_apart": "a file has fewer than 200 sessions",
}


def not_applicable(report: AuditReport) -> dict[str, str]:
    return {outcome.code: outcome.reason for outcome in report.outcomes if outcome.outcome == "not_applicable"}
