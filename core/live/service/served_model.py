"""What a service needs of a run."""

from __future__ import annotations

from dataclasses import dataclass

from core.live.forecast import Spread
from core.live.scorer import LiveScorer
from core.model import SessionValueModel
from core.schema import TIME


@dataclass(frozen=True)
class ServedModel:
    """The model of a run.

    Attributes:
        name: name of the run, for people.
        identity: what the state of the service belongs to.
        model: the model.
        scorer: values the sessions.
        spread: how the training sessions of the run ended; None if only the folder of the model is there.
    """

    name: str
    identity: str
    model: SessionValueModel
    scorer: LiveScorer
    spread: Spread | None

    @property
    def history_end(self) -> int:
        """Epoch seconds of the last event in the history of the model."""
        return int(self.model.history.events.get_column(TIME).max() or 0)  # type: ignore[arg-type]  # integers
