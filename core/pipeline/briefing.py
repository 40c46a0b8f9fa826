"""The briefing: what stands out in a dataset and in a run, the most surprising first, with the chart that shows it.

`core.eda.parts.surprise` defines how surprising a finding is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import money, value_text
from core.base.text import day_of, percent
from core.dataset import Dataset
from core.eda.charts.own_value import frequent_cells
from core.eda.parts.labels import labels_of
from core.eda.parts.selection import Selection
from core.eda.parts.session_filter import filter_sessions
from core.eda.parts.session_table import COUNT_COLUMNS, EVENTS, FILE, session_table
from core.eda.parts.surprise import (
    Values,
    difference_of_means,
    difference_of_shares,
    error_of_top,
    share_of_top,
    surprise,
)
from core.importance import drivers
from core.pipeline.explain import stored_explanation
from core.runs import Run
from core.runs.store import OOF_FILE
from core.schema import ADD_CART, CATEGORY, CATEGORY_ID, REMOVE_CART, ROLES, STACK, START, UNIT, VALUE

N_FINDINGS: Final = 5
_TRAIN: Final = ROLES[0]
_MAX_OF_A_KIND = 3
"""Maximum number of findings of one kind, so that both data and model are represented."""
_MAX_SESSIONS = 200_000
"""Maximum number of sessions from which findings are computed; more would hardly reduce their error."""
_MIN_GROUP = 30
"""Sessions below which a group is not compared with the others."""
_N_CATEGORIES = 8
_N_CELLS = 6
"""Numbers of the most frequent categories, and of the cells of each own column, that are compared."""
_TOP = 0.01
_TOP_OF_EXPONENTIAL = _TOP * (1 - math.log(_TOP))
"""Share of the sum that the top 1% of an exponential distribution has: amounts without a heavy tail."""
_TOP_OF_SQUARED_NORMAL = 0.0846
"""Share of the sum that the top 1% of squared normal errors has."""
_Z_90 = 1.645
"""Half the width of a 90% interval in standard errors, if errors are normal."""
_DIRECTIONS = {
    "up": "higher numbers go with higher predictions",
    "down": "higher numbers go with lower predictions",
}
"""Direction of a driver -> clause."""
Kind = Literal["data", "model"]
Place = Literal["Explore", "Importance", "Train"]


@dataclass(frozen=True)
class BriefFinding:
    """A finding with the place where its chart is.

    Attributes:
        text: one sentence with its figures.
        surprise: see `core.eda.parts.surprise`.
        place: the page of the chart, and `view` its view there.
        query: the filter of the chart, as query parameters.
    """

    kind: Kind
    text: str
    surprise: float
    place: Place
    view: str = ""
    query: tuple[tuple[str, str], ...] = ()


def brief(dataset: Dataset | None, run: Run | None) -> list[BriefFinding]:
    """Return up to five findings of a dataset and of a run on it, the most surprising first."""
    candidates: list[BriefFinding] = []
    if dataset is not None:
        candidates += data_findings(dataset)
    if run is not None:
        candidates += model_findings(run)
    return most_surprising(candidates)


def most_surprising(candidates: Iterable[BriefFinding]) -> list[BriefFinding]:
    """Return the findings that exist, the most surprising first, with at most three of a kind, and five in all."""
    chosen: list[BriefFinding] = []
    for each in sorted(candidates, key=lambda each: -each.surprise):
        n_of_kind = sum(other.kind == each.kind for other in chosen)
        if each.surprise > 0 and n_of_kind < _MAX_OF_A_KIND and len(chosen) < N_FINDINGS:
            chosen.append(each)
    return chosen


def data_findings(dataset: Dataset) -> list[BriefFinding]:
    """Return findings on the values of the train sessions; empty without values.

    Groups are compared by the difference between the value and a prediction from the numbers of events of each type. So
    the higher value of long sessions is not a finding.
    """
    table = session_table(dataset).filter(pl.col(FILE) == _TRAIN, pl.col(VALUE).is_not_null())
    if table.height > _MAX_SESSIONS:
        table = table.sample(_MAX_SESSIONS, seed=0)
    if table.height < 2 * _MIN_GROUP:
        return []
    values = table.get_column(VALUE).to_numpy().astype(np.float64)
    expected = _expected_values(table, values)
    labels = _category_labels(dataset)
    findings = [_concentration(values)] if values.min() >= 0 else []
    for selection, view in _groups(dataset, table):
        units = filter_sessions(table, dataset, selection).get_column(UNIT)
        inside = table.get_column(UNIT).is_in(units.implode()).to_numpy()
        if min(inside.sum(), (~inside).sum()) >= _MIN_GROUP:
            text, surprise_of_group = _compare_group(values, values - expected, inside, selection.describe(labels))
            query = tuple(selection.as_query().items())
            findings.append(BriefFinding("data", text, surprise_of_group, "Explore", view, query))
    return findings


def _compare_group(values: Values, rest: Values, inside: NDArray[np.bool_], group: str) -> tuple[str, float]:
    """Compare a group of sessions with the others, and return a sentence and how surprising it is.

    Args:
        values: (sessions,) values.
        rest: (sessions,) the part of the values that the numbers of events do not explain.
        inside: (sessions,) whether the session is in the group.
        group: the group as it follows "Sessions".
    """
    effect, error = difference_of_means(rest[inside], rest[~inside])
    side = "more" if effect > 0 else "less"
    gap = money(abs(float(rest[inside].mean() - rest[~inside].mean())))
    text = (
        f"Sessions {group} are worth {gap} {side} than other sessions with the same number of events of each type "
        f"({value_text(float(values[inside].mean()))} on average; {percent(float(inside.mean()))} of the sessions)."
    )
    return text, surprise(effect, error)


def _expected_values(table: pl.DataFrame, values: Values) -> Values:
    """Return the value predicted from the numbers of events of each type, by least squares."""
    counts = table.select(COUNT_COLUMNS.values()).to_numpy().astype(np.float64)
    design = np.column_stack([np.ones(len(values)), counts])
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    return np.asarray(design @ coefficients)


def _groups(dataset: Dataset, table: pl.DataFrame) -> Iterator[tuple[Selection, str]]:
    """Yield filters of Explore whose sessions are compared with the others, and the view that shows them."""
    yield Selection(types=(ADD_CART,)), "Value"
    yield Selection(types=(REMOVE_CART,)), "Value"
    yield Selection(most_events=1), "Sessions"
    yield Selection(least_events=max(2, int(table.get_column(EVENTS).quantile(0.9) or 0))), "Sessions"
    first, last = (day_of(end) for end in _ends(table))
    if (last - first).days >= 2:
        yield Selection(first=last - (last - first) / 3), "Time"
    events = dataset.events(_TRAIN)
    frequent = events.group_by(CATEGORY).agg(pl.col(UNIT).n_unique()).sort(UNIT, CATEGORY, descending=[True, False])
    most_frequent = frequent.head(_N_CATEGORIES).select(CATEGORY)
    ids = most_frequent.join(dataset.dictionary(CATEGORY_ID), on=CATEGORY, maintain_order="left").collect()
    for category in ids.get_column(CATEGORY_ID):
        yield Selection(categories=(category,)), "Value"
    for card in dataset.card().own:
        for cell in frequent_cells(dataset, card.column, _N_CELLS):
            yield Selection(own=(f"{card.name}={cell}",)), "Value"


def _ends(table: pl.DataFrame) -> tuple[int, int]:
    starts = table.get_column(START).to_numpy()
    return int(starts.min()), int(starts.max())


def _category_labels(dataset: Dataset) -> dict[str, str]:
    ids = dataset.dictionary(CATEGORY_ID).select(CATEGORY_ID).collect().get_column(CATEGORY_ID)
    labels = labels_of(dataset, ids)
    return {} if labels is None else dict(zip(ids, labels, strict=True))


def _concentration(values: Values) -> BriefFinding:
    share = share_of_top(values, _TOP)
    effect = max(difference_of_shares(share, _TOP_OF_EXPONENTIAL), 0.0)  # a light tail is no surprise
    error = error_of_top(values, _TOP, _TOP_OF_EXPONENTIAL)
    text = (
        f"The top 1% of the train sessions hold {percent(share)} of the total value. Without a heavy tail, it would be "
        f"{percent(_TOP_OF_EXPONENTIAL)}."
    )
    return BriefFinding("data", text, surprise(effect, error), "Explore", "Value", (("file", _TRAIN),))


def model_findings(run: Run) -> list[BriefFinding]:
    """Return findings on the drivers and the errors of a run."""
    findings: list[BriefFinding] = []
    explanation = stored_explanation(run)
    if explanation is not None:
        spread = float(explanation.sessions.get_column(VALUE).std() or 0.0)  # type: ignore[arg-type]
        strongest = drivers(explanation).head(_MAX_OF_A_KIND)
        findings += [_driver_finding(driver, spread) for driver in strongest.iter_rows(named=True)]
    if OOF_FILE in run.manifest.sha256:
        findings += _error_findings(run)
    return findings


def _driver_finding(driver: Mapping[str, Any], spread: float) -> BriefFinding:
    """Return the finding on a driver.

    Args:
        driver: row of `core.importance.drivers`.
        spread: standard deviation of the values; 0 if they are all equal.
    """
    how = _DIRECTIONS.get(driver["direction"], "whether up or down depends on the session")
    text = f"{driver['label']} moves the prediction by {money(driver['size'])} on average; {how}."
    if not spread:
        return BriefFinding("model", text, surprise(0.0, 0.0), "Importance")
    low = 0.0 if driver["low"] is None else driver["low"]
    # The interval is that of few folds (Student's t), so this error is larger than that of the mean.
    error = (driver["size"] - low) / _Z_90 / spread
    return BriefFinding("model", text, surprise(driver["size"] / spread, error), "Importance")


def _error_findings(run: Run) -> list[BriefFinding]:
    oof = run.table(OOF_FILE).select(VALUE, STACK).drop_nulls().collect().filter(pl.col(STACK).is_not_nan())
    if oof.height > _MAX_SESSIONS:
        oof = oof.sample(_MAX_SESSIONS, seed=0)
    if oof.height < 2 * _MIN_GROUP:
        return []
    values, predicted = (oof.get_column(name).to_numpy().astype(np.float64) for name in (VALUE, STACK))
    errors = values - predicted
    share = share_of_top(errors**2, _TOP)
    effect = max(difference_of_shares(share, _TOP_OF_SQUARED_NORMAL), 0.0)
    text = (
        f"1% of the sessions cause {percent(share)} of the squared error. If all sessions were equally hard to "
        f"predict, it would be {percent(_TOP_OF_SQUARED_NORMAL)}."
    )
    error = error_of_top(errors**2, _TOP, _TOP_OF_SQUARED_NORMAL)
    findings = [BriefFinding("model", text, surprise(effect, error), "Train", "Result")]
    high = predicted >= np.quantile(predicted, 0.9)
    if min(high.sum(), (~high).sum()) >= _MIN_GROUP:
        effect, error = difference_of_means(errors[high], errors[~high])
        side = "too low" if errors[high].mean() > 0 else "too high"
        size = money(abs(float(errors[high].mean())))
        text = f"The highest 10% of the predictions are {side} by {size} on average."
        findings.append(BriefFinding("model", text, surprise(effect, error), "Train", "Result"))
    return findings
