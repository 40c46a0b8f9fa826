"""The charts: their data counted again in plain Python, their sentence, and what is drawn from them.

Every dataset is written as two small CSV files and read by the real ingestion.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re
import statistics
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.eda.charts import event_mix, target, time_of_day
from core.eda.parts import theme
from core.eda.parts.sentences import NO_EVENTS, NO_VALUES
from core.eda.parts.session_table import session_table
from core.eda.run_charts import importance, learner_scores
from core.ingestion import InputFiles, ingest
from core.schema import EVENT_TYPES, LEARNER_LABELS

MOST_MARKS = 5_000
"""What Altair sends to a browser without complaint, and a laptop draws at once."""

THEME_COLOURS = {
    theme.ACCENT,
    theme.MUTED,
    *theme.EVENT_COLOURS.values(),
    *theme.LEARNER_COLOURS.values(),
    *theme.FILE_COLOURS.values(),
}


# --- datasets ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of an event file; `value` is left out in test."""

    session: str
    value: float = 10.0
    type: str = "VIEW"
    time: str = "2024-03-05 14:20:00+00:00"
    user: str = "U1"
    product: str = "P1"
    category: str = "C1"

    @property
    def hour(self) -> int:
        return datetime.fromisoformat(self.time).astimezone(UTC).hour


@dataclasses.dataclass(frozen=True)
class World:
    """Two event files as rows."""

    train: list[Row]
    test: list[Row]

    def rows(self, file: str) -> list[Row]:
        return self.train if file == "train" else self.test

    def values(self) -> list[float]:
        """The value of every train session, smallest first."""
        return sorted({row.session: row.value for row in self.train}.values())

    def ingested(self, folder: Path) -> Dataset:
        head = "event_time,event_type,product_id,category_id,user_id,user_session"
        paths = {}
        for file, rows in (("train", self.train), ("test", self.test)):
            lines = [f"{row.time},{row.type},{row.product},{row.category},{row.user},{row.session}" for row in rows]
            if file == "train":
                lines = [f"{line},{row.value!r}" for line, row in zip(lines, rows, strict=True)]
            header = f"{head},session_value" if file == "train" else head
            paths[file] = folder / f"{file}.csv"
            paths[file].write_text("\n".join([header, *lines]) + "\n")
        return ingest(InputFiles(paths["train"], paths["test"]), Workspace(folder / "workspace"))


def mixed() -> World:
    """Sessions of a few users over three days, of all event types, with values from 0 to thousands."""
    draws = np.random.default_rng(0)
    start = datetime(2024, 3, 4, tzinfo=UTC)

    def rows(file: str, sessions: int) -> Iterator[Row]:
        for number in range(sessions):
            began = start + timedelta(minutes=int(draws.integers(0, 3 * 24 * 60)))
            value = 0.0 if number % 9 == 0 else round(float(draws.lognormal(3, 1.5)), 2)
            for event in range(int(draws.integers(1, 8))):
                time = (began + timedelta(minutes=event)).strftime("%Y-%m-%d %H:%M:%S+00:00")
                kind = str(draws.choice(EVENT_TYPES, p=[0.6, 0.2, 0.05, 0.15]))
                yield Row(f"{file}{number}", value, kind, time, f"U{number % 17}", f"P{draws.integers(0, 9)}")

    return World(list(rows("A", 120)), list(rows("B", 80)))


ONE_ROW = World([Row("A", 12.5)], [Row("B", type="BUY", time="2024-03-05T23:59:59Z")])
WORLDS = {
    "mixed": mixed(),
    "one row": ONE_ROW,
    "one user": World([Row(f"A{n}", n, "BUY" if n % 3 else "VIEW") for n in range(1, 30)], [Row("B"), Row("C")]),
    "all values equal": World([Row(f"A{n}", 4.25, user=f"U{n}") for n in range(20)], [Row("B")]),
    "all values 0": World([Row(f"A{n}", 0.0, user=f"U{n}") for n in range(20)], [Row("B")]),
    "some values 0": World([Row(f"A{n}", max(0.0, n - 5.0), user=f"U{n}") for n in range(20)], [Row("B")]),
    "no purchase": World(
        [Row(f"A{n}", 3.0 + n, EVENT_TYPES[n % 3], f"2024-03-05 {n % 24:02d}:00:00") for n in range(50)], [Row("B")]
    ),
    "shared session id": World(
        [Row("A", 8.0, "BUY", user="U1"), Row("A", 8.0, user="U2"), Row("A", 8.0, "BUY", user="U3"), Row("B", 2.0)],
        [Row("C", user="U1"), Row("C", type="BUY", user="U2")],
    ),
}
each_world = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())


