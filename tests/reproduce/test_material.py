"""Data of a claim: merged, split, linked, and never written to."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.folder import read_folder
from unmask.data.split import read_split
from unmask.errors import PairingError
from unmask.reproduce import material
from unmask.reproduce.claim import Claim, Simulated, read_claim
from unmask.reproduce.material import prepare
from unmask.reproduce.split_rule import SplitRule

GREY = np.random.default_rng(0).integers(0, 255, (12, 12)).astype(np.uint8)
CODES = (0, 32, 64, 96, 128, 159, 191, 223, 255)


def save(file: Path, array: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".tif":
        tifffile.imwrite(file, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(file)


def sections(folder: Path, images: str, masks: str, count: int = 20) -> Path:
    """Sections with every code in four columns, named as the makers name them."""
    codes = np.repeat(np.repeat(np.array(CODES, np.uint8), 4)[None], 12, axis=0)
    grey = np.resize(GREY, codes.shape)
    for number in range(count):
        save(folder / images / f"{number:02d}.tif", grey)
        save(folder / masks / f"labels{number:08d}.png", np.roll(codes, 4 * number, axis=1))
    save(folder / "membranes" / "00.png", GREY)
    return folder


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(("images", "masks"), [("images", "classes"), ("stack1/raw", "stack1/labels")])
def test_sections_are_merged_and_left_alone(tmp_path: Path, images: str, masks: str) -> None:
    data = sections(tmp_path / "vnc", images, masks)
    before = everything(data)
    for _ in range(2):  # typed again
        found = prepare(read_claim("vnc"), data, tmp_path / "out")
    assert everything(data) == before
    dataset = read_folder(found.folder)
    assert dataset.class_names == ("membrane", "glia", "mitochondria", "synapse")
    assert dataset.class_values == (1, 2, 3, 4)
    assert found.test == ("16", "17", "18", "19")
    splits = read_split(found.split_file, dataset.entries)
    assert [name for name, word in splits.items() if word == "val"] == ["05", "11"]
    assert list(splits.values()).count("train") == 14
    classes = dataset.load("00").classes
    assert classes is not None
    assert classes[0, ::4].tolist() == [1, 1, 1, 1, 1, 2, 3, 4, 0]


def test_too_few_sections(tmp_path: Path) -> None:
    data = sections(tmp_path / "few", "images", "classes", 18)
    with pytest.raises(
        PairingError, match=r"holds 18 images, and image 19 is wanted to test\. Give all of them: images"
    ):
        prepare(read_claim("vnc"), data, tmp_path / "out")
    (data / "images" / "17.tif").unlink()
    with pytest.raises(PairingError, match=r"few: holds 17 images and 18 masks\. Give all"):
        prepare(read_claim("vnc"), data, tmp_path / "out")
    with pytest.raises(
        PairingError, match=r"has no folder images or stack1/raw or raw\. Give the folder that holds im"
    ):
        prepare(read_claim("vnc"), tmp_path, tmp_path / "out")


def test_phantoms_are_simulated_once(tmp_path: Path) -> None:
    small = Simulated(kind="nuclei", train=2, test=1, side=64, seed=3)
    claim = read_claim("phantom").model_copy(update={"simulated": small})
    (tmp_path / "data" / "images").mkdir(parents=True)  # killed half way
    (tmp_path / "data" / "images" / "nuclei_000.tif").write_bytes(b"half")
    found = prepare(claim, None, tmp_path)
    assert found.test == ("nuclei_002",)
    before = everything(tmp_path)
    assert prepare(claim, None, tmp_path) == found
    assert everything(tmp_path) == before


def test_slices_of_the_challenges_stack(tmp_path: Path) -> None:
    """30 pages, as `unmask data` leaves them; the test volume's pages are not counted, the last 6 not used."""
    cells = np.where(GREY > 100, 255, 0).astype(np.uint8)
    for part in ("train", "test"):
        save(tmp_path / "isbi" / f"{part}-volume.tif", np.stack([GREY] * 30))
        save(tmp_path / "isbi" / f"{part}-labels.tif", np.stack([cells] * 30))
    found = prepare(read_claim("isbi2012"), tmp_path / "isbi", tmp_path / "out")
    dataset = read_folder(found.folder)
    splits = read_split(found.split_file, dataset.entries)
    pages = {name: dataset.entry(name).page for name in splits if "train-volume" in dataset.entry(name).image.name}
    assert [pages[name] for name in found.test] == [18, 19, 20, 21, 22, 23]
    assert [pages[name] for name, word in splits.items() if word == "val"] == [5, 11, 17]
    assert [pages[name] for name, word in splits.items() if word == "train"] == [
        p for p in range(17) if p not in (5, 11)
    ]
    assert len(dataset) == 60


