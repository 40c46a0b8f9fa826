"""The size of the two files: events, sessions, users, products, categories and days."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count, listed, percent, verb, whole
from core.dataset import Dataset, DatasetCard
from core.eda.parts.labels import texts_of
from core.eda.parts.sentences import NO_EVENTS, join_clauses
from core.eda.parts.theme import TEXT_ON_MARKS, Figure, Hover, file_scale, finished, share_axis
from core.schema import CATEGORY, PRODUCT, ROLES, SECONDS_PER_DAY, SESSION, TIME, USER, Role

TITLE = "How much data is there?"
_ID_COLUMNS = {"sessions": SESSION, "users": USER, "products": PRODUCT, "categories": CATEGORY}
_MEASURES = {
    "events": pl.len(),
    **{measure: pl.col(column).drop_nulls().n_unique() for measure, column in _ID_COLUMNS.items()},
    "days": (pl.col(TIME) // SECONDS_PER_DAY).n_unique(),
}
_SHARES = dict.fromkeys(("share", "known_users", "known_products"), pl.Float64)
_SCHEMA = {"measure": pl.String, "file": pl.String, "count": pl.Int64} | _SHARES


def frame(dataset: Dataset) -> pl.DataFrame:
    """Measure both files; one row per (measure, file).

    Returns:
        measure: events, sessions, users, products, categories or days (with an event).
        file: `train` or `test`.
        count: the measured number.
        share: share of the sum over both files; 0 if the sum is 0.
        known_users, known_products: share of the users or products in the test file that are also in the train file;
            the same in every row, null if there are none in the test file.
    """
    events = {role: dataset.events(role).select(*_ID_COLUMNS.values(), TIME).collect() for role in ROLES}
    counts = {role: events[role].select(**_MEASURES).row(0, named=True) for role in ROLES}
    known_shares = (_known_share(events, USER), _known_share(events, PRODUCT))
    rows = []
    for measure in _MEASURES:
        total = sum(counts[role][measure] for role in ROLES)
        for role in ROLES:
            n = counts[role][measure]
            rows.append((measure, role, n, n / total if total else 0.0, *known_shares))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _known_share(events: dict[Role, pl.DataFrame], column: str) -> float | None:
    """Return the share of the ids in the test file that are also in the train file; None if there are none."""
    train, test = (events[role].get_column(column).drop_nulls().unique() for role in ROLES)
    return float(test.is_in(train.implode()).to_numpy().mean()) if len(test) else None


def quality(card: DatasetCard) -> str:
    """State how many rows of both files could not be used, and how many repeat another row.

    Rows whose event word is ignored by the mapping are counted separately.
    """
    names = ("rows", "quarantined", "ignored", "duplicates", "removed")
    rows, quarantined, ignored, duplicates, removed = (
        getattr(card.train, name) + getattr(card.test, name) for name in names
    )
    n_unusable = quarantined - ignored
    ignored_clause = f"{whole(ignored)} {verb(ignored, 'has', 'have')} an event word that the mapping ignores"
    if not n_unusable and not duplicates:
        subject = (
            f"Of {whole(rows)} rows, {ignored_clause}; all others are" if ignored else f"All {whole(rows)} rows are"
        )
        return f"{subject} usable, with no empty or unreadable cell and no duplicate."
    clauses = [ignored_clause] if ignored else []
    if n_unusable:
        clauses.append(f"{whole(n_unusable)} {verb(n_unusable, 'was', 'were')} quarantined (see the Data page)")
    was_removed = f" and {verb(duplicates, 'was', 'were')} removed" if removed else ""
    if duplicates:
        clauses.append(f"{whole(duplicates)} {verb(duplicates, 'repeats', 'repeat')} another row{was_removed}")
    return f"Of {whole(rows)} rows, {listed(clauses)}{'' if n_unusable else '; all could be read'}."


def finding(data: pl.DataFrame) -> str:
    """State the size of each file, and how many users and products of the test file are also in the train file."""
    clauses = []
    for role in ROLES:
        sizes = dict(data.filter(pl.col("file") == role).select("measure", "count").iter_rows())
        if sizes["events"]:
            clauses.append(
                f"the {role} file has {count(sizes['events'], 'event')} in {count(sizes['sessions'], 'session')} of "
                f"{count(sizes['users'], 'user')} on {count(sizes['days'], 'day')}"
            )
    users, products = data.item(0, "known_users"), data.item(0, "known_products")
    if users is not None and len(clauses) == len(ROLES):
        known_products = "" if products is None else f" and {percent(products)} of the test products"
        clauses.append(f"{percent(users)} of the test users{known_products} also occur in the train file")
    return join_clauses(clauses, NO_EVENTS)


def figure(data: pl.DataFrame) -> Figure:
    """Draw each measure as one bar that is split between the files and labelled with the numbers."""
    ordered = data.sort(pl.col("file").cast(pl.Enum(ROLES)))
    segments = ordered.with_columns(
        middle=pl.col("share").cum_sum().over("measure") - pl.col("share") / 2,
        label=texts_of(ordered.get_column("count"), whole),
    )
    base = alt.Chart(segments).encode(
        y=alt.Y("measure:N", sort=list(_MEASURES), title=None, axis=alt.Axis(grid=False)),
        tooltip=[*Hover.texts("file", "measure"), *Hover.counts("count"), *Hover.shares("share")],
    )
    bars = base.mark_bar(height=22).encode(
        x=alt.X("share:Q", title="share of both files", axis=share_axis()),
        color=alt.Color("file:N", scale=file_scale()),
        order=alt.Order("file:N", sort="descending"),
    )
    labelled = base.transform_filter("datum.count > 0").mark_text(fontSize=12, color=TEXT_ON_MARKS)
    labels = labelled.encode(x="middle:Q", text="label:N")
    return finished(bars + labels, f"Size of the two files. {finding(data)}", height=34 * len(_MEASURES) + 40)
