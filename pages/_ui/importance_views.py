"""The views of the Importance page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.base.amounts import unit_text, value_text, value_unit
from core.base.progress import Report
from core.base.text import day_of, number, percent, whole
from core.dataset import Dataset
from core.eda.parts.export import PageChart
from core.eda.run_charts import beeswarm, drivers, effect_curve, importance, segment_effects, theme_effects
from core.importance import PERIODS, SELF_EXPLANATORY, text
from core.importance.methods.interactions import SEPARATOR
from core.pipeline.explain import explain_further
from core.runs import Run
from core.schema import LEARNER_LABELS, STACK
from pages._ui.chart import show_chart
from pages._ui.downloads import offer_chart
from pages._ui.importance_cache import Explained, compared_periods, slow_methods
from pages._ui.run_cache import importance_frame, recovered_prices
from pages._ui.run_tables import price_table
from pages._ui.table import Frame, show_table
from pages._ui.text import plain

N_FEATURES = 12
N_PRODUCTS = 50
_N_SLOW = 15
"""Rows of the tables of the slow methods."""
_SLOW_TITLES = {
    "permutation": "By how much does the error rise if a feature is shuffled?",
    "group_permutation": "By how much does the error rise if a part of the session is shuffled?",
    "interaction": "Which features act together?",
    "sampled_shapley": "How large are the effects (Shapley values in value units)?",
}


def _chart(name: str, data: Frame, shown: PageChart, note: str) -> None:
    """Show a chart with its title, finding and downloads."""
    show_chart(shown.finding, shown.figure, title=shown.title, key=f"chart-{name}")
    offer_chart(name, data, shown, note)


def show_summary(explained: Explained, lines: list[str], note: str) -> None:
    """Show the strongest drivers as a chart and in words, and what the model does not know."""
    with st.container(key="grid-summary"):
        with st.container():
            data = drivers.frame(explained.drivers)
            shown = PageChart("How large are the effects?", drivers.finding(data), drivers.figure(data))
            _chart("drivers", data, shown, note)
            data = theme_effects.frame(explained.methods, explained.sessions)
            shown = PageChart(theme_effects.TITLE, theme_effects.finding(data), theme_effects.figure(data))
            _chart("parts_of_a_session", data, shown, note)
        with st.container():
            _show_drivers(explained)
    st.header("What does the model not know?", anchor=False)
    st.markdown("\n".join(f"- {plain(line)}" for line in lines))


def _show_drivers(explained: Explained) -> None:
    st.header("What are the strongest drivers?", anchor=False)
    for place, driver in enumerate(text.driver_texts(explained.drivers), start=1):
        with st.container(gap=None):
            st.markdown(f"**{place}. {plain(driver.label)}.** {plain(driver.effect)}")
            st.caption(plain(driver.detail))
    st.caption(plain(f"{text.LARGE} {text.NOT_A_CAUSE}"))


def show_effects(explained: Explained, note: str) -> None:
    """Show the effects in single sessions, and the effect curve of a driver."""
    shown = PageChart(beeswarm.TITLE, beeswarm.finding(explained.swarm), beeswarm.figure(explained.swarm))
    _chart("effects_in_sessions", explained.swarm, shown, note)
    curved = set(explained.curves.get_column("feature"))
    by_feature = {row["feature"]: row for row in explained.drivers.iter_rows(named=True) if row["feature"] in curved}
    if not by_feature:
        return
    st.header(effect_curve.TITLE, anchor=False)
    feature = st.selectbox("Driver", list(by_feature), format_func=lambda name: by_feature[name]["label"])
    driver = by_feature[feature]
    data = effect_curve.frame(explained.curves, feature)
    label = driver["label"]
    shown = PageChart(
        "", effect_curve.finding(data, label, driver["unit"]), effect_curve.figure(data, label, driver["unit"])
    )
    st.caption(plain(driver["meaning"]))
    _chart(f"effect_of_{feature}", data, shown, note)


def show_segments(explained: Explained, note: str, run: Run, dataset: Dataset | None) -> None:
    """Compare segments of one kind."""
    kinds = explained.segments.get_column("kind").unique(maintain_order=True).to_list()
    if not kinds:
        st.markdown("There are too few sessions to compare segments.")
        return
    kind = st.segmented_control("Segments", kinds, default=kinds[0], required=True, format_func=plain)
    segments = explained.segments
    if kind == PERIODS and dataset is not None:
        segments = _chosen_periods(segments, run, dataset)
    data = segment_effects.frame(segments, kind)
    if data.is_empty():
        st.markdown("One of the periods has too few explained sessions. Choose another day.")
        return
    shown = PageChart(segment_effects.TITLE, segment_effects.finding(data), segment_effects.figure(data))
    _chart("groups_of_sessions", data, shown, note)
    rows = segments.filter(kind=kind).iter_rows(named=True)
    show_table(
        [
            {
                "Segment": row["segment"],
                "Sessions": whole(row["sessions"]),
                "Share": percent(row["share"]),
                "Average value": value_text(row["value"]),
                "Average prediction": value_text(row["predicted"]),
                "Typical error": value_text(row["error"]),
            }
            for row in rows
        ],
        numbers=("Sessions", "Share", "Average value", "Average prediction", "Typical error"),
        alt="Segments of sessions with their values and errors",
    )
    most = "" if kind in SELF_EXPLANATORY else " A session belongs to the segment that most of its events are in."
    st.caption(
        f"Values and errors are in {plain(value_unit())}. The typical error is the out-of-fold root mean "
        f"squared error.{most}"
    )


def _chosen_periods(segments: Frame, run: Run, dataset: Dataset) -> Frame:
    """Return the segments before and from a day that the visitor may choose; the given ones if none was chosen."""
    card = dataset.card().train
    first, last = day_of(card.first_time), day_of(card.last_time)
    day = st.date_input(
        "First day of the second period (UTC)", None, min_value=first, max_value=last, key="second-period", width=280
    )
    chosen = None if day is None else compared_periods(str(run.folder), str(dataset.folder), day)
    return segments if chosen is None else chosen


def show_prices(run: Run, dataset_folder: str | None) -> None:
    """Show what an event on each product adds to the value of its session."""
    prices = recovered_prices(str(run.folder), N_PRODUCTS, dataset_folder=dataset_folder)
    if prices is None:
        st.markdown("No prices were estimated in this run.")
        return
    st.header("What is an event worth?", anchor=False)
    st.markdown(plain(prices.finding))
    price_table(prices.products, run)


def show_learners(run: Run, note: str) -> None:
    """Show the features that each learner uses."""
    measure = st.segmented_control(
        "Measure",
        list(importance.MEASURES),
        default="mean_abs_shap",
        required=True,
        format_func=importance.MEASURES.__getitem__,
    )
    data = importance_frame(str(run.folder), measure, N_FEATURES)
    shown = PageChart(importance.TITLE, importance.finding(data, measure), importance.figure(data, measure))
    _chart(f"importance_{measure}", data, shown, note)
    st.caption(unit_text(importance.EXPLAINED[measure]))
    learners = [LEARNER_LABELS[name] for name in run.manifest.scores.learners]
    show_number = value_text if measure == "mean_abs_shap" else number
    rows: dict[str, dict[str, object]] = {}
    for cell in data.sort("place").iter_rows(named=True):
        row = {"Rank": cell["place"], "Feature": cell["name"], **dict.fromkeys(learners)}
        row |= {"Unit": unit_text(cell["unit"]), "Meaning": cell["meaning"], "Name in code": cell["feature"]}
        rows.setdefault(cell["feature"], row)[cell["label"]] = show_number(cell["value"])
    show_table(
        list(rows.values()), numbers=learners, alt="The top features with their importance by learner and meaning"
    )


def show_slow_methods(run: Run, names: dict[str, str]) -> None:
    """Show the methods that are computed on request, or a button that computes them.

    Args:
        names: feature -> its display name.
    """
    methods = slow_methods(str(run.folder))
    if methods is None:
        st.header("Permutation, interactions and exact effects", anchor=False)
        st.markdown("These methods predict hundreds of thousands of changed sessions, which takes about half a minute.")
        if st.button("Compute them", icon=":material/calculate:", disabled=run.manifest.version == 1):
            run_with_progress(lambda report: explain_further(run, report))
        return
    for code, title in _SLOW_TITLES.items():
        st.header(plain(unit_text(title)), anchor=False)
        rows = methods.filter(method=code, learner=STACK).sort("value", descending=True).head(_N_SLOW)
        show_table(
            [
                ({"Feature": _shown(row["feature"], names)} if row["feature"] else {})
                | {
                    "Part of the session": row["group"],
                    f"In {value_unit()}": value_text(row["value"]),
                    "Standard error": value_text(row["spread"]),
                }
                for row in rows.iter_rows(named=True)
            ],
            numbers=(f"In {value_unit()}", "Standard error"),
            alt=title,
        )
    st.caption(plain(text.stretching_line(methods)))


def _shown(feature: str, names: dict[str, str]) -> str:
    """Return the display name of a feature, or those of a pair of features."""
    return " and ".join(names.get(name, name) for name in feature.split(SEPARATOR))


def run_with_progress(compute: Callable[[Report], object]) -> None:
    """Run something with a progress bar, and draw the page again."""
    bar = st.progress(0.0, "Loading the model")

    def report(n_done: int, n_parts: int, step: str) -> None:
        bar.progress(min(n_done / n_parts, 1.0), plain(f"Explaining the run: {step}"))

    compute(report)
    st.rerun()
