"""Every feature has a name for people: unique, readable, and without names of code or event types."""

from __future__ import annotations

import re
from itertools import product
from typing import get_args

from core.features import display_names, feature_catalogue
from core.own_columns import Kind, Level, OwnColumn
from core.schema import EVENT_TYPES

OWN = [
    OwnColumn(name=f"{kind}_{level}", level=level, kind=kind, label=f"{kind} ({level})", with_purchases=with_purchases)
    for with_purchases, kind, level in product((True, False), get_args(Kind), get_args(Level))
]
CODE = re.compile(rf"_|\b({'|'.join(EVENT_TYPES)})\b|\{{|\}}")


def own_columns(*, with_purchases: bool) -> list[OwnColumn]:
    return [column for column in OWN if column.with_purchases == with_purchases]


def test_every_feature_has_a_unique_name_for_people_that_is_no_code() -> None:
    for with_purchases in (True, False):
        features = [entry.feature for entry in feature_catalogue(own_columns(with_purchases=with_purchases))]
        labels = [feature.label for feature in features]
        assert len(set(labels)) == len(labels) > 150
        for label in labels:
            assert re.fullmatch(r"[A-Z].{3,79}[^.\s]", label), label
            assert not CODE.search(label), label


def test_sentences_of_features_use_words_for_event_types() -> None:
    for entry in feature_catalogue(own_columns(with_purchases=True)):
        assert not re.search(r"\b(VIEW|ADD_CART|REMOVE_CART|BUY)\b", entry.feature.meaning.replace("BUY events", ""))


def test_features_of_own_columns_are_named_by_their_column() -> None:
    names = display_names(feature_catalogue(own_columns(with_purchases=True)))
    assert names["own_money_event_bought"] == "Total money (event) of purchases"
    assert names["own_category_user_value_mean"] == "Value of other sessions with the same category (user) (average)"
    assert names["own_time_session"] == "Time since time (session) of the session"
    for entry in feature_catalogue(own_columns(with_purchases=True)):
        if entry.feature.name.startswith("own_"):
            column = next(each for each in OWN if entry.feature.name.startswith(each.stored))
            assert column.label.lower() in entry.feature.label.lower()


def test_two_columns_of_one_label_are_told_apart_by_their_names_in_code() -> None:
    twins = [OwnColumn(name=name, level="event", kind="number", label="size") for name in ("size", "size_2")]
    names = display_names(feature_catalogue(twins))
    assert names["own_size_mean"] == "Average size (own_size_mean)"
    assert names["own_size_2_mean"] == "Average size (own_size_2_mean)"
