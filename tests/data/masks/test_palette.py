from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.masks.palette import FILES, Legend, find_palette, read_palette
from unmask.errors import DataError

RED, GREEN, BLUE = 0xFF0000, 0x00FF00, 0x0000FF


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("name", "text", "names", "values", "colours"),
    [
        ("class_dict.csv", "name,r,g,b\napple,255,0,0\nred pear,0,255,0\n", ("apple", "red pear"), (), (RED, GREEN)),
        ("class_dict.csv", "name, r, g, b\r\napple, 255, 0, 0\r\n", ("apple",), (), (RED,)),
        ("label_colors.txt", "255 0 0\t\tapple\n0 255 0 red pear\n", ("apple", "red pear"), (), (RED, GREEN)),
        (
            "labelmap.txt",
            "# label:color_rgb:parts:actions\napple:255,0,0::\nb:0,0,255::\n",
            ("apple", "b"),
            (),
            (RED, BLUE),
        ),
        ("classes.txt", "#ff0000 apple\npear #00ff00\n\n# a comment\n", ("apple", "pear"), (), (RED, GREEN)),
        ("classes.csv", "value,name\n0,membrane |\n32,glia/other\n", ("membrane |", "glia/other"), (0, 32), ()),
        ("classes.csv", "\ufeffid;class\n1;Äpfel\n2;b\n", ("Äpfel", "b"), (1, 2), ()),
        ("classes.csv", "0,membrane\n32,type 2\n", ("membrane", "type 2"), (0, 32), ()),
        ("_classes.csv", "Pixel Value, Class\n0, background\n1, cell\n", ("background", "cell"), (0, 1), ()),
        ("classes.csv", "png_index,class_name,color\n1,apple,#ff0000ff\n", ("apple",), (1,), (RED,)),
        ("classes.csv", "id,name,r,g,b\n1,apple,255,0,0\n", ("apple",), (1,), (RED,)),
        ("classes.txt", "1 apple\n2: pear\n3 = kiwi\n", ("apple", "pear", "kiwi"), (1, 2, 3), ()),
        ("classes.txt", "apple, pear; strawberry\n", ("apple", "pear", "strawberry"), (), ()),
        ("classes.txt", "apple,1\npear: 2\n", ("apple", "pear"), (1, 2), ()),
        ("classes.txt", "1,apple,255,0,0\n", ("apple",), (1,), (RED,)),
        ("labels.txt", "cell type 1\n'cell type 2'\n", ("cell type 1", "cell type 2"), (), ()),
        ("labels.txt", "-1 __ignore__\n0 _background_\n", ("__ignore__", "_background_"), (255, 0), ()),
        (
            "classes.csv",
            "value,name\n0,membrane\n32,membrane\n64,glia\n",
            ("membrane", "membrane", "glia"),
            (0, 32, 64),
            (),
        ),
        ("label_colors.txt", "255 0 0 a\n0 0 255 a\n", ("a", "a"), (), (RED, BLUE)),
    ],
)
def test_what_files_name(
    tmp_path: Path, name: str, text: str, names: tuple[str, ...], values: tuple[int, ...], colours: tuple[int, ...]
) -> None:
    palette = read_palette(written(tmp_path, name, text))
    assert (palette.names, palette.values, palette.colours) == (names, values, colours)
    stated = palette.stated(colours=bool(colours))
    assert (stated is None) == (not values and not colours)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.txt", "", r"classes\.txt: names no class\. Write one class a line"),
        ("classes.txt", "# only a comment\n", r"names no class"),
        ("classes.txt", "1 a\nb\n", r"line 2 is of another kind than line 1\. Write .* or rename the file if"),
        ("classes.txt", "a\nb\na\n", r"names the class a twice"),
        ("classes.csv", "value,name,meaning\n1,a,class\n2,a,ignored\n", r"line 2 gives a another meaning than another"),
        ("classes.txt", "1 a\n1 b\n", r"names the value 1 twice"),
        ("label_colors.txt", "255 0 0 a\n255 0 0 b\n", r"names the colour #ff0000 twice"),
        ("label_colors.txt", "256 0 0 a\n", r"line 1 has '256' where a number from 0 to 255 is wanted"),
        ("class_dict.csv", "name,r,g,b\na,1,2\n", r"line 2 has 3 of 4 columns"),
        ("class_dict.csv", "name,r,g,b\na,1,2,x\n", r"line 2 has 'x' where a number"),
        ("class_dict.csv", "name,r,g,b\n,1,2,3\n", r"line 2 has no name of a class"),
        ("class_dict.csv", 'name,r,g,b\n"a,1,2,3\n', r"is no sound CSV \(unexpected end of data\)"),
        ("classes.csv", "name,color\na,red\n", r"line 2 has 'red' as a colour, not #rrggbb"),
        ("classes.csv", "value,name\n99999999999,a\n", r"line 2 has '99999999999' where a number"),
        ("classes.txt", "a" * 500, r"line 1 has more than 400 letters"),
        ("classes.txt", "a\n" * 600_000, r"has more than 1,048,576 bytes"),
    ],
)
def test_unsound_files_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_palette(written(tmp_path, name, text))
    assert "\n" not in str(caught.value)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes("1 Äpfel\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"classes\.txt: is not text \(UTF-8\)"):
        read_palette(tmp_path / "classes.txt")


def test_roles_of_names(tmp_path: Path) -> None:
    text = "0 Void\n1 a\n2 background\n3 unlabelled\n4 b\n5 Unknown\n"
    legend = read_palette(written(tmp_path, "classes.txt", text)).stated(colours=False)
    unknown = {0: "Void", 3: "unlabelled", 5: "Unknown"}
    assert legend == Legend({1: "a", 4: "b"}, (2,), unknown, "classes.txt")
    assert [value in legend for value in (0, 1, 2, 6)] == [True, True, True, False]


def test_a_meaning_holds_for_all_values_of_its_name(tmp_path: Path) -> None:
    text = "value,name,meaning\n0,edge,\n7,edge,ignored\n8,edge,ignored\n255,inside,background\n3,a,\n"
    legend = read_palette(written(tmp_path, "classes.csv", text)).stated(colours=False)
    assert legend == Legend({3: "a"}, (255,), {0: "edge", 7: "edge", 8: "edge"}, "classes.csv")


@pytest.mark.parametrize(
    ("text", "background"), [("0 a\n1 b\n", ()), ("1 a\n2 b\n", (0,)), ("0 void\n1 a\n", ()), ("7 background\n", (7,))]
)
def test_zero_is_the_background_unless_something_else_is_said(
    tmp_path: Path, text: str, background: tuple[int, ...]
) -> None:
    legend = read_palette(written(tmp_path, "classes.txt", text)).stated(colours=False)
    assert legend is not None
    assert legend.background == background


@pytest.mark.parametrize(
    ("text", "seen", "names"),
    [
        ("background\na\nb\n", {0, 1}, {1: "a", 2: "b"}),
        ("a\nb\nc\n", {0, 1, 3}, {1: "a", 2: "b", 3: "c"}),
        ("cell\n", {0, 255}, {255: "cell"}),
        ("__ignore__\n_background_\na\n", {0, 1, 255}, {1: "a"}),
    ],
)
def test_names_in_order(tmp_path: Path, text: str, seen: set[int], names: dict[int, str]) -> None:
    assert read_palette(written(tmp_path, "classes.txt", text)).in_order(seen).names == names


def test_an_order_that_may_begin_at_0_or_1_is_refused(tmp_path: Path) -> None:
    palette = read_palette(written(tmp_path, "classes.txt", "road\nsky\ncar\n"))
    message = r"classes\.txt: names 3 classes without their values, and masks hold values up to 2\. .* such as 1,road"
    with pytest.raises(DataError, match=message) as caught:
        palette.in_order({0, 1, 2})
    assert caught.value.code == "ids"


@pytest.mark.parametrize(
    ("text", "only"),
    [("cell\n", "cell"), ("0 background\n1 cell\n2 void\n", "cell"), ("1 cell\n2 cell\n", "cell"), ("a\nb\n", None)],
)
def test_the_only_class(tmp_path: Path, text: str, only: str | None) -> None:
    assert read_palette(written(tmp_path, "classes.txt", text)).only == only


def test_the_first_place_with_one_counts(tmp_path: Path) -> None:
    assert find_palette([tmp_path]) is None
    written(tmp_path / "masks", "Labels.TXT", "a\n")
    written(tmp_path, "notes.txt", "a\n")
    found = find_palette([tmp_path, tmp_path / "masks"])
    assert found is not None
    assert found.file.name == "Labels.TXT"
    for name in reversed(FILES):  # what says more is taken before what says less
        found = find_palette([written(tmp_path, name, "1 a 255 0 0\n").parent, tmp_path / "masks"])
        assert found is not None
        assert found.file.name == name


@given(st.sampled_from(FILES), st.text("abc #,;:=\t\n0123456789-\"'", max_size=60))
def test_any_text_is_a_palette_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, name: str, text: str) -> None:
    file = written(tmp_path_factory.mktemp("palette"), name, text)
    try:
        palette = read_palette(file)
    except DataError as caught:
        error = caught
    else:
        error = None
    if error is not None:
        assert (error.file, bool(error.remedy)) == (file, True)
        return
    assert all(palette.names)
    assert len(set(palette.names)) == len(palette.names)
    assert {len(palette.values), len(palette.colours)} <= {0, len(palette.names)}


