"""Tuning: one search a learner, on the folds that everything else uses, until a budget is spent."""

from core.training.tuning.budget import Budget
from core.training.tuning.learner_search import LearnerSearch, TriedSettings
from core.training.tuning.records import SearchFolder
from core.training.tuning.search import Searched, search

__all__ = ["Budget", "LearnerSearch", "SearchFolder", "Searched", "TriedSettings", "search"]
