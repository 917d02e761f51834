"""Decides what the values of a set of masks mean: one object an id, one class a value, or foreground and background.

People save masks as 0 and 1, as 0 and 255, as classes, in colours, and as label images of objects, and mostly no file
says which. All masks of a set are looked at, and what was seen and decided is put in a sentence. Values that a palette
names are classes; else `evidence.py` says what they look like.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unmask.data.masks.coding import (
    AROUND_KNOWN,
    Coding,
    ignored_values,
    merged_by_name,
    never_there,
    unknown_ignore,
)
from unmask.data.masks.colours import spelled
from unmask.data.masks.evidence import Guess, counted_masks, counted_values, likeliest, listed
from unmask.data.masks.palette import Legend, Palette
from unmask.data.masks.read import MaskFacts, check_sound, in_colours
from unmask.data.options import OUTSIDE, ReadOptions
from unmask.errors import DataError, MaskError

__all__ = ["decide"]

MOST_VALUES = 254  # of classes; 255 marks what is to be ignored
NOTHING = "No mask could be understood."


def decide(
    facts: Sequence[MaskFacts], options: ReadOptions, known: Coding | None = None, palette: Palette | None = None
) -> Coding:
    """Decides what the values of a set of masks mean.

    Args:
        facts: what was seen in each mask.
        options: a kind overrules the decision; what is to be ignored is none of a class. Masks with in-between values,
            and those with values that a file of classes does not name, are reported.
        known: what the layout says of them; overruled by a kind that is asked for. None looks at the values.
        palette: a file that names classes.

    Returns:
        The meaning of all masks but those reported; masks that are all 0 count as label images without objects.

    Raises:
        MaskError: more than 254 classes.
        DataError: nothing of the masks is that which is to be ignored; a palette whose values cannot be told.
    """
    kind = options.kind or (known.kind if known else None)
    facts = _readable(facts, options, palette, sound=kind != "objects")
    if not facts:
        return known or Coding(kind or "objects", (), NOTHING)
    masks = _Masks(tuple(facts), facts[0].colours, _written(known, palette, facts[0].colours))
    masks = replace(masks, ignored=_ignored(options, masks, palette))
    guess = _guess(masks)
    if (kind or guess.kind) != "objects":
        masks = _named(masks, known, palette, options)
        if not masks.facts:
            return known or Coding("classes", (), NOTHING)
        guess = _guess(masks)  # of the masks that are left
    kind = kind or guess.kind
    if known and not options.kind:
        coding = _without(known, masks.ignored)
    else:
        coding = _objects(masks, guess, palette, options) if kind == "objects" else _classes(masks, guess, options)
    _check(coding, masks)
    decision = coding.decision + _remarks(coding, masks, palette, options)
    ignored = tuple(dict.fromkeys((*masks.ignored, *coding.ignored)))
    outside = options.ignore == OUTSIDE
    return replace(coding, decision=decision, ignored=ignored, outside=outside)


@dataclass(frozen=True)
class _Masks:
    """What is known of a set of masks while its meaning is decided: what was seen, is written, and is to be ignored."""

    facts: tuple[MaskFacts, ...]
    colours: bool
    legend: Legend
    ignored: tuple[int, ...] = ()

    @property
    def values(self) -> list[int]:
        """All values that stand for something: in the order that they are named, if they are, else rising."""
        values = sorted(_seen(self.facts) - {*self.ignored, *self.legend.background, *self.legend.unknown})
        order = list(self.legend.names)
        return sorted(values, key=lambda value: order.index(value) if value in order else len(order))

    def spelled(self, value: int) -> str:
        """A value, with its name where it has one, as messages have it."""
        name = self.legend.names.get(value) or self.legend.unknown.get(value)
        return spelled(value, self.colours) + (f" ({name})" if name else "")


def _seen(facts: Sequence[MaskFacts]) -> set[int]:
    """All values of all masks."""
    return {int(value) for one in facts for value in one.values} | {0 for one in facts if one.background}


def _readable(
    facts: Sequence[MaskFacts], options: ReadOptions, palette: Palette | None, *, sound: bool
) -> Sequence[MaskFacts]:
    """The facts of masks that are not reported: all as colours if one is, or if a palette has nothing but colours."""
    facts = check_sound(facts, options.report, every=sound)
    legend = palette.stated(colours=True) if palette and not palette.values else None
    coloured = any(one.colours for one in facts)
    if not coloured and legend is None:
        return facts
    found = in_colours(facts, options.report)
    if not coloured and not all(value in (legend or ()) for value in _seen(found)):
        return facts
    return check_sound(found, options.report, every=sound)


def _written(known: Coding | None, palette: Palette | None, colours: bool) -> Legend:
    """What is written of the values of masks."""
    if known:
        names = dict(zip(known.values, known.names, strict=True)) if known.values and known.names else {}
        return Legend(names, known.background, dict.fromkeys(known.ignored, ""), "the data set" if names else "")
    return (palette.stated(colours) if palette else None) or Legend()


def _ignored(options: ReadOptions, masks: _Masks, palette: Palette | None) -> tuple[int, ...]:
    """The values that the user wants ignored: one, by itself or by its name."""
    given, seen, legend = options.ignore, _seen(masks.facts), masks.legend
    if given is None or given == OUTSIDE:
        return ()
    names = {**legend.names, **legend.unknown}
    if found := ignored_values(given, names, seen, colours=masks.colours):
        return found
    if palette and not (legend.source or masks.colours):
        legend = palette.in_order(seen)
        if found := ignored_values(given, {**legend.names, **legend.unknown}, seen):
            return found
    there = [replace(masks, legend=legend).spelled(one) for one in sorted(seen - {*legend.background})]
    raise unknown_ignore(given, there, masks.facts[0].file.parent)


def _guess(masks: _Masks) -> Guess:
    """The kind of masks: classes where every value is named as one, else what they look like."""
    values, legend = masks.values, masks.legend
    several_named = len(values) > 1 or (values and not legend.background)
    if legend.source and several_named and all(value in legend.names for value in values):
        held = counted_masks(len(masks.facts))
        one = len({legend.names[value] for value in values}) == 1 and bool(legend.background)
        seen = f"{held} {counted_values(len(values), masks.colours)} that {legend.source} names"
        return Guess("binary" if one else "classes", seen)
    several = np.concatenate([one.several[np.isin(one.values, values)] for one in masks.facts])
    ground = spelled((*legend.background, 0)[0], masks.colours)
    return likeliest(sorted(values), several, len(masks.facts), masks.colours, ground)


def _named(masks: _Masks, known: Coding | None, palette: Palette | None, options: ReadOptions) -> _Masks:
    """Masks of classes with what is written of their values; those with values that are not named are reported."""
    if palette and not known and not masks.legend.source and not masks.colours:
        masks = replace(masks, legend=palette.in_order(_seen(masks.facts) - _beyond(masks, palette, options)))
    if not masks.legend.source:
        return masks
    every = [sorted(_seen([one]) - set(masks.ignored)) for one in masks.facts]
    unnamed = [[value for value in values if value not in masks.legend] for values in every]
    strange = [(one, values) for one, values in zip(masks.facts, unnamed, strict=True) if values]
    for place, (one, values) in enumerate(strange):
        options.report(_unnamed(one, values, masks.legend.source, len(strange) - 1 - place))
    facts = tuple(one for one, values in zip(masks.facts, unnamed, strict=True) if not values)
    return replace(masks, facts=facts)


def _beyond(masks: _Masks, palette: Palette, options: ReadOptions) -> set[int]:
    """Ignored values that are no place in a list of names, such as 255; those of a name that is ignored have one."""
    if not (options.ignore or "").isdecimal():
        return set()
    return {value for value in masks.ignored if value > len(palette.names)}


def _unnamed(one: MaskFacts, values: Sequence[int], source: str, others: int) -> MaskError:
    first = spelled(values[0], one.colours)
    more = f" and {counted_values(len(values) - 1, one.colours)} more" if len(values) > 1 else ""
    problem = f"holds {first}{more}, which {source} does not name"
    if others:
        problem += f"; so {'does 1 more mask' if others == 1 else f'do {others} more masks'}"
    remedy = f"name it there, correct the mask, or take it out of what is learned: --ignore {first}"
    return MaskError(problem, file=one.file, remedy=remedy, code="ids")


def _objects(masks: _Masks, guess: Guess, palette: Palette | None, options: ReadOptions) -> Coding:
    background = tuple(sorted({0, *masks.legend.background}))
    names = (palette.only,) if palette and palette.only else ()
    if options.kind:
        value = "colour" if masks.colours else "value"
        decision = f"Masks are read as label images, as asked: every {value} is one object."
    elif guess.empty:
        decision = f"{guess.seen}: there are no objects."
    else:
        one = "a colour" if masks.colours else "an id"
        decision = (
            f"{guess.seen}: read as label images{guess.doubt}, one object {one}. If they are classes, say --classes."
        )
    return Coding("objects", (), decision, names, (), background, masks.colours, sure=bool(options.kind) or guess.sure)


def _classes(masks: _Masks, guess: Guess, options: ReadOptions) -> Coding:
    """One class or several."""
    legend, every = masks.legend, masks.values
    named, merged = merged_by_name({value: legend.names[value] for value in every}) if legend.source else ({}, {})
    values, names = tuple(named or every), tuple(named.values())
    background = tuple(value for value in legend.background if value not in masks.ignored)
    ignored = (*masks.ignored, *legend.unknown)
    kind = options.kind or guess.kind
    sure = bool(options.kind) or guess.sure
    coding = Coding(kind, values, "", names, ignored, background, masks.colours, sure=sure, merged=merged)
    told = listed(coding.class_names, [coding.values_of(value) for value in values], masks.colours)
    if options.kind:
        by = f", by the names in {legend.source}" if legend.source else ""
        decision = f"Masks are read as classes, as asked{by}: {told}."
    elif guess.kind == "classes":
        decision = f"{guess.seen}: read as classes{guess.doubt}, {told}. If they are ids of objects, say --objects."
    else:
        called = f" ({names[0]})" if names else ""
        decision = (
            f"{guess.seen}: read as background and one class{called}, each connected region one object (objects that "
            "touch count as one). If all of a mask is one object, say --objects."
        )
    return replace(coding, decision=decision)


def _without(known: Coding, ignored: Sequence[int]) -> Coding:
    """A meaning in which some values are none of a class."""
    kept = [index for index, value in enumerate(known.values) if value not in ignored]
    names = tuple(known.names[index] for index in kept) if len(known.names) == len(known.values) else known.names
    return replace(known, values=tuple(known.values[index] for index in kept), names=names)


def _check(coding: Coding, masks: _Masks) -> None:
    """Refuses what cannot be learned from."""
    if len(coding.values) > MOST_VALUES:
        most = max(masks.facts, key=lambda one: one.values.size)
        held = counted_values(most.values.size, masks.colours)
        problem = f"holds {held}, all masks together {len(coding.values):,}, and at most {MOST_VALUES} can be classes"
        raise MaskError(problem, file=most.file, remedy="if they are ids of objects, say --objects")
    if 0 in masks.ignored and coding.kind != "classes" and not {*coding.background} - {*masks.ignored}:
        problem = f"--ignore {spelled(0, masks.colours)}: nothing would be left but objects"
        remedy = f"say --ignore {OUTSIDE}, which keeps the surroundings of objects"
        raise DataError(problem, file=masks.facts[0].file.parent, remedy=remedy)


def _remarks(coding: Coding, masks: _Masks, palette: Palette | None, options: ReadOptions) -> str:
    """What else is to be said, in sentences with a space before each."""
    seen, remarks = _seen(masks.facts), []
    ignored = [masks.spelled(value) for value in dict.fromkeys((*masks.ignored, *coding.ignored)) if value in seen]
    if ignored:
        remarks.append(f"{' and '.join(ignored)} {'is' if len(ignored) == 1 else 'are'} ignored.")
    if options.ignore and masks.ignored and not seen.intersection(masks.ignored):
        remarks.append(never_there(options.ignore))
    legend = masks.legend.names
    never = len({*legend.values()} - {name for value, name in legend.items() if value in {*seen, *masks.ignored}})
    if palette and coding.kind == "objects":
        remarks += [] if palette.only else [f"{palette.file.name} names classes, and is not used."]
    elif palette and not masks.legend.source:
        remedy = "write class_dict.csv: name,r,g,b in its first line, then a class a line"
        remarks.append(f"{palette.file.name} gives no colours, so classes have none of its names ({remedy}).")
    elif palette and never:
        verb = "class never occurs and is" if never == 1 else "classes never occur and are"
        remarks.append(f"{never} {verb} dropped.")
    if masks.values and 0 not in seen and not masks.legend.source:
        remarks.append(f"No pixel is {spelled(0, masks.colours)}, which unmask takes as background.")
    if options.ignore == OUTSIDE:
        remarks.append(AROUND_KNOWN)
    return "".join(f" {remark}" for remark in remarks)
