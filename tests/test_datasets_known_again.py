"""The same files again: what makes a dataset the same, what the submission asks for, and what becomes of uploads."""

from __future__ import annotations

import gzip
import io
import threading
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.dataset import CARD_FILE, Dataset, list_datasets
from core.errors import InputError
from core.ingestion import InputFiles, ingest, read_ids
from core.ingestion.mapping import Mapping, load_mapping, mapping_text
from core.ingestion.sessions import session_ids
from core.ingestion.sessions.session_ids import event_ids
from core.ingestion.sources import csv_text
from core.ingestion.sources.uploads import keep_upload
from core.pipeline.submission_target import target_of_dataset, target_of_files
from core.schema import Role
from core.submission import check_file, write_submission
from tests.events_on_the_spot import (
    NOON,
    Event,
    csv_of,
    facts_of,
    good_events,
    known_of,
    left_behind,
    rows_of,
    same_frames,
    sample_of,
    store,
    words_of,
    write_files,
    zip_of,
)
from tests.rewriting import read_sealed, write_sealed

GOOD = good_events()
CSV = csv_of(rows_of(GOOD, "train"))
UNUSABLE = b"yesterday,VIEW,P777,C1,U777,S777\n2025-06-02,VIEW\n"
"""Two lines of a test file: a session's only row, whose time is none, and one that is no row."""


def stored(dataset: Dataset) -> dict[str, tuple[int, bytes]]:
    """When each file but the card was written, and its bytes."""
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in dataset.folder.iterdir()
        if path.name != CARD_FILE
    }


