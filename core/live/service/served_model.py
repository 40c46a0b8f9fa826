"""What a service needs of a run."""

from __future__ import annotations

from dataclasses import dataclass

from core.live.forecast import Spread
from core.live.scorer import LiveScorer


@dataclass(frozen=True)
class ServedModel:
    """The model of a run.

    Attributes:
        name: name of the run, for people.
        identity: what the state of the service belongs to.
        scorer: values the sessions.
        spread: how the training sessions of the run ended; None if only the folder of the model is there.
    """

    name: str
    identity: str
    scorer: LiveScorer
    spread: Spread | None
