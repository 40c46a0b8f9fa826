"""The fitted model of a run, which is saved as a whole, loaded anywhere, and predicts new sessions.

`model` has the model, `scoring` an event file to score, `fitted_stack` the fitted parts, `history` the events that the
model knows, `rows` the sessions as its fits see them, `changed_session` a session with other events, and `folder` how
the model is stored.
"""

from core.model.changed_session import ChangedEvent, with_changed_session
from core.model.folder import MODEL_FILE, is_model_folder, load_model, save_model
from core.model.model import SessionValueModel
from core.model.scoring import PRODUCTS_KNOWN, SOURCE, USER_KNOWN, Scoring

__all__ = [
    "MODEL_FILE",
    "PRODUCTS_KNOWN",
    "SOURCE",
    "USER_KNOWN",
    "ChangedEvent",
    "Scoring",
    "SessionValueModel",
    "is_model_folder",
    "load_model",
    "save_model",
    "with_changed_session",
]