# --- the same files again ---------------------------------------------------------------------------------------------
def test_the_same_files_are_recognised_under_other_names_and_only_the_names_are_rewritten(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    first = ingest(write_files(tmp_path / "one", GOOD, sample=sample_of("B1")), workspace)
    before, card = stored(first), first.card()
    again = write_files(tmp_path / "two", GOOD, sample=sample_of("B1"))
    other_name = again.train.rename(tmp_path / "two" / "clicks.csv")
    said: list[str] = []
    second = ingest(
        InputFiles(other_name, again.test, again.sample_submission),
        workspace,
        lambda part, parts, text: said.append(text),
    )
    assert second.fingerprint == first.fingerprint
    assert said[-1] == "these files are already stored"
    assert stored(second) == before
    named = card.model_copy(update={"name": "two", "train": card.train.model_copy(update={"name": "clicks.csv"})})
    assert second.card() == named


def test_files_that_were_read_before_are_known_without_reading_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store(tmp_path, GOOD)

    def unread(*_: object) -> None:
        raise AssertionError("a row was read")

    monkeypatch.setattr("core.ingestion.rows.read_rows.open_tables", unread)
    assert store(tmp_path, GOOD).fingerprint == first.fingerprint


def test_a_name_given_to_the_dataset_is_the_one_given_last(tmp_path: Path) -> None:
    files, workspace = write_files(tmp_path / "june", GOOD), Workspace(tmp_path / "home")
    for name, shown in (("", "june"), ("Shop", "Shop"), ("", "june")):
        assert ingest(replace(files, name=name), workspace).card().name == shown
    assert [dataset.card().name for dataset in list_datasets(workspace)] == ["june"]


def test_other_content_is_another_dataset(tmp_path: Path) -> None:
    test = csv_of(rows_of(GOOD, "test"))
    swapped = [replace(event, file="test" if event.file == "train" else "train") for event in GOOD]
    datasets = [
        store(tmp_path, GOOD),
        store(tmp_path, GOOD[1:]),
        store(tmp_path, swapped),
        store(tmp_path, GOOD, sample=sample_of("B1")),
        store(tmp_path, GOOD, sample=sample_of("B2")),
        store(tmp_path, GOOD, train=CSV.replace(b"P1", b"P9", 1)),
        store(tmp_path, GOOD, test=test.replace(b"P1", b"P9", 1)),
    ]
    assert len({dataset.fingerprint for dataset in datasets}) == 7
    assert len(list_datasets(Workspace(tmp_path / "workspace"))) == 7


def test_another_form_of_the_same_rows_is_another_dataset_with_the_same_events(tmp_path: Path) -> None:
    plain = store(tmp_path, GOOD)
    for packed in (gzip.compress(CSV), zip_of({"train.csv": CSV}), CSV.replace(b"\n", b"\r\n")):
        other = store(tmp_path, GOOD, train=packed)
        assert other.fingerprint != plain.fingerprint
        assert same_frames(other, plain)


def test_a_folder_of_files_is_known_by_their_content_in_order(tmp_path: Path) -> None:
    test = write_files(tmp_path / "beside", GOOD).test
    parts = csv_of(rows_of(GOOD[:20], "train")), csv_of(rows_of(GOOD[20:], "train"))
    fingerprints = []
    for folder, names in (("one", ("a.csv", "b.csv")), ("two", ("x.csv", "y.csv")), ("three", ("b.csv", "a.csv"))):
        (tmp_path / folder).mkdir()
        for name, content in zip(names, parts, strict=True):
            (tmp_path / folder / name).write_bytes(content)
        fingerprints.append(ingest(InputFiles(tmp_path / folder, test), Workspace(tmp_path / "home")).fingerprint)
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


MAPPINGS = {
    "removing duplicates": Mapping(duplicates="remove"),
    "a stricter share": Mapping(least_usable=0.95),
    "words to be ignored": Mapping(ignored_words=("search",)),
    "another time zone": Mapping(time_zone="Europe/Berlin"),
    "sessions by a gap": Mapping.checked(session_gap_minutes=30),
}


@pytest.mark.parametrize("name", MAPPINGS)
def test_the_same_files_with_another_mapping_are_another_dataset(tmp_path: Path, name: str) -> None:
    plain = store(tmp_path, GOOD)
    mapped = store(tmp_path, GOOD, MAPPINGS[name])
    assert mapped.fingerprint != plain.fingerprint
    assert store(tmp_path, GOOD, MAPPINGS[name]).fingerprint == mapped.fingerprint
    assert load_mapping(mapped.folder / "mapping.toml") == MAPPINGS[name]


def test_mappings_that_read_every_log_alike_make_one_dataset_whatever_they_are_called(tmp_path: Path) -> None:
    words = {"view": "VIEW", "ADD_CART": "ADD_CART", "Remove_Cart": "REMOVE_CART", "BUY": "BUY"}
    plain = store(tmp_path, GOOD)
    named = store(tmp_path, GOOD, Mapping.checked(name="Our shop", event_words=words))
    assert named.fingerprint == plain.fingerprint
    assert named.card().mapping == "Our shop"
    assert store(tmp_path, GOOD).card().mapping == ""
    assert (plain.folder / "mapping.toml").read_text() == mapping_text(Mapping())


@pytest.mark.parametrize("card", [None, b"", b'{"name": "half of a card"', b"\xff"])
def test_a_dataset_whose_card_is_gone_or_damaged_is_made_again(tmp_path: Path, card: bytes | None) -> None:
    first = store(tmp_path, GOOD)
    right = first.card()
    (first.folder / CARD_FILE).unlink()
    if card is not None:
        (first.folder / CARD_FILE).write_bytes(card)
    assert list_datasets(Workspace(tmp_path / "workspace")) == []
    again = store(tmp_path, GOOD)
    assert again == first
    assert again.card().model_copy(update={"created": right.created}) == right
    assert facts_of(again) == sorted(event.facts for event in GOOD)


def test_two_who_store_the_same_files_at_once_get_one_dataset(tmp_path: Path) -> None:
    files, workspace = write_files(tmp_path / "files", GOOD), Workspace(tmp_path / "home")
    found: list[Dataset] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        found.append(ingest(files, workspace))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert [path.name for path in workspace.datasets.iterdir()] == [found[0].fingerprint]
    assert facts_of(found[0]) == sorted(event.facts for event in GOOD)


def test_progress_rises_to_its_end(tmp_path: Path) -> None:
    said: list[tuple[int, int, str]] = []
    ingest(
        write_files(tmp_path, GOOD),
        Workspace(tmp_path / "home"),
        lambda part, parts, text: said.append((part, parts, text)),
    )
    parts = [part for part, _, _ in said]
    assert parts == sorted(parts)
    assert (said[0][0], said[-1][0]) == (0, 100)
    assert {whole for _, whole, _ in said} == {100}
    assert any(text == "80 rows read" for _, _, text in said)


def test_files_beside_the_mark_of_the_simulator_are_called_synthetic(demo_files: InputFiles, tmp_path: Path) -> None:
    assert ingest(demo_files, Workspace(tmp_path)).card().synthetic


def test_nothing_is_left_behind_where_a_person_stops_the_reading(tmp_path: Path) -> None:
    def stop(part: int, parts: int, text: str) -> None:
        if "rows" in text:
            raise KeyboardInterrupt

    workspace = Workspace(tmp_path / "home")
    with pytest.raises(KeyboardInterrupt):
        ingest(write_files(tmp_path, GOOD), workspace, stop)
    assert left_behind(workspace) == []


# --- the card ---------------------------------------------------------------------------------------------------------
def test_the_card_counts_what_the_files_hold(tmp_path: Path) -> None:
    events = [
        *GOOD,
        Event("train", "BOTH", "U9", time=NOON - 60, value=8.0),
        Event("test", "BOTH", "U9", product="NEW"),
        Event("train", "SHARED", "U1"),
        Event("train", "SHARED", "U2", time=NOON + 86_400),
        Event("train", "UNEVEN", "U3", value=1.0),
        Event("train", "UNEVEN", "U3", value=4.0),
    ]
    dataset = store(tmp_path, events, sample=sample_of("BOTH", "B1"))
    card = dataset.card()
    train = card.train
    assert (train.name, train.rows, train.sessions, train.users, train.products) == ("train.csv", 45, 13, 7, 7)
    assert (train.first_time, train.last_time) == (NOON - 60, NOON + 86_400)
    assert train.value_mean == pytest.approx((10.5 * 45 + 8 + 10) / 12)
    assert (card.test.rows, card.test.value_mean, card.test.value_median) == (41, None, None)
    assert (card.to_predict, card.known_sessions, card.composite_train, card.composite_test) == (2, 1, 1, 0)
    assert (card.users_in_both, card.products_new_in_test, card.sessions_with_differing_values) == (7, 1, 1)
    assert (card.synthetic, card.sample_submission, card.quarantine_reasons) == (False, "sample.csv", {})
    assert known_of(dataset) == {"BOTH": 8.0}
    assert card.untrained == {"differing_values": 1, "shared_id": 1}


def test_the_card_tells_in_which_order_the_rows_stood(tmp_path: Path) -> None:
    sorted_ = store(tmp_path / "sorted", sorted(GOOD, key=lambda event: event.time)).card().train.order
    by_type = store(tmp_path / "type", sorted(GOOD, key=lambda event: (event.kind, -event.time))).card().train.order
    assert sorted_ is not None
    assert by_type is not None
    assert (sorted_.time_rises, sorted_.type_changes, sorted_.session_changes) == (1.0, 39, 9)
    assert sorted_.value_rises == 1.0
    assert (by_type.type_changes, by_type.session_changes) == (3, 39)
    assert by_type.time_rises == pytest.approx(3 / 39)


# --- the order of the submission --------------------------------------------------------------------------------------
def test_the_order_of_the_sample_submission_is_kept(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, sample=sample_of("B7", "B0", "B3"))
    assert dataset.submission_order().get_column("user_session").to_list() == ["B7", "B0", "B3"]
    codes = {text: code for code, text in words_of(dataset, "user_session").items()}
    assert dataset.submission_order().get_column("session").to_list() == [codes[name] for name in ("B7", "B0", "B3")]
    assert dataset.units_to_predict().select(pl.len()).collect().item() == 3


def test_a_sample_that_asks_for_more_columns_or_by_another_separator_is_a_sample_too(tmp_path: Path) -> None:
    sample = b"sep=;\nnumber;USER_SESSION;session_value\n1; B2 ;0\n2;B1;0\n"
    assert store(tmp_path, GOOD, sample=sample).submission_order().get_column("user_session").to_list() == ["B2", "B1"]
    only_ids = b"user_session\nB2\nB1\n\n"
    assert store(tmp_path, GOOD, sample=only_ids).submission_order().get_column("user_session").to_list() == [
        "B2",
        "B1",
    ]


def test_without_a_sample_all_test_sessions_are_predicted_in_the_order_of_their_ids(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD[::-1])
    assert dataset.submission_order().get_column("user_session").to_list() == [f"B{number}" for number in range(10)]
    assert sorted(dataset.test_sessions()) == [f"B{number}" for number in range(10)]


def test_a_session_that_a_sample_names_with_a_nul_is_shown_with_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^1 of 2 sessions in sample\.csv is not in .* \(B1\\x00\)\."):
        store(tmp_path, GOOD, sample=sample_of("B1\0", "B2"))


def test_ids_are_read_once_each_in_file_order(tmp_path: Path) -> None:
    assert read_ids(write_files(tmp_path, GOOD[::-1]).test).to_list() == [f"B{number}" for number in range(9, -1, -1)]


@pytest.mark.parametrize("held", [0, 3, session_ids._HELD])
def test_ids_of_events_are_those_of_usable_rows_however_few_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(csv_text, "PIECE_BYTES", 100)
    monkeypatch.setattr(session_ids, "_HELD", held)
    rows = rows_of(GOOD, "test")
    test = csv_of([*rows[::2], *rows[::-1]]) + UNUSABLE
    usable, quarantined = event_ids(write_files(tmp_path, GOOD, test=test).test)
    assert usable.to_list() == [f"B{number}" for number in range(10)]
    assert quarantined.to_list() == ["S777"]


def test_a_check_asks_for_the_sessions_that_the_dataset_has(tmp_path: Path) -> None:
    """A session whose only row is quarantined needs a prediction too, and an unparsable line stops neither."""
    files = write_files(tmp_path, GOOD, test=csv_of(rows_of(GOOD, "test")) + UNUSABLE)
    dataset = ingest(files, Workspace(tmp_path / "home"))
    submission = tmp_path / "submission.csv"
    submission.write_bytes(sample_of(*dataset.submission_order().get_column("user_session")))
    assert dataset.submission_order().get_column("user_session").to_list() == [*(f"B{n}" for n in range(10)), "S777"]
    assert (dataset.card().to_predict, dataset.card().without_events) == (11, 1)
    assert dataset.sessions_without_events().to_list() == ["S777"]
    for results in (
        check_file(submission, target_of_dataset(dataset)),
        check_file(submission, target_of_files(files.test, None)),
    ):
        assert not [each for each in results if (each.outcome, each.severity) == ("failed", "error")]
        (line,) = [each for each in results if each.code == "default_predictions"]
        assert (line.outcome, line.severity) == ("failed", "warning")
        assert "1 of 11 sessions has no usable event in the test file ('S777')" in line.explanation
    asked = tmp_path / "asked.csv"
    asked.write_bytes(sample_of("B1", "S777"))
    results = check_file(asked, target_of_files(files.test, asked))
    assert [each.code for each in results if each.outcome == "failed"] == ["default_predictions", "constant"]
    asked.write_bytes(sample_of("B1", "S778"))
    with pytest.raises(InputError, match=r"1 of 2 sessions in asked\.csv is not in the test file \(S778\)"):
        check_file(submission, target_of_files(files.test, asked))


def test_rows_that_are_no_events_of_a_session_do_not_ask_for_its_prediction(tmp_path: Path) -> None:
    """Such are a repeated header, a total, a row that the mapping ignores, and a NUL in the id of another session."""
    header = csv_of(rows_of(GOOD, "test")).splitlines()[0]
    lines = [header, b",,,,,Total", b"2025-06-02 12:00:00,search,P1,C1,U1,S1", b"x,VIEW,P1,C1,U1,B1\0"]
    test = csv_of(rows_of(GOOD, "test")) + b"\n".join(lines) + b"\n"
    dataset = store(tmp_path, GOOD, Mapping.checked(ignored_words=["search"]), test=test)
    assert dataset.card().test.quarantined == 4
    assert dataset.submission_order().get_column("user_session").to_list() == [f"B{number}" for number in range(10)]


def test_a_few_sessions_of_a_sample_may_be_unknown(tmp_path: Path) -> None:
    known = [f"B{number}" for number in range(10)]
    dataset = store(tmp_path / "one", GOOD, sample=sample_of(*known[:9], "new"))
    assert dataset.submission_order().get_column("user_session").to_list() == [*known[:9], "new"]
    assert dataset.sessions_without_events().to_list() == ["new"]
    with pytest.raises(InputError, match=r"2 of 11 sessions in sample\.csv are not in .* At least 90% must be in it\."):
        store(tmp_path / "two", GOOD, sample=sample_of(*known[:9], "new", "newer"))
    lower = Mapping.checked(least_usable=0.8)
    assert store(tmp_path / "two", GOOD, lower, sample=sample_of(*known[:9], "new", "newer")).card().without_events == 2


def test_a_sample_of_a_log_without_session_ids_is_refused_with_the_way_out(tmp_path: Path) -> None:
    mapping = Mapping.checked(session_gap_minutes=30)
    with pytest.raises(InputError, match=r"set columns\.user_session to that column"):
        store(tmp_path, GOOD, mapping, sample=sample_of("B1"))


@pytest.mark.parametrize(
    ("sample", "header"),
    [
        (b"user_session,value\nB1,0\nB2,0\n", ("user_session", "value")),
        (b"prediction;USER_SESSION\n0;B1\n0;B2\n", ("prediction", "USER_SESSION")),
        (b"row,user_session,Session_Value,\n1,B1,0,\n2,B2,0,\n", ("user_session", "Session_Value")),
        (b"row,user_session,note\n1,B1,x\n2,B2,x\n", ("user_session", "session_value")),
        (b"user_session\nB1\nB2\n", ("user_session", "session_value")),
    ],
)
def test_a_submission_gets_the_columns_of_its_sample(tmp_path: Path, sample: bytes, header: tuple[str, str]) -> None:
    dataset = store(tmp_path, GOOD, sample=sample)
    columns = dataset.card().submission_columns
    assert columns.header == header
    path = tmp_path / "submission.csv"
    predictions = pl.DataFrame({"user_session": ["B1", "B2"], "session_value": [1.0, 2.5]})
    write_submission(predictions, dataset.submission_order(), path, columns)
    assert path.read_text().splitlines()[0] == ",".join(header)
    assert set(path.read_text().splitlines()[1].split(",")) == {"B1", "1.000000"}
    results = check_file(path, target_of_dataset(dataset))
    assert [each.code for each in results if each.outcome == "failed"] == ["scale"]
    path.write_bytes(sample_of("B1", "B2").replace(b"session_value", b"score"))
    failed = [each for each in check_file(path, target_of_dataset(dataset)) if each.outcome == "failed"]
    assert failed[0].code == "columns"
    assert f"must contain only the columns {' and '.join(header)}," in failed[0].explanation


def test_a_dataset_of_an_earlier_version_gets_the_columns_of_its_sample(tmp_path: Path) -> None:
    files = write_files(tmp_path, GOOD, sample=b"user_session,value\nB1,0\n")
    dataset = ingest(files, Workspace(tmp_path / "home"))
    card = read_sealed(dataset.folder / CARD_FILE)
    del card["submission_columns"]
    write_sealed(dataset.folder / CARD_FILE, card)
    assert dataset.card().submission_columns.value == "session_value"
    assert ingest(files, Workspace(tmp_path / "home")).card().submission_columns.value == "value"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";"])
