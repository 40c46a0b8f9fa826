"""The model of a run: alone it gives the run's predictions, it values later files, and a damaged one is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from core.base.stored_files import hash_stored
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.errors import InputError, RunError
from core.importance import training_importance
from core.ingestion import InputFiles
from core.model import MODEL_FILE, SessionValueModel, load_model, save_model
from core.pipeline.run import run as run_pipeline
from core.runs import Run
from core.runs.store import ANSWERS_FILE, FOLDS_FILE, IMPORTANCE_FILE, MODEL_FOLDER
from core.schema import EVENT_COLUMNS, EVENT_TIME, EVENT_TYPES, SESSION_VALUE, USER_SESSION
from tests.conftest import DEMO
from tests.rewriting import read_sealed, write_sealed

TEST_EVENTS = pl.read_csv(DEMO / "test.csv")
ENDS = ["low_80", "high_80", "low_95", "high_95"]


@pytest.fixture(scope="module")
def model(finished: tuple[Workspace, Run]) -> SessionValueModel:
    """The model of the finished run; tests must not change it."""
    return load_model(finished[1])


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> tuple[SessionValueModel, pl.DataFrame]:
    """A model that has not seen the last two thirds of the test file, and these events."""
    folder = tmp_path_factory.mktemp("later")
    start = pl.col(EVENT_TIME).min().over(USER_SESSION)
    cut = TEST_EVENTS.select(start.sort().gather(TEST_EVENTS.height // 3)).item(0, 0)
    seen, unseen = TEST_EVENTS.filter(start < cut), TEST_EVENTS.filter(start >= cut)
    seen.write_csv(folder / "test.csv")
    config = RunConfig(folds=2, learners=("lightgbm", "catboost"))
    run = run_pipeline(InputFiles(demo_files.train, folder / "test.csv"), config, Workspace(folder / "home"))
    return load_model(run), unseen


def answers(run: Run) -> pl.DataFrame:
    """The predictions of a run, without the sessions whose value is known from the train file."""
    return run.table(ANSWERS_FILE).filter(pl.col("source") != "known").collect().sort(USER_SESSION)


def same_rows(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    return other.join(table, on=USER_SESSION, how="semi").sort(USER_SESSION)


# --- the same predictions -----------------------------------------------------------------------------------------


def test_a_fresh_process_with_the_model_alone_gives_the_predictions_of_the_run(
    finished: tuple[Workspace, Run], tmp_path: Path
) -> None:
    run = finished[1]
    shutil.copytree(run.folder / MODEL_FOLDER, tmp_path / "model")
    shutil.copy(DEMO / "test.csv", tmp_path / "events.csv")
    command = [sys.executable, "-m", "core", "score", "--run", "model", "--events", "events.csv", "--json"]
    environment = os.environ | {"SVS_HOME": str(tmp_path / "empty"), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [*command, "--out", "values.parquet"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    values, expected = pl.read_parquet(tmp_path / "values.parquet"), answers(run)
    assert json.loads(done.stdout)["sessions"] == values.height == TEST_EVENTS[USER_SESSION].n_unique()
    assert values[USER_SESSION].is_sorted()
    for column in (SESSION_VALUE, *ENDS):
        assert same_rows(expected, values)[column].to_list() == pytest.approx(expected[column].to_list(), rel=1e-9)


def test_a_data_frame_of_either_library_gives_the_same_values(model: SessionValueModel) -> None:
    values = model.predict(DEMO / "test.csv")
    assert model.predict(TEST_EVENTS).equals(values)
    assert model.predict(TEST_EVENTS.to_pandas()).equals(values)
    assert isinstance(TEST_EVENTS.to_pandas(), pd.DataFrame)


def test_importance_of_the_stored_model_is_that_of_the_run(finished: tuple[Workspace, Run]) -> None:
    run = finished[1]
    again = training_importance(load_model(run), run.table(FOLDS_FILE).collect())
    stored = run.table(IMPORTANCE_FILE).collect()
    assert again.drop("mean_abs_shap", "gain_share").equals(stored.drop("mean_abs_shap", "gain_share"))
    for column in ("mean_abs_shap", "gain_share"):
        assert again[column].fill_null(0).to_list() == pytest.approx(stored[column].fill_null(0).to_list(), rel=1e-9)


def test_contributions_explain_the_differences_between_values(model: SessionValueModel) -> None:
    events = TEST_EVENTS.filter(pl.col(USER_SESSION).is_in(TEST_EVENTS[USER_SESSION].unique().sort()[1:41].implode()))
    explained = model.contributions(events).sort(USER_SESSION)
    values = model.predict(events)
    assert explained[USER_SESSION].to_list() == values[USER_SESSION].to_list()
    sums = explained.drop(USER_SESSION).sum_horizontal()
    base = values[SESSION_VALUE] - sums
    assert base.std() < 1e-9 * values[SESSION_VALUE].std()
    assert explained.columns[1:] == model.spec.names


# --- later files --------------------------------------------------------------------------------------------------


def test_ten_files_one_after_the_other_give_the_values_of_the_whole_file(
    later: tuple[SessionValueModel, pl.DataFrame], tmp_path: Path
) -> None:
    model, events = later
    whole = model.predict(events)
    order = pl.col(EVENT_TIME).min().over(USER_SESSION).rank("dense")
    parts = events.select((order - 1) * 10 // order.max()).to_series()
    values = []
    for number in range(10):
        with model.scoring(events.filter(parts == number)) as scoring:
            values.append(scoring.values())
            model = scoring.advanced()
        if number == 4:  # also if it was stored in between
            (tmp_path / "model").mkdir()
            save_model(model, tmp_path / "model")
            model = load_model(tmp_path / "model")
    assert pl.concat(values).sort(USER_SESSION).equals(whole)
    assert 0.1 < whole["user_known"].mean() < 0.9
    assert whole["products_known"].min() < 1


def test_a_file_that_is_scored_again_after_its_events_are_in_the_history_gives_the_same_values(
    later: tuple[SessionValueModel, pl.DataFrame],
) -> None:
    model, events = later
    with model.scoring(events) as scoring:
        values, advanced = scoring.values(), scoring.advanced()
    assert advanced.predict(events).equals(values)
    assert advanced.history.events.height == model.history.events.height + events.height


def test_a_session_that_continues_in_the_next_file_is_valued_with_all_its_events(
    later: tuple[SessionValueModel, pl.DataFrame],
) -> None:
    model, events = later
    longest = events.group_by(USER_SESSION).len().sort("len", USER_SESSION)[-1, USER_SESSION]
    session = events.filter(pl.col(USER_SESSION) == longest).sort(EVENT_TIME)
    half = session.height // 2
    with model.scoring(session[:half]) as scoring:
        first, advanced = scoring.values(), scoring.advanced()
    second = advanced.predict(session[half:])
    assert second.equals(model.predict(session))
    assert second[SESSION_VALUE].item() != first[SESSION_VALUE].item()


def test_earlier_events_of_the_file_are_history_and_later_ones_are_not(
    later: tuple[SessionValueModel, pl.DataFrame],
) -> None:
    """With everything after a session deleted, its value stays; without what came before, predictions change."""
    model, events = later
    start = pl.col(EVENT_TIME).min().over(USER_SESSION)
    cut = events.select(start.sort().gather(events.height // 2)).item(0, 0)
    early, late = events.filter(start <= cut), events.filter(start > cut)
    whole = model.predict(events)
    assert same_rows(early, whole).equals(model.predict(early))
    with_history, without = same_rows(late, whole), model.predict(late)
    assert with_history["user_known"].sum() > without["user_known"].sum()
    ends = ["low_80", "high_80"]  # the values themselves may be those of the prices alone
    assert not with_history[ends].equals(without[ends])


def test_a_session_of_several_users_continues_with_all_of_them(model: SessionValueModel) -> None:
    whole = model.predict(TEST_EVENTS).filter(source="summed")
    rows = TEST_EVENTS.filter(pl.col(USER_SESSION) == whole[USER_SESSION].item())
    assert rows["user_id"].n_unique() > 1
    # the values of its users are summed in another order
    assert_frame_equal(model.predict(rows[:1]).drop("products_known"), whole.drop("products_known"), rel_tol=1e-12)


def test_a_known_session_whose_only_row_is_bad_keeps_its_value(model: SessionValueModel) -> None:
    session = TEST_EVENTS[100, USER_SESSION]
    bad = TEST_EVENTS.filter(pl.col(USER_SESSION) == session)[:1].with_columns(pl.lit("no time").alias(EVENT_TIME))
    values = model.predict(pl.concat([bad, TEST_EVENTS[:3]])).filter(pl.col(USER_SESSION) == session)
    assert values.equals(model.predict(TEST_EVENTS).filter(pl.col(USER_SESSION) == session))


def test_training_sessions_that_are_scored_are_not_counted_twice(
    model: SessionValueModel, demo_files: InputFiles
) -> None:
    """All their events are in the history already, so nothing changes for other sessions."""
    train = pl.read_csv(str(demo_files.train)).drop(SESSION_VALUE)
    again = train.join(TEST_EVENTS, on=USER_SESSION, how="anti").filter(pl.col(EVENT_TIME) > "2025-06-10")
    values = model.predict(pl.concat([TEST_EVENTS, again]))
    assert same_rows(TEST_EVENTS, values).equals(model.predict(TEST_EVENTS))


def test_an_absurdly_early_time_does_not_move_the_start_of_the_log(model: SessionValueModel) -> None:
    columns = {EVENT_TIME: "1900-01-01 00:00:00+00:00", "user_id": "nobody", USER_SESSION: "EARLY", "product_id": "new"}
    early = TEST_EVENTS[:1].with_columns(pl.lit(text).alias(name) for name, text in columns.items())
    early = early.with_columns(pl.lit("new").alias("category_id"))
    values = model.predict(pl.concat([TEST_EVENTS, early]))
    assert same_rows(TEST_EVENTS, values).equals(model.predict(TEST_EVENTS))
    assert values.filter(pl.col(USER_SESSION) == "EARLY")[SESSION_VALUE].is_finite().all()


def test_data_frames_may_have_columns_that_no_log_can_use(model: SessionValueModel) -> None:
    events = TEST_EVENTS[:200]
    expected = model.predict(events)
    frame = events.to_pandas().assign(tags=[["a"]] * 200, user_id=lambda rows: rows.user_id.astype("category"))
    assert model.predict(frame).equals(expected)
    assert model.predict(events.lazy()).equals(expected)
    assert model.predict(str(DEMO / "test.csv")).equals(model.predict(TEST_EVENTS))


def test_unknown_users_and_products_are_said_to_be_unknown(model: SessionValueModel) -> None:
    rows = [
        {"user_session": "S1", "user_id": "nobody", "product_id": "never seen", "category_id": "new"},
        {"user_session": "S2"},
    ]
    events = pl.DataFrame([TEST_EVENTS.row(0, named=True) | row for row in rows])
    values = model.predict(events)
    assert values["user_known"].to_list()[0] is False
    assert values["products_known"].to_list()[0] == 0.0
    assert values[SESSION_VALUE].min() >= 0
    assert values[SESSION_VALUE].is_finite().all()


def test_a_session_without_a_usable_row_gets_the_best_constant(model: SessionValueModel) -> None:
    bad = TEST_EVENTS[:1].with_columns(pl.lit("no time").alias(EVENT_TIME), pl.lit("BROKEN").alias(USER_SESSION))
    values = model.predict(pl.concat([TEST_EVENTS[:50], bad])).filter(pl.col(USER_SESSION) == "BROKEN")
    assert values["source"].to_list() == ["default"]
    assert values[SESSION_VALUE].item() == pytest.approx(float(model.fitted.values.mean()))
    assert values["low_80"].to_list() == values["user_known"].to_list() == [None]


@pytest.fixture(scope="module")
def predict(model: SessionValueModel) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Predict with the model; Hypothesis would print the whole model."""

    def predict(events: pl.DataFrame) -> pl.DataFrame:
        return model.predict(events)

    return predict


