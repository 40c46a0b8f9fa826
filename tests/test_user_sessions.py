"""All sessions of a user, against loops over the events and the tables of the run."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import pytest

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import RunError
from core.pipeline.user_sessions import user_sessions
from core.runs import Run
from core.runs.store import OOF_FILE, PREDICTIONS_FILE
from core.schema import ROLES, SESSION, STACK, UNIT, USER, USER_SESSION, VALUE
from pages._ui import run_cache
from tests.test_pages import open_explore

Home = tuple[Workspace, Run]


def dataset_of(home: Home) -> Dataset:
    workspace, run = home
    return Dataset(workspace.datasets / run.manifest.dataset)


def predictions_of(run: Run) -> dict[int, float]:
    rows = [
        row
        for name in (OOF_FILE, PREDICTIONS_FILE)
        for row in run.table(name).select(UNIT, STACK).collect().iter_rows()
    ]
    return {unit: value for unit, value in rows if value is not None and not math.isnan(value)}


def test_sessions_events_values_and_predictions_are_those_of_the_files(finished: Home) -> None:
    dataset, (_, run) = dataset_of(finished), finished
    units = dataset.units().collect().to_dicts()
    ids = dict(dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION).collect().iter_rows())
    events = Counter(unit for role in ROLES for unit in dataset.events(role).select(UNIT).collect().to_series())
    predicted, by_user = predictions_of(run), defaultdict(list)
    for unit in units:
        by_user[unit[USER]].append(unit)
    busy = sorted(
        (user for user in by_user if not any(one["composite"] for one in by_user[user])),
        key=lambda user: -len(by_user[user]),
    )
    for user in (*busy[:3], busy[-1]):
        theirs = by_user[user]
        found = user_sessions(dataset, run, ids[theirs[0][SESSION]])
        expected = {
            (ids[one[SESSION]], ROLES[one["role"]]): (events[one[UNIT]], predicted.get(one[UNIT])) for one in theirs
        }
        rows = {(row[USER_SESSION], row["file"]): row for row in found.to_dicts()}
        assert {key: (row["events"], row["predicted"]) for key, row in rows.items()} == expected
        assert [row["start"] for row in found.to_dicts()] == sorted(
            (row["start"] for row in rows.values()), reverse=True
        )
        for one in theirs:
            if ROLES[one["role"]] == "train":
                assert rows[ids[one[SESSION]], "train"]["value"] == one[VALUE]
    assert user_sessions(dataset, None, "no such id").is_empty()


def test_a_session_id_that_other_users_share_is_counted_and_predicted_as_a_whole(finished: Home) -> None:
    dataset, (_, run) = dataset_of(finished), finished
    units = dataset.units().collect().to_dicts()
    ids = dict(dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION).collect().iter_rows())
    events = Counter(unit for role in ROLES for unit in dataset.events(role).select(UNIT).collect().to_series())
    predicted = predictions_of(run)
    own_sessions = {unit[USER]: unit[SESSION] for unit in units if not unit["composite"]}
    shared = next(unit for unit in units if unit["composite"] and unit[USER] in own_sessions)
    parts = [unit for unit in units if (unit["role"], unit[SESSION]) == (shared["role"], shared[SESSION])]
    assert len(parts) > 1
    found = user_sessions(dataset, run, ids[own_sessions[shared[USER]]]).to_dicts()
    (row,) = [row for row in found if (row[USER_SESSION], row["file"]) == (ids[shared[SESSION]], ROLES[shared["role"]])]
    assert (row["events"], row["users"]) == (sum(events[part[UNIT]] for part in parts), 1)
    values = [predicted.get(part[UNIT]) for part in parts]
    assert row["predicted"] == (None if None in values else pytest.approx(sum(filter(None, values))))
    assert row["low_80"] is row["high_80"] is None


def test_the_page_shows_the_prediction_and_links_to_the_users_other_sessions(finished_home: Home) -> None:
    dataset = dataset_of(finished_home)
    counts = dataset.units().collect().group_by(USER).len().sort("len", descending=True)
    unit = dataset.units().collect().filter(composite=False, user=counts.item(0, USER)).row(0, named=True)
    ids = dict(dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION).collect().iter_rows())
    app = open_explore(view="One session", session=ids[unit[SESSION]])
    assert not app.exception
    assert {"Predicted value", "Actual value"} <= {metric.label for metric in app.metric}
    table = next(frame.value for frame in app.dataframe if "Start (UTC)" in frame.value)
    assert table.columns.tolist() == ["Session", "Start (UTC)", "File", "Events", "Actual value", "Predicted value"]
    assert len(table) == counts.item(0, "len") - 1
    assert all("view=One%20session&session=" in link and ids[unit[SESSION]] not in link for link in table["Session"])


@pytest.mark.parametrize(("view", "column"), [("One session", "event_type"), ("Products", "Product")])
def test_the_data_are_shown_when_the_files_of_the_run_are_damaged(
    view: str, column: str, finished_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RunError.damaged_model(finished_home[1].folder, "a file changed")

    for name in ("user_sessions", "recovered_prices"):
        monkeypatch.setattr(run_cache, name, fail)
    ids = dataset_of(finished_home).dictionary(USER_SESSION).select(USER_SESSION)
    app = open_explore(view=view, session=ids.head(1).collect().item())
    assert not app.exception
    assert app.error
    assert any(column in frame.value for frame in app.dataframe)
