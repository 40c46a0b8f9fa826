"""Registry of the learners, in the order of the columns of the out-of-fold matrix.

To add one, add a module (see `core.training.learners.definition`) and an entry to LEARNERS.
"""

from core.training.learners.catboost import CATBOOST
from core.training.learners.definition import Binned, FitContext, Learner, Matrix, Model, Settings, Task, Vector
from core.training.learners.lightgbm import LIGHTGBM
from core.training.learners.linear import LINEAR
from core.training.learners.xgboost import XGBOOST

LEARNERS: tuple[Learner, ...] = (LIGHTGBM, XGBOOST, CATBOOST, LINEAR)

__all__ = ["LEARNERS", "Binned", "FitContext", "Learner", "Matrix", "Model", "Settings", "Task", "Vector"]
