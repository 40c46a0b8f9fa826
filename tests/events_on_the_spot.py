"""Small event logs for tests: readable and random events, files with them, and the datasets made from these files."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Members
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from core.base.workspace import Workspace
from core.dataset import QUARANTINE_FILE, Dataset
from core.ingestion import InputFiles, Source, ingest
from core.ingestion.mapping import Mapping
from core.schema import EVENT_COLUMNS, EVENT_TYPES, ROLES, TEST_ROLE, TRAIN_COLUMNS, TRAIN_ROLE, Role

NOON = 1_748_865_600
"""2025-06-02 12:00:00 UTC, a Monday."""


@dataclass(frozen=True, order=True)
class Event:
    """One row of an event file. `time` is in epoch seconds; `value` is written to the train file only."""

    file: Role
    session: str
    user: str
    product: str = "P0"
    category: str = "C0"
    kind: str = "VIEW"
    time: int = NOON
    value: float = 10.0

    @property
    def facts(self) -> tuple[str, str, str, str, str, str, int]:
        """All fields but the value, which is stored per session."""
        return self.file, self.session, self.user, self.product, self.category, self.kind, self.time


def good_events() -> list[Event]:
    """Return 40 events per file: ten sessions of four events, each with one user, none in both files."""
    return [
        Event(
            file,
            f"{letter}{number}",
            f"U{number % 6}",
            f"P{(number + step) % 7}",
            f"C{(number + step) % 3}",
            EVENT_TYPES[step],
            NOON + 3600 * number + 60 * step,
            10.5 * number,
        )
        for file, letter in zip(ROLES, "AB", strict=True)
        for number in range(10)
        for step in range(4)
    ]


REES46_COLUMNS = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)


def rees46_rows(month: int) -> list[dict[str, str]]:
    """Return two sessions per user: one without a purchase, and one with a repeated view and two purchases."""
    rows = []
    for user in range(12):
        for session, steps in enumerate(
            (
                [("view", 1, "9.99"), ("cart", 1, "9.99"), ("remove_from_cart", 1, "9.99")],
                [("view", 2, "5.25"), ("view", 2, "5.25"), ("purchase", 2, "5.25"), ("purchase", 3, "100.10")],
            )
        ):
            for word, product, price in steps:
                time = datetime.datetime(2019, month, 1 + user, 10 + session, 0, tzinfo=datetime.UTC)
                cells = (f"{time:%Y-%m-%d %H:%M:%S} UTC", word, f"100{product}", "205", "", "", price, f"51{user}")
                rows.append(dict(zip(REES46_COLUMNS, (*cells, f"{month}-{user}-{session}"), strict=True)))
    return rows


def text_of(time: int) -> str:
    """Return a time as it is written to files."""
    return datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat(sep=" ")


def rows_of(events: Iterable[Event], file: Role) -> list[dict[str, str]]:
    """Return the rows of one file: column -> text."""
    columns = TRAIN_COLUMNS if file == "train" else EVENT_COLUMNS
    rows = []
    for event in events:
        if event.file == file:
            cells = (
                text_of(event.time),
                event.kind,
                event.product,
                event.category,
                event.user,
                event.session,
                repr(event.value),
            )
            rows.append(dict(zip(columns, cells, strict=False)))
    return rows


def csv_of(rows: Sequence[dict[str, str]], *, ending: str = "\n", quote_all: bool = False) -> bytes:
    """Return rows as a CSV file with the columns of the first row."""
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=ending, quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def with_cell(rows: Sequence[dict[str, str]], column: str, text: str, row: int = 5) -> list[dict[str, str]]:
    """Return the rows with one cell replaced."""
    return [{**cells, column: text} if number == row else cells for number, cells in enumerate(rows)]


def with_line(content: bytes, number: int, line: bytes) -> bytes:
    """Return a file with one line replaced; the header is line 1."""
    lines = content.split(b"\n")
    return b"\n".join([*lines[: number - 1], line, *lines[number:]])


def parquet_of(rows: pl.DataFrame | Sequence[dict[str, str]]) -> bytes:
    """Return rows as a Parquet file."""
    target = io.BytesIO()
    pl.DataFrame(rows).write_parquet(target)
    return target.getvalue()


def zip_of(members: Members[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive with these members, in this order; a name that ends in a slash is a folder."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def sample_of(*sessions: str) -> bytes:
    """Return a sample submission with these sessions."""
    return csv_of([{"user_session": session, "session_value": "0.0"} for session in sessions])


def write_files(folder: Path, events: Sequence[Event], **instead: bytes) -> InputFiles:
    """Write train.csv and test.csv; `instead` replaces the content of one of them, or adds a `sample`."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {file: csv_of(rows_of(events, file)) for file in ROLES if file not in instead} | instead
    for name, content in contents.items():
        (folder / f"{name}.csv").write_bytes(content)
    has_sample = "sample" in contents
    return InputFiles(folder / "train.csv", folder / "test.csv", folder / "sample.csv" if has_sample else None)