@pytest.mark.parametrize(
    ("text", "seen", "names"),
    [
        ("background\ncell\n", {0, 255}, {255: "cell"}),
        ("background\ncell\n", {0, 1}, {1: "cell"}),
        ("cell\nunknown\n", {0, 255}, {255: "cell"}),
        ("background\nunknown\ncell\n", {0, 7}, {7: "cell"}),
        ("background\ncell\nunknown\n", {0, 2}, {1: "cell"}),
    ],
)
def test_one_class_and_one_value(tmp_path: Path, text: str, seen: set[int], names: dict[int, str]) -> None:
    assert read_palette(written(tmp_path, "classes.txt", text)).in_order(seen).names == names


def test_names_may_mean_something_else(tmp_path: Path) -> None:
    text = "value,name,meaning\n0,ground,background\n1,unknown,class\n2,rim,ignored\n3,void,\n"
    legend = read_palette(written(tmp_path, "classes.csv", text)).stated(colours=False)
    assert legend == Legend({1: "unknown"}, (0,), {2: "rim", 3: "void"}, "classes.csv")
    with pytest.raises(DataError, match="line 2 has the meaning 'thing', not class, background, ignored"):
        read_palette(written(tmp_path, "classes.csv", "value,name,meaning\n1,unknown,thing\n"))
