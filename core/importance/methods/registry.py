"""Registry of the importance methods. To add one, add a module with a `Method` and an entry here."""

from __future__ import annotations

from typing import Final

from core.importance.methods.definition import Method
from core.importance.methods.group_shapley import GROUP_SHAPLEY
from core.importance.methods.interactions import INTERACTIONS
from core.importance.methods.permutation import GROUP_PERMUTATION, PERMUTATION
from core.importance.methods.sampled_shapley import SAMPLED_SHAPLEY
from core.importance.methods.tree_shap import TREE_SHAP

METHODS: Final[tuple[Method, ...]] = (
    TREE_SHAP,
    GROUP_SHAPLEY,
    PERMUTATION,
    GROUP_PERMUTATION,
    INTERACTIONS,
    SAMPLED_SHAPLEY,
)