def store(folder: Path, events: Sequence[Event], mapping: Mapping | None = None, **instead: bytes) -> Dataset:
    """Write the files and ingest them into a workspace in the same folder."""
    files = write_files(folder / "files", events, **instead)
    return ingest(dataclasses.replace(files, mapping=mapping or Mapping()), Workspace(folder / "workspace"))


def store_train(folder: Path, train: Source, mapping: Mapping | None = None) -> Dataset:
    """Ingest any train source, together with the test file of `good_events`."""
    test = write_files(folder / "beside", good_events()).test
    return ingest(InputFiles(train, test, mapping=mapping or Mapping()), Workspace(folder / "workspace"))


def words_of(dataset: Dataset, column: str) -> dict[int, str]:
    """Return code -> id, as in the files."""
    codes, words, *_ = dataset.dictionary(column).collect().get_columns()
    return dict(zip(codes, words, strict=True))


def facts_of(dataset: Dataset) -> list[tuple[str, str, str, str, str, str, int]]:
    """Return the stored events with the ids of the files, sorted; equal to the `facts` of the ingested events."""
    sessions, users, products, categories = (
        words_of(dataset, column) for column in ("user_session", "user_id", "product_id", "category_id")
    )
    return sorted(
        (file, sessions[session], users[user], products[product], categories[category], EVENT_TYPES[kind], time)
        for file in ROLES
        for session, user, product, category, kind, time in dataset.events(file)
        .select("session", "user", "product", "category", "type", "time")
        .collect()
        .iter_rows()
    )


def values_of(dataset: Dataset) -> dict[str, float]:
    """Return session id -> value, for the sessions of the train file."""
    units = dataset.units().filter(pl.col("role") == TRAIN_ROLE).collect()
    return dict(zip((name[1] for name in unit_names(dataset, units)), units.get_column("value"), strict=True))


def known_of(dataset: Dataset) -> dict[str, float]:
    """Return session id -> value in train, for the known sessions of the test file."""
    known = dataset.units().filter(pl.col("role") == TEST_ROLE, pl.col("known_value").is_not_null()).collect()
    names = (name[1] for name in unit_names(dataset, known))
    return dict(zip(names, known.get_column("known_value"), strict=True))


def quarantined_rows(dataset: Dataset) -> list[tuple[int, str, str]]:
    """Return (line, reason, original row) of each quarantined row, in stored order."""
    return dataset.quarantine().select("line", "reason", "row").collect().rows()


def frames_of(dataset: Dataset) -> dict[str, pl.DataFrame]:
    """Return file name -> table, for all Parquet files but the quarantine."""
    return {
        path.name: pl.read_parquet(path)
        for path in sorted(dataset.folder.glob("*.parquet"))
        if path.name != QUARANTINE_FILE
    }


def same_frames(first: Dataset, second: Dataset) -> bool:
    """Return whether two datasets have the same events, units and dictionaries, in the same order."""
    left, right = frames_of(first), frames_of(second)
    return left.keys() == right.keys() and all(frame.equals(right[name]) for name, frame in left.items())


