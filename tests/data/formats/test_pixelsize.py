from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.formats.images import read_header
from unmask.data.formats.pixelsize import from_dpi, from_ome

IMAGE = np.zeros((4, 5), np.uint8)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"resolution": (20_000, 10_000), "resolutionunit": "CENTIMETER"}, (1.0, 0.5)),
        ({"resolution": (50_800, 25_400), "resolutionunit": "INCH"}, (1.0, 0.5)),
        ({"resolution": (4, 2), "imagej": True, "metadata": {"unit": "micron"}}, (0.5, 0.25)),
        ({"resolution": (4, 2), "imagej": True, "metadata": {"unit": "um"}}, (0.5, 0.25)),
        ({"resolution": (4, 2), "imagej": True, "metadata": {"unit": "\\u00B5m"}}, (0.5, 0.25)),
        ({"resolution": (0.004, 0.002), "imagej": True, "metadata": {"unit": "nm"}}, (0.5, 0.25)),
        ({"resolution": (4, 2), "imagej": True, "metadata": {"unit": "pixel"}}, None),
        ({"ome": True, "metadata": {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}}, (0.5, 0.25)),
        (
            {
                "ome": True,
                "metadata": {
                    "PhysicalSizeX": 250,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": 0.5,
                    "PhysicalSizeYUnit": "µm",
                },
            },
            (0.5, 0.25),
        ),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({"resolution": (96, 96), "resolutionunit": "INCH"}, None),
        ({"resolution": (300, 300), "resolutionunit": "INCH"}, None),
        ({"resolution": (28.35, 28.35), "resolutionunit": "CENTIMETER"}, None),  # 72 dots per inch
        ({"resolution": (20_000, 10_000), "resolutionunit": "NONE"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_tiff(tmp_path: Path, options: dict[str, Any], size: tuple[float, float] | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, **options)
    assert read_header(tmp_path / "a.tif").pixel_size == (None if size is None else pytest.approx(size, rel=1e-6))


@pytest.mark.parametrize(
    ("dpi", "size"), [((50_800, 25_400), (1.0, 0.5)), ((72, 72), None), ((96, 96), None), (None, None)]
)
@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_png_and_bmp(
    tmp_path: Path, suffix: str, dpi: tuple[float, float] | None, size: tuple[float, float] | None
) -> None:
    Image.fromarray(IMAGE).save(tmp_path / f"a.{suffix}", **({} if dpi is None else {"dpi": dpi}))
    got = read_header(tmp_path / f"a.{suffix}").pixel_size
    assert got == (None if size is None else pytest.approx(size, rel=1e-4))


@pytest.mark.parametrize("value", ["much", "", "nan", "inf", "-1"])
def test_an_ome_length_that_is_none_is_no_pixel_size(value: str) -> None:
    xml = f'<OME xmlns="a"><Image><Pixels PhysicalSizeX="0.5" PhysicalSizeY="{value}"/></Image></OME>'
    assert from_ome(xml) is None
    assert from_ome(xml.replace(f'"{value}"', '"0.25"')) == (0.25, 0.5)


@pytest.mark.parametrize("dpi", [(float("nan"), 200.0), (float("inf"), 200.0), (0.0, 0.0), (-200.0, 200.0)])
def test_a_resolution_that_is_none_is_no_pixel_size(dpi: tuple[float, float]) -> None:
    assert from_dpi(dpi) is None
    assert from_dpi((200.0, 100.0)) == (254.0, 127.0)
