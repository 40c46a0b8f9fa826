"""Errors: each constructor gives a unique code and a pinned sentence; the command line shows both."""

from __future__ import annotations

import inspect
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from core.cli import main
from core.errors import (
    AccessError,
    Cancelled,
    ColumnError,
    ContentError,
    MissingPart,
    RunError,
    ServiceError,
    SettingError,
    SourceError,
    StudioError,
    import_part,
)

FILE = Path("/data/train.csv")
RUN = Path("/workspace/runs/20250601-120000-abcd")
NAMES = [f"c{number}" for number in range(10)]

SOURCES: dict[str, Callable[[], StudioError]] = {
    "not_found": lambda: SourceError.not_found(FILE),
    "cannot_open": lambda: SourceError.cannot_open(FILE, "Permission denied"),
    "no_file_named": lambda: SourceError.no_file_named("--train"),
    "same_file": lambda: SourceError.same_file("train.csv"),
    "changed_while_read": lambda: SourceError.changed_while_read("train.csv", "it had 5 bytes, but now it has 7"),
    "empty": lambda: SourceError.empty("train.csv"),
    "unreadable": lambda: SourceError.unreadable("train.csv", "it is a PNG image"),
    "empty_archive": lambda: SourceError.empty_archive("train.zip"),
    "empty_folder": lambda: SourceError.empty_folder(Path("/data"), [".csv", ".parquet"]),
    "files_in_subfolders": lambda: SourceError.files_in_subfolders(Path("/data"), Path("day=1/a.csv")),
    "web_address": lambda: SourceError.web_address("https://shop.example/a.csv"),
    "invalid_database_address": lambda: SourceError.invalid_database_address("its port is not a number"),
    "no_driver": lambda: SourceError.no_driver("mysql://shop", "pymysql"),
    "query_failed": lambda: SourceError.query_failed("sqlite:///shop.db", "no such table: sales"),
    "empty_query_result": lambda: SourceError.empty_query_result("sqlite:///shop.db"),
    "swapped_files": lambda: SourceError.swapped_files("test.csv", "train.csv", "session_value"),
    "other_encoding": lambda: SourceError.other_encoding("train.csv", "UTF-8, as its first line shows"),
    "other_encoding, unknown": lambda: SourceError.other_encoding("train.csv"),
    "unreadable, with its own remedy": lambda: SourceError.unreadable("a.7z", "it is a 7z archive", "Unpack it."),
    "expands_too_much": lambda: SourceError.expands_too_much(
        "a.zip", 70_000_000, 1_000, max_ratio=200, limit=67_108_864, variable="SVS_MAX_EXPANSION"
    ),
    "too_many_members": lambda: SourceError.too_many_members("a.zip", 60_000, 1_000),
}
COLUMNS: dict[str, Callable[[], StudioError]] = {
    "table_needed": lambda: ColumnError.table_needed("products", ["brand", "list_price"]),
    "no_table_key": lambda: ColumnError.no_table_key("items.csv", "products", "product_id", ["sku", "brand"]),
    "missing_table_columns": lambda: ColumnError.missing_table_columns("items.csv", "products", ["brand"], ["sku"]),
    "no_known_ids": lambda: ColumnError.no_known_ids(
        "items.csv", "products", "sku", id_in_table="12", id_in_log="SKU-12"
    ),
    "too_few_ids": lambda: ColumnError.too_few_ids("items.csv", "sku", n_valid=2, n_rows=40),
    "repeated_ids": lambda: ColumnError.repeated_ids("prices.csv", "products", "sku", n_ids=12, n_rows=4_000),
    "table_too_large": lambda: ColumnError.table_too_large("items.csv", max_rows=5_000_000, max_gigabytes=1),
    "missing_columns": lambda: ColumnError.missing_columns("train.csv", ["user_id"], NAMES),
    "missing_columns, several": lambda: ColumnError.missing_columns("train.csv", ["user_id", "event_type"], ["a"]),
    "no_header": lambda: ColumnError.no_header("train.csv", ["1", "2014-04-07T10:51:09.277Z"]),
    "duplicate_column": lambda: ColumnError.duplicate_column("train.csv", "user_id"),
    "other_separator": lambda: ColumnError.other_separator("train.csv", "commas"),
    "too_many_columns": lambda: ColumnError.too_many_columns("a.csv", 20_001, max_columns=10_000),
    "missing_columns, nested": lambda: ColumnError.missing_columns("a.jsonl", ["user_id"], ["events"], ["events"]),
}
CONTENT: dict[str, Callable[[], StudioError]] = {
    "split_too_small": lambda: ContentError.split_too_small(
        "events.csv", 1_748_865_600, sessions=(1_200, 4), min_sessions=10, days=0.5, allowed=(0.8, 21.5)
    ),
    "split_too_small, windows back": lambda: ContentError.split_too_small(
        "events.csv", 1_748_865_600, sessions=(1, 40), min_sessions=10, days=7, allowed=(0.8, 5.25), windows_back=3
    ),
    "split_too_small, short log": lambda: ContentError.split_too_small(
        "events.csv", 1_748_865_600, sessions=(4, 3), min_sessions=10, days=7, allowed=None
    ),
    "too_few_valid, rows": lambda: ContentError.too_few_valid(
        "row", "train.csv", 1, 4_000, "3,999 x empty user_id", min_share=0.9
    ),
    "too_few_valid, rows and a mapping": lambda: ContentError.too_few_valid(
        "row", "train.csv", 0, 40, "40 x no time", min_share=0, mapping_line='time_format = "%Y"'
    ),
    "too_few_valid, remedy": lambda: ContentError.too_few_valid(
        "row", "train.csv", 299, 400, "101 x no time", min_share=0.9, remedy="Write all times in one format."
    ),
    "too_few_valid, most": lambda: ContentError.too_few_valid(
        "row", "train.csv", 299, 400, "101 x empty user_id", min_share=0.9
    ),
    "too_few_valid, purchases": lambda: ContentError.too_few_valid(
        "purchase", "train.csv", 2, 40, "38 x no price", min_share=0.995
    ),
    "too_few_valid, purchases and a mapping": lambda: ContentError.too_few_valid(
        "purchase", "train.csv", 2, 40, "38 x no price", min_share=0.995, mapping_line='decimal = ","'
    ),
    "too_few_known_values": lambda: ContentError.too_few_known_values(
        "train.csv", 9, 40, "9 x no total", min_share=0.9
    ),
    "repeated_purchases": lambda: ContentError.repeated_purchases("train.csv", 20, 40),
    "ambiguous_decimal_mark": lambda: ContentError.ambiguous_decimal_mark("train.csv", "price", "1,234"),
    "ambiguous_decimal_mark, others": lambda: ContentError.ambiguous_decimal_mark(
        "train.csv", "price", "1,234", others=("1.5", "1,5")
    ),
    "several_currencies": lambda: ContentError.several_currencies("train.csv", ["EUR", "USD"], "currency"),
    "several_currencies, no column": lambda: ContentError.several_currencies("train.csv", ["EUR", "USD"], None),
    "sessions_without_events": lambda: ContentError.sessions_without_events("sample.csv", ["A1"], 2, min_share=0.9),
    "sessions_without_events, several": lambda: ContentError.sessions_without_events(
        "sample.csv", NAMES, 1_000, min_share=0.995
    ),
    "sessions_without_events, by timeout": lambda: ContentError.sessions_without_events(
        "sample.csv", NAMES, 4, min_share=0.9, by_timeout=True
    ),
    "empty_session_ids": lambda: ContentError.empty_session_ids("sample.csv", 1),
    "empty_session_ids, several": lambda: ContentError.empty_session_ids("sample.csv", 2),
    "repeated_sessions": lambda: ContentError.repeated_sessions("sample.csv", ["A1"]),
    "repeated_sessions, several": lambda: ContentError.repeated_sessions("sample.csv", NAMES),
    "too_few_users": lambda: ContentError.too_few_users(1, 20),
    "too_few_users_per_period": lambda: ContentError.too_few_users_per_period(0, 4),
    "empty_period": lambda: ContentError.empty_period(2),
}
RUNS: dict[str, Callable[[], StudioError]] = {
    "unknown": lambda: RunError.unknown("run", "x", ["a", "b"]),
    "unknown, none": lambda: RunError.unknown("dataset", "x", []),
    "copied_run": lambda: RunError.copied_run("r1", [RUN, RUN.with_name("r1 (copy)")]),
    "folder_in_use": lambda: RunError.folder_in_use(RUN),
    "file_exists": lambda: RunError.file_exists(FILE),
    "not_writable": lambda: RunError.not_writable(RUN, "Permission denied"),
    "jobs_database_unusable": lambda: RunError.jobs_database_unusable(
        Path("/workspace/jobs.sqlite"), "file is not a database"
    ),
    "disk_full": lambda: RunError.disk_full(RUN),
    "wrong_job_state, cancel": lambda: RunError.wrong_job_state("j1", "done", "cancel"),
    "wrong_job_state, stop": lambda: RunError.wrong_job_state("j1", "queued", "stop"),
    "wrong_job_state, move": lambda: RunError.wrong_job_state("j1", "running", "move"),
    "wrong_job_state, resume": lambda: RunError.wrong_job_state("j1", "running", "resume"),
    "busy": lambda: RunError.busy("j1", is_same_run=False),
    "busy, same": lambda: RunError.busy("j1", is_same_run=True),
    "other_version": lambda: RunError.other_version(RUN, 2, 1),
    "spark_failed": lambda: RunError.spark_failed("spark://host:7077", "Could not parse Master URL"),
    "folder_not_shared": lambda: RunError.folder_not_shared(Path("/tmp/svs"), 1, 0),  # noqa: S108
    "not_confirmed": lambda: RunError.not_confirmed("Run", RUN.name, RUN),
    "not_confirmed, dataset": lambda: RunError.not_confirmed(
        "Dataset", "0a1b2c", RUN, "1 job can no longer be resumed (j1)."
    ),
    "not_a_run": lambda: RunError.not_a_run(Path("/home/me/extension")),
    "note_too_long": lambda: RunError.note_too_long("name: 81 characters", max_name=80, max_text=4_000),
    "not_deletable": lambda: RunError.not_deletable(RUN, "Permission denied"),
    "damaged": lambda: RunError.damaged(RUN, "oof.parquet changed"),
    "damaged_log": lambda: RunError.damaged_log(Path("/workspace/submissions.jsonl"), "is a folder"),
    "ambiguous": lambda: RunError.ambiguous("run or blend", "2025", ["20250601-a", "20250602-b"]),
    "changed_file": lambda: RunError.changed_file("team.csv"),
    "damaged_model": lambda: RunError.damaged_model(RUN / "model", "history/events.parquet changed"),
    "other_model_version": lambda: RunError.other_model_version(RUN / "model"),
    "no_model": lambda: RunError.no_model(RUN),
    "unknown_product": lambda: RunError.unknown_product("P99", ["P1", "P2"]),
    "not_explained": lambda: RunError.not_explained("20250601-101500-1a2b3c4d5e"),
    "unusable_state": lambda: RunError.unusable_state(Path("/workspace/live/a.sqlite"), "file is not a database"),
    "state_of_other_run": lambda: RunError.state_of_other_run(Path("/workspace/live/a.sqlite"), "20250601-a", "b"),
    "not_live": RunError.not_live,
    "damaged_dataset": lambda: RunError.damaged_dataset(Path("/workspace/datasets/0a1b2c"), "card.json is a link"),
    "damaged_job": lambda: RunError.damaged_job("j1", "created is not a time"),
    "dataset_in_use": lambda: RunError.dataset_in_use("0a1b2c", ["j1", "j2"]),
}
PARTS: dict[str, Callable[[], StudioError]] = {
    "package": lambda: MissingPart.package("pyspark", "The engine Spark"),
    "java": lambda: MissingPart.java("The engine Spark"),
}
SETTINGS: dict[str, Callable[[], StudioError]] = {
    "not_allowed": lambda: SettingError.not_allowed("folds", 1, "greater than or equal to 2"),
    "usage": lambda: SettingError.usage("invalid choice: 'x'", "python -m core run"),
    "conflicting": lambda: SettingError.conflicting("--run", "--mapping", "A run knows the sessions that it predicts."),
    "other_version": lambda: SettingError.other_version("j1"),
    "no_token": lambda: SettingError.no_token("192.0.2.1", "SVS_TOKEN"),
    "no_dashboard": lambda: SettingError.no_dashboard(Path("/packages")),
    "missing": lambda: SettingError.missing("--test", "the path of an event file"),
    "nothing_to_tune": SettingError.nothing_to_tune,
    "unknown_feature": lambda: SettingError.unknown_feature("rising", "cart", ["carts", "n_events"]),
    "same_feature": lambda: SettingError.same_feature("price_mean", "price", "own_price_mean"),
    "device_unavailable": lambda: SettingError.device_unavailable("gpu", "no GPU was found"),
    "query_on_file": lambda: SettingError.query_on_file("--train-query", "train.csv"),
    "workspace_unusable": lambda: SettingError.workspace_unusable(Path("/workspace"), "Permission denied"),
    "workspace_full": lambda: SettingError.workspace_full(Path("/workspace")),
    "temporary_folder_full": lambda: SettingError.temporary_folder_full(Path("/tmp")),  # noqa: S108 (an example)
    "unknown": lambda: SettingError.unknown("fold", ["folds", "seed"]),
}
ACCESS: dict[str, Callable[[], StudioError]] = {
    "unknown_host": lambda: AccessError.unknown_host("studio.example.com:8501"),
    "unreadable_host": AccessError.unreadable_host,
    "foreign_origin": lambda: AccessError.foreign_origin("localhost:8501"),
    "not_logged_in": AccessError.not_logged_in,
    "wrong_token": AccessError.wrong_token,
    "too_many_tries": lambda: AccessError.too_many_tries(10),
    "no_guard": AccessError.no_guard,
}
SERVICES: dict[str, Callable[[], StudioError]] = {
    "not_an_address": lambda: ServiceError.not_an_address("ftp://shop"),
    "not_reachable": lambda: ServiceError.not_reachable("http://127.0.0.1:8600", "Connection refused"),
    "wrong_token": lambda: ServiceError.wrong_token("http://127.0.0.1:8600"),
    "unusable_answer": lambda: ServiceError.unusable_answer("http://127.0.0.1:8600", "it has the status 404"),
}
FAMILIES: list[tuple[type[StudioError], dict[str, Callable[[], StudioError]]]] = [
    (SourceError, SOURCES),
    (ColumnError, COLUMNS),
    (ContentError, CONTENT),
    (RunError, RUNS),
    (MissingPart, PARTS),
    (SettingError, SETTINGS),
    (AccessError, ACCESS),
    (ServiceError, SERVICES),
]
by_family = pytest.mark.parametrize(
    ("kind", "examples"), FAMILIES, ids=["source", "column", "content", "run", "part", "setting", "access", "service"]
)


