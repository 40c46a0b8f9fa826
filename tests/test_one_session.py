"""One session explained: its prediction and interval are those of the run, and its reasons add up to it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset, list_datasets
from core.eda.charts import session_line
from core.eda.run_charts import session_waterfall
from core.errors import RunError
from core.importance import Explanation, drivers
from core.importance.waterfall import AVERAGE, OTHERS, PREDICTION, similar_sessions, waterfall
from core.ingestion import InputFiles
from core.model import ChangedEvent, load_model
from core.pipeline.explain import stored_explanation
from core.pipeline.one_session import SessionExplainer
from core.pipeline.run import run as run_pipeline
from core.runs import Run
from core.runs.store import ANSWERS_FILE, OOF_FILE
from core.schema import ROLE, ROLES, SESSION, UNIT, USER_SESSION
from tests.conftest import DEMO
from tests.test_pages import click, open_page, texts

DRIVERS = pl.DataFrame(
    {
        "feature": [f"f{number}" for number in range(9)],
        "label": [f"Driver {number}" for number in range(9)],
        "unit": "events",
        "features": [[f"f{number}"] if number else ["f0", "g"] for number in range(9)],
    }
)
EFFECTS = {f"f{number}": float(number - 4) for number in range(9)} | {"g": 10.0}


@pytest.fixture(scope="module")
def dataset(finished: tuple[Workspace, Run]) -> Dataset:
    (dataset,) = list_datasets(finished[0])
    return dataset


@pytest.fixture(scope="module")
def explainer(finished: tuple[Workspace, Run], dataset: Dataset) -> SessionExplainer:
    return SessionExplainer.of_run(finished[1], dataset)


def test_the_steps_lead_from_the_average_to_the_prediction() -> None:
    steps = waterfall(DRIVERS, EFFECTS, dict.fromkeys(EFFECTS, 1.0), base=50.0)
    labels = steps["label"].to_list()
    assert labels[:2] == [AVERAGE, "Driver 0"]
    assert labels[-2:] == [OTHERS, PREDICTION]
    assert steps.row(1, named=True)["effect"] == -4 + 10
    assert steps["effect"].to_list()[1:8] == [6.0, 4.0, -3.0, 3.0, -2.0, 2.0, -1.0]
    assert steps["end"].to_list()[:-2] == steps["start"].to_list()[1:-1]
    assert steps.item(-1, "end") == 50.0 + sum(EFFECTS.values())
    data = session_waterfall.frame(steps)
    assert data["change"].to_list()[:4] == ["total", "higher", "higher", "lower"]
    assert session_waterfall.finding(data) == (
        "The predicted value is 60.0 value units, compared with 50.0 for an average session. The strongest driver is "
        "“Driver 0”, which makes it 6.00 higher."
    )
    assert session_waterfall.figure(data).to_dict()["mark"]["type"] == "bar"


@pytest.mark.parametrize("place", [3, 700])
def test_a_session_to_predict_has_the_prediction_and_the_interval_of_the_run(
    place: int, explainer: SessionExplainer, finished: tuple[Workspace, Run]
) -> None:
    answers = finished[1].table(ANSWERS_FILE).filter(source="predicted").sort(USER_SESSION).collect()
    answer = answers.row(place, named=True)
    found = explainer.explain(answer[USER_SESSION])
    assert found is not None
    assert not found.out_of_fold
    assert found.value is None
    assert (found.predicted, found.low, found.high) == pytest.approx(
        (answer["session_value"], answer["low_80"], answer["high_80"])
    )
    assert found.steps.item(-1, "end") == pytest.approx(found.predicted)


def test_a_training_session_is_predicted_by_models_that_never_saw_its_user(
    explainer: SessionExplainer, finished: tuple[Workspace, Run], dataset: Dataset
) -> None:
    oof = finished[1].table(OOF_FILE).collect()
    ids = dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION)
    sessions = dataset.units().join(ids, on=SESSION).select(UNIT, USER_SESSION).collect()
    stored = oof.join(sessions, on=UNIT).row(41, named=True)
    found = explainer.explain(stored[USER_SESSION])
    assert found is not None
    assert found.out_of_fold
    assert found.value == stored["value"]
    model = load_model(finished[1])
    (rows,) = model.rows_of(pl.Series(UNIT, [stored[UNIT]]))
    ((_, _, start, _),) = model.fitted.matrices(rows, [stored["fold"]], train=True)
    learners = np.array([[stored[name] for name in model.spec.learners]])
    assert found.predicted == pytest.approx(model.fitted.stack.predict(learners, start)[0])
    assert found.low <= found.predicted <= found.high


@pytest.fixture(scope="module")
def forward(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Dataset]:
    """A run with folds forward in time, in which a session with several users is one session."""
    config = RunConfig.checked(fold_kind="forward", folds=2, learners=("linear",), split_composite_sessions=False)
    workspace = Workspace(tmp_path_factory.mktemp("forward"))
    run = run_pipeline(small_files, config, workspace)
    (dataset,) = list_datasets(workspace)
    return run, dataset


def test_with_folds_forward_in_time_a_session_is_compared_with_others(forward: tuple[Run, Dataset]) -> None:
    run, dataset = forward
    explainer = SessionExplainer.of_run(run, dataset)
    answers = run.table(ANSWERS_FILE).filter(source="predicted").sort(USER_SESSION).collect()
    ids, predicted = (answers.get_column(name)[-5:].to_list() for name in (USER_SESSION, "session_value"))
    found = [explanation for each in ids if (explanation := explainer.explain(each)) is not None]
    assert [each.predicted for each in found] == pytest.approx(predicted)
    averages = [each.steps.item(0, "end") for each in found]
    assert averages == pytest.approx([averages[0]] * 5), "all begin at the same average"
    assert not any(each.out_of_fold for each in found)


def test_a_session_of_several_users_that_is_not_split_is_explained_as_one(forward: tuple[Run, Dataset]) -> None:
    run, dataset = forward
    n_users = pl.col(UNIT).n_unique()
    shared = dataset.units().group_by(SESSION).agg(n_users, pl.col(ROLE).min()).filter(pl.col(UNIT) > 1).collect()
    for session in shared.filter(pl.col(ROLE) == ROLES.index("train"))[SESSION].head(3):
        session_id = dataset.dictionary(USER_SESSION).filter(pl.col(SESSION) == session).collect().item(0, USER_SESSION)
        found = SessionExplainer.of_run(run, dataset).explain(session_id)
        assert found is not None
        assert found.users == 1
        assert found.steps.item(-1, "end") == pytest.approx(found.predicted)


def test_effects_of_an_explained_session_are_the_stored_ones(
    explainer: SessionExplainer, finished: tuple[Workspace, Run], dataset: Dataset
) -> None:
    explanation = stored_explanation(finished[1])
    assert explanation is not None
    unit = explanation.sessions.item(7, UNIT)
    ids = dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION)
    session_id = dataset.units().filter(pl.col(UNIT) == unit).join(ids, on=SESSION).collect().item(0, USER_SESSION)
    found = explainer.explain(session_id)
    assert found is not None
    assert found.predicted == pytest.approx(explanation.sessions.item(7, "predicted"), rel=1e-6)
    ranked = drivers(explanation)
    by_label = {row["label"]: row["features"] for row in ranked.iter_rows(named=True)}
    for step in found.steps.filter(pl.col("kind") == "step", pl.col("label") != OTHERS).iter_rows(named=True):
        stored = sum(explanation.effects.item(7, name) for name in by_label[step["label"]])
        assert step["effect"] == pytest.approx(stored, rel=1e-3, abs=1e-3)
    _check_similar(explanation, ranked, found.similar, unit)


def _check_similar(explanation: Explanation, ranked: pl.DataFrame, similar: pl.DataFrame, unit: int) -> None:
    """The nearest sessions, by a distance in plain Python."""
    rows = explanation.effects.to_dicts()
    place = explanation.sessions[UNIT].to_list().index(unit)
    distances = []
    for number, row in enumerate(rows):
        if number != place:
            parts = [
                sum(row[name] - rows[place][name] for name in features) ** 2
                for features in ranked["features"].to_list()
            ]
            distances.append(sum(parts) ** 0.5)
    assert similar["distance"].to_list() == pytest.approx(sorted(distances)[:5], rel=1e-3)
    effects = {name: float(value) for name, value in rows[place].items()}
    again = similar_sessions(explanation, ranked, effects, unit)
    assert np.allclose(again["distance"], similar["distance"], rtol=1e-3)


def test_an_unknown_session_has_no_explanation(explainer: SessionExplainer) -> None:
    assert explainer.explain("no such session") is None


def test_the_page_explains_the_session_in_its_link(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page("pages/4_Importance.py")
    app.segmented_control[0].set_value("One session").run()
    click(app, "Random session")
    assert not app.exception
    shown = texts(app)
    assert "The predicted value is " in shown
    assert "compared with" in shown
    assert {metric.label for metric in app.metric} == {"Predicted value", "80% interval", "Actual value"}
    app.text_input[0].set_value("no such session").run()
    assert "There is no session no such session in this dataset." in texts(app)


# --- other events -------------------------------------------------------------------------------------------------


def own_events(dataset: Dataset, session_id: str) -> list[ChangedEvent]:
    events = session_line.frame(dataset, session_id).select("second", "event_type", "product_id")
    return [ChangedEvent(*row) for row in events.iter_rows()]


def test_a_session_with_its_own_events_has_its_prediction(explainer: SessionExplainer, dataset: Dataset) -> None:
    before = explainer.explain("SESSION_006149")
    again = explainer.explain("SESSION_006149", own_events(dataset, "SESSION_006149"))
    assert before is not None
    assert again is not None
    assert (again.predicted, again.low, again.high) == (before.predicted, before.low, before.high)
    assert again.steps.equals(before.steps)


def test_other_events_give_the_value_that_a_file_with_them_gets(
    explainer: SessionExplainer, finished: tuple[Workspace, Run], dataset: Dataset
) -> None:
    """The oracle is the whole way of an event file: read, matched with the history, and scored."""
    session = pl.read_csv(DEMO / "test.csv").filter(user_session="SESSION_006149").sort("event_time")
    events = own_events(dataset, "SESSION_006149")
    bought = session.head(1).with_columns(pl.lit("BUY").alias("event_type"))
    found = explainer.explain("SESSION_006149", [*events, ChangedEvent(0, "BUY", session.item(0, "product_id"))])
    scored = load_model(finished[1]).predict(pl.concat([session, bought]))
    assert found is not None
    assert found.predicted == pytest.approx(scored.item(0, "session_value"))
    assert (found.low, found.high) == pytest.approx(scored.select("low_80", "high_80").row(0))
    assert found.predicted > 1.5 * (explainer.explain("SESSION_006149") or found).predicted
    assert found.steps.item(-1, "end") == pytest.approx(found.predicted)


def test_a_product_that_is_not_in_the_log_is_refused(explainer: SessionExplainer) -> None:
    with pytest.raises(RunError, match="No event of the log is on a product nix"):
        explainer.explain("SESSION_006149", [ChangedEvent(0, "BUY", "nix")])
