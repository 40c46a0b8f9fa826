"""The search of settings: what is tried, what is kept, when it ends, and that a killed one goes on where it was.

A process is really killed; out-of-fold predictions of a trial are made again by hand.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import polars as pl
import psutil
import pytest
from optuna.storages.journal import JournalFileBackend

from core.base.processes import start_time
from core.base.workspace import DEMO_FOLDER
from core.config import RunConfig
from core.errors import SettingError
from core.features.learned.user_values import Sessions
from core.metric import metric_named
from core.runs import load_run
from core.runs.store import SEARCH_FILE
from core.training import LEARNERS, Training, prepare, train, tune
from core.training.choice import choice_factor
from core.training.cross_fitting import FoldMatrices
from core.training.folds import make_folds
from core.training.learned_columns import Times
from core.training.learners import FitContext
from core.training.tuning import Budget, Searched, SearchFolder, TriedSettings, search
from core.training.tuning.groups import Groups, plainly_worse
from core.training.tuning.learner_search import LearnerSearch
from tests.test_training import NAMES, simulated

CONTEXT = FitContext(NAMES, threads=2, seed=7)
MSE = metric_named("mse")


def searched(folder: Path, trials: int | None = 8, *, rows: int = 300, **budget: object) -> dict[str, Searched]:
    data = simulated(rows=rows)
    matrices = FoldMatrices(data.X, data.y, data.X_test, make_folds(data.users, 3, seed=7))
    return search(
        LEARNERS,
        matrices,
        context=CONTEXT,
        metric=MSE,
        budget=Budget(trials, **{"ends": None} | budget),
        records=SearchFolder(folder),
        seeds=1,
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Searched]:
    return searched(tmp_path_factory.mktemp("search"))


def test_every_learner_tries_as_many_settings_as_it_was_told_to(found: dict[str, Searched]) -> None:
    assert list(found) == [learner.name for learner in LEARNERS]
    for each in found.values():
        assert [tried.number for tried in each.tried] == list(range(8))


def test_what_is_known_to_be_good_comes_first_then_the_defaults_on_every_target(
    found: dict[str, Searched],
) -> None:
    targets = ["squared/none", "tweedie/none", "huber/none", "gamma/none", "squared/log1p"]
    for learner in LEARNERS:
        tried = found[learner.name].tried
        known = learner.known()
        expected = [*("tweedie/none" for _ in known), "squared/sqrt"]
        expected += [target for target in targets if target.split("/")[0] in learner.objectives]
        assert [each.params["target"] for each in tried[: len(expected)]] == expected[: len(tried)]
        for params, told in zip((each.params for each in tried), (*known, learner.defaults()), strict=False):
            assert set(params) <= {"target", *told}, "what is not told is drawn at random"
            assert {name: params[name] for name in told if name in params} == {
                name: value for name, value in told.items() if name in params
            }


def test_what_is_known_to_be_good_lies_in_the_space_that_is_searched(found: dict[str, Searched]) -> None:
    for learner in LEARNERS:
        for place, known in enumerate(learner.known()):
            asked = found[learner.name].tried[place].params
            assert set(asked) == {"target", *known} - {"objective", "transform"}


def test_the_best_went_through_all_folds_and_has_the_least_loss(found: dict[str, Searched]) -> None:
    data = simulated(rows=300)
    for each in found.values():
        assert each.best in each.complete
        assert each.best.loss == min(tried.loss for tried in each.complete)
        for tried in each.complete:
            assert tried.folds == 3
            assert tried.loss == pytest.approx(np.mean((each.predictions(tried) - data.y) ** 2), rel=1e-5)
        for tried in each.tried:
            if not tried.complete:
                assert tried.folds < 3
                assert tried.loss >= min(other.loss for other in each.complete if other.number < tried.number)


def test_a_given_up_trial_was_plainly_worse(found: dict[str, Searched]) -> None:
    given_up = [tried for each in found.values() for tried in each.tried if not tried.complete]
    assert given_up, "nothing was given up: the test says nothing"


def test_the_same_search_finds_the_same(found: dict[str, Searched], tmp_path: Path) -> None:
    for name, again in searched(tmp_path / "again").items():
        assert [each.loss for each in again.tried] == [each.loss for each in found[name].tried]
        assert [each.params for each in again.tried] == [each.params for each in found[name].tried]


def test_values_of_a_fold_do_not_reach_its_predictions_not_even_through_early_stopping(tmp_path: Path) -> None:
    data = simulated(rows=300)
    folds = make_folds(data.users, 3, seed=7)
    mine = folds.fold_of == 1
    oof = []
    for place, y in enumerate((data.y, np.where(mine, 900 - data.y, data.y))):
        matrices = FoldMatrices(data.X, y, data.X_test, folds)
        told = search(
            LEARNERS,
            matrices,
            context=CONTEXT,
            metric=MSE,
            budget=Budget(1, None),
            records=SearchFolder(tmp_path / str(place)),
            seeds=1,
        )
        oof.append({name: each.predictions(each.tried[0]) for name, each in told.items()})
    for name in oof[0]:
        assert np.array_equal(oof[0][name][mine], oof[1][name][mine])
        assert not np.array_equal(oof[0][name][~mine], oof[1][name][~mine])


@pytest.mark.parametrize("users", [8, 12, 40])
def test_users_held_out_are_always_some_and_never_all(users: int) -> None:
    data = dataclasses.replace(simulated(rows=120), users=np.arange(120) % users)
    folds = make_folds(data.users, 2, seed=7)
    matrices = FoldMatrices(data.X, data.y, data.X_test, folds)
    groups = Groups.of(matrices, seed=7)
    for learned, _ in folds.splits():
        held = groups.held(learned)
        assert len(set(data.users[learned][held])) == max(len(set(data.users[learned])) // 8, 1)
        assert not set(data.users[learned][held]) & set(data.users[learned][~held])


def test_what_was_chosen_from_stands_in_the_result(found: dict[str, Searched]) -> None:
    for each in found.values():
        assert set(each.space) == {name for tried in each.tried for name in tried.params}
        assert "squared/sqrt" in each.space["target"]["choices"]
        for tried in each.tried:
            for name, value in tried.params.items():
                if name != "target":
                    assert each.space[name]["low"] <= value <= each.space[name]["high"]


@pytest.mark.parametrize("buyers", [0, 1], ids=["nobody buys", "one user buys"])
def test_where_a_fit_learns_from_no_value_no_logarithm_is_tried(buyers: int, tmp_path: Path) -> None:
    data = simulated(rows=300)
    y = np.where(data.users < buyers, data.y, 0.0)
    matrices = FoldMatrices(data.X, y, data.X_test, make_folds(data.users, 3, seed=7))
    budget, records = Budget(4, None), SearchFolder(tmp_path)
    told = search(LEARNERS, matrices, context=CONTEXT, metric=MSE, budget=budget, records=records, seeds=1)
    for each in told.values():
        assert len(each.tried) == 4
        assert {tried.settings["objective"] for tried in each.tried} <= {"squared", "huber"}


def test_a_trial_is_given_up_when_it_is_worse_everywhere_however_easy_the_fold() -> None:
    assert plainly_worse([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.4])
    assert not plainly_worse([0.1, 0.2, 0.1]), "too few parts to tell"
    assert not plainly_worse([0.1, -0.2, 0.1, -0.3, 0.2, -0.1, 0.2, 0.1])
    assert not plainly_worse([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -5.0]), "worse by ranks, better on the mean"


def test_a_trial_that_is_worse_by_a_tenth_ends_after_its_first_fold(tmp_path: Path) -> None:
    data = simulated(rows=600)
    easy = np.where(make_folds(data.users, 3, seed=7).fold_of == 1, 0.1, 1.0)  # the second trial begins with this fold
    matrices = FoldMatrices(data.X, data.y * easy, data.X_test, make_folds(data.users, 3, seed=7))
    records = SearchFolder(tmp_path)
    one = LearnerSearch(LEARNERS[0], matrices, context=CONTEXT, metric=MSE, records=records, storage=records.storage())
    one.step()
    fit = one._fit

    def worse(fold, settings):
        rows, _, rounds = fit(fold, settings)
        off = np.sqrt(1.1 * MSE.losses(one.predictions(one.best)[rows], matrices.y[rows]))
        return rows, matrices.y[rows] + off, rounds

    one._fit = worse
    given_up = one.step()
    assert (given_up.complete, given_up.folds) == (False, 1)
    assert given_up.loss == pytest.approx(1.1 * one.best.loss)


def test_the_share_of_the_budget_never_passes_the_whole(tmp_path: Path) -> None:
    data, shares = simulated(rows=300), []
    search(
        LEARNERS,
        FoldMatrices(data.X, data.y, data.X_test, make_folds(data.users, 3, seed=7)),
        context=CONTEXT,
        metric=MSE,
        budget=Budget(None, time.monotonic() + 4),
        records=SearchFolder(tmp_path),
        seeds=3,
        report=lambda share, text: shares.append(share),
    )
    assert shares
    assert 0 <= min(shares) <= max(shares) <= 1


def test_when_the_time_is_up_every_learner_has_tried_its_first_settings_and_no_more(tmp_path: Path) -> None:
    for each in searched(tmp_path, None, ends=time.monotonic() - 1).values():
        assert len(each.complete) == 1
        assert len(each.tried) == 1


def test_a_person_may_say_that_it_is_enough(tmp_path: Path) -> None:
    asked = 0

    def finish() -> bool:
        nonlocal asked
        asked += 1
        return asked > 40

    told = searched(tmp_path, 10_000, finish=finish)
    assert sum(len(each.tried) for each in told.values()) < 100


def test_what_goes_wrong_in_a_fit_comes_out_and_ends_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("the library gave up")

    monkeypatch.setattr("core.training.learners.xgboost.XGBoostBinned.fit", broken)
    with pytest.raises(ValueError, match=r"^the library gave up$"):
        searched(tmp_path, 10_000)


# --- going on ---------------------------------------------------------------------------------------------------------


def finished_trials(folder: Path) -> dict[tuple[str, int], float]:
    """The finished trials of a search's journal, by learner and number, with their losses."""
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "search.journal")))
    names = optuna.get_all_study_names(storage)
    return {
        (name, trial.number): trial.value
        for name in names
        for trial in optuna.load_study(study_name=name, storage=storage).get_trials()
        if trial.state == optuna.trial.TrialState.COMPLETE
    }


