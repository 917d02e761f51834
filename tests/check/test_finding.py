from pathlib import Path

from unmask.check.finding import KINDS, Sight, group


def sight(code: str, name: str, amount: int = 1, remedy: str = "", detail: str = "") -> Sight:
    return Sight(code, name, Path(f"{name}.tif"), detail, amount, remedy)


def test_errors_come_first_then_what_concerns_most_images() -> None:
    sights = [sight("empty", "a"), sight("crumbs", "a"), sight("holes", "a"), sight("holes", "b"), sight("size", "c")]
    assert [one.code for one in group(sights, "unmask check x")] == ["size", "holes", "crumbs", "empty"]


def test_a_finding_counts_images_and_names_the_worst() -> None:
    sights = [sight("crumbs", name, amount) for amount, name in enumerate("abcde", start=1)]
    (found,) = group(sights, "unmask check x")
    assert (found.count, found.amount, found.images) == (5, 15, tuple("edcba"))
    assert [file.name for file in found.files] == ["e.tif", "d.tif", "c.tif"]


def test_pages_of_one_file_count_as_images() -> None:
    (found,) = group([Sight("empty", f"s_{n}", Path("s.tif")) for n in range(4)], "unmask check x")
    assert (found.count, found.files) == (4, (Path("s.tif"),) * 3)


def test_remedies_can_be_typed() -> None:
    (found,) = group([sight("crumbs", "a")], "unmask check 'my cells' --objects")
    assert found.remedy == "remove them: unmask check 'my cells' --objects --fix OUT"
    (found,) = group([sight("transposed", "a", remedy="turn it")], "unmask check x")
    assert found.remedy == "turn it; or have a mended copy made: unmask check x --fix OUT"


def test_each_file_gets_its_own_remedy_where_they_differ() -> None:
    sights = [
        sight("unpaired", "a", remedy="rename it", detail="has no mask"),
        sight("unpaired", "b", remedy="draw it"),
    ]
    (found,) = group(sights, "unmask check x")
    assert found.details == ("has no mask; rename it", "; draw it")
    assert found.remedy.endswith("unmask check x --fix OUT")


def test_every_kind_is_said_in_the_same_way() -> None:
    for code, kind in KINDS.items():
        assert not kind.title.endswith("."), code
        assert not kind.effect.endswith("."), code
        assert "{" not in kind.remedy.replace("{check}", ""), code
