"""Tables of a run's results."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.base.amounts import value_estimate
from core.base.spreadsheet import csv_for_people
from core.base.text import MISSING, count, number, whole
from core.metric import error_text
from core.runs import Run
from core.runs.store import PRICES_FILE
from core.schema import EVENT_TYPES, LEARNER_LABELS, STACK, STACK_LABEL
from pages._ui.table import Frame, offer_file, show_table

PRICES_ARE_ESTIMATES = "Prices are estimated from session values; they are not the shop's list prices."
"""Said once on every page with estimated prices."""
_OUTCOMES = {"passed": "passed", "failed": "failed", "not_applicable": "does not apply"}
_SEVERITIES = {"error": "blocking", "warning": "warning"}


def price_table(products: Frame, run: Run, ranking: str = "with the most events") -> None:
    """Show one row per product with the estimated price of each event type; `ranking` follows the word "products"."""
    show_table(
        [
            {"Product": row.get("product", row["product_id"])}
            | ({"Product id": row["product_id"]} if "product" in row else {})
            | {"Category": row.get("category", row["category_id"]), "Events": whole(row["events"])}
            | {event_type: _price(row[event_type]) for event_type in EVENT_TYPES}
            for row in products.iter_rows(named=True)
        ],
        numbers=("Events", *EVENT_TYPES),
        scrolls=True,
        alt=f"The products {ranking}, and what an event of each type adds to a session's value",
    )
    st.caption(
        f"The {count(products.height, 'product')} {ranking}. For each event type, the table shows the price in value "
        f"units ± its standard error, and the number of events in brackets. {PRICES_ARE_ESTIMATES} The price of a "
        "product with few events is close to that of its category, and has a large error.",
        help="Prices are estimated by ridge regression from the session values in the train file. A price also "
        "includes the value of other events that usually come with this one. A dash means that the product has no "
        "events of this type. If its events of this type are only in sessions not used for training, the price is that "
        "of its category.",
    )
    offer_file(
        "Download all estimated prices as CSV",
        "recovered_prices.csv",
        lambda: csv_for_people(run.table(PRICES_FILE).collect()),
    )


def _price(cell: dict[str, Any] | None) -> str:
    """Return price, standard error and number of events: "12.3 ± 0.4 (210)" or "12.3 ± 4.5 (category, 5)"."""
    if cell is None:
        return number(None)
    price = value_estimate(cell["price"], cell["standard_error"])
    return f"{price} ({'' if cell['learned'] else 'category, '}{whole(cell['events'])})"


def fold_table(run: Run) -> None:
    """Show the mean squared error by fold; one row per learner, and one for the stack."""
    scores = run.manifest.scores
    labels = LEARNER_LABELS | {STACK: STACK_LABEL}
    rows = [
        {"Learner": labels[name]}
        | {f"Fold {fold}": number(mse) for fold, mse in enumerate(by_fold, start=1)}
        | {"All": number(scores.learners.get(name, scores.cv_mse))}
        for name, by_fold in scores.fold_mse.items()
    ]
    show_table(rows, numbers=list(rows[0])[1:], alt="Mean squared error of each learner in each fold")


def user_table(run: Run) -> None:
    """Show the out-of-fold error for new users and for known users."""
    labels = {"new": "New", "known": "Known"}
    show_table(
        [
            {
                "User": labels[kind],
                "MSE": number(score.mse),
                "Typical error": MISSING if score.mse is None else error_text("mse", score.mse),
                "Train sessions": whole(score.train_sessions),
                "To predict": whole(score.test_sessions),
            }
            for kind, score in run.manifest.scores.users.items()
        ],
        numbers=("MSE", "Typical error", "Train sessions", "To predict"),
        alt="Error on sessions of new and known users",
    )
    st.caption("A user is known if one of the user's train sessions ended before the session began.")


def check_table(checks: list[dict[str, Any]]) -> None:
    """Show one row per check of a submission or of the certificate; only submission checks have a severity."""
    has_explanations = any(check["explanation"] for check in checks)
    rows = [
        {"Outcome": _OUTCOMES[check["outcome"]], "Check": check["title"]}
        | ({"Kind": _SEVERITIES[check["severity"]]} if "severity" in check else {})
        | ({"Result": check["explanation"]} if has_explanations else {})
        for check in checks
    ]
    show_table(rows, alt="Checks and their outcomes")
