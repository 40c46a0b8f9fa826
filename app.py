"""Home: which data, which run is best, where to go next."""

from __future__ import annotations

import streamlit as st

from core.base.text import duration, percent, typical_error
from core.eda.run_charts import learner_scores
from core.jobs import Jobs
from core.runs import Run, best_run, expected_error, expected_interval, list_runs
from pages._ui import frame
from pages._ui.frame import Figure
from pages._ui.job import look_for_jobs, show_end, show_progress
from pages._ui.scores import expected_figure, show_learner_scores, show_warning

page = frame.open_page(frame.HOME)


def best_on_this_dataset() -> Run | None:
    """The run to show: the one expected to do best on the chosen dataset."""
    if page.dataset is None:
        return None
    return best_run([run for run in list_runs(page.workspace) if run.manifest.dataset == page.dataset.fingerprint])


best = best_on_this_dataset()
if best is None:
    frame.title("What will a session be worth?", "There is no finished run on this dataset yet.")
else:
    judged = best.manifest.scores.judged
    frame.title(
        "What will a session be worth?",
        f"{expected_error(best.manifest, 'The best run')}. "
        f"Guessing a constant errs by {typical_error(judged.metric, judged.baseline)}.",
    )
if page.job is not None:
    show_progress(page.workspace, page.job.id)
else:
    if (ended := frame.unfinished(Jobs(page.workspace).all(), page.dataset)) is not None:
        show_end(page.workspace, ended)
    look_for_jobs(page.workspace)
if best is not None:
    show_warning(best)
    manifest = best.manifest
    passed = manifest.checks.passed + manifest.certificate.passed
    frame.figures(
        [
            expected_figure(
                best,
                f"; 90% interval {expected_interval(manifest)}. From nested out-of-fold errors, weighted to the test "
                "file's sessions",
            ),
            Figure(
                "Beats a constant by",
                percent(judged.skill),
                f"How much of the {judged.label} of the best constant guess the stack avoids, out of fold.",
            ),
            Figure("Train sessions", f"{manifest.sessions.train:,}", "Sessions in the train file."),
            Figure("Test sessions", f"{manifest.sessions.test:,}", "Sessions in the test file."),
            Figure(
                "Checks passed",
                f"{passed} of {passed + manifest.checks.failed + manifest.certificate.failed}",
                "Checks of the submission file and of the certificate against leaks.",
            ),
        ]
    )
    st.subheader(learner_scores.TITLE, anchor=False)
    show_learner_scores(best)
    st.caption(
        f"Run {manifest.run_id} on {manifest.dataset_name}"
        f"{' (synthetic data)' if manifest.synthetic else ''}, {duration(manifest.seconds)}."
    )

st.subheader("Where to go next", anchor=False)
for entry, what in (
    (frame.DATA, "bring your own two event files, see what was found in them"),
    (frame.EXPLORE, "look at values, events and hours"),
    (frame.TRAIN, "start a run with one click, watch it, compare its learners"),
    (frame.IMPORTANCE, "see with stakeholders which features the learners used"),
    (frame.SUBMISSION, "check and download submission.csv"),
):
    st.page_link(entry.path, label=f"**{entry.label}**: {what}", icon=entry.icon)
