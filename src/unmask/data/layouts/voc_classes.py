"""What the values of Pascal VOC's masks mean: classes by their place in VOC's list, or in one that lies beside.

Masks are PNGs with VOC's palette, whose indices are the values; 255 marks what is not known, mostly rims of objects.
Some tools (CVAT, for one) write the palette's colours as RGB instead, or colours of their own, which a labelmap.txt
names.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from unmask.data.masks.coding import AROUND_KNOWN, Coding, ignored_values, merged_by_name, never_there, unknown_ignore
from unmask.data.masks.colours import spelled
from unmask.data.masks.palette import Legend, find_palette, read_palette
from unmask.data.masks.read import MaskFacts, check_sound, in_colours
from unmask.data.options import OUTSIDE, ReadOptions
from unmask.errors import DataError, MaskError

__all__ = ["VOID", "classes_coding", "objects_coding", "palette_colour"]

VOID = 255
LABELMES = "class_names.txt"  # labelme's name of the list
VOC = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def palette_colour(index: int) -> int:
    """The colour of a value in VOC's palette, 65,536 red + 256 green + blue.

    The lowest three bits of the index are the highest bits of red, green and blue, the next three the next, and so on.
    """
    channels = [sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)) for channel in range(3)]
    return channels[0] << 16 | channels[1] << 8 | channels[2]


def classes_coding(folder: Path, facts: Sequence[MaskFacts], options: ReadOptions, *, objects: bool) -> Coding:
    """What the values of class maps mean.

    Args:
        folder: where a list of classes may lie, as `palette.py` reads it.
        facts: of the class maps.
        options: a class to ignore besides what is not known.
        objects: label images beside them say which pixels are one object.

    Raises:
        MaskError: values that only line borders; no class at all.
        DataError: a value that is no class of the list; a list that is not sound.
    """
    colours = any(one.colours for one in facts)
    sound = check_sound(in_colours(facts, options.report) if colours else facts, options.report)
    seen = {int(value): one for one in reversed(sound) for value in one.values}
    legend = _legend(folder, colours)
    _check_known(seen, legend, colours)
    given = _given(options, legend, seen, folder, colours=colours)
    ignored = (given | set(legend.unknown)) & set(seen)
    there = {value: name for value, name in legend.names.items() if value in seen and value not in ignored}
    named, merged = merged_by_name(there)
    values, names = tuple(named), tuple(named.values())
    if not values:
        remedy = "draw at least one object in one of them"
        raise MaskError("holds no mask with a class", file=facts[0].file.parent, remedy=remedy)
    never = f" {never_there(str(options.ignore))}" if given and not given & set(seen) else ""
    return Coding(
        "objects" if objects and options.kind != "classes" else "classes",
        values,
        _decision(len(sound), names, legend.source, options, objects=objects)
        + _remarks(ignored, colours, options)
        + never,
        names,
        tuple(sorted(ignored)),
        legend.background,
        colours=colours,
        outside=options.ignore == OUTSIDE,
        merged=merged,
    )


def objects_coding(facts: Sequence[MaskFacts], options: ReadOptions) -> Coding:
    """What the values of label images mean that no class maps lie beside: objects, all of one class.

    255 is what is not known, but where there are ids above it.

    Raises:
        DataError: a value to ignore that means nothing else than objects.
    """
    colours = any(one.colours for one in facts)
    sound = in_colours(facts, options.report) if colours else list(facts)
    values = {int(value) for one in sound for value in one.values}
    void = palette_colour(VOID) if colours else VOID
    ignored = {void} & values if colours or max(values, default=0) <= VOID else set()
    if options.ignore not in (None, OUTSIDE, *(spelled(value, colours) for value in ignored)):
        raise unknown_ignore(str(options.ignore), [spelled(value, colours) for value in ignored], facts[0].file.parent)
    held = f"{len(sound):,} label {'image holds' if len(sound) == 1 else 'images hold'}"
    decision = f"{held} one object a value, all of one class, since there are no class maps."
    remarks = _remarks(ignored, colours, options)
    outside = options.ignore == OUTSIDE
    return Coding("objects", (), decision + remarks, ignored=tuple(ignored), colours=colours, outside=outside)


def _legend(folder: Path, colours: bool) -> Legend:
    """What values can mean, by a list in a folder, else by VOC's own. In a list without background the first is 1."""
    labelmes = folder / LABELMES
    listed = read_palette(labelmes) if labelmes.is_file() else find_palette([folder])
    if listed is None:
        legend = _in_place(Legend(dict(enumerate(VOC, start=1)), source="Pascal VOC's list"), colours)
    else:
        legend = listed.stated(colours) or _in_place(listed.in_order(set(range(len(listed.names) + 1))), colours)
    void = palette_colour(VOID) if colours else VOID
    return legend if void in legend else replace(legend, unknown={**legend.unknown, void: "void"})


def _in_place(legend: Legend, colours: bool) -> Legend:
    """A legend of colours instead of their places in VOC's palette."""
    if not colours:
        return legend
    return Legend(
        {palette_colour(place): name for place, name in legend.names.items()},
        tuple(palette_colour(place) for place in legend.background),
        {palette_colour(place): name for place, name in legend.unknown.items()},
        legend.source,
    )


def _check_known(seen: Mapping[int, MaskFacts], legend: Legend, colours: bool) -> None:
    """Refuses a value that means nothing."""
    for value in sorted(seen):
        if value not in legend:
            what = f"the {'colour' if colours else 'value'} {spelled(value, colours)}"
            problem = f"holds {what}, which is none of the {len(legend.names)} classes of {legend.source}"
            remedy = "name all classes in labels.txt, one a line: first the background, which is 0, then class 1 and on"
            raise DataError(problem, file=seen[value].file, remedy=remedy, code="ids")


def _given(options: ReadOptions, legend: Legend, seen: Collection[int], folder: Path, *, colours: bool) -> set[int]:
    """Values that the user wants ignored: a value, a colour, or the name of a class."""
    given = options.ignore
    if given in (None, OUTSIDE, str(VOID)):
        return set()
    found = set(ignored_values(given, {**legend.names, **legend.unknown}, (), colours=colours))
    if not found:
        there = [name for value, name in legend.names.items() if value in seen]
        raise unknown_ignore(str(given), sorted(there), folder)
    return found


def _decision(count: int, names: Sequence[str], told: str, options: ReadOptions, *, objects: bool) -> str:
    of = f"{len(names)} {'class' if len(names) == 1 else 'classes'}"
    few = ", ".join(names if len(names) <= 6 else [*names[:3], "...", names[-1]])
    held = f"{count:,} class {'map holds' if count == 1 else 'maps hold'} {of} by {told} ({few})"
    if options.kind == "classes":
        return f"{held}: read as classes, as asked."
    if objects:
        return f"{held}, and label images beside them the objects. If only their classes matter, say --classes."
    return f"{held}: read as classes, each connected region one object."


def _remarks(ignored: set[int], colours: bool, options: ReadOptions) -> str:
    many = [spelled(value, colours) for value in sorted(ignored)]
    told = f" {' and '.join(many)} {'is' if len(many) == 1 else 'are'} ignored." if many else ""
    return told + (f" {AROUND_KNOWN}" if options.ignore == OUTSIDE else "")
