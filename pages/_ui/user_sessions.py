"""What a run predicts for a session, and the other sessions of its users, for the Explore page."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import value_interval, value_text, value_unit
from core.base.text import count, listed, verb, whole
from core.schema import USER_SESSION
from pages._ui.frame import Metric, show_metrics
from pages._ui.session_choice import SESSION_IN_LINK, session_link
from pages._ui.table import Frame, show_table
from pages._ui.text import plain

_SHOWN = 200
"""Rows of the table. A user with more sessions is most likely automated."""


def show_prediction(sessions: Frame, session_id: str) -> None:
    """Show the value, the prediction and its interval of a session; nothing if no run predicts it.

    Args:
        sessions: see `core.pipeline.user_sessions`.
    """
    rows = sessions.filter(sessions[USER_SESSION] == session_id).to_dicts()
    row = next((row for row in rows if row["predicted"] is not None), None)
    if row is None:
        return
    by = "models trained without its user" if row["file"] == "train" else "the models for the test file"
    metrics = [
        Metric("Predicted value", value_text(row["predicted"]), f"Predicted by {by}, in {value_unit()}."),
        Metric("Actual value", value_text(row["value"]), "A dash means that it is unknown."),
    ]
    if row["low_80"] is not None:
        interval = value_interval(row["low_80"], row["high_80"])
        metrics.insert(1, Metric("80% interval", interval, "80% of such sessions have a value in this interval."))
    show_metrics(metrics)


def show_other_sessions(sessions: Frame, session_id: str) -> None:
    """Show the other sessions of the users of a session, the latest first, each with a link to it."""
    others = sessions.filter(sessions[USER_SESSION] != session_id)
    n_users = sessions.filter(sessions[USER_SESSION] == session_id)["users"].max()
    whose = "its user" if n_users == 1 else f"its {count(int(n_users), 'user')}"
    subject = "this user" if n_users == 1 else "these users"
    st.header(f"Which other sessions {verb(n_users, 'does', 'do')} {subject} have?", anchor=False)
    if others.is_empty():
        st.markdown(f"This is the only session of {whose} in both files.")
        return
    files = [
        f"{count(n, 'session')} in the {name} file" for name in ("train", "test") if (n := sum(others["file"] == name))
    ]
    is_cut = f" The latest {_SHOWN} are shown." if others.height > _SHOWN else ""
    st.markdown(plain(f"{whose[:1].upper()}{whose[1:]} also {verb(n_users, 'has', 'have')} {listed(files)}.{is_cut}"))
    has_prediction = others["predicted"].count() > 0
    show_table(
        [
            {
                "Session": session_link(row[USER_SESSION]),
                "Start (UTC)": f"{row['start']:%Y-%m-%d %H:%M}",
                "File": row["file"],
                "Events": whole(row["events"]),
                "Actual value": value_text(row["value"]),
            }
            | ({"Predicted value": value_text(row["predicted"])} if has_prediction else {})
            for row in others.head(_SHOWN).iter_rows(named=True)
        ],
        numbers=("Events", "Actual value", *(["Predicted value"] if has_prediction else [])),
        links={"Session": SESSION_IN_LINK},
        scrolls=others.height > 10,
        alt="The other sessions of the user, the latest first",
    )
    st.caption(
        f"Values are in {plain(value_unit())}. A dash means that a value is unknown, as in the test file."
        + (" Train sessions are predicted by models trained without their user." if has_prediction else "")
    )
