"""Data: read event files, and see what is in them."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core.audit import audit
from core.base.files import path_of
from core.errors import InputError, StudioError
from core.ingestion import DateSplit, InputFiles, Query, Source, ingest, source_of
from core.ingestion.drafts import unrecognised_note
from core.ingestion.peek import Peek, changed_at, peek
from core.ingestion.swapped_files import refuse_swapped_files, swapped_names
from core.pipeline.backtest import MAX_BACKTESTS, splits
from core.pipeline.first_run import demo_files
from pages._ui import frame
from pages._ui.database_url import database_url
from pages._ui.dataset_view import finding, show_dataset, show_size
from pages._ui.findings import MAX_ROWS_AUTO_AUDIT
from pages._ui.form_words import form_text
from pages._ui.kept_fields import keep_fields, kept_key
from pages._ui.mapping_form import mapping_form
from pages._ui.serving.privacy import ONLY_UPLOADS, shows_files
from pages._ui.state import page_state
from pages._ui.stored_data import show_stored_data
from pages._ui.tables_form import choose_tables, show_used_columns
from pages._ui.text import plain
from pages._ui.uploads import ONE_LOG, TYPES, forget_uploads, swap_uploads, uploaded_files

QUESTION = "What is in the data?"
TRAIN_AND_TEST, ONE_FILE = "Train and test file", "One log, split by date"
UPLOAD, PATHS, DATABASE, DEMO = "Upload", "Files on this machine", "Database", "Demo data"

page = frame.open_page(frame.DATA)


def read(*inputs: InputFiles) -> None:
    """Read the inputs, audit them unless they are large, and select the last dataset on all pages.

    Several inputs are splits of the same log.
    """
    step = "Reading the files"
    bar = st.progress(0.0, step)

    def report(n_done: int, n_parts: int, text: str) -> None:
        bar.progress(n_done / n_parts, plain(f"{step}: {text}"))

    for number_read, files in enumerate(inputs, start=1):
        if len(inputs) > 1:
            step = f"Reading split {number_read} of {len(inputs)}"
        dataset = ingest(files, page.workspace, report)
    forget_uploads(page.workspace, inputs[-1])
    card = dataset.card()
    if card.train.rows + card.test.rows <= MAX_ROWS_AUTO_AUDIT:
        step = "Auditing the data"
        audit(dataset, report)
    page_state().selected_ids["dataset"] = dataset.fingerprint
    page_state().leave_message(f"The dataset {card.name} was read and is now shown on all pages.")
    st.rerun()


def choose_split() -> list[DateSplit]:
    """Show the number of test days and of backtests, and return the splits of a log, oldest first."""
    with st.container(horizontal=True):
        days = st.number_input(
            "Test days",
            min_value=0.01,
            value=7.0,
            step=1.0,
            format="%g",
            key=kept_key("test days"),
            width=180,
            help="The sessions that begin in the last days of the log become the test file. Their values are used only "
            "to evaluate the predictions.",
        )
        n_backtests = st.number_input(
            "Backtests",
            min_value=1,
            max_value=MAX_BACKTESTS,
            value=1,
            key=kept_key("backtests"),
            width=180,
            help="Number of splits by date, each further back in time. Each becomes a dataset without the events after "
            "its test days.",
        )
    return splits(days, n_backtests)


def choose_uploads(split: DateSplit | None) -> InputFiles | None:
    """Show the upload fields and return the files, copied to disk; None until all event files are uploaded.

    Raises:
        StudioError: an event file cannot be read as a table.
    """
    if split is not None:
        log = uploaded_files(page.workspace, TYPES, ONE_LOG).get("log")
        return None if log is None else InputFiles(log, name=log.name, split=split)
    paths = uploaded_files(page.workspace, TYPES)
    notes = st.container()  # always drawn: a field further down loses a file in transfer when it is moved
    # so that a wrong file is reported before the other one is uploaded
    logs = {part: peek(paths[part]) for part in ("train", "test") if part in paths}
    if len(logs) == 2:
        return InputFiles(paths["train"], paths["test"], paths.get("sample"), paths["train"].name)
    for part, first in logs.items():
        if note := unrecognised_note(first, with_value=part == "train"):
            notes.warning(plain(note), icon=":material/warning:")
        notes.caption(f"Upload the {'test' if part == 'train' else 'train'} file to continue.")
    return None


def choose_paths(split: DateSplit | None) -> InputFiles | None:
    """Show fields for paths on the server, whose files can be larger than an upload, and return the files."""
    pattern = "a file, a folder, or a pattern such as logs/2025-*.csv"
    if split is not None:
        log = st.text_input("Event log", placeholder=pattern, key=kept_key("Event log"))
        return InputFiles(source_of(log), split=split) if log else None
    placeholders = {
        "Train file": pattern,
        "Test file": "the events of the sessions to predict",
        "Sample submission (optional)": "the sessions to predict, in the order of the submission",
    }
    train, test, sample = (
        st.text_input(label, placeholder=text, key=kept_key(label)) for label, text in placeholders.items()
    )
    if not (train and test):
        if alone := train or test:  # so that a wrong file is reported before the other one is named
            peek(source_of(alone))
        return None
    return InputFiles(source_of(train), source_of(test), path_of(sample) if sample else None)


def choose_queries(split: DateSplit | None) -> InputFiles | None:
    """Show fields for database queries and return the queries."""
    url = database_url()
    if split is not None:
        events = st.text_area("Events query", placeholder="SELECT ... FROM events", key=kept_key("events query"))
        return InputFiles(Query(url, events), split=split) if url and events else None
    train_key, test_key = kept_key("train query"), kept_key("test query")
    train = st.text_area("Train query", placeholder="SELECT ... FROM events WHERE day < '2025-06-22'", key=train_key)
    test = st.text_area("Test query", placeholder="SELECT ... FROM events WHERE day >= '2025-06-22'", key=test_key)
    return InputFiles(Query(url, train), Query(url, test)) if url and train and test else None


def notice_swapped(files: InputFiles) -> None:
    """Say so if the files seem to be swapped, with a button that swaps them.

    Raises:
        InputError: only the test file has session values, so the files cannot be read as they are. The button is shown.
    """
    hint, error = swapped_names(files), None
    try:
        refuse_swapped_files(files)
    except InputError as refusal:
        hint, error = "", refusal
    if hint:
        st.warning(plain(hint), icon=":material/swap_horiz:")
    if hint or error:
        st.button("Swap them", icon=":material/swap_horiz:", on_click=swap_files)
    if error:
        raise error


def swap_files() -> None:
    """Exchange train and test file, wherever they come from."""
    if set(page_state().upload_paths) >= {"train", "test"}:
        swap_uploads("train", "test")
    for first, second in (("Train file", "Test file"), ("train query", "test query")):
        keys = kept_key(first), kept_key(second)
        if all(key in st.session_state for key in keys):
            values = [st.session_state[key] for key in keys]
            st.session_state[keys[0]], st.session_state[keys[1]] = reversed(values)


def show_mapping_form(files: InputFiles | None, splits_of_log: list[DateSplit], needed: str) -> None:
    """Show how the files will be read, and the button that reads them.

    Args:
        needed: what to choose while there are no files.
    """
    if files is not None:
        notice_swapped(files)
    mapping = None if files is None else mapping_form(page.workspace, files.train, first_rows(files.train))
    if files is not None and mapping is not None:
        try:
            show_used_columns(mapping, files.tables)
        except StudioError as error:
            st.warning(form_text(error), icon=":material/warning:")
            mapping = None
    with st.container(horizontal=True, vertical_alignment="center"):
        is_clicked = st.button("Read the files", type="primary", disabled=mapping is None)
        if mapping is None:
            st.caption(needed if files is None else "Complete the form above.", width="content")
    if is_clicked and files and mapping:
        files = dataclasses.replace(files, mapping=mapping)
        read(*(dataclasses.replace(files, split=split) for split in splits_of_log) if splits_of_log else (files,))


def first_rows(source: Source) -> Peek:
    """Return the first rows of the train file; they are read again only if the file has changed."""
    state, stamp = page_state(), (source, changed_at(source))
    if state.preview is None or state.preview_stamp != stamp:
        state.preview, state.preview_stamp = peek(source), stamp
    return state.preview


def show_reading() -> None:
    """Show the form that reads other files."""
    st.header("Read event files" if page.dataset is None else "Read other files", anchor=False)
    st.caption(
        "Event logs can be CSV (comma-, semicolon- or tab-separated), CSV.GZ, ZIP, Parquet, JSON or JSON Lines files, "
        "or results of database queries. The standard columns are event_time, event_type (VIEW, ADD_CART, REMOVE_CART "
        "or BUY), product_id, category_id, user_id and user_session; the train file also has session_value. For other "
        "columns, the form suggests a mapping."
    )
    if shows_files():
        forms = {UPLOAD: choose_uploads, PATHS: choose_paths, DATABASE: choose_queries}
    else:
        forms = {UPLOAD: choose_uploads}
        st.caption(ONLY_UPLOADS)
    keep_fields()
    choices = st.container(horizontal=True)
    origin = choices.segmented_control("Source", [*forms, DEMO], default=UPLOAD, required=True, key=kept_key("source"))
    with frame.showing_errors():
        if origin == DEMO:
            if st.button("Read the demo data", type="primary"):
                read(demo_files())
        else:
            layouts = [TRAIN_AND_TEST, ONE_FILE]
            kind = choices.segmented_control(
                "Files", layouts, default=TRAIN_AND_TEST, required=True, key=kept_key("files")
            )
            chosen_splits = choose_split() if kind == ONE_FILE else []
            files = forms[origin](chosen_splits[-1] if chosen_splits else None)
            with st.expander("Tables of products and users"):
                st.caption("Columns such as brand, list price or age become features, like columns of the log.")
                tables = choose_tables(page.workspace, as_uploads=origin == UPLOAD)
            parts = "the event log" if chosen_splits else "the train and the test file"
            needed = "Fill in all fields first." if origin == DATABASE else f"Choose {parts} first."
            show_mapping_form(files and dataclasses.replace(files, tables=tables), chosen_splits, needed)


if page.dataset is None:
    frame.show_title(QUESTION, "There is no dataset yet. Read event files or the demo data below.")
else:
    card = page.dataset.card()
    frame.show_title(QUESTION, finding(card))
    if message := page_state().take_message():
        st.success(plain(message), icon=":material/check_circle:")
    show_size(card)
show_reading()
if page.dataset is not None:
    with frame.showing_errors():
        show_dataset(page.dataset, page.dataset.card())
with frame.showing_errors():
    show_stored_data(page.workspace)