@by_family
def test_the_sentences_are_those_of_the_snapshot(
    kind: type[StudioError], examples: dict[str, Callable[[], StudioError]], snapshot: SnapshotAssertion
) -> None:
    constructors = {name for name, member in inspect.getmembers(kind, inspect.ismethod)}
    assert {name.split(",")[0] for name in examples} == constructors
    assert {name: str(example()) for name, example in examples.items()} == snapshot


@by_family
def test_an_error_has_a_problem_a_remedy_and_a_code(
    kind: type[StudioError], examples: dict[str, Callable[[], StudioError]]
) -> None:
    for example in examples.values():
        error = example()
        assert isinstance(error, kind)
        assert str(error) == f"{error.problem} {error.remedy}"
        assert str(error).isprintable()
        assert error.problem.endswith(".")
        assert error.remedy.endswith(".")
        assert re.fullmatch(r"[a-z_]+", error.code)
        assert error.code != kind.code
        assert error.actual is not None or error.allowed is not None


def test_codes_are_unique() -> None:
    constructors: dict[str, set[str]] = {}
    for kind, examples in FAMILIES:
        for name, example in examples.items():
            constructors.setdefault(example().code, set()).add(f"{kind.__name__}.{name.split(',')[0]}")
    assert {code: names for code, names in constructors.items() if len(names) > 1} == {}


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(RunError.other_version(RUN, 2, 1)))  # noqa: S301 (our own bytes)
    assert (type(error), error.code, error.actual, error.allowed) == (RunError, "other_run_version", 2, 1)
    assert str(error) == str(RunError.other_version(RUN, 2, 1))


def test_an_error_about_a_setting_in_a_file_begins_with_its_name_and_keeps_the_code() -> None:
    error = SettingError.missing("columns.price", "the name of a column")
    in_file = error.in_file("shop.toml")
    assert str(in_file) == f"shop.toml: {error}"
    assert (in_file.code, in_file.allowed) == ("missing_setting", "the name of a column")


def test_a_plain_error_has_the_code_of_its_class() -> None:
    assert (Cancelled("Stopped.").code, str(Cancelled("Stopped."))) == ("cancelled", "Stopped.")
    assert Cancelled("Stopped.").exit_code == 130


def test_a_missing_package_is_reported_with_its_name() -> None:
    assert import_part("json", "A test").dumps([]) == "[]"
    with pytest.raises(MissingPart) as caught:
        import_part("no_such_package.part", "A test")
    assert (caught.value.code, caught.value.allowed) == ("package_not_installed", "no_such_package")


def test_the_command_line_reports_the_code_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SVS_HOME", str(tmp_path / "home"))
    assert main(["runs", "show", "nothing", "--json"]) == 2
    output = capsys.readouterr()
    shown = json.loads(output.out)
    assert shown == {"error": output.err.strip(), "code": "unknown_run"}
