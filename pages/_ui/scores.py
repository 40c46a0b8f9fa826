"""The scores of a run, as shown on Home and on Train."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import money, unit_text, value_text, value_unit
from core.base.text import count, difference, number, percent, whole
from core.dataset import COUNTED_SESSIONS, COUNTED_UNITS, Dataset
from core.eda.run_charts import error_by_day, fold_scores, learner_scores, predicted_and_true, residuals, search_history
from core.metric import score_text
from core.runs import Run, expected_interval, expected_score, open_session_warning, shift_warning
from core.runs.store import COVERAGE_FILE, OOF_FILE, SEARCH_FILE
from core.runs.summary import COMBINATION_LABELS
from core.schema import LEARNER_LABELS
from pages._ui import frame
from pages._ui.chart import show_chart
from pages._ui.frame import Metric
from pages._ui.live import show_search as show_search_figures
from pages._ui.run_cache import comparison_with_actual, error_frames
from pages._ui.run_tables import PRICES_ARE_ESTIMATES, fold_table, user_table
from pages._ui.table import show_table
from pages._ui.text import plain

_SEGMENTS = {"all": "All", "prediction": "Prediction", "user": "User", "events": "Events"}


def show_warning(run: Run) -> None:
    """Warn if the test file differs from the train file so much that the score is not reliable."""
    if text := shift_warning(run.manifest):
        st.warning(plain(text), icon=":material/warning:")


def show_open_session_warning(run: Run) -> None:
    """Warn if the values of the run are too high for sessions that have ended."""
    if text := open_session_warning(run.manifest.config):
        st.warning(plain(text), icon=":material/sensors:")


def show_actual(run: Run, dataset: Dataset | None) -> None:
    """Show the actual score next to the expected one, if the actual values of the test sessions are known."""
    with frame.showing_errors():
        comparison = None if dataset is None else comparison_with_actual(run, dataset)
        if comparison is not None:
            st.markdown(f":material/history: {plain(comparison.sentence)}")
            st.page_link(frame.BACKTEST.path, label="See it by day and by split", icon=frame.BACKTEST.icon)


def expected_metric(run: Run) -> Metric:
    """Return the expected test score with its unit and its 90% interval."""
    manifest, scores = run.manifest, run.manifest.scores.metric_scores
    explanation = (
        f"In {unit_text(scores.unit)}. 90% interval: {expected_interval(manifest)}. Estimated from out-of-fold errors, "
        "weighted to match the mix of sessions in the test file."
    )
    if manifest.scores.expected_withheld:
        stack = score_text(scores.metric, scores.stack)
        explanation = f"Withheld, because the test file differs too much from the train file. Cross-validated: {stack}."
    return Metric(f"Expected test {scores.label}", expected_score(manifest), explanation)


def show_sessions(run: Run) -> None:
    """Say how many sessions the run has learned from and predicts, and how they are counted."""
    sessions = run.manifest.sessions
    n_unused = sum(sessions.untrained.values()) + sessions.cut
    unused = f" ({whole(n_unused)} not used for training)" if n_unused else ""
    st.caption(
        f"{count(sessions.train, 'train session')}{unused} and {count(sessions.test, 'session')} to predict.",
        help=f"{COUNTED_SESSIONS} In tables by user or length, {COUNTED_UNITS}.",
    )


def show_learner_scores(run: Run) -> None:
    """Show how well each learner and the stack predict, compared with a constant."""
    scores = run.manifest.scores.metric_scores
    data = learner_scores.frame(
        scores.learners, scores.stack, scores.baseline, prices=scores.prices, metric=scores.metric
    )
    show_chart(
        learner_scores.finding(data, scores.label),
        learner_scores.figure(data, scores.label, scores.unit),
        title=learner_scores.TITLE,
    )


def show_blends(run: Run) -> None:
    """Compare the combination that the run uses with others."""
    scores, meta = run.manifest.scores.metric_scores, run.manifest.meta
    parts = [f"{LEARNER_LABELS[name]} {number(weight)}" for name, weight in meta.weights.items()]
    parts += [f"estimated prices {number(meta.start_weight)}"] if meta.start_weight else []
    weights = ", ".join(parts)
    st.header("Is stacking worth it?", anchor=False)
    chosen = COMBINATION_LABELS[meta.combination]
    note = f" {PRICES_ARE_ESTIMATES}" if meta.start_weight else ""
    st.markdown(f"The predictions of the learners are combined with these weights: {weights} ({chosen}).{note}")
    if not scores.blends:
        return
    best = min(scores.blends, key=scores.blends.__getitem__)
    rule = ""
    if run.manifest.config.combination == "best":
        rule = (
            f" The {COMBINATION_LABELS['mean']} is used unless another combination is better by more than one standard "
            "error."
        )
    side = difference(scores.stack, scores.blends[best], equal="")
    st.markdown(
        f"The out-of-fold {scores.label} is {f'{side} than' if side else 'the same as'} with the best alternative, "
        f"the {COMBINATION_LABELS[best]}.{rule}"
    )
    rows = [(f"{chosen.capitalize()} (used)", scores.stack)]
    rows += [(COMBINATION_LABELS[name].capitalize(), score) for name, score in scores.blends.items()]
    show_table(
        [{"Combination": label, scores.label: score_text(scores.metric, score)} for label, score in rows],
        numbers=(scores.label,),
        alt="Score of the combination that is used and of others",
    )
    st.caption(
        f"{scores.label} of the out-of-fold predictions, in {plain(unit_text(scores.unit))}. For each fold, the "
        "weights, the best learner and the combination are chosen on the other folds."
    )


def show_search(run: Run) -> None:
    """Show the results of tuning; nothing for a run without it."""
    manifest = run.manifest
    if manifest.tuning is None or SEARCH_FILE not in manifest.sha256:
        return
    tuning, trials = manifest.tuning, run.table(SEARCH_FILE).collect()
    data = search_history.frame(trials)
    loss_title = f"out-of-fold loss ({unit_text(manifest.scores.metric_scores.loss_unit)})"
    show_chart(search_history.finding(data), search_history.figure(data, loss_title), title=search_history.TITLE)
    st.caption(
        "The hyperparameters were chosen and scored on the same folds, so the cross-validated score is too optimistic. "
        "The choice was therefore repeated with each fold left out, and the expected error was increased by "
        f"{percent(tuning.choice - 1)}. Each learner was fitted with {count(tuning.seeds, 'seed')}."
    )
    params = {LEARNER_LABELS[learner]: tuned.settings for learner, tuned in tuning.learners.items()}
    names = dict.fromkeys(name for values in params.values() for name in values)
    with st.expander("Best hyperparameters", icon=":material/tune:"):
        show_table(
            [
                {"Hyperparameter": name} | {label: _param_text(values.get(name)) for label, values in params.items()}
                for name in names
            ],
            numbers=list(params),
            alt="The best hyperparameters of each learner",
        )
    show_search_figures(trials, {name: tuned.space for name, tuned in tuning.learners.items()}, "run")


def show_folds(run: Run) -> None:
    """Show how the errors differ between folds, as a chart and as a table."""
    data = fold_scores.frame(run.manifest.scores.fold_mse)
    show_chart(fold_scores.finding(data), fold_scores.figure(data), title=fold_scores.TITLE)
    with st.expander("Mean squared error by fold", icon=":material/table_rows:"):
        fold_table(run)


def show_errors(run: Run, dataset: Dataset | None) -> None:
    """Compare predictions with values, and show where the errors are. A run without stored predictions shows nothing.

    Each chart is in a container of its own.
    """
    if OOF_FILE not in run.manifest.sha256:
        return
    pairs, deciles, days = error_frames(str(run.folder), None if dataset is None else str(dataset.folder))
    with st.container():
        show_chart(predicted_and_true.finding(pairs), predicted_and_true.figure(pairs), title=predicted_and_true.TITLE)
        st.caption("Darker cells contain more sessions. On the dashed line, predictions are exact.")
    with st.container():
        show_chart(residuals.finding(deciles), residuals.figure(deciles), title=residuals.TITLE)
        st.caption(
            "Above the dashed line, sessions were worth more than predicted. The bars are simultaneous 95% confidence "
            "intervals."
        )
    if days is not None and days.height > 1:
        with st.container():
            show_chart(error_by_day.finding(days), error_by_day.figure(days), title=error_by_day.TITLE)


def show_users(run: Run) -> None:
    """Compare the error for new users with that for known users."""
    if run.manifest.scores.users:
        st.header("Are known users easier to predict?", anchor=False)
        st.markdown(
            "For a known user, the values of earlier sessions help to predict the next one. A new user has no history."
        )
        user_table(run)


def show_coverage(run: Run) -> None:
    """Show how wide the prediction intervals are and how often they contain the value; nothing without intervals."""
    if COVERAGE_FILE not in run.manifest.sha256:
        return
    rows = run.table(COVERAGE_FILE).collect().to_dicts()
    overall = next(row for row in rows if row["by"] == "all")
    st.header("How uncertain is a single prediction?", anchor=False)
    st.markdown(
        f"The 80% interval is {plain(money(overall['width_80']))} wide on average and contains the value of "
        f"{percent(overall['inside_80'])} of the train sessions, out of fold. The 95% interval is "
        f"{plain(money(overall['width_95']))} wide and contains {percent(overall['inside_95'])}."
    )
    segments = [
        {
            "Segments by": _SEGMENTS[row["by"]],
            "Segment": f"decile {row['segment']}" if row["by"] == "prediction" else row["segment"],
            "Sessions": whole(row["sessions"]),
        }
        | {f"Coverage {level}%": percent(row[f"inside_{level}"]) for level in (80, 95)}
        | {f"Width {level}%": value_text(row[f"width_{level}"]) for level in (80, 95)}
        for row in sorted(rows, key=lambda row: _segment_order(row["by"], row["segment"]))
    ]
    with st.expander("Coverage by segment", icon=":material/straighten:"):
        show_table(
            segments, numbers=list(segments[0])[2:], alt="Coverage and width of the prediction intervals by segment"
        )
        st.caption(
            f"Widths are in {plain(value_unit())}. The segments depend only on what is known when a session is "
            "predicted. Sessions with the highest values are covered less often, because they cannot be recognized in "
            "advance."
        )


def _segment_order(by: str, segment: str) -> tuple[int, int, str]:
    return list(_SEGMENTS).index(by), int(segment) if by == "prediction" else 0, segment


def _param_text(value: float | str | None) -> str:
    return value if isinstance(value, str) else number(value)
