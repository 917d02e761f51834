"""The list of public data sets is sound."""

import re
from fnmatch import fnmatch
from urllib.parse import urlsplit

import pytest

from unmask.errors import FetchError
from unmask.public.catalogue import Archive, PublicSet, megabytes
from unmask.public.sets import SETS, find_set

ARCHIVES = [archive for one in SETS for archive in one.archives]


def test_names() -> None:
    names = [one.name.lower() for one in SETS]
    assert len(set(names)) == len(names)
    ctc = {"fluo-n2dh-sim+", "fluo-n2dl-hela", "phc-c2dh-u373", "dic-c2dh-hela", "fluo-n2dh-gowt1"}
    wanted = {"isbi2012", "dsb2018", "bbbc039", "penn-fudan", "balloon", "camvid", "coco-val2017"} | ctc
    assert wanted <= set(names)


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
def test_set(one: PublicSet) -> None:
    assert len(one.shows) <= 36
    assert one.homepage.startswith("http")
    assert one.terms.endswith(".")
    assert one.about.endswith(".")
    assert not one.citation.endswith(".")
    assert len({archive.file for archive in one.archives}) == len(one.archives)
    assert sum(expected.count for expected in one.expected) >= min(one.images, 2)
    assert (one.commercial == "yes") == (one.licence in ("CC0", "CC BY, mixed") and one.name != "coco-val2017")


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.file)
def test_archive(archive: Archive) -> None:
    assert urlsplit(archive.url).scheme == "https"
    assert fnmatch(archive.file, "*.zip") or fnmatch(archive.file, "*.tgz")
    assert archive.sha256 is None or re.fullmatch("[0-9a-f]{64}", archive.sha256)
    assert archive.md5 is None or re.fullmatch("[0-9a-f]{32}", archive.md5)
    assert archive.source


def test_what_is_unverified() -> None:
    """These two have no published checksum that could be found; who finds one takes them out here."""
    assert [one.name for one in SETS if one.checked == "unverified"] == ["isbi2012", "balloon"]


def test_weakest_check() -> None:
    one = find_set("bbbc039")
    assert one.checked == "SHA-256"
    assert one.size == 77_915_748 + 2_753_811 + 17_816


def test_find() -> None:
    assert find_set("fluo-n2dh-sim+").name == "Fluo-N2DH-SIM+"
    with pytest.raises(
        FetchError, match=r"no public data set dsb218\. The closest is dsb2018; type unmask data to see"
    ):
        find_set("dsb218")


def test_file_name_of_an_address() -> None:
    assert Archive("https://a.org/b/Fluo%2B.zip?download=1", 1).file == "Fluo+.zip"


def test_sizes_for_reading() -> None:
    assert [megabytes(size) for size in (0, 99_999, 123_456, 1_068_492_871)] == [
        "0 bytes",
        "99,999 bytes",
        "0.1 MB",
        "1,068.5 MB",
    ]
