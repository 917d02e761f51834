"""ImageJ's ROIs: their pixels are ImageJ's, their classes and images are found, and damage is said."""

import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi, roiwrite
from skimage.measure import points_in_poly

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder, read_label_folder
from unmask.data.layouts.imagej import objects_of_rois
from unmask.data.layouts.imagej_files import read_rois
from unmask.data.options import ReadOptions
from unmask.data.shapes.annotations import outlines_of
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

SIZE = (40, 60)
SQUARE = np.array([(2, 3), (6, 3), (6, 7), (2, 7)])


def write_layout(folder: Path, samples: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Images beside zip files; an object is a composite with a rectangle for each run in a row: no outlines needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (pixels, labels) in samples.items():
        tifffile.imwrite(folder / f"{name}.tif", pixels)
        objects = [composite(rectangles(labels == label)) for label in np.unique(labels[labels > 0])]
        roiwrite(folder / f"{name}.zip", objects, name=[f"{n:04}" for n in range(len(objects))], mode="w")


def rectangles(mask: np.ndarray) -> list[np.ndarray]:
    """The corners of each run of pixels in a row."""
    turns = np.diff(np.pad(mask.astype(int), ((0, 0), (1, 1))), axis=1)
    starts, ends = np.argwhere(turns == 1), np.argwhere(turns == -1)
    return [
        np.array([(x0, y), (x1, y), (x1, y + 1), (x0, y + 1)]) for (y, x0), (_, x1) in zip(starts, ends, strict=True)
    ]


def composite(rings: list[np.ndarray]) -> ImagejRoi:
    """A ShapeRoi of closed polygons."""
    commands: list[float] = []
    for ring in rings:
        for index, (x, y) in enumerate(ring):
            commands += [0 if index == 0 else 1, x, y]
        commands.append(4)
    return path_of(commands)


def path_of(commands: list[float]) -> ImagejRoi:
    path = np.array(commands, np.float32)
    return ImagejRoi(roitype=ROI_TYPE.RECT, multi_coordinates=path, shape_roi_size=path.size)


def polygon(corners: Any, kind: ROI_TYPE = ROI_TYPE.POLYGON, **values: Any) -> ImagejRoi:
    roi = ImagejRoi.frompoints(np.asarray(corners), name="r")
    roi.roitype, roi.version = kind, 228
    for name, value in values.items():
        setattr(roi, name, value)
    return roi


def box(kind: ROI_TYPE, left: int, top: int, width: int, height: int, **values: Any) -> ImagejRoi:
    return ImagejRoi(roitype=kind, left=left, top=top, right=left + width, bottom=top + height, **values)


def image(path: Path, size: tuple[int, ...] = SIZE, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, size, np.uint8), **options)
    return path


def saved(root: Path, *rois: ImagejRoi, name: str = "a.zip") -> Path:
    """A folder with the image a.tif and its ROIs."""
    image(root / "a.tif")
    roiwrite(root / name, rois, name=[f"{n:04}-{n:04}" for n in range(len(rois))], mode="w")
    return root


def objects_of(dataset: Dataset, name: str = "a") -> np.ndarray:
    objects = dataset.load(name).objects
    assert objects is not None
    return objects


def pixels_of(root: Path, roi: ImagejRoi) -> np.ndarray:
    """The mask of one ROI."""
    return objects_of(read_folder(saved(root, roi))) == 1


def centres(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0])), axis=-1).reshape(-1, 2) + 0.5


@pytest.mark.parametrize("kind", [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED])
def test_outlines_follow_pixel_corners(tmp_path: Path, kind: ROI_TYPE) -> None:
    dataset = read_folder(saved(tmp_path, polygon(SQUARE, kind)))
    assert (dataset.names(), dataset.layout, dataset.kind, dataset.class_names) == (
        ["a"],
        "rois",
        "objects",
        ("object",),
    )
    expected = np.zeros(SIZE, int)
    expected[3:7, 2:6] = 1
    np.testing.assert_array_equal(objects_of(dataset), expected)
    assert dataset.pairing == "1 image, each with its ROI file, such as a.tif with a.zip."
    assert dataset.decision == "1 ROI file holds 1 object of 1 class. If only their classes matter, say --classes."
    assert read_folder(tmp_path, ReadOptions(layout="rois")).names() == ["a"]
    assert read_label_folder(tmp_path).coding.class_names == ("object",)


