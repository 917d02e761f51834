"""Which models can be joined, and how objects are read from the mean of their probabilities.

Recipes only: `unmask.model` joins the networks.
"""

from collections.abc import Sequence
from statistics import fmean, median_low
from typing import Any

from unmask.errors import ModelError
from unmask.recipe import InstanceRecipe, Recipe, UNetRecipe

__all__ = ["check_joinable", "mean_of"]

# How many members there are already, and what plays no part in prediction.
MAY_DIFFER = {"network": {"members", "dropout"}}


def check_joinable(recipes: Sequence[Recipe], names: Sequence[str]) -> None:
    """Refuse models whose probabilities have no mean, or none that means anything.

    Args:
        recipes: of the models.
        names: by which they are called in what is said.

    Raises:
        ModelError: one is a Mask R-CNN, or two differ; the first value that does is named.
    """
    for recipe, name in zip(recipes, names, strict=True):
        if not isinstance(recipe.network, UNetRecipe):
            raise ModelError(
                f"{name} is a Mask R-CNN: its objects have no mean with those of others",
                remedy="join U-Nets, or use it alone",
            )
    first = _shared(recipes[0])
    for recipe, name in zip(recipes[1:], names[1:], strict=True):
        other = _shared(recipe)
        for key, value in first.items():
            if value != other[key]:
                raise ModelError(
                    f"{names[0]} and {name} cannot be joined, {key} is {value} in one and {other[key]} in the other",
                    remedy="train both with the same value, or use them one at a time",
                )


def mean_of(found: Sequence[InstanceRecipe]) -> InstanceRecipe:
    """Of fractions and the temperature the mean, of pixels the lower median; thresholds keep their order."""
    means = {
        key: round(fmean(getattr(one, key) for one in found), 6)
        for key in ("seed_threshold", "mask_threshold", "temperature")
    }
    pixels = {key: median_low(getattr(one, key) for one in found) for key in ("reach", "min_size", "max_hole")}
    return found[0].model_copy(update=means | pixels)


def _shared(recipe: Recipe) -> dict[str, Any]:
    """What members of an ensemble have in common, by dotted key."""
    data = {"channels", "kind", "class_names", "class_values"}
    values = recipe.model_dump(include={"data": data, "network": True, "normalise": True}, exclude=MAY_DIFFER)
    return {f"{part}.{key}": value for part, within in values.items() for key, value in within.items()}
