"""Downloads from a server that cuts, changes, lies and sleeps."""

import hashlib
import os
import re
import shutil
import socket
import urllib.request
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import FetchError
from unmask.public.catalogue import Archive
from unmask.public.connection import Refused, _Redirects
from unmask.public.download import Patience, download
from unmask.public.partial import Partial

CONTENT = b"PK" + os.urandom(300_000)
OTHER = b"PK" + os.urandom(300_000)
HASTY = Patience(tries=3, pause=0.01, timeout=5)
HOME = "https://home.page"


def known(url: str, content: bytes = CONTENT) -> Archive:
    """An archive of which everything is published."""
    return Archive(url, len(content), sha256=hashlib.sha256(content).hexdigest())


def guessed(url: str, size: int = len(CONTENT)) -> Archive:
    """An archive of which nothing is published."""
    return Archive(url, size, exact=False)


def get(archive: Archive, folder: Path, said: Any, patience: Patience = HASTY) -> bytes:
    """Downloads to a folder; the file's content. Nothing else may be left there."""
    file = folder / "a.zip"
    download(archive, file, HOME, said.listener, patience)
    assert [one.name for one in folder.iterdir()] == ["a.zip"]
    return file.read_bytes()


def asked(site: Any, name: str) -> list[str | None]:
    """A header of each request."""
    return [headers.get(name) for _, headers in site.asked]


def begin(archive: Archive, folder: Path, said: Any) -> None:
    """A download that is cut and given up."""
    with pytest.raises(FetchError, match="given up after 1 tries"):
        download(archive, folder / "a.zip", HOME, said.listener, Patience(tries=1))
    said.clear()


def test_whole(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", CONTENT))
    found = download(archive, tmp_path / "new" / "a.zip", HOME, said.listener, HASTY)
    assert (tmp_path / "new" / "a.zip").read_bytes() == CONTENT
    assert (found.size, found.sha256, found.published) == (len(CONTENT), archive.sha256, True)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.zip"]
    done = [done for name, done, total in said.progress if (name, total) == ("a.zip", len(CONTENT))]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)
    assert said == []
    assert asked(site, "Accept-Encoding") == ["identity"]


@pytest.mark.parametrize("make", [known, guessed])
def test_cut_and_resumed(site: Any, said: Any, tmp_path: Path, make: Any) -> None:
    archive = make(site.put("/a.zip", CONTENT, cuts=[100_000, 50_000]))
    assert get(archive, tmp_path, said) == CONTENT
    assert asked(site, "Range") == [None, "bytes=100000-", "bytes=150000-"]
    assert asked(site, "If-Range") == [None, '"one"', '"one"']
    assert site.sent == len(CONTENT)
    assert said[0] == "a.zip: the connection was cut after 0.1 MB of 0.3 MB; trying again in 0.01 s."
    assert "trying again in 0.02 s" in said[1]


def test_killed_and_resumed(site: Any, said: Any, tmp_path: Path) -> None:
    archive = guessed(site.put("/a.zip", CONTENT, cuts=[100_000], tag=None, date="Wed, 21 Oct 2015 07:28:00 GMT"))
    begin(archive, tmp_path, said)
    assert (tmp_path / ".a.zip.part").read_bytes() == CONTENT[:100_000]
    assert not (tmp_path / "a.zip").exists()
    assert get(archive, tmp_path, said) == CONTENT
    assert site.sent == len(CONTENT)
    assert asked(site, "If-Range")[1] == "Wed, 21 Oct 2015 07:28:00 GMT"


def test_whole_but_not_named_yet(site: Any, said: Any, tmp_path: Path) -> None:
    """Killed after the last byte: nothing is sent again, whether the length is known or the server says it."""
    for make in (known, guessed):
        archive = make(site.put("/a.zip", CONTENT, cuts=[100_000]))
        begin(archive, tmp_path, said)
        with (tmp_path / ".a.zip.part").open("ab") as part:
            part.write(CONTENT[100_000:])
        site.sent = 0
        assert get(archive, tmp_path, said) == CONTENT
        assert site.sent == 0
        (tmp_path / "a.zip").unlink()


