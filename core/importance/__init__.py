"""Importance of the features in a training: methods, drivers and effect curves; and recovered prices as a table."""

from core.importance import text
from core.importance.drivers import drivers
from core.importance.explanation import Explanation, explain_training, run_methods
from core.importance.importance import importance_table, new_importance, training_importance
from core.importance.price_table import (
    PriceOrder,
    price_finding,
    price_table,
    prices_by_product,
    with_labels,
)
from core.importance.segments import PERIODS, SELF_EXPLANATORY, periods, segments

__all__ = [
    "PERIODS",
    "SELF_EXPLANATORY",
    "Explanation",
    "PriceOrder",
    "drivers",
    "explain_training",
    "importance_table",
    "new_importance",
    "periods",
    "price_finding",
    "price_table",
    "prices_by_product",
    "run_methods",
    "segments",
    "text",
    "training_importance",
    "with_labels",
]
