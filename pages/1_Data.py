"""Data: files in, and what was found in them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.dataset import DatasetCard
from core.ingestion import InputFiles, ingest
from core.ingestion.uploads import keep_upload
from core.welcome import demo_files
from core.wording import count, number, percent
from pages._ui import frame
from pages._ui.cache import card_of
from pages._ui.frame import Figure
from pages._ui.tables import file_table, quarantine_table

UPLOAD, PATHS, DEMO = "Upload", "Files on this machine", "Demo data"
TYPES = ["csv", "gz", "parquet"]

page = frame.open_page(frame.DATA)


def finding(card: DatasetCard) -> str:
    """What the files hold, in a sentence."""
    aside = card.train.quarantined + card.test.quarantined
    kept = "every row can be used" if not aside else f"{count(aside, 'row')} cannot be used and stand in quarantine"
    return (
        f"**{count(card.train.sessions, 'session')}** to learn from and **{count(card.to_predict, 'session')}** to "
        f"predict; {kept}."
    )


def read(files: InputFiles) -> None:
    """Read the files; the new dataset is then the one chosen on every page."""
    with st.spinner("Reading the files"):
        dataset = ingest(files, page.workspace)
    frame.choose(dataset)
    st.rerun()


def given_by_upload() -> InputFiles | None:
    """The uploaded files, copied to disk; None before the button is pressed."""
    train = st.file_uploader("Train file (events with session_value)", TYPES)
    test = st.file_uploader("Test file (events without)", TYPES)
    sample = st.file_uploader("Sample submission (optional: which sessions, in which order)", TYPES)
    if not st.button("Read the files", type="primary", disabled=train is None or test is None) or not (train and test):
        return None
    kept = keep_upload(page.workspace, {"train": train, "test": test} | ({"sample": sample} if sample else {}))
    return InputFiles(kept["train"], kept["test"], kept.get("sample"), name=train.name)


def given_by_path() -> InputFiles | None:
    """Files that lie on the machine where the dashboard runs: nothing is uploaded, so size does not matter."""
    train = st.text_input("Train file", placeholder="path of the events with session_value")
    test = st.text_input("Test file", placeholder="path of the events without")
    sample = st.text_input(
        "Sample submission (optional)", placeholder="path of the sessions to predict, in their order"
    )
    if not st.button("Read the files", type="primary", disabled=not (train and test)):
        return None
    return InputFiles(Path(train), Path(test), Path(sample) if sample else None)


if page.dataset is None:
    frame.title("What is in the data?", "There is no dataset yet: bring two event files, or take the demo data.")
else:
    card = card_of(str(page.dataset.folder))
    frame.title("What is in the data?", finding(card))
    frame.figures(
        [
            Figure("Events", f"{card.train.rows + card.test.rows:,}", "Rows of both files."),
            Figure("Mean value", number(card.train.value_mean), "Of the train file, in value units."),
            Figure(
                "Test users known",
                percent(card.users_in_both / card.test.users),
                "Users of the test file whose earlier sessions are in train.",
            ),
            Figure(
                "Known sessions",
                f"{card.known_sessions:,}",
                "Sessions in both files with the same users: their value is known, the submission takes it over.",
            ),
            Figure(
                "Shared ids",
                f"{card.composite_train + card.composite_test:,}",
                "Session ids that several users share (composite sessions): predicted user by user and summed.",
            ),
        ]
    )
    st.subheader("The two files", anchor=False)
    file_table(card)
    if card.synthetic:
        st.info("This is synthetic data: a simulated shop, made to look like a real one.", icon=":material/science:")
    if card.known_sessions > card.test.sessions / 2:
        st.warning(
            f"{count(card.known_sessions, 'session')} of the test file are in train as well: was one of the files "
            "given twice, or the train file as test?",
            icon=":material/warning:",
        )
    if card.sessions_with_differing_values:
        st.warning(
            f"{count(card.sessions_with_differing_values, 'session')} of train give different values on different "
            "rows; their mean was taken.",
            icon=":material/warning:",
        )
    if card.quarantine_reasons:
        st.subheader("Rows that cannot be used", anchor=False)
        quarantine_table(page.dataset, card)

st.subheader("Bring other files", anchor=False)
st.caption(
    "CSV, CSV.GZ or Parquet with the columns event_time, event_type (VIEW, ADD_CART, REMOVE_CART, BUY), product_id, "
    "category_id, user_id and user_session; the train file also session_value."
)
source = st.segmented_control("Where they are", [UPLOAD, PATHS, DEMO], default=UPLOAD, required=True)
with frame.sentences():
    if source == UPLOAD:
        files = given_by_upload()
    elif source == PATHS:
        files = given_by_path()
    else:
        files = demo_files() if st.button("Read the demo data", type="primary") else None
    if files is not None:
        read(files)
