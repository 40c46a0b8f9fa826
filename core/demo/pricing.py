"""What a session is worth: a base, and a share of the hidden price of every event of the full log, kept or not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.demo.browsing import Log
from core.demo.calibration import SHOP


def price_sessions(
    rng: np.random.Generator,
    log: Log,
    event_prices: npt.NDArray[np.float64],
    factors: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Value of each session in hundredths (two decimals, exactly), from prices by event and user factors by session.

    Small sessions are mostly base, so mostly noise; big ones are mostly prices, so predictable.
    """
    shares = np.asarray(SHOP.type_weights)[log.types]
    spent = np.bincount(log.session, weights=event_prices * shares, minlength=len(log.habits))
    base = np.asarray(SHOP.base_medians)[log.habits] * np.exp(rng.normal(0.0, SHOP.base_log_sd, len(log.habits)))
    base[log.lengths == 1] *= SHOP.glance_lift
    value = SHOP.least_value + factors * (base + spent)
    return np.rint(value * 100.0).astype(np.int64)
