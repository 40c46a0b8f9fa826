"""Importance of the features in a training, and recovered prices as a table."""

from core.importance.importance import importance_frame, new_importance, training_importance
from core.importance.price_table import (
    PriceOrder,
    price_finding,
    price_table,
    prices_by_product,
    standard_errors,
    with_labels,
)

__all__ = [
    "PriceOrder",
    "importance_frame",
    "new_importance",
    "price_finding",
    "price_table",
    "prices_by_product",
    "standard_errors",
    "training_importance",
    "with_labels",
]
