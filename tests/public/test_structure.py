"""A set that is laid out is whole, or what is missing is said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from unmask.errors import FetchError
from unmask.public.catalogue import Expected
from unmask.public.sets import find_set
from unmask.public.structure import check_structure


@pytest.fixture
def folder(tmp_path: Path, png: Callable[[Any], bytes]) -> Path:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(png(np.zeros((4, 6))))
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((3, 4, 6), np.uint8), photometric="minisblack")
    return tmp_path


def check(folder: Path, *expected: Expected) -> None:
    check_structure(replace(find_set("isbi2012"), expected=expected), folder)


def test_whole(folder: Path) -> None:
    check(
        folder,
        Expected("*.png", 2, size=(4, 6)),
        Expected("*.png", 1, least=True),
        Expected("stack.tif", 1, size=(4, 6), pages=3),
    )


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expected("*.png", 3), r"isbi2012 holds 2 files \*\.png, and 3 were expected\. The makers changed it"),
        (Expected("*.png", 1), "holds 2 files .* and 1 were expected"),
        (Expected("*.png", 3, least=True), "holds 2 files .* and at least 3 were expected"),
        (
            Expected("*.png", 2, size=(6, 4)),
            "a.png of isbi2012 holds an image of 4 x 6 pixels, and an image of 6 x 4 pix",
        ),
        (
            Expected("stack.tif", 1, size=(4, 6), pages=30),
            "holds 3 images of 4 x 6 pixels, and 30 images of 4 x 6 pixels",
        ),
    ],
)
def test_another(folder: Path, expected: Expected, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        check(folder, expected)


def test_damaged(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"")
    with pytest.raises(FetchError, match=r"a\.png of isbi2012 is empty \(0 bytes\)"):
        check(folder, Expected("*.png", 2, size=(4, 6)))