def without_events(dataset: Dataset, folder: Path) -> Dataset:
    """The dataset with all of its rows taken away: what no file gives, but a chart must not break on."""
    folder.mkdir()
    for name in ("train.parquet", "test.parquet", "units.parquet"):
        pl.read_parquet(dataset.folder / name).clear().write_parquet(folder / name)
    return Dataset(folder)


@pytest.fixture
def empty(tmp_path: Path) -> Dataset:
    return without_events(ONE_ROW.ingested(tmp_path), tmp_path / "empty")


# --- what holds for every chart ---------------------------------------------------------------------------------------


def within(spec: Any) -> Iterator[dict[str, Any]]:
    """Every object of a chart's specification, its data left out."""
    if isinstance(spec, dict):
        yield spec
        for key, part in spec.items():
            if key not in ("datasets", "data"):
                yield from within(part)
    elif isinstance(spec, list):
        for part in spec:
            yield from within(part)


def axis_titles(spec: dict[str, Any]) -> dict[str, str | None]:
    """The titles of the quantitative axes, by channel."""
    found = {}
    for part in within(spec):
        for channel in ("x", "y"):
            encoding = part.get("encoding", {}).get(channel, {})
            if encoding.get("type") == "quantitative":
                found[channel] = encoding.get("title")
    return found


def assert_well_drawn(figure: Any, rows: int, sentence: str, titles: dict[str, str]) -> None:
    """The figure says what it shows to a screen reader, has units, few marks, and no colour but the theme's."""
    spec = figure.to_dict()
    assert spec["description"].endswith(sentence)
    assert axis_titles(spec) == titles
    assert {len(data) for data in spec["datasets"].values()} == {rows}
    assert rows * max(1, len(spec.get("layer", []))) <= MOST_MARKS
    colours = {colour for part in within(spec) for value in part.values() for colour in colours_in(value)}
    assert colours <= THEME_COLOURS, f"not of the theme: {colours - THEME_COLOURS}"
    assert colours


def colours_in(value: object) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    return [text for text in texts if isinstance(text, str) and re.fullmatch(r"#[0-9A-Fa-f]{3,8}", text)]


def assert_one_sentence(text: str) -> None:
    assert text.endswith(".")
    assert not re.search(r"[.!?]\s", text), text
    assert not re.search(r"\b(nan|None|inf)\b", text), text


# --- how much are sessions worth? -------------------------------------------------------------------------------------

TARGET_TITLES = {"x": "session value (value units, log scale)", "y": "sessions"}


@each_world
def test_the_histogram_counts_every_session_of_train_once(world: World, tmp_path: Path) -> None:
    data = target.frame(world.ingested(tmp_path))
    assert_histogram(data, world.values())
    assert_one_sentence(target.finding(data))
    assert_well_drawn(target.figure(data), data.height, target.finding(data), TARGET_TITLES)


