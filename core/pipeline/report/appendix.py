"""The last sections of the report: what the results rest on. Names in code are only in the one for experts."""

from __future__ import annotations

from core.base.amounts import value_estimate, value_text, value_unit
from core.base.text import count, listed
from core.importance import text
from core.importance.methods.interactions import SEPARATOR
from core.pipeline.report import html
from core.pipeline.report.sections import Facts
from core.runs.store import CERTIFICATE_FILE
from core.runs.summary import COMBINATION_LABELS, describe_settings
from core.schema import LEARNER_LABELS, STACK

_N_FEATURES = 25
_CHECKS = {
    "folds_by_user": "No user is in both the sessions that a model learned from and those that it was tested on",
    "oof_complete": "Every tested session was predicted by models that never saw its user",
    "shuffled_target": "With values in random order, a model finds nothing, as it should",
    "planted_leak": "No column leaks the value; a copy of the value that was added as a test was found",
    "later_events": "Only events before the session are used for the past of users and products",
}
"""Titles of the checks for readers who do not know how models are trained."""
_OUTCOMES = {"passed": "passed", "failed": "FAILED", "not_applicable": "does not apply"}


def certificate(facts: Facts) -> str:
    """List the checks of how the model was trained."""
    checks = facts.run.records(CERTIFICATE_FILE)
    rows = [
        {"Check": _CHECKS.get(check["code"], check["title"]), "Outcome": _OUTCOMES[check["outcome"]]}
        for check in checks
    ]
    explained = (
        "A model can look better than it is if it was trained with information that is missing when it is used. Every "
        "training is checked for such leaks."
    )
    return html.section(
        "Can the result be trusted?", html.paragraph(explained), html.table(rows, caption="Checks of the training")
    )


def model_card(facts: Facts) -> str:
    """Describe the model."""
    manifest = facts.run.manifest
    combination = COMBINATION_LABELS.get(manifest.meta.combination, manifest.meta.combination)
    learners = listed(LEARNER_LABELS[name] for name in manifest.scores.learners)
    items = {
        "Purpose": "Predict the final value of a session of this shop, and explain the predictions",
        "Not for": "Decisions about single people, other shops, or conclusions about causes",
        "Model": f"{learners}; what is used: {combination}",
        "Learned from": f"{count(manifest.sessions.train, 'session')} of {manifest.dataset_name}",
        "Tested": f"In {count(manifest.config.folds, 'repetition')}, on users that the model had not learned from",
        "Measure of errors": manifest.scores.metric_scores.label,
        "Settings": describe_settings(manifest.config),
        "Explained by": f"{count(facts.explanation.sessions.height, 'session')} that the models were not trained on",
        "Personal data": "User ids of the log are used to recognize returning users. No name or address is needed",
        "Made": f"{manifest.created[:10]}, run {manifest.run_id}",
    }
    return html.section("Model card", html.definitions(items))


def for_experts(facts: Facts) -> str:
    """List the features with their names in code, and the results of the slow methods."""
    importance = facts.explanation.importance.filter(learner=STACK).sort("mean_abs_shap", descending=True)
    rows = [
        {
            "Feature": row["label"],
            "Name in code": row["feature"],
            "Mean |SHAP|": value_text(row["mean_abs_shap"]),
            "Meaning": row["meaning"],
        }
        for row in importance.head(_N_FEATURES).iter_rows(named=True)
    ]
    parts = [
        html.table(
            rows, ("Mean |SHAP|",), f"The {len(rows)} features with the largest effects on the combined prediction"
        )
    ]
    if facts.slow is not None:
        parts.append(html.paragraph(text.stretching_line(facts.slow)))
        names = dict(facts.explanation.importance.select("feature", "label").unique().iter_rows())
        pairs = facts.slow.filter(method="interaction").iter_rows(named=True)
        cells = [
            {
                "Features": " and ".join(names.get(name, name) for name in row["feature"].split(SEPARATOR)),
                "Interaction": value_estimate(row["value"], row["spread"]),
            }
            for row in pairs
        ]
        parts.append(
            html.table(cells, ("Interaction",), f"The strongest interactions of two features, in {value_unit()}")
        )
    explained = (
        f"Effects are SHAP values on held-out sessions, in {value_unit()}, of each feature alone; the drivers above "
        "combine features with the same information. They add up to the difference between the "
        "prediction of a session and that of an average one. Effect curves are accumulated local effects, and effects "
        "of parts of a session are Shapley values of groups."
    )
    return html.section("For experts", html.paragraph(explained), *parts)
