from pathlib import Path

import pytest

from unmask.data.layouts.channel_files import ChannelFiles, channel_files, channel_files_of, without_channel
from unmask.errors import PairingError


def files(*names: str) -> list[Path]:
    return [Path("images", name) for name in names]


def refuse(error: PairingError) -> None:
    raise error


def grouped(found: ChannelFiles | None) -> dict[str, tuple[str, ...]] | None:
    return found and {image.stem: tuple(file.name for file in group) for image, group in found.images.items()}


def found_by_masks(names: list[str], masks: set[str]) -> ChannelFiles | None:
    return channel_files(files(*names), lambda path: path.stem in masks, refuse)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("_ch1", "_ch2"),
        ("_ch0", "_ch1"),
        ("_ch00", "_ch01"),
        ("_C0", "_C1"),
        ("_c1", "_c2"),
        ("_w1", "_w2"),
        ("_w1DAPI", "_w2GFP"),
        ("_0000", "_0001"),
        ("_channel1", "_channel2"),
        ("-ch1", "-ch2"),
        ("-ch1sk1fk1fl1", "-ch2sk1fk1fl1"),
        (".ch2", ".ch10"),
        (" c1", " c2"),
        ("_DAPI", "_GFP"),
        ("_Cy3", "_Cy5"),
    ],
)
def test_endings(first: str, second: str) -> None:
    names = [f"well 1.{index}{ending}.tif" for index in (1, 2) for ending in (second, first)]
    expected = {f"well 1.{index}": (f"well 1.{index}{first}.tif", f"well 1.{index}{second}.tif") for index in (1, 2)}
    found = found_by_masks(names, {"well 1.1", "well 1.2"})
    assert grouped(found) == expected
    assert found is not None
    assert found.words == f"channels {first[1:]}, {second[1:]}"
    assert grouped(channel_files_of(files(*names), 2)) == expected


@pytest.mark.parametrize(
    ("names", "masks"),
    [
        (["a_c1.tif", "a_c2.tif"], {"a_c1", "a_c2"}),  # crops, each with its own mask
        (["a_c1.tif", "a_c2.tif"], {"a_c1", "a"}),
        (["t_0000.tif", "t_0001.tif"], {"t_0000"}),  # frames
        (["t_0000.tif", "t_0001.tif"], {"u"}),
        (["a_left.tif", "a_right.tif", "b_left.tif"], {"a", "b"}),  # words that not every image has
        (["a_DAPI.tif", "b_DAPI.tif"], {"a", "b"}),
        (["a1.tif", "a2.tif"], {"a"}),
        (["a.tif"], {"b"}),
    ],
)
def test_other_names_are_images_of_their_own(names: list[str], masks: set[str]) -> None:
    assert found_by_masks(names, masks) is None


def test_one_numbered_file_an_image() -> None:
    """As nnU-Net calls the only channel."""
    found = found_by_masks(["a_0000.tif", "b_0000.tif"], {"a", "b"})
    assert grouped(found) == {"a": ("a_0000.tif",), "b": ("b_0000.tif",)}
    assert found is not None
    assert found.words == "channel 0000"


def test_incomplete_images_are_reported() -> None:
    names = ["a_ch1.tif", "a_ch2.tif", "b_ch1.tif", "c_ch1.tif", "c_ch2.tif", "c_ch3.tif", "d.tif"]
    message = r"images/b_ch1\.tif: is of the image b, which lacks ch2: images have the channels ch1, ch2\. Add it, or"
    with pytest.raises(PairingError, match=message):
        found_by_masks(names, {"a", "b", "c"})
    reported: list[PairingError] = []
    found = channel_files(files(*names), lambda path: path.stem in "abc", reported.append)
    assert grouped(found) == {"a": ("a_ch1.tif", "a_ch2.tif")}
    assert [error.code for error in reported] == ["unpaired"] * 3
    told = " ".join(str(error) for error in reported)
    assert "c_ch3.tif: is a channel of c that most images lack: they have the channels ch1, ch2." in told
    assert "d.tif: is none of the channels ch1, ch2 of an image." in told


def test_channels_without_masks() -> None:
    names = ["a_ch1.tif", "a_ch2.tif", "b_ch1.tif"]
    with pytest.raises(PairingError, match=r"b_ch1\.tif: is of the image b, which lacks ch2"):
        channel_files_of(files(*names), 2)
    with pytest.raises(
        PairingError, match=r"is one of 3 files of an image \(ch1, ch2, ch3\), and the model wants 2 ch"
    ):
        channel_files_of(files("a_ch1.tif", "a_ch2.tif", "a_ch3.tif"), 2)
    assert channel_files_of(files("t_0000.tif", "t_0001.tif", "t_0002.tif"), 2) is None  # frames
    assert channel_files_of(files("a.tif", "b.tif"), 2) is None
    assert channel_files_of(files("a_DAPI.tif", "b_DAPI.tif"), 2) is None


def test_what_files_could_be_channels_of() -> None:
    found = without_channel(files("a_ch1.tif", "b_DAPI.tif", "b_GFP.tif", "c_x.tif", "d.tif"))
    assert {path.stem for path in found} == {"a", "b"}
