"""What is in a dataset, for the Data page: its size, its files, what is unusual, and what was not used."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import value_text, value_unit
from core.base.text import count, percent, verb, whole
from core.dataset import Dataset, DatasetCard, split_lines, table_lines
from pages._ui.data_tables import file_table, own_table, part_tables, quarantine_table, untrained_table
from pages._ui.findings import show_findings
from pages._ui.frame import Metric, show_metrics
from pages._ui.number_format_form import edit_number_format
from pages._ui.text import plain


def finding(card: DatasetCard) -> str:
    """Say how many sessions there are, and how many rows were quarantined."""
    quarantined = card.train.quarantined + card.test.quarantined
    usable = (
        f"{count(quarantined, 'row')} {verb(quarantined, 'was', 'were')} quarantined"
        if quarantined
        else "All rows are usable"
    )
    return (
        f"**{count(card.train.sessions, 'session')}** for training and **{count(card.to_predict, 'session')}** to "
        f"predict. {usable}."
    )


def show_size(card: DatasetCard) -> None:
    """Show the figures of a dataset."""
    show_metrics(
        [
            Metric(
                "Rows", whole(card.train.rows + card.test.rows), "In both files, with duplicates and quarantined rows."
            ),
            Metric(
                "Average value",
                value_text(card.train.value_mean),
                f"Average session value in the train file, in {value_unit()}.",
            ),
            Metric(
                "Users in both files",
                percent(card.users_in_both / card.test.users) if card.has_users else "unknown",
                "Share of the users in the test file who are also in the train file.",
            ),
            Metric(
                "Sessions in both files",
                whole(card.known_sessions),
                "Session ids that occur in both files with the same users. By default, the submission contains their "
                "values from the train file.",
            ),
            Metric(
                "Shared session ids",
                f"{whole(card.composite_train)} / {whole(card.composite_test)}",
                "Session ids that several users share (composite sessions), in the train file and in the test file. "
                "They are not used for training. For the test file, the predictions for these users are added up.",
            ),
        ]
    )


def show_dataset(dataset: Dataset, card: DatasetCard) -> None:
    """Show what is in a dataset: its files, what is unusual, and what was not used."""
    with st.container(key="grid-dataset"):
        with st.container():
            st.header("Train and test files", anchor=False)
            file_table(card)
            if card.split is not None:
                st.caption(plain(" ".join(split_lines(card))))
            part_tables(card)
            if card.own:
                st.header("Extra columns", anchor=False)
                own_table(card.own)
                for line in table_lines(card):
                    st.caption(plain(line))
            with st.expander("Currency and number format", icon=":material/payments:"):
                edit_number_format(dataset, key="data-page")
            if card.synthetic:
                st.info("This is synthetic data from a simulated shop.", icon=":material/science:")
        with st.container():
            show_findings(dataset, card.train.rows + card.test.rows)
    if card.untrained or card.unassigned_purchases:
        st.header("Sessions not used for training", anchor=False)
        untrained_table(dataset, card)
    if card.quarantine_reasons:
        st.header("Quarantined rows", anchor=False)
        quarantine_table(card.quarantine_reasons, dataset.quarantine().drop("role"))