def test_finer_outlines(tmp_path: Path) -> None:
    corners = np.random.default_rng(3).uniform(-5, 60, (9, 2)).astype(np.float32)
    expected = points_in_poly(centres(), corners).reshape(SIZE)
    np.testing.assert_array_equal(pixels_of(tmp_path, polygon(corners)), expected)
    ellipse = polygon(corners, ROI_TYPE.FREEHAND, subtype=ROI_SUBTYPE.ELLIPSE)  # ImageJ saves its corners too
    np.testing.assert_array_equal(pixels_of(tmp_path, ellipse), expected)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (2, 1), (2, 2), (3, 9), (4, 4), (13, 12), (1, 30), (50, 2), (57, 38)]
)
def test_ovals_are_those_of_imagej(tmp_path: Path, width: int, height: int) -> None:
    """A pixel belongs to an oval where its centre is not outside."""
    mask = pixels_of(tmp_path, box(ROI_TYPE.OVAL, 2, 1, width, height))
    x, y = (centres() - (2 + width / 2, 1 + height / 2)).T
    expected = (x**2 / (width / 2) ** 2 + y**2 / (height / 2) ** 2 <= 1).reshape(SIZE)
    assert expected.any()
    np.testing.assert_array_equal(mask, expected)


def test_large_ovals_and_those_that_leave_the_image(tmp_path: Path) -> None:
    mask = pixels_of(tmp_path, box(ROI_TYPE.OVAL, -470, -980, 1000, 1001))
    x, y = (centres() - (30, -479.5)).T
    np.testing.assert_array_equal(mask, (x**2 / 500**2 + y**2 / 500.5**2 <= 1).reshape(SIZE))


def test_rectangles(tmp_path: Path) -> None:
    expected = np.zeros(SIZE, bool)
    expected[5:15, 3:23] = True
    np.testing.assert_array_equal(pixels_of(tmp_path, box(ROI_TYPE.RECT, 3, 5, 20, 10)), expected)
    fine = ImagejRoi(roitype=ROI_TYPE.RECT, options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION, version=228)
    fine.xd, fine.yd, fine.widthd, fine.heightd = 3.7, 5.2, 19.5, 9.1
    np.testing.assert_array_equal(pixels_of(tmp_path, fine), expected)


def test_rounded_rectangles(tmp_path: Path) -> None:
    mask = pixels_of(tmp_path, box(ROI_TYPE.RECT, 3, 5, 40, 20, rounded_rect_arc_size=16))
    beyond = np.maximum(np.abs(centres() - (23, 15)) - (20 - 8, 10 - 8), 0)  # of the rectangle within the corners
    distance = np.hypot(*beyond.T).reshape(SIZE)
    clear = np.abs(distance - 8) > 0.06
    np.testing.assert_array_equal(mask[clear], (distance < 8)[clear])
    assert clear.mean() > 0.95


def test_composites_have_holes_and_pieces(tmp_path: Path) -> None:
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    rings = [10 * square + 1, 4 * square + 3, square + 4, 5 * square + (30, 2)]
    mask = pixels_of(tmp_path, composite(rings))
    expected = np.zeros(SIZE, bool)
    expected[1:11, 1:11] = expected[2:7, 30:35] = True
    expected[3:7, 3:7] = False
    expected[4, 4] = True
    np.testing.assert_array_equal(mask, expected)


def test_composites_of_curves(tmp_path: Path) -> None:
    """Older versions of ImageJ kept ovals in composites as curves."""
    x, y, r, k = 20.0, 20.0, 15.0, 15 * 0.5523
    circle = [0, x + r, y]
    circle += [3, x + r, y + k, x + k, y + r, x, y + r, 3, x - k, y + r, x - r, y + k, x - r, y]
    circle += [3, x - r, y - k, x - k, y - r, x, y - r, 3, x + k, y - r, x + r, y - k, x + r, y, 4]
    mask = pixels_of(tmp_path, path_of(circle))
    distance = np.hypot(*(centres() - (x, y)).T).reshape(SIZE)
    np.testing.assert_array_equal(mask[np.abs(distance - r) > 0.1], (distance < r)[np.abs(distance - r) > 0.1])
    parabola = [0, 2.0, 2.0, 2, 12.0, 22.0, 22.0, 2.0, 4]  # highest at half the height of what it bends towards
    assert np.nonzero(pixels_of(tmp_path, path_of(parabola)))[0].max() + 1 == 12


