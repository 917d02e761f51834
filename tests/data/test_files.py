from pathlib import Path

import pytest

from unmask.data.files import atomic, write_text
from unmask.errors import UnmaskError


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old\n")

    def stop_half_way() -> None:
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    assert target.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [target]


def test_until_the_end_only_a_hidden_file_of_the_same_kind_is_there(tmp_path: Path) -> None:
    with atomic(tmp_path / "new" / "a.tif") as temporary:
        temporary.write_bytes(b"x")
        assert [file.name for file in (tmp_path / "new").iterdir()] == [temporary.name]
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".tif"
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.tif"]


def test_text_keeps_its_line_ends_and_letters(tmp_path: Path) -> None:
    write_text(tmp_path / "a.csv", "µm\r\n1\n")
    assert (tmp_path / "a.csv").read_bytes() == "µm\r\n1\n".encode()


def test_a_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UnmaskError, match=r"taken/a\.txt: cannot be written .* Check that the folder exists"):
        write_text(tmp_path / "taken" / "a.txt", "")
