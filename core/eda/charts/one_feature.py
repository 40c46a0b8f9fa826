"""How the value of sessions depends on one feature."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import value_text
from core.base.text import span
from core.eda.parts.feature_sample import FeatureSample
from core.eda.parts.labels import distinct_texts
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.theme import Figure
from core.eda.parts.value_by_class import SUMMARY_COLUMNS, draw_summary, summarize
from core.schema import VALUE

MISSING = "unknown"
_CLASSES = 10
"""Classes of equally many sessions, and the most different numbers that have a class each."""


def title(label: str) -> str:
    """Return the question for a feature, by its display name."""
    return f"How does the value depend on “{label}”?"


def frame(sample: FeatureSample, name: str) -> pl.DataFrame:
    """Summarize the value of the sampled sessions by classes of a feature; one row per class that occurs.

    A class is one number of the feature if there are at most 10 of them, and otherwise about a tenth of the sessions.

    Args:
        name: column of the feature in the sample.

    Returns:
        place: index of the class, from 0. The last class has the sessions without the feature.
        label: the number or the range of numbers of the class.
        sessions: number of sessions.
        mean, median, low, high: average, median, first and third quartile of their values.
    """
    feature = sample.rows.get_column(name).cast(pl.Float64).to_numpy()
    place = _classes(feature)
    by_class = summarize(sample.rows.select(VALUE, pl.Series("place", place)), pl.col("place"))
    label = pl.col("place").replace_strict(_labels(feature, place), return_dtype=pl.String).alias("label")
    return by_class.select("place", label, *SUMMARY_COLUMNS)


def _classes(feature: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class of each number. Equal numbers have one class, and NaN has the last one."""
    present = feature[~np.isnan(feature)]
    numbers = np.unique(present)
    if len(numbers) > _CLASSES:
        numbers = np.unique(np.sort(present)[np.arange(_CLASSES) * len(present) // _CLASSES])
    place = np.searchsorted(numbers, feature, side="right") - 1
    return np.where(np.isnan(feature), len(numbers), place)


def _labels(feature: NDArray[np.float64], place: NDArray[np.int64]) -> dict[int, str]:
    """Return class -> its number or its range of numbers."""
    members = {index: feature[place == index] for index in np.unique(place).tolist()}
    ranges = {index: (float(numbers.min()), float(numbers.max())) for index, numbers in members.items()}
    texts = distinct_texts(end for ends in ranges.values() for end in ends if not np.isnan(end))
    return {index: MISSING if np.isnan(low) else span(texts[low], texts[high]) for index, (low, high) in ranges.items()}


def finding(data: pl.DataFrame, label: str) -> str:
    """Compare the average value of the classes with the lowest and the highest numbers of a feature."""
    if data.is_empty():
        return NO_VALUES
    classes = data.filter(pl.col("label") != MISSING)
    if classes.height < 2:
        return f"“{label}” is the same in all sessions that have it."
    low, high = classes.row(0, named=True), classes.row(-1, named=True)
    return (
        f"Sessions are worth {value_text(low['mean'])} on average where “{label}” is {low['label']}, and "
        f"{value_text(high['mean'])} where it is {high['label']}. This is an association, not an effect."
    )


def figure(data: pl.DataFrame, label: str) -> Figure:
    """Draw quartiles, median and average of the value by class."""
    labels = data.get_column("label").to_list()
    description = f"Session value by {label}. {finding(data, label)}"
    return draw_summary(data, description, title=label, labels=labels, class_name="feature")
