"""What masks mean of which each is a file of its own: the objects of an image one by one, or class by class."""

from collections.abc import Sequence

from unmask.data.entry import MaskFiles
from unmask.data.layouts.masked import Masked, counted
from unmask.data.masks.coding import AROUND_KNOWN, Coding
from unmask.data.options import OUTSIDE, ReadOptions

__all__ = ["files_coding"]


def files_coding(items: Sequence[Masked], options: ReadOptions, names: Sequence[str] = ("object",)) -> Coding:
    """What the masks of `MaskFiles` mean; they need not be looked at.

    Args:
        items: all annotated by `MaskFiles`.
        options: kind "classes" where only classes matter.
        names: of the classes.
    """
    sources = [item.source for item in items if isinstance(item.source, MaskFiles)]
    held = f"{counted(sum(len(source.files) for source in sources), 'mask')} of {counted(len(items), 'image')}"
    decision = f"{held}, {_told(sources, options, names)}"
    if empty := sum(not source.files for source in sources):
        decision += f" {counted(empty, 'image')} {'has' if empty == 1 else 'have'} none."
    outside = options.ignore == OUTSIDE
    if outside:
        decision += f" {AROUND_KNOWN}"
    values = tuple(range(1, 1 + len(names)))
    return Coding(options.kind or "objects", values, decision, tuple(names), outside=outside)


def _told(sources: Sequence[MaskFiles], options: ReadOptions, names: Sequence[str]) -> str:
    few = ", ".join(names if len(names) <= 9 else [*names[:3], "...", names[-1]])
    of = "" if len(names) == 1 else f", of {len(names)} classes ({few})"
    if not any(source.regions for source in sources):
        told = "read as classes, as asked" if options.kind == "classes" else "if only classes matter, say --classes"
        return f"one object in each{of}; {told}."
    if options.kind == "classes":
        return f"one of a class{of}; read as classes, as asked."
    told = "If all of a mask is one object, say --objects; if only classes matter, say --classes."
    return f"one of a class{of}: each connected region is one object. {told}"