def test_coordinates_beyond_signed_shorts() -> None:
    """ImageJ writes those up to 60,535 as unsigned shorts, larger ones as floats."""
    for left in (-300, 32_000, 40_000, 60_000, 70_000):
        corners = SQUARE + np.array([left, 40_000])
        found = objects_of_rois([("r", polygon(corners).tobytes())], Path("a.zip"))
        np.testing.assert_array_equal(outlines_of(found.objects[0].shape)[0], corners)
    wide = np.array([(10, 10), (50_000, 10), (50_000, 60_000)])
    found = objects_of_rois([("r", polygon(wide).tobytes())], Path("a.zip"))
    np.testing.assert_array_equal(outlines_of(found.objects[0].shape)[0], wide)


def test_more_corners_than_a_short_can_count() -> None:
    angles = np.linspace(0, 6, 70_000)
    ring = np.stack([500 + 400 * np.cos(angles), 500 + 400 * np.sin(angles)], axis=1).astype(np.float32)
    found = objects_of_rois([("r", polygon(ring).tobytes())], Path("a.zip"))
    np.testing.assert_array_equal(outlines_of(found.objects[0].shape)[0], ring)


def test_bytes_by_hand(tmp_path: Path) -> None:
    """A traced outline as ImageJ's RoiEncoder lays it out, version 217, without a second header."""
    header = struct.pack(">4shBxhhhhh", b"Iout", 217, 8, 3, 2, 7, 6, 4) + bytes(46)
    data = header + struct.pack(">8h", 0, 4, 4, 0, 0, 0, 4, 4)
    assert len(header) == 64
    image(tmp_path / "a.tif")
    (tmp_path / "a.roi").write_bytes(data)
    objects = objects_of(read_folder(tmp_path))
    assert objects[3:7, 2:6].all()
    assert objects.sum() == 16


def test_what_has_no_area_is_left_out(tmp_path: Path) -> None:
    lines = [ROI_TYPE.POLYLINE, ROI_TYPE.FREELINE, ROI_TYPE.ANGLE, ROI_TYPE.POINT]
    rois = [polygon(SQUARE, kind) for kind in lines] + [ImagejRoi(roitype=ROI_TYPE.LINE, x2=9.0, y2=9.0)]
    rois.append(box(ROI_TYPE.RECT, 1, 1, 9, 9, subtype=ROI_SUBTYPE.TEXT, text="cell"))
    rois.append(box(ROI_TYPE.RECT, 1, 1, 9, 9, subtype=ROI_SUBTYPE.IMAGE, image_data=b"x" * 9, image_size=9))
    nothing = [polygon(SQUARE[:2]), box(ROI_TYPE.RECT, 1, 1, 0, 5), polygon(SQUARE + 1000)]
    dataset = read_folder(saved(tmp_path, polygon(SQUARE), *rois, *nothing))
    assert objects_of(dataset).max() == 1
    assert dataset.decision.endswith(
        "Left out: 7 lines, angles, points and texts (first in a.tif), "
        "2 shapes without a pixel in the image (first in a.tif), 1 shape outside the image (first in a.tif)."
    )


def test_fitted_splines_are_said(tmp_path: Path) -> None:
    dataset = read_folder(saved(tmp_path, polygon(SQUARE, options=ROI_OPTIONS.SPLINE_FIT)))
    assert objects_of(dataset).sum() == 16
    assert dataset.decision.endswith("Left out: 1 fitted spline, read as a polygon (first in a.tif).")


