"""Tuning: which settings are tried, what is stored, when a search ends, and how a killed one resumes.

One test kills a real process.
"""

from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import polars as pl
import psutil
import pytest
from optuna.storages.journal import JournalFileBackend

from core.base.processes import start_time
from core.config import RunConfig
from core.demo import write_demo
from core.errors import SettingError
from core.features.learned.user_values import Sessions
from core.metric import metric_named
from core.runs import load_run
from core.runs.store import SEARCH_FILE
from core.training import LEARNERS, PreparedFolds, Training, TrainingSet, prepare, train, tune
from core.training.cross_fitting import FoldMatrices
from core.training.folds import make_folds
from core.training.learners import FitContext
from core.training.selection_bias import selection_bias
from core.training.stacking import fit_stack
from core.training.start import Times
from core.training.tuning import Budget, SearchFolder, SearchResult, TrialResult
from core.training.tuning.groups import UserGroups, is_significantly_worse
from core.training.tuning.learner_search import LearnerSearch
from tests.test_training import NAMES, simulated

CONTEXT = FitContext(NAMES, threads=2, seed=7)
MSE = metric_named("mse")


def prepared_folds(data: TrainingSet, y: np.ndarray | None = None, preset: str = "quick") -> PreparedFolds:
    matrices = FoldMatrices(data.X, data.y if y is None else y, data.X_test, make_folds(data.users, 3, seed=7))
    return PreparedFolds(data, RunConfig(preset=preset, folds=3), matrices, CONTEXT, MSE)


def run_search(
    folder: Path, trials: int | None = 8, *, y: np.ndarray | None = None, **budget
) -> dict[str, SearchResult]:
    prepared = prepared_folds(simulated(rows=300), y)
    return tune(prepared, SearchFolder(folder), Budget(trials, **{"deadline": None} | budget))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SearchResult]:
    return run_search(tmp_path_factory.mktemp("search"))


def test_every_learner_runs_the_number_of_trials_in_the_budget(results: dict[str, SearchResult]) -> None:
    assert list(results) == [learner.name for learner in LEARNERS]
    for result in results.values():
        assert [trial.number for trial in result.trials] == list(range(8))


def test_proven_settings_come_first_then_the_defaults_with_every_target(results: dict[str, SearchResult]) -> None:
    targets = ["squared/none", "tweedie/none", "huber/none", "gamma/none", "squared/log1p"]
    for learner in LEARNERS:
        trials = results[learner.name].trials
        proven = learner.proven_settings()
        expected = ["tweedie/none" for _ in proven]
        for target in ("squared/sqrt", *targets):
            objective, transform = target.split("/")
            if objective in learner.objectives and transform in learner.transforms:
                expected.append(target)
        assert [trial.params["target"] for trial in trials[: len(expected)]] == expected[: len(trials)]
        for trial, settings in zip(trials, (*proven, learner.defaults()), strict=False):
            params = {name: value for name, value in trial.params.items() if name != "target"}
            assert params == {name: settings[name] for name in params}, "a parameter without a value is sampled"


def test_proven_settings_are_within_the_search_space(results: dict[str, SearchResult]) -> None:
    for learner in LEARNERS:
        for trial, proven in zip(results[learner.name].trials, learner.proven_settings(), strict=False):
            assert set(trial.params) == {"target", *proven} - {"objective", "transform"}


def test_the_best_trial_is_complete_and_has_the_lowest_loss(results: dict[str, SearchResult]) -> None:
    data = simulated(rows=300)
    for result in results.values():
        assert result.best in result.complete
        assert result.best.loss == min(trial.loss for trial in result.complete)
        for trial in result.complete:
            assert trial.folds == 3
            assert trial.loss == pytest.approx(np.mean((result.predictions(trial) - data.y) ** 2), rel=1e-5)


def test_the_estimated_loss_of_a_stopped_trial_is_no_lower_than_the_best_so_far(
    results: dict[str, SearchResult],
) -> None:
    stopped = [(result, trial) for result in results.values() for trial in result.trials if not trial.complete]
    assert stopped, "no trial was stopped, so nothing is tested"
    for result, trial in stopped:
        assert trial.folds < 3
        assert trial.loss >= min(other.loss for other in result.complete if other.number < trial.number)


def test_a_repeated_search_finds_the_same(results: dict[str, SearchResult], tmp_path: Path) -> None:
    for name, repeated in run_search(tmp_path / "repeated").items():
        assert [trial.loss for trial in repeated.trials] == [trial.loss for trial in results[name].trials]
        assert [trial.params for trial in repeated.trials] == [trial.params for trial in results[name].trials]


