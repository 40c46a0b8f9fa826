"""Hyperparameter tuning: one Optuna study per learner, on the folds of the run, within a shared budget."""

from core.training.tuning.learner_search import LearnerSearch, TrialResult
from core.training.tuning.parallel_search import Budget, SearchResult, tune
from core.training.tuning.search_folder import SearchFolder

__all__ = ["Budget", "LearnerSearch", "SearchFolder", "SearchResult", "TrialResult", "tune"]
