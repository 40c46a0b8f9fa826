"""The results of one run, as the Train page shows them."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import value_unit
from core.base.text import count, duration, listed
from core.dataset import Dataset
from core.metric import error_text, score_text
from core.runs import Run, expected_interval
from core.runs.store import CERTIFICATE_FILE
from pages._ui import frame, scores
from pages._ui.frame import Metric
from pages._ui.run_cache import damaged_files
from pages._ui.run_tables import check_table
from pages._ui.text import plain


def show_result(run: Run, dataset: Dataset | None) -> None:
    """Show the results of a run, unless its files were changed or lost."""
    if damage := damaged_files(str(run.folder)):
        st.error(
            f"Files of this run have changed since it finished ({plain(listed(damage, 3))}), so its results are not "
            "shown. Train again with the same settings, then delete this run.",
            icon=":material/error:",
        )
        return
    manifest, metric_scores = run.manifest, run.manifest.scores.metric_scores
    metric = metric_scores.metric
    scores.show_warning(run)
    frame.show_metrics(
        [
            scores.expected_metric(run),
            Metric("90% interval", expected_interval(manifest), "Expected to contain the score on the test file."),
            Metric(
                f"Cross-validated {metric_scores.label}",
                score_text(metric, metric_scores.stack),
                "Out-of-fold score of the stack.",
            ),
            _second_metric(run),
            Metric("Time", duration(manifest.seconds), f"Duration of the run on {count(manifest.threads, 'core')}."),
        ]
    )
    scores.show_sessions(run)
    scores.show_actual(run, dataset)
    scores.show_search(run)
    with st.container(key="grid-result"):  # two columns in a wide window
        for show in (scores.show_learner_scores, scores.show_blends, scores.show_folds):
            with st.container():
                show(run)
        scores.show_errors(run, dataset)
        for show in (scores.show_users, scores.show_coverage):
            with st.container():
                show(run)
    _show_certificate(run)


def _show_certificate(run: Run) -> None:
    certificate = run.manifest.certificate
    st.header("Can the score be trusted?", anchor=False)
    st.markdown(f"{certificate.passed} of {count(certificate.passed + certificate.failed, 'leakage check')} passed.")
    check_table(run.records(CERTIFICATE_FILE))


def _second_metric(run: Run) -> Metric:
    """Return the typical error of a session next to a squared error, and the score of the baseline next to others."""
    scores = run.manifest.scores.metric_scores
    if scores.metric == "mse" and not run.manifest.scores.expected_withheld:
        explanation = f"Root of the expected MSE (RMSE): the typical error of one session, in {plain(value_unit())}."
        return Metric("Typical error", error_text(scores.metric, scores.expected.value), explanation)
    text = score_text(scores.metric, scores.baseline)
    return Metric("Baseline", text, f"{scores.label} of predicting the same value for every session.")
