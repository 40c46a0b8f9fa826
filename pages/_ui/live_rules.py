"""The part of the Live page that edits rules for open sessions, and backtests them on the train sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from core.base.amounts import value_text
from core.base.text import percent, short_duration, whole
from core.live.rule_backtest import backtest_rules, rules_finding, suggested_rules
from core.live.rules import Rules, rules_of, rules_toml
from core.pipeline.served import prefixes_of
from core.runs import Run, load_run
from pages._ui.frame import showing_errors
from pages._ui.table import Frame, offer_file, show_table
from pages._ui.text import plain

_LABEL, _CLAIMS_PURCHASE = "label", "claims_purchase"
_NUMBERS = {
    "value_above": ("Value >", 80, "True if the predicted final value is higher than this."),
    "to_come_above": ("Still to come >", 122, "True if the value still to come is higher than this."),
    "p_buy_above": ("P(purchase) >", 118, "True if the purchase probability is higher than this, from 0 to 1."),
    "p_buy_below": (
        "P(purchase) <",
        118,
        "True if the purchase probability is lower than this. It is 1 once there is a purchase.",
    ),
    "events_seen_above": ("Events >", 86, "True if the session has more events so far than this."),
    "seconds_above": ("Seconds >", 96, "True if more time passed from the first to the latest event."),
    "claims_value_above": ("Claim: value >", 120, "The rule is right if the final value is higher than this."),
}
"""Setting -> title, width in pixels and help of its column. All columns fit next to each other on a laptop."""
_YES_OR_NO = {"yes": True, "no": False}
_RUNS = 16
_LABEL_WIDTH, _PURCHASE_WIDTH = 105, 130


@st.cache_data(max_entries=_RUNS, show_spinner=False)
def _prefixes(run_folder: str) -> Frame:
    return prefixes_of(load_run(Path(run_folder)))


def show_rules(run: Run) -> None:
    """Let the visitor edit rules, and show what they would have done on the train sessions."""
    st.header("Which open sessions need attention?", anchor=False)
    st.caption(
        "A rule labels the open sessions that meet all of its conditions. The service returns the labels with each "
        "prediction. Change, add or delete rows; an empty cell is no condition."
    )
    prefixes = _prefixes(str(run.folder))
    edited = _edited_rows(run, suggested_rules(prefixes))
    with showing_errors():
        rules = rules_of([_settings(row) for row in edited if any(_settings(row).values())])
        outcomes = backtest_rules(rules, prefixes).fill_nan(None).to_dicts()
        if outcomes:
            _show_outcomes(outcomes)
        offer_file("Download the rules", "rules.toml", lambda: rules_toml(rules), mime="application/toml")
        st.caption("To use them in the service: `svs serve --run RUN --rules rules.toml`.")


def _edited_rows(run: Run, rules: Rules) -> Sequence[Mapping[str, object]]:
    """Show the table of rules, and return its rows."""
    purchases = {value: text for text, value in _YES_OR_NO.items()}
    rows = [
        {_LABEL: record[_LABEL]}
        | {name: record.get(name) for name in _NUMBERS}
        | {_CLAIMS_PURCHASE: purchases.get(record.get(_CLAIMS_PURCHASE))}  # type: ignore[arg-type]  # may be missing
        for record in rules.records()
    ]
    columns = {_LABEL: st.column_config.TextColumn("Label", required=True, width=_LABEL_WIDTH)}
    for name, (title, width, text) in _NUMBERS.items():
        columns[name] = st.column_config.NumberColumn(title, help=text, width=width)
    help_text = (
        "What the rule claims: the session ends with a purchase (yes) or without one (no). The backtest counts how "
        "often this is right."
    )
    columns[_CLAIMS_PURCHASE] = st.column_config.SelectboxColumn(
        "Claim: purchase", options=list(_YES_OR_NO), help=help_text, width=_PURCHASE_WIDTH
    )
    edited: Sequence[Mapping[str, object]] = st.data_editor(
        rows,
        key=f"rules-{run.folder.name}",
        num_rows="dynamic",
        height="content",
        column_config=columns,
        placeholder="",
    )
    return edited


def _settings(row: Mapping[str, object]) -> dict[str, object]:
    """Return a row of the table as the settings of a rule, without empty cells."""
    settings = {name: cell for name, cell in row.items() if cell not in (None, "")}
    if _CLAIMS_PURCHASE in settings:
        settings[_CLAIMS_PURCHASE] = _YES_OR_NO[str(settings[_CLAIMS_PURCHASE])]
    return settings


def _show_outcomes(outcomes: Sequence[Mapping[str, float]]) -> None:
    rows = [
        {
            "Label": outcome["label"],
            "Sessions": whole(outcome["sessions"]),
            "Share": percent(outcome["share"]),
            "Share of value": percent(outcome["value_share"]),
            "Bought": f"{percent(outcome['bought'])} ({percent(outcome['bought_others'])})",
            "Average value": f"{value_text(outcome['value'])} ({value_text(outcome['value_others'])})",
            "Precision": f"{percent(outcome['precision'])} ({percent(outcome['precision_others'])})",
            "Events until label": f"{outcome['first_event']:g}" if outcome["sessions"] else "–",
            "Time until label": short_duration(outcome["first_second"]) if outcome["sessions"] else "–",
        }
        for outcome in outcomes
    ]
    st.markdown(plain(rules_finding(outcomes)))
    show_table(rows, numbers=list(rows[0])[1:], alt="What each rule would have labelled")
    st.caption(
        "Based on out-of-fold predictions of the train sessions. Numbers in brackets are for all sessions that reach "
        "the same number of events. “Until label” is the median. Long sessions were evaluated only after some of their "
        "events, so a few of them may be labelled earlier or more often than shown."
    )
