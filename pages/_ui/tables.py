"""Tables that pages show: right-aligned numbers, three significant digits, and a word on what a row is."""

from __future__ import annotations

import datetime
from typing import Any

import streamlit as st

from core.base.text import count, estimate, listed, number, percent
from core.dataset import Dataset, DatasetCard, UnknownValue, untrained_lines
from core.runs import Run
from core.runs.store import PRICES_FILE
from core.schema import EVENT_TYPES, LEARNER_LABELS, STACK, STACK_LABEL

_QUARANTINE_SHOWN = 200  # rows in the browser; the download has all
_WIDTHS = 110, 122
"""Pixels of a fact's name and its figure, so that both files stand beside each other on a telephone, too."""
_MOMENT_WIDTH = 150
"""Pixels of a moment, to the second."""
_OUTCOMES = {"passed": "passed", "failed": "failed", "not_applicable": "does not apply"}


def file_table(card: DatasetCard) -> None:
    """One row a fact, one column a file."""
    facts: dict[str, Any] = {
        "Rows": lambda file: f"{file.rows:,}",
        "Rows set aside": lambda file: f"{file.quarantined:,}",
        "Repeated rows": lambda file: f"{file.duplicates:,}{' (removed)' if file.removed else ''}",
        "Sessions": lambda file: f"{file.sessions:,}",
        "Users": lambda file: f"{file.users:,}",
        "Products": lambda file: f"{file.products:,}",
        "Categories": lambda file: f"{file.categories:,}",
        "First event (UTC)": lambda file: _moment(file.first_time),
        "Last event (UTC)": lambda file: _moment(file.last_time),
        "Mean value": lambda file: number(file.value_mean),
        "Median value": lambda file: number(file.value_median),
    }
    rows = [{"": name, "Train": told(card.train), "Test": told(card.test)} for name, told in facts.items()]
    right = st.column_config.TextColumn(alignment="right", width=_WIDTHS[1])
    st.dataframe(
        rows,
        hide_index=True,
        width="content",
        height="content",
        column_config={"": st.column_config.TextColumn(width=_WIDTHS[0]), "Train": right, "Test": right},
        alt="Rows, sessions, users, products, times and values of the train and the test file",
    )
    st.caption(
        f"Train: {card.train.name}. Test: {card.test.name}. New in test: {count(card.products_new_in_test, 'product')}."
    )


def part_tables(card: DatasetCard) -> None:
    """Where an event file is several tables, the rows of each; and what lay beside them and was not read."""
    for part, file in (("train", card.train), ("test", card.test)):
        if len(file.files) > 1:
            with st.expander(f"The {count(len(file.files), 'table')} of the {part} file"):
                st.dataframe(
                    [
                        {"Table": name, "Rows": f"{told.rows:,}", "Set aside": f"{told.quarantined:,}"}
                        for name, told in file.files.items()
                    ],
                    hide_index=True,
                    column_config=dict.fromkeys(("Rows", "Set aside"), st.column_config.TextColumn(alignment="right")),
                    alt=f"The tables that make up the {part} file, with their rows and those set aside",
                )
        if file.passed_over:
            st.caption(f"Not read for {part}, as not named like event files: {listed(file.passed_over)}.")


def untrained_table(dataset: Dataset, card: DatasetCard) -> None:
    """The train sessions that do not train, one row per session, and what that means for their money."""
    for line in untrained_lines(card):
        st.caption(line)
    sessions = dataset.untrained()
    st.dataframe(
        [
            {
                "Session": row["user_session"],
                "Why its value is not known": UnknownValue(row["reason"]).words,
                "Other purchases": "–" if row["remaining"] is None else number(row["remaining"]),
            }
            for row in sessions.head(_QUARANTINE_SHOWN).iter_rows(named=True)
        ],
        hide_index=True,
        column_config={"Other purchases": st.column_config.TextColumn(alignment="right", help="In value units.")},
        alt="Train sessions that do not train, with the reason and what their usable purchases add up to",
    )
    st.download_button(
        "Download all of them as CSV",
        lambda: dataset.untrained().select("user_session", "reason", "remaining").write_csv(),
        file_name="untrained_sessions.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def _moment(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%d %b %Y %H:%M")


def price_table(products: Any, run: Run, which: str = "with most events") -> None:  # noqa: ANN401 (core's frame)
    """One row a product, one column an event type; all of them as a download. `which` says what the products are."""
    rows = [
        {"Product": row["product_id"], "Category": row["category_id"], "Events": f"{row['events']:,}"}
        | {word: _price(row[word]) for word in EVENT_TYPES}
        for row in products.iter_rows(named=True)
    ]
    right = st.column_config.TextColumn(alignment="right")
    st.dataframe(
        rows,
        hide_index=True,
        column_config=dict.fromkeys(("Events", *EVENT_TYPES), right),
        alt=f"The products {which}, and what an event of each type on them adds to a session's value",
    )
    st.caption(
        f"The {count(len(rows), 'product')} {which}. In value units, with the standard error, and in brackets "
        "how many such events there are; learned from the session values of train by ridge regression. ≈: no such "
        "event in train, so the price is that of its category; a dash: no such event at all."
    )
    st.download_button(
        "Download all recovered prices as CSV",
        lambda: run.table(PRICES_FILE).collect().write_csv(),
        file_name="recovered_prices.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def product_table(products: Any) -> None:  # noqa: ANN401 (core's frame)
    """One row a product: its events, and how many of them are purchases."""
    rows = [
        {
            "Product": row["product_id"],
            "Events": f"{row['events']:,}",
            "Of all events": percent(row["share"]),
            "Purchases": f"{row['buys']:,}",
            "Purchases an event": percent(row["buy_rate"]),
        }
        for row in products.iter_rows(named=True)
    ]
    right = st.column_config.TextColumn(alignment="right")
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config=dict.fromkeys(("Events", "Of all events", "Purchases", "Purchases an event"), right),
        alt="The products with most events, and how many of them are purchases",
    )


