"""Archives that want out, want more, or are not what they say."""

import gzip
import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmask.errors import FetchError
from unmask.public.archive import Limits, unpack

NOISE = os.urandom(20_000)
Change = Callable[[zipfile.ZipInfo], None]


def write_zip(file: Path, *entries: tuple[str, bytes], change: Change | None = None) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if change:
                change(info)
            archive.writestr(info, content)
    return file


def write_tar(file: Path, *entries: tuple[str, bytes], mode: str = "w:gz", kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, "/etc/passwd"
            archive.addfile(info, io.BytesIO(content))
    return file


WRITERS = {"zip": write_zip, "tgz": write_tar}


@pytest.fixture
def to(tmp_path: Path) -> Path:
    folder = tmp_path / "to"
    folder.mkdir()
    return folder


def there(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz"])
def test_unpacked(tmp_path: Path, to: Path, mode: str) -> None:
    entries = (("set/a.png", NOISE), ("./set/b/c.txt", b""), ("./set/b/.hidden", b"x"))
    file = tmp_path / "archive"
    write_zip(file, *entries) if mode == "zip" else write_tar(file, *entries, mode=mode)
    told: list[int] = []
    assert unpack(file, to, tell=told.append) == 3
    assert there(to) == {"set/a.png": NOISE, "set/b/c.txt": b"", "set/b/.hidden": b"x"}
    assert told == [20_000, 20_000, 20_001]


def test_only_what_is_wanted(tmp_path: Path, to: Path) -> None:
    entries = (("a/one.json", b"1"), ("a/two.json", b"2"), ("a/three.zip", b"PK"))
    assert unpack(write_zip(tmp_path / "z", *entries), to, only=("a/one.*",)) == 1
    assert there(to) == {"a/one.json": b"1"}
    with pytest.raises(FetchError, match=r"holds nothing of what was looked for \(there: a/one\.json, a/two"):
        unpack(tmp_path / "z", to, only=("b/*",))


def test_litter_is_left_out(tmp_path: Path, to: Path) -> None:
    names = ("a.png", "__MACOSX/._a.png", ".DS_Store", "b/._c.png", "b/Thumbs.db")
    assert unpack(write_zip(tmp_path / "z", *((name, b"x") for name in names)), to) == 1


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../out", r"its member \.\./out has a path that leaves its folder"),
        ("a/../../out", "leaves its folder"),
        ("a/b/../c", "leaves its folder"),
        ("/etc/out", "has a path with a root, a drive or a backslash"),
        ("C:/out", "a drive"),
        ("C:out", "a drive"),
        ("a\\..\\..\\out", "a backslash"),
        ("\\\\host\\share\\out", "a backslash"),
        ("a/out\n", r"its member 'a/out\\n' has control characters in its path"),
        (".", "has no name"),
        ("a.zip", "its member a.zip is an archive in the archive"),
        ("b/A.TAR.GZ", "is an archive in the archive"),
    ],
)
def test_names(tmp_path: Path, to: Path, writer: Callable[..., Path], name: str, words: str) -> None:
    file = writer(tmp_path / "archive", ("fine.txt", b"x"), (name, b"x"))
    with pytest.raises(FetchError, match=words) as error:
        unpack(file, to)
    assert error.value.file == file
    assert there(to) in ({}, {"fine.txt": b"x"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "to"]


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
@pytest.mark.parametrize(
    "names",
    [
        ("a.txt", "A.TXT"),
        ("a.txt", "./a.txt"),
        ("ä.txt", "a\u0308.txt"),  # the same letter, written in two ways
        ("straße", "STRASSE"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("a/b", "A"),
        ("Set/b", "set/c"),
        ("Set/", "set/c"),
    ],
)
def test_names_that_are_the_same_somewhere(
    tmp_path: Path, to: Path, writer: Callable[..., Path], names: tuple[str, str]
) -> None:
    file = tmp_path / "archive"
    if writer is write_tar:
        with tarfile.open(file, "w:gz") as archive:
            for name in names:
                info = tarfile.TarInfo(name.rstrip("/"))
                info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                archive.addfile(info, io.BytesIO())
    else:
        write_zip(file, *((name, b"") for name in names))
    with pytest.raises(FetchError, match="has the path of another"):
        unpack(file, to)


def test_folders_named_many_times_are_fine(tmp_path: Path, to: Path) -> None:
    names = ("set/", "set/a.txt", "./set/", "set/b/", "set//b/c.txt")
    assert unpack(write_zip(tmp_path / "z", *((name, b"") for name in names)), to) == 2
    assert set(there(to)) == {"set/a.txt", "set/b/c.txt"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.FIFOTYPE, "is a device"),
        (tarfile.CHRTYPE, "is a device"),
        (tarfile.BLKTYPE, "is a device"),
    ],
)
def test_special_files_in_tar(tmp_path: Path, to: Path, kind: bytes, words: str) -> None:
    with pytest.raises(FetchError, match=f"its member a.txt {words}"):
        unpack(write_tar(tmp_path / "t", ("a.txt", b""), kind=kind), to)
    assert there(to) == {}