def test_values_of_a_fold_do_not_affect_its_predictions_even_through_early_stopping(tmp_path: Path) -> None:
    data = simulated(rows=300)
    in_fold = make_folds(data.users, 3, seed=7).fold_of == 1
    before, after = (
        {name: result.predictions(result.trials[0]) for name, result in run_search(tmp_path / folder, 1, y=y).items()}
        for folder, y in (("before", data.y), ("after", np.where(in_fold, 900 - data.y, data.y)))
    )
    for name, oof in before.items():
        assert np.array_equal(oof[in_fold], after[name][in_fold])
        assert not np.array_equal(oof[~in_fold], after[name][~in_fold])


@pytest.mark.parametrize("n_users", [8, 12, 40])
def test_some_users_are_held_out_but_never_all(n_users: int) -> None:
    users = np.arange(120) % n_users
    groups = UserGroups(users, seed=7)
    for train_rows, _ in make_folds(users, 2, seed=7).splits():
        held_out = groups.held_out(train_rows)
        assert len(set(users[train_rows][held_out])) == max(len(set(users[train_rows])) // 8, 1)
        assert not set(users[train_rows][held_out]) & set(users[train_rows][~held_out])


def test_the_result_describes_the_search_space(results: dict[str, SearchResult]) -> None:
    for result in results.values():
        assert set(result.space) == {name for trial in result.trials for name in trial.params}
        assert "squared/none" in result.space["target"]["choices"]
        for trial in result.trials:
            for name, value in trial.params.items():
                if name != "target":
                    assert result.space[name]["low"] <= value <= result.space[name]["high"]


@pytest.mark.parametrize("buyers", [0, 1], ids=["no user buys", "one user buys"])
def test_log_links_are_not_tried_if_a_fit_has_only_values_of_0(buyers: int, tmp_path: Path) -> None:
    data = simulated(rows=300)
    for result in run_search(tmp_path, 4, y=np.where(data.users < buyers, data.y, 0.0)).values():
        assert len(result.trials) == 4
        assert {trial.settings["objective"] for trial in result.trials} <= {"squared", "huber"}


@pytest.mark.parametrize(
    ("loss_differences", "expected"),
    [
        ([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.4], True),
        ([0.1, 0.2, 0.1], False),
        ([0.1, -0.2, 0.1, -0.3, 0.2, -0.1, 0.2, 0.1], False),
        ([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -5.0], False),
    ],
    ids=["worse everywhere", "too few chunks", "worse by chance", "worse by ranks but better on average"],
)
def test_only_a_significantly_worse_trial_is_stopped(loss_differences: list[float], expected: bool) -> None:
    assert is_significantly_worse(loss_differences) is expected


def test_a_trial_that_is_worse_by_10_percent_stops_after_its_first_fold_even_if_that_is_an_easy_one(
    tmp_path: Path,
) -> None:
    data = simulated(rows=600)
    folds = make_folds(data.users, 3, seed=7)
    y = data.y * np.where(folds.fold_of == 1, 0.1, 1.0)  # the second trial begins with fold 1
    folder = SearchFolder(tmp_path)
    learner_search = LearnerSearch(LEARNERS[0], prepared_folds(data, y), folder, folder.storage())
    learner_search.run_trial()
    fit = learner_search._fit

    def worse_fit(fold, settings):
        rows = np.flatnonzero(folds.fold_of == fold)
        best = learner_search.predictions(learner_search.best)
        predicted = y[rows] + np.sqrt(1.1 * MSE.losses(best[rows], y[rows]))
        return SimpleNamespace(model=fit(fold, settings).model, predict=lambda X, start: predicted)

    learner_search._fit = worse_fit
    stopped = learner_search.run_trial()
    assert (stopped.complete, stopped.folds) == (False, 1)
    assert stopped.loss == pytest.approx(1.1 * learner_search.best.loss)


def test_the_reported_share_of_the_budget_is_between_0_and_1(tmp_path: Path) -> None:
    shares = []
    tune(
        prepared_folds(simulated(rows=300), preset="thorough"),  # reserves time for three seeds
        SearchFolder(tmp_path),
        Budget(None, time.monotonic() + 4),
        report=lambda part, parts, text: shares.append(part / parts),
    )
    assert shares
    assert 0 <= min(shares) <= max(shares) <= 1


def test_after_the_deadline_every_learner_completes_exactly_one_trial(tmp_path: Path) -> None:
    for result in run_search(tmp_path, None, deadline=time.monotonic() - 1).values():
        assert len(result.complete) == 1
        assert len(result.trials) == 1


def test_a_search_ends_when_the_user_asks_to_finish(tmp_path: Path) -> None:
    calls = itertools.count(1)
    results = run_search(tmp_path, 10_000, should_finish=lambda: next(calls) > 40)
    assert sum(len(result.trials) for result in results.values()) < 100


def test_an_error_in_a_fit_ends_the_whole_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("the library gave up")

    monkeypatch.setattr("core.training.learners.xgboost.XGBoostBinned.fit", fail)
    with pytest.raises(ValueError, match=r"^the library gave up$"):
        run_search(tmp_path, 10_000)


# --- resuming ---------------------------------------------------------------------------------------------------------


def finished_trials(folder: Path) -> dict[tuple[str, int], float]:
    """Return (learner, number of the trial) -> loss, from the journal of a search."""
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "search.journal")))
    names = optuna.get_all_study_names(storage)
    return {
        (name, trial.number): trial.value
        for name in names
        for trial in optuna.load_study(study_name=name, storage=storage).get_trials()
        if trial.state == optuna.trial.TrialState.COMPLETE
    }


