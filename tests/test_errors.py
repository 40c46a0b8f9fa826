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
from core.errors import Cancelled, InputError, MissingPart, RunError, SettingError, StudioError, import_part

FILE = Path("/data/train.csv")
RUN = Path("/workspace/runs/20250601-120000-abcd")
NAMES = [f"c{number}" for number in range(10)]

INPUTS: dict[str, Callable[[], StudioError]] = {
    "not_found": lambda: InputError.not_found(FILE),
    "cannot_open": lambda: InputError.cannot_open(FILE, "Permission denied"),
    "not_named": lambda: InputError.not_named("--train"),
    "same_file": lambda: InputError.same_file("train.csv"),
    "changed_while_read": lambda: InputError.changed_while_read("train.csv", "it had 5 bytes, now it has 7 bytes"),
    "empty": lambda: InputError.empty("train.csv"),
    "unreadable": lambda: InputError.unreadable("train.csv", "it is a PNG image"),
    "empty_archive": lambda: InputError.empty_archive("train.zip"),
    "empty_folder": lambda: InputError.empty_folder(Path("/data"), [".csv", ".parquet"]),
    "files_deeper": lambda: InputError.files_deeper(Path("/data"), Path("day=1/a.csv")),
    "not_fetched": lambda: InputError.not_fetched("https://shop.example/a.csv"),
    "no_database_url": lambda: InputError.no_database_url("its port is no number"),
    "no_driver": lambda: InputError.no_driver("mysql://shop", "pymysql"),
    "query_failed": lambda: InputError.query_failed("sqlite:///shop.db", "no such table: sales"),
    "no_answer": lambda: InputError.no_answer("sqlite:///shop.db"),
    "missing_columns": lambda: InputError.missing_columns("train.csv", ["user_id"], NAMES),
    "missing_columns, several": lambda: InputError.missing_columns("train.csv", ["user_id", "event_type"], ["a"]),
    "column_twice": lambda: InputError.column_twice("train.csv", "user_id"),
    "other_separator": lambda: InputError.other_separator("train.csv", "commas"),
    "other_encoding": lambda: InputError.other_encoding("train.csv", "UTF-8, as its first line shows"),
    "other_encoding, unknown": lambda: InputError.other_encoding("train.csv"),
    "too_few_rows": lambda: InputError.too_few_rows("train.csv", 1, 4_000, "3,999 x empty user_id", at_least=0.9),
    "too_few_rows, setting": lambda: InputError.too_few_rows(
        "train.csv", 0, 40, "40 x no time", at_least=0, setting='time_format = "%Y"'
    ),
    "too_few_purchases": lambda: InputError.too_few_purchases("train.csv", 2, 40, "38 x no price", at_least=0.995),
    "too_few_purchases, setting": lambda: InputError.too_few_purchases(
        "train.csv", 2, 40, "38 x no price", at_least=0.995, setting='decimal = ","'
    ),
    "values_unknown": lambda: InputError.values_unknown("train.csv", 9, 40, "9 x no total", at_least=0.9),
    "purchases_repeated": lambda: InputError.purchases_repeated("train.csv", 20, 40),
    "either_decimal_mark": lambda: InputError.either_decimal_mark("train.csv", "price", "1,234"),
    "either_decimal_mark, others": lambda: InputError.either_decimal_mark(
        "train.csv", "price", "1,234", others=("1.5", "1,5")
    ),
    "several_currencies": lambda: InputError.several_currencies("train.csv", ["EUR", "USD"], "currency"),
    "several_currencies, no column": lambda: InputError.several_currencies("train.csv", ["EUR", "USD"], None),
    "sessions_without_events": lambda: InputError.sessions_without_events("sample.csv", ["A1"], 2),
    "sessions_without_events, several": lambda: InputError.sessions_without_events("sample.csv", NAMES, 1_000),
    "not_unique": lambda: InputError.not_unique("sample.csv", ["A1"]),
    "not_unique, several": lambda: InputError.not_unique("sample.csv", NAMES),
    "nothing_to_learn": lambda: InputError.nothing_to_learn(1, 20),
    "nothing_to_learn_forward": lambda: InputError.nothing_to_learn_forward(0, 4),
    "empty_stretch": lambda: InputError.empty_stretch(2),
}
RUNS: dict[str, Callable[[], StudioError]] = {
    "unknown": lambda: RunError.unknown("run", "x", ["a", "b"]),
    "unknown, none": lambda: RunError.unknown("dataset", "x", []),
    "folder_in_use": lambda: RunError.folder_in_use(RUN),
    "file_exists": lambda: RunError.file_exists(FILE),
    "not_writable": lambda: RunError.not_writable(RUN, "Permission denied"),
    "no_database": lambda: RunError.no_database(Path("/workspace/jobs.sqlite"), "file is not a database"),
    "no_room": lambda: RunError.no_room(RUN),
    "ended_already": lambda: RunError.ended_already("j1", "done"),
    "not_at_work": lambda: RunError.not_at_work("j1", "queued"),
    "not_waiting": lambda: RunError.not_waiting("j1", "running"),
    "busy": lambda: RunError.busy("j1", same=False),
    "busy, same": lambda: RunError.busy("j1", same=True),
    "not_resumable": lambda: RunError.not_resumable("j1", "running"),
    "other_version": lambda: RunError.other_version(RUN, 2, 1),
    "not_confirmed": lambda: RunError.not_confirmed(RUN.name, RUN),
    "not_a_run": lambda: RunError.not_a_run(Path("/home/me/extension")),
    "note_too_long": lambda: RunError.note_too_long("name: 81 characters", name=80, text=4_000),
    "not_deletable": lambda: RunError.not_deletable(RUN, "Permission denied"),
    "damaged": lambda: RunError.damaged(RUN, "oof.parquet changed"),
}
PARTS: dict[str, Callable[[], StudioError]] = {
    "package": lambda: MissingPart.package("pyspark", "The engine Spark"),
    "java": lambda: MissingPart.java("The engine Spark"),
}
SETTINGS: dict[str, Callable[[], StudioError]] = {
    "not_allowed": lambda: SettingError.not_allowed("folds", 1, "greater than or equal to 2"),
    "usage": lambda: SettingError.usage("invalid choice: 'x'", "python -m core run"),
    "conflicting": lambda: SettingError.conflicting("--run", "--mapping", "A run knows the sessions that it predicts."),
    "of_another_version": lambda: SettingError.of_another_version("j1"),
    "no_dashboard": lambda: SettingError.no_dashboard(Path("/packages")),
    "missing": lambda: SettingError.missing("--test", "the path of an event file"),
    "nothing_to_tune": SettingError.nothing_to_tune,
    "unknown_feature": lambda: SettingError.unknown_feature("rising", "cart", ["carts", "n_events"]),
    "no_such_device": lambda: SettingError.no_such_device("gpu", "no GPU was found"),
    "query_beside_file": lambda: SettingError.query_beside_file("--train-query", "train.csv"),
    "no_workspace": lambda: SettingError.no_workspace(Path("/workspace"), "Permission denied"),
    "no_room": lambda: SettingError.no_room(Path("/workspace")),
    "unknown": lambda: SettingError.unknown("fold", ["folds", "seed"]),
}
FAMILIES: list[tuple[type[StudioError], dict[str, Callable[[], StudioError]]]] = [
    (InputError, INPUTS),
    (RunError, RUNS),
    (MissingPart, PARTS),
    (SettingError, SETTINGS),
]
by_family = pytest.mark.parametrize(("kind", "examples"), FAMILIES, ids=["input", "run", "part", "setting"])


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
        assert error.found is not None or error.allowed is not None


def test_codes_are_unique() -> None:
    constructors: dict[str, set[str]] = {}
    for kind, examples in FAMILIES:
        for name, example in examples.items():
            constructors.setdefault(example().code, set()).add(f"{kind.__name__}.{name.split(',')[0]}")
    assert {code: names for code, names in constructors.items() if len(names) > 1} == {}


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(RunError.other_version(RUN, 2, 1)))  # noqa: S301 (our own bytes)
    assert (type(error), error.code, error.found, error.allowed) == (RunError, "other_run_version", 2, 1)
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
