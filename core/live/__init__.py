"""Open sessions: their state, and the predicted final value after each event."""

from core.live.events import Estimate, Event
from core.live.scorer import LiveScorer

__all__ = ["Estimate", "Event", "LiveScorer"]