def test_a_search_with_more_trials_resumes_from_the_stored_ones(tmp_path: Path) -> None:
    first = run_search(tmp_path, 7)
    for name, result in run_search(tmp_path, 9).items():
        assert len(result.trials) == 9
        assert [trial.loss for trial in result.trials[:7]] == [trial.loss for trial in first[name].trials]


def test_stored_trials_are_kept_if_the_system_cannot_read_them_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_search(tmp_path, 1)
    stored = {path.name: path.read_bytes() for path in tmp_path.glob("*.npy")}

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="Too many open files"):
        patched.setattr("core.training.tuning.search_folder.np.load", fail)
        SearchFolder(tmp_path).storage()
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.npy")} == stored != {}


def test_a_killed_run_resumes_and_neither_repeats_nor_loses_a_finished_trial(tmp_path: Path) -> None:
    home, files = tmp_path / "home", tmp_path / "small"
    write_demo(files, sessions=600, seed=5)
    command = [
        *(sys.executable, "-m", "core", "run", "--json", "--trials", "9", "--folds", "3"),
        *("--learners", "lightgbm", "--learners", "xgboost"),
        *("--train", str(files / "train.csv"), "--test", str(files / "test.csv")),
    ]
    environment = os.environ | {"SVS_HOME": str(home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        folder, before = None, {}
        while len(before) < 5:
            assert time.monotonic() < deadline, "no trial finished in time"
            assert process.poll() is None, "the run ended before it was killed"
            time.sleep(0.02)
            folder = next(iter((home / "studies").glob("*/search.journal")), None)
            before = finished_trials(folder.parent) if folder else {}
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = finished_trials(folder.parent)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = load_run(Path(json.loads(done.stdout.splitlines()[-1])["run_dir"]))
    table = run.table(SEARCH_FILE).collect()
    after = {(row["learner"], row["trial"] - 1): row["loss"] for row in table.iter_rows(named=True)}
    assert len(before) >= 5
    assert {key: after.get(key) for key in before} == before
    assert table.group_by("learner").len().get_column("len").to_list() == [9, 9]
    assert table.select(pl.struct("learner", "settings").is_duplicated().any()).item() is False
    assert not list((home / "studies").iterdir()), "the folder of a finished search must be deleted"


def test_the_folder_of_another_running_process_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    folder.mkdir()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = start_time(psutil.Process(other.pid))
        (folder / "owner").write_text(f"{other.pid} {started}")
        SearchFolder.claim(folder).storage()
        assert not (folder / "search.journal").exists()
        assert (tmp_path / f"search-{os.getpid()}" / "owner").is_file()
    finally:
        other.communicate(b"\n")
    SearchFolder.claim(folder).storage()
    assert (folder / "owner").read_text().split()[0] == str(os.getpid())


# --- selection bias ---------------------------------------------------------------------------------------------------


def test_without_tuning_there_is_no_selection_bias() -> None:
    data = simulated()
    folds = make_folds(data.users, 3, seed=0)
    assert selection_bias({}, data.y, folds, MSE, lambda oof: fit_stack(oof, data.y, folds)) == 1.0


def test_the_bias_of_choosing_among_many_equally_good_trials_is_estimated() -> None:
    """The best of 50 predictors that differ by noise alone looks better than it is."""
    draws = np.random.default_rng(0)
    y = draws.gamma(2.0, 20.0, 120)
    predictions = y[:, None] + draws.normal(size=(120, 50)) * 15
    losses = ((predictions - y[:, None]) ** 2).mean(axis=0)
    trials = [TrialResult(number, {"rounds": 1}, float(loss), True, 4, 1.0, {}) for number, loss in enumerate(losses)]
    best = min(trials, key=lambda trial: trial.loss)
    result = SearchResult("lightgbm", best, tuple(trials), {}, lambda trial: predictions[:, trial.number])
    folds = make_folds(np.arange(120), 4, seed=0)
    assert 1.02 < selection_bias({"lightgbm": result}, y, folds, MSE, lambda oof: fit_stack(oof, y, folds)) < 1.5


# --- training with tuned settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["mse", "rmse", "mae", "rmsle"])
def test_a_tuned_training_optimizes_its_metric(metric: str, tmp_path: Path) -> None:
    data = simulated(rows=300)
    prepared = prepare(data, RunConfig(preset="standard", trials=2, metric=metric, folds=3))
    results = tune(prepared, SearchFolder(tmp_path), Budget(2, None))
    training = train(prepared, known_share=0.0, search_results=results)
    assert training.seeds == 2
    assert {fit.learner: fit.settings for fit in training.fits} == {
        name: result.best.settings for name, result in results.items()
    }
    assert all(len(fit.models) == 2 * 3 for fit in training.fits)
    own = metric_named(metric)
    score = own.evaluate(training.stack.oof, data.y)
    assert score < 0.9 * own.evaluate(training.constant, data.y)
    assert training.expected.value == pytest.approx(
        own.score(float(own.losses(training.stack.oof, data.y).mean()) * training.selection_bias), rel=0.2
    )


@pytest.mark.parametrize("kind", ["user_and_value", "forward"])
def test_training_works_with_every_kind_of_folds(kind: str) -> None:
    data = simulated(rows=600, users=120 if kind != "forward" else 1500)
    if kind == "forward":
        starts = np.random.default_rng(0).permutation(600) * 100
        test = np.arange(90) + 70_000
        times = Times(Sessions(data.users, starts, starts + 10), Sessions(np.arange(90) + 10**6, test, test + 10))
        data = dataclasses.replace(data, times=times)
    training: Training = train(prepare(data, RunConfig(folds=3, fold_kind=kind)), known_share=0.0)
    validated = training.folds.validated_mask
    assert np.array_equal(np.isnan(training.stack.oof), ~validated)
    assert validated.all() == (kind != "forward")
    assert np.isfinite(training.test).all()
    assert training.cv_mse < 0.9 * np.var(data.y)
    assert np.isfinite(dataclasses.astuple(training.expected)).all()


@pytest.mark.parametrize("budget", [{"minutes": 5.0}, {"trials": 3}])
def test_the_quick_preset_takes_no_budget(budget: dict[str, object]) -> None:
    with pytest.raises(SettingError) as refused:
        RunConfig.checked(preset="quick", **budget)
    assert str(refused.value) == str(SettingError.nothing_to_tune())


@pytest.mark.parametrize(
    ("settings", "minutes"),
    [
        ({"preset": "quick"}, None),
        ({"preset": "standard"}, 10.0),
        ({"preset": "thorough"}, 60.0),
        ({"preset": "standard", "minutes": 3.0}, 3.0),
        ({"preset": "standard", "trials": 5}, None),
        ({"preset": "standard", "trials": 5, "minutes": 2.0}, 2.0),
    ],
)
def test_the_deadline_comes_from_minutes_or_else_from_the_preset(
    settings: dict[str, object], minutes: float | None
) -> None:
    assert RunConfig.checked(**settings).budget_minutes == minutes


def test_a_search_may_resume_with_other_minutes_but_not_with_another_seed_or_number_of_trials() -> None:
    one = RunConfig(preset="standard", minutes=3)
    assert one.search_digest == RunConfig(preset="thorough", minutes=7).search_digest
    assert one.search_digest != RunConfig(preset="standard", minutes=3, trials=7).search_digest
    assert one.search_digest != RunConfig(preset="standard", seed=8).search_digest


def test_a_monotone_constraint_on_an_unknown_feature_is_refused() -> None:
    with pytest.raises(SettingError) as refused:
        prepare(simulated(), RunConfig(folds=3, rising=("cart",)))
    assert (refused.value.code, refused.value.actual) == ("unknown_feature", "cart")
    assert "Similar features: carts." in str(refused.value)


def test_a_device_that_is_not_there_is_one_sentence() -> None:
    data = simulated(rows=200)
    with pytest.raises(SettingError, match=r"^The device gpu cannot be used here \(.+\)\. Leave the setting out"):
        train(prepare(data, RunConfig(folds=2, device="gpu")), known_share=0.0)
