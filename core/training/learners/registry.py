"""Registry of the learners, in the order of the columns of the out-of-fold matrix.

To add one, add a module with a `Learner` (see `core.training.learners.definition`) and an entry here.
"""

from __future__ import annotations

from typing import Final

from core.training.learners.catboost import CATBOOST
from core.training.learners.definition import Learner
from core.training.learners.lightgbm import LIGHTGBM
from core.training.learners.linear import LINEAR
from core.training.learners.xgboost import XGBOOST

LEARNERS: Final[tuple[Learner, ...]] = (LIGHTGBM, XGBOOST, CATBOOST, LINEAR)
