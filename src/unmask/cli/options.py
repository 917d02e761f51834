"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unmask.errors import PredictionError

if TYPE_CHECKING:
    from unmask.data.options import ReadOptions

__all__ = [
    "Accelerator",
    "Base",
    "Classes",
    "Data",
    "Device",
    "EngineOption",
    "Ignore",
    "Layout",
    "Net",
    "NetOption",
    "Objects",
    "SplitFile",
    "kind_of",
    "memory_bytes",
    "reading",
]


class Net(StrEnum):
    """Networks."""

    unet = "unet"
    mask_rcnn = "mask-rcnn"


class Accelerator(StrEnum):
    """Where networks train."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class EngineOption(StrEnum):
    """What computes U-Nets."""

    auto = "auto"
    eager = "eager"
    compile = "compile"
    openvino = "openvino"
    bf16 = "bf16"
    fp16 = "fp16"


Data = Annotated[
    Path,
    typer.Argument(
        help="A folder of images and their masks, of any layout, or a file that lists them.", metavar="DATA"
    ),
]
Objects = Annotated[bool, typer.Option("--objects", help="The masks are label images: every value is an object.")]
Classes = Annotated[bool, typer.Option("--classes", help="The masks are class maps: every value is a class.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; a GPU if there is one.", show_default=False)]
SplitFile = Annotated[
    Path | None, typer.Option(help="A split.csv that lies elsewhere than in DATA.", metavar="FILE", show_default=False)
]
Layout = Annotated[
    str | None,
    typer.Option(
        "--layout", help="How DATA is laid out, such as pairs, coco, ctc; seen unless given.", show_default=False
    ),
]
Ignore = Annotated[
    str | None,
    typer.Option(
        "--ignore",
        help="What of the masks is not known: a value, a #colour, a class, or 'outside' all objects.",
        metavar="WHAT",
        show_default=False,
    ),
]
NetOption = Annotated[
    Net | None,
    typer.Option("--net", help="unet, or mask-rcnn for objects that overlap; unet unless given.", show_default=False),
]
Base = Annotated[str, typer.Option("--recipe", help="default, paper, or a recipe.yaml.", metavar="NAME|FILE")]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def kind_of(objects: bool, classes: bool) -> Literal["objects", "classes"] | None:
    """What the masks hold, as the two switches say; None leaves it to looking at them."""
    if objects and classes:
        raise typer.BadParameter("--objects and --classes exclude each other")
    return "objects" if objects else "classes" if classes else None


def reading(
    objects: bool, classes: bool, layout: str | None, ignore: str | None, split_file: Path | None
) -> "ReadOptions":
    """What the options of a command say of its data."""
    from unmask.data.options import ReadOptions

    return ReadOptions(kind_of(objects, classes), layout, ignore, split_file)


def memory_bytes(text: str | None) -> int | None:
    """Bytes of a size such as 4GB or 500M.

    Raises:
        PredictionError: not a size.
    """
    if text is None:
        return None
    number = text.upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in "KMGT" else ""
    try:
        size = int(float(number.removesuffix(unit)) * UNITS[unit])
    except ValueError:
        size = 0
    if size <= 0:
        raise PredictionError(f"--memory {text} is not a size", remedy="type for example --memory 4GB")
    return size
