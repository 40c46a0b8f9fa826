"""The learners of the stack, in the order of the out-of-fold matrix. A new one is a file here and a line below."""

from core.training.learners.catboost import CatBoost
from core.training.learners.definition import FitContext, Learner, Matrix, Model, Vector
from core.training.learners.lightgbm import LightGBM
from core.training.learners.xgboost import XGBoost

LEARNERS: tuple[Learner, ...] = (LightGBM(), XGBoost(), CatBoost())

__all__ = ["LEARNERS", "FitContext", "Learner", "Matrix", "Model", "Vector"]
