"""Audit rules on drift, the feature sample and the distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from core.audit.distance import distance, stability_index
from core.audit.drift_rules import CALENDAR, PAST, SESSION, subject
from core.audit.sample import draw_sample
from core.config import RunConfig
from core.features import all_features, build_features, feature_catalogue
from tests.audit.shop import (
    calm,
    figures,
    finding_of,
    longer_test,
)
from tests.events_on_the_spot import store


def test_different_test_sessions_are_a_warning(tmp_path):
    dataset = store(tmp_path, longer_test())
    drift = finding_of("feature_drift", dataset)
    table = {record["feature"]: record for record in drift.table}
    assert drift.severity == "warning"
    assert drift.count == sum(bool(record["drifted"]) for record in drift.table)
    assert table["n_events"]["drifted"] is True
    assert table["n_events"]["about"] == "the session"
    assert table["n_events"]["ks"] == 1.0
    assert table["n_buy"] == {
        "feature": "n_buy", "label": "Number of purchases", "about": "the session",
        "psi": 0.0, "ks": 0.0, "p_value": 1.0, "drifted": False,
    }  # fmt: skip
    assert set(table) == {feature.name for feature in all_features()}
    assert [record["psi"] for record in drift.table] == sorted((r["psi"] for r in drift.table), reverse=True)
    assert figures(drift).startswith(f"{drift.count} {len(table)} ")
    classified = finding_of("told_apart", dataset)
    assert classified.severity == "warning"
    assert figures(classified).startswith("1.00 ")


def test_a_growing_past_is_a_note_if_test_is_later(calm_shop):
    drift, classified = finding_of("feature_drift", calm_shop), finding_of("told_apart", calm_shop)
    assert (drift.severity, classified.severity) == ("note", "note")
    assert {record["about"] for record in drift.table if record["drifted"]} == {"the past"}
    assert f"({drift.count} about the past)" in drift.explanation
    assert drift.advice.startswith("Nothing to do. ")


def test_a_test_of_one_day_is_no_warning(tmp_path):
    """Its hours and weekdays are others than those of train, and its sessions are the same."""
    dataset = store(tmp_path, calm(test_days=(20, 21)))
    drift, classified = finding_of("feature_drift", dataset), finding_of("told_apart", dataset)
    about = {record["about"] for record in drift.table if record["drifted"]}
    assert (drift.severity, classified.severity) == ("note", "note")
    assert about == {"the calendar", "the past"}


def test_every_feature_is_about_the_session_the_calendar_or_the_past():
    entries = [entry for entry in feature_catalogue() if entry.looks_at != "values"]
    about = {
        kind: {entry.feature.name for entry in entries if subject(entry) == kind} for kind in (SESSION, CALENDAR, PAST)
    }
    assert about[CALENDAR] == {"start_hour", "start_weekday", "hour_sin", "hour_cos", "week_sin", "week_cos"}
    assert {"n_events", "duration", "n_products"} <= about[SESSION]
    assert {"user_buy_rate", "product_popularity_min", "category_buy_rate_max"} <= about[PAST]
    assert set().union(*about.values()) == {feature.name for feature in all_features()}


def test_the_sample_holds_the_features_of_a_run_for_the_same_units_each_time(demo):
    table = build_features(demo, RunConfig(features="full"))
    sample = draw_sample(demo, lambda part, parts, text: None, max_units=200)
    repeated = draw_sample(demo, lambda part, parts, text: None, max_units=200)
    assert sample.train.values.shape == sample.test.values.shape == (200, len(table.names))
    assert sample.names == tuple(table.names)
    np.testing.assert_array_equal(sample.train.values, repeated.train.values)
    everything = set(map(tuple, np.nan_to_num(table.values.to_numpy(), nan=-9).tolist()))
    assert {tuple(row) for row in np.nan_to_num(sample.train.values, nan=-9).tolist()} <= everything
    whole = draw_sample(demo, lambda part, parts, text: None)
    is_test = table.units.get_column("role").to_numpy() == 1
    np.testing.assert_array_equal(whole.train.values, table.values.to_numpy()[~is_test])
    np.testing.assert_array_equal(whole.test.values, table.values.to_numpy()[is_test])


def test_the_distances_agree_with_their_definitions():
    draws = np.random.default_rng(3)
    first, second = draws.normal(size=4_000), draws.normal(0.5, 1.2, size=3_000)
    apart = distance(first, second)
    answer = ks_2samp(first, second)
    assert apart.ks == pytest.approx(answer.statistic)
    edges = np.quantile(first, np.linspace(0, 1, 11)[1:-1])
    e, a = (np.histogram(sample, [-np.inf, *edges, np.inf])[0] / len(sample) for sample in (first, second))
    assert apart.psi == pytest.approx(np.sum((a - e) * np.log(a / e)), rel=0.02)


def test_missing_features_count_as_a_value_of_their_own():
    nothing, some = np.full(100, np.nan), np.linspace(0, 1, 100)
    assert distance(nothing, nothing).ks == 0.0
    assert distance(nothing, some).ks == 1.0
    assert distance(np.concatenate([some, nothing]), some).ks == pytest.approx(0.5)
    assert distance(some, np.concatenate([some, nothing])).psi > 0.25


def test_the_stability_index_sees_a_constant_move_in_both_directions():
    five = np.full(100, 5.0)
    assert stability_index(five, five) == 0.0
    assert stability_index(five, five - 1) > 1.0
    assert stability_index(five, five + 1) > 1.0
