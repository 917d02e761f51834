"""Write docs/commands.md and docs/recipe.md from the code: python docs/generate.py."""

import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel

from unmask.recipe import Recipe

HERE = Path(__file__).parent

RECIPE_HEAD = """# The recipe

A run is its recipe: every value is in `RUN/recipe.yaml`, and `unmask train DATA --recipe RUN/recipe.yaml --out OTHER`
repeats it. `unmask plan DATA` shows the recipe that your data and machine lead to, each value with its reason.
Overrule a value with `--set`, for example `--set network.width=32 --set augment.elastic=5`.

The defaults below are those of the class; `plan` derives many of them from the data.
"""


def commands() -> str:
    """The page of commands, made by Typer from the commands themselves."""
    command = [sys.executable, "-m", "typer", "unmask.cli.main", "utils", "docs", "--name", "unmask"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip() + "\n"


def recipe() -> str:
    """The page of recipe values, from their descriptions."""
    parts = [RECIPE_HEAD]
    for section, field in Recipe.model_fields.items():
        kind = field.annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            continue
        parts.append(f"\n## {section}\n\n{(kind.__doc__ or '').strip()}\n\n| value | default | |\n|---|---|---|\n")
        for name, value in kind.model_fields.items():
            parts.append(f"| `{section}.{name}` | `{value.default}` | {value.description or ''} |\n")
    return "".join(parts)


if __name__ == "__main__":
    (HERE / "commands.md").write_text(commands())
    (HERE / "recipe.md").write_text(recipe())