@pytest.mark.parametrize("name", ["user_session", "visit"])
def test_a_sample_need_not_be_written_as_the_log_is(tmp_path: Path, name: str, mark: str, encoding: str) -> None:
    mapping = Mapping.checked(separator=";", encoding="cp1252", columns={"user_session": "visit"})

    def log(file: Role) -> bytes:
        text = csv_of([{**row, "user_session": f"ä{row['user_session']}"} for row in rows_of(GOOD, file)]).decode()
        return text.replace(",", ";").replace("user_session", "visit").encode("cp1252")

    text = sample_of("äB3", "äB1").decode().replace(",", mark).replace("user_session", name)
    files = write_files(tmp_path, GOOD, train=log("train"), test=log("test"), sample=text.encode(encoding))
    dataset = ingest(replace(files, mapping=mapping), Workspace(tmp_path / "home"))
    assert dataset.submission_order().get_column("user_session").to_list() == ["äB3", "äB1"]
    submission = tmp_path / "submission.csv"
    submission.write_bytes(sample_of("äB3", "äB1").replace(b"user_session", name.encode()))
    results = check_file(submission, target_of_files(files.test, files.sample_submission, mapping))
    assert [each.code for each in results if each.outcome == "failed"] == ["constant"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("größe,session_value\nB1,0\n".encode(), r"no column visit\. Its columns are größe and session_value\."),
        ("user_session,größe\nB1,0\nB2\n".encode("cp1252"), r"\(line 3: it has 1 field, but the header has 2\)"),
        ("user_session,size\nä,0\nB2\n".encode("cp1252"), r"\(line 3: it has 1 field, but the header has 2\)"),
    ],
)
def test_what_is_wrong_with_a_sample_is_said_in_its_own_text(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "sample.csv").write_bytes(content)
    mapping = Mapping.checked(separator=";", encoding="cp1252", columns={"user_session": "visit"})
    with pytest.raises(InputError, match=found):
        read_ids(tmp_path / "sample.csv", mapping)


