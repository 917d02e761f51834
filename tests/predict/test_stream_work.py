from pathlib import Path

import numpy as np
import pytest

from unmask.geometry.joining import Faces
from unmask.instances.blockwise_seeds import SeedBlock
from unmask.predict.block_job import SeededBlock
from unmask.predict.stream_work import Records, read_record, write_record

LABELS = np.arange(12, dtype=np.int32).reshape(3, 4)
BLOCK = SeedBlock(np.array([3, 4]), np.array([0, 7]), Faces.of(LABELS))


def test_records_come_back(tmp_path: Path) -> None:
    write_record(tmp_path / "a.npz", BLOCK)
    found = read_record(tmp_path / "a.npz", SeedBlock)
    assert found is not None
    for name in ("areas", "firsts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(BLOCK, name))
    for name in ("top", "bottom", "left", "right"):
        np.testing.assert_array_equal(getattr(found.faces, name), getattr(BLOCK.faces, name))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "missing"])
def test_damaged_records_are_none(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "a.npz"
    write_record(file, BLOCK)
    content = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(content[: len(content) // 2])
        case "flipped":
            at = content.index(BLOCK.areas.tobytes())
            file.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
        case "empty":
            file.write_bytes(b"")
        case "text":
            file.write_bytes(b"no record")
        case "missing":
            file.unlink()
    assert read_record(file, SeedBlock) is None


@pytest.mark.parametrize("bit", [1, 32])
def test_every_damaged_byte_is_found(tmp_path: Path, bit: int) -> None:
    file = tmp_path / "a.npz"
    write_record(file, BLOCK)
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        assert read_record(file, SeedBlock) is None, place


def test_a_record_of_other_fields_is_none(tmp_path: Path) -> None:
    write_record(tmp_path / "a.npz", BLOCK.faces)
    assert read_record(tmp_path / "a.npz", SeedBlock) is None


def test_a_pass_is_done_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def work() -> SeedBlock:
        asked.append("work")
        return BLOCK

    records = Records(tmp_path / "seeds")
    for _ in range(2):
        np.testing.assert_array_equal(records.run((2, 3), SeedBlock, work).areas, BLOCK.areas)
    assert asked == ["work"]
    (tmp_path / "seeds" / "2_3.npz").write_bytes(b"damaged")
    records.run((2, 3), SeedBlock, work)
    assert asked == ["work", "work"]


def test_records_within_records(tmp_path: Path) -> None:
    write_record(tmp_path / "a.npz", SeededBlock(BLOCK, np.array(True)))
    found = read_record(tmp_path / "a.npz", SeededBlock)
    assert found is not None
    assert found.blank
    np.testing.assert_array_equal(found.seeds.faces.left, BLOCK.faces.left)
