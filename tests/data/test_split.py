from pathlib import Path

import pytest

from unmask.data.dataset import Entry
from unmask.data.split import read_split
from unmask.errors import DataError, UnmaskError, UnreadableFile

ENTRIES = [
    Entry("a", Path("images/a.png")),
    Entry("b", Path("images/b.ome.tif")),
    Entry("s_001", Path("images/s.tif"), page=0),
    Entry("s_002", Path("images/s.tif"), page=1),
]


def read(folder: Path, text: str) -> dict[str, str]:
    (folder / "split.csv").write_text(text, encoding="utf-8")
    return read_split(folder / "split.csv", ENTRIES)


def test_no_file_is_no_split(tmp_path: Path) -> None:
    assert read_split(tmp_path / "split.csv", ENTRIES) == {}


@pytest.mark.parametrize(
    "text",
    [
        "name,split\na,train\nb,test\ns_001,val\ns_002,train\n",
        "name,split\na.png,train\nb.ome.tif,test\ns_001,val\ns_002,train\n",
        "\ufeffName;Split\r\nA;Train\r\n\r\nb;TEST\r\ns_001;val\r\ns_002;train\r\n",
        "split,who,name\ntrain,me,a\ntest,me,b\nval,,s_001\ntrain,,s_002",
    ],
)
def test_spellings(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {"a": "train", "b": "test", "s_001": "val", "s_002": "train"}


def test_the_name_of_a_file_means_all_its_pages(tmp_path: Path) -> None:
    splits = read(tmp_path, "name,split\na,train\nb,train\ns,val\n")
    assert splits == {"a": "train", "b": "train", "s_001": "val", "s_002": "val"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"split\.csv: its first line is ''\. Write name,split as its first line"),
        ("a,train\n", r"its first line is 'a,train'"),
        ("name,split\na,training\n", r"line 2: the split 'training' is unknown\. Write train, val or test"),
        ("name,split\na,train\n\nbb,test\n", r"line 4: there is no image called bb\. The closest is b"),
        ("name,split\nqqqqqq,test\n", r"line 2: there is no image called qqqqqq\. Remove the line, or add the image"),
        ("name,split\na\n", r"line 2 has 1 of 2 columns\. Write name,split in each line"),
        ("name,split\na,train\na.png,test\n", r"line 3: a\.png is test, but an earlier line says train\. Keep one"),
        ("name,split\na,train\ns,train\n", r"does not name the image b\. Add the line b,train \(or val, or test\)"),
        ("name,split\na,train\n", r"does not name the image b and 2 more\. Add"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_images_that_were_left_out_may_be_named(tmp_path: Path) -> None:
    problems: list[UnmaskError] = []
    path = tmp_path / "split.csv"
    path.write_text("name,split\na,train\ngone,val\nwide.png,test\nb,train\ns,val\nnever,val\nb,val\n")
    entries = [Entry(name, tmp_path / f"{name}.png") for name in ("a", "b", "s", "c")]
    left_out = [tmp_path / "masks/gone_mask.tif", tmp_path / "images/wide.png"]
    splits = read_split(path, entries, problems.append, left_out)
    assert splits == {"a": "train", "b": "train", "s": "val"}
    assert [(error.problem, error.code) for error in problems] == [
        ("line 7: there is no image called never", "unusable"),
        ("line 8: b is val, but an earlier line says train", "unusable"),
        ("does not name the image c", "unusable"),
    ]


def test_text_that_is_not_utf8_and_quotes_that_do_not_close(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes("name,split\nä,train\n".encode("latin-1"))
    with pytest.raises(UnreadableFile, match=r"split\.csv: is not text in UTF-8\. Save it as CSV UTF-8"):
        read_split(path, [])
    path.write_text('name,split\n"a,train\nb,val\n')
    with pytest.raises(
        UnreadableFile, match=r"split\.csv: is damaged in line 2 \(unexpected end of data\)\. Check the"
    ):
        read_split(path, [])
    problems: list[UnmaskError] = []
    assert (read_split(path, [], problems.append), problems[0].code) == ({}, "unusable")


def test_names_in_two_letter_cases(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("name,split\na,train\nA,test\n")
    entries = [Entry(name, tmp_path / f"{name}.png") for name in ("a", "A")]
    assert read_split(path, entries) == {"a": "train", "A": "test"}