def assert_histogram(data: pl.DataFrame, values: list[float]) -> None:
    assert data.columns == ["low", "high", "sessions", "median", "top_share"]
    lows, highs = data.get_column("low").to_list(), data.get_column("high").to_list()
    positive = [value for value in values if value > 0]
    assert highs[:-1] == lows[1:]
    assert all(low < high for low, high in zip(lows, highs, strict=True))
    if positive:
        assert lows[0] == min(positive)
        assert highs[-1] == max(*positive, 1.01 * min(positive))
    ratios = [high / low for low, high in zip(lows, highs, strict=True)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    counts = [0] * len(lows)
    for value in values:
        place = max((place for place, low in enumerate(lows) if low <= value), default=0)
        counts[place] += 1
    assert data.get_column("sessions").to_list() == counts
    assert data.get_column("median").unique().to_list() == pytest.approx([statistics.median(values)])
    most = sorted(values)[-max(1, len(values) // 100) :]
    share = math.fsum(most) / math.fsum(values) if any(values) else 0.0
    assert data.get_column("top_share").unique().to_list() == pytest.approx([share])


def dataset_of_values(values: list[float], folder: Path) -> Dataset:
    """Straight to the stored form: a unit a value."""
    pl.DataFrame({"role": 0, "session": range(len(values)), "value": values}, strict=False).write_parquet(
        folder / "units.parquet"
    )
    return Dataset(folder)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.just(0.0) | st.floats(1e-6, 1e9), min_size=1, max_size=250))
@example([0.3, 0.1 + 0.2])  # sums of prices differ by rounding errors
@example([7.1, 7.100000000000001, 7.100000000000003])
def test_the_histogram_holds_for_any_values(values: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = target.frame(dataset_of_values(values, Path(folder)))
    assert_histogram(data, values)
    assert_one_sentence(target.finding(data))


def test_the_finding_states_the_median_and_the_share_of_the_top_percent(snapshot: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = target.frame(dataset_of_values([1.0] * 100 + [2.0] * 97 + [300.0] * 2 + [103.0], Path(folder)))
    assert data.get_column("sessions").sum() == 200
    assert data.item(0, "median") == 1.5
    # the top 1% of 200 sessions are the two of 300; all are worth 100 + 194 + 600 + 103
    assert data.item(0, "top_share") == pytest.approx(600 / 997)
    assert target.finding(data) == snapshot


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        ([1.0] * 49 + [51.0], "the top session holds 51.0%"),
        ([1.0] * 197 + [101.5] * 2, "the top session holds 25.4%"),
        ([1.0] * 298 + [100.0] * 2, "the top 1% hold"),
        ([1.0] * 297 + [100.0] * 2, "the top 2 sessions hold 40.2%"),
        ([1.0], "the top session holds 100.0%"),
    ],
)
def test_a_top_that_is_not_one_percent_is_stated_as_a_count(values: list[float], phrase: str, tmp_path: Path) -> None:
    assert phrase in target.finding(target.frame(dataset_of_values(values, tmp_path)))


def test_a_dataset_without_values_has_no_histogram_and_says_so(empty: Dataset) -> None:
    data = target.frame(empty)
    assert data.is_empty()
    assert target.finding(data) == NO_VALUES
    assert target.figure(data).to_dict()["description"].endswith(NO_VALUES)


# --- what do people do in a session? ----------------------------------------------------------------------------------

MIX_TITLES = {"y": "share of the file's events"}


@each_world
def test_the_event_mix_counts_types_and_buying_sessions(world: World, tmp_path: Path) -> None:
    data = event_mix.frame(session_table(world.ingested(tmp_path)))
    expected = []
    for file in ("train", "test"):
        rows = world.rows(file)
        counts = collections.Counter(row.type for row in rows)
        buying = {row.session for row in rows if row.type == "BUY"}
        share_buying = len(buying) / len({row.session for row in rows})
        expected += [(file, kind, counts[kind], counts[kind] / len(rows), share_buying) for kind in EVENT_TYPES]
    assert data.columns == ["file", "event_type", "events", "share", "buying"]
    assert data.rows() == [pytest.approx(row) for row in expected]
    assert_one_sentence(event_mix.finding(data))
    assert_well_drawn(event_mix.figure(data), 8, event_mix.finding(data), MIX_TITLES)


def test_the_finding_states_the_most_frequent_event_type_and_the_sessions_with_a_purchase(
    tmp_path: Path, snapshot: Any
) -> None:
    train = [Row("A"), Row("A", type="ADD_CART"), Row("A", type="ADD_CART"), Row("B", type="BUY"), Row("C"), Row("D")]
    train += [Row("E", type="ADD_CART"), Row("E", type="ADD_CART")]
    data = event_mix.frame(session_table(World(train, [Row("F"), Row("G", type="BUY")]).ingested(tmp_path)))
    assert data.filter(pl.col("event_type") == "ADD_CART").get_column("share").to_list() == [0.5, 0.0]
    assert event_mix.finding(data) == snapshot


def test_a_session_of_several_users_buys_once(tmp_path: Path) -> None:
    data = event_mix.frame(session_table(WORLDS["shared session id"].ingested(tmp_path)))
    assert data.select("file", "buying").unique(maintain_order=True).rows() == [("train", 0.5), ("test", 1.0)]


def test_without_purchases_the_share_of_buying_sessions_is_0(tmp_path: Path) -> None:
    data = event_mix.frame(session_table(WORLDS["no purchase"].ingested(tmp_path)))
    assert data.get_column("buying").unique().to_list() == [0.0]
    assert "0.0% of the train sessions and 0.0% of the test sessions" in event_mix.finding(data)


# --- when is the shop busy? -------------------------------------------------------------------------------------------

HOUR_TITLES = {"x": "hour of the day (UTC)", "y": "share of the file's events"}


@each_world
def test_hours_are_counted_in_utc_for_each_file(world: World, tmp_path: Path) -> None:
    data = time_of_day.frame(world.ingested(tmp_path))
    expected = []
    for file in ("train", "test"):
        rows = world.rows(file)
        for hour in range(24):
            within_hour = [row for row in rows if row.hour == hour]
            buys = sum(row.type == "BUY" for row in within_hour)
            buy_share = buys / len(within_hour) if within_hour else None
            expected.append((file, hour, len(within_hour), len(within_hour) / len(rows), buy_share))
    assert data.columns == ["file", "hour", "events", "share", "buy_share"]
    assert data.rows() == [pytest.approx(row) for row in expected]
    assert_one_sentence(time_of_day.finding(data))
    assert_well_drawn(time_of_day.figure(data), 48, time_of_day.finding(data), HOUR_TITLES)


def test_times_of_other_zones_are_moved_to_utc(tmp_path: Path) -> None:
    train = [Row("A", time="2024-03-05T01:30:00+02:00"), Row("B", time="2024-03-05 23:10:00 UTC")]
    data = time_of_day.frame(World(train, [Row("C")]).ingested(tmp_path))
    assert data.filter((pl.col("file") == "train") & (pl.col("events") > 0)).get_column("hour").to_list() == [23]


def test_the_finding_names_the_busiest_and_the_quietest_hour(tmp_path: Path, snapshot: Any) -> None:
    hours = [hour for hour in range(24) for _ in range(2)] + [9] * 3
    hours.remove(4)
    train = [Row(f"A{n}", time=f"2024-03-05 {hour:02d}:00:00") for n, hour in enumerate(hours)]
    data = time_of_day.frame(World(train, [Row("B")]).ingested(tmp_path))
    shares = dict(data.filter(pl.col("file") == "train").select("hour", "share").iter_rows())
    assert (shares[9], shares[4]) == (pytest.approx(0.1), pytest.approx(0.02))
    assert time_of_day.finding(data) == snapshot


@pytest.mark.parametrize("chart", [event_mix, time_of_day], ids=["event_mix", "time_of_day"])
def test_without_events_every_share_is_0_and_the_sentence_says_so(chart: Any, empty: Dataset) -> None:
    data = chart.frame(session_table(empty) if chart is event_mix else empty)
    assert data.get_column("events").to_list() == [0] * data.height
    assert data.get_column("share").to_list() == [0.0] * data.height
    assert chart.finding(data) == NO_EVENTS
    chart.figure(data).to_dict()


# --- how well do the learners predict? --------------------------------------------------------------------------------

SCORE_TITLES = {"x": "out-of-fold MSE (squared value units)"}
SCORES = {"lightgbm": 130.0, "xgboost": 120.5, "catboost": 125.0}


def test_scores_are_compared_with_guessing_a_constant(snapshot: Any) -> None:
    data = learner_scores.frame(SCORES, 118.25, 200.0)
    assert data.columns == ["name", "label", "score", "skill", "score_text"]
    assert data.rows() == [
        ("baseline", "Baseline", 200.0, 0.0, "200"),
        ("lightgbm", "LightGBM", 130.0, pytest.approx(0.35), "130"),
        ("xgboost", "XGBoost", 120.5, pytest.approx(0.3975), "120"),
        ("catboost", "CatBoost", 125.0, pytest.approx(0.375), "125"),
        ("stack", "Stack", 118.25, pytest.approx(0.40875), "118"),
    ]
    assert learner_scores.finding(data) == snapshot
    assert_well_drawn(learner_scores.figure(data), 5, learner_scores.finding(data), SCORE_TITLES)


def test_recovered_prices_are_listed_between_the_constant_and_the_learners() -> None:
    data = learner_scores.frame(SCORES, 118.25, 200.0, prices=150.0)
    assert data.get_column("label").to_list()[:2] == ["Baseline", "Estimated prices alone"]
    assert data.get_column("skill").to_list()[1] == pytest.approx(0.25)
    assert learner_scores.finding(data) == learner_scores.finding(learner_scores.frame(SCORES, 118.25, 200.0))
    assert_well_drawn(learner_scores.figure(data), 6, learner_scores.finding(data), SCORE_TITLES)


def test_the_finding_says_if_the_stack_is_worse_than_a_constant() -> None:
    sentence = learner_scores.finding(learner_scores.frame(SCORES, 210.0, 200.0))
    assert "210, 5.0% higher than the baseline" in sentence


@pytest.mark.parametrize("mse", [0.0, 1e-20, 1e12])
def test_scores_of_equal_values_are_drawn_too(mse: float) -> None:
    data = learner_scores.frame(dict.fromkeys(SCORES, mse), mse, 0.0)
    assert data.get_column("skill").to_list() == [0.0] * 5
    assert_one_sentence(learner_scores.finding(data))
    assert_well_drawn(learner_scores.figure(data), 5, learner_scores.finding(data), SCORE_TITLES)


def test_every_predictor_keeps_its_colour() -> None:
    spec = learner_scores.figure(learner_scores.frame(SCORES, 118.25, 200.0)).to_dict()
    (scale,) = [part["color"]["scale"] for part in within(spec) if "scale" in part.get("color", {})]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "Baseline": theme.MUTED,
        "Stack": theme.LEARNER_COLOURS["stack"],
        **{LEARNER_LABELS[name]: theme.LEARNER_COLOURS[name] for name in SCORES},
    }


