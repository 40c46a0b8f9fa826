"""What sessions become: units, values, known and shared ids, repeated rows; each against a plain-Python oracle."""

from __future__ import annotations

import datetime
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import CARD_FILE, Dataset
from core.errors import InputError
from core.ingestion.mapping import Mapping
from core.schema import ROLES
from tests.events_on_the_spot import (
    NOON,
    Event,
    Name,
    csv_of,
    facts_of,
    good_events,
    joined,
    known_of,
    must_add_up,
    random_events,
    rows_of,
    same_frames,
    store,
    unit_names,
    values_of,
    words_of,
)

GOOD = good_events()
QUICKLY = settings(deadline=None, derandomize=True, max_examples=30)
SHARES = st.sampled_from([0.0, 0.3, 1.0])


# --- the oracle -------------------------------------------------------------------------------------------------------
@dataclass
class Expected:
    """What should be stored of some events, by loops over lists."""

    starts: dict[Name, int] = field(default_factory=dict)
    sizes: Counter[Name] = field(default_factory=Counter)
    users: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    repeats: Counter[str] = field(default_factory=Counter)

    def add(self, event: Event) -> None:
        name = (event.file, event.session, event.user)
        self.starts[name] = min(event.time, self.starts.get(name, event.time))
        self.sizes[name] += 1
        self.users[event.file, event.session].add(event.user)
        if event.file == "train":
            self.values[event.session].append(event.value)

    def value(self, session: str) -> float | None:
        """Not known where rows give different values."""
        return self.values[session][0] if len(set(self.values[session])) == 1 else None

    def sure_values(self) -> dict[str, float]:
        return {session: value for session in self.values if (value := self.value(session)) is not None}

    def known(self) -> dict[str, float]:
        both = {session for _, session in self.users} & set(self.values)
        same = {session for session in both if self.users["train", session] == self.users.get(("test", session))}
        return {session: value for session, value in self.sure_values().items() if session in same}

    def composite(self, file: str) -> set[str]:
        return {session for (where, session), users in self.users.items() if where == file and len(users) > 1}


def expected_of(events: Sequence[Event], *, remove: bool, by_gap: bool = False) -> Expected:
    found, seen = Expected(), set()
    for event in events if by_gap else joined(events):
        says = (event.facts, event.value if event.file == "train" else None)
        found.repeats[event.file] += says in seen
        if not (remove and says in seen):
            found.add(event)
        seen.add(says)
    return found


def must_be(dataset: Dataset, expected: Expected) -> None:
    units = dataset.units().collect()
    names = unit_names(dataset, units)
    assert dict(zip(names, units["start"], strict=True)) == expected.starts
    assert units["unit"].to_list() == list(range(units.height))
    values = values_of(dataset)
    assert values == {session: expected.value(session) for session in expected.values}
    assert known_of(dataset) == pytest.approx(expected.known())
    shared = {name for name, composite in zip(names, units["composite"], strict=True) if composite}
    assert shared == {name for name in names if len(expected.users[name[0], name[1]]) > 1}
    sizes: Counter[Name] = Counter()
    for file in ROLES:
        events = dataset.events(file).collect()
        assert events.equals(events.sort("unit", "time", maintain_order=True))
        of_unit = dict(zip(units["unit"], names, strict=True))
        sizes.update(of_unit[unit] for unit in events["unit"])
        assert {of_unit[unit][0] for unit in events["unit"]} <= {file}
    assert sizes == expected.sizes
    card = dataset.card()
    assert (card.train.duplicates, card.test.duplicates) == (expected.repeats["train"], expected.repeats["test"])
    assert (card.composite_train, card.composite_test) == tuple(len(expected.composite(file)) for file in ROLES)
    assert card.known_sessions == len(expected.known())
    assert card.train.sessions == len(expected.values)
    sure = expected.sure_values().values()
    assert card.train.value_mean == (pytest.approx(statistics.fmean(sure)) if sure else None)
    assert card.train.value_median == (pytest.approx(statistics.median(sure)) if sure else None)
    differing = {session for session in expected.values if expected.value(session) is None}
    untrained = dict(dataset.untrained().select("user_session", "reason").iter_rows())
    shared = expected.composite("train")
    assert untrained == dict.fromkeys(differing, "differing_values") | dict.fromkeys(shared, "shared_id")
    assert card.sessions_with_differing_values == len(differing - shared)
    must_add_up(dataset)


