"""The HTTP service that predicts open sessions as their events arrive."""

from core.live.service.application import application
from core.live.service.event_store import EventStore, find_state
from core.live.service.served_model import ServedModel
from core.live.service.sessions import SessionService

__all__ = ["EventStore", "ServedModel", "SessionService", "application", "find_state"]
