"""The sections of the report with the results, without names in code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from core.base.amounts import money, value_estimate, value_text, value_unit
from core.base.number_format import UNIT
from core.base.text import count, day_of, listed, percent, whole
from core.dataset import Dataset, DatasetCard
from core.eda.run_charts import drivers as driver_chart
from core.eda.run_charts import effect_curve, residuals, segment_effects, theme_effects
from core.importance import Explanation, prices_by_product, text, with_labels
from core.importance.segments import BUYING, SELF_EXPLANATORY
from core.importance.themes import BOUGHT
from core.metric import typical_error
from core.pipeline.report import html
from core.runs import Run
from core.runs.manifest import CheckCounts
from core.runs.store import OOF_FILE, PRICES_FILE
from core.runs.summary import shift_warning
from core.schema import EVENT_NOUNS, EVENT_TYPES

_N_CURVES = 5
_N_PRODUCTS = 15
_LOW = 190
"""Height of a chart, in pixels, of which several fit on a printed page."""
_SIMULATED = "The data are simulated, not from a real shop. Do not use the results for decisions."
_PART_OF_THE_VALUE = "What was bought is part of the value itself."


@dataclass(frozen=True)
class Facts:
    """The results of a run, from which the sections of its report are written.

    Attributes:
        drivers: see `core.importance.drivers`.
        segments: see `core.importance.segments`.
        slow: rows of the slow methods; None if they were not computed.
    """

    run: Run
    dataset: Dataset
    card: DatasetCard
    explanation: Explanation
    drivers: pl.DataFrame
    segments: pl.DataFrame
    slow: pl.DataFrame | None


def in_brief(facts: Facts) -> str:
    """Return the answers in a few sentences."""
    scores = facts.run.manifest.scores
    skill = scores.explained_share
    top = facts.drivers.head(text.N_DRIVERS)
    strongest = listed(f"“{label}”" for label in top.get_column("label"))
    can_act = [f"“{row['label']}”" for row in top.iter_rows(named=True) if row["actionable"]]
    lines = [
        _SIMULATED if facts.card.synthetic else "",
        f"{text.headline(facts.drivers)} {_PART_OF_THE_VALUE if top.item(0, 'theme') == BOUGHT else ''}".strip(),
        f"The strongest drivers are {strongest}.",
        f"Of these, a shop can influence {listed(can_act)}. {text.NOT_A_CAUSE}" if can_act else text.NOT_A_CAUSE,
        f"The predictions explain {percent(max(skill, 0.0))} of the differences in value between sessions. The typical "
        f"error of one session is {money(math.sqrt(scores.cv_mse))}, compared with "
        f"{value_text(math.sqrt(scores.baseline_mse))} if the average value is predicted for every session.",
        _worst_group(facts),
        _trust(facts.run.manifest.certificate),
    ]
    return f'<div class="brief">{html.bullets(line for line in lines if line)}</div>'


def _trust(certificate: CheckCounts) -> str:
    """Say whether the checks of how the model was trained passed."""
    if certificate.failed:
        failed = count(certificate.failed, "check")
        return f"{failed} of how the model was trained failed. Do not rely on these results."
    passed = count(certificate.passed, "check")
    return f"The model was tested fairly: {certificate.passed} of {passed} for leaks and unfair scores passed."


def _worst_group(facts: Facts) -> str:
    """Name the segment with the largest error relative to the average error."""
    groups = facts.segments
    if groups.is_empty():
        return ""
    worst = groups.sort("error", descending=True).row(0, named=True)
    sessions = facts.explanation.sessions
    overall = math.sqrt(float(((sessions["value"] - sessions["predicted"]) ** 2).mean()))  # type: ignore[arg-type]
    return (
        f"The errors are largest for {_group(worst)}: their typical error is {money(worst['error'])}, compared with "
        f"{value_text(overall)} for all sessions in the table below."
    )


def _group(row: Mapping[str, Any]) -> str:
    return str(row["segment"]) if row["kind"] in SELF_EXPLANATORY else f"{row['segment']} ({row['kind'].lower()})"


def the_data(facts: Facts) -> str:
    """Describe the event log."""
    card, sessions = facts.card, facts.run.manifest.sessions
    parts = (card.train, card.test)
    if card.value_rule == "column":
        rule = (
            "The log gives the value of each session that the model learned from. The shop decides what counts in it."
        )
    else:
        rule = "The value of a session is the sum of its purchases."
    in_log_units = value_unit() == UNIT
    unit = f"the currency of the log, called {UNIT} here" if in_log_units else value_unit()
    explained = (
        "A session is one visit of a user to the shop: all events from the first click to the last. Values are in "
        f"{unit}. {rule}"
    )
    items = {
        "Events": f"{count(card.train.kept + card.test.kept, 'event')}: views, cart additions, removals and purchases",
        "Sessions to learn from": whole(sessions.train),
        "Sessions to predict": whole(sessions.test),
        "Users": f"{whole(card.train.users)} in the sessions to learn from" if card.has_users else "unknown",
        "Products": f"{whole(card.train.products)} in {count(card.train.categories, 'category', 'categories')}",
        "Period": f"{day_of(min(part.first_time for part in parts))} to "
        f"{day_of(max(part.last_time for part in parts))}",
        "Average value": f"{money(card.train.value_mean)} (median {value_text(card.train.value_median)})",
    }
    return html.section("Which data is this about?", html.paragraph(explained), html.definitions(items))


def accuracy(facts: Facts) -> str:
    """Say how good the predictions are, and for which sessions they are bad."""
    scores = facts.run.manifest.scores
    of_metric = scores.metric_scores
    if scores.expected_withheld:
        reason = "because they differ too much from the train sessions"
        expected = f"The expected error on the sessions to predict is withheld, {reason}."
    else:
        sessions = count(facts.run.manifest.sessions.test, "session")
        expected = f"For the {sessions} to predict, expect {typical_error(of_metric.metric, of_metric.expected.value)}."
    baseline = (
        "Predicting the average value for every session would have a typical error of "
        f"{money(math.sqrt(scores.baseline_mse))}; the model has {value_text(math.sqrt(scores.cv_mse))}. "
        "Both are measured on sessions of users that the model did not learn from."
    )
    deciles = residuals.frame(facts.run.table(OOF_FILE).collect())
    return html.section(
        "How good are the predictions, and for whom are they bad?",
        html.paragraph(f"{baseline} {expected} {shift_warning(facts.run.manifest)}".strip()),
        html.paragraph(_worst_group(facts)),
        html.picture(
            residuals.figure(deciles),
            f"Average error in ten equal groups, by the size of the prediction. {residuals.finding(deciles)}",
            _LOW,
        ),
        _errors_by_group(facts),
    )


def _errors_by_group(facts: Facts) -> str:
    """Return a table of the groups of sessions with their errors."""
    rows = [
        {
            "Group": _group(row),
            "Sessions": whole(row["sessions"]),
            "Average value": value_text(row["value"]),
            "Average prediction": value_text(row["predicted"]),
            "Typical error": value_text(row["error"]),
        }
        for row in facts.segments.iter_rows(named=True)
    ]
    return html.table(
        rows,
        ("Sessions", "Average value", "Average prediction", "Typical error"),
        f"Error by group, in {value_unit()}, for {count(facts.explanation.sessions.height, 'session')} that the "
        "models were not trained on. The typical error is the root mean squared error.",
    )


def the_drivers(facts: Facts) -> str:
    """Name the strongest drivers in words, with charts."""
    chart = driver_chart.frame(facts.drivers)
    themes = theme_effects.frame(facts.explanation.methods, facts.explanation.sessions)
    labels = (
        '<p><span class="label">what the model uses</span> <span class="label test">not what would change the value'
        "</span></p>"
    )
    return html.section(
        "What drives the value of a session?",
        labels,
        html.paragraph(f"{text.NOT_A_CAUSE} {text.LARGE}"),
        html.numbered((each.label, each.effect, each.detail) for each in text.driver_texts(facts.drivers)),
        html.picture(driver_chart.figure(chart), driver_chart.finding(chart)),
        html.together(
            html.heading(theme_effects.TITLE),
            html.picture(theme_effects.figure(themes), theme_effects.finding(themes)),
        ),
    )


def effects(facts: Facts) -> str:
    """Show how the prediction changes with the strongest drivers."""
    curved = set(facts.explanation.curves.get_column("feature"))
    parts = []
    for driver in facts.drivers.filter(pl.col("feature").is_in(list(curved))).head(_N_CURVES).iter_rows(named=True):
        data = effect_curve.frame(facts.explanation.curves, driver["feature"])
        picture = html.picture(
            effect_curve.figure(data, driver["label"], driver["unit"]),
            effect_curve.finding(data, driver["label"], driver["unit"]),
            _LOW,
        )
        parts.append(html.together(html.heading(driver["label"]), html.paragraph(driver["meaning"]), picture))
    explained = (
        "Each curve shows how the predicted value changes if only this driver changes a little, compared with an "
        "average session. It does not show what a shop would earn by changing it. The band shows how far the curve "
        "varies if the model is trained again (90%). An estimated price is what an event on a product adds to the "
        "value of its session. The model estimates it from session values; it is not the price in the shop."
    )
    return html.section("How does the prediction change with a driver?", html.paragraph(explained), *parts)


def groups(facts: Facts) -> str:
    """Compare buyers and browsers."""
    data = segment_effects.frame(facts.segments, BUYING)
    if data.is_empty():
        return ""
    return html.section(
        segment_effects.TITLE, html.picture(segment_effects.figure(data), segment_effects.finding(data))
    )


def prices(facts: Facts) -> str:
    """Show what an event on the most frequent products adds to the value of its session."""
    if PRICES_FILE not in facts.run.manifest.sha256:
        return ""
    table = facts.run.table(PRICES_FILE).collect()
    products = with_labels(prices_by_product(table, _N_PRODUCTS), facts.dataset)
    columns = {event_type: EVENT_NOUNS[event_type][0].capitalize() for event_type in EVENT_TYPES}
    rows = [
        {"Product": row.get("product", row["product_id"]), "Category": row.get("category", row["category_id"])}
        | {columns[event_type]: _price(row[event_type]) for event_type in EVENT_TYPES}
        for row in products.iter_rows(named=True)
    ]
    price_cells = products.select(*EVENT_TYPES).unpivot().get_column("value").drop_nulls()
    explained = [
        f"Estimated prices, in {value_unit()}: how much an event on a product adds to the value of its session, all "
        "else equal. The prices of all events of a session add up. They are estimated from session values and are not "
        "prices in the shop: they include what usually comes with the event.",
        "The actual number is within the range of ± in two of three cases, and within twice this range in 19 of 20. If "
        "twice the range includes 0, the event may add nothing. A product with few events has a wide range, and a "
        "price close to that of its category.",
    ]
    if any(not cell["learned"] for cell in price_cells):
        explained.append(
            "“About” means that the product has no such event in the train file, so the number of its category is "
            "shown."
        )
    return html.section(
        "What is an event on a product worth?",
        html.paragraph(" ".join(explained)),
        html.table(rows, columns.values(), f"The {len(rows)} products with the most events"),
    )


def _price(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "–"
    return f"{'' if cell['learned'] else 'about '}{value_estimate(cell['price'], cell['standard_error'])}"