def stored_bytes(dataset: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in dataset.folder.iterdir() if path.name != CARD_FILE}


@QUICKLY
@given(events=random_events(), repeated=SHARES, remove=st.booleans(), seed=st.integers(0, 999))
def test_any_events_become_the_units_and_values_that_a_loop_finds(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], repeated: float, remove: bool, seed: int
) -> None:
    chance = random.Random(seed)
    events = [*events, *(event for event in events if chance.random() < repeated)]
    mapping = Mapping(duplicates="remove" if remove else "keep", least_usable=0.0)
    dataset = store(tmp_path_factory.mktemp("units"), chance.sample(events, len(events)), mapping)
    must_be(dataset, expected_of(events, remove=remove))
    if not remove:
        assert facts_of(dataset) == sorted(event.facts for event in joined(events))


@settings(QUICKLY, max_examples=15)  # two datasets each
@given(events=random_events(), seed=st.integers(0, 999))
def test_the_row_order_of_the_files_changes_no_stored_byte(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("order")
    events = [*events, *events[::3]]
    shuffled = random.Random(seed).sample(events, len(events))
    mapping = Mapping(least_usable=0.0)
    one, two = (stored_bytes(store(folder / name, rows, mapping)) for name, rows in (("a", events), ("b", shuffled)))
    assert one == two


def test_rows_that_differ_in_one_cell_only_have_one_stored_order(tmp_path: Path) -> None:
    twins = [Event("train", "S", "U", category=f"C{number}", value=0.1 * number) for number in range(8)]
    one, two = store(tmp_path / "a", [*GOOD, *twins]), store(tmp_path / "b", [*twins[::-1], *GOOD])
    assert same_frames(one, two)


# --- units ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("in_train", "in_test", "is_known"),
    [
        (["U1"], ["U1"], True),
        (["U1", "U2", "U3", "U4"], ["U4", "U3", "U2", "U1"], True),
        (["U1"], ["U2"], False),
        (["U1", "U2", "U3", "U4"], ["U1"], False),
        (["U1"], ["U1", "U2", "U3", "U4"], False),
        (["U1", "U2", "U3", "U4"], ["U1", "U2", "U3", "U5"], False),
    ],
)
def test_a_test_session_is_known_when_train_has_its_id_with_the_same_users(
    tmp_path: Path, in_train: list[str], in_test: list[str], is_known: bool
) -> None:
    shared = [
        *(Event("train", "S", user, value=42.0) for user in in_train),
        *(Event("test", "S", user) for user in in_test),
    ]
    dataset = store(tmp_path, [*GOOD, *shared])
    assert known_of(dataset) == ({"S": 42.0} if is_known else {})
    assert dataset.card().known_sessions == int(is_known)


def test_a_session_id_of_several_users_is_one_unit_a_user(tmp_path: Path) -> None:
    shared = [Event("train", "S", f"U{number}", time=NOON + number, value=7.0) for number in (3, 1, 2, 1, 0)]
    dataset = store(tmp_path, [*GOOD, *shared, Event("test", "S", "U1")])
    units = dataset.units().filter(pl.col("composite")).collect()
    found = sorted(zip(unit_names(dataset, units), units["start"], units["value"], strict=True))
    assert found == [(("train", "S", f"U{number}"), NOON + number, 7.0) for number in range(4)]
    card = dataset.card()
    assert (card.composite_train, card.composite_test, card.train.sessions) == (1, 0, 11)


def test_the_dictionary_says_which_id_is_in_which_file(tmp_path: Path) -> None:
    dataset = store(tmp_path, [*GOOD, Event("train", "T", "only train"), Event("test", "E", "only test")])
    users = dataset.dictionary("user_id").collect()
    assert users.columns == ["user", "user_id", "in_train", "in_test"]
    assert users["user"].is_sorted()
    assert not users["user"].is_duplicated().any()
    where = {user: (train, test) for _, user, train, test in users.iter_rows()}
    assert where == {f"U{number}": (True, True) for number in range(6)} | {
        "only train": (True, False),
        "only test": (False, True),
    }
    assert dataset.card().users_in_both == 6