def test_groups_and_properties_are_classes(tmp_path: Path) -> None:
    rois = [polygon(SQUARE + np.array([10 * n, 0]), group=group) for n, group in enumerate([10, 2, 0, 2])]
    dataset = read_folder(saved(tmp_path, *rois))
    assert dataset.class_names == ("object", "group_2", "group_10")
    classes = dataset.load("a").classes
    assert classes is not None
    assert classes[4, 3::10].tolist() == [3, 2, 1, 2, 0, 0]
    assert dataset.decision.endswith("say --classes. Groups of ROIs are classes.")
    named = [
        polygon(SQUARE, group=2, props="class: Tumor: Positive\nscore: 0.5\n"),
        polygon(SQUARE + 10, group=1, props="class: Zebra\n"),
    ]
    dataset = read_folder(saved(tmp_path, *named))
    assert dataset.class_names == ("Zebra", "Tumor: Positive")
    assert "Groups" not in dataset.decision


def test_positions_in_stacks(tmp_path: Path) -> None:
    assert objects_of(read_folder(saved(tmp_path, polygon(SQUARE, position=1)))).max() == 1
    assert (
        objects_of(read_folder(saved(tmp_path, polygon(SQUARE, c_position=1, z_position=1, t_position=1)))).max() == 1
    )
    with pytest.raises(
        DataError, match=r"a\.zip: has a ROI of another image of a stack, '0000-0000\.roi' \(slice 3\)\. Save"
    ):
        read_folder(saved(tmp_path, polygon(SQUARE, c_position=1, z_position=3, t_position=1)))
    with pytest.raises(DataError, match=r"\(slice 2, frame 4\)"):
        read_folder(saved(tmp_path, polygon(SQUARE, z_position=2, t_position=4)))
    with pytest.raises(
        PairingError, match=r"a\.zip: has outlines of the 2\. image of a stack, and a\.tif holds one\. Give"
    ):
        read_folder(saved(tmp_path, polygon(SQUARE, position=2)))
    roiwrite(
        tmp_path / "a.zip", [polygon(SQUARE, position=2), polygon(SQUARE, c_position=2)], name=["a", "b"], mode="w"
    )
    image(tmp_path / "a.tif", (2, *SIZE), imagej=True, metadata={"axes": "CYX"})  # two channels of one image
    assert objects_of(read_folder(tmp_path)).max() == 2
    image(tmp_path / "a.tif", (3, *SIZE), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(PairingError, match=r"a\.tif: holds 3 images; an annotated file holds one"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("a.zip", "a.tif"),
        ("a_rois.zip", "a.tif"),
        ("a_RoiSet.zip", "a.tif"),
        ("a RoiSet.zip", "a.tif"),
        ("a-roi.zip", "a.tif"),
        ("RoiSet.zip", "a.tif"),
        ("ROIs.zip", "images/a.tif"),
        ("a.roi", "a.tif"),
        ("a_roi.roi", "a.tif"),
        ("a.tif.zip", "a.tif"),
        ("rois/a.zip", "images/a.tif"),
        ("rois/a_RoiSet.zip", "a.tif"),
        ("train/rois/a.zip", "train/images/a.tif"),
        ("rois/train/a.zip", "images/train/a.tif"),
    ],
)
def test_images_are_found(tmp_path: Path, file: str, place: str) -> None:
    image(tmp_path / place)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    polygon(SQUARE).tofile(tmp_path / file)
    (entry,) = read_folder(tmp_path).entries
    assert (entry.name, entry.image, entry.listed) == ("a", tmp_path / place, tmp_path / file)


def test_names_that_are_images_themselves(tmp_path: Path) -> None:
    """An image that is called roi, and a set for nobody in particular."""
    for name in ("roi", "b"):
        image(tmp_path / f"{name}.tif")
        polygon(SQUARE).tofile(tmp_path / f"{name}.zip")
    assert read_folder(tmp_path).names() == ["b", "roi"]
    (tmp_path / "b.zip").rename(tmp_path / "RoiSet.zip")
    with pytest.raises(
        PairingError, match=r"RoiSet\.zip: may belong to .*b\.tif or to roi\.tif\. Give it the whole name"
    ):
        read_folder(tmp_path)


