"""The learners of the stack, in the order of the columns of the out-of-fold matrix.

To add one, add a module here and an entry to LEARNERS.
"""

from core.training.learners.catboost import CatBoost
from core.training.learners.definition import (
    Binned,
    FitContext,
    Learner,
    Matrix,
    Model,
    Settings,
    Suggest,
    Task,
    Vector,
)
from core.training.learners.lightgbm import LightGBM
from core.training.learners.xgboost import XGBoost

LEARNERS: tuple[Learner, ...] = (LightGBM(), XGBoost(), CatBoost())

__all__ = ["LEARNERS", "Binned", "FitContext", "Learner", "Matrix", "Model", "Settings", "Suggest", "Task", "Vector"]