def test_a_visit_whose_user_logs_in_is_one_unit_of_the_account(tmp_path: Path) -> None:
    visit = [
        Event("train", "S", "cookie", kind="VIEW", time=NOON, value=7.0),
        Event("train", "S", "account", kind="BUY", time=NOON + 5400, value=7.0),
        Event("train", "S", "cookie", kind="VIEW", time=NOON + 5500, value=7.0),
    ]
    dataset = store(tmp_path, [*GOOD, *visit, Event("test", "S", "account")])
    units = dataset.units().filter(pl.col("value") == 7.0).collect()
    assert [(*names, start) for names, start in zip(unit_names(dataset, units), units["start"], strict=True)] == [
        ("train", "S", "account", NOON)
    ]
    card = dataset.card()
    assert (card.train.joined_visits, card.test.joined_visits, card.composite_train) == (1, 0, 0)
    assert known_of(dataset) == {"S": 7.0}


@pytest.mark.parametrize(
    ("users", "times", "is_visit"),
    [
        ("AB", [0, 7200], True),
        ("AB", [0, 7201], False),
        ("AAB", [0, 86400, 86460], True),
        ("ABA", [0, 60, 86400], False),
        ("ABC", [0, 60, 120], True),
        ("ABCD", [0, 60, 120, 180], False),
    ],
)
def test_users_of_a_session_id_are_one_visit_if_few_follow_each_other_soon(
    tmp_path: Path, users: str, times: list[int], is_visit: bool
) -> None:
    events = [Event("train", "S", user, time=NOON + time) for user, time in zip(users, times, strict=True)]
    card = store(tmp_path, [*GOOD, *events]).card()
    assert (card.train.joined_visits, card.composite_train) == (int(is_visit), int(not is_visit))
    assert card.untrained == ({} if is_visit else {"shared_id": 1})


# --- values -----------------------------------------------------------------------------------------------------------
def test_a_session_whose_rows_give_different_values_has_none_that_is_known(tmp_path: Path) -> None:
    uneven = [Event("train", "S", "U", value=value) for value in (1.0, 2.0, 6.0)]
    dataset = store(tmp_path, [*GOOD, *uneven, Event("test", "S", "U")])
    assert values_of(dataset)["S"] is None
    assert known_of(dataset) == {}
    card = dataset.card()
    assert (card.sessions_with_differing_values, card.untrained) == (1, {"differing_values": 1})
    assert dataset.untrained().rows() == [(dataset.untrained()["session"].item(), "S", "differing_values", None)]


def test_a_column_in_which_many_sessions_have_different_values_is_refused(tmp_path: Path) -> None:
    uneven = [Event("train", f"S{number}", "U", value=value) for number in range(2) for value in (1.0, 2.0)]
    with pytest.raises(InputError, match=r"The value of 2 of 12 sessions in train\.csv is unknown"):
        store(tmp_path, [*GOOD, *uneven])


def test_repeated_rows_are_kept_unless_the_mapping_says_otherwise(tmp_path: Path) -> None:
    """Most repeated rows are second clicks within a second; rows with different values are different events."""
    twice = [*GOOD, GOOD[0], GOOD[0], GOOD[-1], replace(GOOD[1], value=99.0)]
    kept = store(tmp_path / "kept", twice, Mapping(duplicates="keep")).card()
    assert (kept.train.duplicates, kept.train.removed, kept.train.kept, kept.train.rows) == (2, 0, 43, 43)
    assert (kept.test.duplicates, kept.test.kept) == (1, 41)
    removed = store(tmp_path / "removed", twice, Mapping(duplicates="remove"))
    card = removed.card()
    assert (card.train.duplicates, card.train.removed, card.train.kept, card.train.rows) == (2, 2, 41, 43)
    assert (card.test.duplicates, card.test.removed, card.test.kept) == (1, 1, 40)
    must_add_up(removed)


