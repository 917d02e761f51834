"""source.yaml in a set's folder: what it is, where it came from and on which terms, and what was done to it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from unmask.data.files import write_text
from unmask.errors import FetchError
from unmask.public.catalogue import PublicSet
from unmask.public.checksums import Checked

__all__ = ["SOURCE", "finished", "write_source"]

SOURCE = "source.yaml"


def finished(chosen: PublicSet, out: Path) -> dict[str, Any] | None:
    """What source.yaml says of a set that is there; None where nothing is.

    Raises:
        FetchError: something else is there, or not all of the set any more.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        source = yaml.safe_load((out / SOURCE).read_text(encoding="utf-8"))
        name, files = str(source["name"]), int(source["files"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        problem = "is there already, and not by unmask data"
        raise FetchError(problem, file=out, remedy="choose another --out") from None
    if name != chosen.name:
        raise FetchError(f"holds {name}", file=out, remedy="choose another --out")
    there = _count(out)
    if there < files:
        problem = f"is not whole any more: {files - there} of {files:,} files are missing"
        raise FetchError(problem, file=out, remedy="remove it and type the same command again")
    return dict(source)


def write_source(chosen: PublicSet, checked: Sequence[Checked], rearranged: list[str], folder: Path) -> dict[str, Any]:
    """Writes source.yaml, as the last file of a set.

    Args:
        chosen: the set.
        checked: what its archives were found to be, in their order.
        rearranged: what was done to their files, a sentence each.
        folder: the set's.

    Returns:
        What it says.
    """
    archives = [
        {"url": archive.url, "size": one.size, "sha256": one.sha256, "compared_with": archive.checked}
        for archive, one in zip(chosen.archives, checked, strict=True)
    ]
    source = {
        "name": chosen.name,
        "title": chosen.title,
        "about": chosen.about,
        "licence": chosen.licence,
        "terms": chosen.terms,
        "citation": chosen.citation,
        "homepage": chosen.homepage,
        "fetched": date.today().isoformat(),
        "archives": archives,
        "rearranged": rearranged,
        "files": _count(folder) + 1,
    }
    write_text(folder / SOURCE, yaml.safe_dump(source, sort_keys=False, allow_unicode=True, width=100))
    return source


def _count(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))
