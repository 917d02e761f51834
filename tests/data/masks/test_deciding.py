"""What values are taken for where a palette names them, where some are to be ignored, and where a layout knows them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.data.masks.coding import Coding, interpret
from unmask.data.masks.deciding import decide
from unmask.data.masks.palette import Palette, read_palette
from unmask.data.masks.read import MaskFacts, look_at
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, UnmaskError

RED, GREEN, BLUE = 0xFF0000, 0x00FF00, 0x0000FF


def facts(
    *values: int, name: str = "a", pieces: bool = True, background: bool = True, colours: bool = False
) -> MaskFacts:
    found = np.array(sorted(values), np.int64)
    return MaskFacts(Path(f"masks/{name}.png"), (9, 9), background, found, np.full(found.shape, pieces), (), 0, colours)


def palette(folder: Path, text: str, name: str = "classes.txt") -> Palette:
    (folder / name).write_text(text)
    return read_palette(folder / name)


def decided(seen: list[MaskFacts], written: Palette | None = None, **options: object) -> Coding:
    return decide(seen, ReadOptions(**options), palette=written)  # type: ignore[arg-type]


def test_named_values_are_classes_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Even if each is in one piece, as in photographs of one apple and one pear."""
    written = palette(tmp_path, "0 background\n3 strawberry\n1 apple\n2 pear\n4 kiwi\n")
    coding = decided([facts(1, 2, pieces=False), facts(1, 3, pieces=False)], written)
    assert (coding.kind, coding.values, coding.names) == ("classes", (3, 1, 2), ("strawberry", "apple", "pear"))
    assert coding.sure
    assert coding.decision == (
        "2 masks hold 3 values that classes.txt names: read as classes, strawberry = 3, apple = 1, pear = 2. If they "
        "are ids of objects, say --objects. 1 class never occurs and is dropped."
    )


def test_named_colours_are_classes(tmp_path: Path) -> None:
    written = palette(tmp_path, "name,r,g,b\npear,0,255,0\napple,255,0,0\n", "class_dict.csv")
    coding = decided([facts(RED, GREEN, colours=True)], written)
    assert (coding.values, coding.names, coding.colours, coding.background) == (
        (GREEN, RED),
        ("pear", "apple"),
        True,
        (0,),
    )
    assert "1 mask holds 2 colours that class_dict.csv names: read as classes, pear = #00ff00, apple" in coding.decision


def test_colours_without_a_palette_are_told_from_objects_as_values_are() -> None:
    coding = decided([facts(RED, GREEN, colours=True), facts(RED, colours=True)])
    assert (coding.kind, coding.values, coding.class_names) == ("classes", (GREEN, RED), ("#00ff00", "#ff0000"))
    assert coding.decision.startswith(
        "2 masks hold 2 colours besides #000000, mostly each in several pieces: read as classes, #00ff00, #ff0000. If"
    )
    coding = decided([facts(*range(1000, 1020), pieces=False, colours=True)])
    assert (coding.kind, coding.values, coding.class_names) == ("objects", (), ("object",))
    assert coding.decision.startswith(
        "1 mask holds 20 colours, 20 of 20 objects in one connected piece: read as label images, one object a colour."
    )
    coding = decided([facts(RED, colours=True)])
    assert (coding.kind, coding.values) == ("binary", (RED,))
    assert coding.decision.startswith("1 mask holds only #000000 and #ff0000: read as background and one class, each")


def test_background_and_what_is_not_known_have_names(tmp_path: Path) -> None:
    text = "255 255 255 background\n0 0 0 Void\n255 0 0 apple\n0 255 0 pear\n"
    coding = decided([facts(0xFFFFFF, RED, GREEN, colours=True)], palette(tmp_path, text, "label_colors.txt"))
    assert (coding.values, coding.background, coding.ignored) == ((RED, GREEN), (0xFFFFFF,), (0,))
    assert coding.decision.endswith("#000000 (Void) is ignored.")
    mask = np.array([[0xFFFFFF, RED, 0], [GREEN, RED, 0]])
    found = interpret(mask, coding, Path("a.png"))
    assert found.classes.tolist() == [[0, 1, 0], [2, 1, 0]]
    assert found.ignore is not None
    assert found.ignore.tolist() == [[False, False, True], [False, False, True]]


SECTIONS = """value,name,meaning
0,membrane,class
32,membrane,class
128,membrane,class
159,glia,class
223,synapse,class
255,intracellular,background
"""


