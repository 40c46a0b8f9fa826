"""Expected scores against actual ones: the comparison, the daily totals, the verb, the charts and the pages."""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.backtest import join_files
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.dataset import Dataset, list_datasets
from core.demo import write_demo
from core.eda.run_charts import backtest_cuts, backtest_days
from core.errors import SettingError
from core.ingestion import DateSplit, InputFiles, ingest
from core.jobs import Jobs
from core.pipeline import actual_values, backtest
from core.pipeline.actual_values import Comparison, compare_with_actual, daily_totals
from core.pipeline.backtest import coverage_sentence, cuts_of_log, splits
from core.pipeline.run import run as run_pipeline
from core.runs import Run, list_runs
from core.schema import SECONDS_PER_DAY
from tests.events_on_the_spot import csv_of, rows_of
from tests.test_date_split import shop_log
from tests.test_pages import click, open_page, texts, values

QUICK = ["--learners", "lightgbm", "--folds", "3"]
CONFIG = RunConfig(learners=("lightgbm",), folds=3)
DAYS, CUTS = 4.0, 2


def write_log(folder: Path) -> Path:
    """Write one log of a simulated shop, with the values of all sessions."""
    write_demo(folder, sessions=800, seed=1)
    return join_files(folder)


@pytest.fixture(scope="module")
def backtested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path, dict]:
    """A workspace after a backtest with two cuts, the log, and what the verb printed."""
    folder = tmp_path_factory.mktemp("backtest")
    log = write_log(folder / "files")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SVS_HOME", str(folder / "home"))
        out = folder / "out.json"
        with out.open("w") as stream, pytest.MonkeyPatch.context() as output:
            output.setattr("sys.stdout", stream)
            assert main(arguments(log)) == 0
    return Workspace(folder / "home"), log, json.loads(out.read_text().splitlines()[-1])


def arguments(log: Path) -> list[str]:
    command = ["backtest", "--events", str(log), "--test-days", str(DAYS), "--backtests", str(CUTS), "--json"]
    return [*command, "--progress", "none", *QUICK]


