"""A run's scores as people see them, on the home page and on Train."""

from __future__ import annotations

import streamlit as st

from core.base.text import count, number, percent
from core.dataset import Dataset
from core.eda.run_charts import (
    error_by_day,
    fold_scores,
    learner_scores,
    predicted_and_true,
    residuals,
    search_history,
    search_space,
    setting_importance,
)
from core.runs import Run, expected_score, shift_warning
from core.runs.store import COVERAGE_FILE, OOF_FILE, SEARCH_FILE
from core.schema import LEARNER_LABELS
from pages._ui.cache import error_frames
from pages._ui.frame import Figure
from pages._ui.live import space
from pages._ui.tables import fold_table

_BLENDS = {
    "best_learner": "The best learner alone",
    "mean": "The plain mean",
    "non_negative": "The best mean with weights that sum to 1",
}
_SEGMENTS = {"all": "", "prediction": "Prediction", "user": "User", "events": "Events"}
_RIGHT = st.column_config.TextColumn(alignment="right")


def show_warning(run: Run) -> None:
    """What has to be known before the score is used; nothing where the test file is like train."""
    if text := shift_warning(run.manifest):
        st.warning(text, icon=":material/warning:")


def expected_figure(run: Run, more: str = "") -> Figure:
    """The expected score as a figure of the row under the title; `more` is added to what it means."""
    judged = run.manifest.scores.judged
    meaning = (
        f"To expect on the test file, in {judged.unit}{more}."
        if not run.manifest.scores.expected_withheld
        else f"The test file is unlike train. Cross-validated on train: {number(judged.stack)}, in {judged.unit}."
    )
    return Figure(f"Expected test {judged.label}", expected_score(run.manifest), meaning)


def show_learner_scores(run: Run) -> None:
    """The sentence and the chart of how well the learners predict."""
    judged = run.manifest.scores.judged
    data = learner_scores.frame(
        judged.learners, judged.stack, judged.baseline, prices=judged.prices, linear=judged.linear
    )
    st.markdown(learner_scores.finding(data, judged.label))
    st.altair_chart(learner_scores.figure(data, judged.label, judged.unit))


def show_blends(run: Run) -> None:
    """The meta-model beside other ways to combine the learners."""
    judged, meta = run.manifest.scores.judged, run.manifest.meta
    weights = ", ".join(f"{LEARNER_LABELS[name]} {number(weight)}" for name, weight in meta.weights.items())
    st.subheader("Is stacking worth it?", anchor=False)
    told = f"The Ridge meta-model adds up the learners with these weights: {weights}."
    if not judged.blends:
        st.markdown(told)
        return
    name, least = min(judged.blends.items(), key=lambda blend: blend[1])
    apart = abs(1 - judged.stack / least) if least else 0.0
    side = "better" if judged.stack <= least else "worse"
    best = _BLENDS[name].lower()
    st.markdown(f"{told} Out of fold it is {percent(apart)} {side} than the best of the others, {best}.")
    scores = {"The Ridge meta-model": judged.stack} | {_BLENDS[name]: score for name, score in judged.blends.items()}
    rows = [{"Combination": name, judged.label: number(score)} for name, score in scores.items()]
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={judged.label: _RIGHT},
        alt="Score of the meta-model and of other ways to combine the learners",
    )
    st.caption(f"{judged.label} in {judged.unit}, out of fold; weights and choices come from the other folds alone.")


def show_search(run: Run) -> None:
    """What the search of settings found; nothing where nothing was tuned."""
    manifest = run.manifest
    if manifest.tuning is None or SEARCH_FILE not in manifest.sha256:
        return
    judged, tuning = manifest.scores.judged, manifest.tuning
    data = search_history.frame(run.table(SEARCH_FILE).collect())
    st.subheader(search_history.TITLE, anchor=False)
    st.markdown(search_history.finding(data))
    st.altair_chart(search_history.figure(data, f"out-of-fold loss ({judged.loss_unit})"))
    st.caption(
        "The settings were chosen by the same folds that score them. The choice was made again without each fold, and "
        f"the expected score raised by what it flatters: {percent(tuning.choice - 1)}. "
        f"In the end each learner was fitted with {count(tuning.seeds, 'seed')}."
    )
    names = dict.fromkeys(name for tried in tuning.learners.values() for name in tried.settings)
    rows = [
        {"Setting": name}
        | {LEARNER_LABELS[learner]: _told(tried.settings.get(name)) for learner, tried in tuning.learners.items()}
        for name in names
    ]
    with st.expander("Settings that were found", icon=":material/tune:"):
        st.dataframe(
            rows,
            hide_index=True,
            height="content",
            column_config={LEARNER_LABELS[learner]: _RIGHT for learner in tuning.learners},
            alt="The settings of each learner",
        )
    shares = setting_importance.frame({name: tried.importances for name, tried in tuning.learners.items()})
    if shares.height:
        with st.expander(setting_importance.TITLE, icon=":material/bar_chart:"):
            st.markdown(setting_importance.finding(shares))
            st.altair_chart(setting_importance.figure(shares))
    with st.expander(search_space.TITLE, icon=":material/linear_scale:"):
        space(run.table(SEARCH_FILE).collect(), "run")