def test_values_of_one_name_are_one_class(tmp_path: Path) -> None:
    """As in the Drosophila VNC sections: membranes by their direction, 0 one of them, and 255 the background."""
    coding = decided([facts(32, 128, 159, 255)], palette(tmp_path, SECTIONS, "classes.csv"))
    assert (coding.kind, coding.values, coding.names) == ("classes", (0, 159), ("membrane", "glia"))
    assert (coding.background, coding.merged) == ((255,), {32: 0, 128: 0})
    assert coding.decision == (
        "1 mask holds 4 values that classes.csv names: read as classes, membrane = 0/32/128, glia = 159. If they are "
        "ids of objects, say --objects. 1 class never occurs and is dropped."
    )
    assert coding.predicted.values == (1, 2)  # 0 is a label image's background, 255 not the masks' own any more
    found = interpret(np.array([[0, 32, 255, 128], [255, 32, 255, 159]]), coding, Path("a.png"))
    assert found.classes.tolist() == [[1, 1, 0, 1], [0, 1, 0, 2]]
    assert found.objects.tolist() == [[1, 1, 0, 2], [0, 1, 0, 3]]  # one object, of two values that touch


@pytest.mark.parametrize(("names", "values"), [((0, 5), (1, 2)), ((5, 0), (1, 2)), ((5, 6), (5, 7))])
def test_label_images_of_merged_classes(tmp_path: Path, names: tuple[int, int], values: tuple[int, int]) -> None:
    """0 is the background of label images, whichever of a class's values it is."""
    text = f"255 background\n{names[0]} a\n{names[1]} a\n7 b\n"
    seen = facts(*{*names, 7, 255} - {0}, background=0 in names)
    assert decided([seen], palette(tmp_path, text)).predicted.values == values


def test_a_single_class_of_several_values_is_one_class_and_background(tmp_path: Path) -> None:
    coding = decided([facts(32, 64)], palette(tmp_path, "0 background\n32 membrane\n64 membrane\n"))
    assert (coding.kind, coding.values, coding.merged) == ("binary", (32,), {64: 32})
    assert "read as background and one class (membrane), each connected region one object" in coding.decision
    assert decided([facts(32, 64)], palette(tmp_path, "0 a\n32 a\n64 a\n")).kind == "classes"  # nothing is background


def test_what_is_ignored_is_left_out_of_a_merged_class(tmp_path: Path) -> None:
    written = palette(tmp_path, SECTIONS, "classes.csv")
    coding = decided([facts(32, 128, 159, 255)], written, ignore="0")
    assert (coding.values, coding.merged, coding.ignored) == ((32, 159), {128: 32}, (0,))
    coding = decided([facts(32, 128, 159, 255)], written, ignore="membrane")
    assert (coding.values, coding.merged, coding.ignored) == ((159,), {}, (0, 32, 128))


def test_zero_can_be_a_class(tmp_path: Path) -> None:
    """As in the Drosophila VNC sections, where 0 are membranes."""
    coding = decided([facts(32, 64)], palette(tmp_path, "0 membrane\n32 glia\n64 synapse\n"))
    assert (coding.values, coding.names, coding.background) == ((0, 32, 64), ("membrane", "glia", "synapse"), ())
    assert interpret(np.array([[0, 32, 64]]), coding, Path("a.png")).classes.tolist() == [[1, 2, 3]]


def test_one_named_value_is_still_binary(tmp_path: Path) -> None:
    coding = decided([facts(255)], palette(tmp_path, "cell\n"))
    assert (coding.kind, coding.values, coding.class_names) == ("binary", (255,), ("cell",))
    assert "read as background and one class (cell), each connected region one object" in coding.decision


def test_names_of_label_images(tmp_path: Path) -> None:
    """A file of classes that lies about does not make classes of ids, but the one class has its name."""
    ids = [facts(*range(1, 50), pieces=False)]
    coding = decided(ids, palette(tmp_path, "nucleus\n"))
    assert (coding.kind, coding.class_names) == ("objects", ("nucleus",))
    coding = decided(ids, palette(tmp_path, "person\nbicycle\ncar\n"))
    assert (coding.kind, coding.class_names) == ("objects", ("object",))
    assert coding.decision.endswith("If they are classes, say --classes. classes.txt names classes, and is not used.")


def test_what_is_asked_for_overrules(tmp_path: Path) -> None:
    written = palette(tmp_path, "1 apple\n2 pear\n")
    coding = decided([facts(1, 2)], written, kind="objects")
    assert (coding.kind, coding.class_names) == ("objects", ("object",))
    coding = decided([facts(1, 2, pieces=False)], written, kind="classes")
    assert coding.decision == "Masks are read as classes, as asked, by the names in classes.txt: apple = 1, pear = 2."
    coding = decided([facts(RED, colours=True)], kind="objects")
    assert coding.decision == "Masks are read as label images, as asked: every colour is one object."


def test_names_without_colours_do_not_name_colours(tmp_path: Path) -> None:
    coding = decided([facts(RED, GREEN, colours=True)], palette(tmp_path, "apple\npear\n"))
    assert coding.class_names == ("#00ff00", "#ff0000")
    assert coding.decision.endswith(
        "classes.txt gives no colours, so classes have none of its names "
        "(write class_dict.csv: name,r,g,b in its first line, then a class a line)."
    )