# --- what drives the value of a session? ------------------------------------------------------------------------------

EFFECT: dict[str, dict[str, float]] = {
    "lightgbm": {"n_buy": 8.0, "n_events": 2.0, "duration": 0.0},
    "xgboost": {"n_buy": 3.0, "n_events": 5.0, "duration": 2.0},
    "catboost": {"n_buy": 60.0, "n_events": 30.0, "duration": 10.0},
    "stack": {"n_buy": 1.0, "n_events": 99.0, "duration": 50.0},
}
MEASURES = ["mean_abs_shap", "gain_share"]
IMPORTANCE_TITLES = {"mean_abs_shap": {"x": "mean |SHAP| (value units)"}, "gain_share": {"x": "share of gain"}}


def importance_table(effect: dict[str, dict[str, float]]) -> pl.DataFrame:
    """A run's importance table whose gain shares are the effects as parts of each learner's whole."""
    rows = []
    for learner, moved in effect.items():
        whole = sum(moved.values())
        for feature, size in moved.items():
            gain = None if learner == "stack" else size / whole if whole else 0.0
            rows.append(
                (learner, feature, f"Name of {feature}", "activity", "events", f"What {feature} means.", gain, size)
            )
    schema = dict.fromkeys(["learner", "feature", "label", "group", "unit", "meaning"], pl.String)
    return pl.DataFrame(rows, schema | {"gain_share": pl.Float64, "mean_abs_shap": pl.Float64}, orient="row")


