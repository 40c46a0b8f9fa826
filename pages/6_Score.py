"""Score: predict the values of the sessions of a later event file with the model of a run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.base.amounts import money, value_interval, value_text, value_unit
from core.base.spreadsheet import csv_for_people
from core.base.text import count, listed, noun_form, number, percent, verb, whole
from core.eda.run_charts import scored_values, value_intervals
from core.errors import StudioError
from core.ingestion import Query, Source, Tables, source_of
from core.model import load_model
from core.own_columns import TableName
from core.pipeline.score import score
from core.runs import Run, expected_error
from pages._ui import frame
from pages._ui.chart import show_chart
from pages._ui.data_tables import quarantine_table
from pages._ui.database_url import database_url
from pages._ui.frame import Metric
from pages._ui.kept_fields import keep_fields, kept_key
from pages._ui.scored_files import ScoredFile, last_scored, remember
from pages._ui.scores import show_open_session_warning
from pages._ui.serving.privacy import ONLY_UPLOADS, shows_files
from pages._ui.state import page_state
from pages._ui.table import offer_file, show_table
from pages._ui.tables_form import choose_tables
from pages._ui.text import plain, without_formulas
from pages._ui.uploads import NEW_EVENTS, TYPES, forget_sources, uploaded_files

QUESTION = "What will new sessions be worth?"
UPLOAD, PATH, DATABASE = "Upload", "File on this machine", "Database"
YES_OR_NO = {True: "yes", False: "no", None: number(None)}

page = frame.open_page(frame.SCORE)


def finding(file: ScoredFile) -> str:
    """Say how much the sessions of a scored file are worth."""
    scores = file.scores
    n_sessions, name = scores.values.height, plain(scores.name)
    if n_sessions == 1:
        return f"The **only session** of {name} will be worth **{money(scores.value_sum)}**."
    return (
        f"The **{count(n_sessions, 'session')}** of {name} will be worth **{money(scores.value_sum)}** "
        f"in total, {value_text(scores.value_mean)} on average."
    )


def show_metrics(file: ScoredFile, *, has_users: bool) -> None:
    """Show the figures of a scored file."""
    scores = file.scores
    n_sessions = scores.values.height
    frame.show_metrics(
        [
            Metric("Sessions", whole(n_sessions), "Session ids in the file, each with one value."),
            Metric("Predicted total", value_text(scores.value_sum), f"Sum of the predicted values, in {value_unit()}."),
            Metric("Predicted average", value_text(scores.value_mean), f"Average predicted value, in {value_unit()}."),
            Metric(
                "Known users",
                percent(scores.n_known_users / n_sessions) if has_users else "unknown",
                "Share of sessions whose user has an earlier session, in this file or in the history of the run.",
            ),
            Metric("Quarantined rows", whole(scores.n_quarantined), f"Of {count(scores.rows, 'row')} in the file."),
        ]
    )


def show_meaning(file: ScoredFile, run: Run) -> None:
    """Say what the values are, and which error to expect."""
    n_defaults, known = file.scores.n_defaults, percent(file.scores.products_known)
    defaults = (
        f" {count(n_defaults, 'session')} {verb(n_defaults, 'has', 'have')} no usable event and "
        f"{verb(n_defaults, 'gets', 'get')} the baseline of the run, the best prediction that is equal for all "
        "sessions."
    )
    st.caption(
        "Each value is the final value of a session, as predicted from its events in this file. If a session "
        "continues after the file ends, its later events are not included. On average, "
        f"{known} of a session's events are on products that occurred in training.{defaults if n_defaults else ''}"
    )
    similar = "train" if run.manifest.scores.expected_withheld else "test"
    error = expected_error(run.manifest, page.run_name)
    st.caption(
        without_formulas(
            f"{error}. This holds for this file if its sessions resemble those of the {similar} file of the run."
        )
    )


def show_highest(file: ScoredFile) -> None:
    """Show the sessions with the highest values."""
    st.header("Which sessions are worth the most?", anchor=False)
    show_table(
        [
            {
                "Session": row["user_session"],
                "Predicted value": value_text(row["session_value"]),
                "80% interval": interval(row["low_80"], row["high_80"]),
                "Known user": YES_OR_NO[row["user_known"]],
                "Known products": percent(row["products_known"]),
            }
            for row in file.highest.iter_rows(named=True)
        ],
        numbers=("Predicted value", "80% interval", "Known products"),
        alt="The sessions with the highest predicted values, with their intervals",
    )
    st.caption(
        f"Values and intervals are in {plain(value_unit())}. “Known products” is the share of the session's events "
        "on products that occurred in training. The downloads contain all sessions, also with 95% intervals."
    )


def interval(low: float | None, high: float | None) -> str:
    """Return an interval as text; its upper end may be unknown."""
    if low is None:
        return number(None)
    return value_interval(low, high)


def show_result(file: ScoredFile, run: Run, *, has_users: bool) -> None:
    """Show everything about a scored file below the title."""
    show_metrics(file, has_users=has_users)
    with st.container(horizontal=True):
        values = file.scores.values
        offer_file("Download values as CSV", "session_values.csv", lambda: csv_for_people(values), kind="primary")
        offer_file(
            "Download as Parquet",
            "session_values.parquet",
            file.scores.values_as_parquet,
            mime="application/vnd.apache.parquet",
        )
    show_meaning(file, run)
    show_chart(
        scored_values.finding(file.distribution), scored_values.figure(file.distribution), title=scored_values.TITLE
    )
    if file.intervals.height:
        show_chart(
            value_intervals.finding(file.intervals), value_intervals.figure(file.intervals), title=value_intervals.TITLE
        )
        st.caption(
            "The intervals hold for single sessions, not for the total: the errors of many sessions partly cancel out."
        )
    show_highest(file)
    if file.scores.reasons:
        st.header("Quarantined rows", anchor=False)
        quarantine_table(file.scores.reasons, file.scores.quarantine.lazy())


def choose_upload() -> Source | None:
    """Show the upload field and return the file, copied to disk."""
    return uploaded_files(page.workspace, TYPES, NEW_EVENTS).get("events")


def choose_path() -> Source | None:
    """Show a field for a path on the server, whose file can be larger than an upload."""
    path = st.text_input(
        "Event file", placeholder="a file, a folder, or a pattern such as logs/2025-*.csv", key=kept_key("event file")
    )
    return source_of(path) if path else None


def choose_query() -> Source | None:
    """Show fields for a database query."""
    url = database_url()
    sql = st.text_area(
        "Query", placeholder="SELECT ... FROM events WHERE day >= '2025-07-01'", key=kept_key("new events query")
    )
    return Query(url, sql) if url and sql else None


def predict(source: Source, tables: Tables, run: Run) -> None:
    """Predict the values of the sessions of a file, and draw the page again with them."""
    bar = st.progress(0.0, "Loading the model")

    def report(n_done: int, n_parts: int, text: str) -> None:
        bar.progress(n_done / n_parts, plain(f"Predicting values: {text}"))

    try:
        scores = score(load_model(run), source, tables=tables, report=report)
    except StudioError:
        bar.empty()
        raise
    remember(run.manifest.run_id, scores)
    forget_sources(page.workspace, [source, *tables.values()])
    page_state().leave_message(f"{scores.name} was scored. Its values are at the top of the page.")
    st.rerun()


def choose_newer_tables(names: Sequence[TableName], *, as_uploads: bool) -> Tables:
    """Show the fields for tables that replace those of the run, if it has some, and return the chosen files."""
    if not names:
        return {}
    with st.expander(f"Newer {noun_form(len(names), 'table')} of {listed(names)}"):
        st.caption("Choose a file only if there are new products or users. By default, the table of the run is used.")
        return choose_tables(page.workspace, names, as_uploads=as_uploads)


def show_form(run: Run, mapping: str, tables_of_run: Sequence[TableName]) -> None:
    """Show where the events come from, and the button that predicts their values."""
    st.caption(
        f"The file is read with the mapping of the run: {plain(mapping) or 'the standard columns'}. It needs the "
        "same columns as the train file, but no session values. It can be a CSV, CSV.GZ, ZIP, Parquet, JSON or JSON "
        "Lines file."
    )
    forms = {UPLOAD: choose_upload, PATH: choose_path, DATABASE: choose_query}
    if not shows_files():
        forms = {UPLOAD: choose_upload}
        st.caption(ONLY_UPLOADS)
    keep_fields()
    origin = st.segmented_control(
        "Source", list(forms), default=UPLOAD, required=True, key=kept_key("source of events")
    )
    with frame.showing_errors():
        source = forms[origin]()
        tables = choose_newer_tables(tables_of_run, as_uploads=origin == UPLOAD)
        with st.container(horizontal=True, vertical_alignment="center"):
            is_clicked = st.button("Predict values", type="primary", disabled=source is None)
            if source is None:
                needed = "Fill in all fields first." if origin == DATABASE else "Choose an event file first."
                st.caption(needed, width="content")
        if is_clicked and source is not None:
            predict(source, tables, run)


if page.run is None or page.dataset is None:
    frame.show_title(QUESTION, page.no_run)
    frame.show_empty_state("The values of the sessions of a later event file will be shown here.", "run", page.waiting)
    st.stop()
if page.run.manifest.version == 1:
    frame.show_title(
        QUESTION,
        f"{page.run_name} was made by an earlier version and has no stored model. Train again with the same settings "
        "to score files.",
    )
    frame.show_better_run(page)
    st.page_link(frame.TRAIN.path, label=f"Go to {frame.TRAIN.label}", icon=frame.TRAIN.icon)
    st.stop()

card, scored = page.dataset.card(), last_scored(page.run.manifest.run_id)
if scored is None:
    frame.show_title(QUESTION, "No file has been scored with this run yet. Choose an event file below.")
else:
    frame.show_title(QUESTION, finding(scored))
frame.show_better_run(page)
show_open_session_warning(page.run)
if scored is not None:
    show_result(scored, page.run, has_users=card.has_users)
st.header("Score a file" if scored is None else "Score another file", anchor=False)
if message := page_state().take_message():
    st.success(plain(message), icon=":material/check_circle:")
show_form(page.run, card.mapping, list(card.tables))
if card.synthetic:
    st.caption("The run was trained on synthetic data from a simulated shop.")