def test_images_without_rois(tmp_path: Path) -> None:
    saved(tmp_path, polygon(SQUARE))
    image(tmp_path / "b.tif")
    with pytest.raises(PairingError, match=r"b\.tif: is an image without a file of outlines\. Annotate it"):
        read_folder(tmp_path)
    zipfile.ZipFile(tmp_path / "b.zip", "w").close()  # as unmask writes them
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["a", "b"]
    assert objects_of(dataset, "b").max() == 0


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_folders_and_what_macos_adds(tmp_path: Path) -> None:
    image(tmp_path / "a.tif")
    data = polygon(SQUARE).tobytes()
    members = {"set/": b"", "set/1.roi": data, "set/deep/2.ROI": data, "__MACOSX/set/._1.roi": b"x", ".DS_Store": b"x"}
    zipped(tmp_path / "a.zip", **members)
    assert read_folder(tmp_path).decision.startswith("1 ROI file holds 2 objects")


def test_zip_files_of_others(tmp_path: Path) -> None:
    image(tmp_path / "a.tif")
    zipped(tmp_path / "a.zip", **{"a.tif": b"x"})
    assert read_rois(tmp_path, ReadOptions()) is None
    polygon(SQUARE).tofile(tmp_path / "a.roi")
    assert read_folder(tmp_path).entries[0].listed == tmp_path / "a.roi"
    (tmp_path / "a.roi").unlink()
    zipped(tmp_path / "a.zip", **{"notes.txt": b"x", "1.roi": polygon(SQUARE).tobytes()})
    with pytest.raises(
        UnreadableFile, match=r"a\.zip: holds 1 files that are no ROIs, such as 'notes\.txt'\. Take them out"
    ):
        read_folder(tmp_path)


def with_corner(x: float) -> bytes:
    """A ROI one of whose corners is anywhere."""
    data = polygon(np.array([(1, 1), (5.5, 1), (5, 5)], np.float32)).tobytes()
    return data.replace(struct.pack(">f", 5.5), struct.pack(">f", x))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "its first bytes are none, not those of a ROI"),
        (b"PK\3\4", "its first bytes are 50 4b 03 04, not those of a ROI"),
        (b"Iout", "too short"),
        (b"Iout\0\xe3\x0b" + bytes(99), "it is of the unknown type 11"),
        (polygon(SQUARE).tobytes()[:70], "buffer is too small"),
        (composite([SQUARE]).tobytes()[:80], "buffer is too small"),
        (path_of([0, 1, 1, 1, 5, 1, 1, 5, 5, 9]).tobytes(), "its path has the unknown command 9"),
        (path_of([0, 1, 1, 1, 5]).tobytes(), "its path is cut off"),
        (path_of([1, 1, 1]).tobytes(), "its path is cut off"),
        (path_of([4]).tobytes(), "its path is cut off"),
        (path_of([float("nan")]).tobytes(), "its path has the unknown command nan"),
        (path_of([0, 1, float("inf"), 1, 5, 5, 4]).tobytes(), "a coordinate is not finite"),
        (with_corner(float("nan")), "a coordinate is not finite"),
        (with_corner(3e38), "a coordinate is not finite, or further off than any image is large"),
    ],
)
def test_damaged_rois(tmp_path: Path, data: bytes, reason: str) -> None:
    image(tmp_path / "a.tif")
    (tmp_path / "a.roi").write_bytes(data)
    with pytest.raises(
        UnreadableFile, match=rf"holds a ROI that cannot be read, 'a\.roi' \(.*{reason}.*\)\. Save it again"
    ):
        read_folder(tmp_path)


@pytest.mark.parametrize("size", [float("nan"), float("inf"), 1e30, 3e6])
def test_absurd_boxes(tmp_path: Path, size: float, assert_clear: Callable[..., Any]) -> None:
    for kind in (ROI_TYPE.OVAL, ROI_TYPE.RECT):
        fine = ImagejRoi(roitype=kind, options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION, version=228, widthd=size, heightd=3.0)
        assert isinstance(assert_clear(read_folder, saved(tmp_path, fine)), UnreadableFile)


