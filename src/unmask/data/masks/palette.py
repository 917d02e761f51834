"""Palettes: files beside masks that name their classes, by value, by colour, or one after the other.

    class_dict.csv                     name,r,g,b
    label_colors.txt                   r g b name
    classes.csv, _classes.csv          value,name (the latter is Roboflow's)
    classes.txt, labels.txt            value name; or one name a line: background first, or else from value 1
    labelmap.txt                       name:r,g,b:: (CVAT)

Columns of a CSV file are known by its header, where it has one. A class called background is the background; void,
unlabelled, unlabeled, ignore and unknown are not known. A column called meaning says otherwise: class, background or
ignored. Values or colours of one name are one class.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unmask.data.masks.colours import colour_of, spelled
from unmask.errors import DataError

__all__ = ["Legend", "Palette", "find_palette", "meaning_of", "read_palette"]

FILES = (
    "class_dict.csv",
    "label_colors.txt",
    "label_colours.txt",
    "labelmap.txt",
    "classes.csv",
    "_classes.csv",
    "classes.txt",
    "labels.txt",
)
LARGEST = 2**20  # bytes; no list of classes is as long
LONGEST = 200  # letters of a name
BACKGROUND = {"background", "bg"}
UNKNOWN = {"void", "unlabelled", "unlabeled", "ignore", "unknown"}
OTHERWISE = "or rename the file if it is about something else"

COLUMNS = {
    "name": ("name", "class", "classname", "label", "labelname", "category"),
    "value": ("value", "id", "index", "pngindex", "classid", "labelid", "pixelvalue", "grey", "gray", "code"),
    "red": ("r", "red"),
    "green": ("g", "green"),
    "blue": ("b", "blue"),
    "hex": ("colour", "color", "hex"),
    "meaning": ("meaning",),
}
CLASS, GROUND, IGNORED = MEANINGS = ("class", "background", "ignored")
BY, GAP = r"[\s,;]+", r"[\s,;:=]+"
RGB = rf"(?P<red>\d+){BY}(?P<green>\d+){BY}(?P<blue>\d+)"
HEX = "(?P<hex>#[0-9a-fA-F]{6})"
LINES = (
    rf"{RGB}{GAP}(?P<name>.+)",
    rf"(?:(?P<value>\d+){GAP})?(?P<name>.*?[^\W\d].*?){GAP}{RGB}[:;,]*",
    rf"{HEX}{GAP}(?P<name>.+)",
    rf"(?P<name>.+?){GAP}{HEX}",
    rf"(?P<value>-?\d+){GAP}(?P<name>.+)",
    r"(?P<name>.+?)\s*[,;:=\t]\s*(?P<value>\d+)",
    r"(?P<name>.+)",
)


@dataclass(frozen=True)
class Legend:
    """What is written about the values of masks.

    Attributes:
        names: of classes, by value, in order; values of one name are one class.
        background: values of the background.
        unknown: values of what is not known, with their names.
        source: the file that says so, for messages; empty where nothing is written.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    background: tuple[int, ...] = (0,)
    unknown: Mapping[int, str] = field(default_factory=dict)
    source: str = ""

    def __contains__(self, value: int) -> bool:
        return value in self.names or value in self.unknown or value in self.background


