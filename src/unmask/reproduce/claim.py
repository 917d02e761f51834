"""Claim: a published result that can be repeated, as its recipe file says it: data, split, training, rows to compare.

The files lie in `recipes/`; the head of each states the command, the time, the machine and the score to expect.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from unmask.errors import RecipeError
from unmask.reproduce.split_rule import SplitRule

__all__ = [
    "Claim",
    "Expected",
    "Figure",
    "Merged",
    "Predict",
    "Published",
    "Simulated",
    "claim_names",
    "claim_text",
    "read_claim",
]

Positive = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Simulated(_Part):
    """Phantoms instead of files: kind, how many to train on and to test on, side in pixels, seed."""

    kind: Literal["nuclei", "cells", "membranes"]
    train: Positive
    test: Positive
    side: Positive
    seed: Annotated[int, Field(ge=0)] = 0


class Merged(_Part):
    """Masks whose values are to be merged into classes of one name.

    Attributes:
        images: folders that may hold the images, below the data's; the first that is there is taken.
        masks: folders that may hold the masks, likewise; as many as images, in the same order.
        classes: value, name and meaning (class, background or ignored), as in classes.csv.
    """

    images: tuple[str, ...]
    masks: tuple[str, ...]
    classes: tuple[tuple[int, str, Literal["class", "background", "ignored"]], ...]

    @property
    def background(self) -> str:
        """The name of the background."""
        return next((name for _, name, meaning in self.classes if meaning == "background"), "background")


class Predict(_Part):
    """How test images are predicted: averages over flips and rotations, and what is saved."""

    tta: Literal[1, 7, 8] = 1
    save: tuple[Literal["labels", "overlay", "table"], ...] = ("labels", "overlay", "table")


class Figure(_Part):
    """A score that is shown: its key, such as objects.ap_0.50, and the head of its column."""

    key: str
    head: str


class Published(_Part):
    """A row of somebody's table.

    Attributes:
        row: what it is called.
        kind: of a paper, or of another tool on the same images.
        source: where the figures stand; the command, where they were measured here.
        figures: by key.
        unlike: what is not comparable, in a sentence; empty where all is.
    """

    row: str
    kind: Literal["paper", "peer"]
    source: str
    figures: dict[str, float]
    unlike: str = ""


class Expected(_Part):
    """What the recipe reaches: mean over seeds by key, None where nobody measured it; and on which machine."""

    figures: dict[str, float | None]
    machine: str = ""
    seeds: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _somewhere(self) -> "Expected":
        measured = any(value is not None for value in self.figures.values())
        if measured != bool(self.machine and self.seeds):
            raise ValueError("a measured figure wants a machine and the number of seeds, and these want a figure")
        return self


class Claim(_Part):
    """A recipe file.

    Attributes:
        name: as it is typed.
        title: what is repeated.
        public: the name of the data in `unmask data`; None where they have no address.
        simulated: phantoms instead.
        given: what --data must hold, in words; the remedy where data have no address.
        merged: masks whose values are merged.
        split: which images train, validate and test; phantoms have their own.
        net: which network.
        settings: `a.b=value` that overrule the plan.
        minutes: time budget of each seed's training.
        predict: how test images are predicted.
        figures: that are shown, in order.
        expected: what it reaches.
        published: rows of papers and peers.
        notes: what else a reader must know, a sentence each.
    """

    name: str
    title: str
    public: str | None = None
    simulated: Simulated | None = None
    given: str = ""
    merged: Merged | None = None
    split: SplitRule | None = None
    net: Literal["unet", "mask-rcnn"] = "unet"
    settings: tuple[str, ...] = ()
    minutes: Annotated[float, Field(gt=0)]
    predict: Predict = Predict()
    figures: Annotated[tuple[Figure, ...], Field(min_length=1)]
    expected: Expected
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Claim":
        if (self.split is None) != (self.simulated is not None):
            raise ValueError("real data want a split, and phantoms have their own")
        shown = {figure.key for figure in self.figures}
        for keys in ({*self.expected.figures}, *({*row.figures} for row in self.published)):
            if strange := keys - shown:
                raise ValueError(f"{sorted(strange)[0]} is not among the figures that are shown")
        return self

    @property
    def tool(self) -> str:
        """What trains, in words."""
        return "unmask U-Net" if self.net == "unet" else "unmask Mask R-CNN"


def claim_names() -> list[str]:
    """Of all claims, as they are typed."""
    order = ("phantom", "isbi2012", "dsb2018", "ctc-sim", "vnc")
    there = {file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml")}
    return sorted(there, key=lambda name: (order.index(name) if name in order else len(order), name))


def claim_text(file: str) -> str:
    """A file beside the recipes, as it is written."""
    return (_folder() / file).read_text(encoding="utf-8")


def read_claim(name: str) -> Claim:
    """The claim of a name, in any case.

    Raises:
        RecipeError: there is none.
    """
    if name.lower() not in claim_names():
        raise RecipeError(f"there is no result {name} to reproduce", remedy=f"choose from {', '.join(claim_names())}")
    return Claim.model_validate(yaml.safe_load(claim_text(f"{name.lower()}.yaml")))


def _folder() -> Traversable:
    return files("unmask.reproduce") / "recipes"
