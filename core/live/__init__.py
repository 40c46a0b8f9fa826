"""Open sessions: their state, and what they are expected to be worth after each event."""

from core.live.events import Estimate, Event
from core.live.scorer import LiveScorer

__all__ = ["Estimate", "Event", "LiveScorer"]
