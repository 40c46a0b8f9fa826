"""The parts of a run that a service needs."""

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
        identity: id of the run or hash of the model; the state file of a service belongs to it.
        model: the model.
        scorer: predicts the sessions.
        spread: statistics of train sessions for the forecast; None if the service was started from a model folder.
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
