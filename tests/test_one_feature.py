"""The value of sessions by one feature, against a count by hand."""

from __future__ import annotations

from statistics import fmean, median

import numpy as np
import polars as pl
import pytest

from core.eda.charts import one_feature
from core.eda.parts.feature_sample import FeatureSample
from core.schema import VALUE

RNG = np.random.default_rng(3)


def sample(feature: list[float], values: list[float] | None = None) -> FeatureSample:
    worth = values if values is not None else RNG.gamma(2.0, 20.0, len(feature)).tolist()
    return FeatureSample(pl.DataFrame({VALUE: worth, "x": feature}, schema={VALUE: pl.Float64, "x": pl.Float64}))


def test_few_numbers_have_a_class_each_and_missing_ones_the_last() -> None:
    feature = [0.0, 1.0, 1.0, 5.0, float("nan"), 0.0, 5.0, 5.0]
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 3.0, 10.0, 30.0]
    data = one_feature.frame(sample(feature, values), "x")
    assert data.select("label", "sessions", "mean", "median").rows() == [
        ("0", 2, 2.0, 2.0),
        ("1.00", 2, 3.0, 3.0),
        ("5.00", 3, 16.0, 10.0),
        ("unknown", 1, 16.0, 16.0),
    ]
    assert one_feature.finding(data, "Views").startswith(
        "Sessions are worth 2.00 on average where “Views” is 0, and 16.0 where it is 5.00."
    )


def test_many_numbers_have_ten_classes_of_equal_size() -> None:
    made = sample(RNG.normal(size=1_000).tolist())
    data = one_feature.frame(made, "x")
    assert data.get_column("sessions").to_list() == [100] * 10
    in_order = sorted(zip(made.rows["x"], made.rows[VALUE], strict=True))
    groups = [[value for _, value in in_order[begin : begin + 100]] for begin in range(0, 1_000, 100)]
    assert data.get_column("mean").to_list() == pytest.approx([fmean(group) for group in groups])
    assert data.get_column("median").to_list() == pytest.approx([median(group) for group in groups])


def test_numbers_that_look_alike_have_different_labels() -> None:
    few = one_feature.frame(sample([1000.25, 1000.5, 1000.5]), "x")
    assert few.get_column("label").to_list() == ["1,000.2", "1,000.5"]
    many = one_feature.frame(sample([1e6 + number / 100 for number in range(500)]), "x")
    assert many.get_column("label").n_unique() == many.height == 10


@pytest.mark.parametrize(
    "feature",
    [[], [2.0], [0.0, 0.0], [7.0] * 30, [float("nan")] * 3, [0.0] * 95 + [1.0, 2.0, 3.0, 4.0, 5.0]],
    ids=["none", "one", "all 0", "all equal", "all missing", "mostly 0"],
)
def test_degenerate_features_are_described(feature: list[float]) -> None:
    data = one_feature.frame(sample(feature), "x")
    assert data.get_column("sessions").sum() == len(feature)
    text = one_feature.finding(data, "Views")
    assert text.endswith(".")
    assert not {"nan", "None", "null"} & set(text.split())
    one_feature.figure(data, "Views").to_dict()