def test_masks_with_values_that_are_not_named_are_reported(tmp_path: Path) -> None:
    written = palette(tmp_path, "255 0 0 apple\n0 255 0 pear\n0 0 0 background\n")
    seen = [facts(RED, GREEN, name=name, colours=True) for name in "ab"]
    seen += [facts(RED, BLUE, 7, name="c", colours=True), facts(BLUE, name="d", colours=True)]
    message = (
        r"c\.png: holds #000007 and 1 colour more, which classes\.txt does not name; so does 1 more mask\. "
        r"Name it there, correct the mask, or take it out of what is learned: --ignore #000007"
    )
    with pytest.raises(MaskError, match=message):
        decided(seen, written)
    reported: list[UnmaskError] = []
    coding = decided(seen, written, report=reported.append)
    assert [(error.code, error.file and error.file.name) for error in reported] == [("ids", "c.png"), ("ids", "d.png")]
    assert coding.values == (RED, GREEN)
    reported = []
    coding = decided(seen[2:], written, report=reported.append)
    assert (len(reported), coding.values) == (2, ())
    reported = []
    coding = decided([facts(colours=True), facts(BLUE, colours=True)], written, report=reported.append)
    assert (len(reported), coding.kind, coding.values) == (1, "objects", ())  # one empty mask is left


def test_smoothed_masks_are_reported_each() -> None:
    seen = [facts(1, 2), replace(facts(1, 5, 7, 255, name="b"), between=(1, 5, 7), damaged=9)]
    reported: list[UnmaskError] = []
    coding = decided([*seen, replace(seen[1], file=Path("masks/c.png"))], report=reported.append)
    assert [(error.code, error.file and error.file.name) for error in reported] == [
        ("smoothed", "b.png"),
        ("smoothed", "c.png"),
    ]
    assert coding.values == (1, 2)
    reported = []
    assert decided(seen[1:], report=reported.append).values == ()
    assert len(reported) == 1


@pytest.mark.parametrize(
    ("ignore", "values"),
    [("#00ff00", (RED, BLUE)), ("#00FF00", (RED, BLUE)), ("PEAR", (RED, BLUE)), ("kiwi", (RED, GREEN, BLUE))],
)
def test_colours_and_names_are_ignored(tmp_path: Path, ignore: str, values: tuple[int, ...]) -> None:
    text = "name,r,g,b\napple,255,0,0\npear,0,255,0\nberry,0,0,255\nkiwi,1,1,1\n"
    coding = decided([facts(RED, GREEN, BLUE, colours=True)], palette(tmp_path, text, "class_dict.csv"), ignore=ignore)
    assert coding.values == values
    assert len(coding.names) == len(values)
    assert ("#00ff00 (pear) is ignored." in coding.decision) == (len(values) == 2)
    mask = np.array([[RED, GREEN, BLUE, 0]])
    ignored = interpret(mask, coding, Path("a.png")).ignore
    assert ignored is not None
    assert ignored.tolist() == [[False, len(values) == 2, False, False]]


def test_values_and_names_of_grey_masks_are_ignored(tmp_path: Path) -> None:
    written = palette(tmp_path, "background\napple\npear\n")
    assert decided([facts(1, 2, 255)], ignore="255").values == (1, 2)
    assert decided([facts(1, 2)], written, ignore="apple").names == ("pear",)
    assert decided([facts(1, 2, 255)], palette(tmp_path, "apple\npear\n"), ignore="255").names == ("apple", "pear")
    coding = decided([facts(1, 2)], ignore="0")  # scribbles: what is not drawn on is not known
    assert (coding.values, coding.ignored, coding.background) == ((1, 2), (0,), ())


