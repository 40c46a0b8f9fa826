"""Which features the learners used, in numbers and in words."""

from core.importance.importance import importance_frame

__all__ = ["importance_frame"]