def test_server_without_ranges(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", CONTENT, cuts=[100_000], ranges=False))
    assert get(archive, tmp_path, said) == CONTENT
    assert site.sent == len(CONTENT) + 100_000


def test_file_that_changed_meanwhile(site: Any, said: Any, tmp_path: Path) -> None:
    """If-Range asks for all of it then; a server that gives a part nevertheless is asked again."""
    for ranges in (True, "always"):
        begin(guessed(site.put("/a.zip", CONTENT, cuts=[100_000])), tmp_path, said)
        archive = guessed(site.put("/a.zip", OTHER, tag='"two"', ranges=ranges))
        assert get(archive, tmp_path, said) == OTHER
        (tmp_path / "a.zip").unlink()
    assert said == ["a.zip: the server has another file than the one that was begun; trying again in 0.01 s."]


def test_nothing_tells_whether_it_changed(site: Any, said: Any, tmp_path: Path) -> None:
    """Without ETag and date only a published checksum allows to go on."""
    for make, sent in ((guessed, len(CONTENT)), (known, len(CONTENT) - 100_000)):
        archive = make(site.put("/a.zip", CONTENT, cuts=[100_000], tag=None))
        begin(archive, tmp_path, said)
        site.sent = 0
        assert get(archive, tmp_path, said) == CONTENT
        assert site.sent == sent
        (tmp_path / "a.zip").unlink()


def test_weak_tag_is_no_validator(site: Any, said: Any, tmp_path: Path) -> None:
    archive = guessed(site.put("/a.zip", CONTENT, cuts=[100_000], tag='W/"one"'))
    assert get(archive, tmp_path, said) == CONTENT
    assert asked(site, "Range") == [None, None]


def test_partial_file_from_elsewhere(site: Any, said: Any, tmp_path: Path) -> None:
    begin(known(site.put("/old.zip", OTHER, cuts=[100_000])), tmp_path, said)
    archive = known(site.put("/a.zip", CONTENT))
    assert get(archive, tmp_path, said) == CONTENT
    assert site.sent == len(CONTENT) + 100_000


def test_damaged_note(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", CONTENT, cuts=[100_000]))
    begin(archive, tmp_path, said)
    (tmp_path / ".a.zip.part.json").write_text("[1")
    assert get(archive, tmp_path, said) == CONTENT


def test_killed_before_the_first_byte(said: Any, tmp_path: Path) -> None:
    """A file that starts anew loses its old bytes before the note says what the new ones are."""
    partial = Partial(guessed("https://a.org/a.zip"), tmp_path / "a.zip", HOME)
    partial.begin('"one"')
    partial.path.write_bytes(b"old")
    partial.begin('"two"')
    assert partial.begun() == (0, '"two"')
    assert partial.size == 0


def test_empty_file(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", b""))
    with pytest.raises(FetchError, match="it has 0 bytes where 300,002 were expected"):
        download(known(archive.url), tmp_path / "a.zip", HOME, said.listener, HASTY)


def test_wrong_beginning_is_downloaded_anew(site: Any, said: Any, tmp_path: Path) -> None:
    """The checksum says so in the end, once; then all of it is fetched."""
    archive = known(site.put("/a.zip", CONTENT, cuts=[100_000]))
    begin(archive, tmp_path, said)
    (tmp_path / ".a.zip.part").write_bytes(OTHER[:100_000])
    assert get(archive, tmp_path, said) == CONTENT
    assert re.fullmatch(r"a.zip is not the file .*; its beginning came earlier, so it is downloaded anew\.", said[0])


def test_other_checksum(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", OTHER))
    sums = [hashlib.sha256(content).hexdigest() for content in (OTHER, CONTENT)]
    words = rf"published: SHA-256 {sums[0]}, not {sums[1]}\. The makers may have changed it: look at {HOME}"
    with pytest.raises(FetchError, match=words):
        download(known(archive.url), tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert list(tmp_path.iterdir()) == []


def test_md5(site: Any, said: Any, tmp_path: Path) -> None:
    url = site.put("/a.zip", CONTENT)
    assert get(Archive(url, len(CONTENT), md5=hashlib.md5(CONTENT).hexdigest()), tmp_path, said) == CONTENT
    with pytest.raises(FetchError, match=f"MD5 {hashlib.md5(CONTENT).hexdigest()}, not 0000"):
        download(Archive(url, len(CONTENT), md5="0" * 32), tmp_path / "b.zip", HOME, said.listener, HASTY)


def test_other_size_is_refused_before_it_comes(site: Any, said: Any, tmp_path: Path) -> None:
    archive = Archive(site.put("/a.zip", CONTENT), len(CONTENT) + 1, sha256="0" * 64)
    with pytest.raises(
        FetchError, match=r"it has 300,002 bytes where 300,003 were expected, so it is another file\. The makers"
    ):
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert said.progress == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("claims", [None, -1])
def test_much_larger_than_thought(site: Any, said: Any, tmp_path: Path, claims: int | None) -> None:
    """Refused before it comes where the server says its length, else as soon as it is too long."""
    archive = guessed(site.put("/a.zip", CONTENT, claims=claims), size=50_000)
    with pytest.raises(FetchError, match=r"it has [\d,]+ bytes or more where about 50,000 were expected"):
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert all(done <= 200_000 for _, done, _ in said.progress)
    assert list(tmp_path.iterdir()) == []


def test_no_length(site: Any, said: Any, tmp_path: Path) -> None:
    """A cut is seen where the size is published, and cannot be seen where it is not."""
    archive = known(site.put("/a.zip", CONTENT, claims=-1, cuts=[100_000]))
    assert get(archive, tmp_path, said) == CONTENT
    (tmp_path / "a.zip").unlink()
    archive = guessed(site.put("/a.zip", CONTENT, claims=-1))
    assert get(archive, tmp_path, said) == CONTENT


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "the server has no such file"), (403, "the server refuses access"), (401, "the server asks for a login")],
)
def test_refused(site: Any, said: Any, tmp_path: Path, status: int, words: str) -> None:
    archive = known(site.put("/a.zip", status=status))
    with pytest.raises(FetchError) as error:
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert str(error.value) == (
        f"{archive.url}: {words} (HTTP {status}). Download it by hand ({HOME}), put it at {tmp_path / 'a.zip'} "
        "and type the same command, which goes on with it."
    )
    assert len(site.asked) == 1


def test_busy_server(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", CONTENT, status=503, failures=2))
    assert get(archive, tmp_path, said) == CONTENT
    assert len(site.asked) == 3
    archive = known(site.put("/b.zip", CONTENT, status=500))
    with pytest.raises(FetchError, match=r"busy or broken \(HTTP 500\); given up after 3 tries"):
        download(archive, tmp_path / "b.zip", HOME, said.listener, HASTY)


def test_redirects(site: Any, said: Any, tmp_path: Path) -> None:
    site.put("/there.zip", CONTENT, cuts=[100_000])
    site.put("/then", location="/there.zip")
    archive = known(site.put("/a.zip", location=site.address + "/then"))
    assert get(archive, tmp_path, said) == CONTENT
    assert [path for path, _ in site.asked] == ["/a.zip", "/then", "/there.zip"] * 2
    assert asked(site, "Range")[-1] == "bytes=100000-"


def test_redirects_in_a_circle(site: Any, said: Any, tmp_path: Path) -> None:
    site.put("/b", location="/a.zip")
    archive = known(site.put("/a.zip", location="/b"))
    with pytest.raises(FetchError, match="the server redirects in a circle, or to"):
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a.zip", "file:///etc/passwd"])
def test_redirect_to_no_web_address(site: Any, said: Any, tmp_path: Path, target: str) -> None:
    archive = known(site.put("/a.zip", location=target))
    with pytest.raises(
        FetchError, match=r"redirects from http to ftp \(.*\), which is not followed|or to what is no web address"
    ):
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert list(tmp_path.iterdir()) == []


def test_redirect_from_https_to_http_is_not_followed() -> None:
    request = urllib.request.Request("https://safe.org/a.zip", headers={"Range": "bytes=5-"})
    redirects = _Redirects()
    followed = redirects.redirect_request(request, BytesIO(), 302, "Found", Message(), "https://other.org/b.zip")  # type: ignore[arg-type]
    assert followed is not None
    assert (followed.full_url, followed.get_header("Range")) == ("https://other.org/b.zip", "bytes=5-")
    with pytest.raises(
        Refused, match=r"redirects from https to http \(http://other\.org/b\.zip\), which is not followed"
    ):
        redirects.redirect_request(request, BytesIO(), 302, "Found", Message(), "http://other.org/b.zip")  # type: ignore[arg-type]


def test_silent_server(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", CONTENT, silent=[2.0]))
    assert get(archive, tmp_path, said, Patience(tries=3, pause=0.01, timeout=0.1)) == CONTENT
    assert said == ["a.zip: 127.0.0.1 does not answer; trying again in 0.01 s."]


def test_no_connection(said: Any, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # a port on which nobody listens
        archive = known(f"http://127.0.0.1:{taken.getsockname()[1]}/a.zip")
        with pytest.raises(
            FetchError, match=r"127\.0\.0\.1 cannot be reached \(Connection refused\); given up after 3"
        ):
            download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert len(said) == 2


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_web_page(site: Any, said: Any, tmp_path: Path, kind: str) -> None:
    page = b"\n<!DOCTYPE html><title>Log in</title>" + b" " * 1000
    archive = guessed(site.put("/a.zip", page, kind=kind))
    with pytest.raises(FetchError, match="it is a web page, not a file: perhaps a login"):
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert not (tmp_path / "a.zip").exists()
    site.put("/a.zip", CONTENT, tag='"two"')
    assert get(archive, tmp_path, said) == CONTENT


def test_no_room(site: Any, said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = known(site.put("/a.zip", CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 200_000, 200_000))
    with pytest.raises(FetchError, match=r"the disk has 0\.2 MB left, and 0\.3 MB are still to come\. Make room"):
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
    assert said.progress == []


def test_folder_that_cannot_be_made(site: Any, said: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match=r"file/in: cannot be made \(Not a directory\)\. Choose another --out"):
        download(known(site.address), tmp_path / "file" / "in" / "a.zip", HOME, said.listener, HASTY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_disk_full(site: Any, said: Any, tmp_path: Path) -> None:
    archive = known(site.put("/a.zip", CONTENT))
    (tmp_path / ".a.zip.part").symlink_to("/dev/full")
    words = r"\.a\.zip\.part: cannot be written \(No space left on device\)\. Make room and type the same command again"
    with pytest.raises(FetchError, match=words):
        download(archive, tmp_path / "a.zip", HOME, said.listener, HASTY)
