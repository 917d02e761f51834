"""The recipe as a reader sees it: every value, what it means, and why it is what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from unmask.recipe import Recipe, used

__all__ = ["RecipePart", "RecipeRow", "recipe_parts"]


@dataclass(frozen=True)
class RecipeRow:
    """A value: its name within its part, the value as typed after `--set`, its meaning, and its reason where known."""

    name: str
    value: str
    meaning: str
    reason: str


@dataclass(frozen=True)
class RecipePart:
    """A part of a recipe: its name, what it is, the reason for the part as a whole where known, and its values."""

    name: str
    meaning: str
    reason: str
    rows: tuple[RecipeRow, ...]


def recipe_parts(recipe: Recipe) -> list[RecipePart]:
    """All parts of a recipe, in its order; `base` is left to the page."""
    parts = []
    for name in Recipe.model_fields:
        part = getattr(recipe, name)
        if name not in used(recipe) or not isinstance(part, BaseModel):
            continue
        rows = [_row(name, key, part, recipe.reasons) for key in type(part).model_fields]
        meaning = (type(part).__doc__ or "").strip().rstrip(".")
        parts.append(RecipePart(name, meaning, recipe.reasons.get(name, ""), tuple(rows)))
    return parts


def _row(part_name: str, key: str, part: BaseModel, reasons: Mapping[str, str]) -> RecipeRow:
    meaning = type(part).model_fields[key].description or ""
    return RecipeRow(key, _text(getattr(part, key)), meaning, reasons.get(f"{part_name}.{key}", ""))


def _text(value: Any) -> str:
    """As YAML would have it, short."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple() | list():
            return f"[{', '.join(_text(one) for one in value)}]"
        case _:
            return str(value)
