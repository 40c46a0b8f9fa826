"""Hyperparameters that a person sets: their texts, their limits, and that fits and searches use them."""

from __future__ import annotations

import optuna
import pytest
from streamlit.testing.v1 import AppTest

from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.errors import SettingError
from core.ingestion import InputFiles
from core.jobs import Jobs
from core.pipeline.preflight import check_settings
from core.pipeline.run import run as run_pipeline
from core.runs import Run
from core.training.learners import LEARNERS
from core.training.learners.hyperparameters import hyperparameter_rows, with_hyperparameters
from tests.test_pages import open_train

LIGHTGBM, XGBOOST, _, LINEAR = LEARNERS


def test_a_value_fixes_a_hyperparameter_and_a_range_replaces_that_of_the_search() -> None:
    changed = with_hyperparameters(
        LIGHTGBM, ["lightgbm.num_leaves=31", "lightgbm.learning_rate=0.1:0.2", "xgboost.eta=0.5", "lightgbm.rounds=7"]
    )
    assert changed.defaults() == LIGHTGBM.defaults() | {"num_leaves": 31, "learning_rate": 0.1, "rounds": 7}
    trial = optuna.create_study().ask()
    settings = changed.suggest(trial, "squared")
    assert settings["num_leaves"] == 31
    assert "num_leaves" not in trial.params
    assert trial.distributions["learning_rate"] == optuna.distributions.FloatDistribution(0.1, 0.2, log=True)
    (proven,) = changed.proven_settings()
    assert proven["learning_rate"] == 0.1
    assert "num_leaves" not in proven
    assert with_hyperparameters(LINEAR, ["lightgbm.num_leaves=31"]) == LINEAR


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("num_leaves=3", "LEARNER.NAME=VALUE or LEARNER.NAME=LOW:HIGH"),
        ("forest.depth=3", "Learners are catboost, lightgbm, linear and xgboost"),
        ("lightgbm.depth=3", "lightgbm has learning_rate, num_leaves"),
        ("lightgbm.num_leaves=x", "whole numbers from 2 to 384"),
        ("lightgbm.num_leaves=2.5", "whole numbers from 2 to 384"),
        ("lightgbm.num_leaves=1000", "whole numbers from 2 to 384"),
        ("lightgbm.feature_fraction=1.5", "numbers from 0.05 to 1"),
        ("lightgbm.feature_fraction=nan", "numbers from 0.05 to 1"),
        ("lightgbm.num_leaves=30:20", "a range whose first number is lower than the second"),
        ("lightgbm.num_leaves=3:4:5", "whole numbers from 2 to 384"),
        ("lightgbm.rounds=5:10", "whole numbers from 1 to 5000"),
    ],
)
def test_entries_that_cannot_be_used_are_refused_before_the_run(entry: str, allowed: str) -> None:
    with pytest.raises(SettingError) as caught:
        check_settings(RunConfig.checked(hyperparameters=[entry]))
    assert caught.value.code == "setting_not_allowed"
    assert allowed in str(caught.value)


@pytest.mark.parametrize("name", ["num_leaves", "rounds"])
def test_a_hyperparameter_is_set_once(name: str) -> None:
    with pytest.raises(SettingError, match=rf"lightgbm.{name}=41'. Allowed: one entry for lightgbm.{name}"):
        check_settings(RunConfig.checked(hyperparameters=[f"lightgbm.{name}=31", f"lightgbm.{name}=41"]))


def test_a_run_uses_them_and_its_search_stays_in_the_range(small_files: InputFiles, workspace: Workspace) -> None:
    config = RunConfig(
        preset="standard",
        trials=3,
        folds=2,
        learners=("lightgbm",),
        hyperparameters=("lightgbm.num_leaves=9", "lightgbm.lambda_l2=5:6"),
    )
    tuned = run_pipeline(small_files, config, workspace).manifest.tuning
    assert tuned is not None
    learner = tuned.learners["lightgbm"]
    assert learner.settings["num_leaves"] == 9
    assert 5 <= float(learner.settings["lambda_l2"]) <= 6
    assert "num_leaves" not in learner.space
    assert (learner.space["lambda_l2"]["low"], learner.space["lambda_l2"]["high"]) == (5, 6)


