"""Registry of the importance methods. To add one, add a file with a `Method` and a line here."""

from core.importance.methods.definition import Method
from core.importance.methods.group_shapley import GROUP_SHAPLEY
from core.importance.methods.interactions import INTERACTIONS
from core.importance.methods.permutation import GROUP_PERMUTATION, PERMUTATION
from core.importance.methods.sampled_shapley import SAMPLED_SHAPLEY
from core.importance.methods.tree_shap import TREE_SHAP

METHODS: tuple[Method, ...] = (
    TREE_SHAP,
    GROUP_SHAPLEY,
    PERMUTATION,
    GROUP_PERMUTATION,
    INTERACTIONS,
    SAMPLED_SHAPLEY,
)

__all__ = ["METHODS", "Method"]
