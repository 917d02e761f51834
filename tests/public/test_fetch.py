"""From a name to a folder that trains; stopped anywhere, it goes on; nothing half done lies in its place."""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from unmask.data.folder import read_folder
from unmask.errors import FetchError
from unmask.public import fetch as module
from unmask.public.catalogue import Archive, Expected, PublicSet
from unmask.public.checksums import LEDGER
from unmask.public.download import Patience
from unmask.public.fetch import fetch
from unmask.public.sets import find_set
from unmask.public.source import SOURCE

HASTY = Patience(tries=2, pause=0.01, timeout=5)
Files = dict[str, bytes]


@pytest.fixture
def files(png: Callable[[Any], bytes]) -> Files:
    """A small set as Penn-Fudan is laid out: three images, two objects each."""
    random = np.random.default_rng(0)
    found: Files = {}
    for name in ("P1", "P2", "P3"):
        found[f"Ped/PNGImages/{name}.png"] = png(random.integers(0, 255, (20, 20, 3)))
        found[f"Ped/PedMasks/{name}_mask.png"] = png(np.pad(np.kron([[1, 0], [0, 2]], np.ones((6, 6))), 4))
    return found


@pytest.fixture
def make(site: Any, zipped: Callable[[Files], bytes]) -> Callable[..., PublicSet]:
    """A set that the server has."""

    def make(*archives: Files, published: bool = True, **page: Any) -> PublicSet:
        found = []
        for number, content in enumerate(map(zipped, archives)):
            url = site.put(f"/part{number}.zip", content, **page)
            sha256 = hashlib.sha256(content).hexdigest() if published else None
            found.append(Archive(url, len(content), sha256=sha256, exact=published))
        return PublicSet(
            "small", "A small set", "noise", "Three images.", 3, "CC0", "Free.", "yes", "Us (2025)", "https://home.page",
            tuple(found), "penn-fudan", (Expected("images/*.png", 3, size=(20, 20)), Expected("masks/*.png", 3)),
        )  # fmt: skip

    return make


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetched(make: Any, files: Files, said: Any, tmp_path: Path) -> None:
    chosen = make(files)
    found = fetch(chosen, tmp_path / "data" / "small", said.listener, HASTY)
    assert there(tmp_path / "data") == ["small"]
    assert there(tmp_path / "data" / "small") == ["images", "masks", SOURCE]
    assert (found.before, found.images) == (False, 3)
    assert "paired by name" in found.understood
    assert len(read_folder(found.folder)) == 3
    assert said == [f"part0.zip: SHA-256 {chosen.archives[0].sha256}, as published.", "Unpacked; laying it out."]
    source = yaml.safe_load((found.folder / SOURCE).read_text())
    assert source == found.source
    assert (source["name"], source["licence"], source["citation"]) == ("small", "CC0", "Us (2025)")
    assert source["archives"][0]["sha256"] == chosen.archives[0].sha256
    assert source["rearranged"] == ["PNGImages/ and PedMasks/ are called images/ and masks/."]
    assert {name for name, _, _ in said.progress} == {"part0.zip", "unpacking part0.zip"}


def test_twice(make: Any, files: Files, said: Any, site: Any, tmp_path: Path) -> None:
    chosen = make(files)
    first = fetch(chosen, tmp_path / "small", said.listener, HASTY)
    site.asked.clear()
    again = fetch(chosen, tmp_path / "small", said.listener, HASTY)
    assert again.before
    assert again.source == first.source
    assert site.asked == []


def test_several_archives(make: Any, files: Files, said: Any, tmp_path: Path) -> None:
    images = {name: content for name, content in files.items() if "Images" in name}
    masks = {name: content for name, content in files.items() if "Masks" in name}
    assert fetch(make(images, masks), tmp_path / "small", said.listener, HASTY).images == 3