def test_the_rows_of_the_form_name_every_tunable_hyperparameter() -> None:
    rows = hyperparameter_rows(LEARNERS)
    assert {row["learner"] for row in rows} == {learner.name for learner in LEARNERS}
    for row in rows:
        assert row["smallest"] <= row["low"] < row["high"] <= row["largest"]
        value = row["default"]
        check_settings(RunConfig(hyperparameters=(f"{row['learner']}.{row['name']}={value}",)))


def start(app: AppTest, workspace: Workspace) -> RunConfig:
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    assert not app.error
    (job,) = Jobs(workspace).all()
    return job.run_config()


@pytest.fixture
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.control._spawn", lambda *_: None)
    monkeypatch.setattr("core.jobs.job.Job.alive", True)


@pytest.mark.usefixtures("_no_worker")
def test_the_form_has_a_field_for_every_setting_and_starts_the_run_with_its_values(
    finished_home: tuple[Workspace, Run],
) -> None:
    app = open_train("Now")
    labels = {
        field.label
        for kind in ("selectbox", "number_input", "toggle", "multiselect", "pills")
        for field in app.get(kind)
    }
    labels |= {group.label for group in app.get("button_group")}
    above = {"preset", "minutes", "trials", "hyperparameters"}
    wanted = {RunConfig.setting(name).title for name in RunConfig.model_fields if name not in above}
    assert wanted <= labels
    app.number_input("kept/setting/half_life").set_value(30.0)
    app.multiselect("kept/setting/rising").set_value(["n_events"])
    app.selectbox("kept/setting/device").set_value("cpu")
    app.selectbox("kept/priority").set_value(0)
    app.segmented_control("kept/hyperparameters-of").set_value("xgboost").run()
    app.number_input("kept/hyperparameter/xgboost.max_depth/value").set_value(4).run()
    assert "Set by hand: xgboost.max\\_depth=4." in "\n".join(element.value for element in app.markdown) or (
        "xgboost.max_depth=4" in "\n".join(element.value for element in app.markdown)
    )
    drawn = [field for kind in ("selectbox", "number_input", "toggle", "multiselect") for field in app.get(kind)]
    assert len(drawn) > 10
    # a value that the page sets again would replace what is being typed while a slow page is drawn
    assert [field.key for field in drawn if field.proto.set_value] == []
    config = start(app, finished_home[0])
    assert (config.half_life, config.rising) == (30.0, ("n_events",))
    assert config.hyperparameters == ("xgboost.max_depth=4",)
    assert Jobs(finished_home[0]).all()[0].nice == 0


@pytest.mark.usefixtures("_no_worker")
def test_the_form_keeps_its_values_while_another_view_is_open_and_offers_ranges_to_searches(
    finished_home: tuple[Workspace, Run],
) -> None:
    app = open_train("Now")
    app.segmented_control("kept/preset").set_value("standard").run()
    app.number_input("kept/setting/trials").set_value(4)
    app.segmented_control("kept/hyperparameters-of").set_value("linear").run()
    app.number_input("kept/hyperparameter/linear.alpha/low").set_value(50.0).run()
    app.segmented_control("view-Train").set_value("Result").run()
    app.segmented_control("view-Train").set_value("Now").run()
    config = start(app, finished_home[0])
    assert (config.preset, config.trials, config.hyperparameters) == ("standard", 4, ("linear.alpha=50:3000",))
    assert Jobs(finished_home[0]).all()[0].nice == 10


def test_the_command_line_passes_hyperparameters_and_priority_on(
    finished_home: tuple[Workspace, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.control._spawn", lambda *_: None)
    monkeypatch.setattr("core.jobs.job.Job.alive", True)
    workspace, run = finished_home
    options = ["--dataset", run.manifest.dataset, "--background", "--nice", "3", "--hyperparameters"]
    assert main(["run", *options, "xgboost.eta=7"]) == 2
    assert "hyperparameters is 'xgboost.eta=7'" in capsys.readouterr().err
    assert main(["run", *options, "xgboost.eta=0.1"]) == 0
    (job,) = Jobs(workspace).all()
    assert (job.nice, job.gives_way) == (3, True)
    assert job.run_config().hyperparameters == ("xgboost.eta=0.1",)
