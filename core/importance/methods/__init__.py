"""The importance methods: one module for each, their definition and their registry."""

from core.importance.methods.definition import Method
from core.importance.methods.registry import METHODS

__all__ = ["METHODS", "Method"]
