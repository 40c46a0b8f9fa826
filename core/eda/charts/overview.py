"""How much there is: events, sessions, users, products, days of both files, and what each column holds."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import count, number, percent
from core.dataset import Dataset, DatasetCard
from core.eda.parts.theme import file_scale, finished
from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    PRODUCT,
    PRODUCT_ID,
    ROLE,
    ROLES,
    SESSION,
    SESSION_VALUE,
    TIME,
    TYPE,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

TITLE = "How much data is there?"
COLUMNS_TITLE = "What does each column hold?"
_DAY = 86_400
_MEASURES = ("events", "sessions", "users", "products", "categories", "days")
_COUNTED = {"sessions": SESSION, "users": USER, "products": PRODUCT, "categories": CATEGORY}
_SCHEMA = {
    "measure": pl.String,
    "file": pl.String,
    "count": pl.Int64,
    "share": pl.Float64,
    "known_users": pl.Float64,
    "known_products": pl.Float64,
}
_COLUMNS = {
    "column": pl.String,
    "file": pl.String,
    "filled": pl.Float64,
    "distinct": pl.Int64,
    "least": pl.String,
    "most": pl.String,
    "most_frequent": pl.String,
    "its_share": pl.Float64,
}
_CODES = {PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY, USER_ID: USER, USER_SESSION: SESSION}


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row a measure (events, sessions, users, products, categories, days with events) and file: measure, file,
    count, share (of the sum of both files), known_users and known_products (share of those of test that train has too;
    the same in every row, null when test has none).
    """
    events = {role: dataset.events(role).select(*_COUNTED.values(), TIME).collect() for role in ROLES}
    distinct = {
        (role, measure): events[role].get_column(column).drop_nulls().unique()
        for role in ROLES
        for measure, column in _COUNTED.items()
    }
    known = {}
    for measure in ("users", "products"):
        asked = distinct["test", measure]
        known[measure] = float(asked.is_in(distinct["train", measure].implode()).mean()) if asked.len() else None  # type: ignore[arg-type]
    counts = {
        role: {
            "events": events[role].height,
            **{measure: distinct[role, measure].len() for measure in _COUNTED},
            "days": events[role].select((pl.col(TIME) // _DAY).n_unique()).item(),
        }
        for role in ROLES
    }
    rows = []
    for measure in _MEASURES:
        total = sum(counts[role][measure] for role in ROLES)
        for role in ROLES:
            found = counts[role][measure]
            rows.append((measure, role, found, found / total if total else 0.0, known["users"], known["products"]))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def quality(card: DatasetCard) -> str:
    """How many rows of both files could not be used, or repeat another one, in a sentence.

    Rows whose event word the mapping told to ignore are said to be that.
    """
    files = (card.train, card.test)
    names = ("rows", "quarantined", "ignored", "duplicates", "removed")
    rows, set_aside, ignored, repeated, removed = (sum(getattr(file, name) for file in files) for name in names)
    aside = set_aside - ignored
    meant = f"{ignored:,} {'has' if ignored == 1 else 'have'} an event word to be ignored"
    if not aside and not repeated:
        begin = f"Of all {rows:,} rows {meant}; all others" if ignored else f"All {rows:,} rows"
        return f"{begin} could be used: none has an empty or unreadable cell, none repeats another."
    unusable = f"{aside:,} could not be used (an empty cell, for one; the Data page has them)"
    told = f"Of all {rows:,} rows {f'{meant}, ' if ignored else ''}{unusable}"
    return (
        f"{told} and {repeated:,} {'repeats' if repeated == 1 else 'repeat'} another one{' (removed)' * bool(removed)}."
    )


def finding(data: pl.DataFrame) -> str:
    """How large the files are and how much of test is known, in a sentence."""
    told = []
    for role in ROLES:
        mine = {row["measure"]: row["count"] for row in data.filter(pl.col("file") == role).iter_rows(named=True)}
        if mine["events"]:
            told.append(
                f"{role} has {count(mine['events'], 'event')} in {count(mine['sessions'], 'session')} of "
                f"{count(mine['users'], 'user')} on {count(mine['days'], 'day')}"
            )
    if not told:
        return "There is no event."
    sentence = "; ".join(told)
    users, products = data.item(0, "known_users"), data.item(0, "known_products")
    if users is not None and len(told) == len(ROLES):
        sentence += f"; train knows {percent(users)} of the users of test"
        sentence += "" if products is None else f" and {percent(products)} of its products"
    return f"{sentence[0].upper()}{sentence[1:]}."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the two files' parts of each measure; the label carries the count."""
    order = pl.col("file").cast(pl.Enum(ROLES))
    placed = data.sort(order).with_columns(
        (pl.col("share").cum_sum().over("measure") - pl.col("share") / 2).alias("middle"),
        pl.col("count").map_elements(lambda found: f"{found:,}", return_dtype=pl.String).alias("told"),
    )
    y = alt.Y("measure:N", sort=list(_MEASURES), title=None, axis=alt.Axis(grid=False))
    tooltip = [
        "file:N",
        alt.Tooltip("measure:N"),
        alt.Tooltip("count:Q", format=","),
        alt.Tooltip("share:Q", format=".1%"),
    ]
    bars = (
        alt.Chart(placed)
        .mark_bar(height=22)
        .encode(
            x=alt.X("share:Q", title="part of the two files' sum", axis=alt.Axis(format="%", tickCount=5)),
            y=y,
            color=alt.Color("file:N", scale=file_scale()),
            order=alt.Order("file:N", sort="descending"),
            tooltip=tooltip,
        )
    )
    labels = (
        alt.Chart(placed.filter(pl.col("count") > 0))
        .mark_text(fontSize=12, color="white")
        .encode(
            x="middle:Q",
            y=y,
            text="told:N",
            tooltip=tooltip,
        )
    )
    return finished(bars + labels, f"Size of the two files. {finding(data)}", height=34 * len(_MEASURES) + 40)


def columns_frame(dataset: Dataset) -> pl.DataFrame:
    """One row a column and file: column, file, filled (share of the rows with a value, 0 to 1), distinct (values),
    least and most (of times and amounts, as text; null for ids), most_frequent (value) and its_share (of the rows).
    """
    rows: list[tuple[object, ...]] = []
    for role in ROLES:
        events = dataset.events(role)
        total = events.select(pl.len()).collect().item()
        if not total:
            continue
        seconds = pl.col(TIME)
        first, last, distinct = (
            events.select(seconds.min().alias("a"), seconds.max().alias("b"), seconds.n_unique().alias("c"))
            .collect()
            .row(0)
        )
        rows.append(
            (EVENT_TIME, role, 1.0, distinct, _moment(first), _moment(last), *_top(events, TIME, total, _moment))
        )
        kinds = events.select(pl.col(TYPE).n_unique()).collect().item()
        rows.append((EVENT_TYPE, role, 1.0, kinds, None, None, *_top(events, TYPE, total, EVENT_TYPES.__getitem__)))
        for name, column in _CODES.items():
            filled, distinct = (
                events.select(
                    pl.col(column).is_not_null().mean().alias("a"), pl.col(column).drop_nulls().n_unique().alias("b")
                )
                .collect()
                .row(0)
            )
            code, share = _top(events.drop_nulls(column), column, total, lambda code: code)
            word = dataset.dictionary(name).filter(pl.col(column) == code).select(name).collect()
            rows.append((name, role, filled, distinct, None, None, word.item() if word.height else None, share))
        values = dataset.units().filter(pl.col(ROLE) == ROLES.index(role), pl.col(VALUE).is_not_null()).select(VALUE)
        found = values.collect().get_column(VALUE)
        if found.len():
            top = found.value_counts(sort=True).row(0)
            least, most = number(float(found.min())), number(float(found.max()))  # type: ignore[arg-type]
            share = top[1] / found.len()
            rows.append((SESSION_VALUE, role, 1.0, found.n_unique(), least, most, number(top[0]), share))
    order = [
        pl.col("column").cast(pl.Enum([EVENT_TIME, EVENT_TYPE, *_CODES, SESSION_VALUE])),
        pl.col("file").cast(pl.Enum(ROLES)),
    ]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row").sort(order)


def _top(events: pl.LazyFrame, column: str, total: int, told: Any) -> tuple[Any, float | None]:  # noqa: ANN401
    """The most frequent code of a column as it is told, and its share of the rows; of equals the least."""
    counts = events.group_by(column).len().sort("len", column, descending=[True, False]).head(1).collect()
    return (told(counts.item(0, column)), counts.item(0, "len") / total) if counts.height else (None, None)


def _moment(second: int) -> str:
    return str(pl.select(pl.from_epoch(pl.lit(second), time_unit="s").dt.strftime("%d %b %Y %H:%M:%S")).item())
