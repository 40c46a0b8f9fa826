"""The scores of a run, as shown on Home and on Train."""

from __future__ import annotations

import streamlit as st

from core.base.text import count, number, percent
from core.dataset import Dataset
from core.eda.run_charts import error_by_day, fold_scores, learner_scores, predicted_and_true, residuals, search_history
from core.runs import Run, expected_score, shift_warning
from core.runs.store import COVERAGE_FILE, OOF_FILE, SEARCH_FILE
from core.schema import LEARNER_LABELS
from pages._ui.cache import error_frames
from pages._ui.chart import show_chart
from pages._ui.frame import Metric
from pages._ui.live import show_search_space, show_setting_importance
from pages._ui.run_tables import fold_table, user_table
from pages._ui.table import show_table

_BLENDS = {
    "best_learner": "Best single learner",
    "mean": "Equal-weight mean",
    "non_negative": "Best weighted mean (weights sum to 1)",
}
_SEGMENTS = {"all": "", "prediction": "Prediction", "user": "User", "events": "Events"}


def show_warning(run: Run) -> None:
    """Warn if the test file differs too much from train for the score to be relied on."""
    if text := shift_warning(run.manifest):
        st.warning(text, icon=":material/warning:")


def expected_metric(run: Run, more: str = "") -> Metric:
    """Return the expected test score; `more` is added to its explanation."""
    judged = run.manifest.scores.judged
    explanation = (
        f"Expected on the test file, in {judged.unit}{more}."
        if not run.manifest.scores.expected_withheld
        else f"The test file differs from train. Cross-validated on train: {number(judged.stack)}, in {judged.unit}."
    )
    return Metric(f"Expected test {judged.label}", expected_score(run.manifest), explanation)


def show_learner_scores(run: Run) -> None:
    """Show how well each learner and the stack predict, compared with a constant."""
    judged = run.manifest.scores.judged
    data = learner_scores.frame(
        judged.learners, judged.stack, judged.baseline, prices=judged.prices, linear=judged.linear
    )
    show_chart(
        learner_scores.finding(data, judged.label),
        learner_scores.figure(data, judged.label, judged.unit),
        title=learner_scores.TITLE,
    )


def show_blends(run: Run) -> None:
    """Compare the meta-model with other ways to combine the learners."""
    judged, meta = run.manifest.scores.judged, run.manifest.meta
    weights = ", ".join(f"{LEARNER_LABELS[name]} {number(weight)}" for name, weight in meta.weights.items())
    st.subheader("Is stacking worth it?", anchor=False)
    st.markdown(f"The Ridge meta-model adds up the learners with these weights: {weights}.")
    if not judged.blends:
        return
    best, score = min(judged.blends.items(), key=lambda blend: blend[1])
    difference = abs(1 - judged.stack / score) if score else 0.0
    direction = "lower" if judged.stack <= score else "higher"
    st.markdown(
        f"Out of fold its {judged.label} is {percent(difference)} {direction} than that of the best alternative "
        f"({_BLENDS[best].lower()})."
    )
    scores = {"Ridge meta-model": judged.stack} | {_BLENDS[name]: score for name, score in judged.blends.items()}
    show_table(
        [{"Combination": name, judged.label: number(score)} for name, score in scores.items()],
        numbers=(judged.label,),
        alt="Score of the meta-model and of other ways to combine the learners",
    )
    st.caption(f"{judged.label} in {judged.unit}, out of fold. Weights and choices are fitted on the other folds only.")


