"""Lists of background jobs: the queue, which can be changed, and the history."""

from __future__ import annotations

import datetime

import streamlit as st

from core.base.text import count, duration
from core.base.workspace import Workspace
from core.jobs import Jobs, cancel
from pages._ui.job import settings_text
from pages._ui.number_format import in_page_format
from pages._ui.serving.privacy import for_visitors
from pages._ui.table import show_table
from pages._ui.text import plain

_REFRESH_SECONDS = 2.0
_MAX_HISTORY = 50
_OUTCOMES = {"lost": "interrupted"}
"""State of a job -> its name, where they differ."""


def show_queue(workspace: Workspace) -> None:
    """Show the queued jobs, the next one first, with buttons to move and remove them; nothing if there are none."""
    st.fragment(in_page_format(_draw_queue), run_every=_REFRESH_SECONDS if Jobs(workspace).queue() else None)(workspace)


def _draw_queue(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    queue = jobs.queue()
    if not queue:
        return
    st.markdown(f"**{count(len(queue), 'run')} in the queue**")
    for position, job in enumerate(queue):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f"{position + 1}\\. {plain(f'{job.dataset_name}, {settings_text(job)}')}", width="stretch")
            for icon, steps, label in (("arrow_upward", -1, "Move up"), ("arrow_downward", 1, "Move down")):
                at_end = position + steps not in range(len(queue))
                if _icon_button(icon, label, f"{label}-{job.id}", disabled=at_end):
                    jobs.move(job.id, steps)
                    st.rerun(scope="fragment")
            if _icon_button("close", "Remove from the queue", f"drop-{job.id}"):
                cancel(workspace, job.id)
                st.rerun(scope="app")


def _icon_button(icon: str, tooltip: str, key: str, *, disabled: bool = False) -> bool:
    return st.button("", icon=f":material/{icon}:", help=tooltip, key=key, disabled=disabled, type="tertiary")


def show_history(workspace: Workspace) -> None:
    """Show the jobs that have ended, newest first."""
    ended = [job for job in Jobs(workspace).all() if not job.open]
    if not ended:
        return
    with st.expander(f"History: {count(len(ended), 'run')}", icon=":material/history:"):
        show_table(
            [
                {
                    "Requested": f"{datetime.datetime.fromtimestamp(job.created, datetime.UTC):%d %b %Y %H:%M} UTC",
                    "Dataset": for_visitors(job.dataset_name),
                    "Settings": settings_text(job),
                    "Outcome": _OUTCOMES.get(job.state, job.state),
                    "Time": duration(job.seconds()),
                    "Error": for_visitors(job.error or ""),
                }
                for job in ended[:_MAX_HISTORY]
            ],
            numbers=("Time",),
            alt="Runs that have ended, with their settings, outcome and time",
        )
        if len(ended) > _MAX_HISTORY:
            st.caption(f"The latest {_MAX_HISTORY} are shown.")
