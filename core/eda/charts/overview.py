"""The size of the two files: events, sessions, users, products, categories and days."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count, percent
from core.dataset import Dataset, DatasetCard
from core.eda.parts.sentences import NO_EVENTS, join_clauses
from core.eda.parts.theme import Figure, file_scale, finished, share_axis
from core.schema import CATEGORY, PRODUCT, ROLES, SECONDS_PER_DAY, SESSION, TIME, USER

TITLE = "How much data is there?"
_ID_MEASURES = {"sessions": SESSION, "users": USER, "products": PRODUCT, "categories": CATEGORY}
_MEASURES = ("events", *_ID_MEASURES, "days")
_SCHEMA = {
    "measure": pl.String,
    "file": pl.String,
    "count": pl.Int64,
    "share": pl.Float64,
    "known_users": pl.Float64,
    "known_products": pl.Float64,
}


def frame(dataset: Dataset) -> pl.DataFrame:
    """Measure both files; one row per (measure, file).

    Returns:
        measure: events, sessions, users, products, categories or days (with an event).
        count: The number.
        share: Share of the sum of both files.
        known_users, known_products: Share of the users or products of test that also occur in train; the same in every
            row, null if test has none.
    """
    events = {role: dataset.events(role).select(*_ID_MEASURES.values(), TIME).collect() for role in ROLES}
    ids = {
        (role, measure): events[role].get_column(column).drop_nulls().unique()
        for role in ROLES
        for measure, column in _ID_MEASURES.items()
    }
    known_shares = [_share_of(ids["test", measure], ids["train", measure]) for measure in ("users", "products")]
    counts = {(role, measure): len(distinct) for (role, measure), distinct in ids.items()}
    for role in ROLES:
        counts[role, "events"] = events[role].height
        counts[role, "days"] = events[role].select((pl.col(TIME) // SECONDS_PER_DAY).n_unique()).item()
    rows = []
    for measure in _MEASURES:
        total = sum(counts[role, measure] for role in ROLES)
        for role in ROLES:
            n = counts[role, measure]
            rows.append((measure, role, n, n / total if total else 0.0, *known_shares))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _share_of(ids: pl.Series, others: pl.Series) -> float | None:
    """Return the share of the ids that are among the others; None if there are no ids."""
    return float(ids.is_in(others.implode()).to_numpy().mean()) if len(ids) else None


def quality(card: DatasetCard) -> str:
    """State how many rows of both files could not be used, and how many repeat another row.

    Rows whose event word the mapping ignores are counted separately.
    """
    files = (card.train, card.test)
    names = ("rows", "quarantined", "ignored", "duplicates", "removed")
    rows, quarantined, ignored, duplicates, removed = (sum(getattr(file, name) for file in files) for name in names)
    unusable = quarantined - ignored
    ignored_clause = f"{ignored:,} {'has' if ignored == 1 else 'have'} an event word that the mapping ignores"
    if not unusable and not duplicates:
        subject = f"Of {rows:,} rows, {ignored_clause}; all others are" if ignored else f"All {rows:,} rows are"
        return f"{subject} usable, with no empty or unreadable cell and no duplicate."
    clauses = [ignored_clause] if ignored else []
    clauses.append(f"{unusable:,} could not be used (see the quarantine on the Data page)")
    repeats = "repeats" if duplicates == 1 else "repeat"
    was_removed = " and removed" if removed else ""
    return f"Of {rows:,} rows, {', '.join(clauses)} and {duplicates:,} {repeats} another row{was_removed}."


def finding(data: pl.DataFrame) -> str:
    """State the size of each file, and how many users and products of test are known from train."""
    clauses = []
    for role in ROLES:
        sizes = dict(data.filter(pl.col("file") == role).select("measure", "count").iter_rows())
        if sizes["events"]:
            clauses.append(
                f"{role} has {count(sizes['events'], 'event')} in {count(sizes['sessions'], 'session')} of "
                f"{count(sizes['users'], 'user')} on {count(sizes['days'], 'day')}"
            )
    users, products = data.item(0, "known_users"), data.item(0, "known_products")
    if users is not None and len(clauses) == len(ROLES):
        known_products = "" if products is None else f" and {percent(products)} of the test products"
        clauses.append(f"{percent(users)} of the test users{known_products} also occur in train")
    return join_clauses(clauses, NO_EVENTS)


def figure(data: pl.DataFrame) -> Figure:
    """Draw each measure as one bar split between the files, labelled with the numbers."""
    parts = data.sort(pl.col("file").cast(pl.Enum(ROLES))).with_columns(
        (pl.col("share").cum_sum().over("measure") - pl.col("share") / 2).alias("middle"),
        pl.col("count").map_elements(lambda n: f"{n:,}", return_dtype=pl.String).alias("label"),
    )
    y = alt.Y("measure:N", sort=list(_MEASURES), title=None, axis=alt.Axis(grid=False))
    tooltip = [
        "file:N",
        alt.Tooltip("measure:N"),
        alt.Tooltip("count:Q", format=","),
        alt.Tooltip("share:Q", format=".1%"),
    ]
    bars = (
        alt.Chart(parts)
        .mark_bar(height=22)
        .encode(
            x=alt.X("share:Q", title="share of both files", axis=share_axis()),
            y=y,
            color=alt.Color("file:N", scale=file_scale()),
            order=alt.Order("file:N", sort="descending"),
            tooltip=tooltip,
        )
    )
    labels = (
        alt.Chart(parts.filter(pl.col("count") > 0))
        .mark_text(fontSize=12, color="white")
        .encode(x="middle:Q", y=y, text="label:N", tooltip=tooltip)
    )
    return finished(bars + labels, f"Size of the two files. {finding(data)}", height=34 * len(_MEASURES) + 40)