@dataclass(frozen=True)
class Palette:
    """The classes that a file names.

    Attributes:
        file: the file.
        names: of the classes, in its order; one of several values, or colours, stands there once for each.
        values: the mask value of each; empty where the file does not say.
        colours: the colour of each as a number, likewise.
        meanings: of names, where the file says them: class, background or ignored; else the name tells.
    """

    file: Path
    names: tuple[str, ...]
    values: tuple[int, ...] = ()
    colours: tuple[int, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)

    def stated(self, colours: bool) -> Legend | None:
        """What it says of masks in colours, or of others; None where it gives no colours, or no values."""
        given = self.colours if colours else self.values
        return self._legend(dict(zip(given, self.names, strict=True))) if given else None

    def in_order(self, seen: set[int]) -> Legend:
        """What it says of values from 0 or 1 on, where it only has an order.

        Args:
            seen: values of all masks, 0 among them where it is there.

        Raises:
            DataError: it cannot be told whether the first is 0 or 1.
        """
        top = max(seen, default=0)
        first = next((index for index, name in enumerate(self.names) if self._meaning(name) == GROUND), None)
        placed: dict[int, str] = {}
        if first is not None:
            placed = {(index - first) % 256: name for index, name in enumerate(self.names)}
        elif top == len(self.names):
            placed = dict(enumerate(self.names, start=1))
        if self.only and len(seen - {0}) == 1 and top not in placed:
            return self._legend({top: self.only})  # such as 255
        if placed:
            return self._legend(placed)
        count = len(self.names)
        named = "a class without its value" if count == 1 else f"{count} classes without their values"
        problem = f"names {named}, and masks hold values up to {top}"
        remedy = f"write the value before each name, such as 1,{self.names[0]}, {OTHERWISE}"
        raise DataError(problem, file=self.file, remedy=remedy, code="ids")

    @property
    def only(self) -> str | None:
        """The name of its one class, where it has no more."""
        names = {name for name in self.names if self._meaning(name) == CLASS}
        return names.pop() if len(names) == 1 else None

    def _meaning(self, name: str) -> str:
        return self.meanings.get(name) or meaning_of(name)

    def _legend(self, names: dict[int, str]) -> Legend:
        background = tuple(value for value, name in names.items() if self._meaning(name) == GROUND)
        unknown = {value: name for value, name in names.items() if self._meaning(name) == IGNORED}
        classes = {value: name for value, name in names.items() if value not in (*background, *unknown)}
        return Legend(classes, background or (() if 0 in names else (0,)), unknown, self.file.name)


def meaning_of(name: str) -> str:
    """What a name says by itself: class, background or ignored."""
    plain = name.lower().strip("_ ")
    return GROUND if plain in BACKGROUND else IGNORED if plain in UNKNOWN else CLASS


def find_palette(places: Sequence[Path]) -> Palette | None:
    """The first palette file in some folders, or None.

    Raises:
        DataError: it cannot be understood.
    """
    for place in dict.fromkeys(places):
        there = {child.name.lower(): child for child in sorted(place.iterdir()) if child.is_file()}
        for name in FILES:
            if name in there:
                return read_palette(there[name])
    return None


def read_palette(file: Path) -> Palette:
    """The classes that a palette file names.

    Raises:
        DataError: not text, no class, a value or colour named twice, a name twice without values or with two meanings,
            or lines of different kinds; names the line.
    """
    lines = _text(file).splitlines()
    rows = _by_header(file, lines) if file.suffix.lower() == ".csv" else None
    rows = _by_line(file, _one_a_line(lines)) if rows is None else rows
    if not rows:
        raise _unsound(file, "names no class")
    for row in rows:
        if (row.value is None, row.colour is None) != (rows[0].value is None, rows[0].colour is None):
            raise _unsound(file, f"line {row.line} is of another kind than line {rows[0].line}")
    names = tuple(row.name for row in rows)
    values = tuple(row.value % 256 if row.value < 0 else row.value for row in rows if row.value is not None)
    colours = tuple(row.colour for row in rows if row.colour is not None)
    ordered = () if values or colours else names  # a place in a list is all that tells one from the other
    for what, many in (("class", ordered), ("value", values), ("colour", [spelled(one, True) for one in colours])):
        if twice := [one for place, one in enumerate(many) if one in many[:place]]:
            raise _unsound(file, f"names the {what} {twice[0]} twice")
    return Palette(file, names, values, colours, _meanings(file, rows))


@dataclass(frozen=True)
class _Row:
    """A class as a line has it."""

    line: int
    name: str
    value: int | None
    colour: int | None
    meaning: str


def _meanings(file: Path, rows: Sequence[_Row]) -> dict[str, str]:
    """What the file says that names mean; lines of one name say the same."""
    meanings = {row.name: row.meaning for row in rows if row.meaning}
    for row in rows:
        if row.meaning and meanings[row.name] != row.meaning:
            raise _unsound(file, f"line {row.line} gives {row.name} another meaning than another line does")
    return meanings