# --- uploads ----------------------------------------------------------------------------------------------------------
class Upload(io.BytesIO):
    """A browser's upload: a stream with the name that the visitor's machine gave it."""

    def __init__(self, name: str, content: bytes = CSV) -> None:
        super().__init__(content)
        self.name = name


CLIMBING = [
    ("train.csv", "train.csv"),
    ("../../train.csv", "train.csv"),
    ("/etc/passwd", "passwd"),
    ("a/b/../c.csv", "c.csv"),
    ("..", "file"),
    (".", "file"),
    ("", "file"),
    ("...", "file"),
    (".bashrc", "bashrc"),
    ("..\\..\\evil.csv", "_.._evil.csv"),
    ("C:\\data\\x.csv", "C__data_x.csv"),
    ("~/x.csv", "x.csv"),
    ("nul\0and\nline.csv", "nul_and_line.csv"),
    ("$(rm) ;x.csv", "__rm_ _x.csv"),
    ("événements 2.csv", "événements 2.csv"),
    ("x" * 500 + ".csv.gz", "x" * 53 + ".csv.gz"),
    ("€" * 300, "_" * 60),
    ("語" * 300, "語" * 60),
]


@pytest.mark.parametrize(("name", "kept_as"), CLIMBING, ids=[ascii(name[:20]) for name, _ in CLIMBING])
def test_an_upload_stays_in_its_folder_whatever_its_name(workspace: Workspace, name: str, kept_as: str) -> None:
    path = keep_upload(workspace, {"train": Upload(name)})["train"]
    assert path.name == kept_as
    assert path.resolve().is_relative_to(workspace.uploads.resolve())
    assert path.read_bytes() == CSV
    assert [found for found in workspace.root.rglob("*") if found.is_file()] == [path]


