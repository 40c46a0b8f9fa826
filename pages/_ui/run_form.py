"""The form for a new run: all settings of `RunConfig`, what a run with them does, and the button that starts it."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from core.base.cores import available_cores
from core.base.processes import LOW_PRIORITY, NORMAL_PRIORITY
from core.base.text import count, listed, whole
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import COUNTED_SESSIONS, Dataset, DatasetCard
from core.jobs import start_run
from core.pipeline.time_estimate import TimeEstimate, estimate_presets, estimate_time
from core.runs import list_runs
from core.schema import LEARNER_LABELS
from core.setting import Group
from pages._ui.hyperparameter_form import choose_hyperparameters
from pages._ui.kept_fields import keep_fields, kept_key
from pages._ui.setting_input import setting_input
from pages._ui.state import page_state, set_param
from pages._ui.text import plain
from pages._ui.train_cache import monotone_choices

_ABOVE = ("preset", "minutes", "trials")
"""Settings with fields above the closed section."""
_PRIORITIES = {LOW_PRIORITY: "Low", NORMAL_PRIORITY: "Normal"}
_PRIORITY_HELP = (
    "With low priority, this machine stays responsive, but the run takes longer while other programs are busy. For "
    "other levels, use `svs run --nice` on the command line."
)


def show_run_form(workspace: Workspace, dataset: Dataset) -> None:
    """Show the settings, what a run with them does, and the button that starts it."""
    keep_fields()
    card = dataset.card()
    n_sessions = card.train.sessions + card.to_predict
    config = _choose_settings(workspace, dataset, n_sessions)
    estimate = estimate_time(config, n_sessions, list_runs(workspace))
    st.markdown(_describe(config, card, estimate), help=COUNTED_SESSIONS)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        starts = st.button("Start training", type="primary", icon=":material/play_arrow:")
        st.session_state.setdefault(kept_key("priority"), LOW_PRIORITY)
        nice = st.selectbox(
            "Priority",
            list(_PRIORITIES),
            format_func=_PRIORITIES.__getitem__,
            key=kept_key("priority"),
            help=_PRIORITY_HELP,
            width=260,
        )
    if not starts:
        return
    job, is_new = start_run(workspace, dataset, config, nice=nice)
    set_param("job", job.id)
    if not is_new:
        page_state().leave_message("This run was already started. It is shown here.")
    elif job.state == "queued":
        page_state().leave_message("Another run is in progress. Yours is queued and will start automatically.")
    st.rerun()


def _choose_settings(workspace: Workspace, dataset: Dataset, n_sessions: int) -> RunConfig:
    presets = RunConfig.setting("preset")
    estimates = estimate_presets(n_sessions, list_runs(workspace))
    st.session_state.setdefault(kept_key("preset"), presets.default)
    preset = st.segmented_control(
        presets.title,
        list(presets.choices),
        required=True,
        format_func=lambda name: f"{presets.choices[name]} · {estimates[name].text}",
        key=kept_key("preset"),
    )
    defaults = RunConfig.checked(preset=preset)
    settings: dict[str, Any] = {"preset": preset}
    with st.container(horizontal=True):  # drawn for a quick run, too, so that the fields below do not move
        if defaults.tunes:
            settings["minutes"] = setting_input("minutes", defaults.budget_minutes, key=f"-{preset}", width=180)
            settings["trials"] = setting_input("trials", placeholder="no limit", width=180)
    with st.expander("Settings", icon=":material/tune:", key="settings"):
        for group in get_args(Group):
            names = [name for name in RunConfig.model_fields if RunConfig.setting(name).group == group]
            settings |= _choose_group(dataset, group, [name for name in names if name not in _ABOVE], settings)
        settings["hyperparameters"] = choose_hyperparameters(settings["learners"], tunes=defaults.tunes)
    return RunConfig.checked(**settings)


def _choose_group(dataset: Dataset, group: str, names: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Show the fields of a group of settings, in two columns, and return their values; `settings` are those above."""
    names = [name for name in names if name != "hyperparameters"]
    if not names:
        return {}
    st.markdown(f"**{group}**")
    columns, values = st.columns(2), dict[str, Any]()
    for place, name in enumerate(names):
        with columns[place % 2]:
            if name == "rising":
                values[name] = setting_input(name, choices=monotone_choices(str(dataset.folder), settings["features"]))
            elif name == "half_life":
                values[name] = setting_input(name, placeholder="all sessions count the same")
            else:
                values[name] = setting_input(name)
    return values


def _describe(config: RunConfig, card: DatasetCard, estimate: TimeEstimate) -> str:
    """Say what the run will do, and how long it takes on this machine."""
    learners = f"{count(len(config.learners), 'learner')} ({listed(LEARNER_LABELS[name] for name in config.learners)})"
    resources = f"{count(config.folds, 'fold')} and {count(available_cores(), 'core')}"
    sessions = f"{count(card.train.sessions, 'train session')} and {whole(card.to_predict)} to predict"
    evidence = (
        f"about {estimate.text}"
        if estimate.is_sure
        else f"{estimate.text} (a rough estimate, because no similar run has been timed yet)"
    )
    changes = f" Set by hand: {plain(listed(config.hyperparameters, 6))}." if config.hyperparameters else ""
    combines = "" if len(config.learners) == 1 else ", and combines them in the way with the best cross-validated score"
    if not config.tunes:
        return (
            f"A **quick** run fits {learners} with default hyperparameters on {resources}{combines}. For {sessions}, "
            f"it should take {evidence}.{changes}"
        )
    minutes = config.budget_minutes
    budget = "" if minutes is None else f"{minutes:g} {'minute' if minutes == 1 else 'minutes'}"
    if minutes is None:
        time = f"It has no time limit, and should take {evidence}"
    elif estimate.over_budget:
        time = (
            f"Its time budget is {budget}, but without any tuning it should already take "
            f"{evidence}, because there are {sessions}"
        )
    else:
        time = f"It takes {budget}"
    return (
        f"A **{config.preset}** run tunes {learners} on {resources}, fits with the best hyperparameters and several "
        f"seeds{combines}. {time}. You can end the tuning early and finish with the best hyperparameters so far."
        f"{changes}"
    )
