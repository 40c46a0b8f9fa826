"""The learners of the stack: one module for each, their definition and their registry."""

from core.training.learners.definition import Binned, FitContext, Learner, Matrix, Model, Settings, Task, Vector
from core.training.learners.registry import LEARNERS

__all__ = ["LEARNERS", "Binned", "FitContext", "Learner", "Matrix", "Model", "Settings", "Task", "Vector"]
