"""The fitted model of a run: saved as a whole, loaded anywhere, and asked for the values of new sessions.

`model` has the model, `fitted_stack` its fitted parts, `history` the events that it knows, `rows` the sessions as its
fits see them, `changed_session` a session with other events, and `folder` how it is stored.
"""

from core.model.changed_session import ChangedEvent, with_changed_session
from core.model.folder import MODEL_FILE, load_model, save_model
from core.model.model import PRODUCTS_KNOWN, SOURCE, USER_KNOWN, Scoring, SessionValueModel

__all__ = [
    "MODEL_FILE",
    "PRODUCTS_KNOWN",
    "SOURCE",
    "USER_KNOWN",
    "ChangedEvent",
    "Scoring",
    "SessionValueModel",
    "load_model",
    "save_model",
    "with_changed_session",
]