def test_the_same_upload_again_finds_its_folder(workspace: Workspace) -> None:
    first = keep_upload(workspace, {"train": Upload("a.csv"), "test": Upload("b.csv", b"b")})
    before = {path: path.stat().st_mtime_ns for path in first.values()}
    second = keep_upload(workspace, {"test": Upload("b.csv", b"b"), "train": Upload("a.csv")})
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in second.values()} == before
    assert len(list(workspace.uploads.iterdir())) == 1


def test_the_same_content_under_another_name_is_found_under_that_name(workspace: Workspace) -> None:
    for name in ("a.csv", "b.csv"):
        path = keep_upload(workspace, {"train": Upload(name)})["train"]
        assert (path.name, path.read_bytes()) == (name, CSV)


def test_two_uploads_of_one_name_stay_apart(workspace: Workspace) -> None:
    kept = keep_upload(workspace, {"train": Upload("x.csv", b"one"), "test": Upload("x.csv", b"two")})
    assert (kept["train"].read_bytes(), kept["test"].read_bytes()) == (b"one", b"two")


def test_other_content_under_the_same_name_replaces_nothing(workspace: Workspace) -> None:
    old = keep_upload(workspace, {"train": Upload("x.csv", b"old")})["train"]
    new = keep_upload(workspace, {"train": Upload("x.csv", b"new")})["train"]
    assert (old.read_bytes(), new.read_bytes()) == (b"old", b"new")


def test_an_upload_that_was_read_already_is_kept_whole(workspace: Workspace) -> None:
    upload = Upload("x.csv")
    upload.read()
    assert keep_upload(workspace, {"train": upload})["train"].read_bytes() == CSV


def test_an_upload_that_breaks_off_leaves_nothing_behind(workspace: Workspace) -> None:
    class BreakingOff(Upload):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        keep_upload(workspace, {"test": Upload("a.csv"), "train": BreakingOff("b.csv")})
    assert list(workspace.uploads.iterdir()) == []


def test_kept_uploads_can_be_ingested(workspace: Workspace) -> None:
    kept = keep_upload(workspace, {"train": Upload("x.csv"), "test": Upload("x.csv", csv_of(rows_of(GOOD, "test")))})
    assert len(facts_of(ingest(InputFiles(kept["train"], kept["test"]), workspace))) == 80