def column_table(columns: Any) -> None:  # noqa: ANN401 (core's frame)
    """One row a column and file: how full it is, how many values, the ends, and what stands in it most often."""
    rows = [
        {
            "Column": row["column"],
            "File": row["file"],
            "Filled": percent(row["filled"]),
            "Distinct": f"{row['distinct']:,}",
            "Least": row["least"] or "",
            "Most": row["most"] or "",
            "Most frequent": row["most_frequent"] or "",
            "Its share": percent(row["its_share"]),
        }
        for row in columns.iter_rows(named=True)
    ]
    right = st.column_config.TextColumn(alignment="right")
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={
            **dict.fromkeys(("Filled", "Distinct", "Its share"), right),
            **dict.fromkeys(("Least", "Most", "Most frequent"), st.column_config.TextColumn(width=_MOMENT_WIDTH)),
        },
        alt="The columns of both files: how full they are, how many values, the ends and the most frequent value",
    )


def _price(told: dict[str, Any] | None) -> str:
    """12.3 ± 0.4 (210)"""
    if told is None:
        return number(None)
    price = estimate(told["price"], told["standard_error"]) if told["learned"] else f"≈ {number(told['price'])}"
    return f"{price} ({told['events']:,})"


def quarantine_table(dataset: Dataset, card: DatasetCard) -> None:
    """Reasons with their counts, the first rows, and all of them as a download."""
    for reason, amount in card.quarantine_reasons.items():
        st.markdown(f"- {count(amount, 'row')}: {reason}")
    shown = dataset.quarantine().select("file", "line", "reason", "row").head(_QUARANTINE_SHOWN).collect()
    st.dataframe(shown, hide_index=True, alt="The first rows that were set aside, with file, line and reason")
    st.download_button(
        "Download the quarantine as CSV",
        data=lambda: dataset.quarantine().drop("role").collect().write_csv().encode(),
        file_name="quarantine.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def fold_table(run: Run) -> None:
    """One row a learner (and the stack): its error in every fold."""
    scores = run.manifest.scores
    labels = LEARNER_LABELS | {STACK: STACK_LABEL}
    rows = [
        {"Learner": labels[name]}
        | {f"Fold {place}": number(mse) for place, mse in enumerate(by_fold, start=1)}
        | {"All": number(scores.learners.get(name, scores.cv_mse))}
        for name, by_fold in scores.fold_mse.items()
    ]
    right = st.column_config.TextColumn(alignment="right")
    columns = {name: right for name in rows[0] if name != "Learner"}
    st.dataframe(
        rows, hide_index=True, height="content", column_config=columns, alt="Error of each learner in each fold"
    )


def user_table(run: Run) -> None:
    """One row a kind of user: the error out of fold, and how many sessions they have."""
    kinds = {"new": "New", "known": "Known"}
    rows = [
        {
            "User": kinds[kind],
            "MSE": number(score.mse),
            "Train sessions": f"{score.train_sessions:,}",
            "To predict": f"{score.test_sessions:,}",
        }
        for kind, score in run.manifest.scores.users.items()
    ]
    right = st.column_config.TextColumn(alignment="right")
    columns = {name: right for name in rows[0] if name != "User"}
    st.dataframe(
        rows, hide_index=True, height="content", column_config=columns, alt="Error on sessions of new and known users"
    )
    st.caption("Sessions by user; known are those with a train session that had ended before the session began.")


def check_table(records: list[dict[str, Any]]) -> None:
    """One row a check of the submission file."""
    rows = [
        {
            "Outcome": _OUTCOMES[check["outcome"]],
            "Check": check["title"],
            "If it fails": "must be mended" if check["severity"] == "error" else "look twice",
            "Found": check["explanation"],
        }
        for check in records
    ]
    if not any(row["Found"] for row in rows):
        rows = [{name: told for name, told in row.items() if name != "Found"} for row in rows]
    st.dataframe(rows, hide_index=True, height="content", alt="Checks of the submission file and their outcomes")


def certificate_table(records: list[dict[str, Any]]) -> None:
    """One row a check of the certificate."""
    rows = [
        {"Outcome": _OUTCOMES[check["outcome"]], "Check": check["title"], "Found": check["explanation"]}
        for check in records
    ]
    st.dataframe(rows, hide_index=True, height="content", alt="Checks against leaks and their outcomes")