def test_more_trials_go_on_with_those_there_are(tmp_path: Path) -> None:
    first = searched(tmp_path, 7)
    more = searched(tmp_path, 9)
    for name, each in more.items():
        assert len(each.tried) == 9
        assert [tried.loss for tried in each.tried[:7]] == [tried.loss for tried in first[name].tried]


def test_a_killed_run_goes_on_without_repeating_or_losing_a_finished_trial(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [
        *(sys.executable, "-m", "core", "run", "--json", "--trials", "9", "--folds", "3"),
        *("--train", str(DEMO_FOLDER / "train.csv"), "--test", str(DEMO_FOLDER / "test.csv")),
    ]
    environment = os.environ | {"SVS_HOME": str(home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        folder, before = None, {}
        while len(before) < 8:
            assert time.monotonic() < deadline, "no trial finished in time"
            assert process.poll() is None, "the run ended before it was killed"
            time.sleep(0.1)
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
    assert len(before) >= 8
    assert {key: after.get(key) for key in before} == before
    assert table.group_by("learner").len().get_column("len").to_list() == [9, 9, 9]
    assert table.select(pl.struct("learner", "settings").is_duplicated().any()).item() is False
    assert not list((home / "studies").iterdir()), "the search is over, its folder must be gone"


def test_a_folder_that_another_living_process_searches_in_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    folder.mkdir()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = start_time(psutil.Process(other.pid))
        (folder / "owner").write_text(f"{other.pid} {started}")
        SearchFolder.claimed(folder).storage()
        assert not (folder / "search.journal").exists()
        assert (tmp_path / f"search-{os.getpid()}" / "owner").is_file()
    finally:
        other.communicate(b"\n")
    SearchFolder.claimed(folder).storage()
    assert (folder / "owner").read_text().split()[0] == str(os.getpid())


# --- what choosing flatters -------------------------------------------------------------------------------------------


def test_nothing_chosen_is_nothing_flattered() -> None:
    data = simulated()
    assert choice_factor({}, data.y, make_folds(data.users, 3, seed=0), MSE) == 1.0


def test_choosing_among_many_equal_trials_is_seen_through() -> None:
    """Fifty predictors that differ by noise alone: the best of them looks better than any is."""
    draws = np.random.default_rng(0)
    y = draws.gamma(2.0, 20.0, 120)
    folds = make_folds(np.arange(120), 4, seed=0)
    trials = y[:, None] + draws.normal(size=(120, 50)) * 15
    tried = [
        TriedSettings(number, {"rounds": 1}, float(np.mean((trials[:, number] - y) ** 2)), True, 4, 1.0, {})
        for number in range(50)
    ]
    best = min(tried, key=lambda each: each.loss)
    one = Searched("lightgbm", best, tuple(tried), {}, lambda each: trials[:, each.number])
    assert 1.02 < choice_factor({"lightgbm": one}, y, folds, MSE) < 1.5


# --- a whole training -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["mse", "rmse", "mae", "rmsle"])
def test_a_tuned_training_follows_its_metric(metric: str, tmp_path: Path) -> None:
    data = simulated(rows=300)
    prepared = prepare(data, RunConfig(preset="standard", trials=2, metric=metric, folds=3))
    told = tune(prepared, SearchFolder(tmp_path), Budget(2, None))
    training = train(prepared, known_share=0.0, searched=told)
    assert training.seeds == 2
    assert {fit.learner: fit.settings for fit in training.fits} == {
        name: each.best.settings for name, each in told.items()
    }
    assert all(len(fit.models) == 2 * 3 for fit in training.fits)
    own = metric_named(metric)
    score = own.of(training.stack.oof, data.y)
    assert score < 0.9 * own.of(training.constant, data.y)
    assert training.expected.value == pytest.approx(
        own.score(float(own.losses(training.stack.oof, data.y).mean()) * training.choice), rel=0.2
    )


@pytest.mark.parametrize("kind", ["user_and_value", "forward"])
def test_a_training_on_other_folds(kind: str) -> None:
    data = simulated(rows=600, users=120 if kind != "forward" else 1500)
    if kind == "forward":
        starts = np.random.default_rng(0).permutation(600) * 100
        test = np.arange(90) + 70_000
        times = Times(Sessions(data.users, starts, starts + 10), Sessions(np.arange(90) + 10**6, test, test + 10))
        data = dataclasses.replace(data, times=times)
    training: Training = train(prepare(data, RunConfig(folds=3, fold_kind=kind)), known_share=0.0)
    told = training.folds.validated
    assert np.array_equal(np.isnan(training.stack.oof), ~told)
    assert told.all() == (kind != "forward")
    assert np.isfinite(training.test).all()
    assert training.cv_mse < 0.9 * np.var(data.y)
    assert np.isfinite(dataclasses.astuple(training.expected)).all()


@pytest.mark.parametrize("budget", [{"minutes": 5.0}, {"trials": 3}])
def test_the_quick_preset_takes_no_budget(budget: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=r"^The preset quick does not tune, so it takes neither minutes nor trials"):
        RunConfig.checked(preset="quick", **budget)


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
def test_minutes_given(settings: dict[str, object], minutes: float | None) -> None:
    assert RunConfig.checked(**settings).minutes_given == minutes


def test_a_search_with_more_minutes_is_the_same_search_with_another_seed_or_number_of_trials_it_is_not() -> None:
    one = RunConfig(preset="standard", minutes=3)
    assert one.search_digest == RunConfig(preset="thorough", minutes=7).search_digest
    assert one.search_digest != RunConfig(preset="standard", minutes=3, trials=7).search_digest
    assert one.search_digest != RunConfig(preset="standard", seed=8).search_digest


def test_a_rising_feature_that_does_not_exist_is_one_sentence() -> None:
    with pytest.raises(SettingError) as refused:
        prepare(simulated(), RunConfig(folds=3, rising=("cart",)))
    assert (refused.value.code, refused.value.found) == ("unknown_feature", "cart")
    assert "Features are, for example, carts." in str(refused.value)


def test_a_device_that_is_not_there_is_one_sentence() -> None:
    data = simulated(rows=200)
    with pytest.raises(SettingError, match=r"^The device gpu cannot be used here \(.+\)\. Leave the setting out"):
        train(prepare(data, RunConfig(folds=2, device="gpu")), known_share=0.0)