def texts(feature: str) -> tuple[str, str, str]:
    return f"Name of {feature}", f"What {feature} means.", "events"


def ranked(effect: dict[str, dict[str, float]]) -> list[str]:
    """Features by their mean part over the learners, each learner's parts adding up to 1; ties by name."""
    learners = [moved for name, moved in effect.items() if name != "stack"]
    wholes = [sum(moved.values()) for moved in learners]
    part = {
        feature: sum(moved[feature] / whole if whole else 0.0 for moved, whole in zip(learners, wholes, strict=True))
        for feature in learners[0]
    }
    return sorted(part, key=lambda feature: (-part[feature], feature))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("most", [1, 2, 12])
def test_features_are_ranked_by_their_mean_part_over_the_learners(measure: Any, most: int) -> None:
    table = importance_table(EFFECT)
    data = importance.frame(table, measure, most)
    assert data.columns == ["learner", "label", "feature", "name", "meaning", "unit", "value", "place"]
    assert ranked(EFFECT) == ["n_buy", "n_events", "duration"]
    values = {
        (learner, feature): value for learner, feature, value in table.select("learner", "feature", measure).rows()
    }
    assert data.rows() == [
        (learner, LEARNER_LABELS[learner], feature, *texts(feature), values[learner, feature], place)
        for learner in sorted(set(EFFECT) - {"stack"})
        for place, feature in enumerate(ranked(EFFECT)[:most], 1)
    ]


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.tuples(*[st.just(0.0) | st.floats(0.01, 1e6)] * len(LEARNER_LABELS)), min_size=1, max_size=20))
def test_the_ranking_holds_for_any_effects(sizes: list[tuple[float, ...]]) -> None:
    effect = {
        learner: {f"f{number:02d}": row[place] for number, row in enumerate(sizes)}
        for place, learner in enumerate(LEARNER_LABELS)
    }
    data = importance.frame(importance_table(effect), "mean_abs_shap")
    places = dict(data.select("place", "feature").iter_rows())
    assert len(places) == min(12, len(sizes))
    learners = list(effect.values())
    part = {
        feature: sum(moved[feature] / max(sum(moved.values()), 1e-300) for moved in learners) for feature in learners[0]
    }
    shown = [part[places[place]] for place in sorted(places)]
    assert shown == pytest.approx(sorted(part.values(), reverse=True)[:12], abs=1e-12)
    assert data.height == len(LEARNER_LABELS) * len(places)


