"""Session values: a base plus a share of the hidden price of every event, whether or not it has a row in the files."""

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
    """Return the value of each session in hundredths.

    The value of a short session is mostly base and therefore mostly noise. That of a long session is mostly prices and
    therefore predictable.

    Args:
        rng: random numbers.
        log: the complete sessions.
        event_prices: price of each event's product.
        factors: user factor of each session.
    """
    shares = np.asarray(SHOP.type_weights)[log.types]
    spent = np.bincount(log.session, weights=event_prices * shares, minlength=len(log.habits))
    base = np.asarray(SHOP.base_medians)[log.habits] * np.exp(rng.normal(0.0, SHOP.base_log_sd, len(log.habits)))
    base[log.lengths == 1] *= SHOP.glance_lift
    value = SHOP.least_value + factors * (base + spent)
    return np.rint(value * 100.0).astype(np.int64)