PRICED = Mapping.checked(value="price_of_buys", columns={"price": "price", "quantity": "pieces"})


def priced(events: Iterable[Event], prices: Iterable[tuple[str, str]]) -> bytes:
    rows = rows_of(events, "test")  # without a value
    pairs = list(prices)
    return csv_of([{**row, "price": price, "pieces": pieces} for row, (price, pieces) in zip(rows, pairs, strict=True)])


def test_a_session_is_worth_the_prices_of_what_it_bought(tmp_path: Path) -> None:
    test = [event for event in GOOD if event.file == "test"]
    train = [replace(event, session=event.session.replace("B", "A")) for event in test]
    prices = [("0.1", "3") if event.kind == "BUY" else ("no price", "") for event in train]
    dataset = store(tmp_path, [], PRICED, train=priced(train, prices), test=csv_of(rows_of(test, "test")))
    assert values_of(dataset) == {f"A{number}": 0.3 for number in range(10)}
    card = dataset.card()
    assert (card.value_rule, card.sessions_with_differing_values) == ("price_of_buys", 0)


def test_the_purchases_that_train_has_of_a_session_do_not_tell_those_that_test_has(tmp_path: Path) -> None:
    """A session around midnight, in monthly files: what it bought in the first is not what it buys in the second."""
    test = [event for event in GOOD if event.file == "test"]
    prices = [("5", "1") for _ in test]
    dataset = store(tmp_path, [], PRICED, train=priced(test, prices), test=csv_of(rows_of(test, "test")))
    assert known_of(dataset) == {}
    assert dataset.card().known_sessions == 0


