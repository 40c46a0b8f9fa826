"""The results of one run, as the Train page shows them."""

from __future__ import annotations

import streamlit as st

from core.base.text import count, duration, listed, number
from core.dataset import Dataset
from core.runs import Run, expected_interval
from core.runs.store import CERTIFICATE_FILE
from pages._ui import frame, scores
from pages._ui.cache import damaged_files
from pages._ui.frame import Metric
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
    scores.show_warning(run)
    frame.show_metrics(
        [
            scores.expected_metric(run),
            Metric("90% interval", expected_interval(manifest), "Expected to contain the score on the test file."),
            Metric(f"Cross-validated {metric_scores.label}", number(metric_scores.stack), "Of the stack, out of fold."),
            Metric("Constant guess", number(metric_scores.baseline), f"{metric_scores.label} of the best constant."),
            Metric("Time", duration(manifest.seconds), f"Duration of the run on {count(manifest.threads, 'core')}."),
        ]
    )
    scores.show_actual(run, dataset)
    scores.show_learner_scores(run)
    scores.show_search(run)
    scores.show_blends(run)
    scores.show_folds(run)
    scores.show_errors(run, dataset)
    scores.show_users(run)
    scores.show_coverage(run)
    certificate = manifest.certificate
    st.header("Can the score be trusted?", anchor=False)
    st.markdown(f"{certificate.passed} of {count(certificate.passed + certificate.failed, 'leakage check')} passed.")
    check_table(run.records(CERTIFICATE_FILE))
