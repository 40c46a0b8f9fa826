"""Tables of the Data and Explore pages."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import streamlit as st

from core.base.amounts import value_text, value_unit
from core.base.spreadsheet import csv_for_people
from core.base.text import count, listed, percent, verb, whole
from core.dataset import LABEL, Dataset, DatasetCard, UnknownValue, untrained_lines
from core.own_columns import OwnColumnCard
from pages._ui.serving.privacy import for_visitors
from pages._ui.session_choice import SESSION_IN_LINK, session_link
from pages._ui.table import Frame, offer_file, show_table
from pages._ui.text import plain

_MAX_ROWS = 200
"""Rows shown of a table that can be long; the download has all rows."""
_FACT_WIDTH, _FILE_WIDTH = 110, 122
"""Pixels. Both files fit next to each other on a phone."""
_TIME_WIDTH = 150
"""Pixels. A time with seconds fits."""


def file_table(card: DatasetCard) -> None:
    """Show one row per number (rows, sessions, users, ...), with one column per file."""
    train, test = (
        {
            "Rows": whole(file.rows),
            "Quarantined rows": whole(file.quarantined),
            "Duplicate rows": f"{whole(file.duplicates)}{' (removed)' if file.removed else ''}",
            "Sessions": whole(file.sessions),
            "Users": whole(file.users) if card.has_users else "unknown",
            "Products": whole(file.products),
            "Categories": whole(file.categories),
            "First event (UTC)": _minute(file.first_time),
            "Last event (UTC)": _minute(file.last_time),
            "Average value": value_text(file.value_mean),
            "Median value": value_text(file.value_median),
        }
        for file in (card.train, card.test)
    )
    show_table(
        [{"Measure": name, "Train": train[name], "Test": test[name]} for name in train],
        numbers=("Train", "Test"),
        widths={"Measure": _FACT_WIDTH, "Train": _FILE_WIDTH, "Test": _FILE_WIDTH},
        width="content",
        alt="Rows, sessions, users, products, times and values of the train and the test file",
    )
    st.caption(
        f"Train: {plain(card.train.name)}. Test: {plain(card.test.name)}. "
        f"{count(card.products_new_in_test, 'product')} in the test "
        f"file {verb(card.products_new_in_test, 'is', 'are')} not in the train file."
    )


def part_tables(card: DatasetCard) -> None:
    """Show the tables of an event file that has several, with their rows, and the files that were skipped."""
    for part, file in (("train", card.train), ("test", card.test)):
        if len(file.files) > 1:
            with st.expander(f"The {count(len(file.files), 'table')} of the {part} file"):
                show_table(
                    [
                        {"Table": name, "Rows": whole(table.rows), "Quarantined": whole(table.quarantined)}
                        for name, table in file.files.items()
                    ],
                    numbers=("Rows", "Quarantined"),
                    scrolls=True,
                    alt=f"The tables of the {part} file, with their rows and quarantined rows",
                )
        if file.passed_over:
            names = plain(listed(file.passed_over))
            st.caption(f"Skipped for the {part} file: {names}. Subfolders and files of other types are not read.")


def own_table(cards: Sequence[OwnColumnCard]) -> None:
    """Show one row per extra column: what it is, and how much of it is filled; and why columns are not used."""
    show_table(
        [
            {
                "Column": card.name,
                "Level": card.level,
                "Kind": card.kind,
                "Filled": percent(card.filled_train),
                "Used": "no" if card.excluded else "yes",
            }
            for card in cards
        ],
        numbers=("Filled",),
        width="content",
        alt="The extra columns of the log: level, kind, share of the train events with a cell, and whether they are "
        "used",
    )
    lines = [f"- {plain(f'{card.name}: {card.use}. {card.finding}')}" for card in cards if card.finding]
    st.markdown("\n".join(lines))
    if any(card.excluded for card in cards):
        st.caption("To use such a column anyway, set keep = true for it in the mapping file (section [own.NAME]).")


def untrained_table(dataset: Dataset, card: DatasetCard) -> None:
    """Show the train sessions that are not used for training, one row per session, with the reason."""
    for line in untrained_lines(card):
        st.caption(plain(line))
    show_table(
        [
            {
                "Session": session_link(row["user_session"], "Explore", dataset.fingerprint),
                "Why its value is unknown": UnknownValue(row["reason"]).clause,
                "Valid purchases": value_text(row["remaining"]),
            }
            for row in dataset.untrained().head(_MAX_ROWS).iter_rows(named=True)
        ],
        numbers=("Valid purchases",),
        links={"Session": SESSION_IN_LINK},
        scrolls=True,
        alt="Train sessions that are not used for training, with the reason and the sum of their valid purchases",
    )
    st.caption(f"Valid purchases are summed by session, in {plain(value_unit())}.")
    offer_file(
        "Download all as CSV",
        "untrained_sessions.csv",
        lambda: csv_for_people(dataset.untrained().select("user_session", "reason", "remaining")),
    )


def quarantine_table(reasons: Mapping[str, int], rows: Frame) -> None:
    """Show how many rows were quarantined for each reason, and the first of them.

    Args:
        reasons: reason -> number of rows.
        rows: lazy frame with the columns file, line, reason and row; the download has further columns, too.
    """
    for reason, n_rows in reasons.items():
        st.markdown(f"- {count(n_rows, 'row')}: {plain(reason)}")
    show_table(
        _name_files(rows.select("file", "line", "reason", "row").head(_MAX_ROWS).collect()),
        scrolls=True,
        alt="The first quarantined rows, with file, line and reason",
    )
    offer_file(
        "Download all quarantined rows as CSV",
        "quarantine.csv",
        lambda: csv_for_people(_name_files(rows.collect())),
    )


def _name_files(rows: Frame) -> Frame:
    """Return rows with the names of files as visitors may see them."""
    names = rows.get_column("file")
    return rows.with_columns(names.replace({name: for_visitors(name) for name in names.unique().to_list()}))


def product_table(products: Frame) -> None:
    """Show one row per product with its events and purchases."""
    show_table(
        [
            {
                "Product": row.get(LABEL, row["product_id"]),
                **({"Product id": row["product_id"]} if LABEL in row else {}),
                "Events": whole(row["events"]),
                "Share of events": percent(row["share"]),
                "Purchases": whole(row["buys"]),
                "Purchases per event": percent(row["buy_rate"]),
            }
            for row in products.iter_rows(named=True)
        ],
        numbers=("Events", "Share of events", "Purchases", "Purchases per event"),
        alt="The top products, with their events and purchases",
    )


def column_table(columns: Frame) -> None:
    """Show one row per (column, file): share of filled cells, distinct values, range and most frequent value."""
    show_table(
        [
            {
                "Column": row["column"],
                "File": row["file"],
                "Filled": percent(row["filled"]),
                "Distinct": whole(row["distinct"]),
                "Lowest": row["least"] or "",
                "Highest": row["most"] or "",
                "Most frequent": row["most_frequent"] or "",
                "Share of the most frequent": percent(row["its_share"]),
            }
            for row in columns.iter_rows(named=True)
        ],
        numbers=("Filled", "Distinct", "Share of the most frequent"),
        widths=dict.fromkeys(("Lowest", "Highest", "Most frequent"), _TIME_WIDTH),
        alt="The columns of both files: share of filled cells, distinct values, range and most frequent value",
    )


def _minute(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%d %b %Y %H:%M")
