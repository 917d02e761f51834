"""Checksums that were published, and those that were noted the last time."""

import hashlib
import json
from pathlib import Path

import pytest

from unmask.errors import FetchError
from unmask.public.catalogue import Archive
from unmask.public.checksums import LEDGER, Checked, check, compare, note

URL = "https://a.org/b.zip"
CONTENT = b"hello"
SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
MD5 = "5d41402abc4b2a76b9719d911017c592"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "b.zip"
    file.write_bytes(CONTENT)
    return file


@pytest.mark.parametrize(
    ("archive", "published"),
    [
        (Archive(URL, 5, sha256=SHA256), True),
        (Archive(URL, 5, md5=MD5), True),
        (Archive(URL, 5), False),
        (Archive(URL, 99, exact=False), False),
        (Archive(URL, 99, exact=False, sha256=SHA256), True),
    ],
)
def test_check(file: Path, archive: Archive, published: bool) -> None:
    assert check(archive, file) == Checked(5, SHA256, published)


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (Archive(URL, 6, sha256=SHA256), "bytes 5, not 6"),
        (Archive(URL, 5, sha256=SHA256[::-1]), f"SHA-256 {SHA256}, not {SHA256[::-1]}"),
        (Archive(URL, 5, md5=MD5[::-1]), f"MD5 {MD5}, not {MD5[::-1]}"),
    ],
)
def test_another_file(file: Path, archive: Archive, words: str) -> None:
    with pytest.raises(
        FetchError, match=f"is not the file that was published: {words}. Remove it and download"
    ) as error:
        check(archive, file)
    assert error.value.file == file


def test_published(tmp_path: Path) -> None:
    archive, found = Archive(URL, 5, sha256=SHA256), Checked(5, SHA256, published=True)
    assert compare(archive, found, tmp_path) == f"b.zip: SHA-256 {SHA256}, as published."
    assert "and the MD5 that was published" in compare(Archive(URL, 5, md5=MD5), found, tmp_path)
    note(archive, found, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_noted_and_compared(tmp_path: Path) -> None:
    archive, found = Archive(URL, 5), Checked(5, SHA256, published=False)
    assert "none is published, so its files will be checked instead" in compare(archive, found, tmp_path)
    note(archive, found, tmp_path)
    note(Archive(URL + "2", 5), found, tmp_path)
    ledger = json.loads((tmp_path / LEDGER).read_text())
    assert set(ledger) == {URL, URL + "2"}
    assert (ledger[URL]["sha256"], ledger[URL]["size"]) == (SHA256, 5)
    assert f"SHA-256 {SHA256}, as on 2" in compare(archive, found, tmp_path)
    changed = Checked(4, hashlib.sha256(b"hell").hexdigest(), published=False)
    with pytest.raises(
        FetchError, match=rf"b\.zip has the SHA-256 {changed.sha256}, and on 2.* {SHA256}\. If the makers"
    ):
        compare(archive, changed, tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"a": {}}'])
def test_other_file_of_that_name(tmp_path: Path, text: str) -> None:
    (tmp_path / LEDGER).write_text(text)
    with pytest.raises(FetchError, match=r"checksums\.json: (cannot be read|is no list of checksums)"):
        compare(Archive(URL, 5), Checked(5, SHA256, published=False), tmp_path)
    assert (tmp_path / LEDGER).read_text() == text