EVENTS = st.fixed_dictionaries(
    {
        "event_time": st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2031-01-01")).map(
            "{:%Y-%m-%d %H:%M:%S}+00:00".format
        ),
        "event_type": st.sampled_from(EVENT_TYPES),
        "product_id": st.sampled_from([*TEST_EVENTS["product_id"].unique().sort()[:5], "P?", "\U0001f6d2", "0"]),
        "category_id": st.sampled_from([*TEST_EVENTS["category_id"].unique().sort()[:3], "C?"]),
        "user_id": st.sampled_from([*TEST_EVENTS["user_id"].unique().sort()[:5], "U?", "=1"]),
        "user_session": st.sampled_from([*TEST_EVENTS["user_session"].unique().sort()[:3], "S?", "s?"]),
    }
)


@settings(deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(EVENTS, max_size=8))
def test_any_file_of_the_shop_gives_values_or_one_sentence(
    predict: Callable[[pl.DataFrame], pl.DataFrame], rows: list[dict[str, str]]
) -> None:
    events = pl.DataFrame(rows, schema=dict.fromkeys(EVENT_COLUMNS, pl.String))
    try:
        values = predict(events)
    except InputError as error:
        assert not rows
        assert error.code == "empty_file"
        return
    assert sorted(values[USER_SESSION]) == sorted({row["user_session"] for row in rows})
    assert values[SESSION_VALUE].is_finite().all()
    assert (values[SESSION_VALUE] >= 0).all()
    assert (values["low_95"] <= values["high_95"].fill_null(np.inf)).all()
    assert values["products_known"].is_between(0, 1).all()


