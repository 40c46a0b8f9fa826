"""The command line: exit codes, the JSON line, sentences instead of tracebacks."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Literal, get_args, get_origin

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from core.base.text import number
from core.base.workspace import Workspace
from core.cli import main
from core.cli.parser import build_parser
from core.cli.run_options import run_config
from core.cli.verbs import analysis
from core.config import RunConfig
from core.dataset import Dataset
from core.features import all_features, build_features
from core.ingestion import InputFiles
from core.ingestion.mapping import load_mapping
from core.ingestion.mapping.toml_file import parse_mapping
from core.runs import Run
from tests.browser import answers, free_port
from tests.conftest import DEMO

TRAIN, TEST, SAMPLE = (str(DEMO / name) for name in ("train.csv", "test.csv", "sample_submission.csv"))
QUICK_OPTIONS = ("--folds", "2", "--learners", "lightgbm")
VERBS = (
    "demo",
    "journey",
    "ingest",
    "mapping",
    "run",
    "check",
    "runs",
    "jobs",
    "datasets",
    "audit",
    "quarantine",
    "features",
    "ui",
)


def said(capsys: pytest.CaptureFixture[str]) -> tuple[dict, str]:
    """The JSON object on the last line of the output, and what the error stream says."""
    captured = capsys.readouterr()
    return json.loads(captured.out.splitlines()[-1]), captured.err


def verbs_with_actions() -> dict[str, list[argparse.Action]]:
    """Verb -> its arguments, the one that names an action first, for the verbs that have one."""
    (verbs,) = [each for each in build_parser()._actions if isinstance(each, argparse._SubParsersAction)]
    arguments = {
        verb: [each for each in parser._actions if each.dest not in {"help", "json"}]
        for verb, parser in verbs.choices.items()
    }
    return {verb: each for verb, each in arguments.items() if each and each[0].dest == "action"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["runs", "list"], ["datasets", "list"], ["jobs", "list"], ["check", "--help"]])
def test_a_light_verb_imports_no_heavy_library(arguments: list[str], finished_home: tuple[Workspace, Run]) -> None:
    heavy = {"scipy", "sklearn", "lightgbm", "pyarrow", "core.ingestion"} | (
        {"polars"} if "--help" in arguments else set()
    )
    code = (
        "import sys\nfrom core.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("name", RunConfig.model_fields)
def test_every_run_setting_has_an_option_and_a_description(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"--{name.replace('_', '-')}" in text
    assert RunConfig.setting(name).description.split(".")[0].split("-")[0] in text


@pytest.mark.parametrize("name", RunConfig.model_fields)
def test_every_choice_of_a_run_setting_has_a_label(name: str) -> None:
    annotation = RunConfig.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        assert tuple(RunConfig.setting(name).choices) == get_args(annotation)


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        ([], RunConfig()),
        (["--minutes", "3"], RunConfig(preset="standard", minutes=3)),
        (["--trials", "4", "--preset", "thorough"], RunConfig(preset="thorough", trials=4)),
        (
            ["--learners", "xgboost", "--learners", "lightgbm", "--rising", "n_buy", "--no-use-known-values"],
            RunConfig(learners=("lightgbm", "xgboost"), rising=("n_buy",), use_known_values=False),
        ),
        (
            ["--half-life", "30", "--metric", "mae", "--fold-kind", "forward", "--engine", "duckdb"],
            RunConfig(half_life=30, metric="mae", fold_kind="forward", engine="duckdb"),
        ),
    ],
)
def test_options_become_the_configuration(arguments: list[str], config: RunConfig) -> None:
    assert run_config(build_parser().parse_args(["run", *arguments])) == config


@pytest.mark.parametrize(
    ("settings", "digest"),
    [({}, "4b96cf148008"), ({"preset": "standard", "trials": 3, "rising": ("a",)}, "eb626fb4feb2")],
)
def test_the_hash_of_a_configuration_is_stable(settings: dict, digest: str) -> None:
    assert RunConfig.checked(**settings).digest == digest


_NOTED = {"list": "", "note": "{} --name --text", "pin": "{}", "unpin": "{}", "delete": "{} --yes"}
_OF_FILES = "FILE --without-value --mapping --products --users"
USED = {
    "mapping": {"list": "", "show": "FILE", "guess": f"{_OF_FILES} --out", "preview": _OF_FILES},
    "datasets": _NOTED | {"currency": "{} --symbol --place --decimals --marks"},
    "uploads": {"list": "", "delete": "UPLOAD --yes"},
    "runs": _NOTED | {"show": "{}", "compare": "{} OTHER", "verify": "{}"},
    "jobs": {"list": ""} | dict.fromkeys(("show", "stop", "cancel", "resume", "first", "up", "down"), "JOB"),
    "submissions": {
        "list": "",
        "rank": "--run",
        "score": "NAME --returned --note",
        "record": "NAME --run --note --returned --all-the-same",
        "submit": "NAME --run --note --competition --wait --all-the-same",
    },
}
"""Verb -> action -> the arguments that the action uses; {} is what the verb is about."""


@pytest.mark.parametrize("verb", sorted(verbs_with_actions()))
def test_arguments_that_an_action_does_not_use_are_refused(verb: str, workspace: Workspace, capsys) -> None:
    """Each action of each verb, with each single argument that the parser accepts."""
    action, *arguments = verbs_with_actions()[verb]
    assert set(action.choices) == set(USED[verb])
    positional = [argument for argument in arguments if not argument.option_strings]
    for name, used in USED[verb].items():
        used_names = used.format(verb[:-1].upper()).split()
        for argument in arguments:
            label = argument.option_strings[0] if argument.option_strings else argument.metavar or argument.dest.upper()
            if label in used_names:
                continue
            value = [] if argument.nargs == 0 else [argument.choices[0] if argument.choices else "1"]
            value = [label, *value] if argument.option_strings else ["x"] * (positional.index(argument) + 1)
            assert main([verb, name, *value]) == 2, (verb, name, label)
            error = capsys.readouterr().err
            assert re.search(rf"\({name} takes no .*{label}\b", error) and "--help" in error, (verb, name, label, error)


@pytest.mark.parametrize("arguments", [["x", "--markdown"], ["--engine", "duckdb"], ["--history", "as_of"]])
def test_the_list_of_features_and_the_table_of_a_dataset_have_options_of_their_own(arguments, capsys):
    assert main(["features", *arguments]) == 2
    assert "DATASET" in capsys.readouterr().err


def test_run_ends_with_the_summary_of_the_contract(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    code = main(["run", "--train", TRAIN, "--test", TEST, "--sample-submission", SAMPLE, "--preset", "quick",
                 *QUICK_OPTIONS, "--out", str(out), "--json"])  # fmt: skip
    summary, errors = said(capsys)
    assert (code, errors) == (0, "")
    assert summary["run_dir"] == str(out)
    assert Path(summary["submission"]).read_text().startswith("user_session,session_value\n")
    assert summary["checks"] == {"passed": 28, "failed": 0}
    assert main(["check", summary["submission"], "--test", TEST, "--sample-submission", SAMPLE]) == 0
    assert main(["check", summary["submission"], "--run", str(out), "--json"]) == 0
    checked, _ = said(capsys)
    assert checked["failed"] == 0


def test_run_shows_a_progress_bar_on_a_terminal_only(
    small_files: InputFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--train", str(small_files.train), "--test", str(small_files.test)]
    command = [sys.executable, "-m", "core", "run", *files, *QUICK_OPTIONS]
    main_end, worker_end = os.openpty()
    fcntl.ioctl(worker_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # as wide as a terminal
    with subprocess.Popen(command, stderr=worker_end, stdout=subprocess.DEVNULL) as process:
        os.close(worker_end)
        seen = b""
        while True:
            try:
                part = os.read(main_end, 65536)
            except OSError:  # the other end closes when the process ends
                break
            if not part:
                break
            seen += part
    os.close(main_end)
    assert process.returncode == 0
    text = seen.decode()
    assert re.search(r"LightGBM, \d of 2 folds", text)  # a bar that is drawn ten times a second may leave out a fold
    assert re.search(r"\d+ % \|.*\| \d\d:\d\d", text)
    assert main(command[3:]) == 0  # in a test, the error stream is no terminal
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["train", "test"])
@pytest.mark.parametrize(
    ("content", "sentence", "error_code"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "cannot be read as a table (it is a PNG image)", "not_a_table"),
        (b"", "is empty. An event file needs a header line and at least one event", "empty_file"),
        (
            b"event_time,product_id\n2025-06-01 00:00:00+00:00,P\n",
            "has no columns event_type, category_id",
            "missing_columns",
        ),
    ],
    ids=["an image named .csv", "an empty file", "no event_type"],
)
def test_a_wrong_file_is_one_sentence_and_exit_code_2(
    *, name: str, content: bytes, sentence: str, error_code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / f"{name}.csv"
    wrong.write_bytes(content)
    files = {"train": TRAIN, "test": TEST} | {name: str(wrong)}
    code = main(["run", "--train", files["train"], "--test", files["test"], "--json"])
    content_said, errors = said(capsys)
    assert code == 2
    assert f"{name}.csv {sentence}" in errors
    assert content_said == {"error": errors.strip(), "code": error_code}
    assert len(errors.strip().splitlines()) == 1


def test_a_file_without_one_column_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "train.csv"
    pl.read_csv(TRAIN).drop("event_type").write_csv(wrong)
    assert main(["run", "--train", str(wrong), "--test", TEST]) == 2
    assert capsys.readouterr().err == (
        "train.csv has no column event_type. Its columns are event_time, product_id, category_id, user_id, "
        "user_session and session_value. Add or rename columns, or use a mapping that names the columns of this log.\n"
    )


def test_a_test_file_without_its_sessions_events_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "test.csv"
    pl.read_csv(TEST).head(100).write_csv(other)
    assert main(["run", "--train", TRAIN, "--test", str(other), "--sample-submission", SAMPLE]) == 2
    error = capsys.readouterr().err
    assert re.match(r"[\d,]+ of 2,\d+ sessions in sample_submission\.csv are not in the test file", error)
    assert "Use the test file that belongs to this sample submission" in error


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["run", "--train", TRAIN],
            "--test is missing. It takes the path of an event file, or the address of a database. Add it",
        ),
        (
            ["run", "--train", TRAIN, "--test", TEST, "--folds", "1"],
            "folds is 1. Allowed: greater than or equal to 2",
        ),
        (
            ["run", "--train", "no.csv", "--test", TEST],
            "There is no file at no.csv. Check the path, or choose another file.",
        ),
        (["run", "--dataset", "ffff"], "There is no dataset named ffff"),
        (["check", "no.csv", "--test", TEST], "There is no file at no.csv. Check the path, or choose another file."),
        (["check", SAMPLE, "--run", "nothing"], "There is no run named nothing. There is no run yet."),
        (["runs", "show", "nothing"], "There is no run named nothing. There is no run yet."),
        (["runs", "show"], "RUN is missing. It takes the id or folder of a run"),
        (["jobs", "show", "nothing"], "There is no job named nothing. There is no job yet."),
        (["jobs", "cancel"], "JOB is missing. It takes the id of a job"),
        (
            ["run", "--train", TRAIN, "--test", TRAIN],
            "train.csv is both the train file and the test file.",
        ),
        (["run", "--folds", "x"], "The command is not valid (argument --folds: invalid int value: 'x'). To see"),
        (["nonsense"], "The command is not valid (argument VERB: invalid choice: 'nonsense'"),
        (["ingest", "--train", "x" * 300, "--test", TEST], "cannot be opened (File name too long). Check the path"),
        (["runs", "show", "x" * 300], "There is no run named xxx"),
        (["score", "--run", "x" * 300, "--events", TEST], "There is no run named xxx"),
        (["serve", "--run", "x" * 300], "There is no run named xxx"),
        (
            ["ingest", "--train", f"sqlite:///{'x' * 300}", "--test", TEST, "--train-query", "SELECT 1"],
            "There is no file at xxx",
        ),
        (["demo", "--out", "a" * 300], "cannot be written (File name too long)"),
        (["check", "a" * 300, "--test", TEST], "cannot be opened (File name too long)"),
        (["demo", "--out", "/proc/nope"], "/proc/nope cannot be written (No such file or directory). Choose a folder"),
        (
            ["run", "--train", TRAIN, "--test", TEST, "--out", "/proc/nope"],
            "/proc/nope cannot be written (No such file or directory). Choose a folder that you can write to",
        ),
        (["features", "ffff", "--out", "x"], "There is no dataset named ffff"),
        (["demo", "--out", "x", "--sessions", "5"], "--sessions is 5. Allowed: a whole number of at least 200"),
    ],
)
def test_bad_usage_is_one_sentence(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_check_reads_the_test_file_also_beside_a_sample(
    demo_files: InputFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["check", str(demo_files.sample_submission), "--sample-submission", SAMPLE]
    assert main([*asked, "--test", str(tmp_path / "none.csv")]) == 2
    assert "There is no file at" in capsys.readouterr().err
    other = tmp_path / "other.csv"
    other.write_text("\n".join(Path(TEST).read_text().splitlines()[:200]))
    assert main([*asked, "--test", str(other)]) == 2
    assert "sessions in sample_submission.csv are not in the test file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            ["run", "--dataset", "x", "--sample-submission", SAMPLE],
            "--dataset and --sample-submission cannot be combined",
        ),
        (["run", "--dataset", "x", "--train-query", "SELECT"], "--dataset and --train-query cannot be combined"),
        (["check", SAMPLE, "--run", "x", "--mapping", "rees46"], "--run and --mapping cannot be combined"),
        (["run", "--train", "no", "--test", "no", "--rising", "cart"], "rising contains cart, which is not a feature"),
        (["run", "--train", "no", "--test", "no", "--device", "gpu"], "The device gpu cannot be used here"),
        (
            ["run", "--train", "no", "--test", "no", "--device", "gpu", "--background"],
            "The device gpu cannot be used here",
        ),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_read(
    asked: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked) == 2
    assert sentence in capsys.readouterr().err


def test_an_engine_that_is_not_installed_is_said_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert main(["run", "--train", "no", "--test", "no", "--engine", "duckdb"]) == 2
    assert "The engine DuckDB" in capsys.readouterr().err


def test_a_failed_check_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    negative = tmp_path / "submission.csv"
    negative.write_text(Path(SAMPLE).read_text().replace(",0.0", ",-1.0"))
    assert main(["check", str(negative), "--test", TEST, "--sample-submission", SAMPLE]) == 1
    out = capsys.readouterr().out
    assert re.search(r"FAILED +No value is negative", out)


def test_a_check_that_only_warns_says_so_and_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = Path(SAMPLE).read_text().splitlines()
    other_order = tmp_path / "submission.csv"
    other_order.write_text(
        "\n".join([header, *reversed([row.replace(",0.0", f",{n}.5") for n, row in enumerate(rows)])])
    )
    assert main(["check", str(other_order), "--test", TEST, "--sample-submission", SAMPLE]) == 0
    out = capsys.readouterr().out
    assert re.search(r"WARNING The rows are in the order of the sample", out)
    assert "FAILED" not in out


def test_run_says_how_many_rows_could_not_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Path(TRAIN).read_text().splitlines()
    train = tmp_path / "train.csv"
    train.write_text("\n".join([*lines, "yesterday" + lines[-1][lines[-1].index(",") :], ""]))
    assert main(["run", "--train", str(train), "--test", TEST, *QUICK_OPTIONS, "--progress", "none"]) == 0
    out = capsys.readouterr().out
    assert f"train.csv: 1 of {len(lines):,} rows quarantined; `quarantine " in out


def test_demo_writes_files_that_ingest_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "d"), "--sessions", "300", "--seed", "2", "--json"]) == 0
    files = [str(tmp_path / "d" / name) for name in ("train.csv", "test.csv", "sample_submission.csv")]
    capsys.readouterr()
    assert main(["ingest", "--train", files[0], "--test", files[1], "--sample-submission", files[2], "--json"]) == 0
    card, _ = said(capsys)
    assert card["synthetic"] is True
    assert card["train"]["rows"] == pl.read_csv(files[0]).height
    assert main(["datasets", "list"]) == 0
    assert card["fingerprint"][:12] in capsys.readouterr().out
    before = Path(files[1]).read_bytes()
    Path(files[0]).unlink()
    assert main(["demo", "--out", str(tmp_path / "d"), "--sessions", "300", "--seed", "3"]) == 2
    assert (
        capsys.readouterr().err
        == f"{files[1]} already exists, and existing files are not overwritten. Choose another path.\n"
    )
    assert Path(files[1]).read_bytes() == before


def test_the_feature_table_of_a_dataset_is_written_to_a_file(
    finished_home: tuple[Workspace, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fingerprint, out = finished_home[1].manifest.dataset, tmp_path / "out" / "features.parquet"
    out.parent.mkdir()
    assert main(["features", fingerprint]) == 2
    assert "--out is missing. It takes a Parquet file for the feature table" in capsys.readouterr().err
    assert main(["features", fingerprint[:12], "--out", str(out), "--history", "all_rows", "--json"]) == 0
    summary, _ = said(capsys)
    table = pl.read_parquet(out)
    assert (summary["sessions"], summary["features"], summary["out"]) == (table.height, len(all_features()), str(out))
    whole = build_features(
        Dataset(finished_home[0].datasets / fingerprint), RunConfig(features="full", history="all_rows")
    )
    assert table.columns[:2] == ["user_session", "user_id"]
    features = table.drop("user_session", "user_id")
    assert_frame_equal(features, whole.units.hstack(whole.values), rel_tol=1e-14, abs_tol=0)
    events = pl.concat(
        [pl.read_csv(DEMO / f"{name}.csv", columns=["user_session", "user_id"]) for name in ("train", "test")]
    )
    assert table.height == table.select("user_session", "user_id", "role").unique().height
    assert set(table.select("user_session", "user_id").rows()) == set(events.unique().rows())
    assert main(["features", "--out", str(out)]) == 2
    assert "DATASET is missing. It takes a stored dataset" in capsys.readouterr().err
    assert main(["features", fingerprint, "--out", str(tmp_path / "features.csv")]) == 2
    assert "Allowed: a name that ends in .parquet" in capsys.readouterr().err
    assert main(["features", fingerprint, "--out", str(out)]) == 2
    assert f"{out} already exists, and existing files are not overwritten" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"),
    ],
)
def test_a_feature_table_that_cannot_be_finished_leaves_nothing(
    error: Exception,
    finished_home: tuple[Workspace, Run],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> int:
        raise error

    monkeypatch.setattr(analysis, "write_features", interrupted)
    out = tmp_path / "out" / "features.parquet"
    out.parent.mkdir()
    assert main(["features", finished_home[1].manifest.dataset, "--out", str(out)]) == 2
    assert f"{out} cannot be written (No space left on device). Choose a" in capsys.readouterr().err
    assert not list(out.parent.iterdir())


def test_ui_serves_the_dashboard_and_ends_it_when_terminated(workspace: Workspace) -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "core", "ui", "--port", str(port)], stdout=subprocess.DEVNULL) as ui:
        health = f"http://localhost:{port}/_stcore/health"
        deadline = time.monotonic() + 60
        while not (answer := answers(health)) and time.monotonic() < deadline and ui.poll() is None:
            time.sleep(0.1)
        ui.terminate()
        code = ui.wait(timeout=30)
    assert answer
    assert code in (0, 128 + signal.SIGTERM)
    assert not answers(health)


def test_ui_without_app_py_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("core.cli.verbs.dashboard._APP", tmp_path / "app.py")
    assert main(["ui", "--json"]) == 2
    content, errors = said(capsys)
    assert content["code"] == "no_dashboard"
    assert errors.startswith(f"There is no dashboard in {tmp_path}: the file app.py is missing.")


def test_ui_passes_on_the_exit_code_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text("")
    (tmp_path / "streamlit.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr("core.cli.verbs.dashboard._APP", tmp_path / "app.py")
    assert main(["ui"]) == 3


@pytest.mark.parametrize(("started_as", "name"), [("/usr/bin/svs", "svs"), ("core/__main__.py", "python -m core")])
def test_the_help_names_the_program_as_it_was_started(
    started_as: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started_as])
    assert build_parser().format_usage().startswith(f"usage: {name} ")


def test_runs_and_jobs_are_listed_and_shown(
    finished_home: tuple[Workspace, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished_home[1]
    assert main(["runs", "list", "--json"]) == 0
    listed, _ = said(capsys)
    assert [each["run_id"] for each in listed["runs"]] == [run.manifest.run_id]
    assert main(["runs", "show", run.manifest.run_id, "--json"]) == 0
    shown, _ = said(capsys)
    assert shown["run_id"] == run.manifest.run_id
    assert main(["runs", "show", run.manifest.run_id]) == 0
    words = capsys.readouterr().out
    judged = run.manifest.scores.metric_scores
    for name, score in ("expected on test", judged.expected.value), ("CatBoost", judged.learners["catboost"]):
        line = next(line for line in words.splitlines() if line.strip().startswith(name))
        assert number(score) in line.split()
    assert words.endswith(f"Submission  {run.submission}\n")
    assert "{" not in words
    assert main(["jobs", "list"]) == 0
    assert capsys.readouterr().out == "There is no job yet.\n"


def test_control_c_is_exit_code_130_and_keeps_nothing(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "core", "run", "--train", TRAIN, "--test", TEST, "--folds", "20"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not any(workspace.datasets.glob("*/card.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "Cancelled. If you start the same run again, it resumes."
    assert list(workspace.runs.iterdir()) == []


def test_a_service_needs_a_free_port(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--run", "x", "--port", str(port)]) == 2
    assert f"--port is {port}. Allowed: a free port at 127.0.0.1 (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["quarantine", "x", "--rows", "-1"], "-1 is not a whole number from 0 to 1,000,000"),
        (["quarantine", "x", "--rows", "9" * 20], "is not a whole number from 0 to 1,000,000"),
        (["serve", "--run", "x", "--port", "99999"], "99999 is not a whole number from 0 to 65,535"),
        (["serve", "--run", "x", "--rate", "nan"], "nan is not a number of 0 or more"),
        (["serve", "--run", "x", "--rate=-5"], "-5 is not a number of 0 or more"),
    ],
)
def test_numbers_without_a_meaning_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_a_demo_replaces_no_mapping_that_was_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mapping.toml").write_text("# mine\n")
    assert main(["demo", "--out", str(tmp_path), "--own-columns"]) == 2
    assert "mapping.toml already exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mapping.toml"]


def test_a_usage_error_with_json_is_a_json_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--folds", "x", "--json"]) == 2
    content, errors = said(capsys)
    assert content == {"error": errors.strip(), "code": content["code"]}
    assert content["code"]


def test_a_defect_of_ours_is_a_sentence_that_names_the_file_with_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("core.runs.open_runs", broken)
    assert main(["runs", "list", "--json"]) == 70
    content, errors = said(capsys)
    found = re.fullmatch(
        r"Unexpected error \(ZeroDivisionError\)\. This is a bug: please report it and attach (\S+\.log)\.\n", errors
    )
    assert found
    assert content == {"error": errors.strip(), "code": "defect"}
    log = Path(found[1])
    assert "ZeroDivisionError: ours" in log.read_text()
    log.unlink()


def test_a_jobs_database_that_is_none_is_a_sentence(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.jobs_database.write_bytes(b"no database at all, but long enough to look at" * 100)
    assert main(["jobs", "list"]) == 2
    assert "cannot be used (file is not a database). Make the file writable" in capsys.readouterr().err


def test_simulated_files_are_known_again_where_they_were_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--out", str(tmp_path / "d"), "--sessions", "300", "--json"]) == 0
    for folder in (tmp_path / "d", DEMO):
        copies = []
        for name in ("train.csv", "test.csv"):
            copies.append(tmp_path / f"copy-{name}")
            copies[-1].write_bytes((folder / name).read_bytes())
        assert main(["ingest", "--train", str(copies[0]), "--test", str(copies[1]), "--json"]) == 0
        card, _ = said(capsys)
        assert card["synthetic"] is True
        assert card["train"]["name"] == "copy-train.csv"
        assert main(["ingest", "--train", str(folder / "train.csv"), "--test", str(folder / "test.csv"), "--json"]) == 0
        again, _ = said(capsys)
        assert again["fingerprint"] == card["fingerprint"]
        assert again["train"]["name"] == "train.csv", "the name that was given last"


def test_the_audit_of_a_dataset_is_told_in_words_and_as_json(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", "--train", TRAIN, "--test", TEST, "--json"]) == 0
    name = json.loads(capsys.readouterr().out.splitlines()[-1])["fingerprint"]
    assert main(["audit", name[:12]]) == 0
    assert "WARNING  1 session id is shared by several users" in capsys.readouterr().out
    assert main(["audit", name[:12], "--json"]) == 0
    findings = {
        finding["code"]: finding for finding in json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
    }
    assert (findings["known_sessions"]["severity"], findings["known_sessions"]["count"]) == ("warning", 19)
    assert main(["audit", "nothing"]) == 2
    assert "There is no dataset named nothing" in capsys.readouterr().err


def test_a_query_without_its_sql_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", "--train", "sqlite:///shop.db", "--test", TEST]) == 2
    assert "--train-query is missing. It takes the SELECT whose rows are the events" in capsys.readouterr().err


def test_an_address_on_the_network_is_not_taken_for_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", "--train", "https://shop.example/events.csv", "--test", TEST]) == 2
    assert capsys.readouterr().err.strip() == (
        "https://shop.example/events.csv is a web address. Event files are read from this machine only. Download the "
        "file and name its path. A database has an address such as sqlite:///shop.db."
    )


def test_a_query_beside_a_file_and_an_empty_path_are_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", "--train", TRAIN, "--test", TEST, "--test-query", "SELECT 1"]) == 2
    assert f"--test-query needs a database, but {TEST} is a file." in capsys.readouterr().err
    assert main(["ingest", "--train", "", "--test", TEST]) == 2
    assert "--train is empty. Name an event file and try again." in capsys.readouterr().err


def test_home_is_found_where_no_shell_has_seen_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(DEMO))
    assert main(["ingest", "--train", "~/train.csv", "--test", "~/test.csv", "--json"]) == 0
    assert said(capsys)[0]["train"]["name"] == "train.csv"


def test_a_guess_writes_over_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(Path(TRAIN).read_bytes())
    assert main(["mapping", "guess", str(log), "--out", str(log)]) == 2
    assert (
        f"{log} already exists, and existing files are not overwritten. Choose another path." in capsys.readouterr().err
    )
    assert log.read_bytes() == Path(TRAIN).read_bytes()
    assert main(["mapping", "guess", str(log), "--out", str(tmp_path / "new.toml")]) == 0
    assert "event log of a shop" in (tmp_path / "new.toml").read_text()


def test_a_guess_keeps_the_encoding_and_the_separator_of_a_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, stated, out = tmp_path / "log.csv", tmp_path / "encoding.toml", tmp_path / "guessed.toml"
    header, *lines = Path(TRAIN).read_text().replace(",", ";").splitlines()
    rows = [f"Straße;{header}", *(f"Große Bleichen, 1;{line}" for line in lines[:50])]
    log.write_text("\n".join(rows), encoding="cp1252")
    assert main(["mapping", "guess", str(log)]) == 0
    printed = capsys.readouterr().out
    assert "# encoding: " in printed
    assert parse_mapping(printed.encode(), "redirected").encoding == "cp1252"
    stated.write_text('encoding = "cp1252"\nseparator = ";"\n')
    assert main(["mapping", "guess", str(log), "--mapping", str(stated), "--out", str(out)]) == 0
    assert f"Encoding and separator are those of the mapping {stated}. All else is guessed." in capsys.readouterr().out
    guessed = load_mapping(out)
    assert (guessed.encoding, guessed.separator) == ("cp1252", ";")


def test_the_quarantine_is_shown_and_written_as_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.csv").write_bytes(Path(TRAIN).read_bytes() + b"x\ny,y\n")
    assert main(["ingest", "--train", str(tmp_path / "train.csv"), "--test", TEST, "--json"]) == 0
    fingerprint = said(capsys)[0]["fingerprint"]
    assert main(["quarantine", fingerprint[:12], "--rows", "1", "--json"]) == 0
    summary, _ = said(capsys)
    assert (summary["rows"], [row["row"] for row in summary["shown"]]) == (2, ["x"])
    out = tmp_path / "aside.csv"
    assert main(["quarantine", fingerprint, "--out", str(out)]) == 0
    assert "1 x it has 1 field, but the header has 7" in capsys.readouterr().out
    assert pl.read_csv(out).select("part", "file", "row").rows() == [
        ("train", "train.csv", "x"),
        ("train", "train.csv", "y,y"),
    ]
    assert main(["quarantine", fingerprint, "--out", str(out)]) == 2
