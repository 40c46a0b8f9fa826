"""Drivers, segments and their words, on explanations whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import t as students_t

from core.base import number_format
from core.base.workspace import Workspace
from core.eda.run_charts import beeswarm, effect_curve, segment_effects, theme_effects
from core.eda.run_charts import drivers as drivers_chart
from core.importance import Explanation, drivers, segments, text
from core.importance.driver_effects import driver_effects
from core.importance.themes import BOUGHT, BROWSING, TIME, USER_PAST
from core.ingestion import InputFiles, ingest
from core.schema import STACK, UNIT, VALUE

THEMES = {"n_buy": BOUGHT, "products_bought": BOUGHT, "n_view": BROWSING, "duration": TIME, "user_is_known": USER_PAST}
ROWS = 200


def explained(n_folds: int = 4) -> Explanation:
    """Sessions in which purchases, which two features count, matter most, the duration lowers the value, and views do
    nothing.
    """
    rng = np.random.default_rng(2)
    buy = rng.poisson(1.0, ROWS).astype(float)
    cells = pl.DataFrame(
        {
            "n_buy": buy,
            "products_bought": buy * 2,
            "n_view": rng.normal(size=ROWS),
            "duration": rng.exponential(60.0, ROWS),
            "user_is_known": rng.integers(0, 2, ROWS).astype(float),
        }
    )
    effects = pl.DataFrame(
        {
            "n_buy": 10 * (buy - buy.mean()),
            "products_bought": 5 * (buy - buy.mean()),
            "n_view": rng.normal(0, 0.01, ROWS),
            "duration": -0.05 * (cells["duration"].to_numpy() - 60),
            "user_is_known": 2 * (cells["user_is_known"].to_numpy() - 0.5),
        }
    )
    predicted = 30 + effects.sum_horizontal().to_numpy()
    sessions = pl.DataFrame(
        {
            UNIT: np.arange(ROWS),
            "fold": np.arange(ROWS) % n_folds,
            VALUE: predicted + rng.normal(0, 3, ROWS) * np.where(buy > 0, 3.0, 1.0),
            "predicted": predicted,
            "base": np.full(ROWS, 30.0),
        }
    )
    importance = pl.concat(
        pl.DataFrame(
            {
                "learner": learner,
                "feature": list(THEMES),
                "label": [f"Name of {name}" for name in THEMES],
                "group": "activity",
                "unit": "events",
                "meaning": "What it means.",
                "gain_share": 0.2,
                "mean_abs_shap": [float(np.abs(effects[name]).mean()) for name in THEMES],
            }
        )
        for learner in ("lightgbm", "catboost", STACK)
    )
    methods = pl.DataFrame(
        {
            "method": ["shap"] * 5 + ["group_shapley"] * 4,
            "learner": STACK,
            "feature": [*THEMES, *[None] * 4],
            "group": [*THEMES.values(), BOUGHT, BROWSING, TIME, USER_PAST],
            "value": [10.0, 5.0, 0.1, 2.0, 1.0, 15.0, 0.1, 2.0, 1.0],
            "spread": 0.1,
        }
    )
    curves = pl.DataFrame(
        {
            "feature": "n_buy",
            "x": [0.0, 1.0, 9.0],
            "effect": [-9.0, 0.0, 80.0],
            "low": -10.0,
            "high": 90.0,
            "sessions": 5,
        }
    )
    return Explanation(importance, sessions, effects, cells, curves, methods)


def test_features_with_the_same_information_are_one_driver_and_noise_is_last() -> None:
    explanation = explained()
    table = drivers(explanation)
    assert table["feature"].to_list() == ["n_buy", "duration", "user_is_known", "n_view"]
    top = table.row(0, named=True)
    assert (top["features"], top["members"]) == (["n_buy", "products_bought"], ["Name of products_bought"])
    effect = (explanation.effects["n_buy"] + explanation.effects["products_bought"]).abs()
    assert top["size"] == pytest.approx(effect.mean())
    means = [effect.filter(explanation.sessions["fold"] == fold).mean() for fold in range(4)]
    margin = students_t.ppf(0.95, 3) * np.std(means, ddof=1) / 2
    assert (top["low"], top["high"]) == pytest.approx((top["size"] - margin, top["size"] + margin))
    assert (top["rank_low"], top["rank_high"], top["agree"], top["learners"]) == (1, 1, 2, 2)
    assert table["direction"].to_list()[:3] == ["up", "down", "up"]
    clear = 0.05 * explanation.sessions[VALUE].mean()
    assert top["share"] == pytest.approx((effect > clear).mean())
    assert table["share"].to_list()[-1] == 0.0
    assert table["actionable"].to_list() == [False, False, False, True]


def test_one_fold_has_no_interval() -> None:
    top = drivers(explained(n_folds=1)).row(0, named=True)
    assert (top["low"], top["high"]) == (None, None)
    assert drivers(explained(n_folds=1)).schema == drivers(explained()).schema
    assert "90% interval" not in text.driver_texts(drivers(explained(n_folds=1)))[0].effect


def test_segments_are_averages_by_hand() -> None:
    explanation = explained()
    table = segments(explanation)
    assert table.select("kind", "segment").rows() == [
        ("Buyers and browsers", "Browsers"),
        ("Buyers and browsers", "Buyers"),
        ("New and returning users", "New users"),
        ("New and returning users", "Returning users"),
    ]
    is_buyer = (explanation.cells["n_buy"] > 0).to_numpy()
    buyers = table.row(1, named=True)
    rows = explanation.sessions.filter(pl.Series(is_buyer))
    assert buyers["sessions"] == rows.height
    assert buyers["share"] == rows.height / ROWS
    assert buyers["value"] == pytest.approx(rows[VALUE].mean())
    assert buyers["error"] == pytest.approx(float(((rows[VALUE] - rows["predicted"]) ** 2).mean()) ** 0.5)
    effects = explanation.effects.filter(pl.Series(is_buyer))
    assert buyers[BOUGHT] == pytest.approx((effects["n_buy"] + effects["products_bought"]).mean())
    data = segment_effects.frame(table, "Buyers and browsers")
    assert data.height == 2 * 4
    assert segment_effects.finding(data).startswith("The value is highest in the group “Buyers”, ")
    assert segment_effects.figure(data).to_dict()["layer"]


def test_categories_whose_names_begin_alike_are_segments_of_their_own(tmp_path: Path) -> None:
    name = "A department whose name is long enough to be cut off: number "
    lines = ["event_time,event_type,product_id,category_id,user_id,user_session,session_value"]
    lines += [f"2025-06-01T10:00:00Z,VIEW,P1,{name}{unit % 6},U{unit},S{unit},1" for unit in range(240)]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "test.csv").write_text("\n".join([lines[0].rpartition(",")[0], lines[1].rpartition(",")[0]]) + "\n")
    dataset = ingest(InputFiles(tmp_path / "train.csv", tmp_path / "test.csv"), Workspace(tmp_path / "home"))
    units = dataset.events("train").select(UNIT).collect().to_series().head(ROWS)
    explanation = explained()
    sessions = explanation.sessions.with_columns(units.alias(UNIT))
    table = segments(replace(explanation, sessions=sessions), dataset).filter(kind="Category")
    assert table.height == 5
    assert set(table["segment"]) <= {f"{name}{number}" for number in range(6)}


def test_words_name_the_driver_its_size_and_that_it_is_no_cause() -> None:
    table = drivers(explained())
    size = f"{table.item(0, 'size'):.1f}"
    assert text.headline(table) == (
        f"Name of n_buy matters most: on average, it moves the predicted value of a session by {size} value units up "
        "or down."
    )
    first, second, *_ = text.driver_texts(table)
    assert first.effect.startswith(f"It moves the prediction by {size} value units on average (90% interval: ")
    assert "higher numbers go with higher predictions" in first.effect
    assert "higher numbers go with lower predictions" in second.effect
    assert first.detail == (
        "Certainty: rank 1 in every repetition of the training; among the top five drivers of 2 of 2 learners. "
        "Includes "
        "“Name of products_bought”, which carries the same information. A shop cannot set it directly."
    )
    assert "not show what would change the value" in text.NOT_A_CAUSE


def test_the_swarm_has_the_effects_of_the_drivers_and_levels_of_their_cells() -> None:
    explanation = explained()
    data = driver_effects(explanation, drivers(explanation), 2)
    assert data.height == 2 * ROWS
    top = data.filter(place=1).sort("session")
    assert top["effect"].to_list() == pytest.approx(
        (explanation.effects["n_buy"] + explanation.effects["products_bought"]).to_list()
    )
    highest = explanation.cells["duration"].arg_max()
    assert data.filter(place=2, session=highest).item(0, "level") == 1.0
    drawn = beeswarm.frame(data)
    assert drawn["offset"].is_between(-1, 1).all()
    assert drawn.drop("offset").equals(data)
    assert "moves nine of ten sessions by" in beeswarm.finding(drawn)
    assert beeswarm.figure(drawn).to_dict()["layer"]


def test_charts_of_drivers_themes_and_curves() -> None:
    explanation = explained()
    data = drivers_chart.frame(drivers(explanation), 2)
    assert data["label"].to_list() == ["Name of n_buy", "Name of duration"]
    assert drivers_chart.finding(data).endswith("times as much as the next driver, Name of duration.")
    assert drivers_chart.figure(data).to_dict()["layer"]
    themes = theme_effects.frame(explanation.methods, explanation.sessions)
    assert themes["theme"].to_list() == [BOUGHT, TIME, USER_PAST, BROWSING]
    margin = 0.1 * students_t.ppf(0.95, 3)  # of four folds
    assert themes["high"].to_list() == pytest.approx([value + margin for value in (15.0, 2.0, 1.0, 0.1)])
    one_fold = explained(n_folds=1).sessions
    methods = explanation.methods.with_columns(pl.lit(None, pl.Float64).alias("spread"))
    assert theme_effects.frame(methods, one_fold)["high"].null_count() == 4
    assert theme_effects.figure(themes).to_dict()["layer"]
    curve = effect_curve.frame(explanation.curves, "n_buy")
    assert effect_curve.finding(curve, "Purchases", "events") == (
        "Purchases: the prediction is 9.00 value units below an average session at 0 and 80.0 value units above it at "
        "9.00, over 15 sessions."
    )
    bent = pl.DataFrame({"x": [0.0, 1.0, 2.0], "effect": [-1.0, 8.0, 2.0], "sessions": [0, 5, 5]})
    assert effect_curve.finding(bent, "Carts", "events") == (
        "Carts: the prediction is 1.00 value units below an average session at 0, 8.00 value units above it at 1.00 "
        "and 2.00 value units above it at 2.00, over 10 sessions."
    )
    assert effect_curve.figure(curve, "Purchases", "events").to_dict()["layer"]
    assert effect_curve.frame(explanation.curves, "n_view").is_empty()


def test_the_description_of_an_effect_curve_has_amounts_in_the_currency() -> None:
    curve = pl.DataFrame({"x": [2.0, 9.0], "effect": [-1.0, 8.0], "low": [-2.0, 7.0], "high": [0.0, 9.0]})
    curve = curve.with_columns(sessions=pl.Series([4, 5]))
    with number_format.using_format(number_format.NumberFormat(symbol="€")):
        description = effect_curve.figure(curve, "Price", number_format.UNIT).to_dict()["description"]
    assert description.endswith(
        "Price: the prediction is €1.00 below an average session at €2.00 and €8.00 above it at €9.00, over 9 sessions."
    )


@pytest.mark.parametrize(
    ("x", "scale"), [([0, 1, 9], "symlog"), ([0, 1, 7], None), ([-1, 1, 9], None), ([0, 0, 1], "symlog")]
)
def test_an_axis_with_a_long_tail_is_logarithmic(x: list[float], scale: str | None) -> None:
    ones = pl.Series([1.0] * len(x))
    curve = pl.DataFrame({"x": x, "effect": ones, "low": ones, "high": ones, "sessions": [1] * len(x)})
    layers = effect_curve.figure(curve, "Views", "events").to_dict()["layer"]
    assert {layer["encoding"]["x"]["scale"].get("type") for layer in layers if "x" in layer["encoding"]} == {scale}


def test_stretching_is_the_largest_share_of_any_learner() -> None:
    rows = [
        ("sampled_shapley", "lightgbm", 10.0),
        ("sampled_shapley", "catboost", 4.0),
        ("sampled_shapley", STACK, 9.0),
    ]
    rows += [("stretching", "lightgbm", 0.5), ("stretching", "catboost", 0.3)]
    table = pl.DataFrame(rows, schema=["method", "learner", "value"], orient="row")
    assert "up to 7.5% of the effects" in text.stretching_line(table)


def test_an_explanation_is_read_as_it_was_written(tmp_path: Path) -> None:
    explanation = explained()
    explanation.save(tmp_path)
    again = Explanation.load(tmp_path)
    assert all(table.equals(getattr(again, name)) for name, table in vars(explanation).items())
