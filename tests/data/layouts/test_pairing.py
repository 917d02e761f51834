from pathlib import Path

import pytest

from unmask.data.layouts.pairing import cellpose_only, has_mask, masks_beside, pair
from unmask.data.listing import natural, page_name, stem, unique_names
from unmask.data.options import ReadOptions
from unmask.errors import PairingError


def files(folder: str, *names: str) -> list[Path]:
    return [Path("cells", folder, name) for name in names]


def paired(images: list[str], masks: list[str]) -> list[tuple[str, str]]:
    return [(i.name, m.name) for i, m in pair(files("images", *images), files("masks", *masks), ReadOptions().report)]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (["a.png", "b.png"], ["a.tif", "b.TIF"]),
        (["a.png", "b.png"], ["a_mask.png", "b_masks.png"]),
        (["a.png", "b.png"], ["a-mask.png", "b label.png"]),
        (["a.png", "b.png"], ["a_labels.tif", "b_seg.tif"]),
        (["a.png", "b.png"], ["a_cp_masks.tif", "b_Mask.png"]),
        (["a.ome.tif", "b.ome.tiff"], ["a.png", "b.ome.tif"]),
        (["a_mask_1.png", "b_mask_1.png"], ["a_mask_1.png", "b_mask_1_mask.png"]),
        (["img_001.png", "img_002.png"], ["mask_001.png", "mask_002.png"]),
        (["img1.png", "img2.png"], ["mask1.png", "mask2.png"]),
        (["image.png"], ["mask.png"]),
        (["well1_image.png", "well2_raw.png"], ["well1_label.png", "well2_mask.png"]),
        (["A1.TIF", "B1.tif"], ["a1.png", "b1.png"]),
        (["t000.tif", "t001.tif"], ["man_seg000.tif", "man_seg001.tif"]),
        (["s2_t1.tif", "s2_t10.tif"], ["gt-02-01.tif", "gt-02-10.tif"]),
        (["0001.png", "0016.png"], ["0001_L.png", "0016_L.png"]),  # CamVid
        (["a.1.png", "a.2.png"], ["a.1.ground-truth.png", "a.2.ground-truth.png"]),
    ],
    ids=str,
)
def test_names_that_belong_together(images: list[str], masks: list[str]) -> None:
    assert paired(images, masks) == list(zip(images, masks, strict=True))
    assert paired(images[::-1], masks) == list(zip(images, masks, strict=True))


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        (
            ["a.png", "b.png"],
            ["a.png"],
            r"images/b\.png: is an image without a mask\. Draw its mask, all 0 if there is",
        ),
        (
            ["a.png"],
            ["a.png", "b.png"],
            r"masks/b\.png: is a mask without an image\. Put its image into cells/images, or",
        ),
        (
            ["a.png", "cell7.png"],
            ["a.png", "cell_7.tif"],
            r"cell7\.png: is an image without a mask\. If cell_7\.tif is its mask, rename that to cell7\.tif\.",
        ),
        (
            ["a.png"],
            ["a.png", "a_mask.tif"],
            r"masks/a_mask\.tif: is a second mask of one image, beside a\.png\. Keep the right one of the two\.",
        ),
        (
            ["a.png", "a.tif"],
            ["a.png"],
            r"images/a\.tif: has the same name as a\.png, so that their masks cannot be told apart\. Rename one",
        ),
        (
            ["left.png", "right.png"],
            ["x.png", "y.png"],
            r"cells/masks: no mask has the name of an image \(images such as left\.png, masks such as x\.png\)\. "
            r"Give each mask the name of its image, here left\.png\.",
        ),
        (["a1.png", "b2.png"], ["x1.png", "x2.png"], "no mask has the name of an image"),  # numbers, but no one pattern
        (["a1.png", "a01.png"], ["x1.png", "x2.png"], "no mask has the name of an image"),  # two images of number 1
        (["cell1.png"], ["cell10.png"], "no mask has the name of an image"),  # an ending begins after a gap
        (["a.png", "b.png"], ["a_x.png", "b_y.png"], "no mask has the name of an image"),  # two endings
        (["a.png", "b.png", "c.png"], ["a_L.png", "b_L.png"], r"c\.png: is an image without a mask\."),
    ],
    ids=str,
)
def test_what_does_not_pair_is_an_error(images: list[str], masks: list[str], message: str) -> None:
    with pytest.raises(PairingError, match=message):
        paired(images, masks)


