"""Training for open sessions: rows for prefixes of sessions, their predictions, and the accuracy of these."""

from core.training.live.buy import BuyHead
from core.training.live.earliness import earliness_frame
from core.training.live.intervals import LengthCalibration
from core.training.live.rows import with_prefixes
from core.training.live.train import LiveTraining, train_live

__all__ = ["BuyHead", "LengthCalibration", "LiveTraining", "earliness_frame", "train_live", "with_prefixes"]
