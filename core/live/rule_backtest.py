"""Backtest of rules on the out-of-fold predictions of the train sessions of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from core.base.amounts import value_text
from core.base.text import count, duration, percent
from core.features.columns import EVENTS_SEEN
from core.live.rules import Rule, Rules
from core.schema import STACK, UNIT, VALUE
from core.training.live import earliness
from core.training.live.train import BOUGHT, DRAWN, P_BUY, SECONDS, SECURED

_COLUMNS = {
    "value": pl.col(STACK),
    "low": pl.col("low_80"),
    "high": pl.col("high_80").fill_null(np.inf),
    "to_come": (pl.col(STACK) - pl.col(SECURED)).clip(0.0),
    "p_buy": pl.col(P_BUY),
    "events_seen": pl.col(EVENTS_SEEN),
    "seconds": pl.col(SECONDS),
}
"""Measure -> its column in the table of prefixes."""
_LENGTH = "_length"
"""Class of the number of events of a prefix, in which a labelled session is compared with others."""
_SCHEMA = {"label": pl.String, "sessions": pl.Int64} | dict.fromkeys(
    (
        "share",
        "first_event",
        "first_second",
        "bought",
        "bought_others",
        "value",
        "value_others",
        "value_share",
        "precision",
        "precision_others",
    ),
    pl.Float64,
)


def backtest_rules(rules: Rules, prefixes: pl.DataFrame) -> pl.DataFrame:
    """Return what each rule would have labelled, one row per rule.

    A session is labelled at the first of its known prefixes that fulfils the rule. The known prefixes are those of one
    and two events, a random sample of the longer ones, and the whole session. So a rule that holds only for a moment in
    the middle of a long session may be missed: `sessions` is a lower bound, and `first_event` an upper one.

    The others, with which labelled sessions are compared, are all sessions that reach as many events as these had when
    they were labelled.

    Args:
        prefixes: the table `live/prefixes.parquet` of a run.

    Returns:
        One row per rule. Cells are NaN if no session is labelled, or if the rule claims nothing.
        label: label of the rule.
        sessions, share: number of labelled sessions, and their share of all sessions.
        first_event, first_second: median number of events, and of seconds since the start, at which the label appears.
        bought, bought_others: share of the labelled sessions, and of the others, with a purchase by their end.
        value, value_others: average final value of the labelled sessions, and of the others, in value units.
        value_share: share of the total value of all sessions that the labelled ones hold; NaN if the total is 0.
        precision, precision_others: share of the labelled sessions, and of the others, for which all claims are true.
    """
    valued = prefixes.filter(pl.col(STACK).is_not_nan() & pl.col(P_BUY).is_not_nan()).sort(UNIT, EVENTS_SEEN)
    lengths = np.searchsorted(earliness.LENGTH_ENDS, valued.get_column(EVENTS_SEEN).to_numpy())
    valued = valued.with_columns(pl.Series(_LENGTH, lengths))
    return pl.DataFrame([_row(rule, valued) for rule in rules.rules], schema=_SCHEMA)


def outcome_text(outcome: Mapping[str, Any]) -> str:
    """Describe in words which sessions a rule would have labelled.

    Args:
        outcome: a row of `backtest_rules`, with null instead of NaN.
    """
    if not outcome["sessions"]:
        return "No session would have been labelled."
    sessions = count(outcome["sessions"], "session")
    value_share = outcome["value_share"]
    held = "" if value_share is None else f" They hold {percent(value_share)} of the total value."
    sentences = [
        f"{sessions} ({percent(outcome['share'])}), typically after {outcome['first_event']:g} events and "
        f"{duration(outcome['first_second'])}.{held}",
        f"{percent(outcome['bought'])} of them bought, against {percent(outcome['bought_others'])} of all sessions "
        "with as many events.",
        f"Their average value was {value_text(outcome['value'])}, against {value_text(outcome['value_others'])}.",
    ]
    if outcome["precision"] is not None:
        true, others = percent(outcome["precision"]), percent(outcome["precision_others"])
        sentences.append(f"The claim came true for {true} of them, against {others}.")
    return " ".join(sentences)


def rules_finding(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Say in one sentence which rule's sessions hold the most value.

    Args:
        outcomes: rows as for `outcome_text`.
    """
    labelled = [outcome for outcome in outcomes if outcome["sessions"]]
    if not labelled:
        return "No session would have been labelled."
    best = max(labelled, key=lambda outcome: outcome["value_share"] or 0.0)
    held = "" if best["value_share"] is None else f", which hold {percent(best['value_share'])} of the total value"
    return f"The label {best['label']} would have been on {percent(best['share'])} of the sessions{held}."


