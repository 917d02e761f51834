"""What kind of masks a set holds, as far as their values tell, and the sentence that says so.

- One value beside the background in all masks together: binary; every connected region is one object.
- Else an object's id is nearly always one connected piece, a class is often in several: the share of values that are
  in several pieces within a mask tells classes from objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unmask.arrays import AnyArray
from unmask.data.masks.colours import spelled

__all__ = ["Guess", "Kind", "counted_masks", "counted_values", "likeliest", "listed"]

Kind = Literal["objects", "classes", "binary"]

# Share of (mask, value) pairs in several pieces from which values are classes. Objects: .003 in DSB 2018, .035 in a
# Cell Tracking Challenge set; classes: 1.0 in the Drosophila VNC sections.
SEVERAL_PIECES = 0.3
MOST_CLASSES = 32  # more values than this are ids of objects, in pieces or not


@dataclass(frozen=True)
class Guess:
    """A kind of masks, what was seen, whether that leaves no doubt, and whether there is nothing but background."""

    kind: Kind
    seen: str
    sure: bool = True
    empty: bool = False

    @property
    def doubt(self) -> str:
        """A remark for the sentence that says what was decided."""
        return "" if self.sure else " (most likely, but please check)"


def likeliest(values: Sequence[int], several: AnyArray, masks: int, colours: bool, ground: str) -> Guess:
    """What the values of all masks together look like.

    Args:
        values: all that occur, rising, without the background.
        several: (n,) bool, for each value in each mask whether it is in several pieces.
        masks: how many there are.
        colours: values are colours.
        ground: what the background is, such as 0 or #000000.
    """
    held = counted_masks(masks)
    if not values:
        return Guess("objects", f"{held} only {ground}", empty=True)
    if len(values) == 1:
        return Guess("binary", f"{held} only {ground} and {spelled(values[0], colours)}")
    share = float(several.mean()) if several.size else 1.0
    few = len(values) <= MOST_CLASSES
    sure = share > 0.5 or (share < 0.1 and len(values) > 4) if few else share < SEVERAL_PIECES
    if few and share >= SEVERAL_PIECES:
        what = counted_values(len(values), colours)
        return Guess("classes", f"{held} {what} besides {ground}, mostly each in several pieces", sure)
    ids = counted_values(len(values), True) if colours else f"ids from {values[0]} to {values[-1]}"
    whole = f"{several.size - several.sum():,} of {several.size:,} objects in one connected piece"
    return Guess("objects", f"{held} {ids}, {whole}", sure)


def counted_masks(count: int) -> str:
    """The beginning of a sentence: 3 masks hold."""
    return f"{count} {'mask holds' if count == 1 else 'masks hold'}"


def counted_values(count: int, colours: bool) -> str:
    """A number of values, or of colours, in words."""
    return f"{count:,} {'colour' if colours else 'value'}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], values: Sequence[Sequence[int]], colours: bool) -> str:
    """Classes with all their values: class_1 = 32, class_2 = 64/65; of many classes the first three and the last."""
    codes = ["/".join(spelled(value, colours) for value in many) for many in values]
    named = [code if name == code else f"{name} = {code}" for name, code in zip(names, codes, strict=True)]
    return ", ".join(named if len(named) <= 9 else [*named[:3], "...", named[-1]])
