"""Covariate shift between the files: if test sessions differ from train sessions, the expected score does not hold."""

from core.training.shift.adversarial import validate_adversarially
from core.training.shift.find import find_shift
from core.training.shift.verdict import WARNING, Kind, Shift

__all__ = ["WARNING", "Kind", "Shift", "find_shift", "validate_adversarially"]