def suggested_rules(prefixes: pl.DataFrame) -> Rules:
    """Return two example rules: the top 10% by predicted final value, and high-value sessions that rarely buy.

    Args:
        prefixes: as in `backtest_rules`.
    """
    valued = prefixes.filter(pl.col(DRAWN) & pl.col(STACK).is_not_nan() & pl.col(P_BUY).is_not_nan())
    if valued.is_empty():
        return Rules()
    high, middle = (_rounded(float(valued.get_column(STACK).quantile(share))) for share in (0.9, 0.5))  # type: ignore[arg-type]
    low_chance = _rounded(float(valued.get_column(P_BUY).quantile(0.25)))  # type: ignore[arg-type]  # there are rows
    return Rules(
        [
            Rule(label="high value", value_above=high, claims_value_above=high),
            Rule(label="will not buy", value_above=middle, p_buy_below=low_chance, claims_purchase=False),
        ]
    )


def _rounded(amount: float) -> float:
    """Return a number with two significant digits.

    >>> _rounded(127.4), _rounded(0.0861)
    (130.0, 0.086)
    """
    return float(f"{amount:.2g}")


def _row(rule: Rule, prefixes: pl.DataFrame) -> dict[str, object]:
    """Return the row of a rule in the table of `backtest_rules`.

    Args:
        prefixes: the known prefixes, sorted by unit and number of events, with the column _LENGTH.
    """
    fulfilled = [
        _COLUMNS[measure] > bound if side == "above" else _COLUMNS[measure] < bound
        for measure, side, bound in rule.conditions()
    ]
    labelled = prefixes.filter(*fulfilled).unique(UNIT, keep="first", maintain_order=True)
    sessions = prefixes.unique(UNIT, keep="first")
    row: dict[str, object] = dict.fromkeys(_SCHEMA, float("nan"))
    row |= {"label": rule.label, "sessions": labelled.height, "share": labelled.height / max(sessions.height, 1)}
    if labelled.height:
        row |= {
            "first_event": labelled.get_column(EVENTS_SEEN).median(),
            "first_second": labelled.get_column(SECONDS).median(),
            "value_share": _share_of_value(labelled, sessions),
        }
        row |= _compared_with_others(rule, labelled, prefixes)
    return row


def _share_of_value(labelled: pl.DataFrame, sessions: pl.DataFrame) -> float:
    total = float(sessions.get_column(VALUE).sum())
    return float(labelled.get_column(VALUE).sum()) / total if total else float("nan")


def _compared_with_others(rule: Rule, labelled: pl.DataFrame, prefixes: pl.DataFrame) -> dict[str, object]:
    """Return the averages of the labelled sessions, and of all that reach as many events as these when labelled."""
    claim = _claim(rule)
    facts = {"bought": pl.col(BOUGHT), "value": pl.col(VALUE)} | ({} if claim is None else {"precision": claim})
    means = {name: fact.cast(pl.Float64).mean() for name, fact in facts.items()}
    by_length = prefixes.filter(DRAWN).group_by(_LENGTH).agg(**means)
    others = labelled.select(_LENGTH).join(by_length, on=_LENGTH).drop(_LENGTH).mean()
    return labelled.select(**means).row(0, named=True) | {
        f"{name}_others": mean for name, mean in others.row(0, named=True).items()
    }


def _claim(rule: Rule) -> pl.Expr | None:
    """Return whether all claims of a rule came true for a session; None if it claims nothing."""
    claims = []
    if rule.claims_purchase is not None:
        claims.append((pl.col(BOUGHT) > 0) == rule.claims_purchase)
    if rule.claims_value_above is not None:
        claims.append(pl.col(VALUE) > rule.claims_value_above)
    return pl.all_horizontal(claims) if claims else None