def test_frames_of_the_first_sequence(tmp_path: Path) -> None:
    labels = np.zeros((12, 12), np.uint16)
    labels[2:5, 2:5] = 1
    for sequence in ("01", "02"):
        for frame in range(65):
            save(tmp_path / "sim" / sequence / f"t{frame:03d}.tif", GREY)
            save(tmp_path / "sim" / f"{sequence}_GT" / "SEG" / f"man_seg{frame:03d}.tif", labels)
    found = prepare(read_claim("ctc-sim"), tmp_path / "sim", tmp_path / "out")
    assert found.test == tuple(f"01_t{frame:03d}" for frame in range(50, 65))
    splits = read_split(found.split_file, read_folder(found.folder).entries)
    assert [name for name, word in splits.items() if word == "train"] == [f"01_t{frame:03d}" for frame in range(50)]


def nuclei(folder: Path) -> Path:
    """Four images in folders of their own, one of them in colour, as in the makers' archive."""
    masks = np.zeros((2, 12, 12), np.uint8)
    masks[0, 3:6, 3:6] = masks[1, 8:10, 3:6] = 255
    for name in ("aaaa01", "aaaa02", "aaaa03", "bbbb04"):
        image = np.stack([GREY, 255 - GREY if name == "bbbb04" else GREY, GREY], axis=-1)
        save(folder / "stage1_train" / name / "images" / f"{name}.png", image)
        for number, mask in enumerate(masks):
            save(folder / "stage1_train" / name / "masks" / f"{number}.png", mask)
    return folder


def test_images_of_our_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not listed are left out: one in colour would make all of them three channels."""
    monkeypatch.setattr(material, "claim_text", lambda file: "name,split\naaaa01,train\naaaa02,test\naaaa03,train\n")
    data = nuclei(tmp_path / "dsb")
    assert read_folder(data).channels == 3
    found = prepare(read_claim("dsb2018"), data, tmp_path / "out")
    dataset = read_folder(found.folder)
    assert (dataset.names(), dataset.channels, found.test) == (["aaaa01", "aaaa02", "aaaa03"], 1, ("aaaa02",))
    assert read_split(found.split_file, dataset.entries) == {"aaaa01": "train", "aaaa02": "test", "aaaa03": "train"}
    shutil.rmtree(data / "stage1_train" / "aaaa03")
    with pytest.raises(PairingError, match=r"holds 2 of the 3 images that are wanted\. Give all of them: the 473"):
        prepare(read_claim("dsb2018"), data, tmp_path / "out")


def test_a_split_of_the_datas_own(tmp_path: Path) -> None:
    data = nuclei(tmp_path / "dsb")
    (data / "split.csv").write_text("name,split\naaaa01,train\naaaa02,val\naaaa03,test\nbbbb04,test\n")
    found = prepare(read_claim("dsb2018"), data, tmp_path / "out")
    assert (found.folder, found.test) == (data, ("aaaa03", "bbbb04"))


def test_our_list_is_that_of_the_shared_data(shared_data: Path) -> None:
    dataset = read_folder(shared_data / "dsb2018")
    listed = material._listed("dsb2018_split.csv", "", dataset)
    assert listed == dict(dataset.splits)
    assert (len(listed), list(listed.values()).count("test")) == (473, 91)


def test_copies_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(material.os, "symlink", refuse)
    monkeypatch.setattr(material, "claim_text", lambda file: "name,split\naaaa01,train\naaaa02,test\n")
    found = prepare(read_claim("dsb2018"), nuclei(tmp_path / "dsb"), tmp_path / "out")
    assert read_folder(found.folder).names() == ["aaaa01", "aaaa02"]
    assert not any(path.is_symlink() for path in found.folder.rglob("*"))


def test_a_rule_by_positions(tmp_path: Path, disc_folder: Path) -> None:
    claim: Claim = read_claim("isbi2012").model_copy(update={"split": SplitRule(train="0-3", val="1", test="4")})
    found = prepare(claim, disc_folder, tmp_path)
    assert (found.folder, found.test) == (disc_folder, ("disc4",))
    assert found.split_file.read_text() == (
        "name,split\ndisc0,train\ndisc1,val\ndisc2,train\ndisc3,train\ndisc4,test\ndisc5,test\n"
    )
