"""labelme's layout: which image a file belongs to, what its shapes become, and what is refused."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder, read_label_folder
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

SIZE = (40, 60)


def png(mask: np.ndarray) -> str:
    """An image as a PNG in base64, as labelme writes it."""
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def shape(label: Any, points: Any, kind: str | None = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def square(label: str = "cell", x: float = 1, y: float = 1, **more: Any) -> dict[str, Any]:
    """4 columns, 3 rows."""
    return shape(label, [[x, y], [x + 4, y], [x + 4, y + 3], [x, y + 3]], **more)


def mask_shape(label: str, mask: np.ndarray, **more: Any) -> dict[str, Any]:
    """The pixels of a mask, in the box that holds them."""
    rows, columns = np.nonzero(mask)
    top, left, bottom, right = (int(edge) for edge in (rows.min(), columns.min(), rows.max(), columns.max()))
    window = mask[top : bottom + 1, left : right + 1]
    return shape(label, [[left, top], [right, bottom]], "mask", mask=png(window), **more)


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)).save(path)
    return path


def saved(file: Path, shapes: Any, image: str | None = None, size: tuple[int, int] | None = SIZE, **more: Any) -> Path:
    """A labelme file."""
    height, width = size or (None, None)
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": image or f"{file.stem}.png"}
    content |= {"imageData": None, "imageHeight": height, "imageWidth": width, **more}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def labelled(root: Path, shapes: Any, name: str = "a") -> Path:
    """An image with its file beside."""
    picture(root / f"{name}.png")
    saved(root / f"{name}.json", shapes)
    return root


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """Images side by side with labelme files of masks, all of class "object"."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (image, labels) in samples.items():
        Image.fromarray(image).save(folder / f"{name}.png")
        shapes = [mask_shape("object", labels == label) for label in np.unique(labels[labels > 0])]
        saved(folder / f"{name}.json", shapes, size=labels.shape)
    return folder


def layers_of(dataset: Dataset, name: str = "a") -> np.ndarray:
    """(n, h, w) bool, each object whole."""
    sample = dataset.load(name)
    assert sample.objects is not None
    layers = sample.objects[None] if sample.layers is None else sample.layers
    return np.array([(layers == label).any(axis=0) for label in range(1, 1 + int(layers.max()))])


def box(mask: np.ndarray) -> tuple[int, ...]:
    """Top, left, bottom and right, the last two exclusive."""
    rows, columns = np.nonzero(mask)
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


