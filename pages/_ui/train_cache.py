"""Cached results for the Train page: comparisons of runs, and what its form offers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.config import FeatureSet
from core.dataset import Dataset
from core.features import feature_catalogue
from core.runs import Comparison, Difference, compare_runs, differences, leaderboard, load_run
from core.schema import UNIT, USER
from pages._ui.number_format import cache_texts

_ENTRIES = 32


@st.cache_data(max_entries=_ENTRIES, show_spinner=False)
def monotone_choices(dataset_folder: str, features: FeatureSet) -> dict[str, str]:
    """Return name -> display name of the features that may have a monotone constraint."""
    own = Dataset(Path(dataset_folder)).card().used_own
    return {entry.feature.name: entry.feature.label for entry in feature_catalogue(own, features)}


@st.cache_resource(show_spinner="Loading the learners")
def hyperparameters() -> list[dict[str, Any]]:
    """Return the hyperparameters of all learners, see `hyperparameter_rows`."""
    from core.training.learners import LEARNERS  # noqa: PLC0415 (the libraries take seconds to load)
    from core.training.learners.hyperparameters import hyperparameter_rows  # noqa: PLC0415

    return hyperparameter_rows(LEARNERS)


@cache_texts(max_entries=_ENTRIES, show_spinner="Comparing the runs")
def comparison(first_folder: str, second_folder: str, dataset_folder: str | None) -> Comparison:
    """Compare two runs; without the dataset, every session counts as a user of its own."""
    users = None if dataset_folder is None else Dataset(Path(dataset_folder)).units().select(UNIT, USER).collect()
    return compare_runs(load_run(Path(first_folder)), load_run(Path(second_folder)), users)


@cache_texts(max_entries=_ENTRIES, show_spinner="Comparing the runs")
def run_differences(entries: tuple[tuple[str, str], ...], dataset_folder: str | None) -> list[Difference]:
    """Compare predictors with the first of them.

    Args:
        entries: pairs of the folder of a run and a predictor, which is the stack or a learner.
    """
    users = None if dataset_folder is None else Dataset(Path(dataset_folder)).units().select(UNIT, USER).collect()
    runs = [load_run(Path(folder)) for folder in dict.fromkeys(folder for folder, _ in entries)]
    board = {(str(entry.run.folder), entry.predictor): entry for entry in leaderboard(runs)}
    return differences([board[entry] for entry in entries], users)