@pytest.mark.parametrize(("mode", "words"), [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is a device")])
def test_special_files_in_zip(tmp_path: Path, to: Path, mode: int, words: str) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (mode | 0o777) << 16

    with pytest.raises(FetchError, match=f"its member a.txt {words}"):
        unpack(write_zip(tmp_path / "z", ("a.txt", b"/etc/passwd"), change=change), to)
    assert there(to) == {}


def test_encrypted(tmp_path: Path, to: Path) -> None:
    file = write_zip(tmp_path / "z", ("a.txt", b"secret"))
    content = bytearray(file.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag in both headers
        content[content.index(signature) + offset] |= 1
    file.write_bytes(content)
    with pytest.raises(FetchError, match=r"its member a\.txt is an encrypted file"):
        unpack(file, to)


def test_rights_are_not_taken_over(tmp_path: Path, to: Path) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFREG | stat.S_ISUID | 0o777) << 16

    unpack(write_zip(tmp_path / "z", ("a.sh", b"x"), change=change), to)
    assert not (to / "a.sh").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
def test_bomb(tmp_path: Path, to: Path, writer: Callable[..., Path]) -> None:
    """Zeros pack a thousand times; nothing of them is written."""
    file = writer(tmp_path / "archive", ("zeros", bytes(10**7)))
    with pytest.raises(FetchError, match=r"holds more than 1\.\d MB unpacked, in [\d,]+ bytes: it may be a bomb"):
        unpack(file, to)
    assert there(to) == {}


def test_label_images_are_no_bomb(tmp_path: Path, to: Path) -> None:
    """One file that packs well is nothing to fear: the archive as a whole counts."""
    entries = (("noise", NOISE * 5), ("labels.tif", bytes(10**6)))
    assert unpack(write_zip(tmp_path / "z", *entries), to) == 2


def test_overlapping_members(tmp_path: Path, to: Path) -> None:
    """A thousand members that are all the same bytes of the file: a bomb without much compression."""
    file = write_zip(tmp_path / "z", ("a", NOISE * 3))
    with zipfile.ZipFile(file) as archive:
        info = archive.infolist()[0]
    content = file.read_bytes()
    start = content.index(b"PK\x01\x02")
    entry = bytearray(content[start : start + 46])
    entries = b"".join(
        bytes(entry[:28]) + struct.pack("<H", 4) + bytes(entry[30:46]) + b"%04d" % n for n in range(1000)
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, len(entries), start, 0)
    file.write_bytes(content[:start] + entries + end)
    with zipfile.ZipFile(file) as archive:
        assert sum(one.file_size for one in archive.infolist()) == 1000 * info.file_size
    with pytest.raises(FetchError):
        unpack(file, to)
    assert len(there(to)) <= 1


def test_limits(tmp_path: Path, to: Path) -> None:
    file = write_zip(tmp_path / "z", ("a", NOISE), ("b", NOISE), ("c", NOISE))
    with pytest.raises(FetchError, match="holds more than 2 members"):
        unpack(file, to, limits=Limits(members=2))
    shutil.rmtree(to)
    to.mkdir()
    with pytest.raises(FetchError, match="holds more than 50,000 bytes unpacked"):
        unpack(file, to, limits=Limits(bytes=50_000))
    assert set(there(to)) == {"a", "b"}


def test_huge_header_of_a_tar(tmp_path: Path, to: Path) -> None:
    """A header that says it is 8 GB long is not read into memory."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 2**33 - 1
    file = tmp_path / "t"
    file.write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(10**6)))
    with pytest.raises(FetchError, match="is damaged, cut off or no archive"):
        unpack(file, to)


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
def test_cut_off_and_damaged(tmp_path: Path, to: Path, writer: Callable[..., Path]) -> None:
    whole = writer(tmp_path / "archive", ("a", NOISE), ("b", NOISE[::-1])).read_bytes()
    file = tmp_path / "archive"
    for number, content in enumerate((whole[:30_000], whole[:600], b"", whole[:9000] + b"?" * 9 + whole[9009:])):
        file.write_bytes(content)
        folder = to / str(number)
        folder.mkdir()
        with pytest.raises(FetchError, match=r"archive: is damaged, cut off or no archive \(.+\)\. Remove it"):
            unpack(file, folder)


def test_no_archive(tmp_path: Path, to: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_text("<html>Log in</html>")
    with pytest.raises(FetchError, match="no archive"):
        unpack(file, to)


def test_header_that_lies(tmp_path: Path, to: Path) -> None:
    """A zip whose directory says less than its member holds."""
    file = write_zip(tmp_path / "z", ("a.txt", b"x" * 1000))
    content = bytearray(file.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    assert struct.unpack_from("<L", content, at) == (1000,)
    struct.pack_into("<L", content, at, 10)
    file.write_bytes(content)
    with pytest.raises(FetchError):
        unpack(file, to)


def test_file_in_two_archives(tmp_path: Path, to: Path) -> None:
    file = write_zip(tmp_path / "z", ("a.txt", b"1"))
    unpack(file, to)
    with pytest.raises(FetchError, match=r"its member a\.txt is in another archive of the set, too"):
        unpack(file, to)


def test_no_room(tmp_path: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_zip(tmp_path / "z", ("a.txt", NOISE))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 100))
    with pytest.raises(FetchError, match=r"the disk has 100 bytes left, and a\.txt has 20,000 bytes\. Make room"):
        unpack(file, to)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), tar=st.booleans())
def test_random_damage(tmp_path: Path, data: st.DataObject, tar: bool) -> None:
    """Whatever is changed: the files, or a clear error, and nothing outside."""
    file = tmp_path / "archive"
    writer = write_tar if tar else write_zip
    content = bytearray(writer(file, ("d/a", b"hello" * 50), ("d/b", b"x")).read_bytes())
    if tar:
        content = bytearray(gzip.decompress(content))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 2048) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(gzip.compress(content) if tar else content)
    folder = tmp_path / "to"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with suppress(FetchError):
        unpack(file, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "to"]
