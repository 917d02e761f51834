"""Write docs/commands.md, docs/recipe.md and docs/check.md from the code: python docs/generate.py."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from unmask.check.finding import KINDS, Severity
from unmask.recipe import ONLY, Recipe

HERE = Path(__file__).parent

RECIPE_HEAD = """# The recipe

A run is its recipe: every value is in `RUN/recipe.yaml`, and `unmask train DATA --recipe RUN/recipe.yaml --out OTHER`
repeats it. `unmask plan DATA` shows the recipe that your data and machine lead to, each value with its reason.
Overrule a value with `--set`, for example `--set network.width=32 --set augment.elastic=5`.

The defaults below are those of the class; `plan` derives many of them from the data.
"""

CHECK_HEAD = """# What `unmask check` finds

    unmask check cells                    # what was understood, what is wrong, what would mend it
    unmask check cells --out pictures     # also contact sheets: a sample, and every suspicious image, outlined
    unmask check cells --fix mended       # a mended copy; the original is never touched
    unmask check cells --json             # one JSON object, for machines

Every image and every mask is looked at once. Each finding says how many files it concerns, names up to three of them
with a place in them, says what it does to training and what mends it. *Errors* are what `unmask train` refuses, in the
same words; with one, the exit code is 1. *Warnings* harm; *notes* are worth knowing.

`--fix OUT` writes a plain data set: `images/` and `masks/`, or a COCO file where objects overlap, have classes, or
parts are to be ignored. It holds all that is sound, mended as the last column says, and `changes.csv`, which lists
every change: file and what was done. What is not plain (a smoothed mask of several classes, ids stored as fractions)
is left out rather than guessed. The original is never written to. Objects that overlap are written as they are.

What is not looked for: masks drawn badly, crops, flips and turned copies among duplicates, shifts beyond 16 pixels.
Single images that are shifted, turned or have another image's mask are found where the image shows edges at the borders
of its objects, which photographs often do not.
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
        kinds = get_args(field.annotation) if section == "network" else (field.annotation,)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                parts.append(_section(section, kind))
    return "".join(parts)


def _section(section: str, kind: type[BaseModel]) -> str:
    """A part's values; those of one network only say of which."""
    title = f"network ({kind.model_fields['name'].default})" if section == "network" else section
    title += "".join(f" (only with {network})" for network, parts in ONLY.items() if section in parts)
    rows = [
        f"| `{section}.{name}` | `{value.default}` | {value.description or ''} |\n"
        for name, value in kind.model_fields.items()
    ]
    return f"\n## {title}\n\n{(kind.__doc__ or '').strip()}\n\n| value | default | |\n|---|---|---|\n" + "".join(rows)


def findings() -> str:
    """The page of findings, from their kinds."""
    parts = [CHECK_HEAD]
    for severity in get_args(Severity):
        rows = [
            f"| `{code}` | {kind.title} | {kind.effect} | {kind.mended or '-'} |\n"
            for code, kind in KINDS.items()
            if kind.severity == severity
        ]
        head = "| code | what | in training | with `--fix` |\n|---|---|---|---|\n"
        parts.append(f"\n## {severity.capitalize()}s\n\n{head}" + "".join(rows))
    return "".join(parts)


if __name__ == "__main__":
    (HERE / "commands.md").write_text(commands())
    (HERE / "recipe.md").write_text(recipe())
    (HERE / "check.md").write_text(findings())