def must_add_up(dataset: Dataset) -> None:
    """Assert that each row is kept, quarantined or removed as a duplicate, and that all counts agree."""
    card, quarantined = dataset.card(), dataset.quarantine().collect()
    for role, part in ((TRAIN_ROLE, card.train), (TEST_ROLE, card.test)):
        rows = quarantined.filter(pl.col("role") == role)
        assert part.rows == part.kept + part.quarantined + part.removed
        assert part.kept == dataset.events(ROLES[role]).collect().height
        assert (part.quarantined, part.ignored) == (rows.height, rows.get_column("ignored").sum())
    assert quarantined.select("file", "line", "reason", "row", "ignored").null_count().sum_horizontal().item() == 0
    assert card.quarantine_reasons == dict(quarantined.group_by("reason").len().iter_rows())


def left_behind(workspace: Workspace) -> list[str]:
    """Return all paths in the workspace's datasets, including hidden files."""
    return [str(path) for path in workspace.datasets.rglob("*")]


Name = tuple[str, str, str]
"""Identifies a unit: file, session id, user id."""


def unit_names(dataset: Dataset, units: pl.DataFrame) -> list[Name]:
    """Return the name of each unit, in row order."""
    sessions, users = words_of(dataset, "user_session"), words_of(dataset, "user_id")
    return [
        (ROLES[role], sessions[session], users[user])
        for role, session, user in units.select("role", "session", "user").iter_rows()
    ]


@st.composite
def random_events(draw: st.DrawFn) -> list[Event]:
    """Generate a few sessions of few users and products, with many edge cases.

    Times are often tied, within and between sessions. A session has one or more events, of one or more users, in one
    file or both. Both files have an event. Times may be around 1970, with epoch seconds of 0 and below.
    """
    begin = draw(st.sampled_from([NOON, 0]))
    times = st.builds(lambda steps, step: begin + steps * step, st.integers(-3, 8), st.sampled_from([1, 7200, 86399]))
    users = st.sampled_from(["U0", "U1", "U2"])
    events: list[Event] = []
    for number in range(draw(st.integers(2, 6))):
        files = ROLES[number : number + 1] or draw(st.sampled_from([("train",), ("test",), ROLES]))
        owner = draw(users)
        for file in files:
            shared = draw(st.integers(0, 3)) == 0
            for _ in range(draw(st.integers(1, 5))):
                events.append(
                    Event(
                        file,
                        f"S{number}",
                        draw(users) if shared else owner,
                        draw(st.sampled_from(["P0", "P1", "P2", "P3"])),
                        draw(st.sampled_from(["C0", "C1"])),
                        draw(st.sampled_from(EVENT_TYPES)),
                        draw(times),
                        draw(st.sampled_from([0.0, 0.1, 0.2, 0.3, 12.34])),
                    )
                )
    return events


# --- visits whose user changes -------------------------------------------------------------------------------------
def joined(events: Sequence[Event]) -> list[Event]:
    """Return the events with a single user per visit, as an independent reference for `assign_visits`."""
    sessions: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        sessions[event.file, event.session].append(event)
    accounts = {name: account_of(session) for name, session in sessions.items()}
    return [dataclasses.replace(event, user=accounts[event.file, event.session] or event.user) for event in events]


def account_of(session: Sequence[Event]) -> str | None:
    """Return the user of a session's events if they are one visit; None if the session id is invalid."""
    users = {event.user for event in session}
    present: dict[int, set[str]] = defaultdict(set)
    for event in session:
        present[event.time].add(event.user)
    pauses = [after - before for before, after in pairwise(sorted(present)) if not present[before] & present[after]]
    if len(users) > 3 or max(pauses, default=0) > 7200:
        return None
    first = {user: min(event.time for event in session if event.user == user) for user in users}
    events = Counter(event.user for event in session)
    code = {user: pl.Series([user]).hash(0).reinterpret(signed=True).item() for user in users}
    return max(users, key=lambda user: (first[user], events[user], code[user]))