def test_a_sum_of_prices_does_not_depend_on_the_order_of_its_parts(tmp_path: Path) -> None:
    """As floats, 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1; and a million cents are ten thousand, to the cent."""
    buys = [Event("test", f"A{number % 2}", "U", kind="BUY", time=NOON + number // 2) for number in range(2_000)]
    chance = random.Random(1)
    prices = [f"{chance.randrange(1, 10_000) / 100}" for _ in range(1_000)]
    both = [(price, "1") for price in prices for _ in range(2)]
    straight, turned = priced(buys, both), priced(buys[::-1], both)
    test = csv_of(rows_of(GOOD, "test"))
    one, two = (
        store(tmp_path / name, [], PRICED, train=train, test=test) for name, train in (("a", straight), ("b", turned))
    )
    exact = sum(round(float(price) * 100) for price in prices) / 100
    assert values_of(one) == values_of(two) == {"A0": exact, "A1": exact}


@QUICKLY
@given(
    bought=st.lists(
        st.tuples(
            st.sampled_from(["A", "B", "C"]),
            st.sampled_from(["VIEW", "ADD_CART", "BUY"]),
            st.sampled_from(["0", "0.01", "9.99", "19.95", "1e6", "-1", "nan", ""]),
            st.sampled_from(["1", "2", "0", "-1", "x"]),
        ),
        min_size=1,
    )
)
def test_only_what_was_bought_counts_and_a_session_that_lost_a_price_has_no_known_value(
    tmp_path_factory: pytest.TempPathFactory, bought: list[tuple[str, str, str, str]]
) -> None:
    bought = [*bought, ("A", "VIEW", "", "")]
    events = [Event("test", session, "U", kind=kind) for session, kind, _, _ in bought]
    values: dict[str, float] = {}
    lost: Counter[str] = Counter()
    for session, kind, price, pieces in bought:
        broken = price in {"nan", ""} or pieces == "x"
        both_below = not broken and kind == "BUY" and float(price) < 0 and int(pieces) < 0
        worth = 0.0 if kind != "BUY" or broken else float(price) * int(pieces) * (-1 if both_below else 1)
        if kind == "BUY" and broken:
            lost[session] += 1
        else:
            values[session] = values.get(session, 0.0) + worth
    unknown = dict.fromkeys(lost, "lost_purchase") | {
        session: "more_returned" for session, value in values.items() if value < 0 and session not in lost
    }
    mapping = PRICED.model_copy(update={"least_usable": 0.0, "duplicates": "keep"})
    train = priced(events, [(price, pieces) for *_, price, pieces in bought])
    dataset = store(tmp_path_factory.mktemp("p"), [], mapping, train=train, test=csv_of(rows_of(GOOD, "test")))
    known = {session: value for session, value in values_of(dataset).items() if value is not None}
    assert known == pytest.approx({session: value for session, value in values.items() if session not in unknown})
    named = {session: reason for session, reason in unknown.items() if session in values}  # others have no event
    assert dict(dataset.untrained().select("user_session", "reason").iter_rows()) == named
    assert dataset.card().quarantine_reasons.get("price times pieces is not a finite number", 0) == lost.total()
    must_add_up(dataset)


# --- sessions by a gap ------------------------------------------------------------------------------------------------
BY_GAP = Mapping.checked(session_gap_minutes=30, columns={"user_session": None})


def without_sessions(events: Iterable[Event], file: str) -> bytes:
    rows = rows_of([replace(event, file="train") for event in events if event.file == file], "train")
    return csv_of([{name: text for name, text in row.items() if name != "user_session"} for row in rows])


def with_sessions(events: Iterable[Event]) -> list[Event]:
    """The events with the sessions that pauses of more than half an hour make."""
    made: list[Event] = []
    for event in sorted(events, key=lambda each: (each.file, each.user, each.time)):
        last = made[-1] if made else None
        goes_on = last and (last.file, last.user) == (event.file, event.user) and event.time - last.time <= 1800
        begin = datetime.datetime.fromtimestamp(event.time, datetime.UTC)
        name = last.session if last and goes_on else f"{event.user}@{begin:%Y-%m-%dT%H:%M:%SZ}"
        made.append(replace(event, session=name))
    return made


@QUICKLY
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(ROLES), st.sampled_from("ABC"), st.sampled_from([0, 60, 1799, 1800, 1801, 86_400]),
            st.sampled_from([1.0, 2.5]),
        ),
        max_size=25,
    ),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_sessions_made_of_pauses_are_those_that_a_loop_makes(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int, float]], seed: int
) -> None:
    clock: dict[tuple[str, str], int] = defaultdict(lambda: NOON)
    events = [Event("train", "", "A"), Event("test", "", "A"), Event("test", "", "never in train")]
    for place, (file, user, pause, value) in enumerate(steps):
        clock[file, user] += pause
        events.append(Event(file, "", user, product=f"P{place % 2}", time=clock[file, user], value=value))
    chance = random.Random(seed)
    files = {file: without_sessions(chance.sample(events, len(events)), file) for file in ROLES}
    mapping = BY_GAP.model_copy(update={"least_usable": 0.0})
    dataset = store(tmp_path_factory.mktemp("gap"), [], mapping, **files)
    made = with_sessions(events)
    assert facts_of(dataset) == sorted(event.facts for event in made)
    must_be(dataset, expected_of(made, remove=False, by_gap=True))
    sessions = dataset.dictionary("user_session").collect()
    where = {(event.session, event.file) for event in made}
    assert sorted(sessions.drop("session").rows()) == sorted(
        (session, (session, "train") in where, (session, "test") in where) for session in {name for name, _ in where}
    )


def test_a_gap_session_that_both_files_have_is_a_known_one(tmp_path: Path) -> None:
    """Also where its user has sessions before and behind it in both files."""
    moments = [NOON - 7200, NOON, NOON + 7200]
    events = [
        Event(file, "", user, time=moment + shift, value=moment / 1e6)
        for user in "ABC"
        for moment in moments
        for file, shift in (("train", 0), ("test", 0 if moment == NOON else 5))
    ]
    dataset = store(tmp_path, [], BY_GAP, **{file: without_sessions(events, file) for file in ROLES})
    assert known_of(dataset) == {f"{user}@2025-06-02T12:00:00Z": NOON / 1e6 for user in "ABC"}
    assert dataset.card().known_sessions == 3
    assert len(words_of(dataset, "user_session")) == dataset.dictionary("user_session").collect().height == 15
    assert sorted(dataset.test_sessions()) == dataset.submission_order()["user_session"].to_list()