def show_search(run: Run) -> None:
    """Show the results of tuning; nothing for a run without it."""
    manifest = run.manifest
    if manifest.tuning is None or SEARCH_FILE not in manifest.sha256:
        return
    tuning, trials = manifest.tuning, run.table(SEARCH_FILE).collect()
    data = search_history.frame(trials)
    loss_title = f"out-of-fold loss ({manifest.scores.judged.loss_unit})"
    show_chart(search_history.finding(data), search_history.figure(data, loss_title), title=search_history.TITLE)
    st.caption(
        "The settings were chosen on the folds that also score them, which makes the score optimistic. The choice was "
        f"therefore repeated without each fold, and the expected score raised by {percent(tuning.choice - 1)}. "
        f"Each learner was fitted with {count(tuning.seeds, 'seed')}."
    )
    settings = {LEARNER_LABELS[learner]: tuned.settings for learner, tuned in tuning.learners.items()}
    names = dict.fromkeys(name for values in settings.values() for name in values)
    with st.expander("Best settings", icon=":material/tune:"):
        show_table(
            [
                {"Setting": name} | {learner: _setting(values.get(name)) for learner, values in settings.items()}
                for name in names
            ],
            numbers=list(settings),
            alt="The best settings of each learner",
        )
    show_setting_importance({name: tuned.importances for name, tuned in tuning.learners.items()})
    show_search_space(trials, "run")


def show_folds(run: Run) -> None:
    """Show how the errors differ between folds, as a chart and as a table."""
    data = fold_scores.frame(run.manifest.scores.fold_mse)
    show_chart(fold_scores.finding(data), fold_scores.figure(data), title=fold_scores.TITLE)
    with st.expander("Mean squared error by fold", icon=":material/table_rows:"):
        fold_table(run)


def show_errors(run: Run, dataset: Dataset | None) -> None:
    """Compare predictions with values, and show where the errors are; nothing if the run stored no predictions."""
    if OOF_FILE not in run.manifest.sha256:
        return
    pairs, deciles, days = error_frames(str(run.folder), None if dataset is None else str(dataset.folder))
    show_chart(predicted_and_true.finding(pairs), predicted_and_true.figure(pairs), title=predicted_and_true.TITLE)
    st.caption("Darker cells hold more sessions. On the dashed line, predictions are exact.")
    show_chart(residuals.finding(deciles), residuals.figure(deciles), title=residuals.TITLE)
    st.caption(
        "Points above the dashed line: sessions were worth more than predicted. "
        "The bars are 95% confidence intervals that hold jointly."
    )
    if days is not None and days.height > 1:
        show_chart(error_by_day.finding(days), error_by_day.figure(days), title=error_by_day.TITLE)


def show_users(run: Run) -> None:
    """Compare the error for new users with that for known users."""
    if run.manifest.scores.users:
        st.subheader("Are known users easier to predict?", anchor=False)
        st.markdown(
            "For a known user, the values of earlier sessions help to predict the next one. A new user has no history."
        )
        user_table(run)


def show_coverage(run: Run) -> None:
    """Show how wide the prediction intervals are, and how often they hold; nothing for a run without intervals."""
    if COVERAGE_FILE not in run.manifest.sha256:
        return
    rows = run.table(COVERAGE_FILE).collect().to_dicts()
    overall = rows[0]
    st.subheader("How sure is a single prediction?", anchor=False)
    st.markdown(
        f"The 80% interval is {number(overall['width_80'])} value units wide on average and contains the value of "
        f"{percent(overall['inside_80'])} of the train sessions, out of fold. The 95% interval is "
        f"{number(overall['width_95'])} value units wide and contains {percent(overall['inside_95'])}."
    )
    segments = [
        {
            "Sessions by": _SEGMENTS[row["by"]],
            "Segment": f"decile {row['segment']}" if row["by"] == "prediction" else row["segment"],
            "Sessions": f"{row['sessions']:,}",
        }
        | {f"Inside {level}%": percent(row[f"inside_{level}"]) for level in (80, 95)}
        | {f"Width {level}%": number(row[f"width_{level}"]) for level in (80, 95)}
        for row in sorted(rows, key=lambda row: _segment_order(row["by"], row["segment"]))
    ]
    with st.expander("By prediction, user and length", icon=":material/straighten:"):
        show_table(
            segments, numbers=list(segments[0])[2:], alt="Coverage and width of the intervals by segment of sessions"
        )
        st.caption(
            "Widths are in value units. Segments use only what is known before the value is. Coverage is lower for the "
            "highest values, because no interval can know in advance which sessions these are."
        )


def _segment_order(by: str, segment: str) -> tuple[int, int, str]:
    return list(_SEGMENTS).index(by), int(segment) if by == "prediction" else 0, segment


def _setting(value: float | str | None) -> str:
    return value if isinstance(value, str) else number(value)