@pytest.mark.parametrize(
    ("seen", "ignore", "message"),
    [
        (facts(RED, GREEN, colours=True), "#123456", r"of that value or name\. Choose from #00ff00, #ff0000, or say"),
        (facts(RED, GREEN, colours=True), "255", r"--ignore 255: there is nothing"),
        (facts(RED, GREEN, colours=True), "banana", r"--ignore banana: there is nothing of that value or name"),
        (
            facts(1, 2),
            "7",
            r"masks: --ignore 7: there is nothing of that value or name\. Choose from 1, 2, or say --ig",
        ),
        (facts(1, 2), "#010101", r"--ignore #010101: there is nothing"),
        (facts(255), "0", r"--ignore 0: nothing would be left but objects\. Say --ignore outside, which keeps"),
        (facts(*range(1, 50), pieces=False), "0", r"--ignore 0: nothing would be left but objects"),
    ],
)
def test_nothing_to_ignore(seen: MaskFacts, ignore: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decided([seen], ignore=ignore)


def test_names_are_said_where_nothing_is_to_ignore(tmp_path: Path) -> None:
    written = palette(tmp_path, "#00ff00 pear\n#ff0000 apple\n#000000 background\n")
    with pytest.raises(DataError, match=r"Choose from #00ff00 \(pear\), #ff0000 \(apple\), or say --ignore outside"):
        decided([facts(RED, GREEN, colours=True)], written, ignore="banana")


def test_a_palette_of_colours_names_grey_and_indexed_masks(tmp_path: Path) -> None:
    """The masks of class_dict.csv, saved as grey or with a palette of their own."""
    y, x = np.mgrid[:40, :40]
    blocks = ((y // 5 + x // 5) % 3).astype(np.uint8)
    indexed = Image.fromarray(blocks).convert("P")
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    indexed.save(tmp_path / "a.png")
    written = palette(tmp_path, "name,r,g,b\nbackground,0,0,0\npear,0,255,0\napple,255,0,0\n", "class_dict.csv")
    coding = decided(look_at([tmp_path / "a.png"])[0], written)
    assert (coding.names, coding.values, coding.colours) == (("pear", "apple"), (GREEN, RED), True)
    Image.fromarray(blocks).save(tmp_path / "b.png")  # grey 0, 1, 2: not these colours, but this order
    coding = decided(look_at([tmp_path / "b.png"])[0], written)
    assert (coding.names, coding.values, coding.colours) == (("pear", "apple"), (1, 2), False)


def test_what_a_layout_knows_is_taken_and_can_be_ignored() -> None:
    known = Coding("classes", (1, 2, 3), "Known.", ("a", "b", "c"))
    coding = decide([facts(1, 2, 3)], ReadOptions(ignore="b"), known)
    assert (coding.values, coding.names, coding.ignored) == ((1, 3), ("a", "c"), (2,))
    assert coding.decision == "Known. 2 (b) is ignored."
    with pytest.raises(MaskError, match=r"a\.png: holds 9, which the data set does not name"):
        decide([facts(1, 9)], ReadOptions(), known)
    assert decide([facts(1, 2)], ReadOptions("objects"), known).kind == "objects"


def test_values_of_predictions() -> None:
    grey = Coding("classes", (32, 64), "", ("a", "b"), ignored=(255,))
    assert grey.predicted is grey
    coloured = Coding("classes", (GREEN, RED, BLUE), "", ("pear", "apple", "berry"), (0,), (0xFFFFFF,), colours=True)
    predicted = coloured.predicted
    assert (predicted.values, predicted.background, predicted.ignored, predicted.colours) == (
        (1, 2, 3),
        (0,),
        (),
        False,
    )
    assert Coding("classes", (0, 32), "").predicted.values == (1, 2)
    assert Coding("objects", (), "", colours=True).predicted.values == ()
    other = coloured.numbered(["kiwi", "berry", "pear"])  # of a model that knows no apple
    assert other.values[0] == 3
    assert other.values[1] < 0
    assert other.values[2] == 2
    assert other.ignored == (1,)
    assert interpret(np.array([[0, 1, 2, 3]]), other, Path("a.tif")).classes.tolist() == [[0, 0, 3, 1]]


@pytest.mark.parametrize("ignore", ["pear", "PEAR", "3"])
@pytest.mark.parametrize("text", ["0 background\n1 apple\n2 kiwi\n3 pear\n", "background\napple\nkiwi\npear\n"])
def test_what_is_to_be_ignored_may_never_occur(tmp_path: Path, text: str, ignore: str) -> None:
    coding = decided([facts(1, 2)], palette(tmp_path, text), ignore=ignore)
    assert coding.names == ("apple", "kiwi")
    assert coding.decision.endswith(f" --ignore {ignore}: that never occurs.")
    assert "dropped" not in coding.decision


@pytest.mark.parametrize(("suffix", "left"), [("jpg", 0), ("JPEG", 0), ("png", 1)])
def test_objects_are_not_read_from_blurred_files(suffix: str, left: int) -> None:
    """Ids of thin objects may lie in between; values that JPEG made may not."""
    seen = replace(facts(*range(1, 60)), between=(1, 2), damaged=9, file=Path(f"masks/a.{suffix}"))
    reported: list[UnmaskError] = []
    decided([seen], kind="objects", report=reported.append)
    assert [error.code for error in reported] == ["smoothed"] * (1 - left)


@pytest.mark.parametrize("ignore", ["pear", "2"])
def test_the_last_of_a_list_can_be_ignored(tmp_path: Path, ignore: str) -> None:
    coding = decided([facts(1, 2)], palette(tmp_path, "apple\npear\n"), ignore=ignore)
    assert (coding.names, coding.values, coding.ignored) == (("apple",), (1,), (2,))
    assert coding.decision.endswith(" 2 (pear) is ignored.")
