"""Data: files in, and what was found in them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.audit import audit
from core.base.files import reporting_full_disk
from core.base.text import count, number, percent
from core.dataset import DatasetCard
from core.errors import SettingError
from core.ingestion import InputFiles, Query, Source, ingest, source_of
from core.ingestion.preview import Peek, changed_at, peek
from core.ingestion.sources.paths import path_of
from core.ingestion.sources.uploads import keep_upload
from core.pipeline.first_run import demo_files
from pages._ui import frame
from pages._ui.cache import card_of
from pages._ui.findings import show_findings
from pages._ui.frame import Figure
from pages._ui.mapping_form import mapping_form
from pages._ui.tables import file_table, part_tables, quarantine_table, untrained_table

UPLOAD, PATHS, DATABASE, DEMO = "Upload", "Files on this machine", "Database", "Demo data"
TYPES = ["csv", "tsv", "txt", "gz", "zip", "parquet"]

page = frame.open_page(frame.DATA)


def finding(card: DatasetCard) -> str:
    """What the files hold, in a sentence."""
    aside = card.train.quarantined + card.test.quarantined
    kept = (
        "every row can be used"
        if not aside
        else f"{count(aside, 'row')} cannot be used and {'stands' if aside == 1 else 'stand'} in quarantine"
    )
    return (
        f"**{count(card.train.sessions, 'session')}** to learn from and **{count(card.to_predict, 'session')}** to "
        f"predict; {kept}."
    )


def read(files: InputFiles) -> None:
    """Read the files and look for what is odd; the new dataset is then the one chosen on every page."""
    bar = st.progress(0.0, "Reading the files")
    dataset = ingest(files, page.workspace, lambda part, parts, text: bar.progress(part / parts, text.capitalize()))
    card = dataset.card()
    if card.train.rows + card.test.rows <= frame.AT_ONCE:
        audit(dataset, lambda part, parts, text: bar.progress(part / parts, f"Looking for what is odd: {text}"))
    frame.choose(dataset)
    st.session_state["told"] = f"{card.name} is read; what was found in it stands below."
    st.rerun()


def uploaded() -> tuple[Source, Source, Path | None, str] | None:
    """The uploaded files, copied to disk; None until both are there."""
    train = st.file_uploader("Train file (events with their session's value)", TYPES)
    test = st.file_uploader("Test file (events without)", TYPES)
    sample = st.file_uploader("Sample submission (optional: which sessions, in which order)", TYPES)
    if not (train and test):
        return None
    given = {"train": train, "test": test} | ({"sample": sample} if sample else {})
    ids = {part: upload.file_id for part, upload in given.items()}
    if st.session_state.get("kept_uploads") != ids:  # copied once, not at every click in the form
        with reporting_full_disk(page.workspace.root, SettingError.no_room):
            st.session_state["kept"] = keep_upload(page.workspace, given)
        st.session_state["kept_uploads"] = ids
    kept = st.session_state["kept"]
    return kept["train"], kept["test"], kept.get("sample"), train.name


def named() -> tuple[Source, Source, Path | None, str] | None:
    """Files that lie on the machine where the dashboard runs: nothing is uploaded, so size does not matter."""
    train = st.text_input("Train file", placeholder="path of a file, a folder, or several files as logs/2025-*.csv")
    test = st.text_input("Test file", placeholder="path of the events to predict")
    sample = st.text_input(
        "Sample submission (optional)", placeholder="path of the sessions to predict, in their order"
    )
    if not (train and test):
        return None
    return source_of(train), source_of(test), path_of(sample) if sample else None, ""


def asked() -> tuple[Source, Source, Path | None, str] | None:
    """The answers of a database; its password is used and not kept."""
    url = st.text_input(
        "Address of the database",
        placeholder="sqlite:///shop.db or postgresql://user:password@host/shop",
        type="password",
        help="A password in it is neither stored nor shown.",
    )
    train = st.text_area("Query for the train events", placeholder="SELECT ... FROM events WHERE day < '2025-06-22'")
    test = st.text_area("Query for the test events", placeholder="SELECT ... FROM events WHERE day >= '2025-06-22'")
    return (Query(url, train), Query(url, test), None, "") if url and train and test else None


def bring(given: tuple[Source, Source, Path | None, str]) -> None:
    """How the log is read, and the button that reads it."""
    train, test, sample, name = given
    mapping = mapping_form(page.workspace, train, first_rows(train))
    if st.button("Read the files", type="primary", disabled=mapping is None) and mapping is not None:
        read(InputFiles(train, test, sample, name=name, mapping=mapping))


def first_rows(source: Source) -> Peek:
    """The beginning of the train file; looked at once, not at every click in the form."""
    now = (source, changed_at(source))
    if st.session_state.get("peeked_at") != now:
        st.session_state["peeked"] = peek(source)
        st.session_state["peeked_at"] = now
    return st.session_state["peeked"]


if page.dataset is None:
    frame.title("What is in the data?", "There is no dataset yet: bring two event files, or take the demo data.")
else:
    card = card_of(str(page.dataset.folder))
    frame.title("What is in the data?", finding(card))
    if told := st.session_state.pop("told", None):
        st.success(told, icon=":material/check_circle:")
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
                f"{card.composite_train:,} / {card.composite_test:,}",
                "Session ids that several users share (composite sessions), in train and in test: left out of "
                "training, predicted user by user and summed.",
            ),
        ]
    )
    st.subheader("The two files", anchor=False)
    file_table(card)
    part_tables(card)
    if card.synthetic:
        st.info("This is synthetic data: a simulated shop, made to look like a real one.", icon=":material/science:")
    show_findings(page.dataset, card.train.rows + card.test.rows)
    if card.untrained or card.unassigned_purchases:
        st.subheader("Sessions that do not train", anchor=False)
        untrained_table(page.dataset, card)
    if card.quarantine_reasons:
        st.subheader("Rows that cannot be used", anchor=False)
        quarantine_table(page.dataset, card)

st.subheader("Bring other files", anchor=False)
st.caption(
    "Events as CSV (commas, semicolons, tabs), CSV.GZ, ZIP or Parquet, or from a database. In our own form the columns "
    "are event_time, event_type (VIEW, ADD_CART, REMOVE_CART, BUY), product_id, category_id, user_id and user_session; "
    "in train also session_value. Any other log is translated by a mapping, which a guess begins."
)
source = st.segmented_control("Where they are", [UPLOAD, PATHS, DATABASE, DEMO], default=UPLOAD, required=True)
with frame.sentences():
    if source == DEMO:
        if st.button("Read the demo data", type="primary"):
            read(demo_files())
    else:
        given = {UPLOAD: uploaded, PATHS: named, DATABASE: asked}[source]()
        if given is not None:
            bring(given)
        else:
            st.button("Read the files", type="primary", disabled=True)