@pytest.mark.parametrize(
    ("measure", "figures"), [("mean_abs_shap", "3.00 to 60.0 value units"), ("gain_share", "30.0% to 80.0%")]
)
def test_the_finding_names_the_top_feature_and_whether_learners_agree(
    measure: Any, figures: str, snapshot: Any
) -> None:
    data = importance.frame(importance_table(EFFECT), measure)
    sentence = importance.finding(data, measure)
    assert figures in sentence
    assert sentence == snapshot
    assert_one_sentence(sentence)
    assert_well_drawn(importance.figure(data, measure), 9, sentence, IMPORTANCE_TITLES[measure])


def test_a_table_of_an_older_version_gets_the_display_names_of_this_one() -> None:
    data = importance.frame(importance_table(EFFECT).drop("label"), "mean_abs_shap", 1)
    assert data.select("feature", "name").unique().rows() == [("n_buy", "Number of purchases")]


@pytest.mark.parametrize("measure", MEASURES)
def test_learners_without_a_split_are_ranked_by_name_and_drawn(measure: Any) -> None:
    effect = {learner: dict.fromkeys(["n_buy", "duration"], 0.0) for learner in SCORES}
    data = importance.frame(importance_table(effect), measure)
    assert data.get_column("feature").to_list() == ["duration", "n_buy"] * 3
    assert data.get_column("value").to_list() == [0.0] * 6
    assert_one_sentence(importance.finding(data, measure))
    assert_well_drawn(
        importance.figure(data, measure), 6, importance.finding(data, measure), IMPORTANCE_TITLES[measure]
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_a_single_feature_is_the_top_feature_of_every_learner(measure: Any) -> None:
    data = importance.frame(importance_table({name: {"n_buy": 2.0} for name in SCORES}), measure)
    assert "top feature of all 3 learners" in importance.finding(data, measure)
    assert data.get_column("place").to_list() == [1, 1, 1]


@pytest.mark.parametrize("measure", MEASURES)
def test_an_empty_importance_table_says_so(measure: Any) -> None:
    data = importance.frame(importance_table(EFFECT).clear(), measure)
    assert data.is_empty()
    assert importance.finding(data, measure) == "The run has no importance table."
    importance.figure(data, measure).to_dict()


def test_features_of_one_display_name_are_told_apart_by_their_code() -> None:
    table = importance_table(EFFECT).with_columns(pl.lit("Purchases").alias("label"))
    data = importance.frame(table, "mean_abs_shap")
    assert set(data.get_column("name")) == {f"Purchases ({feature})" for feature in ranked(EFFECT)}
    (rows,) = [part for part in within(importance.figure(data, "mean_abs_shap").to_dict()) if "yOffset" in part]
    assert rows["y"]["sort"] == [f"Purchases ({feature})" for feature in ranked(EFFECT)]


def test_a_feature_that_is_first_on_average_only_is_described() -> None:
    effect = {
        "lightgbm": {"n_buy": 5.0, "n_view": 4.0, "n_cart": 0.0},
        "xgboost": {"n_buy": 0.0, "n_view": 4.0, "n_cart": 5.0},
    }
    data = importance.frame(importance_table(effect), "mean_abs_shap")
    assert importance.finding(data, "mean_abs_shap") == (
        "Name of n_view is the top feature on average over 2 learners, but of none of them; it moves a prediction by "
        "4.00 value units on average."
    )


def test_a_learner_that_this_version_does_not_know_has_its_code() -> None:
    data = importance.frame(importance_table({"other": {"n_buy": 1.0}}), "mean_abs_shap")
    assert data.get_column("label").to_list() == ["other"]


def test_every_measure_has_a_name_and_an_explanation() -> None:
    assert list(importance.MEASURES) == list(importance.EXPLAINED) == MEASURES


# --- the theme --------------------------------------------------------------------------------------------------------

CHARTS: list[Callable[[], Any]] = [
    lambda: learner_scores.figure(learner_scores.frame(SCORES, 118.25, 200.0)),
    lambda: importance.figure(importance.frame(importance_table(EFFECT), "gain_share"), "gain_share"),
]


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [theme.EVENT_COLOURS, theme.LEARNER_COLOURS, theme.FILE_COLOURS])
def test_things_that_stand_side_by_side_have_different_colours(colours: dict[str, str]) -> None:
    assert len(set(colours.values())) == len(colours)


def test_each_event_type_and_learner_has_a_colour() -> None:
    assert list(theme.EVENT_COLOURS) == list(EVENT_TYPES)
    assert set(theme.LEARNER_COLOURS) == {*LEARNER_LABELS, "stack"}


@pytest.mark.parametrize("chart", CHARTS, ids=["learner_scores", "importance"])
def test_a_chart_fills_the_width_of_its_page(chart: Callable[[], Any]) -> None:
    assert chart().to_dict()["width"] == "container"


BACKGROUNDS = {"light": "#FFFFFF", "dark": "#10141C"}
"""Of the page, from .streamlit/config.toml."""


@pytest.mark.parametrize("background", BACKGROUNDS.values(), ids=BACKGROUNDS.keys())
@pytest.mark.parametrize("colours", [theme.EVENT_COLOURS, theme.LEARNER_COLOURS, theme.FILE_COLOURS])
def test_every_colour_stands_out_from_the_page(colours: dict[str, str], background: str) -> None:
    for thing, colour in colours.items():
        darker, lighter = sorted([luminance(colour), luminance(background)])
        assert (lighter + 0.05) / (darker + 0.05) >= 3, thing