def show_folds(run: Run) -> None:
    """How the folds differ, as a chart and as a table."""
    data = fold_scores.frame(run.manifest.scores.fold_mse)
    st.subheader(fold_scores.TITLE, anchor=False)
    st.markdown(fold_scores.finding(data))
    st.altair_chart(fold_scores.figure(data))
    with st.expander("Mean squared error by fold", icon=":material/table_rows:"):
        fold_table(run)


def show_errors(run: Run, dataset: Dataset | None) -> None:
    """Predictions against values, and where the errors are; nothing where the run's out-of-fold table is gone."""
    if OOF_FILE not in run.manifest.sha256:
        return
    pair, tenths, days = error_frames(str(run.folder), None if dataset is None else str(dataset.folder))
    st.subheader(predicted_and_true.TITLE, anchor=False)
    st.markdown(predicted_and_true.finding(pair))
    st.altair_chart(predicted_and_true.figure(pair))
    st.caption("Darker cells hold more sessions; on the dashed line predictions are right.")
    st.subheader(residuals.TITLE, anchor=False)
    st.markdown(residuals.finding(tenths))
    st.altair_chart(residuals.figure(tenths))
    st.caption(
        "Points above the dashed line: sessions were worth more than was said. "
        "The bars are wide enough for all of them to hold at once with 95%."
    )
    if days is not None and days.height > 1:
        st.subheader(error_by_day.TITLE, anchor=False)
        st.markdown(error_by_day.finding(days))
        st.altair_chart(error_by_day.figure(days))


def show_coverage(run: Run) -> None:
    """How wide the intervals are and how often they hold; nothing in older runs."""
    if COVERAGE_FILE not in run.manifest.sha256:
        return
    rows = run.table(COVERAGE_FILE).collect().to_dicts()
    everyone = rows[0]
    st.subheader("How sure is a single prediction?", anchor=False)
    st.markdown(
        f"The 80% interval is {number(everyone['width_80'])} value units wide on average and holds the value of "
        f"{percent(everyone['inside_80'])} of the train sessions, out of fold; the 95% interval is "
        f"{number(everyone['width_95'])} wide and holds {percent(everyone['inside_95'])}."
    )
    shown = [
        {
            "Sessions by": _SEGMENTS[row["by"]],
            "Segment": f"{row['segment']} of 10" if row["by"] == "prediction" else row["segment"],
            "Sessions": f"{row['sessions']:,}",
        }
        | {f"Inside {level}%": percent(row[f"inside_{level}"]) for level in (80, 95)}
        | {f"Width {level}%": number(row[f"width_{level}"]) for level in (80, 95)}
        for row in sorted(rows, key=lambda row: _place(row["by"], row["segment"]))
    ]
    columns = dict.fromkeys([name for name in shown[0] if name not in ("Sessions by", "Segment")], _RIGHT)
    with st.expander("By prediction, user and length", icon=":material/straighten:"):
        st.dataframe(
            shown,
            hide_index=True,
            height="content",
            column_config=columns,
            alt="Coverage and width of the intervals by segment",
        )
        st.caption(
            "Widths in value units. Segments are of what is known beforehand: no honest interval covers the highest "
            "values as often as others, as it cannot know that they are."
        )


def _place(by: str, segment: str) -> tuple[int, int, str]:
    """Segments in the order of _SEGMENTS, tenths by their number."""
    return list(_SEGMENTS).index(by), int(segment) if by == "prediction" else 0, segment


def _told(value: float | str | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else number(value)
