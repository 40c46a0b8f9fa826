"""Groups of sessions that a chart compares: new or known users, categories, sessions with and without a purchase.

A chart that can be split declares `SPLITS`, and its `frame` has an argument `by`: the result of `group_units`. Without
it, the chart compares the two files, or does not compare anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import altair as alt
import polars as pl

from core.base.text import listed
from core.dataset import Dataset
from core.eda.parts.labels import labels_of
from core.eda.parts.session_table import COUNT_COLUMNS, FILE
from core.eda.parts.theme import ACCENT, EVENT_COLOURS, FILE_COLOURS, GROUP_COLOURS, MUTED
from core.schema import BUY, CATEGORY, CATEGORY_ID, ROLES, START, UNIT, USER

GROUP = "group"
SplitName = Literal["users", "category", "purchase"]
SPLITS: dict[SplitName, str] = {
    "users": "new or known user",
    "category": "main category",
    "purchase": "purchase",
}
"""Name of a split -> what it distinguishes."""
NEW, KNOWN = "new users", "known users"
BUYING, NOT_BUYING = "with a purchase", "without a purchase"
OTHERS = "other categories"
_MAX_CATEGORIES = 4
"""More lines could not be distinguished."""
_LEGEND_COLUMNS = 3
"""More names would not fit beside each other if two charts are compared."""
_COLOURS = {NEW: ACCENT, KNOWN: GROUP_COLOURS[1], BUYING: EVENT_COLOURS[BUY], NOT_BUYING: MUTED, OTHERS: MUTED}


def group_units(sessions: pl.DataFrame, dataset: Dataset, split: SplitName) -> pl.DataFrame:
    """Return the group of each unit of a dataset; one row per unit with a group.

    Args:
        sessions: session table of the whole dataset, without a filter.

    Returns:
        unit: code of the unit.
        group: an Enum of all groups, in the order of a legend. A user is known in all sessions that begin after the
            user's first one in either file. The main category of a unit has most of its events (of several, the one
            with most events of all); the four that are the main category of most units have a group each.
    """
    if split == "category":
        return _main_categories(dataset)
    if split == "users":
        is_known = pl.col(START) > pl.col(START).min().over(USER)
        return _in_two_groups(sessions, is_known, NEW, KNOWN)
    is_buying = pl.col(COUNT_COLUMNS[BUY]) > 0
    return _in_two_groups(sessions, ~is_buying, BUYING, NOT_BUYING)


def _in_two_groups(sessions: pl.DataFrame, is_second: pl.Expr, first: str, second: str) -> pl.DataFrame:
    group = pl.when(is_second).then(pl.lit(second)).otherwise(pl.lit(first)).cast(pl.Enum([first, second]))
    return sessions.select(UNIT, group.alias(GROUP))


def _main_categories(dataset: Dataset) -> pl.DataFrame:
    """Return the groups of the split "category"; see `group_units`."""
    main = _main_category(dataset)
    ranked = main.get_column(CATEGORY).value_counts(sort=False).sort("count", CATEGORY, descending=[True, False])
    ids = dataset.dictionary(CATEGORY_ID).select(CATEGORY, CATEGORY_ID).collect()
    top = ranked.head(_MAX_CATEGORIES).join(ids, on=CATEGORY, how="left", maintain_order="left")
    top_ids = top.get_column(CATEGORY_ID).fill_null("without category")
    labels = labels_of(dataset, top_ids)
    names = (top_ids if labels is None else labels).to_list()
    has_others = ranked.height > len(names)
    groups = pl.Enum(list(dict.fromkeys([*names, OTHERS] if has_others else names)))
    group_of_category = pl.DataFrame({CATEGORY: top.get_column(CATEGORY), GROUP: names})
    joined = main.join(group_of_category, on=CATEGORY, how="left", nulls_equal=True, maintain_order="left")
    return joined.select(UNIT, pl.col(GROUP).fill_null(OTHERS).cast(groups))


def _main_category(dataset: Dataset) -> pl.DataFrame:
    """Return unit and category: the code of the main category of each unit."""
    events = pl.concat([dataset.events(role).select(UNIT, CATEGORY) for role in ROLES])
    per_unit = events.group_by(UNIT, CATEGORY).len().with_columns(pl.col("len").sum().over(CATEGORY).alias("total"))
    return (
        per_unit.sort(UNIT, "len", "total", CATEGORY, descending=[False, True, True, False])
        .group_by(UNIT, maintain_order=True)
        .first()
        .select(UNIT, CATEGORY)
        .collect()
    )


def add_groups(rows: pl.DataFrame, by: pl.DataFrame | None) -> tuple[pl.DataFrame, str]:
    """Return the rows of a session table with the column that splits a chart, and its name.

    The column is `file` without a split, and otherwise `group`. Units without a group are left out.
    """
    if by is None:
        return rows.with_columns(pl.col(FILE).cast(pl.Enum(ROLES))), FILE
    return rows.join(by, on=UNIT, how="inner", maintain_order="left"), GROUP


def all_groups(by: pl.DataFrame) -> list[str]:
    """Return all groups of a result of `group_units`, in the order of the legend."""
    kind = by.schema[GROUP]
    return kind.categories.to_list() if isinstance(kind, pl.Enum) else []


def group_column(data: pl.DataFrame) -> str:
    """Return the column that splits the numbers of a chart: `group`, or `file` without a split."""
    return GROUP if GROUP in data.columns else FILE


def group_labels(data: pl.DataFrame) -> list[str]:
    """Return the groups that occur in the numbers of a chart, in the order of the legend."""
    return data.get_column(group_column(data)).cast(pl.String).unique(maintain_order=True).to_list()


def group_colour(column: str, labels: Sequence[str], *, as_lines: bool = False) -> alt.Color:
    """Return the colour of groups or files.

    Args:
        column: result of `group_column`.
        labels: the groups, in the order of the legend.
        as_lines: whether the marks are lines without points, which have no colour to fill the legend with.
    """
    fixed_colours = _COLOURS | FILE_COLOURS
    free = iter(GROUP_COLOURS)
    colours = [fixed_colours[label] if label in fixed_colours else next(free) for label in labels]
    symbol = {"symbolType": "stroke", "symbolStrokeWidth": 3} if as_lines else {"symbolStrokeWidth": 0}
    legend = alt.Legend(columns=_LEGEND_COLUMNS, symbolOpacity=1, **symbol)
    return alt.Color(f"{column}:N", scale=alt.Scale(domain=list(labels), range=colours), legend=legend)


def group_sentence(subject: str, amounts: Mapping[str, str]) -> str:
    """Return a sentence that compares groups.

    >>> group_sentence("The median value", {"new users": "20.0", "known users": "31.5"})
    'The median value is 20.0 for new users and 31.5 for known users.'
    """
    names = {BUYING: f"sessions {BUYING}", NOT_BUYING: f"sessions {NOT_BUYING}"}
    return f"{subject} is {listed(f'{amount} for {names.get(label, label)}' for label, amount in amounts.items())}."
