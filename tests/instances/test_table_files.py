"""Parts of a table in files."""

from pathlib import Path

import numpy as np
import pytest

from unmask.errors import UnreadableFile
from unmask.instances.table import Columns, measure, write_table
from unmask.instances.table_files import column_names, read_part, read_parts, write_part

REMEDY = r"is a part of the table that is damaged or not there\. Type the same command again"


def part_of(make_blobs, seed: int) -> Columns:
    objects = make_blobs(seed)
    image = np.random.default_rng(seed).integers(0, 256, (*objects.labels.shape, 1), np.uint8)
    return measure(objects, image, f"µ{seed}", ["round", "long"])


def test_parts_make_the_same_table(make_blobs, tmp_path: Path) -> None:
    parts = [part_of(make_blobs, seed) for seed in range(3)]
    assert sum(len(part["label"]) for part in parts) > 5
    paths = [tmp_path / "parts" / f"{number:05}.npz" for number in range(3)]
    for path, part in zip(paths, parts, strict=True):
        write_part(path, part)
        assert column_names(path) == list(part)
    write_table(tmp_path / "whole.csv", parts)
    write_table(tmp_path / "parts.csv", read_parts(paths), [name for path in paths for name in column_names(path)])
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_every_damaged_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "0.npz"
    write_part(path, {"image": np.full(3, "a", object), "label": np.arange(3)})
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 32]) + whole[place + 1 :])
        assert read_part(path) is None, place
        with pytest.raises(UnreadableFile, match=REMEDY):
            column_names(path)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PK")])
def test_a_damaged_part_is_named(tmp_path: Path, damage) -> None:
    """Those before it have been given by then."""
    paths = [tmp_path / f"{number}.npz" for number in range(3)]
    for path in paths:
        write_part(path, {"label": np.arange(4)})
    damage(paths[1])
    parts = read_parts(paths)
    np.testing.assert_array_equal(next(parts)["label"], np.arange(4))
    with pytest.raises(UnreadableFile, match=rf"1\.npz: {REMEDY}"):
        next(parts)