def test_every_problem_is_reported() -> None:
    reported: list[PairingError] = []
    images = files("images", "a.png", "a.tif", "b.png", "c.png")
    found = pair(images, files("masks", "a.png", "a_mask.png", "b.png", "x.png", "y.png"), reported.append)
    assert [(image.name, mask.name) for image, mask in found] == [("a.png", "a.png"), ("b.png", "b.png")]
    assert [error.file and error.file.name for error in reported] == ["a.tif", "a_mask.png", "c.png", "x.png", "y.png"]
    assert {error.code for error in reported} == {"unpaired"}


def test_images_can_have_other_names_than_their_files() -> None:
    images = files("images", "a_ch1.tif", "b_ch1.tif")
    names = {image: image.name[0] for image in images}
    found = pair(images, files("masks", "a.tif", "b_mask.tif"), ReadOptions().report, names)
    assert [(image.name, mask.name) for image, mask in found] == [("a_ch1.tif", "a.tif"), ("b_ch1.tif", "b_mask.tif")]
    with pytest.raises(PairingError, match=r"images/b_ch1\.tif: is an image without .* rename that to b\.tif"):
        pair(images, files("masks", "a.tif", "bb.tif"), ReadOptions().report, names)


def test_whether_an_image_has_a_mask() -> None:
    known = has_mask(files("masks", "a.png", "b_mask.tif", "mask_7.png"))
    names = ["a.tif", "b.tif", "img_7.tif", "b_mask.tif", "c.tif", "a_1.tif"]
    assert [known(Path("images", name)) for name in names] == [True, True, True, True, False, False]


def test_files_of_cellpose(tmp_path: Path) -> None:
    assert cellpose_only(tmp_path) is None
    for name in ("a10_seg.npy", "a9_seg.npy", "a9.png"):
        (tmp_path / name).touch()
    error = cellpose_only(tmp_path)
    assert error is not None
    assert "a9_seg.npy: holds masks as Python objects (pickle), which unmask never loads" in str(error)
    assert str(error).endswith("In Cellpose, choose File > Save masks as PNG/tif, which writes a9_cp_masks.png.")


def test_masks_beside_their_images() -> None:
    found = masks_beside(files("", "a.tif", "a_mask.png", "b_mask.tif", "b.tif", "c_seg.tif", "mask.tif"))
    assert [file.name for file in found] == ["a_mask.png", "b_mask.tif"]
    assert masks_beside([Path("x/a.tif"), Path("y/a_mask.tif")]) == []
    found = masks_beside(files("", "a_ch1.tif", "a_ch2.tif", "a_mask.tif", "b_DAPI.tif", "b_GFP.tif", "b_mask.tif"))
    assert [file.name for file in found] == ["a_mask.tif", "b_mask.tif"]
    assert masks_beside(files("", "plate_A.tif", "plate_mask.tif")) == []


def test_natural_order() -> None:
    names = ["a10.png", "A2.png", "a1.png", "b.png", "10.png", "9.png"]
    assert sorted(names, key=lambda name: natural(Path(name))) == [
        "9.png",
        "10.png",
        "a1.png",
        "A2.png",
        "a10.png",
        "b.png",
    ]


def test_stem_and_page_names() -> None:
    assert [stem(Path(name)) for name in ("a.tif", "a.ome.tif", "a.OME.TIFF", "a.ome.png", "a.b.png")] == [
        *["a"] * 3,
        "a.ome",
        "a.b",
    ]
    assert [page_name("a", 0, 1), page_name("a", 0, 2), page_name("a", 11, 1500)] == ["a", "a_001", "a_0012"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.png", "x/b.png"], ["a", "b"]),
        (["x/a.png", "y/a.png", "y/b.png"], ["x_a", "y_a", "b"]),
        (["x/a.png", "x/a.tif"], ["a_png", "a_tif"]),
        (["x/A.png", "y/a.png"], ["x_A", "y_a"]),
        (["1/x/a.png", "2/x/a.png", "2/x/a.tif"], ["1_x_a_png", "2_x_a_png", "2_x_a_tif"]),
    ],
    ids=str,
)
def test_names_of_files_from_several_folders_are_distinct(paths: list[str], names: list[str]) -> None:
    assert unique_names([Path(path) for path in paths]) == names