def _by_header(file: Path, lines: Sequence[str]) -> list[_Row] | None:
    """Rows of a CSV file by the columns that its first line names; None where that names none."""
    delimiter = max(",;\t", key=next((line for line in lines if line.strip()), "").count)
    try:
        cells = enumerate(csv.reader(lines, delimiter=delimiter, strict=True), start=1)
        table = [(line, row) for line, row in cells if any(row)]
    except csv.Error as error:
        raise _unsound(file, f"is no sound CSV ({error})") from None
    head = [re.sub(r"[^a-z]", "", cell.lower()) for cell in table[0][1]] if table else []
    places = {part: head.index(word) for part, words in COLUMNS.items() for word in words[::-1] if word in head}
    if "name" not in places or any(cell.strip().isdecimal() for cell in table[0][1]):
        return None
    for line, row in table:
        if len(row) <= max(places.values()):
            raise _unsound(file, f"line {line} has {len(row)} of {len(head)} columns")
    return [_row(file, line, {part: row[place] for part, place in places.items()}) for line, row in table[1:]]


def _one_a_line(lines: Sequence[str]) -> Sequence[str]:
    """A single line of names with commas between, as people write a list, as a line for each."""
    written = [line for line in lines if line.strip()]
    parts = [part.strip() for part in re.split("[,;]", written[0])] if len(written) == 1 else []
    return (
        parts
        if len(parts) > 1 and not any(part.isdecimal() or colour_of(part) is not None for part in parts)
        else lines
    )


def _by_line(file: Path, lines: Sequence[str]) -> list[_Row]:
    """Rows of a file whose lines say by their form what they hold; a # that begins no colour begins a comment."""
    rows = []
    for line, text in enumerate(map(str.strip, lines), start=1):
        if len(text) > 2 * LONGEST:
            raise _unsound(file, f"line {line} has more than {2 * LONGEST} letters")
        if text and (text[0] != "#" or colour_of(text[:7]) is not None):
            found = next(match for pattern in LINES if (match := re.fullmatch(pattern, text)))
            rows.append(_row(file, line, {part: cell for part, cell in found.groupdict().items() if cell}))
    return rows


def _row(file: Path, line: int, cells: dict[str, str]) -> _Row:
    name = cells["name"].strip(" \t\"'")
    if not name or len(name) > LONGEST:
        raise _unsound(file, f"line {line} has no name of a class")
    value = _number(file, line, cells["value"], 2**31 - 1) if "value" in cells else None
    rgb = [_number(file, line, cells[part], 255) for part in ("red", "green", "blue") if part in cells]
    colour = rgb[0] << 16 | rgb[1] << 8 | rgb[2] if len(rgb) == 3 else None
    if "hex" in cells and (colour := colour_of(cells["hex"].strip()[:7])) is None:
        raise _unsound(file, f"line {line} has '{cells['hex'].strip()[:20]}' as a colour, not #rrggbb")
    meaning = cells.get("meaning", "").strip().lower()
    if meaning not in ("", *MEANINGS):
        raise _unsound(file, f"line {line} has the meaning '{meaning[:20]}', not {', '.join(MEANINGS)}")
    return _Row(line, name, value, colour, meaning)


def _number(file: Path, line: int, text: str, most: int) -> int:
    text = text.strip()
    if not re.fullmatch(r"-1|[0-9]{1,10}", text) or int(text) > most:
        raise _unsound(file, f"line {line} has '{text[:20]}' where a number from 0 to {most} is wanted")
    return int(text)


def _text(file: Path) -> str:
    if file.stat().st_size > LARGEST:
        raise _unsound(file, f"has more than {LARGEST:,} bytes, too many for a list of classes")
    try:
        return file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError):
        raise _unsound(file, "is not text (UTF-8)") from None


def _unsound(file: Path, problem: str) -> DataError:
    remedy = f"write one class a line, such as 1,cell or cell,255,0,0, {OTHERWISE}"
    return DataError(problem, file=file, remedy=remedy)