# --- stored models ------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(finished_home: tuple[Workspace, Run]) -> Path:
    """The folder of a model that a test may change."""
    return finished_home[1].folder / MODEL_FOLDER


def file_names(folder: Path) -> list[str]:
    return [name for name in read_sealed(folder / MODEL_FILE)["sha256"] if "fold1" not in name]


def test_every_file_of_a_model_has_its_hash_and_none_is_pickled(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {MODEL_FILE, *read_sealed(folder / MODEL_FILE)["sha256"]}
    suffixes = {".txt", ".ubj", ".cbm", ".npz", ".parquet", ".toml", ".json"}
    assert {Path(name).suffix for name in files} == suffixes


@pytest.mark.parametrize("change", ["truncated", "one bit", "missing", "a link"])
def test_a_changed_file_is_refused_in_one_sentence(folder: Path, tmp_path: Path, change: str) -> None:
    for name in (MODEL_FILE, *file_names(folder)):
        path, content = folder / name, (folder / name).read_bytes()
        path.unlink()
        if change == "truncated":
            path.write_bytes(content[: len(content) // 2])
        elif change == "one bit":
            position = content.find(b"features") if name == MODEL_FILE else len(content) // 2
            path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        elif change == "a link":
            (tmp_path / "elsewhere").write_bytes(content)
            path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RunError) as caught:
            load_model(folder)
        assert caught.value.code == ("no_model" if (name, change) == (MODEL_FILE, "missing") else "damaged_model")
        assert name in str(caught.value) or caught.value.code == "no_model"
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    load_model(folder)


def test_files_with_matching_hashes_that_the_libraries_cannot_read_are_refused_in_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may be forged: a pickle in an array file must not be executed."""
    np.savez(folder / "learned" / "fold0.npz", prior=np.array([print], dtype=object), allow_pickle=True)
    write_hashes(folder)
    assert main(["score", "--run", str(folder), "--events", str(DEMO / "test.csv"), "--json"]) == 2
    printed = capsys.readouterr().out.splitlines()
    assert json.loads(printed[-1])["code"] == "damaged_model"
    assert "Object arrays cannot be loaded" in json.loads(printed[-1])["error"]


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": {"../outside.txt": "0" * 64}},
        {"sha256": {"/etc/passwd": "0" * 64}},
        {"sha256": {}},
        {"seeds": 0},
        {"fits": -1},
        {"fits_for_test": []},
        {"fits_for_test": [99]},
        {"learners": []},
        {"links": {}},
        {"default_value": float("nan")},
        {"stack": {"weights": [float("inf")] * 3, "intercept": 0.0, "alpha": 0.0}},
        {"stack": {"weights": [1.0], "intercept": 0.0, "alpha": 0.0}},
    ],
    ids=str,
)
def test_a_sealed_description_that_cannot_be_right_is_refused(folder: Path, change: dict[str, object]) -> None:
    write_sealed(folder / MODEL_FILE, read_sealed(folder / MODEL_FILE) | change)
    with pytest.raises(RunError) as caught:
        load_model(folder)
    assert caught.value.code == "damaged_model"


def test_a_description_without_a_seal_and_an_added_file_are_refused(folder: Path) -> None:
    content = (folder / MODEL_FILE).read_text()
    (folder / MODEL_FILE).write_text(json.dumps(read_sealed(folder / MODEL_FILE)))
    with pytest.raises(RunError, match="has no seal"):
        load_model(folder)
    (folder / MODEL_FILE).write_text(content)
    (folder / "history" / "more.parquet").write_bytes(b"")
    with pytest.raises(RunError, match=r"more\.parquet is not part of it"):
        load_model(folder)


@pytest.mark.parametrize("change", [{"version": 99}, {"features": ["n_events"]}, {"learned": []}], ids=str)
def test_a_model_of_another_program_is_refused(folder: Path, change: dict[str, object]) -> None:
    write_sealed(folder / MODEL_FILE, read_sealed(folder / MODEL_FILE) | change)
    with pytest.raises(RunError) as caught:
        load_model(folder)
    assert caught.value.code == "other_model_version"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        load_model(tmp_path)
    assert caught.value.code == "no_model"


def write_hashes(folder: Path) -> None:
    spec = read_sealed(folder / MODEL_FILE)
    write_sealed(folder / MODEL_FILE, spec | {"sha256": {name: hash_stored(folder / name) for name in spec["sha256"]}})


# --- command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (["--out", "values.xlsx"], "setting_not_allowed"),
        (["--out", "a.csv", "--quarantine", "a.csv"], "setting_not_allowed"),
        (["--out", "there.csv"], "file_exists"),
        (["--out", "nowhere/a.csv"], "not_writable"),
        (["--out", f"{'x' * 300}.csv"], "not_writable"),
        (["--advance-to", "there.csv/model"], "not_writable"),
        (["--advance-to", "RUN/model/next"], "setting_not_allowed"),
    ],
    ids=str,
)
def test_targets_that_cannot_be_written_are_refused_before_anything_is_read(
    *,
    finished_home: tuple[Workspace, Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    targets: list[str],
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("mine")
    targets = [target.replace("RUN", str(finished_home[1].folder)) for target in targets]
    assert main(["score", "--run", str(finished_home[1].folder), "--events", "absent.csv", *targets, "--json"]) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["code"] == code
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_bad_rows_are_reported_and_written_and_the_others_are_valued(
    finished: tuple[Workspace, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events.csv"
    events.write_text("\n".join((DEMO / "test.csv").read_text().splitlines()[:3] + ["no time,VIEW,P,C,U,S"] * 2) + "\n")
    targets = ["--out", str(tmp_path / "values.csv"), "--quarantine", str(tmp_path / "bad.csv")]
    assert main(["score", "--run", str(finished[1].folder), "--events", str(events), *targets, "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (outcome["rows"], outcome["quarantined"], outcome["default_values"]) == (4, 2, 1)
    assert pl.read_csv(tmp_path / "bad.csv").get_column("line").to_list() == [4, 5]
    n_sessions = TEST_EVENTS[:2][USER_SESSION].n_unique() + 1
    assert pl.read_csv(tmp_path / "values.csv").height == outcome["sessions"] == n_sessions