def test_masks_are_read_back_exactly(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    samples = {}
    for name, size in (("a", (30, 41)), ("b", (17, 9))):
        samples[name] = (random.integers(0, 255, size).astype(np.uint8), random.integers(0, 5, size).astype(np.uint16))
    samples["empty"] = (samples["a"][0], np.zeros((30, 41), np.uint16))
    dataset = read_folder(write_layout(tmp_path / "data", samples))
    assert (dataset.names(), dataset.channels, dataset.class_names) == (["a", "b", "empty"], 1, ("object",))
    assert (dataset.layout, dataset.kind, dataset.class_values) == ("labelme", "objects", (1,))
    for name, (image, labels) in samples.items():
        sample = dataset.load(name)
        np.testing.assert_array_equal(sample.image[..., 0], image)
        np.testing.assert_array_equal(sample.objects, labels)
        np.testing.assert_array_equal(sample.classes, labels > 0)
    assert dataset.decision == "3 labelme files hold 8 objects of 1 class. If only their classes matter, say --classes."
    assert dataset.pairing == "3 images, each with its labelme file, such as a.png with a.json."
    assert read_label_folder(tmp_path / "data").names == ["a", "b", "empty"]


def test_shapes(tmp_path: Path) -> None:
    shapes = [
        shape("b", [[10, 5], [20, 5], [20, 9], [10, 9]], None),  # old files do not say that it is a polygon
        shape("a", [[30, 20], [22, 12]], "rectangle"),  # drawn from the lower right
        shape("a", [[22, 12], [30, 12], [30, 20], [22, 20]], "rectangle"),  # X-AnyLabeling's
        shape("c", [[40, 20], [43, 24]], "circle"),
        shape("c", [[10, 30], [14, 26], [18, 30], [14, 34]], "rotation"),
    ]
    dataset = read_folder(labelled(tmp_path, shapes))
    assert dataset.class_names == ("a", "b", "c")
    layers = layers_of(dataset)
    assert box(layers[0]) == (5, 10, 9, 20)
    assert box(layers[1]) == (12, 22, 20, 30)
    assert [int(layer.sum()) for layer in layers[:3]] == [40, 64, 64]
    assert layers[3].sum() == pytest.approx(np.pi * 25, rel=0.05)
    assert box(layers[3]) == (15, 35, 25, 45)
    assert layers[4].sum() == pytest.approx(32, rel=0.15)
    sample = dataset.load("a")
    assert sample.layer_classes is not None
    assert sample.layer_classes.tolist() == [0, 2, 1, 1, 3, 3]


def test_a_group_is_one_object(tmp_path: Path) -> None:
    dot = np.zeros(SIZE, bool)
    dot[30:32, 50] = True
    shapes = [
        square("cell", 1, group_id=1),
        square("cell", 20, group_id=1),
        square("dirt", 30, group_id=1),  # of another label, so another object
        square("cell", 40),
        square("cell", 1, 20, group_id=2),
        square("cell", 3, 20, group_id=2),  # overlaps: its pixels count once
        mask_shape("cell", dot, group_id=2),
    ]
    layers = layers_of(read_folder(labelled(tmp_path, shapes)))
    assert [int(layer.sum()) for layer in layers] == [24, 12, 12, 6 * 3 + 2]
    assert layers[0][2, 2]
    assert layers[0][2, 22]
    assert layers[3][31, 50]


def test_masks_in_parts_outside_the_image(tmp_path: Path) -> None:
    ones = np.ones((4, 6), bool)
    shapes = [
        shape("cell", [[-3, -1], [2, 2]], "mask", mask=png(ones)),
        shape("cell", [[56.6, 38.4], [61.6, 41.4]], "mask", mask=png(ones)),  # rounded to 57, 38
        shape("cell", [[10, 10], [12, 13]], "mask", mask=png(ones)),  # the box is smaller than the mask: cut off
        shape("cell", [[70, 1], [75, 4]], "mask", mask=png(ones)),
    ]
    dataset = read_folder(labelled(tmp_path, shapes))
    assert [box(layer) for layer in layers_of(dataset)] == [(0, 0, 3, 3), (38, 57, 40, 60), (10, 10, 14, 13)]
    assert "Left out: 1 shape without a pixel in the image (first in a.png)." in dataset.decision


def test_what_is_no_object_is_left_out(tmp_path: Path) -> None:
    shapes = [
        square(),
        shape("x", [[1, 2]], "point"),
        shape("y", [[1, 2], [8, 9], [9, 9]], "linestrip"),
        shape("y", [[1, 2], [8, 9]], "line"),
        square("_background_", 10),
        square("__ignore__", 20),
        shape("cell", [[1, 1], [5, 5]]),  # two corners
    ]
    dataset = read_folder(labelled(tmp_path, shapes))
    assert dataset.class_names == ("cell",)
    assert dataset.decision == (
        "1 labelme file holds 1 object of 1 class. If only their classes matter, say --classes. 1 region is ignored. "
        "Left out: 3 lines and points (first in a.png), 1 shape that marks background (first in a.png), "
        "1 shape without a pixel in the image (first in a.png)."
    )
    ignore = dataset.load("a").ignore
    assert ignore is not None
    assert (box(ignore), ignore.sum()) == ((1, 20, 4, 24), 12)


def test_only_classes_and_classes_to_ignore(tmp_path: Path) -> None:
    labelled(tmp_path, [square("b"), square("a", 20), square("c", 30)])
    dataset = read_folder(tmp_path, ReadOptions("classes", ignore="b"))
    assert (dataset.kind, dataset.class_names) == ("classes", ("a", "c"))
    assert dataset.load("a").ignore is not None


@pytest.mark.parametrize(
    ("image", "file", "written"),
    [
        ("a.png", "a.json", "a.png"),
        ("a.png", "a.json", "C:\\Users\\me\\a.png"),
        ("a.PNG", "a.json", "a.png"),
        ("images/a.png", "annotations/a.json", "..\\images\\a.png"),
        ("images/a.png", "labels/a.json", "a.png"),
        ("images/a.png", "json/a.json", "/home/me/cells/a.png"),
        ("images/a.png", "images/a.json", "a.png"),
        ("pictures/a.png", "a.json", "b.tif"),  # renamed since, both of them
        ("a.png", "a.json", ""),
        ("train/images/a.png", "train/json/a.json", "a.png"),
        ("a.png", "a_labels.json", "a.png"),
    ],
)
def test_the_image_is_found(tmp_path: Path, image: str, file: str, written: str) -> None:
    picture(tmp_path / image)
    saved(tmp_path / file, [square()], written)
    entry = read_folder(tmp_path).entries[0]
    assert (entry.image, entry.listed) == (tmp_path / image, tmp_path / file)


def test_a_root_with_dots(tmp_path: Path) -> None:
    labelled(tmp_path, [square()])
    (tmp_path / "x").mkdir()
    dataset = read_folder(tmp_path / "x" / "..")
    assert "without one" not in dataset.pairing
    assert dataset.pairing.endswith("such as a.png with a.json.")


def test_the_nearest_image_of_a_name(tmp_path: Path) -> None:
    for part in ("train", "val"):
        picture(tmp_path / part / "images" / "a.png")
        picture(tmp_path / part / "viz" / "a.png")
        saved(tmp_path / part / "json" / "a.json", [square()])
    dataset = read_folder(tmp_path)
    assert {entry.image.relative_to(tmp_path).as_posix() for entry in dataset.entries} == {
        "train/images/a.png",
        "val/images/a.png",
    }
    assert dataset.splits == {"train_images_a": "train", "val_images_a": "val"}


def test_splits_are_in_folders_not_in_names(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        labelled(tmp_path / part, [square()], f"{part}_1")
    assert read_folder(tmp_path).splits == {"train_1": "train", "val_1": "val", "test_1": "test"}
    labelled(tmp_path, [square()], "test_0")
    assert read_folder(tmp_path).splits["test_0"] == "train"  # where it is not said


def test_images_without_a_file_are_left_out(tmp_path: Path) -> None:
    labelled(tmp_path, [square()])
    labelled(tmp_path, [], "b")
    picture(tmp_path / "viz" / "a.png")  # no image of the data: in a folder without any
    assert "left out" not in read_folder(tmp_path).pairing
    picture(tmp_path / "d.png")
    assert read_folder(tmp_path).pairing.endswith(
        "1 image without one is left out (first d.png): label them, or save them without shapes if they show nothing."
    )
    picture(tmp_path / "c.png")
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["a", "b"]
    assert "2 images without one are left out (first c.png)" in dataset.pairing


def test_other_json_is_passed_over(tmp_path: Path) -> None:
    labelled(tmp_path, [square()])
    (tmp_path / "settings.json").write_text('{"shapes": 3}')
    (tmp_path / "notes.json").write_text("not json")
    assert read_folder(tmp_path).names() == ["a"]


def test_one_file_is_a_data_set(tmp_path: Path) -> None:
    labelled(tmp_path, [square()])
    labelled(tmp_path, [square()], "b")
    dataset = read_folder(tmp_path / "a.json")
    assert (dataset.names(), dataset.pairing) == (
        ["a"],
        "1 image, each with its labelme file, such as a.png with a.json.",
    )


def test_other_data_are_no_labelme(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.json").write_text('{"shapes": []}')
    with pytest.raises(PairingError, match=r"is JSON of a kind that unmask does not read"):
        read_folder(tmp_path)
    with pytest.raises(PairingError, match=r"is not laid out as labelme\. Leave --layout out, or"):
        read_folder(tmp_path, ReadOptions(layout="labelme"))


def broken(root: Path, case: str) -> None:
    """Puts one thing wrong into a sound folder of two images."""
    labelled(root, [square()])
    labelled(root, [square()], "b")
    match case:
        case "cut off":
            (root / "b.json").write_text((root / "b.json").read_text()[:-20])
        case "not utf-8":
            (root / "b.json").write_bytes(b"\xff\xfe\x00\xd8")
        case "empty file":
            (root / "b.json").write_text("")
        case "no image":
            (root / "b.png").unlink()
        case "image inside":
            data = base64.b64encode((root / "b.png").read_bytes()).decode()
            (root / "b.png").unlink()
            saved(root / "b.json", [square()], imageData=data)
        case "damaged image":
            (root / "b.png").write_bytes((root / "b.png").read_bytes()[:20])
        case "other size":
            picture(root / "b.png", (40, 61))
        case "swapped":
            picture(root / "b.png", SIZE[::-1])
        case "stale path":
            saved(root / "b.json", [square()], "a.png")
        case "two files":
            saved(root / "c.json", [square()], "b.png")
        case "two images":
            for folder in ("x", "y"):
                picture(root / folder / "c.png")
            saved(root / "c.json", [square()])
        case "no label":
            saved(root / "b.json", [square(), {"points": [[1, 2]]}])
        case "no points":
            saved(root / "b.json", [{"label": "cell", "shape_type": "polygon"}])
        case "words":
            saved(root / "b.json", [shape("cell", [["x", "y"], ["x", "y"], ["x", "y"]])])
        case "NaN":
            saved(root / "b.json", [shape("cell", [[1, float("nan")], [5, 1], [5, 5]])])
        case "huge":
            saved(root / "b.json", [shape("cell", [[1, 10**400], [5, 1], [5, 5]])])
        case "far":
            saved(root / "b.json", [shape("cell", [[1, 1e300], [5, 1], [5, 5]])])
        case "three numbers":
            saved(root / "b.json", [shape("cell", [[1, 2, 3], [4, 5, 6], [7, 8, 9]])])
        case "circle":
            saved(root / "b.json", [shape("cell", [[1, 2]], "circle")])
        case "unknown":
            saved(root / "b.json", [shape("cell", [[1, 2]], "cuboid")])
        case "no mask":
            saved(root / "b.json", [shape("cell", [[1, 2], [3, 4]], "mask")])
        case "damaged mask":
            mask = png(np.ones((3, 3), bool))
            saved(root / "b.json", [shape("cell", [[1, 2], [3, 4]], "mask", mask=mask[: len(mask) // 2])])
        case "large mask":
            saved(root / "b.json", [shape("cell", [[1, 2], [3, 4]], "mask", mask=png(np.ones((900, 3), bool)))])
        case "a dict of shapes":
            saved(root / "b.json", [square(), 7])
        case "nothing":
            labelled(root, [])
            labelled(root, [shape("x", [[1, 2]], "point")], "b")


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("cut off", UnreadableFile, r"b\.json: is not JSON, or cut off \(.*\)\. Copy or export it again\."),
        ("not utf-8", UnreadableFile, r"b\.json: is not JSON, or cut off"),
        ("empty file", UnreadableFile, r"b\.json: is not JSON, or cut off"),
        ("no image", PairingError, r"b\.json: names the image b\.png, which is not there\. Put it beside"),
        ("image inside", PairingError, r"and carries it inside \(imageData\)\. Write such images .*: python -c \"imp"),
        ("damaged image", UnreadableFile, r"b\.png: is damaged or truncated"),
        ("other size", PairingError, r"b\.png: is 40 x 61 pixels \(rows x columns\), its annotations are of 40 x 60"),
        ("swapped", PairingError, r"b\.png: is 60 x 40 .*: rows and columns are swapped\. Save it upright"),
        ("stale path", PairingError, r"b\.json: is of a\.png by its imagePath, and of b\.png by its own name\. Corr"),
        ("two files", PairingError, r"c\.json: is of b\.png, and so is .*b\.json\. Keep one of the two"),
        ("two images", PairingError, r"c\.json: could be of .*x/c\.png or of .*y/c\.png\. Put it beside its image"),
        ("no label", DataError, r"b\.json: its shape 2 has no label: \{'points': \[\[1, 2\]\]\}\. Open it in labelme"),
        ("no points", DataError, r"b\.json: its shape 1, a polygon of cell, has no sound points\. Open it"),
        ("words", DataError, r"its shape 1, a polygon of cell, has no sound points"),
        ("NaN", DataError, r"its shape 1, a polygon of cell, has no sound points"),
        ("huge", DataError, r"its shape 1, a polygon of cell, has no sound points"),
        ("far", DataError, r"its shape 1, a polygon of cell, has no sound points"),
        ("three numbers", DataError, r"its shape 1, a polygon of cell, has no sound points"),
        ("circle", DataError, r"its shape 1, a circle of cell, has no sound points"),
        ("unknown", DataError, r"its shape 1, a cuboid of cell, is of a kind that unmask does not know\. Draw it as"),
        ("no mask", DataError, r"its shape 1, a mask of cell, has no sound mask \('mask'\)"),
        ("damaged mask", DataError, r"its shape 1, a mask of cell, has no sound mask \("),
        ("large mask", DataError, r"has no sound mask \(it is 900 x 3 pixels, larger than the image\)"),
        ("a dict of shapes", DataError, r"its shape 2 has no label: 7"),
        ("nothing", MaskError, r": holds no object; left out: 1 line or point \(first in b\.png\)\. Annotate at"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, case: str, kind: type[UnmaskError], message: str) -> None:
    broken(tmp_path, case)
    with pytest.raises(kind, match=message) as caught:
        read_folder(tmp_path)
    assert caught.value.file is not None
    assert "\n" not in str(caught.value)
    # A check goes on with the other image.
    seen: list[UnmaskError] = []
    if case != "nothing":
        dataset = read_folder(tmp_path, ReadOptions(report=seen.append))
        assert dataset.names() == (["a", "b"] if case in ("two files", "two images") else ["a"])
        assert [type(error) for error in seen] == [kind]


def test_images_inside_are_written_by_the_command_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(tmp_path, "image inside")
    with pytest.raises(PairingError) as caught:
        read_folder(tmp_path)
    assert caught.value.remedy is not None
    exec(caught.value.remedy.split('python -c "')[1].removesuffix('"'))
    assert read_folder(tmp_path).names() == ["a", "b"]


@pytest.mark.parametrize(("turn", "size", "refused"), [(3, SIZE, True), (6, SIZE, False), (6, None, True)])
def test_photographs_that_viewers_turn(tmp_path: Path, turn: int, size: tuple[int, int] | None, refused: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    saved(tmp_path / "a.json", [square()], "a.jpg", size)
    if refused:
        with pytest.raises(PairingError, match=rf"a\.jpg: is stored turned \(EXIF orientation {turn}\).*mogrify"):
            read_folder(tmp_path)
    else:  # its size says that it was annotated as it is stored
        assert read_folder(tmp_path).names() == ["a"]


@given(data=st.data())
def test_mutated_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    disc = np.hypot(*np.indices((9, 9)) - 4) < 4
    shapes = [square(group_id=1), mask_shape("cell", disc, group_id=1), shape("x", [[9, 9], [12, 9]], "circle")]
    text = bytearray((labelled(root, shapes) / "a.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b"9", b"-", b'"', b"\xff", b"null", b"1e999", b"[]"])
        )
    (root / "a.json").write_bytes(bytes(text))
    assert_clear(lambda: list(read_folder(root)))


def test_real_polygons_become_what_they_are_in_via(tmp_path: Path, shared_data: Path) -> None:
    via = read_folder(shared_data / "balloon" / "val" / "via_region_data.json")
    regions = json.loads((shared_data / "balloon" / "val" / "via_region_data.json").read_text())
    for image in list(regions.values())[:4]:
        (tmp_path / image["filename"]).symlink_to(shared_data / "balloon" / "val" / image["filename"])
        outlines = [one["shape_attributes"] for one in image["regions"].values()]
        corners = [list(zip(one["all_points_x"], one["all_points_y"], strict=True)) for one in outlines]
        size = via.load(Path(image["filename"]).stem).size
        saved(
            tmp_path / f"{image['filename'][:-4]}.json",
            [shape("balloon", one) for one in corners],
            image["filename"],
            size,
        )
    dataset = read_folder(tmp_path)
    assert len(dataset) == 4
    for sample in dataset:
        np.testing.assert_array_equal(sample.objects, via.load(sample.name).objects)


def test_a_mask_with_swapped_corners_is_refused(tmp_path: Path) -> None:
    swapped = mask_shape("cell", np.ones((4, 4), bool))
    swapped["points"] = swapped["points"][::-1]
    labelled(tmp_path, [square(), swapped])
    with pytest.raises(DataError, match=r"its shape 2, a mask of cell, has no sound mask \(its corners are swapped\)"):
        read_folder(tmp_path)