@pytest.fixture
def home(backtested: tuple[Workspace, Path, dict], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace of the backtest, for pages and verbs that only read it."""
    monkeypatch.setenv("SVS_HOME", str(backtested[0].root))
    monkeypatch.setattr("pages._ui.frame.start_first_run", lambda _: None)
    return backtested[0]


def latest(workspace: Workspace) -> tuple[Dataset, Run]:
    """Return the dataset whose test file is the end of the log, and the run on it."""
    dataset = next(one for one in list_datasets(workspace) if one.card().split.windows_back == 0)
    return dataset, next(run for run in list_runs(workspace) if run.is_on(dataset))


def sessions_of(log: Path) -> dict[str, tuple[int, float]]:
    """Return session id -> start and value, read with plain Python."""
    starts: dict[str, tuple[int, float]] = {}
    for row in pl.read_csv(log, infer_schema=False).iter_rows(named=True):
        time = int(datetime.fromisoformat(row["event_time"]).timestamp())
        start, _ = starts.get(row["user_session"], (time, 0.0))
        starts[row["user_session"]] = min(time, start), float(row["session_value"])
    return starts


def submitted(run: Run) -> dict[str, float]:
    return dict(pl.read_csv(run.submission).select("user_session", "session_value").iter_rows())


def test_the_actual_score_is_that_of_the_submission(backtested: tuple[Workspace, Path, dict]) -> None:
    workspace, log, _ = backtested
    dataset, run = latest(workspace)
    actual, predicted = sessions_of(log), submitted(run)
    compared = compare_with_actual(run, dataset)
    assert compared is not None
    known = dataset.actual_values().drop_nulls("value")["user_session"].to_list()
    score = np.mean([(predicted[name] - actual[name][1]) ** 2 for name in known])
    assert compared.actual == pytest.approx(score, rel=1e-6)  # the file has six decimals
    assert (compared.sessions, compared.unknown) == (len(known), len(predicted) - len(known))
    expected = run.manifest.scores.expected_test_mse
    assert (compared.expected, compared.low, compared.high) == (expected.value, expected.low, expected.high)
    assert compared.is_inside == (expected.low <= score <= expected.high)


def test_daily_totals_add_up_the_sessions_of_24_hours(backtested: tuple[Workspace, Path, dict]) -> None:
    workspace, log, _ = backtested
    dataset, run = latest(workspace)
    split = dataset.card().split
    sums: dict[int, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    actual, predicted = sessions_of(log), submitted(run)
    for name in dataset.actual_values().drop_nulls("value")["user_session"]:
        start, value = actual[name]
        day = sums[(start - split.start) // SECONDS_PER_DAY]
        day[0] += 1
        day[1] += predicted[name]
        day[2] += value
    totals = daily_totals(run, dataset)
    assert totals.height == len(sums) == 4
    for row, (day, (count, expected, value)) in zip(totals.to_dicts(), sorted(sums.items()), strict=True):
        assert row["day"].replace(tzinfo=UTC).timestamp() == split.start + day * SECONDS_PER_DAY
        assert (row["sessions"], row["expected"], row["actual"]) == (
            count,
            pytest.approx(expected, rel=1e-6),
            pytest.approx(value),
        )
        assert 0 <= row["low"] <= row["expected"] <= row["high"]
        assert row["high"] - row["expected"] == pytest.approx(math.sqrt(count) * _width(dataset, run))


def _width(dataset: Dataset, run: Run) -> float:
    """Return the 90% conformal quantile of the train days' errors per square root of sessions, in plain Python."""
    starts = dict(dataset.units().collect().select("unit", "start").iter_rows())
    days: dict[int, list[float]] = defaultdict(list)
    for unit, value, stack in run.table("oof.parquet").collect().select("unit", "value", "stack").iter_rows():
        if not math.isnan(stack):
            days[(starts[unit] - dataset.card().split.start) // SECONDS_PER_DAY].append(value - stack)
    widths = sorted(abs(sum(errors)) / math.sqrt(len(errors)) for errors in days.values())
    assert len(widths) >= 20
    return widths[math.ceil(0.9 * (len(widths) + 1)) - 1]


def test_a_day_has_no_interval_with_fewer_than_20_train_days(
    backtested: tuple[Workspace, Path, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actual_values, "_MIN_DAYS", 100)
    dataset, run = latest(backtested[0])
    totals = daily_totals(run, dataset)
    assert totals["low"].null_count() == totals["high"].null_count() == totals.height == 4
    data = backtest_days.frame(totals)
    assert data["inside"].null_count() == 4
    assert "There are too few train days for intervals." in backtest_days.finding(data)


def test_a_run_does_not_depend_on_the_actual_values(
    backtested: tuple[Workspace, Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, log, _ = backtested
    dataset, run = latest(workspace)
    tested = dataset.actual_values()["user_session"].to_list()
    value = pl.when(pl.col("user_session").is_in(tested)).then(pl.lit("7.5")).otherwise("session_value")
    pl.read_csv(log, infer_schema=False).with_columns(value.alias("session_value")).write_csv(tmp_path / "events.csv")
    other = Workspace(tmp_path / "other")
    changed = ingest(InputFiles(tmp_path / "events.csv", split=DateSplit(DAYS)), other)

    def refuse(_: Dataset) -> pl.DataFrame:
        raise AssertionError("a run has read the actual values")

    monkeypatch.setattr(Dataset, "actual_values", refuse)
    again = run_pipeline(changed, CONFIG, other)
    assert again.submission.read_bytes() == run.submission.read_bytes()
    assert again.manifest.scores == run.manifest.scores


def test_the_verb_gives_a_row_for_each_cut(backtested: tuple[Workspace, Path, dict]) -> None:
    workspace, _, printed = backtested
    datasets = sorted(list_datasets(workspace), key=lambda dataset: dataset.card().split.start)
    assert [cut["dataset"] for cut in printed["cuts"]] == [dataset.fingerprint for dataset in datasets]
    assert datasets[1].card().split.start - datasets[0].card().split.start == DAYS * SECONDS_PER_DAY
    for cut, dataset in zip(printed["cuts"], datasets, strict=True):
        run = next(run for run in list_runs(workspace) if run.manifest.run_id == cut["run_id"])
        compared = compare_with_actual(run, dataset)
        assert compared is not None
        assert compared.record().items() <= cut.items()
        assert (cut["train_sessions"], cut["test_sessions"]) == (
            dataset.card().train.sessions,
            dataset.card().test.sessions,
        )


def test_the_verb_uses_finished_runs_again(
    backtested: tuple[Workspace, Path, dict], home: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    _, log, printed = backtested
    assert main(arguments(log)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == printed
    assert main([word for word in arguments(log) if word != "--json"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["split", "train", "test", "expected", "MSE", "low", "high", "actual", "inside", "90%"]
    assert [line[:23] for line in lines[:-1]] == [cut["cut"] for cut in printed["cuts"]]
    assert lines[-1] == printed["summary"]
    assert len(list_runs(home)) == CUTS


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--test-days", "4", "--backtests", "0"], "setting_not_allowed"),
        (["--test-days", "4", "--backtests", "51"], "setting_not_allowed"),
        (["--test-days", "4", "--backtests", "8"], "split_too_small"),
        (["--test-days", "-4"], "setting_not_allowed"),
        ([], "missing_setting"),
    ],
)
def test_a_backtest_that_is_not_possible_is_refused_before_the_first_run(
    options: list[str], code: str, backtested: tuple[Workspace, Path, dict], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", "--events", str(backtested[1]), *options, *QUICK, "--json"]) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["code"] == code
    assert list_runs(Workspace.from_environment()) == []


def test_the_windows_of_a_backtest_are_next_to_each_other() -> None:
    assert splits(7, 3) == [DateSplit(7, 2), DateSplit(7, 1), DateSplit(7, 0)]
    windows = [split.window(1_000_000_000) for split in splits(2.5, 4)]
    assert all(first[1] == second[0] for first, second in pairwise(windows))
    assert windows[-1] == (1_000_000_001 - 216_000, 1_000_000_001)
    with pytest.raises(SettingError):
        splits(7, 0)


def comparison(actual: float, *, is_withheld: bool = False) -> Comparison:
    return Comparison("rmse", "RMSE", "value units", 10.0, 8.0, 13.0, is_withheld, actual, sessions=1_234, unknown=0)


def test_a_comparison_as_a_sentence() -> None:
    assert [comparison(actual).is_inside for actual in (7.99, 8.0, 13.0, 13.01)] == [False, True, True, False]
    assert comparison(9.5).sentence == (
        "The actual RMSE on 1,234 sessions is 9.50, inside the 90% interval of 8.00 to 13.0; the expected RMSE was "
        "10.0."
    )
    assert "is 20.0, above the 90% interval" in comparison(20.0).sentence
    assert "is 2.00, below the 90% interval" in comparison(2.0).sentence
    assert comparison(9.5, is_withheld=True).sentence.endswith("is 9.50. The expected score was withheld.")


def test_the_number_of_cuts_inside_leaves_out_withheld_scores(backtested: tuple[Workspace, Path, dict]) -> None:
    dataset, run = latest(backtested[0])
    compared = [comparison(9.0), comparison(20.0), comparison(10.0), comparison(9.0, is_withheld=True), None]
    cuts = [backtest.Cut(dataset, dataset.card(), run, one) for one in compared]
    assert coverage_sentence(cuts) == (
        "The actual score is inside the 90% interval for 2 of 3 splits (66.7%). For 1 more split, the expected score "
        "was withheld."
    )
    assert coverage_sentence(cuts[-1:]) == "No split has both an expected and an actual score."
    data = backtest_cuts.frame([cut.record() for cut in cuts])
    assert (data["inside"].to_list(), data["actual"].to_list()) == ([True, False, True], [9.0, 20.0, 10.0])
    assert backtest_cuts.finding(data) == "The actual score is inside the 90% interval for 2 of 3 splits."
    backtest_cuts.figure(data, "RMSE").to_json()
    backtest_cuts.figure(data.clear(), "RMSE").to_json()


def test_the_chart_of_days_compares_the_totals() -> None:
    day = datetime(2025, 6, 2)
    totals = pl.DataFrame(
        {
            "day": [day, day],
            "sessions": [10, 20],
            "expected": [100.0, 200.0],
            "low": [90.0, 180.0],
            "high": [110.0, 220.0],
            "actual": [95.0, 235.0],
        }
    )
    data = backtest_days.frame(totals)
    assert data["inside"].to_list() == [True, False]
    assert backtest_days.finding(data) == (
        "On 2 days, the sessions were worth 330 value units in total, 10.0% higher than expected. "
        "The actual total is inside its 90% interval on 1 of 2 days."
    )
    backtest_days.figure(data).to_json()
    assert backtest_days.finding(data.clear()) == backtest_days.NO_ACTUAL_VALUES
    backtest_days.figure(data.clear()).to_json()


def test_a_dataset_of_two_files_has_no_comparison(
    backtested: tuple[Workspace, Path, dict], demo_files: InputFiles, workspace: Workspace
) -> None:
    dataset, (_, run) = ingest(demo_files, workspace), latest(backtested[0])
    run = Run(run.folder, run.manifest.model_copy(update={"dataset": dataset.fingerprint}))
    assert compare_with_actual(run, dataset) is None
    assert dataset.actual_values().is_empty()
    assert daily_totals(run, dataset).is_empty()
    assert cuts_of_log(workspace, dataset, [run], RunConfig()) == []


# --- pages ------------------------------------------------------------------------------------------------------------
def test_the_page_compares_expected_with_actual(home: Workspace) -> None:
    dataset, run = latest(home)
    app = open_page("pages/7_Backtest.py")
    app.query_params["dataset"] = dataset.fingerprint
    app.run()
    app.selectbox(key="select-dataset").set_value(dataset.fingerprint).run()
    assert not app.exception
    assert not app.error
    compared = compare_with_actual(run, dataset)
    assert compared is not None
    assert compared.sentence in texts(app).replace("\\", "")
    assert {metric.label for metric in app.metric} >= {"Expected MSE", "90% interval", "Actual MSE"}
    assert len(app.metric) == 5
    assert backtest_days.TITLE in values(app.header)
    cuts = cuts_of_log(home, dataset, list_runs(home), run.manifest.config)
    assert len(cuts) == CUTS
    assert coverage_sentence(cuts) in texts(app).replace("\\", "")
    assert not [button for button in app.button if "more split" in button.label]


@pytest.mark.parametrize("page", ["app.py", "pages/3_Train.py"])
def test_the_actual_score_is_shown_with_the_expected_one(page: str, home: Workspace) -> None:
    dataset, run = latest(home)
    app = open_page(page)
    app.selectbox(key="select-dataset").set_value(dataset.fingerprint).run()
    assert not app.exception
    compared = compare_with_actual(run, dataset)
    assert compared is not None
    assert compared.sentence in texts(app).replace("\\", "")


def test_the_run_is_shown_with_its_actual_score(home: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    dataset, run = latest(home)
    compared = compare_with_actual(run, dataset)
    assert compared is not None
    assert main(["runs", "show", run.manifest.run_id]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Backtest    {compared.sentence}"


def test_the_page_queues_the_other_splits(
    backtested: tuple[Workspace, Path, dict], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr("core.jobs.start_run", lambda _, dataset, config: started.append(dataset.fingerprint))
    monkeypatch.setattr("pages._ui.frame.start_first_run", lambda _: None)
    source, _, _ = backtested
    dataset, run = latest(source)
    for folder in ("datasets", "runs"):
        (workspace.root / folder).mkdir(parents=True, exist_ok=True)
    for other in list_datasets(source):
        shutil.copytree(other.folder, workspace.datasets / other.folder.name)
    shutil.copytree(run.folder, workspace.runs / run.folder.name)
    app = open_page("pages/7_Backtest.py")
    assert not app.exception
    click(app, "Run 1 more split")
    assert started == [other.fingerprint for other in list_datasets(source) if other != dataset]
    assert not app.exception


def test_the_page_without_known_values_says_how_to_get_them() -> None:
    app = open_page("pages/7_Backtest.py")
    assert "The values of this test file are **unknown**" in texts(app)


@pytest.fixture
def small_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of 40 sessions, for the Data page of an empty workspace."""
    monkeypatch.setattr("pages._ui.frame.start_first_run", lambda _: None)
    (tmp_path / "events.csv").write_bytes(csv_of(rows_of(shop_log(), "train")))
    return tmp_path / "events.csv"


def test_one_log_is_read_on_the_data_page(small_log: Path, workspace: Workspace) -> None:
    app = open_page("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.segmented_control[1].set_value("One log, split by date").run()
    app.number_input[0].set_value(5.0)
    app.number_input[1].set_value(2)
    app.text_input[0].set_value(str(small_log)).run()
    click(app, "Read the files")
    assert not app.exception
    assert not app.error
    split = [dataset.card().split for dataset in list_datasets(workspace) if dataset.card().split is not None]
    assert sorted((one.days, one.windows_back) for one in split) == [(5.0, 0), (5.0, 1)]
    assert "The log is split by date at" in texts(app)
    assert Jobs(workspace).all() == []


def test_a_wrong_number_of_days_is_a_message_on_the_data_page(small_log: Path) -> None:
    app = open_page("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.segmented_control[1].set_value("One log, split by date").run()
    app.number_input[0].set_value(300.0)
    app.text_input[0].set_value(str(small_log)).run()
    click(app, "Read the files")
    assert not app.exception
    (error,) = values(app.error)
    assert "Each part needs at least 10" in error