def test_killed_in_the_download(make: Any, files: Files, said: Any, site: Any, tmp_path: Path) -> None:
    chosen = make(files, cuts=[500, 0, 0])
    with pytest.raises(FetchError, match="given up after 2 tries"):
        fetch(chosen, tmp_path / "small", said.listener, HASTY)
    assert there(tmp_path) == ["small-download"]
    site.sent = 0
    assert fetch(chosen, tmp_path / "small", said.listener, HASTY).images == 3
    assert site.sent == chosen.size - 500
    assert there(tmp_path) == ["small"]


def test_killed_while_unpacking(
    make: Any, files: Files, said: Any, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was unpacked goes; the archive stays and is not downloaded again."""
    chosen = make(files)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "check_structure", stop)
        with pytest.raises(KeyboardInterrupt):
            fetch(chosen, tmp_path / "small", said.listener, HASTY)
    assert there(tmp_path) == ["small-download"]
    (tmp_path / ".small-unpacked" / "raw").mkdir(parents=True)  # as after a power cut
    (tmp_path / ".small-unpacked" / "raw" / "old.txt").touch()
    site.asked.clear()
    said.clear()
    assert fetch(chosen, tmp_path / "small", said.listener, HASTY).images == 3
    assert site.asked == []
    assert said[0] == f"{tmp_path / 'small-download' / 'part0.zip'} is there and is used."
    assert there(tmp_path) == ["small"]


def test_by_hand(make: Any, files: Files, said: Any, site: Any, tmp_path: Path) -> None:
    """No server; the message says what to do, and doing it works. What a person put there is not removed."""
    chosen = make(files)
    content = site.pages["/part0.zip"].content
    site.put("/part0.zip", content, status=404)
    with pytest.raises(FetchError) as error:
        fetch(chosen, tmp_path / "small", said.listener, HASTY)
    place = tmp_path / "small-download" / "part0.zip"
    assert f"Download it by hand (https://home.page), put it at {place} and type the same command" in str(error.value)
    place.write_bytes(content)
    assert fetch(chosen, tmp_path / "small", said.listener, HASTY).images == 3
    assert there(tmp_path) == ["small", "small-download"]
    assert there(tmp_path / "small-download") == ["part0.zip"]


def test_wrong_file_by_hand(make: Any, files: Files, said: Any, tmp_path: Path) -> None:
    chosen = make(files)
    place = tmp_path / "small-download" / "part0.zip"
    place.parent.mkdir()
    place.write_bytes(b"PK")
    with pytest.raises(FetchError, match=r"part0\.zip: is not the file that was published: bytes 2, not"):
        fetch(chosen, tmp_path / "small", said.listener, HASTY)
    assert place.exists()


def test_unverified(make: Any, files: Files, said: Any, site: Any, tmp_path: Path) -> None:
    """The checksum is noted for the next time, once the files are right."""
    chosen = make(files, published=False)
    fetch(chosen, tmp_path / "small", said.listener, HASTY)
    assert there(tmp_path) == [LEDGER, "small"]
    assert set(json.loads((tmp_path / LEDGER).read_text())) == {chosen.archives[0].url}
    said.clear()
    fetch(chosen, tmp_path / "again", said.listener, HASTY)
    assert ", as on 2" in said[0]
    make(files | {"Ped/readme.txt": b"new"}, published=False)
    with pytest.raises(FetchError, match=r"checksums\.json: part0\.zip has the SHA-256"):
        fetch(chosen, tmp_path / "third", said.listener, HASTY)
    assert not (tmp_path / "third").exists()


def test_unverified_and_not_what_it_should_be(make: Any, files: Files, said: Any, tmp_path: Path) -> None:
    files.pop("Ped/PNGImages/P3.png")
    with pytest.raises(FetchError, match=r"small holds 2 files images/\*\.png, and 3 were expected"):
        fetch(make(files, published=False), tmp_path / "small", said.listener, HASTY)
    assert there(tmp_path) == ["small-download"]


@pytest.mark.parametrize("name", ["../../out.txt", "/tmp/out.txt", "inner.zip"])
def test_archive_that_wants_out(make: Any, files: Files, said: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match=r"part0\.zip: its member"):
        fetch(make(files | {name: b"x"}), tmp_path / "data" / "small", said.listener, HASTY)
    assert there(tmp_path) == ["data"]
    assert there(tmp_path / "data") == ["small-download"]


def test_set_that_unmask_cannot_read(make: Any, files: Files, said: Any, png: Any, tmp_path: Path) -> None:
    """It is whole, so it stays; what is wrong is said."""
    for name in ("P1", "P2", "P3"):
        files[f"Ped/PedMasks/{name}_mask.png"] = png(np.zeros((20, 20)))
    chosen = make(files)
    with pytest.raises(
        FetchError, match=r"the set is whole and in its place .*but unmask cannot read it: holds only empty"
    ):
        fetch(chosen, tmp_path / "small", said.listener, HASTY)
    assert there(tmp_path) == ["small"]
    assert fetch(chosen, tmp_path / "small", said.listener, HASTY).before


def test_place_that_is_taken(make: Any, files: Files, said: Any, site: Any, tmp_path: Path) -> None:
    chosen = make(files)
    out = tmp_path / "small"
    out.mkdir()
    (out / "mine.txt").touch()
    with pytest.raises(FetchError, match=r"small: is there already, and not by unmask data\. Choose another --out"):
        fetch(chosen, out, said.listener, HASTY)
    (out / SOURCE).write_text(yaml.safe_dump({"name": "coco", "files": 2}))
    with pytest.raises(FetchError, match="small: holds coco"):
        fetch(chosen, out, said.listener, HASTY)
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match="is there already"):
        fetch(chosen, tmp_path / "file", said.listener, HASTY)
    assert site.asked == []


def test_empty_place(make: Any, files: Files, said: Any, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    assert fetch(make(files), tmp_path / "small", said.listener, HASTY).images == 3


def test_files_that_were_removed(make: Any, files: Files, said: Any, tmp_path: Path) -> None:
    """More files than there were are the user's own, fewer are a loss."""
    chosen = make(files)
    out = tmp_path / "small"
    fetch(chosen, out, said.listener, HASTY)
    (out / "split.csv").write_text("name,split\n")
    assert fetch(chosen, out, said.listener, HASTY).before
    shutil.rmtree(out / "masks")
    with pytest.raises(FetchError, match=r"is not whole any more: 2 of 7 files are missing\. Remove it and type"):
        fetch(chosen, out, said.listener, HASTY)


def test_real_balloons(site: Any, said: Any, shared_data: Path, tmp_path: Path) -> None:
    """The real files, as many of them as there are here, in an archive such as the makers': litter and all."""
    source = shared_data / "balloon"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(source.rglob("*")):
            archive.write(file, f"balloon/{file.relative_to(source)}")
        archive.writestr("__MACOSX/balloon/._train", b"litter")
    url = site.put("/balloon_dataset.zip", buffer.getvalue())
    counts = {part: len(list((source / part).glob("*.jpg"))) for part in ("train", "val")}
    expected = [Expected(f"{part}/*.jpg", count) for part, count in counts.items()]
    chosen = replace(
        find_set("balloon"),
        archives=(Archive(url, len(buffer.getvalue())),),
        expected=(*expected, Expected("*/via_region_data.json", 2)),
    )
    found = fetch(chosen, tmp_path / "balloon", said.listener, HASTY)
    assert found.images == sum(counts.values())
    assert there(found.folder) == [SOURCE, "train", "val"]
    assert len(read_folder(found.folder).names("val")) == counts["val"]
    with pytest.raises(FetchError, match=rf"balloon holds {counts['train']} files train/\*\.jpg, and 61 were expected"):
        fetch(replace(chosen, expected=find_set("balloon").expected), tmp_path / "other", said.listener, HASTY)