def test_damaged_zip_files(tmp_path: Path) -> None:
    whole = (saved(tmp_path, polygon(SQUARE), polygon(SQUARE + 9)) / "a.zip").read_bytes()
    (tmp_path / "a.zip").unlink()
    for data in (whole[:-30], b"", b"PK\3\4" + bytes(90)):
        (tmp_path / "RoiSet.zip").write_bytes(data)
        with pytest.raises(
            UnreadableFile, match=r"RoiSet\.zip: is damaged or truncated \(File is not a zip file\)\. Copy"
        ):
            read_folder(tmp_path)
    place = whole.index(b"Iout") + 20
    (tmp_path / "RoiSet.zip").write_bytes(whole[:place] + b"!" + whole[place + 1 :])
    with pytest.raises(UnreadableFile, match=r"is damaged or truncated .*Bad CRC-32"):
        read_folder(tmp_path)


def test_zip_bombs_are_not_unpacked(tmp_path: Path, assert_clear: Callable[..., Any]) -> None:
    image(tmp_path / "a.tif")
    zipped(tmp_path / "a.zip", **{"1.roi": bytes(2**27 + 1)})
    assert (tmp_path / "a.zip").stat().st_size < 2**18
    error = assert_clear(read_folder, tmp_path)
    assert "a.zip: holds 128.0 MiB of ROIs, more than 128.0 MiB. Give label images" in str(error)
    heavy = path_of([4.0] * (2**22 + 1)).tobytes()
    zipped(tmp_path / "a.zip", **{"1.roi": heavy})
    assert "its path has no numbers, or more than 4,194,304" in str(assert_clear(read_folder, tmp_path))


def test_one_problem_leaves_the_others(tmp_path: Path) -> None:
    saved(tmp_path, polygon(SQUARE))
    image(tmp_path / "b.tif")
    (tmp_path / "b.roi").write_bytes(b"Iout")
    problems: list[UnmaskError] = []
    assert read_folder(tmp_path, ReadOptions(report=problems.append)).names() == ["a"]
    assert [type(problem) for problem in problems] == [UnreadableFile]
    polygon(SQUARE).tofile(tmp_path / "a.roi")
    with pytest.raises(PairingError, match=r"a\.zip: is a second file for a\.tif, beside a\.roi"):
        read_folder(tmp_path)


def test_no_object_at_all(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"holds no object; left out: 1 line, angle, point or text"):
        read_folder(saved(tmp_path, polygon(SQUARE, ROI_TYPE.POINT)))


def test_the_very_label_images(tmp_path: Path) -> None:
    labels = np.random.default_rng(1).integers(0, 5, SIZE).astype(np.uint16)
    write_layout(tmp_path, {"a": (labels.astype(np.uint8) * 50, labels), "b": (labels.astype(np.uint8), labels[::-1])})
    dataset = read_folder(tmp_path)
    np.testing.assert_array_equal(objects_of(dataset), labels)
    np.testing.assert_array_equal(objects_of(dataset, "b"), labels[::-1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(st.integers(0, 2**31))
def test_damage_is_said_or_harmless(tmp_path: Path, assert_clear: Callable[..., Any], seed: int) -> None:
    """In the bytes of ROIs, and in those of the zip file around them."""
    random = np.random.default_rng(seed)
    fine = polygon(np.array([(1.5, 1), (5.5, 1), (5, 5)], np.float32), group=3, props="class: a\n")
    rois = [polygon(SQUARE), fine, composite([SQUARE, SQUARE + 1]), box(ROI_TYPE.OVAL, 3, 4, 9, 8)]
    saved(tmp_path, *rois)
    members = [bytearray(roi.tobytes()) for roi in rois]
    for data in (*members, *([whole := bytearray((tmp_path / "a.zip").read_bytes())] if seed % 4 == 0 else [])):
        for _ in range(random.integers(0, 4)):
            data[random.integers(len(data))] = random.choice([0, 1, 127, 128, 255, random.integers(256)])
        del data[random.integers(len(data) // 2, 2 * len(data)) :]
    zipped(tmp_path / "a.zip", **{f"{n}.roi": bytes(data) for n, data in enumerate(members)})
    if seed % 4 == 0:
        (tmp_path / "a.zip").write_bytes(bytes(whole))
    assert_clear(lambda: [sample.objects for sample in read_folder(tmp_path)])
